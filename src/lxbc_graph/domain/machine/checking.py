"""Checks of what was done: inspection (核验), look-back (回头看), and what sends an issue back or opens it again."""

from datetime import datetime
from typing import Any

from lxbc_graph.domain.deadlines import Calendar, weekdays
from lxbc_graph.domain.errors import IllegalTransition, InvalidInput
from lxbc_graph.domain.terms import term
from lxbc_graph.domain.words import (
    AssignmentState,
    ContactKind,
    EventKind,
    ExclusionState,
    Flag,
    InspectionLevel,
    IssueState,
    LookBackStep,
    Satisfaction,
    Verb,
)

from . import guards
from .clocks import in_days, issue_due, started
from .facts import Actor, IssueFacts, Step
from .transitions import sent_back, step


def flags(issue: IssueFacts) -> frozenset[Flag]:
    """Return what marks the issue."""
    return frozenset(
        flag
        for flag, marked in (
            (Flag.CITY_IDENTIFIED, issue.city_identified),
            (Flag.MULTI_DEPARTMENT, issue.multi_department),
            (Flag.MASS_INTEREST, issue.mass_interest),
            (Flag.POST_DISASTER, issue.post_disaster),
        )
        if marked
    )


def inspect(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    level: InspectionLevel,
    passed: bool,
    reason: str | None = None,
    on_site: str | None = None,
    drawn: bool = False,
    calendar: Calendar = weekdays,
) -> Step:
    """Check feedback: the last level's pass decides, a township's before it is noted, a failure sends back.

    ``on_site`` is the record of the visit, which a must-see flag demands (必看); ``drawn`` says that chance chose the
    issue for an unannounced look-back.
    """
    guards.may_inspect(level)(issue, actor, None)
    rule = issue.rule
    if passed and on_site is None and not flags(issue).isdisjoint(rule.must_see):
        raise InvalidInput(
            "A must-see flag demands an on-site record.", "属于必看问题，须填写现场核验记录。", "onSite"
        )
    if not passed:
        inspected = sent_back(issue)
    elif level is InspectionLevel.OFFICE or rule.inspection_levels == (InspectionLevel.TOWNSHIP,):
        look_back_due_at = None
        if rule.look_back_days is not None:
            look_back_due_at = in_days(rule, at, rule.look_back_days, calendar)
        inspected = issue._replace(
            state=IssueState.RECTIFIED,
            rectified_at=at,
            look_back_due_at=look_back_due_at,
            sampled=drawn,
            look_backs=(),
        )
    else:
        inspected = issue._replace(township_passed_at=at)
    data: dict[str, Any] = {"level": level.value, "passed": passed}
    if on_site is not None:
        data["onSite"] = on_site
    return step(Verb.INSPECT_ISSUE, issue, inspected, EventKind.INSPECTED, actor, at, reason, data)


def look_back(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    *,
    passed: bool,
    satisfaction: Satisfaction | None,
    by: LookBackStep = LookBackStep.CADRE,
    contacts: frozenset[ContactKind] = frozenset(),
    unannounced: bool = False,
    exclusion: str | None = None,
    reason: str | None = None,
) -> Step:
    """Look again later (回头看): closes with the last step of the rule, or sends back when it failed or people are
    dissatisfied.

    With ``exclusion``, why the answer should not count, the office decides first. The review of the file asks nobody:
    without an answer of its own it leaves the one that was found, and what was decided about it.
    """  # noqa: D205 - one sentence
    guards.may_look_back(by)(issue, actor, None)
    if passed:
        _check_answer(issue, by, satisfaction)
        _check_visit(issue, by, contacts, unannounced=unannounced)
    looked = issue
    data: dict[str, Any] = {"by": by.value}
    if contacts:
        data["contacts"] = sorted(contacts)
    if unannounced:
        data["unannounced"] = True
    if satisfaction is not None:
        data |= {"satisfaction": satisfaction.value, "excluded": False}
        looked = looked._replace(satisfaction=satisfaction, exclusion=None)
    if passed and exclusion is not None:
        looked = looked._replace(exclusion=ExclusionState.PROPOSED, look_backs=(*issue.look_backs, by))
        data["exclusion"] = exclusion
    elif passed and satisfaction is not Satisfaction.DISSATISFIED:
        looked = _passed(looked._replace(look_backs=(*issue.look_backs, by)), at)
    else:
        looked = sent_back(looked)
    data["passed"] = looked.state is not IssueState.RECTIFYING
    return step(Verb.LOOK_BACK, issue, looked, EventKind.LOOKED_BACK, actor, at, reason, data)


