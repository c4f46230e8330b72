"""Small counts: what is told of figures to who may count issues but not read them (docs/adr/0018).

A count of at least one and less than the limit is small. Siblings are the units below the same one, and what stands
in none of them. As soon as one sibling's count is small, all of theirs below the limit are hidden, zero too, and so
is the least of the others; and what lies below a hidden one is hidden. So whoever subtracts what is told from what is
told above it is left with a sum of several. The same is asked of what a count leaves of that which it is a part of.

It is worked out from all units with issues that the viewer may count, whatever was asked: in common table expressions
before the statement, which is still one. What the viewer may read it could count for itself: only the rest counts.
"""

from lxbc_graph.domain.metrics import Difference, Filter, exposed
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import NOTHING
from lxbc_graph.store.tables import ANCESTORS

from .catalogue import Entity
from .counts import Counts, constants
from .sql import Parameters

_PATH = ", ".join(ANCESTORS)
_PLACES = ", ".join(
    f"({unit}, {above})" for unit, above in zip(ANCESTORS, ("null::bigint", *ANCESTORS), strict=False)
)
"""What an issue counts for: each unit on its path, as one of those below the one above; null for none of them."""


class SmallCounts:
    """The counts of all units for one statement, and which of them are hidden."""

    def __init__(self, parameters: Parameters, issue: Entity, limit: int) -> None:
        self._limit = limit
        alias = parameters.alias()
        self._counted = parameters.rows(issue.rows, Action.METRICS_READ, alias)
        self._by = ", ".join(f"{alias}.{column}" for column in ANCESTORS)
        read = parameters.visible(issue, alias)
        self._secret = () if read == NOTHING else (f"({read}) is not true",)
        self._counts = Counts(parameters, issue, alias)
        self._differences: list[str] = []
        self._told: list[tuple[int, tuple[int, ...]]] = []
        parameters.precede(self._tables)

    def of(self, filter_: Filter, unit: str) -> str:
        """Return how many issues of the unit the filter keeps, as read from ``rows``; null where that is hidden."""
        asked = (self._counts.place(constants(filter_)), tuple(map(self._place, exposed(filter_))))
        if asked not in self._told:
            self._told.append(asked)
        return f"(figure.n{self._told.index(asked)} * (figure.unit_id = {unit}.id)::int)"

    def rows(self, unit: str) -> str:
        """Return the row to read the counts of the unit from: that of the nearest above it where it has none."""
        path = ", ".join(f"{unit}.{column}" for column in ANCESTORS)
        return f"(select * from figure where unit_id in ({path}) order by depth desc limit 1) figure"

    def _place(self, difference: Difference) -> int:
        whole, parts = difference
        counts = (f"n{self._counts.place(constants(one), *self._secret)}" for one in (whole, *parts))
        text = " - ".join(counts)
        if text not in self._differences:
            self._differences.append(text)
        return self._differences.index(text)

    def _tables(self) -> str:
        """Write ``figure``: of each unit what is told, or null; one without a row is empty, as is the one above."""
        numbers = [f"n{place}" for place in range(len(self._counts))]
        sums = ", ".join(f"sum({number})::bigint as {number}" for number in numbers)
        zeros = ", ".join(f"coalesce({number}, 0) as {number}" for number in numbers)
        hidden = ", ".join(f"{self._hides(text)} as h{place}" for place, text in enumerate(self._differences))
        above = ANCESTORS[:-1]
        joins = "".join(f" left join figure_flag {one} on {one}.unit_id = own.{one}" for one in above)
        told = ", ".join(f"{self._tells(*asked)} as n{place}" for place, asked in enumerate(self._told))
        return (
            f"figure_count as materialized (select place.unit_id, place.parent_id, {sums}"
            f" from ({self._counts.select([self._counted], self._by)}) counted"
            f" cross join lateral (values {_PLACES}) place(unit_id, parent_id)"
            " where place.unit_id is not null or place.parent_id is not null group by 1, 2)"
            f", figure_cell as (select id as unit_id, unit.parent_id, {_PATH}, {zeros}"
            " from unit left join figure_count on unit_id = id where unit.parent_id is null"
            " or unit.parent_id in (select unit_id from figure_count where unit_id is not null)"
            f" union all select unit_id, parent_id{', null' * len(ANCESTORS)}, {', '.join(numbers)}"
            " from figure_count where unit_id is null)"
            f", figure_flag as materialized (select *, {hidden}"
            " from figure_cell window siblings as (partition by parent_id))"
            f", figure as materialized (select own.unit_id, {told},"
            f" num_nonnulls({', '.join(f'own.{column}' for column in ANCESTORS)}) as depth"
            f" from figure_flag own{joins} where own.unit_id is not null)"
        )

    def _tells(self, number: int, hiding: tuple[int, ...]) -> str:
        flags = (
            f"({' or '.join(f'{row}.h{place}' for place in hiding)}) is true"
            for row in ("own", *ANCESTORS[:-1])
        )
        return f"case when {' or '.join(flags)} then null else own.n{number} end"

    def _hides(self, count: str) -> str:
        small = f"bool_or({count} > 0 and {count} < {self._limit}) over siblings"
        order = f"order by {count}, unit_id nulls first"
        least = f"row_number() over (partition by parent_id, {count} >= {self._limit} {order}) = 1"
        return f"{small} and ({count} < {self._limit} or {least})"
