"""Whoever knows the rule by which small counts are hidden learns none from it: many worlds would look the same."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, combinations, pairwise

import pytest
from pydantic import ValidationError
from tests.reference.small import SPLITS, hidden, known_of

from lxbc_graph.settings import Settings

LIMIT = 3
UNDER_WAY = ("judged", "handedOver", "underWay")
OVERDUE = (*UNDER_WAY, "overdue")
RED = (*UNDER_WAY, "red")
OVERDUE_RED = (*OVERDUE, "red")
RECTIFIED = ("judged", "handedOver", "rectified")
CLOSED = (*RECTIFIED, "closed", "answered", "counted")
SATISFIED = (*CLOSED, "satisfied")
SENT_BACK = (*UNDER_WAY, "answered", "counted")
SENT_BACK_SATISFIED = (*SENT_BACK, "satisfied")
REOPENED = (*SENT_BACK, "reopened")
REOPENED_CLOSED = (*CLOSED, "reopened")
ACCEPTED = ("judged",)
"""Kinds of issues, by the counts that they belong to."""

Kinds = tuple[tuple[str, ...], ...]
Vector = tuple[int, ...]
"""How many issues of each kind a unit has."""
World = tuple[Vector, ...]
"""The lowest units."""
Unit = tuple[int, ...]
"""The places in a world of the lowest units that it is made of."""
Shape = Sequence[Sequence[Unit]]
"""Siblings beside siblings, those above before those below."""


def flat(number: int) -> Shape:
    return [[tuple(range(number))], [(place,) for place in range(number)]]


ONE_BELOW: Shape = [[(0, 1)], [(0,), (1,)], [(0,)]]
TWO_LEVELS: Shape = [[(0, 1, 2, 3)], [(0, 1), (2, 3)], [(0,), (1,)], [(2,), (3,)]]


def worlds(units: int, kinds: int, most: int) -> Iterator[World]:
    """All ways to spread up to so many issues, each of one of the kinds, over the units."""
    for bars in combinations(range(most + units * kinds), units * kinds):
        cells = [b - a - 1 for a, b in pairwise((-1, *bars))]
        yield tuple(tuple(cells[place : place + kinds]) for place in range(0, len(cells), kinds))


@cache
def counts(vector: Vector, kinds: Kinds) -> Mapping[str, int]:
    found = {count: 0 for _, told, _ in SPLITS for count in told}
    for number, kind in zip(vector, kinds, strict=True):
        for count in kind:
            found[count] += number
    return found


@cache
def _hides(siblings: tuple[Vector, ...], kinds: Kinds, above: frozenset[str]) -> list[frozenset[str]]:
    """Which counts are hidden of each of the siblings."""
    found = hidden([counts(vector, kinds) for vector in siblings], LIMIT, above)
    return [frozenset(count for count, of in found.items() if of[place]) for place in range(len(siblings))]


def told(world: World, shape: Shape, kinds: Kinds) -> tuple[int | None, ...]:
    """All counts of all units, null where they are hidden."""
    answer: list[int | None] = []
    above = dict.fromkeys(range(len(world)), frozenset[str]())
    for siblings in shape:
        vectors = tuple(total(world, unit) for unit in siblings)
        hiding = _hides(vectors, kinds, above[siblings[0][0]])
        for unit, vector, closed in zip(siblings, vectors, hiding, strict=True):
            above |= dict.fromkeys(unit, closed)
            of = counts(vector, kinds)
            answer += [None if count in closed else of[count] for count in _names(kinds)]
    return tuple(answer)


def total(world: World, unit: Unit) -> Vector:
    if len(unit) == 1:
        return world[unit[0]]
    return tuple(map(sum, zip(*(world[place] for place in unit), strict=True)))


@cache
def _names(kinds: Kinds) -> list[str]:
    return sorted({*chain.from_iterable(kinds)})


@cache
def secrets(vector: Vector, kinds: Kinds) -> Mapping[str, int]:
    """All counts of a unit, and what they leave of one another."""
    of = counts(vector, kinds)
    return {
        known: known_of(of, known)
        for _, told, knowns in SPLITS
        if {*told} & {*_names(kinds)}
        for known in knowns
    }


def worked_out(shape: Shape, kinds: Kinds, most: int) -> Iterator[tuple[World, Unit, str]]:
    """Yield the small counts that are the same in all worlds that look the same."""
    alike: dict[tuple[int | None, ...], list[World]] = defaultdict(list)
    for world in worlds(len(shape[0][0]), len(kinds), most):
        alike[told(world, shape, kinds)].append(world)
    for first, *others in alike.values():
        if sum(map(sum, first)) > most - LIMIT and None in told(first, shape[:1], kinds):
            continue  # there are larger ones
        for unit in chain.from_iterable(shape):
            found = secrets(total(first, unit), kinds).items()
            same = {(known, size) for known, size in found if 0 < size < LIMIT}
            for other in others:
                if not same:
                    break
                same &= secrets(total(other, unit), kinds).items()
            yield from ((first, unit, known) for known, _ in same)


@pytest.mark.parametrize(
    ("shape", "kinds", "most"),
    [
        (flat(2), (UNDER_WAY, RECTIFIED), 14),
        (flat(3), (UNDER_WAY, RECTIFIED), 11),
        (flat(4), (UNDER_WAY, RECTIFIED), 8),
        (TWO_LEVELS, (UNDER_WAY, RECTIFIED), 9),
        (flat(3), (UNDER_WAY, RECTIFIED, CLOSED), 7),
        (flat(3), (UNDER_WAY, SENT_BACK, CLOSED), 7),
        (ONE_BELOW, (UNDER_WAY, SENT_BACK, CLOSED), 13),
        (flat(2), (SENT_BACK, SENT_BACK_SATISFIED, CLOSED, SATISFIED), 7),
        (flat(2), (SENT_BACK, REOPENED, CLOSED, REOPENED_CLOSED), 7),
        (flat(2), (UNDER_WAY, RED, OVERDUE, OVERDUE_RED), 7),
        (flat(3), (ACCEPTED, UNDER_WAY), 8),
    ],
)
def test_no_small_count_is_the_same_in_all_worlds_that_look_the_same(
    shape: Shape, kinds: Kinds, most: int
) -> None:
    assert not next(worked_out(shape, kinds, most), None)


def test_a_limit_that_hides_ones_alone_is_refused() -> None:
    with pytest.raises(ValidationError, match="hides too little"):
        Settings(small_count=2)
    assert [Settings(small_count=limit).small_count for limit in (0, 1, 3)] == [0, 1, 3]
