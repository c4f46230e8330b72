"""When each issue of the demo happens and how far it came: exact shares, in the order of time, without a list of all.

The demo's present is the evening of 30 November 2021. Of 4,730 issues 3,712 are closed, 5 are rectified and wait for
their look-back, 1,013 are under way; other sizes keep the shares. The younger an issue, the likelier it is under way,
so that of those under way some are overdue and some are not.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.words import Complexity, IssueState

ISSUES = 4730
UNDER_WAY = 1013
UNREVISITED = 5
BEGIN = datetime(2021, 7, 1, tzinfo=SHANGHAI).astimezone(UTC)
PRESENT = datetime(2021, 11, 30, 20, tzinfo=SHANGHAI).astimezone(UTC)
_SPAN = 151 * 24 * 3600
"""1 July to 28 November: the last two days are for handing over. Times within are seconds since the beginning."""
_PRESENT = (PRESENT - BEGIN).total_seconds()
_HOUR = 3600
_DAY = 24 * _HOUR


class Slot(NamedTuple):
    """One issue's place in time; a time that is None has not come. Sides are the territory and the department."""

    state: IssueState
    complexity: Complexity
    reported_at: datetime
    judged_at: datetime
    handed_over_at: datetime
    accepted_at: tuple[datetime | None, datetime | None]
    progressed_at: tuple[datetime | None, datetime | None]
    feedback_at: tuple[datetime | None, datetime | None]
    initially_inspected_at: datetime | None = None
    """When the township checked the feedback."""
    sent_back_at: datetime | None = None
    first_rectified_at: datetime | None = None
    first_closed_at: datetime | None = None
    reopened_at: datetime | None = None
    """After which ``rectified_at`` and ``closed_at`` are those of the second time."""
    again_at: datetime | None = None
    """When both sides fed back again."""
    rectified_at: datetime | None = None
    closed_at: datetime | None = None
    urged_at: datetime | None = None
    """This and the following concern the department, and stand between its steps."""
    supervised_at: datetime | None = None
    returned_at: datetime | None = None
    given_at: datetime | None = None
    """When another department was given what the first returned; its steps are those of the second."""
    proposed_at: datetime | None = None
    decided_at: datetime | None = None

    @property
    def plain(self) -> bool:
        """Whether it went through the seven steps to the end, without a detour."""
        detours = (self.initially_inspected_at, self.sent_back_at, self.reopened_at)
        asides = (self.urged_at, self.supervised_at, self.returned_at, self.proposed_at)
        return self.state is IssueState.CLOSED and not any(detours + asides)


def slots(issues: int, random: Random) -> Iterator[Slot]:
    """Yield the slots of so many issues, the first reported first."""
    under_way = round(issues * UNDER_WAY / ISSUES)
    unrevisited = round(issues * UNREVISITED / ISSUES)
    cleared_so_far, cleared = 0, issues - under_way
    for position in range(issues):
        reported = _SPAN * position / issues
        if _falls(position, issues, under_way, power=4):
            yield _under_way(random, reported)
        else:
            revisited = not _falls(cleared_so_far, cleared, unrevisited, power=6)
            cleared_so_far += 1
            yield _cleared(random, reported, revisited=revisited)


def _falls(position: int, of: int, total: int, *, power: int) -> bool:
    """Say whether one of ``total`` marks falls on the position: they grow denser, and exactly ``total`` fall."""

    def before(number: int) -> int:
        return int(total * number**power // of**power)

    return before(position + 1) > before(position)


def _under_way(random: Random, reported: float) -> Slot:
    judged = reported + random.uniform(1, 20) * _HOUR
    handed_over = judged + random.uniform(1, 20) * _HOUR
    left = _PRESENT - handed_over
    old = left > 8 * _DAY
    complexity = Complexity.COMPLEX if random.random() < (0.7 if old else 0.3) else Complexity.GENERAL
    # 0: nobody yet; 1, 2: one side, both have accepted; 3: both progress; 4, 5: one side, both have fed back;
    # 6: and the township has inspected.
    step = random.choice(_OLD_STEPS if old else _STEPS)
    parts = sorted(random.uniform(0.02, 0.9) for _ in range(7))
    moments = [handed_over + left * (part + 0.01 * number) for number, part in enumerate(parts)]

    def once(reached: int, moment: int) -> datetime | None:
        return _by_day(moments[moment]) if step >= reached else None

    accepted = moments[0] if step >= 1 else _PRESENT
    at_work = (moments[1], moments[2]) if step >= 2 else None  # noqa: PLR2004 - as above
    return Slot(
        _STATES.get(step, IssueState.RECTIFYING),
        complexity,
        _by_day(reported),
        _by_day(judged),
        _by_day(handed_over),
        accepted_at=(once(1, 0), once(2, 1)),
        progressed_at=(once(2, 2), once(3, 3)),
        feedback_at=(once(4, 4), once(5, 5)),
        initially_inspected_at=once(6, 6),
        **_asides(random, complexity, (handed_over, accepted), at_work),
    )


_STEPS = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6)
_OLD_STEPS = _STEPS[2:]
_STATES = {0: IssueState.ASSIGNED, 5: IssueState.FEEDBACK, 6: IssueState.FEEDBACK}

