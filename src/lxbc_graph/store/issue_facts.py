"""The facts of an issue as the machine sees them: one SQL expression that gathers them, and what it means.

Whoever executes a command and whoever offers one read the same facts, but for the texts of the parties.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from lxbc_graph.domain.machine import Actor, AssignmentFacts, IssueFacts, names
from lxbc_graph.domain.words import EventKind

from . import tables
from .rules import MERGED, rule_written

ISSUE_COLUMNS = tuple(name for name in IssueFacts._fields if name in tables.issue.c)
_ASSIGNMENT = ("id", *AssignmentFacts._fields)
_ISSUE = (*ISSUE_COLUMNS, "finder_id", "finder_account_id")
_TEXTS = frozenset({"measure", "feedback", "return_reason", "plan"})
_HANDLING = (
    EventKind.ASSIGNMENT_ACCEPTED,
    EventKind.ASSIGNMENT_RETURNED,
    EventKind.PROGRESS_REPORTED,
    EventKind.PLAN_PROPOSED,
    EventKind.FEEDBACK_SUBMITTED,
)
_KINDS = ", ".join(f"'{kind}'" for kind in _HANDLING)


class Found(NamedTuple):
    """The facts; ``assignment_ids`` runs beside ``facts.assignments``."""

    facts: IssueFacts
    assignment_ids: tuple[int, ...]


def gather(alias: str, *, texts: bool = True) -> str:
    """Return the SQL expression of the facts of the issue at an alias, as JSON for ``found``.

    Without ``texts`` it lacks what parties wrote: no guard asks for it, and a plan alone may be as long as a book.
    """
    columns = tuple(name for name in _ASSIGNMENT if texts or name not in _TEXTS)
    return f"""json_build_object(
        'issue', {_object(alias, _ISSUE)},
        'assignments', (
            select json_agg({_object("fa", columns)} order by fa.id)
            from assignment fa where fa.issue_id = {alias}.id
        ),
        'handled', (
            select jsonb_agg(distinct jsonb_build_array(fe.account_id, fe.actor_id))
            from event fe where fe.issue_id = {alias}.id and fe.kind in ({_KINDS})
        ),
        'settings', ({MERGED.format(ids=f"{alias}.rules")})::text
    )"""


def found(gathered: Mapping[str, Any]) -> Found:
    """Return what ``gather`` found."""
    issue, assignments = gathered["issue"], gathered["assignments"] or []
    handlers = {("cadre", one["responsible_id"]) for one in assignments if one["responsible_id"] is not None}
    for account_id, cadre_id in gathered["handled"] or ():
        handlers |= names(Actor(account_id, "", cadre_id))
    facts = IssueFacts(
        **{name: _READ_ISSUE[name](issue[name]) for name in ISSUE_COLUMNS},
        assignments=tuple(
            AssignmentFacts(
                **{name: _READ_ASSIGNMENT[name](one.get(name)) for name in AssignmentFacts._fields}
            )
            for one in assignments
        ),
        handlers=frozenset(handlers),
        finders=names(Actor(issue["finder_account_id"], "", issue["finder_id"])),
        rule=rule_written(gathered["settings"]),
    )
    return Found(facts, tuple(one["id"] for one in assignments))


def _object(alias: str, columns: tuple[str, ...]) -> str:
    pairs = ", ".join(f"'{name}', {alias}.{name}" for name in columns)
    return f"json_build_object({pairs})"


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return what turns a JSON value into one of the type."""
    if get_origin(hint) is UnionType:
        inner = _reader(get_args(hint)[0])
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda value: tuple(map(item, value))
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return lambda value: value


_READ_ISSUE = {
    name: _reader(hint) for name, hint in get_type_hints(IssueFacts).items() if name in ISSUE_COLUMNS
}
_READ_ASSIGNMENT = {name: _reader(hint) for name, hint in get_type_hints(AssignmentFacts).items()}
