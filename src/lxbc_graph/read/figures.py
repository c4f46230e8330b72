"""Metrics as SQL: every figure that was asked of a unit, counted in one pass over its issues."""

from collections.abc import Mapping

import orjson

from lxbc_graph.domain.metrics import METRICS, Filter, Metric
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import NOTHING

from .arguments import Argument, Value, values
from .catalogue import Entity
from .filters import write_filter
from .planner import Figures
from .sql import NULL, Literal, Parameters, Pieces, Request, all_of, concatenate, write_object


def write_figures(parameters: Parameters, item: Figures, issue: Entity, level_column: str, unit: str) -> str:
    """Return the SQL of the metrics of the unit at alias ``unit``; null where the viewer may count nothing."""
    alias = parameters.alias()
    visible = parameters.rows(issue.rows, Action.METRICS_READ, alias)
    if visible == NOTHING:
        return NULL
    counts = _Counts(parameters, issue, alias)
    figures: list[tuple[str, Pieces]] = []
    for key, name, fields in item.metrics:
        if name == "__typename":
            figures.append((key, [Literal('"UnitMetrics"')]))
            continue
        figure = _Figure(parameters, counts, METRICS[name], item.given, unit)
        figures.append((key, write_object((k, figure.write(field)) for k, field in fields)))
    answer = concatenate(write_object(figures))
    where = [f"{alias}.{level_column} = {unit}.id", visible]
    return f"(select {answer} from ({counts.select(where)}) counted)" if counts else f"({answer})"


class _Counts:
    """The counts that the figures are made of, each once."""

    def __init__(self, parameters: Parameters, issue: Entity, alias: str) -> None:
        self._parameters = parameters
        self._issue = issue
        self._alias = alias
        self._terms: list[list[str]] = []

    def __bool__(self) -> bool:
        return bool(self._terms)

    def of(self, filter_: Mapping[str, Argument]) -> str:
        """Return the SQL of how many issues the filter keeps."""
        terms = write_filter(self._parameters, self._issue, filter_, self._alias)
        if terms not in self._terms:
            self._terms.append(terms)
        return f"counted.n{self._terms.index(terms)}"

    def select(self, where: list[str]) -> str:
        """Return the one pass over the issues that counts them all; what all counts ask is asked first."""
        shared = [term for term in self._terms[0] if all(term in terms for terms in self._terms)]
        columns = [
            f"count(*) filter (where {all_of([term for term in terms if term not in shared])}) as n{place}"
            for place, terms in enumerate(self._terms)
        ]
        return f"select {', '.join(columns)} from issue {self._alias} where {all_of([*where, *shared])}"


class _Figure:
    """One metric of one unit while it is written."""

    def __init__(
        self,
        parameters: Parameters,
        counts: _Counts,
        metric: Metric,
        given: Mapping[str, Argument],
        unit: str,
    ) -> None:
        self._parameters = parameters
        self._counts = counts
        self._unit = unit
        fields = {"period": metric.period} if metric.present else {"period": metric.period, "asOf": "asOf"}
        of = {fields[name]: given[name] for name in fields if given.get(name, {}) != {}}
        self._numerator = {**of, **_constants(metric.numerator)}
        self._denominator = {**of, **_constants(metric.denominator)}

    def write(self, field: str) -> Pieces:
        match field:
            case "numerator":
                return [f"{self._counts.of(self._numerator)}::text"]
            case "denominator":
                return [f"{self._counts.of(self._denominator)}::text"]
            case "rate":
                return [f"coalesce(({self._ratio('float8')})::text, {NULL})"]
            case "percent":
                return [f"coalesce(round(100 * {self._ratio('numeric')}, 1)::text, {NULL})"]
            case "filter":
                return self._reproduced(self._denominator)
            case "numeratorFilter":
                return self._reproduced(self._numerator)
        return [Literal('"Metric"')]

    def _ratio(self, type_: str) -> str:
        numerator, denominator = self._counts.of(self._numerator), self._counts.of(self._denominator)
        return f"{numerator}::{type_} / nullif({denominator}, 0)"

    def _reproduced(self, filter_: Mapping[str, Argument]) -> Pieces:
        """Write the ``IssueFilter`` that lists what was counted."""

        def rest(request: Request) -> str:
            return orjson.dumps(values(filter_, request.variables)).decode()[1:]

        text = self._parameters.bind(self._parameters.of(filter_, "reproduced"), rest, "text")
        return [Literal('{"unit":'), f"to_json({self._unit}.code)::text", Literal(","), text]


def _constants(filter_: Filter) -> dict[str, Argument]:
    return {
        name: _CONSTANTS.setdefault((name, str(value)), _constant(value)) for name, value in filter_.items()
    }


def _constant(value: object) -> Value:
    return Value(value, lambda _: value)


_CONSTANTS: dict[tuple[str, str], Value] = {}
"""The same constant is the same value, so that it becomes one parameter."""