_CLEARING = {"rectified_at": (8, 40), "closed_at": (60, 240)}
"""What comes after the feedback: the least and the most hours since the step before."""
_DETOURS: dict[str, dict[str, tuple[int, int]]] = {
    "none": {},
    "sent back": {"sent_back_at": (8, 40), "again_at": (20, 70)},
    "reopened": {
        "first_rectified_at": (8, 40),
        "first_closed_at": (60, 240),
        "reopened_at": (100, 400),
        "again_at": (20, 70),
    },
}
"""What may come before that, in the same measure."""
_DETOUR_WEIGHTS = (92, 98, 100)


def _cleared(random: Random, reported: float, *, revisited: bool) -> Slot:
    complexity = Complexity.COMPLEX if random.random() < 0.25 else Complexity.GENERAL  # noqa: PLR2004
    days = random.uniform(10, 36) if complexity is Complexity.COMPLEX else random.uniform(2.5, 8.5)
    # Hours since the report at which each step would come, if the present left that much time.
    judged = random.uniform(1, 20)
    handed = judged + random.uniform(1, 20)
    hours = [judged, handed, handed + random.uniform(1, 20), handed + random.uniform(20, 26)]
    hours += [handed + days * 24 * part for part in (0.45, 0.5, 0.9, 1.0)]
    (detour,) = random.choices(tuple(_DETOURS.values()), cum_weights=_DETOUR_WEIGHTS)
    steps = {"initially_inspected_at": (4, 20)} if random.random() < 0.3 else {}  # noqa: PLR2004
    steps |= detour | _CLEARING
    for least, most in steps.values():
        hours.append(hours[-1] + random.uniform(least, most))
    scale = min(1.0, ((_PRESENT - reported) / _HOUR - 1) / hours[-1])
    at = [reported]
    for hour in hours:  # where little time is left, minutes must still differ
        at.append(max(reported + hour * scale * _HOUR, at[-1] + 60))
    times = [_by_day(one) for one in at]
    after: dict[str, Any] = dict(zip(steps, times[9:], strict=True))
    if not revisited:
        del after["closed_at"]
    after |= _asides(random, complexity, (at[2], at[3]), (at[4], at[5]))
    return Slot(
        IssueState.CLOSED if revisited else IssueState.RECTIFIED,
        complexity,
        *(times[0], times[1], times[2]),
        accepted_at=(times[3], times[4]),
        progressed_at=(times[5], times[6]),
        feedback_at=(times[7], times[8]),
        **after,
    )


_ASIDES: dict[str, int] = {"none": 88, "urged": 92, "supervised": 96, "returned": 98, "planned": 100}
"""What may happen besides, with cumulative weights."""


def _asides(
    random: Random,
    complexity: Complexity,
    unaccepted: tuple[float, float],
    at_work: tuple[float, float] | None,
) -> dict[str, Any]:
    """Return what happens to the department, if anything: before anybody accepts, or while nobody progresses.

    So that the times of all issues that have the same steps come in the same order.
    """
    (aside,) = random.choices(tuple(_ASIDES), cum_weights=tuple(_ASIDES.values()))
    early, given_at = _between(*unaccepted)
    if aside == "urged":
        return {"urged_at": early}
    if aside == "returned":  # where the department has not accepted yet, the office has not decided
        return {"returned_at": early, "given_at": given_at if at_work else None}
    if at_work is None:
        return {}
    late, decided_at = _between(*at_work)
    if aside == "supervised":
        return {"supervised_at": late}
    if aside == "planned" and complexity is Complexity.COMPLEX:
        return {"proposed_at": late, "decided_at": decided_at}
    return {}


def _between(earlier: float, later: float) -> tuple[datetime, datetime]:
    third = (later - earlier) / 3
    return _by_day(earlier + third), _by_day(earlier + 2 * third)


def _by_day(seconds: float) -> datetime:
    """Move a time into the waking half of its day in Shanghai, 8:00 to 20:00, keeping the order of all times."""
    day, second = divmod(int(seconds), _DAY)
    return BEGIN + timedelta(day, 8 * _HOUR + second // 2)
