"""The clocks of 13710 (DOMAIN 5): when each is due, and which of them run; times are UTC, days those of Shanghai."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from lxbc_graph.domain.deadlines import (
    Calendar,
    days_after,
    end_of_day,
    months_after,
    shanghai_date,
)
from lxbc_graph.domain.rules import Rule
from lxbc_graph.domain.words import AssignmentState, ClockKind, Complexity, IssueState

from .facts import AssignmentFacts, IssueFacts, awaited

# Not in feedback: a party that it did not wait for can do nothing there, and no clock runs that nobody can stop.
_WITH_PARTIES = frozenset({IssueState.ASSIGNED, IssueState.RECTIFYING})
_WORKED_ON = frozenset({AssignmentState.PENDING, AssignmentState.ACCEPTED})


class Dues(NamedTuple):
    """When the clocks of an assignment are due that was handed over; field names are columns of ``assignment``."""

    arrange_due_at: datetime
    progress_due_at: datetime
    solve_due_at: datetime
    track_due_at: datetime


def started(rule: Rule, complexity: Complexity, at: datetime, calendar: Calendar) -> Dues:
    """Return the dues of what is handed over at ``at``."""
    return Dues(
        in_days(rule, at, rule.arrange_days, calendar),
        in_days(rule, at, rule.progress_days, calendar),
        solve_due(rule, complexity, at, calendar),
        track_due(rule, at, calendar),
    )


def in_days(rule: Rule, at: datetime, days: int, calendar: Calendar) -> datetime:
    """Return the end of the day so many days, of the kind that the rule counts, after ``at``."""
    return end_of_day(days_after(shanghai_date(at), days, rule.days, calendar))


def solve_due(rule: Rule, complexity: Complexity, at: datetime, calendar: Calendar) -> datetime:
    """Return by when what is handed over at ``at`` must be solved."""
    if complexity is Complexity.GENERAL:
        return in_days(rule, at, rule.general_days, calendar)
    return _in_months(rule, at, rule.complex_months, calendar)


def track_due(rule: Rule, at: datetime, calendar: Calendar) -> datetime:
    """Return by when the next report is wanted after one at ``at``."""
    return _in_months(rule, at, rule.track_months, calendar)


def _in_months(rule: Rule, at: datetime, months: int, calendar: Calendar) -> datetime:
    return end_of_day(months_after(shanghai_date(at), months, rule.days, calendar))


def issue_due(assignments: tuple[AssignmentFacts, ...]) -> datetime | None:
    """Return when the issue is due: with the last of the assignments that it waits for."""
    dues = (one.solve_due_at for one in awaited(assignments))
    return max((due_at for due_at in dues if due_at is not None), default=None)


def running(issue: IssueFacts) -> Iterator[tuple[ClockKind, datetime]]:
    """Yield the clocks that run and when they are due; the view ``clock`` says the same of all rows."""
    if issue.state is IssueState.VERIFYING and issue.verify_due_at and not issue.verified_at:
        yield ClockKind.VERIFY, issue.verify_due_at
    if issue.state is IssueState.RECTIFIED and issue.look_back_due_at:
        yield ClockKind.LOOK_BACK, issue.look_back_due_at
    if issue.state in _WITH_PARTIES:
        for one in issue.assignments:
            yield from _running(one)


def _running(one: AssignmentFacts) -> Iterator[tuple[ClockKind, datetime]]:
    if one.state is AssignmentState.RETURNED and one.arbitrate_due_at:
        yield ClockKind.ARBITRATE, one.arbitrate_due_at
    if one.state in _WORKED_ON:
        for kind, due_at, stopped_at in (
            (ClockKind.ARRANGE, one.arrange_due_at, one.accepted_at),
            (ClockKind.PROGRESS, one.progress_due_at, one.progressed_at or one.feedback_at),
            (ClockKind.SOLVE, one.solve_due_at, one.feedback_at),
            (ClockKind.TRACK, one.track_due_at, one.feedback_at),
        ):
            if due_at is not None and stopped_at is None:
                yield kind, due_at


def next_due(issue: IssueFacts) -> datetime | None:
    """Return when the first of the running clocks is due, None where none runs."""
    return min((due_at for _, due_at in running(issue)), default=None)
