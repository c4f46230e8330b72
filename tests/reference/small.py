"""Which small counts are hidden from who may count issues and not read them, unit by unit, from the top."""

from collections.abc import Collection, Mapping, Sequence

from .rows import Row, ancestors

SPLITS: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("", ("handedOver",), ("handedOver",)),
    ("handedOver", ("judged",), ("judged-handedOver",)),
    ("handedOver", ("rectified", "underWay"), ("rectified", "underWay", "handedOver-rectified-underWay")),
    ("rectified", ("closed",), ("closed", "rectified-closed")),
    ("underWay", ("overdue",), ("overdue", "underWay-overdue")),
    ("handedOver", ("answered",), ("answered", "handedOver-answered", "answered-closed")),
    ("answered", ("counted", "excluded"), ("counted", "excluded", "answered-counted-excluded")),
    ("counted", ("satisfied",), ("satisfied", "counted-satisfied")),
    ("handedOver", ("reopened",), ("reopened", "handedOver-reopened", "answered-reopened")),
    (
        *("handedOver", ("amber", "red")),
        (
            *("amber", "red", "handedOver-amber-red"),
            *("handedOver-closed-amber-red", "underWay-amber-red", "overdue-red"),
        ),
    ),
]
"""A count, the parts of it that are hidden together, and what one knows who is told them and the counts before."""

METRICS = {
    "rectificationRate": ("rectified", "handedOver"),
    "underWay": ("underWay", "handedOver"),
    "effectivelySolved": ("closed", "handedOver"),
    "handOverRate": ("handedOver", "judged"),
    "overdue": ("overdue", "handedOver"),
    "satisfied": ("satisfied", "counted"),
    "excluded": ("excluded", "answered"),
    "amber": ("amber", "handedOver"),
    "red": ("red", "handedOver"),
    "reopenedRate": ("reopened", "handedOver"),
}


def hidden(
    siblings: Sequence[Mapping[str, int]], limit: int, above: Collection[str] = ()
) -> dict[str, list[bool]]:
    """Say of each count in which of the siblings, given by their counts, it is hidden; ``above`` are above them."""
    found: dict[str, list[bool]] = {}
    for whole, told, knowns in SPLITS:
        if len(knowns) == 1:
            order = [known_of(sibling, knowns[0]) for sibling in siblings]
            least = min((size for size in order if size >= limit), default=max(order))
            most = least if any(0 < size < limit for size in order) else -1
        else:
            order = [sibling["handedOver"] for sibling in siblings]
            most = -1
            for known in knowns:
                sizes = [known_of(sibling, known) for sibling in siblings]
                before = [count for count in known.split("-") if count not in told]
                for place, n in enumerate(order):
                    less = sum(size for size, m in zip(sizes, order, strict=True) if m < n)
                    small = 0 < sizes[place] < limit or 0 < less < limit
                    if small and not any(found[count][place] for count in before):
                        most = max(most, n)
        hides = [n <= most for n in order]
        for count in told:
            found[count] = [
                one or of_whole or count in above
                for one, of_whole in zip(hides, found.get(whole, hides), strict=True)
            ]
    return found


def known_of(counts: Mapping[str, int], known: str) -> int:
    """Return a count, or what it leaves of another."""
    whole, *parts = known.split("-")
    return counts[whole] - sum(counts[part] for part in parts)


class Small:
    """Decides for one viewer; ``kept`` are the issues that it may not read, by the counts that they belong to."""

    def __init__(self, units: Sequence[Row], kept: Mapping[str, Sequence[Row]], limit: int) -> None:
        self._units = {row["id"]: row for row in units}
        self._kept = kept
        self._limit = limit
        self._sizes: dict[int, dict[str, int]] = {}
        self._known: dict[int, Collection[str]] = {}

    def hides(self, unit: Row, count: str) -> bool:
        """Say whether the count of the unit is hidden."""
        return count in self._hidden(unit)

    def _hidden(self, unit: Row) -> Collection[str]:
        if unit["id"] not in self._known:
            parent = self._units.get(unit["parent_id"])
            children = [row for row in self._units.values() if row["parent_id"] == unit["parent_id"]]
            siblings = [self._counts(child) for child in children]
            if parent is not None:
                siblings.append(
                    {
                        count: size - sum(sibling[count] for sibling in siblings)
                        for count, size in self._counts(parent).items()
                    }
                )
            above = self._hidden(parent) if parent is not None else ()
            flags = hidden(siblings, self._limit, above)
            for place, child in enumerate(children):
                self._known[child["id"]] = {count for count, of in flags.items() if of[place]}
        return self._known[unit["id"]]

    def _counts(self, unit: Row) -> dict[str, int]:
        id_ = unit["id"]
        if id_ not in self._sizes:
            self._sizes[id_] = {
                count: sum(id_ in ancestors(issue) for issue in issues)
                for count, issues in self._kept.items()
            }
        return self._sizes[id_]