def decide_exclusion(
    issue: IssueFacts, actor: Actor, at: datetime, *, approved: bool, reason: str | None = None
) -> Step:
    """The office decides whether the people's answer is left out of the figure; left in, it has its effect."""
    guards.may_decide_exclusion(issue, actor)
    decided = issue._replace(exclusion=ExclusionState.APPROVED if approved else ExclusionState.REJECTED)
    if not approved and issue.satisfaction is Satisfaction.DISSATISFIED:
        decided = sent_back(decided)
    else:
        decided = _passed(decided, at)
    data = {"approved": approved, "excluded": approved}
    return step(Verb.DECIDE_EXCLUSION, issue, decided, EventKind.EXCLUSION_DECIDED, actor, at, reason, data)


def send_back(issue: IssueFacts, actor: Actor, at: datetime, *, reason: str) -> Step:
    """Return feedback, or a rectified issue, to those who handle it."""
    guards.may_send_back(issue.state)(issue, actor, None)
    back = sent_back(issue)
    if back.exclusion is ExclusionState.PROPOSED:
        back = back._replace(exclusion=None)
    return step(Verb.SEND_BACK, issue, back, EventKind.SENT_BACK, actor, at, reason)


def reopen(
    issue: IssueFacts, actor: Actor, at: datetime, *, reason: str, calendar: Calendar = weekdays
) -> Step:
    """Open a closed issue again, because it came back (反弹): time to solve it begins anew, and planning too."""
    guards.of_state(Verb.REOPEN_ISSUE)(issue, actor, None)
    if issue.complexity is None:
        raise IllegalTransition(
            "An issue without a complexity has no due time.", "问题未定性，不能重新打开。"
        )
    dues = started(issue.rule, issue.complexity, at, calendar)
    # Whoever had not accepted when it was closed is asked as if for the first time.
    anew = {
        AssignmentState.PENDING: dues._asdict(),
        AssignmentState.RETURNED: {
            "arbitrate_due_at": in_days(issue.rule, at, issue.rule.arbitrate_days, calendar)
        },
        AssignmentState.ACCEPTED: {
            "solve_due_at": dues.solve_due_at,
            "track_due_at": dues.track_due_at,
            "plan": None,
            "plan_state": None,
        },
    }
    back = sent_back(issue)
    again = back._replace(
        reopened_count=issue.reopened_count + 1,
        sent_back_count=issue.sent_back_count,
        assignments=tuple(one._replace(**anew.get(one.state, {})) for one in back.assignments),
    )
    again = again._replace(due_at=issue_due(again.assignments))
    return step(Verb.REOPEN_ISSUE, issue, again, EventKind.REOPENED, actor, at, reason)


def _passed(issue: IssueFacts, at: datetime) -> IssueFacts:
    """Close the issue, or leave it to the next one who must look back."""
    if len(issue.look_backs) < len(issue.rule.look_back_steps):
        return issue
    return issue._replace(state=IssueState.CLOSED, closed_at=at)


def _check_answer(issue: IssueFacts, by: LookBackStep, satisfaction: Satisfaction | None) -> None:
    """Who passes an issue brings the people's answer, or reviews the file of one who did."""
    if satisfaction is None and not (by is LookBackStep.OFFICE and issue.look_backs):
        raise InvalidInput("Must be given when it passed.", "回访通过须填写群众满意度。", "satisfaction")


def _check_visit(
    issue: IssueFacts, by: LookBackStep, contacts: frozenset[ContactKind], *, unannounced: bool
) -> None:
    """The review of the file, as a step of its own, visits nobody."""
    if by is LookBackStep.OFFICE and issue.rule.look_back_steps:
        return
    for wanted in issue.rule.contacts:
        if wanted not in contacts:
            raise InvalidInput(
                f"The rule here wants {wanted.value} among the contacts.",
                f"按本地规则回访须面对面接触{term(wanted)}。",
                "contacts",
            )
    if issue.sampled and not unannounced:
        raise InvalidInput(
            "The issue was drawn for an unannounced look-back.",
            "该问题已被抽中，须不打招呼随机回访。",
            "unannounced",
        )
