"""The life of an issue as pure functions: facts in, facts and one event out, or a typed refusal.

``TRANSITIONS`` says what may follow what; each verb is ``verb(issue, actor, at, …) -> (issue, event)`` and
knows nothing of rows, or of who may. The command handlers apply one verb to a locked issue. Whoever builds
many issues at once folds verbs over ``report()``, then copies the last facts and all the events: the fields
of ``IssueFacts`` and ``AssignmentFacts`` are columns, and an assignment is named by its position, since its
id is the database's affair. The records are tuples, so that a whole life costs some tens of microseconds.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from .deadlines import due_at
from .errors import Forbidden, IllegalTransition, InvalidInput
from .terms import term
from .words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    Complexity,
    Dismissal,
    EventKind,
    InspectionLevel,
    IssueState,
    Satisfaction,
    Verb,
)

TRANSITIONS: Mapping[tuple[IssueState, Verb], frozenset[IssueState]] = MappingProxyType(
    {
        (IssueState.REPORTED, Verb.JUDGE): frozenset({IssueState.ACCEPTED, IssueState.DISMISSED}),
        (IssueState.ACCEPTED, Verb.ASSIGN): frozenset({IssueState.ASSIGNED}),
        (IssueState.ASSIGNED, Verb.ACCEPT): frozenset({IssueState.RECTIFYING}),
        (IssueState.RECTIFYING, Verb.ACCEPT): frozenset({IssueState.RECTIFYING}),
        (IssueState.RECTIFYING, Verb.PROGRESS): frozenset({IssueState.RECTIFYING}),
        (IssueState.RECTIFYING, Verb.FEED_BACK): frozenset({IssueState.RECTIFYING, IssueState.FEEDBACK}),
        (IssueState.FEEDBACK, Verb.INSPECT): frozenset(
            {IssueState.RECTIFIED, IssueState.FEEDBACK, IssueState.RECTIFYING}
        ),
        (IssueState.FEEDBACK, Verb.SEND_BACK): frozenset({IssueState.RECTIFYING}),
        (IssueState.RECTIFIED, Verb.LOOK_BACK): frozenset({IssueState.CLOSED, IssueState.RECTIFYING}),
        (IssueState.RECTIFIED, Verb.SEND_BACK): frozenset({IssueState.RECTIFYING}),
        (IssueState.CLOSED, Verb.REOPEN): frozenset({IssueState.RECTIFYING}),
    }
)
"""(state, verb) -> the states that it can lead to; a pair that is missing is illegal."""


class Actor(NamedTuple):
    """Who does it, under which posting; an office has an account but no cadre."""

    account_id: int | None
    name: str
    cadre_id: int | None = None
    posting_id: int | None = None


class Party(NamedTuple):
    """One side of a hand-over: exactly one of the ids is set."""

    kind: AssignmentKind
    department_id: int | None = None
    party_unit_id: int | None = None
    part: AssignmentPart = AssignmentPart.LEAD
    required: bool = True


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


class IssueFacts(NamedTuple):
    """What a verb may read and change; field names up to ``updated_at`` are columns of ``issue``.

    ``handlers`` are those who accepted, progressed, fed back or are responsible, as ``("account", id)`` and
    ``("cadre", id)``: they neither inspect, nor look back, nor send back.
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
    assignments: tuple[AssignmentFacts, ...] = ()
    handlers: frozenset[tuple[str, int]] = frozenset()


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


def names(actor: Actor) -> frozenset[tuple[str, int]]:
    """Return what an actor is known by among the handlers: the account, and the cadre behind it."""
    known = (("account", actor.account_id), ("cadre", actor.cadre_id))
    return frozenset((kind, number) for kind, number in known if number is not None)


def report(actor: Actor, at: datetime) -> Step:
    """Begin: a problem was found."""
    issue = IssueFacts(IssueState.REPORTED, at, at)
    return issue, EventDraft(EventKind.REPORTED, None, IssueState.REPORTED, actor, at)


def accept(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    category_id: int | None,
    complexity: Complexity,
    work_content_id: int | None = None,
    city_identified: bool = False,
    multi_department: bool = False,
    reason: str | None = None,
) -> Step:
    """Judge: the problem is real and ours, of this category and complexity."""
    to = _to(issue, Verb.JUDGE, IssueState.ACCEPTED)
    judged = _moved(issue, to, at)._replace(
        judged_at=at,
        category_id=category_id,
        work_content_id=work_content_id,
        complexity=complexity,
        city_identified=city_identified,
        multi_department=multi_department,
    )
    return judged, EventDraft(
        EventKind.JUDGED, issue.state, to, actor, at, reason, {"complexity": complexity.value}
    )


