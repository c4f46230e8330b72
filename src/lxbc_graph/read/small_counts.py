"""Small counts: what is told of figures to who may count issues but not read them (docs/adr/0018).

A count of at least one and less than the limit is small. Siblings are the units below the same one, and what stands
in none of them, in the order of how many issues were handed over. Counts that are told together are hidden in the
last one that gives something away, and in all before it. One does in which one of them, or what it leaves of another
that is told there, is small; or where what those before it have together is. So the siblings in which a count is
hidden have several together, or none, and whoever knows the rule learns only that something is small in the last.

Of how many were handed over that order is not known; it is its own, and there the first that is not small gives away
those before it. Siblings with as many are hidden alike. What lies below a hidden unit is hidden.

It is worked out from all units with issues that the viewer may count, whatever was asked: in common table expressions
before the statement, which is still one. What the viewer may read it could count for itself: only the rest counts.
"""

from lxbc_graph.domain.metrics import HANDED_OVER, Difference, Filter, Split, split_of
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
        self._splits: list[Split] = []
        self._told: list[tuple[int, int]] = []
        parameters.precede(self._tables)

    def of(self, filter_: Filter, unit: str) -> str:
        """Return how many issues of the unit the filter keeps, as read from ``rows``; null where that is hidden."""
        asked = (self._counts.place(constants(filter_)), self._place(filter_))
        if asked not in self._told:
            self._told.append(asked)
        return f"(figure.n{self._told.index(asked)} * (figure.unit_id = {unit}.id)::int)"

    def rows(self, unit: str) -> str:
        """Return the row to read the counts of the unit from: that of the nearest above it where it has none."""
        path = ", ".join(f"{unit}.{column}" for column in ANCESTORS)
        return f"(select * from figure where unit_id in ({path}) order by depth desc limit 1) figure"

    def _place(self, filter_: Filter) -> int:
        """Return the number of the split that tells the count; those before it come before it."""
        split = split_of(filter_)
        if split not in self._splits:
            for known in split.known:
                self._text(known)
                for before in split.before(known):
                    self._place(before)
            self._splits.append(split)
        return self._splits.index(split)

    def _text(self, difference: Difference) -> str:
        whole, parts = difference
        return " - ".join(f"n{self._counts.place(constants(one), *self._secret)}" for one in (whole, *parts))

    def _tables(self) -> str:
        """Write ``figure``: of each unit what is told, or null; one without a row is empty, as is the one above."""
        numbers = self._numbers()
        sums = ", ".join(f"sum({number})::bigint as {number}" for number in numbers)
        zeros = ", ".join(f"coalesce({number}, 0) as {number}" for number in numbers)
        hiding = "".join(map(self._hides, range(len(self._splits))))
        told = ", ".join(
            f"case when h{split} then null else n{number} end as n{place}"
            for place, (number, split) in enumerate(self._told)
        )
        return (
            f"figure_count as materialized (select place.unit_id, place.parent_id, {sums}"
            f" from ({self._counts.select([self._counted], self._by)}) counted"
            f" cross join lateral (values {_PLACES}) place(unit_id, parent_id)"
            " where place.unit_id is not null or place.parent_id is not null group by 1, 2)"
            f", figure_0 as (select id as unit_id, unit.parent_id, {_PATH}, {zeros}"
            " from unit left join figure_count on unit_id = id where unit.parent_id is null"
            " or unit.parent_id in (select unit_id from figure_count where unit_id is not null)"
            f" union all select unit_id, id, {_PATH}, {', '.join(numbers)}"
            " from figure_count join unit on id = figure_count.parent_id where unit_id is null)"
            f"{hiding}, figure as materialized (select unit_id, {told}, num_nonnulls({_PATH}) as depth"
            f" from figure_{len(self._splits)} where unit_id is not null)"
        )

    def _numbers(self) -> list[str]:
        return [f"n{place}" for place in range(len(self._counts))]

    def _hides(self, place: int) -> str:
        """Write which siblings a split is hidden in: those that come no later than one that gives something away."""
        split = self._splits[place]
        alone = len(split.known) == 1
        siblings = (
            f"partition by parent_id order by {self._text(split.known[0] if alone else (HANDED_OVER, ()))}"
        )
        before = f"({siblings} range between unbounded preceding and 1 preceding)"
        small = f"between 1 and {self._limit - 1}"
        signs = []
        for known in split.known:
            count = self._text(known)
            sign = f"({count} {small} or {'max' if alone else 'sum'}({count}) over {before} {small})"
            hidden = "".join(f" and not h{self._place(one)}" for one in split.before(known))
            signs.append(sign + hidden)
        above = "".join(
            f" left join figure_own_{place} {one} on {one}.unit_id = own.{one}" for one in ANCESTORS[:-1]
        )
        hides = " or ".join(
            [f"{row}.own is true" for row in ("own", *ANCESTORS[:-1])]
            + [f"own.h{self._place(whole)}" for whole in (split.whole,) if whole is not None]
        )
        kept = ("unit_id", "parent_id", *ANCESTORS, *self._numbers(), *(f"h{one}" for one in range(place)))
        columns = ", ".join(f"own.{one}" for one in kept)
        return (
            f", figure_own_{place} as materialized (select *, bool_or(sign) over"
            f" ({siblings} range between current row and unbounded following) as own"
            f" from (select *, {' or '.join(signs)} as sign from figure_{place}) figure_{place})"
            f", figure_{place + 1} as (select {columns}, {hides} as h{place} from figure_own_{place} own{above})"
        )
