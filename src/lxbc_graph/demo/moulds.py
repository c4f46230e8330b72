"""Many lives at once: the machine plays each shape of life once, all others of the shape fill its rows in.

A shape is what remains of a life without its ids, words and times. These are stood in for while the machine
plays, so that the rows that come out show where each of them belongs. What the machine works out from times, the
clocks, is worked out for each life beside them. The few lives in which a due time moves are all played.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import end_of_day, shanghai_date
from lxbc_graph.domain.machine import AssignmentFacts, EventDraft, IssueFacts, clocks
from lxbc_graph.domain.words import Complexity, Source, Subject
from lxbc_graph.store.issue_facts import ISSUE_COLUMNS
from lxbc_graph.store.tables import PATH

from .lives import NO_LAW, Law, Script, live
from .telling import Tale

Record = tuple[Any, ...]
_Pick = Callable[[Record], Record]

ISSUE = (
    *("id", "number", "title", "description", *PATH, "subject", "finder_id", "finder_account_id"),
    *("finder_name", "finder_rank", "unit_level", "source", "rules", *ISSUE_COLUMNS),
)
ASSIGNMENT = ("id", "issue_id", *AssignmentFacts._fields)
EVENT = (
    *("at", "issue_id", "assignment_id", "kind", "from_state", "to_state", "actor_id", "account_id"),
    *("actor_name", "posting_id", "reason", *PATH, "data"),
)
"""The columns of the records; the ids of events are left to the database."""


class Life(NamedTuple):
    """A tale with the ids that its rows are to have."""

    issue_id: int
    number: str
    assignment_ids: tuple[int, ...]
    tale: Tale


class Records(NamedTuple):
    """Rows of the three tables; the last column of an event is a mapping still when it comes from ``play``."""

    issues: list[Record]
    assignments: list[Record]
    events: list[Record]


def play(life: Life, law: Law = NO_LAW) -> Records:
    """Let the machine play one life."""
    return _records(life, law, *live(life.tale.script, law))


def _records(life: Life, law: Law, facts: IssueFacts, events: list[EventDraft]) -> Records:
    tale, issue_id = life.tale, life.issue_id
    finder, unit = tale.finder, tale.finder.unit
    place = (unit.id, unit.city_id, unit.county_id, unit.township_id, unit.village_id)
    issue = (
        *(issue_id, life.number, tale.title, tale.description, *place, tale.subject),
        *(finder.actor.cadre_id, finder.actor.account_id, finder.actor.name, finder.rank, unit.level),
        *(tale.source, law.ids),
        *(getattr(facts, name) for name in ISSUE_COLUMNS),
    )
    sides = zip(life.assignment_ids, facts.assignments, strict=True)
    return Records(
        [issue],
        [(id_, issue_id, *one._replace(plan=_plan_text(one))) for id_, one in sides],
        [_event(life, event, place) for event in events],
    )


def _plan_text(one: AssignmentFacts) -> Any:
    """Return the plan as the JSON text that COPY wants."""
    return None if one.plan is None else orjson.dumps(one.plan).decode()


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

    def __init__(self, law: Law = NO_LAW) -> None:
        self._law = law
        self._dues = _Dues(law)
        self._moulds: dict[Record, _Mould] = {}

    def fill(self, lives: Iterable[Life]) -> Records:
        """Return what ``play`` would, for all of the lives, but with the data of events as JSON text."""
        records = Records([], [], [])
        for life in lives:
            if _a_due_time_moves(life.tale.script):
                self._play(life, records)
                continue
            values = _flat(life)
            shape = tuple([type(value) if type(value) in _FILLED else value for value in values])
            if (mould := self._moulds.get(shape)) is None:
                mould = self._moulds[shape] = _Mould(life, self._law, self._dues)
            mould.fill(records, (*values, *self._dues.of(life.tale.script)))
        return records

    def _play(self, life: Life, records: Records) -> None:
        played = play(life, self._law)
        records.issues.extend(played.issues)
        records.assignments.extend(played.assignments)
        records.events.extend((*rest, orjson.dumps(dict(data)).decode()) for *rest, data in played.events)


def _a_due_time_moves(script: Script) -> bool:
    """Say whether what happens depends on the days on which it does, not only on the order of times."""
    moved = (side.returned_at or side.proposed_at for side in script.sides)
    return script.reopened_at is not None or any(moved)


class _Dues:
    """What the machine works out from the times of a life: the clocks, which begin or go on at some of them.

    They are the same for all times of one day, so each day is asked about once.
    """

    def __init__(self, law: Law) -> None:
        rule, calendar = law.rule, law.calendar

        @cache
        def started(complexity: Complexity, day: date) -> Record:
            return clocks.started(rule, complexity, end_of_day(day), calendar)

        @cache
        def tracked(day: date) -> datetime:
            return clocks.track_due(rule, end_of_day(day), calendar)

        @cache
        def looked_back(day: date) -> datetime | None:
            days = rule.look_back_days
            return None if days is None else clocks.in_days(rule, end_of_day(day), days, calendar)

        self._started, self._tracked, self._looked_back = started, tracked, looked_back

    def of(self, script: Script) -> list[datetime | None]:
        """Return the due times of a life, always as many for one shape."""
        dues: list[datetime | None] = []
        if at := script.handed_over_at:
            dues += self._started(script.complexity, shanghai_date(at))
        dues += [self._tracked(shanghai_date(at)) for side in script.sides if (at := side.progressed_at)]
        if at := script.rectified_at:
            dues.append(self._looked_back(shanghai_date(at)))
        return dues


class _Mould:
    """The records of a shape as positions among what a life says and when it is due, and what the shape shares.

    Between the two stands the due time that comes first; which one that is differs from life to life.
    """

    def __init__(self, life: Life, law: Law, dues: _Dues) -> None:
        stand_ins = _stand_ins(_flat(life))
        model: Life = _nested(life, iter(stand_ins))
        values = [*stand_ins, *dues.of(model.tale.script), _SOONEST]
        self._positions = {one: place for place, one in enumerate(values) if type(one) in _FILLED}
        self._first_shared = len(values)
        self._shared: list[Any] = []
        facts, events = live(model.tale.script, law)
        self._running = [self._place(due_at) for _, due_at in machine.running(facts)]
        soonest = facts.next_due_at and _SOONEST
        records = _records(model, law, facts._replace(next_due_at=soonest), events)
        self._issues = [self._pick(record) for record in records.issues]
        self._assignments = [self._pick(record) for record in records.assignments]
        self._events = [
            (self._pick(record), [(key, self._place(value)) for key, value in data.items()])
            for *record, data in records.events
        ]

    def fill(self, records: Records, values: Record) -> None:
        soonest = min([values[place] for place in self._running], default=None)
        values = (*values, soonest, *self._shared)
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
        self._shared.append(value)
        return self._first_shared + len(self._shared) - 1


_FILLED = frozenset({int, str, datetime, Source, Subject})
"""What the machine carries without looking at it, but for the order of times."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_APART = timedelta(days=100)
"""Between two times that are stood in for, so that nothing due after one is due after another."""
_SOONEST = datetime(1999, 1, 1, tzinfo=UTC)
"""Stands in for the first of the due times."""


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
    for number, (_, place) in enumerate(times):
        made[place] = _EPOCH + number * _APART
    return made
