"""The ladder: what follows a deadline, rung by rung, each written once as an event (DOMAIN 5).

The event's key says which rung of which clock it is, with the clock's due time: a pass may be repeated, cut short or
made by two at once, and a clock that starts anew climbs anew. What is due is worked out from the rows each time, so
nothing is missed while nobody climbs. Rows are not locked: a command on the same issue waits for nothing here.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

import asyncpg
import structlog

from lxbc_graph.domain.deadlines import Calendar, days_after, end_of_day, is_within, shanghai_date
from lxbc_graph.domain.rules import PROPOSALS, Rule
from lxbc_graph.store import rules, tables
from lxbc_graph.store.calendar import fetch
from lxbc_graph.store.copying import Connection

from . import letters
from .bell import Bell
from .office import Office

LADDER_LOCK = 0x6C786263_6C616464
"""Advisory lock key, "lxbcladd"; who climbs holds it."""

_PAGE = 5000  # ids of issues at a time
_CHUNK = 100  # issues in a statement
_BATCH = 500  # events in a statement, and so in a transaction
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

_GROUPS = "select distinct rules from issue where next_due_at is not null order by rules"

_DUE = f"""
select id, next_due_at from issue
where rules = $1 and next_due_at <= $2 and (next_due_at, id) > ($3, $4)
order by next_due_at, id limit {_PAGE}
"""

# It names neither a department nor a unit: who may see them finds them by way of the assignment.
_WRITE = f"""
with due as materialized (
    select c.id as clock_id, c.issue_id, c.assignment_id, c.kind as clock, c.due_at, c.due_at + r.after as since,
           r.place, r.rung, r.proposal, r.reply_due_at, k.key
    from clock c
    join unnest($3::int[], $4::text[], $5::interval[], $6::text[], $7::boolean[], $8::timestamptz[])
        r (place, rung, after, clock, proposal, reply_due_at) on r.clock = c.kind
    cross join lateral (select concat_ws(
        ':', case when c.assignment_id is null then 'issue' else 'assignment' end,
        coalesce(c.assignment_id, c.issue_id), c.kind, extract(epoch from c.due_at)::bigint, r.rung,
        extract(epoch from r.after)::bigint / 3600
    ) as key) k
    where c.running and c.issue_id = any($1::bigint[]) and c.due_at + r.after <= $2
      and not exists (select from event e where e.key = k.key)
    order by since, clock_id, place limit {_BATCH}
), written as (
    insert into event
        (issue_id, assignment_id, kind, from_state, to_state, actor_name, at, data, key, {", ".join(tables.PATH)})
    select d.issue_id, d.assignment_id, 'ALERTED', i.state, i.state, '系统', $2,
           jsonb_strip_nulls(jsonb_build_object(
               'rung', d.rung, 'clock', d.clock, 'dueAt', d.due_at, 'proposal', d.proposal,
               'replyDueAt', d.reply_due_at,
               'to', case d.clock
                   when 'ARBITRATE' then '活动办' when 'VERIFY' then '核实人' when 'LOOK_BACK' then '回访人'
                   else coalesce(
                       a.responsible_name, case a.kind when 'TERRITORIAL' then '属地单位' else '责任单位' end
                   )
               end
           )),
           d.key, {", ".join(f"i.{name}" for name in tables.PATH)}
    from due d
    join issue i on i.id = d.issue_id
    left join assignment a on a.id = d.assignment_id
    order by d.since, d.clock_id, d.place
    on conflict (key) where key is not null do nothing
    returning 1
)
select (select count(*) from due) as found, (select count(*) from written) as written
"""
"""Writes what is due of the issues ``$1`` at ``$2``; the others are the columns of ``_Step``."""

_log = structlog.get_logger()


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


class Ladder:
    """Climbs for as long as ``run`` runs, if elected, and stands by if not; ``written`` is called after events."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        written: Callable[[], None] = lambda: None,
        *,
        now: Callable[[], datetime] = utc_now,
        poll_seconds: float = 30.0,
    ) -> None:
        self._office = Office(pool, "ladder", LADDER_LOCK, told=True)
        self._written = written
        self._now = now
        self._poll_seconds = poll_seconds
        self._bell = Bell()
        self._rules: dict[tuple[int, ...], Rule | None] = {}
        self._letters_read_on: date | None = None

    @property
    def elected(self) -> bool:
        """Whether it is the one that climbs."""
        return self._office.elected

    def wake(self) -> None:
        """Make a pass now."""
        self._bell.ring()

    async def run(self) -> None:
        """Make a pass now and then until cancelled; a lost connection gives the office away and is made again."""
        await self._office.run(self._pass, lambda: self._bell.heard(self._poll_seconds))

    async def _pass(self, connection: Connection) -> None:
        if alerts := await self.climb(connection):
            _log.info("ladder climbed", alerts=alerts)

    async def climb(self, connection: Connection) -> int:
        """Write what is due on every ladder where people work now, and return how many events that were.

        The connection is in no transaction: each batch is one of its own, made at its own time.
        """
        calendar = await fetch(connection)
        if not calendar(shanghai_date(self._now())):
            return 0
        alerts = 0
        for group in await connection.fetch(_GROUPS):
            rule = await self._rule(connection, tuple(group["rules"]))
            if rule is not None and any(rung.clocks for rung in rule.ladder):
                try:
                    alerts += await self._climb_under(connection, group["rules"], rule, calendar)
                except asyncpg.PostgresError as error:  # the others must not wait behind it
                    _log.error("this ladder could not be climbed", rules=group["rules"], error=repr(error))
        return alerts + await self._read_letters(connection, calendar)

    async def _rule(self, connection: Connection, ids: tuple[int, ...]) -> Rule | None:
        """Return the rule of an issue that began under these rows, which never change; None for a bad one."""
        if ids not in self._rules:
            try:
                self._rules[ids] = await rules.fetch(connection, ids)
            except rules.BadSettings as error:
                _log.error(
                    "these rules make none together: their issues climb no ladder",
                    rules=ids,
                    error=str(error),
                )
                self._rules[ids] = None
        return self._rules[ids]

    async def _climb_under(
        self, connection: Connection, ids: Sequence[int], rule: Rule, calendar: Calendar
    ) -> int:
        """Write the rungs of all issues under one rule, the longest due first, until working hours end."""
        alerts = 0
        async for issues in self._due(connection, ids, rule):
            found = _BATCH
            while found == _BATCH:
                at = self._now()
                if not is_within(at, rule.opens, rule.closes, calendar):
                    return alerts
                steps = [list(column) for column in zip(*_steps(rule, at, calendar), strict=True)]
                [(found, written)] = await connection.fetch(_WRITE, issues, at, *steps)
                alerts += written
                if written:
                    self._written()
        return alerts

    async def _due(self, connection: Connection, ids: Sequence[int], rule: Rule) -> AsyncIterator[list[int]]:
        """Yield ids of issues of which a clock may have come to a rung, the longest due first."""
        ahead = timedelta(hours=-min(rung.after_hours for rung in rule.ladder))
        last = (_LONG_AGO, 0)
        while page := await connection.fetch(_DUE, ids, self._now() + ahead, *last):
            for start in range(0, len(page), _CHUNK):
                yield [row["id"] for row in page[start : start + _CHUNK]]
            last = (page[-1]["next_due_at"], page[-1]["id"])

    async def _read_letters(self, connection: Connection, calendar: Calendar) -> int:
        """Read once a day who has left letters unanswered: the time to answer them ends with a day."""
        at = self._now()
        if self._letters_read_on == shanghai_date(at):
            return 0
        proposals, waiting = await letters.read(connection, at, calendar, partial(self._rule, connection))
        if not waiting:
            self._letters_read_on = shanghai_date(at)
        if proposals:
            self._written()
        return proposals


class _Step(NamedTuple):
    """A rung as one of its clocks climbs it now."""

    place: int
    rung: str
    after: timedelta
    clock: str
    proposal: bool
    reply_due_at: datetime | None


def _steps(rule: Rule, at: datetime, calendar: Calendar) -> Iterator[_Step]:
    today = shanghai_date(at)
    for place, rung in enumerate(rule.ladder):
        reply = (
            None
            if rung.reply_days is None
            else end_of_day(days_after(today, rung.reply_days, rule.days, calendar))
        )
        for clock in rung.clocks:
            hours = timedelta(hours=rung.after_hours)
            yield _Step(place, rung.kind.value, hours, clock.value, rung.kind in PROPOSALS, reply)
