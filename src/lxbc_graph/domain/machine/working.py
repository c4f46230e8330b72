"""The work of the parties, and who watches it: progress, plans, feedback (双反馈), supervision (双督办), urging."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from lxbc_graph.domain.deadlines import Calendar, end_of_day, weekdays
from lxbc_graph.domain.errors import InvalidInput
from lxbc_graph.domain.words import (
    AssignmentState,
    EventKind,
    IssueState,
    PlanState,
    Supervision,
    Verb,
)

from . import guards
from .clocks import issue_due, track_due
from .facts import Actor, IssueFacts, Step, awaited, names
from .transitions import step, with_assignment


class PlanStep(NamedTuple):
    """What is to be done by the end of a day in Shanghai."""

    text: str
    due_on: date


def progress(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    text: str,
    calendar: Calendar = weekdays,
) -> Step:
    """A party tells how far it has come; the first time stops clock 3, each time puts off the next report."""
    guards.may_progress(issue, actor, assignment)
    one = issue.assignments[assignment]
    progressed = issue._replace(
        assignments=with_assignment(
            issue,
            assignment,
            progressed_at=one.progressed_at or at,
            track_due_at=track_due(issue.rule, at, calendar),
        ),
        handlers=issue.handlers | names(actor),
    )
    verb, kind = Verb.REPORT_PROGRESS, EventKind.PROGRESS_REPORTED
    return step(verb, issue, progressed, kind, actor, at, None, {"progress": text}, assignment)


def propose_plan(
    issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, steps: Sequence[PlanStep]
) -> Step:
    """A party proposes dated steps for a complex issue."""
    guards.may_propose_plan(issue, actor, assignment)
    plan = [{"text": one.text, "dueOn": one.due_on.isoformat()} for one in steps]
    proposed = issue._replace(
        assignments=with_assignment(issue, assignment, plan=plan, plan_state=PlanState.PROPOSED),
        handlers=issue.handlers | names(actor),
    )
    verb, kind = Verb.PROPOSE_PLAN, EventKind.PLAN_PROPOSED
    return step(verb, issue, proposed, kind, actor, at, None, {"plan": plan}, assignment)


def decide_plan(
    issue: IssueFacts,
    actor: Actor,
    at: datetime,
    assignment: int,
    *,
    approved: bool,
    reason: str | None = None,
) -> Step:
    """The office decides about a plan; an approved one says by when the party must have solved it."""
    guards.may_approve_plan(issue, actor, assignment)
    changes: dict[str, object] = {"plan_state": PlanState.APPROVED if approved else PlanState.REJECTED}
    plan = issue.assignments[assignment].plan
    if approved and plan:
        changes["solve_due_at"] = end_of_day(max(date.fromisoformat(one["dueOn"]) for one in plan))
    decided = issue._replace(assignments=with_assignment(issue, assignment, **changes))
    decided = decided._replace(due_at=issue_due(decided.assignments))
    verb, kind = Verb.APPROVE_PLAN, EventKind.PLAN_DECIDED
    return step(verb, issue, decided, kind, actor, at, reason, {"approved": approved}, assignment)


def feed_back(
    issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, text: str, evidence: int = 0
) -> Step:
    """A party says that its part is done; the issue moves when every required party has (双反馈).

    ``evidence`` is the number of attachments.
    """
    guards.may_feed_back(issue, actor, assignment)
    if issue.rule.evidence_required and not evidence:
        raise InvalidInput("The rule here wants an attachment.", "按本地规则须附佐证材料。", "attachmentIds")
    assignments = with_assignment(
        issue,
        assignment,
        state=AssignmentState.FEEDBACK,
        feedback=text,
        feedback_at=at,
        # Whoever is done has begun: sent back, it is not late with its first progress.
        progressed_at=issue.assignments[assignment].progressed_at or at,
    )
    complete = all(one.state is AssignmentState.FEEDBACK for one in awaited(assignments))
    fed = issue._replace(
        state=IssueState.FEEDBACK if complete else IssueState.RECTIFYING,
        assignments=assignments,
        handlers=issue.handlers | names(actor),
    )
    verb, kind = Verb.SUBMIT_FEEDBACK, EventKind.FEEDBACK_SUBMITTED
    return step(verb, issue, fed, kind, actor, at, None, {"feedback": text}, assignment)


def supervise(
    issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, how: Supervision, text: str
) -> Step:
    """Somebody over the party demands that it gets on (督办): of both sides where the rule says so (双向督办)."""
    guards.may_supervise(issue, actor, assignment)
    if how not in issue.rule.supervisions:
        raise InvalidInput("The rule here knows no such supervision.", "本地规则没有此督办方式。", "how")
    both = issue.rule.two_way_supervision
    supervised = issue._replace(
        assignments=tuple(
            one._replace(supervised_count=one.supervised_count + 1)
            if index == assignment or (both and one.state in guards.WANTED)
            else one
            for index, one in enumerate(issue.assignments)
        )
    )
    data = {"kind": how.value, "twoWay": both}
    return step(
        Verb.SUPERVISE_ISSUE, issue, supervised, EventKind.SUPERVISED, actor, at, text, data, assignment
    )


def urge(issue: IssueFacts, actor: Actor, at: datetime, assignment: int, *, text: str) -> Step:
    """Somebody over the party reminds it (催办)."""
    guards.may_urge(issue, actor, assignment)
    one = issue.assignments[assignment]
    urged = issue._replace(assignments=with_assignment(issue, assignment, urged_count=one.urged_count + 1))
    return step(Verb.URGE_ISSUE, issue, urged, EventKind.URGED, actor, at, text, {}, assignment)
