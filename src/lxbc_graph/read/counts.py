"""Counts of issues by filters, all in one pass over the issues."""

from collections.abc import Mapping

from lxbc_graph.domain.metrics import Filter

from .arguments import Argument, Value
from .catalogue import Entity
from .filters import write_filter
from .sql import Parameters, all_of


class Counts:
    """Counts over the issues at one alias, each once: column ``n0`` and so on."""

    def __init__(self, parameters: Parameters, issue: Entity, alias: str) -> None:
        self._parameters = parameters
        self._issue = issue
        self._alias = alias
        self._terms: list[list[str]] = []

    def __len__(self) -> int:
        return len(self._terms)

    def place(self, filter_: Mapping[str, Argument], *more: str) -> int:
        """Return the number of the column that counts what the filter, and more predicates, keep."""
        terms = [*write_filter(self._parameters, self._issue, filter_, self._alias), *more]
        if terms not in self._terms:
            self._terms.append(terms)
        return self._terms.index(terms)

    def select(self, where: list[str], by: str = "") -> str:
        """Return the one pass that counts them all, for each group of ``by``; what all counts ask is asked first."""
        shared = [term for term in self._terms[0] if all(term in terms for terms in self._terms)]
        columns = [
            f"count(*) filter (where {all_of([term for term in terms if term not in shared])}) as n{place}"
            for place, terms in enumerate(self._terms)
        ]
        select = f"select {', '.join([by] * bool(by) + columns)} from issue {self._alias}"
        return f"{select} where {all_of([*where, *shared])}" + f" group by {by}" * bool(by)


def constants(filter_: Filter) -> dict[str, Argument]:
    """Return a filter of the domain as arguments."""
    return {
        name: _CONSTANTS.setdefault((name, str(value)), _constant(value)) for name, value in filter_.items()
    }


def _constant(value: object) -> Value:
    return Value(value, lambda _: value)


_CONSTANTS: dict[tuple[str, str], Value] = {}
"""The same constant is the same value, so that it becomes one parameter."""
