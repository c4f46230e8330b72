"""Which small counts are hidden from who may count issues and not read them, unit by unit, from the top."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .rows import PATH, Row, ancestors

BARE = {
    "handedOver": ["handedOver"],
    "judged": ["handedOver", "judged", "judged-handedOver"],
    "rectified": ["handedOver", "rectified", "underWay", "handedOver-rectified-underWay"],
    "answered": ["handedOver", "answered", "handedOver-answered", "answered-closed"],
    "amber": [
        *("handedOver", "amber", "red", "handedOver-amber-red"),
        *("handedOver-closed-amber-red", "underWay-amber-red", "overdue-red"),
    ],
    "reopened": ["handedOver", "reopened", "handedOver-reopened", "answered-reopened"],
}
TOLD: Mapping[str, Sequence[str]] = {
    **BARE,
    "underWay": BARE["rectified"],
    "closed": [*BARE["rectified"], "closed", "rectified-closed"],
    "overdue": [*BARE["rectified"], "overdue", "underWay-overdue"],
    "counted": [*BARE["answered"], "counted", "excluded", "answered-counted-excluded"],
    "excluded": [*BARE["answered"], "counted", "excluded", "answered-counted-excluded"],
    "satisfied": [
        *BARE["answered"],
        *("counted", "excluded", "answered-counted-excluded"),
        *("satisfied", "counted-satisfied"),
    ],
    "red": BARE["amber"],
}
"""Each count, and what one knows with it: counts, and what counts leave of others, none of which may be small."""

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


class Small:
    """Decides for one viewer; ``kept`` are the issues that it may not read, by the counts that they belong to."""

    def __init__(self, units: Sequence[Row], kept: Mapping[str, Sequence[Row]], limit: int) -> None:
        self._units = {row["id"]: row for row in units}
        self._kept = kept
        self._limit = limit
        self._sizes: dict[tuple[int, str], int] = {}

    def hides(self, unit: Row, count: str) -> bool:
        """Say whether the count of the unit is hidden."""
        path = [self._units[unit[column]] for column in PATH if unit[column] is not None]
        return any(
            self._small(self._of(path[0], known))
            or any(self._withheld(above, below, known) for above, below in pairwise(path))
            for known in TOLD[count]
        )

    def _withheld(self, parent: Row, unit: Row, known: str) -> bool:
        children = [row for row in self._units.values() if row["parent_id"] == parent["id"]]
        sizes = {row["id"]: self._of(row, known) for row in children}
        sizes[0] = self._of(parent, known) - sum(sizes.values())  # what stands in none of them
        if not any(self._small(size) for size in sizes.values()):
            return False
        large = [(size, id_) for id_, size in sizes.items() if size >= self._limit]
        return sizes[unit["id"]] < self._limit or unit["id"] == min(large)[1]

    def _of(self, unit: Row, known: str) -> int:
        whole, *parts = (self._size(unit["id"], count) for count in known.split("-"))
        return whole - sum(parts)

    def _size(self, unit_id: int, count: str) -> int:
        if (unit_id, count) not in self._sizes:
            self._sizes[unit_id, count] = sum(unit_id in ancestors(issue) for issue in self._kept[count])
        return self._sizes[unit_id, count]

    def _small(self, size: int) -> bool:
        return 0 < size < self._limit
