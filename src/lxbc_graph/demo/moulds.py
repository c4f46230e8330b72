"""Many lives at once: the machine plays each shape of life once, all others of the shape fill its rows in.

A shape is what remains of a life without its ids, words and times. These are stood in for while the machine
plays, so that the rows that come out show where each of them belongs.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from lxbc_graph.domain.deadlines import due_at
from lxbc_graph.domain.machine import AssignmentFacts, EventDraft, IssueFacts
from lxbc_graph.domain.words import Source, Subject
from lxbc_graph.store import tables

from .lives import live
from .telling import Tale

Record = tuple[Any, ...]
_Pick = Callable[[Record], Record]

PLACE = ("unit_id", *tables.ANCESTORS)
_FACTS = tuple(name for name in IssueFacts._fields if name in tables.issue.c)
ISSUE = (
    *("id", "number", "title", "description", *PLACE, "subject", "finder_id", "finder_account_id"),
    *("finder_name", "finder_rank", "unit_level", "source", "mass_interest", "post_disaster", *_FACTS),
)
ASSIGNMENT = ("id", "issue_id", *AssignmentFacts._fields)
EVENT = (
    *("at", "issue_id", "assignment_id", "kind", "from_state", "to_state", "actor_id", "account_id"),
    *("actor_name", "posting_id", "reason", *PLACE, "data"),
)
"""The columns of the records; the ids of events are left to the database."""


class Life(NamedTuple):
    """A tale with the ids that its rows are to have."""

    issue_id: int
    number: str
    assignment_ids: tuple[int, int]
    tale: Tale


class Records(NamedTuple):
    """Rows of the three tables; the last column of an event is a mapping still when it comes from ``play``."""

    issues: list[Record]
    assignments: list[Record]
    events: list[Record]


def play(life: Life) -> Records:
    """Let the machine play one life."""
    tale, issue_id = life.tale, life.issue_id
    facts, events = live(tale.script)
    finder, unit = tale.finder, tale.finder.unit
    place = (unit.id, unit.city_id, unit.county_id, unit.township_id, unit.village_id)
    issue = (
        *(issue_id, life.number, tale.title, tale.description, *place, tale.subject),
        *(finder.actor.cadre_id, finder.actor.account_id, finder.actor.name, finder.rank, unit.level),
        *(tale.source, tale.mass_interest, tale.post_disaster),
        *(getattr(facts, name) for name in _FACTS),
    )
    sides = zip(life.assignment_ids, facts.assignments, strict=True)
    return Records(
        [issue],
        [(id_, issue_id, *one) for id_, one in sides],
        [_event(life, event, place) for event in events],
    )


def _event(life: Life, event: EventDraft, place: tuple[int | None, ...]) -> Record:
    actor = event.actor
    assignment_id = None if event.assignment is None else life.assignment_ids[event.assignment]
    return (
        *(event.at, life.issue_id, assignment_id, event.kind, event.from_state, event.to_state),
        *(actor.cadre_id, actor.account_id, actor.name, actor.posting_id, event.reason),
        *(*place, event.data),
    )


class Moulds:
    """Knows every shape that it has met."""

    def __init__(self) -> None:
        self._moulds: dict[Record, _Mould] = {}

    def fill(self, lives: Iterable[Life]) -> Records:
        """Return what ``play`` would, for all of the lives."""
        records = Records([], [], [])
        for life in lives:
            values = _flat(life)
            shape = tuple([type(value) if type(value) in _FILLED else value for value in values])
            if (mould := self._moulds.get(shape)) is None:
                mould = self._moulds[shape] = _Mould(life)
            mould.fill(records, (*values, _due(life), *mould.shared))
        return records


class _Mould:
    """The records of a shape as positions among the values of a life, its due time and what the shape shares."""

    def __init__(self, life: Life) -> None:
        stand_ins = _stand_ins(_flat(life))
        model: Life = _nested(life, iter(stand_ins))
        positions = {one: place for place, one in enumerate(stand_ins) if type(one) in _FILLED}
        self._positions = positions | {_due(model): len(stand_ins)}
        self._first_shared = len(stand_ins) + 1
        self.shared: list[Any] = []
        records = play(model)
        self._issues = [self._pick(record) for record in records.issues]
        self._assignments = [self._pick(record) for record in records.assignments]
        self._events = [
            (self._pick(record), [(key, self._place(value)) for key, value in data.items()])
            for *record, data in records.events
        ]

    def fill(self, records: Records, values: Record) -> None:
        records.issues.extend([pick(values) for pick in self._issues])
        records.assignments.extend([pick(values) for pick in self._assignments])
        records.events.extend(
            [
                (*pick(values), orjson.dumps({key: values[place] for key, place in data}).decode())
                for pick, data in self._events
            ]
        )

    def _pick(self, record: Iterable[Any]) -> _Pick:
        return itemgetter(*map(self._place, record))

    def _place(self, value: Any) -> int:
        if type(value) in _FILLED:
            place = self._positions.get(value)
            if place is not None:
                return place
        self.shared.append(value)
        return self._first_shared + len(self.shared) - 1


def _due(life: Life) -> datetime | None:
    """Return the one value that the machine works out from others."""
    script = life.tale.script
    return script.handed_over_at and due_at(script.complexity, script.handed_over_at)


_FILLED = frozenset({int, str, datetime, Source, Subject})
"""What the machine carries without looking at it, but for the order of times."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _flat(record: Record) -> list[Any]:
    """Return the leaves of nested tuples, in order."""
    leaves: list[Any] = []
    _gather(record, leaves.append)
    return leaves


def _gather(record: Record, add: Callable[[Any], None]) -> None:
    for one in record:
        if isinstance(one, tuple):
            _gather(one, add)
        else:
            add(one)


def _nested(record: Any, leaves: Iterator[Any]) -> Any:
    """Return the like of the record with other leaves."""
    parts = [_nested(one, leaves) if isinstance(one, tuple) else next(leaves) for one in record]
    return type(record)._make(parts) if hasattr(record, "_make") else tuple(parts)


def _stand_ins(leaves: list[Any]) -> list[Any]:
    """Replace what is to be filled in by what nothing else equals, times in the order of the real ones."""
    times = sorted((one, place) for place, one in enumerate(leaves) if type(one) is datetime)
    made: list[Any] = [f"\0{place}" if type(one) in _FILLED else one for place, one in enumerate(leaves)]
    for second, (_, place) in enumerate(times):
        made[place] = _EPOCH + timedelta(seconds=second)
    return made