def dismiss(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    dismissal: Dismissal,
    reason: str,
    duplicate_of_id: int | None = None,
) -> Step:
    """Judge: the problem is not taken up."""
    to = _to(issue, Verb.JUDGE, IssueState.DISMISSED)
    judged = _moved(issue, to, at)._replace(
        judged_at=at, dismissal=dismissal, duplicate_of_id=duplicate_of_id
    )
    return judged, EventDraft(
        EventKind.JUDGED, issue.state, to, actor, at, reason, {"dismissal": dismissal.value}
    )


def assign(
    issue: IssueFacts, actor: Actor, at: datetime, *, parties: tuple[Party, ...], reason: str | None = None
) -> Step:
    """Hand over to both sides at once (双交办): the clock starts. Raises InvalidInput if one is missing."""
    to = _to(issue, Verb.ASSIGN, IssueState.ASSIGNED)
    _check_parties(parties)
    if issue.complexity is None:
        raise IllegalTransition("An issue without a complexity has no due time.", "问题未定性，不能交办。")
    handed = _moved(issue, to, at)._replace(
        handed_over_at=at,
        due_at=due_at(issue.complexity, at),
        assignments=tuple(
            AssignmentFacts(
                party.kind, party.department_id, party.party_unit_id, party.part, party.required, at
            )
            for party in parties
        ),
    )
    return handed, EventDraft(EventKind.ASSIGNED, issue.state, to, actor, at, reason)


def accept_assignment(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    responsible_id: int | None,
    responsible_name: str,
    measure: str | None = None,
    plan_due: datetime | None = None,
) -> Step:
    """A party arranges the work under a responsible cadre; the first one to do so starts rectification."""
    to = _to(issue, Verb.ACCEPT, IssueState.RECTIFYING)
    _require(issue, assignment, AssignmentState.PENDING)
    accepted = _moved(issue, to, at)._replace(
        assignments=_with(
            issue,
            assignment,
            state=AssignmentState.ACCEPTED,
            responsible_id=responsible_id,
            responsible_name=responsible_name,
            measure=measure,
            plan_due=plan_due,
            accepted_at=at,
        ),
        handlers=_handlers(issue, actor)
        | (frozenset() if responsible_id is None else {("cadre", responsible_id)}),
    )
    data = {"responsible": responsible_name} | ({} if measure is None else {"measure": measure})
    return accepted, EventDraft(
        EventKind.ASSIGNMENT_ACCEPTED, issue.state, to, actor, at, None, data, assignment
    )


def progress(issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, text: str) -> Step:
    """A party tells how far it has come."""
    to = _to(issue, Verb.PROGRESS, IssueState.RECTIFYING)
    _require(issue, assignment, AssignmentState.ACCEPTED)
    progressed = _moved(issue, to, at)._replace(
        assignments=_with(issue, assignment, progressed_at=at), handlers=_handlers(issue, actor)
    )
    return progressed, EventDraft(
        EventKind.PROGRESS_REPORTED, issue.state, to, actor, at, None, {"progress": text}, assignment
    )


def feed_back(issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, text: str) -> Step:
    """A party says that its part is done; the issue moves when every required party has (双反馈)."""
    _to(issue, Verb.FEED_BACK, IssueState.RECTIFYING)
    _require(issue, assignment, AssignmentState.ACCEPTED)
    assignments = _with(issue, assignment, state=AssignmentState.FEEDBACK, feedback=text, feedback_at=at)
    complete = all(one.state is AssignmentState.FEEDBACK for one in assignments if one.required)
    to = _to(issue, Verb.FEED_BACK, IssueState.FEEDBACK if complete else IssueState.RECTIFYING)
    fed = _moved(issue, to, at)._replace(assignments=assignments, handlers=_handlers(issue, actor))
    return fed, EventDraft(
        EventKind.FEEDBACK_SUBMITTED, issue.state, to, actor, at, None, {"feedback": text}, assignment
    )


def inspect(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    level: InspectionLevel,
    passed: bool,
    reason: str | None = None,
) -> Step:
    """Check feedback: the office's pass decides, a township's is noted, a failure of either sends back."""
    if not passed:
        to = IssueState.RECTIFYING
    elif level is InspectionLevel.OFFICE:
        to = IssueState.RECTIFIED
    else:
        to = IssueState.FEEDBACK
    to = _to(issue, Verb.INSPECT, to)
    _not_a_handler(issue, actor, Verb.INSPECT)
    if passed:
        rectified_at = at if to is IssueState.RECTIFIED else None
        inspected = _moved(issue, to, at)._replace(rectified_at=rectified_at)
    else:
        inspected = _back(issue, at)
    data = {"level": level.value, "passed": passed}
    return inspected, EventDraft(EventKind.INSPECTED, issue.state, to, actor, at, reason, data)


