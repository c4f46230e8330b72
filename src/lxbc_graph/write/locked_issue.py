"""An issue that is ours until the transaction ends, as the machine sees it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from lxbc_graph.domain.errors import Conflict
from lxbc_graph.domain.machine import Actor, IssueFacts
from lxbc_graph.domain.words import Verb
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import RowRule
from lxbc_graph.store import issue_facts, tables

from . import scoped
from .unit_of_work import UnitOfWork
from .ways import ON_ASSIGNMENT, ON_ISSUE, Way, is_open

_COLUMNS = f"{', '.join(f'x.{name}' for name in tables.PATH)}, ({issue_facts.gather('x')})::text as facts"


@dataclass(frozen=True, slots=True)
class LockedIssue:
    """The facts, and what the machine does not know: ``assignment_ids`` runs beside ``facts.assignments``."""

    id: int
    path: dict[str, int | None]
    facts: IssueFacts
    assignment_ids: tuple[int, ...]


class Opened(NamedTuple):
    """An issue to do a verb on: who does it, in which way, and on which of its assignments."""

    issue: LockedIssue
    actor: Actor
    way: Way
    position: int | None = None


async def lock(work: UnitOfWork, issue_id: int, *field: str) -> LockedIssue:
    """Lock a visible issue against other commands; raise NotFound at ``field``."""
    find = partial(scoped.visible, work, "issue", issue_id, Action.ISSUE_READ, rows.ISSUE, *field)
    await find(columns="x.id", lock=True)
    # Read once the lock is held: a statement that waited for it saw the parts, and who may see the issue, as before.
    row = await find(columns=_COLUMNS)
    facts, assignment_ids = issue_facts.found(json.loads(row.facts))
    return LockedIssue(issue_id, {name: getattr(row, name) for name in tables.PATH}, facts, assignment_ids)


async def open_issue(
    work: UnitOfWork,
    issue_id: int,
    expected_version: int | None,
    verb: Verb,
    ways: Sequence[Way] | None = None,
) -> Opened:
    """Lock an issue to do a verb on it; raise NotFound, Forbidden or Conflict, in this order.

    ``ways`` are those that will do, of the verb's. The guard is left to the machine: it is asked last.
    """
    issue = await lock(work, issue_id, "issueId")
    chosen = await _choose(work, issue, None, ON_ISSUE[verb] if ways is None else ways)
    check_version(issue, expected_version)
    return chosen


async def open_assignment(
    work: UnitOfWork, assignment_id: int, expected_version: int | None, verb: Verb
) -> tuple[LockedIssue, int, Actor]:
    """Like ``open_issue`` for one of its assignments, whose position comes second."""
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
    position = issue.assignment_ids.index(assignment_id)
    chosen = await _choose(work, issue, position, ON_ASSIGNMENT[verb])
    check_version(issue, expected_version)
    return issue, position, chosen.actor


async def _choose(work: UnitOfWork, issue: LockedIssue, position: int | None, ways: Sequence[Way]) -> Opened:
    """Take the first way that is open, or else the first that the policy grants, to be refused by its guard."""
    table, row_id, rule = _row(issue, position)
    granted = await scoped.permitted(work, table, row_id, rule, *dict.fromkeys(way.action for way in ways))
    candidates = [
        Opened(issue, work.actor(posting), way, position)
        for posting, action in granted
        for way in ways
        if way.action is action
    ]
    for one in candidates:
        if is_open(one.way, issue.facts, one.actor, position):
            return one
    return candidates[0]


def _row(issue: LockedIssue, position: int | None) -> tuple[str, int, RowRule]:
    if position is None:
        return "issue", issue.id, rows.ISSUE
    return "assignment", issue.assignment_ids[position], rows.PARTY


def check_version(issue: LockedIssue, expected: int | None) -> None:
    """Raise Conflict if the client read another version than the present one."""
    present = issue.facts.version
    if expected is not None and expected != present:
        raise Conflict(
            f"The issue is at version {present}, not {expected}: read it again.",
            f"问题已被他人修改（当前版本 {present}），请刷新后重试。",
            "expectedVersion",
        )
