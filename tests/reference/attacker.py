"""What somebody can work out who collects every figure and subtracts: bounds of counts, and what others tell."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from math import inf

Unknown = Hashable
Sum = tuple[Unknown, Sequence[Unknown]]
"""A whole, and what it is the sum of."""

_PRIME = 2**61 - 1


class Attacker:
    """Knows some counts, that sums hold, and that no count is negative."""

    def __init__(self, known: Mapping[Unknown, int], sums: Sequence[Sum]) -> None:
        self._sums = sums
        self._bounds: dict[Unknown, tuple[float, float]] = {
            one: (0, inf) for whole, parts in sums for one in (whole, *parts)
        }
        self._bounds |= {one: (value, value) for one, value in known.items()}
        while self._narrowed():
            pass
        self._pinned = set(self._by_subtracting(known))

    def knows(self, unknown: Unknown) -> bool:
        """Say whether the count can be told exactly."""
        least, most = self._bounds[unknown]
        return least == most or unknown in self._pinned

    def _narrowed(self) -> bool:
        before = dict(self._bounds)
        for whole, parts in self._sums:
            least, most = (sum(self._bounds[part][side] for part in parts) for side in (0, 1))
            self._narrow(whole, least, most)
            low, high = self._bounds[whole]
            for part in parts:
                others_least = sum(self._bounds[other][0] for other in parts if other != part)
                others_most = sum(self._bounds[other][1] for other in parts if other != part)
                self._narrow(part, low - others_most, high - others_least)
        return before != self._bounds

    def _narrow(self, unknown: Unknown, least: float, most: float) -> None:
        low, high = self._bounds[unknown]
        self._bounds[unknown] = (max(low, least), min(high, most))
        assert self._bounds[unknown][0] <= self._bounds[unknown][1], unknown

    def _by_subtracting(self, known: Mapping[Unknown, int]) -> Iterator[Unknown]:
        """Solve the sums as linear equations; yield what has one solution."""
        solved: dict[Unknown, dict[Unknown, int]] = {}
        for whole, parts in self._sums:
            row = _row(((whole, 1), *((part, -1) for part in parts)), known)
            for pivot in [one for one in row if one in solved]:
                if pivot in row:
                    _add(row, solved[pivot], -row[pivot])
            if not row:
                continue
            pivot = next(iter(row))
            inverse = pow(row[pivot], -1, _PRIME)
            row = {one: factor * inverse % _PRIME for one, factor in row.items()}
            for other in solved.values():
                if pivot in other:
                    _add(other, row, -other[pivot])
            solved[pivot] = row
        yield from (pivot for pivot, row in solved.items() if len(row) == 1)


def _row(terms: Iterable[tuple[Unknown, int]], known: Mapping[Unknown, int]) -> dict[Unknown, int]:
    row: dict[Unknown, int] = {}
    for one, factor in terms:
        if one not in known:
            _add(row, {one: 1}, factor)
    return row


def _add(row: dict[Unknown, int], other: Mapping[Unknown, int], factor: int) -> None:
    for one, value in other.items():
        row[one] = (row.get(one, 0) + factor * value) % _PRIME
        if not row[one]:
            del row[one]
