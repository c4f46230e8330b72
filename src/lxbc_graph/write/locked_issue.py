"""An issue that is ours until the transaction ends, as the machine sees it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from lxbc_graph.domain.errors import Conflict
from lxbc_graph.domain.machine import Actor, AssignmentFacts, IssueFacts, names
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    Complexity,
    Dismissal,
    EventKind,
    IssueState,
    Satisfaction,
)
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.store import tables

from . import scoped
from .unit_of_work import UnitOfWork

_HANDLING = (EventKind.ASSIGNMENT_ACCEPTED, EventKind.PROGRESS_REPORTED, EventKind.FEEDBACK_SUBMITTED)
_WORDS = {
    "state": IssueState,
    "complexity": Complexity,
    "dismissal": Dismissal,
    "satisfaction": Satisfaction,
}
ISSUE_COLUMNS = tuple(name for name in IssueFacts._fields if name not in ("assignments", "handlers"))


@dataclass(frozen=True, slots=True)
class LockedIssue:
    """The facts, and what the machine does not know: ``assignment_ids`` runs beside ``facts.assignments``."""

    id: int
    path: dict[str, int | None]
    facts: IssueFacts
    assignment_ids: tuple[int, ...]


async def lock(work: UnitOfWork, issue_id: int, *field: str) -> LockedIssue:
    """Lock a visible issue against other commands; raise NotFound at ``field``."""
    row = await scoped.visible(
        work, "issue", issue_id, Action.ISSUE_READ, rows.ISSUE, *field, columns="x.*", lock=True
    )
    # Read once the lock is held: a statement that waited for it would see the parts as they were before.
    assignments = (
        await work.connection.execute(
            select(tables.assignment)
            .where(tables.assignment.c.issue_id == issue_id)
            .order_by(tables.assignment.c.id)
        )
    ).all()
    handled = await work.connection.execute(
        select(tables.event.c.account_id, tables.event.c.actor_id)
        .where(
            tables.event.c.issue_id == issue_id, tables.event.c.kind.in_([kind.value for kind in _HANDLING])
        )
        .distinct()
    )
    handlers = {("cadre", one.responsible_id) for one in assignments if one.responsible_id is not None}
    for account_id, cadre_id in handled:
        handlers |= names(Actor(account_id, "", cadre_id))
    facts = {name: getattr(row, name) for name in ISSUE_COLUMNS}
    for name, word in _WORDS.items():
        if facts[name] is not None:
            facts[name] = word(facts[name])
    return LockedIssue(
        issue_id,
        {name: getattr(row, name) for name in ("unit_id", *tables.ANCESTORS)},
        IssueFacts(
            **facts, assignments=tuple(map(_assignment_facts, assignments)), handlers=frozenset(handlers)
        ),
        tuple(one.id for one in assignments),
    )


async def open_issue(
    work: UnitOfWork, issue_id: int, expected_version: int | None, *actions: Action
) -> tuple[LockedIssue, Actor]:
    """Lock an issue to do one of the actions on it; raise NotFound, Forbidden or Conflict, in this order."""
    issue = await lock(work, issue_id, "issueId")
    posting = await scoped.permitted(work, "issue", issue_id, rows.ISSUE, *actions)
    check_version(issue, expected_version)
    return issue, work.actor(posting)


async def open_assignment(
    work: UnitOfWork, assignment_id: int, expected_version: int | None, action: Action
) -> tuple[LockedIssue, int, Actor]:
    """Like ``open_issue`` for one of its assignments, whose position comes second, and whose party acts."""
    row = await scoped.visible(
        work,
        "assignment",
        assignment_id,
        Action.ISSUE_READ,
        rows.OF_ISSUE,
        "assignmentId",
        columns="issue_id",
    )
    issue = await lock(work, row.issue_id, "assignmentId")
    posting = await scoped.permitted(work, "assignment", assignment_id, rows.PARTY, action)
    check_version(issue, expected_version)
    return issue, issue.assignment_ids.index(assignment_id), work.actor(posting)


def check_version(issue: LockedIssue, expected: int | None) -> None:
    """Raise Conflict if the client read another version than the present one."""
    present = issue.facts.version
    if expected is not None and expected != present:
        raise Conflict(
            f"The issue is at version {present}, not {expected}: read it again.",
            f"问题已被他人修改（当前版本 {present}），请刷新后重试。",
            "expectedVersion",
        )


def _assignment_facts(row: Row[Any]) -> AssignmentFacts:
    facts = {name: getattr(row, name) for name in AssignmentFacts._fields}
    facts["kind"] = AssignmentKind(facts["kind"])
    facts["part"] = AssignmentPart(facts["part"])
    facts["state"] = AssignmentState(facts["state"])
    return AssignmentFacts(**facts)
