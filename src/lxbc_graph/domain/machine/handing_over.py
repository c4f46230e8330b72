"""The dual hand-over (双交办) and its answers: accepted, or returned and arbitrated."""

from collections.abc import Iterable
from datetime import datetime

from lxbc_graph.domain.deadlines import Calendar, weekdays
from lxbc_graph.domain.errors import IllegalTransition, InvalidInput
from lxbc_graph.domain.rules import Rule
from lxbc_graph.domain.terms import term
from lxbc_graph.domain.words import AssignmentKind, AssignmentState, EventKind, IssueState, Verb

from . import guards
from .clocks import Dues, in_days, issue_due, started
from .facts import Actor, AssignmentFacts, IssueFacts, Party, Step, names
from .transitions import check_state, step, with_assignment


def assign(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    parties: tuple[Party, ...],
    sponsor_id: int | None = None,
    reason: str | None = None,
    calendar: Calendar = weekdays,
) -> Step:
    """Hand over to both sides at once (双交办): the clocks start. Raises InvalidInput for what the rule misses."""
    check_state(issue, Verb.ASSIGN_ISSUE)
    _check_parties(issue.rule, parties)
    if issue.rule.sponsor_required and sponsor_id is None:
        raise InvalidInput(
            "The rule here wants a sponsoring leader.", "按本地规则须指定包案领导。", "sponsorId"
        )
    assignments = tuple(_handed(issue, party, at, calendar) for party in parties)
    handed = issue._replace(
        state=IssueState.ASSIGNED,
        handed_over_at=at,
        due_at=issue_due(assignments),
        sponsor_id=sponsor_id,
        assignments=assignments,
    )
    return step(Verb.ASSIGN_ISSUE, issue, handed, EventKind.ASSIGNED, actor, at, reason)


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
    guards.may_accept(issue, actor, assignment)
    handlers = issue.handlers | names(actor)
    if responsible_id is not None:
        handlers |= {("cadre", responsible_id)}
    accepted = issue._replace(
        state=IssueState.RECTIFYING,
        assignments=with_assignment(
            issue,
            assignment,
            state=AssignmentState.ACCEPTED,
            responsible_id=responsible_id,
            responsible_name=responsible_name,
            measure=measure,
            plan_due=plan_due,
            accepted_at=at,
        ),
        handlers=handlers,
    )
    data = {"responsible": responsible_name}
    if measure is not None:
        data["measure"] = measure
    return step(
        Verb.ACCEPT_ASSIGNMENT,
        issue,
        accepted,
        EventKind.ASSIGNMENT_ACCEPTED,
        actor,
        at,
        None,
        data,
        assignment,
    )


def return_assignment(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    reason: str,
    calendar: Calendar = weekdays,
) -> Step:
    """A party says that it is not for it (退单); the office decides within a day, and its own clocks wait."""
    guards.may_return(issue, actor, assignment)
    returned = issue._replace(
        assignments=with_assignment(
            issue,
            assignment,
            state=AssignmentState.RETURNED,
            return_reason=reason,
            arbitrate_due_at=in_days(issue.rule, at, issue.rule.arbitrate_days, calendar),
        ),
        handlers=issue.handlers | names(actor),
    )
    verb, kind = Verb.RETURN_ASSIGNMENT, EventKind.ASSIGNMENT_RETURNED
    return step(verb, issue, returned, kind, actor, at, reason, {}, assignment)


def insist(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    reason: str,
    calendar: Calendar = weekdays,
) -> Step:
    """The office leaves it with the party, whose clocks start anew."""
    guards.may_arbitrate(issue, actor, assignment)
    changes = {"state": AssignmentState.PENDING, "insisted": True, "arbitrate_due_at": None}
    dues = _dues(issue, at, calendar)._asdict()
    insisted = _due(issue._replace(assignments=with_assignment(issue, assignment, **changes, **dues)))
    return _arbitrated(issue, insisted, actor, at, assignment, reason, insisted=True)


def reassign(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    party: Party,
    reason: str,
    calendar: Calendar = weekdays,
) -> Step:
    """The office gives it to another party of the same kind, which stands behind the others; its clocks start."""
    guards.may_arbitrate(issue, actor, assignment)
    one = issue.assignments[assignment]
    over = with_assignment(issue, assignment, state=AssignmentState.REASSIGNED, arbitrate_due_at=None)
    instead = party._replace(part=one.part, required=one.required)
    if party.kind is not one.kind:
        raise InvalidInput(
            f"The party must be a {one.kind.value} one.", f"须改派给{term(one.kind)}。", "party"
        )
    _check_line(issue.rule, instead, "party")
    _check_distinct(
        [
            *(_party(other) for other in over if other.state is not AssignmentState.REASSIGNED),
            instead,
            _party(one),
        ],
        "party",
    )
    reassigned = _due(issue._replace(assignments=(*over, _handed(issue, instead, at, calendar))))
    return _arbitrated(issue, reassigned, actor, at, assignment, reason, insisted=False)


def _arbitrated(
    before: IssueFacts,
    after: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    reason: str,
    *,
    insisted: bool,
) -> Step:
    verb, kind = Verb.ARBITRATE_ASSIGNMENT, EventKind.ASSIGNMENT_ARBITRATED
    return step(verb, before, after, kind, actor, at, reason, {"insisted": insisted}, assignment)


def _due(issue: IssueFacts) -> IssueFacts:
    return issue._replace(due_at=issue_due(issue.assignments))


def _handed(issue: IssueFacts, party: Party, at: datetime, calendar: Calendar) -> AssignmentFacts:
    fresh = AssignmentFacts(
        party.kind, party.department_id, party.party_unit_id, party.part, party.required, at
    )
    return fresh._replace(**_dues(issue, at, calendar)._asdict())


def _dues(issue: IssueFacts, at: datetime, calendar: Calendar) -> Dues:
    if issue.complexity is None:
        raise IllegalTransition("An issue without a complexity has no due time.", "问题未定性，不能交办。")
    return started(issue.rule, issue.complexity, at, calendar)


def _party(one: AssignmentFacts) -> Party:
    return Party(one.kind, one.department_id, one.party_unit_id, one.part, one.required)


def _check_parties(rule: Rule, parties: tuple[Party, ...]) -> None:
    present = {party.kind for party in parties if party.required}
    for kind in rule.required_kinds:
        if kind not in present:
            raise InvalidInput(
                f"A hand-over needs a required {kind.value} party.",
                f"双交办缺少必须的{term(kind)}。",
                "parties",
            )
    if not present:
        raise InvalidInput("A hand-over needs a required party.", "交办缺少必办单位。", "parties")
    for part in rule.required_parts:
        if part not in {party.part for party in parties}:
            raise InvalidInput(
                f"The rule here wants a party of part {part.value}.",
                f"按本地规则须有{term(part)}单位。",
                "parties",
            )
    for index, party in enumerate(parties):
        _check_line(rule, party, "parties", str(index))
    _check_distinct(parties, "parties")


def _check_line(rule: Rule, party: Party, *field: str) -> None:
    if rule.line_required and party.kind is AssignmentKind.DEPARTMENT and party.line is None:
        raise InvalidInput(
            "The rule here wants a department that belongs to a line.",
            "按本地规则责任单位须归属分线。",
            *field,
            "departmentId",
        )


def _check_distinct(parties: Iterable[Party], *field: str) -> None:
    named = [(party.department_id, party.party_unit_id) for party in parties]
    if len(set(named)) < len(named):
        raise InvalidInput("The same party is named twice.", "承办单位重复。", *field)
