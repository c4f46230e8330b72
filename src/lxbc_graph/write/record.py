"""Steps of the machine as rows: the change of the issue and of its assignments, the event, and its evidence."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, insert, update

from lxbc_graph.domain.machine import EventDraft, Step
from lxbc_graph.store import tables
from lxbc_graph.store.issue_facts import ISSUE_COLUMNS

from . import evidence
from .locked_issue import LockedIssue
from .unit_of_work import UnitOfWork

# Made once, and given values as parameters: to make a statement takes longer than to have it sent.
_CHANGE_ISSUE = update(tables.issue).where(tables.issue.c.id == bindparam("row"))
_CHANGE_ASSIGNMENT = update(tables.assignment).where(tables.assignment.c.id == bindparam("row"))
_ADD_EVENT = insert(tables.event).returning(tables.event.c.id)


async def record(
    work: UnitOfWork,
    issue: LockedIssue,
    step: Step,
    *,
    attachments: Collection[int] = (),
    moved_to: Mapping[str, int | None] | None = None,
) -> int:
    """Write what the step changed and return the id of the issue.

    An issue that moves to the path ``moved_to`` has its event under the old unit and under the new one, which alone
    says why.
    """
    facts, event = step
    changed: dict[str, Any] = {name: getattr(facts, name) for name in ISSUE_COLUMNS}
    changed = {name: value for name, value in changed.items() if value != getattr(issue.facts, name)}
    changed |= moved_to or {}
    await work.connection.execute(_CHANGE_ISSUE, {"row": issue.id, **changed})
    before = issue.facts.assignments
    for assignment_id, old, new in zip(issue.assignment_ids, before, facts.assignments, strict=False):
        if new != old:
            await work.connection.execute(_CHANGE_ASSIGNMENT, {"row": assignment_id, **new._asdict()})
    if added := facts.assignments[len(before) :]:
        await work.connection.execute(
            insert(tables.assignment), [{"issue_id": issue.id, **one._asdict()} for one in added]
        )
    concerned = None if event.assignment is None else issue.assignment_ids[event.assignment]
    if moved_to is not None:
        await record_event(work, issue.id, issue.path, event._replace(reason=None, data={"left": True}))
    event_id = await record_event(work, issue.id, moved_to or issue.path, event, concerned)
    await evidence.attach(work, event_id, attachments)
    return issue.id


async def record_event(
    work: UnitOfWork,
    issue_id: int,
    path: Mapping[str, int | None],
    event: EventDraft,
    assignment_id: int | None = None,
) -> int:
    """Append the event under the unit of its issue and return its id; its number comes later, from the relay."""
    values = {
        "issue_id": issue_id,
        "assignment_id": assignment_id,
        "kind": event.kind,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "actor_id": event.actor.cadre_id,
        "account_id": event.actor.account_id,
        "actor_name": event.actor.name,
        "posting_id": event.actor.posting_id,
        "reason": event.reason,
        "at": event.at,
        "data": dict(event.data),
        **path,
    }
    written = await work.connection.execute(_ADD_EVENT, values)
    work.events += 1
    event_id: int = written.scalar_one()
    return event_id