def look_back(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    passed: bool,
    satisfaction: Satisfaction | None,
    reason: str | None = None,
) -> Step:
    """Look again later (回头看): closes, or sends back when it failed or the people are dissatisfied."""
    closes = passed and satisfaction is not Satisfaction.DISSATISFIED
    to = _to(issue, Verb.LOOK_BACK, IssueState.CLOSED if closes else IssueState.RECTIFYING)
    _not_a_handler(issue, actor, Verb.LOOK_BACK)
    looked = _moved(issue, to, at)._replace(closed_at=at) if closes else _back(issue, at)
    data: dict[str, Any] = {"passed": closes}
    if satisfaction is not None:
        data["satisfaction"] = satisfaction.value
        looked = looked._replace(satisfaction=satisfaction)
    return looked, EventDraft(EventKind.LOOKED_BACK, issue.state, to, actor, at, reason, data)


def send_back(issue: IssueFacts, actor: Actor, at: datetime, *, reason: str) -> Step:
    """Return feedback, or a rectified issue, to those who handle it."""
    to = _to(issue, Verb.SEND_BACK, IssueState.RECTIFYING)
    _not_a_handler(issue, actor, Verb.SEND_BACK)
    return _back(issue, at), EventDraft(EventKind.SENT_BACK, issue.state, to, actor, at, reason)


def reopen(issue: IssueFacts, actor: Actor, at: datetime, *, reason: str) -> Step:
    """Open a closed issue again, because it came back (反弹)."""
    to = _to(issue, Verb.REOPEN, IssueState.RECTIFYING)
    again = _back(issue, at)._replace(
        reopened_count=issue.reopened_count + 1, sent_back_count=issue.sent_back_count
    )
    return again, EventDraft(EventKind.REOPENED, issue.state, to, actor, at, reason)


def _to(issue: IssueFacts, verb: Verb, state: IssueState) -> IssueState:
    if state not in TRANSITIONS.get((issue.state, verb), ()):
        raise IllegalTransition(
            f"{verb.value} is not possible for an issue that is {issue.state.value}.",
            f"问题当前状态为“{term(issue.state)}”，不能{term(verb)}。",
        )
    return state


def _require(issue: IssueFacts, assignment: int, state: AssignmentState) -> None:
    present = issue.assignments[assignment].state
    if present is not state:
        raise IllegalTransition(
            f"The assignment is {present.value}; this needs {state.value}.",
            f"交办件当前状态为“{term(present)}”，须为“{term(state)}”。",
        )


def _not_a_handler(issue: IssueFacts, actor: Actor, verb: Verb) -> None:
    if not issue.handlers.isdisjoint(names(actor)):
        raise Forbidden(
            f"Whoever handled an issue does not {_CHECKS[verb]} it.",
            f"经办人不得对本人经办的问题进行{term(verb)}。",
        )


_CHECKS = {Verb.INSPECT: "inspect", Verb.LOOK_BACK: "look back at", Verb.SEND_BACK: "send back"}


def _handlers(issue: IssueFacts, actor: Actor) -> frozenset[tuple[str, int]]:
    return issue.handlers | names(actor)


def _moved(issue: IssueFacts, state: IssueState, at: datetime) -> IssueFacts:
    return issue._replace(state=state, version=issue.version + 1, updated_at=at)


def _with(issue: IssueFacts, position: int, **changes: Any) -> tuple[AssignmentFacts, ...]:
    return tuple(
        one._replace(**changes) if index == position else one for index, one in enumerate(issue.assignments)
    )


def _back(issue: IssueFacts, at: datetime) -> IssueFacts:
    return _moved(issue, IssueState.RECTIFYING, at)._replace(
        rectified_at=None,
        closed_at=None,
        sent_back_count=issue.sent_back_count + 1,
        assignments=tuple(
            one._replace(state=AssignmentState.ACCEPTED, feedback=None, feedback_at=None)
            if one.state is AssignmentState.FEEDBACK
            else one
            for one in issue.assignments
        ),
    )


def _check_parties(parties: tuple[Party, ...]) -> None:
    present = {party.kind for party in parties if party.required}
    for kind in AssignmentKind:
        if kind not in present:
            raise InvalidInput(
                f"A hand-over needs a required {kind.value} party.",
                f"双交办缺少必须的{term(kind)}。",
                "parties",
            )
    if len({(party.department_id, party.party_unit_id) for party in parties}) < len(parties):
        raise InvalidInput("The same party is named twice.", "承办单位重复。", "parties")
