"""From a report to a judgement (问题研判): verified if need be, accepted, or dismissed in one of four ways."""

from datetime import date, datetime

from lxbc_graph.domain.deadlines import end_of_day
from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import Complexity, Dismissal, EventKind, IssueState, Verb

from . import guards
from .facts import Actor, EventDraft, IssueFacts, Step, names
from .transitions import step


def report(
    actor: Actor,
    at: datetime,
    *,
    mass_interest: bool = False,
    post_disaster: bool = False,
    rule: Rule = DEFAULT,
) -> Step:
    """Begin: a problem was found; it keeps the rule that it begins under."""
    issue = IssueFacts(
        IssueState.REPORTED,
        at,
        at,
        mass_interest=mass_interest,
        post_disaster=post_disaster,
        finders=names(actor),
        rule=rule,
    )
    return issue, EventDraft(EventKind.REPORTED, None, IssueState.REPORTED, actor, at)


def request_verification(
    issue: IssueFacts, actor: Actor, at: datetime, *, verifier_id: int, due_on: date, matter: str
) -> Step:
    """The office wants to know whether it is so: somebody named finds out by a day."""
    verb = Verb.REQUEST_VERIFICATION
    asked = issue._replace(
        state=IssueState.VERIFYING,
        verifier_id=verifier_id,
        verify_due_at=end_of_day(due_on),
        verified_at=None,
    )
    data = {"dueOn": due_on.isoformat()}
    return step(verb, issue, asked, EventKind.VERIFICATION_REQUESTED, actor, at, matter, data)


def verify(issue: IssueFacts, actor: Actor, at: datetime, *, confirmed: bool, finding: str) -> Step:
    """The verifier says whether it is so: back to be judged, or dismissed as not true."""
    guards.may_verify(issue, actor)
    verified = issue._replace(state=IssueState.REPORTED, verified_at=at)
    if not confirmed:
        verified = verified._replace(state=IssueState.DISMISSED, judged_at=at, dismissal=Dismissal.NOT_TRUE)
    data = {"confirmed": confirmed, "finding": finding}
    return step(Verb.VERIFY_ISSUE, issue, verified, EventKind.VERIFIED, actor, at, None, data)


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
    judged = issue._replace(
        state=IssueState.ACCEPTED,
        judged_at=at,
        category_id=category_id,
        work_content_id=work_content_id,
        complexity=complexity,
        city_identified=city_identified,
        multi_department=multi_department,
    )
    data = {"complexity": complexity.value}
    return step(Verb.JUDGE_ISSUE, issue, judged, EventKind.JUDGED, actor, at, reason, data)


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
    judged = issue._replace(
        state=IssueState.DISMISSED, judged_at=at, dismissal=dismissal, duplicate_of_id=duplicate_of_id
    )
    data = {"dismissal": dismissal.value}
    return step(Verb.JUDGE_ISSUE, issue, judged, EventKind.JUDGED, actor, at, reason, data)


def merge(issue: IssueFacts, actor: Actor, at: datetime, *, into_id: int, reason: str) -> Step:
    """The office puts it together with another issue that says the same; its clocks stop."""
    merged = issue._replace(
        state=IssueState.DISMISSED, dismissal=Dismissal.DUPLICATE, duplicate_of_id=into_id
    )
    data = {"dismissal": Dismissal.DUPLICATE.value}
    return step(Verb.MERGE_ISSUE, issue, merged, EventKind.MERGED, actor, at, reason, data)


def withdraw(issue: IssueFacts, actor: Actor, at: datetime, *, reason: str) -> Step:
    """Who found it takes it back, before it is handed over."""
    guards.may_withdraw(issue, actor)
    withdrawn = issue._replace(state=IssueState.DISMISSED, dismissal=Dismissal.WITHDRAWN)
    data = {"dismissal": Dismissal.WITHDRAWN.value}
    return step(Verb.WITHDRAW_ISSUE, issue, withdrawn, EventKind.WITHDRAWN, actor, at, reason, data)


def transfer(issue: IssueFacts, actor: Actor, at: datetime, *, reason: str) -> Step:
    """The office gives it to another unit, before it is handed over; it keeps its rule and its number."""
    return step(Verb.TRANSFER_ISSUE, issue, issue, EventKind.TRANSFERRED, actor, at, reason)
