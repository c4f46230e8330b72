"""What the machine reads and changes: facts of an issue and of its assignments, and the event that tells of it.

The records are tuples, so that a whole life costs some tens of microseconds.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    Complexity,
    Dismissal,
    EventKind,
    ExclusionState,
    IssueState,
    LookBackStep,
    PlanState,
    Satisfaction,
)


class Actor(NamedTuple):
    """Who does it, under which posting; an office has an account but no cadre."""

    account_id: int | None
    name: str
    cadre_id: int | None = None
    posting_id: int | None = None


class Party(NamedTuple):
    """One side of a hand-over: exactly one of the ids is set; ``line`` is that of a department (分线)."""

    kind: AssignmentKind
    department_id: int | None = None
    party_unit_id: int | None = None
    part: AssignmentPart = AssignmentPart.LEAD
    required: bool = True
    line: str | None = None


class AssignmentFacts(NamedTuple):
    """What one party has to do and has done; field names are columns of ``assignment``."""

    kind: AssignmentKind
    department_id: int | None
    party_unit_id: int | None
    part: AssignmentPart
    required: bool
    assigned_at: datetime
    state: AssignmentState = AssignmentState.PENDING
    responsible_id: int | None = None
    responsible_name: str | None = None
    measure: str | None = None
    plan_due: datetime | None = None
    feedback: str | None = None
    accepted_at: datetime | None = None
    progressed_at: datetime | None = None
    feedback_at: datetime | None = None
    arrange_due_at: datetime | None = None
    progress_due_at: datetime | None = None
    solve_due_at: datetime | None = None
    track_due_at: datetime | None = None
    arbitrate_due_at: datetime | None = None
    return_reason: str | None = None
    insisted: bool = False
    plan: list[dict[str, str]] | None = None
    plan_state: PlanState | None = None
    supervised_count: int = 0
    urged_count: int = 0


class IssueFacts(NamedTuple):
    """What a verb may read and change; field names up to ``next_due_at`` are columns of ``issue``.

    ``handlers`` are those who accepted, returned, progressed, planned, fed back or are responsible, as ``("account",
    id)`` and ``("cadre", id)``: they neither inspect, nor look back, nor send back. ``finders`` is who found it, in
    the same form, and ``rule`` what holds for it, from the rules that it began under.
    """

    state: IssueState
    reported_at: datetime
    updated_at: datetime
    version: int = 1
    category_id: int | None = None
    work_content_id: int | None = None
    complexity: Complexity | None = None
    city_identified: bool = False
    multi_department: bool = False
    dismissal: Dismissal | None = None
    duplicate_of_id: int | None = None
    satisfaction: Satisfaction | None = None
    reopened_count: int = 0
    sent_back_count: int = 0
    judged_at: datetime | None = None
    handed_over_at: datetime | None = None
    due_at: datetime | None = None
    rectified_at: datetime | None = None
    closed_at: datetime | None = None
    sponsor_id: int | None = None
    verifier_id: int | None = None
    verify_due_at: datetime | None = None
    verified_at: datetime | None = None
    township_passed_at: datetime | None = None
    look_backs: tuple[LookBackStep, ...] = ()
    look_back_due_at: datetime | None = None
    sampled: bool = False
    exclusion: ExclusionState | None = None
    next_due_at: datetime | None = None
    mass_interest: bool = False
    post_disaster: bool = False
    assignments: tuple[AssignmentFacts, ...] = ()
    handlers: frozenset[tuple[str, int]] = frozenset()
    finders: frozenset[tuple[str, int]] = frozenset()
    rule: Rule = DEFAULT


class EventDraft(NamedTuple):
    """What happened; fields are columns of ``event`` but for ``assignment``, the position of one."""

    kind: EventKind
    from_state: IssueState | None
    to_state: IssueState
    actor: Actor
    at: datetime
    reason: str | None = None
    data: Mapping[str, Any] = MappingProxyType({})
    assignment: int | None = None


Step = tuple[IssueFacts, EventDraft]


def awaited(assignments: Iterable[AssignmentFacts]) -> Iterator[AssignmentFacts]:
    """Yield the assignments that the issue waits for."""
    return (one for one in assignments if one.required and one.state is not AssignmentState.REASSIGNED)


def names(actor: Actor) -> frozenset[tuple[str, int]]:
    """Return what an actor is known by among the handlers: the account, and the cadre behind it."""
    known = (("account", actor.account_id), ("cadre", actor.cadre_id))
    return frozenset((kind, number) for kind, number in known if number is not None)
