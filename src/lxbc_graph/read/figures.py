"""Metrics as SQL: every figure that was asked of a unit, counted in one pass over its issues."""

from collections.abc import Callable, Mapping

import orjson
from graphql import GraphQLError

from lxbc_graph.domain.metrics import METRICS, Filter, Metric
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import NOTHING

from .arguments import Argument, values
from .catalogue import Entity
from .counts import Counts, constants
from .planner import Figures
from .small_counts import SmallCounts
from .sql import NULL, Literal, Parameters, Pieces, Request, concatenate, write_object


def write_figures(
    parameters: Parameters,
    item: Figures,
    issue: Entity,
    level_column: str,
    unit: str,
    small_counts: Callable[[], SmallCounts] | None,
) -> str:
    """Return the SQL of the metrics of the unit at alias ``unit``; null where the viewer may count nothing.

    Small counts are hidden where ``small_counts`` is given: of a viewer who may count what it may not read.
    """
    alias = parameters.alias()
    visible = parameters.rows(issue.rows, Action.METRICS_READ, alias)
    if visible == NOTHING:
        return NULL
    given = {name: argument for name, argument in item.given.items() if argument != {}}
    if small_counts is not None:
        if given:
            raise GraphQLError(
                "You are told figures as they are now: of two periods or moments the difference may be small.",
                extensions={
                    "code": "FORBIDDEN",
                    "messageZh": "只提供当前数据：不同时段或时点相减可能得出过小的数。",
                },
            )
        return _hiding(parameters, item, unit, small_counts)
    counts = Counts(parameters, issue, alias)

    def count(_: Filter, filter_: Mapping[str, Argument]) -> str:
        return f"counted.n{counts.place(filter_)}"

    answer = _written(parameters, item, given, unit, count)
    where = [f"{alias}.{level_column} = {unit}.id", visible]
    return f"(select {answer} from ({counts.select(where)}) counted)" if counts else f"({answer})"


def _hiding(parameters: Parameters, item: Figures, unit: str, small_counts: Callable[[], SmallCounts]) -> str:
    rows = ""

    def count(filter_: Filter, _: Mapping[str, Argument]) -> str:
        nonlocal rows
        counts = small_counts()
        rows = f" from {counts.rows(unit)}"
        return counts.of(filter_, unit)

    answer = _written(parameters, item, {}, unit, count, hides=True)
    return f"(select {answer}{rows})"


_CountOf = Callable[[Filter, Mapping[str, Argument]], str]
"""The count of the issues that a filter keeps: by itself, and together with what was given."""


def _written(
    parameters: Parameters,
    item: Figures,
    given: Mapping[str, Argument],
    unit: str,
    count: _CountOf,
    *,
    hides: bool = False,
) -> str:
    figures: list[tuple[str, Pieces]] = []
    for key, name, fields in item.metrics:
        if name == "__typename":
            figures.append((key, [Literal('"UnitMetrics"')]))
            continue
        figure = _Figure(parameters, METRICS[name], given, unit, count, hides=hides)
        figures.append((key, write_object((k, figure.write(field)) for k, field in fields)))
    return concatenate(write_object(figures))


class _Figure:
    """One metric of one unit while it is written."""

    def __init__(
        self,
        parameters: Parameters,
        metric: Metric,
        given: Mapping[str, Argument],
        unit: str,
        count: _CountOf,
        *,
        hides: bool,
    ) -> None:
        self._hides = hides
        self._parameters = parameters
        self._metric = metric
        self._unit = unit
        self._count = count
        fields = {"period": metric.period} if metric.present else {"period": metric.period, "asOf": "asOf"}
        of = {fields[name]: given[name] for name in fields if name in given}
        self._numerator = {**of, **constants(metric.numerator)}
        self._denominator = {**of, **constants(metric.denominator)}

    def write(self, field: str) -> Pieces:
        match field:
            case "numerator":
                return self._told(self._part())
            case "denominator":
                return self._told(self._whole())
            case "rate":
                return [f"coalesce(({self._ratio('float8')})::text, {NULL})"]
            case "percent":
                return [f"coalesce(round(100 * {self._ratio('numeric')}, 1)::text, {NULL})"]
            case "suppressed":
                if not self._hides:
                    return [Literal("false")]
                return [f"case when {self._part()} + {self._whole()} is null then 'true' else 'false' end"]
            case "filter":
                return self._reproduced(self._denominator)
            case "numeratorFilter":
                return self._reproduced(self._numerator)
        return [Literal('"Metric"')]

    def _part(self) -> str:
        return self._count(self._metric.numerator, self._numerator)

    def _whole(self) -> str:
        return self._count(self._metric.denominator, self._denominator)

    def _told(self, count: str) -> Pieces:
        return [f"coalesce({count}::text, {NULL})" if self._hides else f"{count}::text"]

    def _ratio(self, type_: str) -> str:
        return f"{self._part()}::{type_} / nullif({self._whole()}, 0)"

    def _reproduced(self, filter_: Mapping[str, Argument]) -> Pieces:
        """Write the ``IssueFilter`` that lists what was counted."""

        def rest(request: Request) -> str:
            return orjson.dumps(values(filter_, request.variables)).decode()[1:]

        text = self._parameters.bind(self._parameters.of(filter_, "reproduced"), rest, "text")
        return [Literal('{"unit":'), f"to_json({self._unit}.code)::text", Literal(","), text]
