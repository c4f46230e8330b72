"""The event log: committed events in the relay's order, read from any position on and then followed.

The table is the truth. One reader per process tails it once and hands each event to those whom it may concern:
they are found by the event's unit and its ancestors, by its parties and by its people, not by asking each.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import asyncpg

from .backoff import outlast
from .broker import Broker, Topic
from .channel import Channel
from .cursors import Cursors, InvalidCursor
from .recent import Recent
from .shared import Shared

_BATCH = 256
_READS = 4  # of those who catch up, at a time

Route = tuple[str, int]
"""Whom an event may concern: a unit (``u``) on its path, a unit (``p``) or department (``d``) that is or was a party,
a cadre (``c``) or an account (``a``); and an id."""

# Where the event stood, where its issue stands now, who has or had a part in it: more than may see it, never less.
_AFTER = f"""
select e.seq, e.id, e.issue_id,
       extract(epoch from clock_timestamp() - e.committed_at)::float8,
       array[e.city_id, e.county_id, e.township_id, e.village_id],
       array[i.city_id, i.county_id, i.township_id, i.village_id],
       a.units, a.departments, array[i.finder_id, i.verifier_id] || a.cadres || v.cadres, i.finder_account_id,
       e.committed_at, (select committed_at from event where seq = $1) as before
from (select * from event where seq > $1 order by seq limit {_BATCH}) e
join issue i on i.id = e.issue_id
cross join lateral (
    select array_agg(party_unit_id) as units, array_agg(department_id) as departments,
           array_agg(responsible_id) as cadres
    from assignment where issue_id = e.issue_id
) a
cross join lateral (
    select array_agg(actor_id) as cadres from event where issue_id = e.issue_id and kind = 'VERIFIED'
) v
order by e.seq
"""
_HEAD = "select coalesce(max(seq), 0) from event"
_TAIL = "select coalesce(max(seq), 0), max(committed_at) filter (where seq = $1) from event where seq >= $1"
_FIRST = "select min(seq) from event"
_POSITION = """
select (select max(seq) from event) as head, (select min(seq) from event) as first,
       (select committed_at < now() - $2::interval from event where seq > $1 order by seq limit 1) as old
"""


class EventHead(NamedTuple):
    """An event in flight: where it stands in the order, which it is, of what and whom it may concern, never the row.

    The routes of the issue are as they are by now.
    ``committed_at`` is in seconds of ``time.time()``, and None of an event that was numbered before this was kept.
    """

    seq: int
    id: int
    issue_id: int
    committed_at: float | None
    routes: frozenset[Route]
    issue_routes: frozenset[Route]

    def concerns(self, routes: frozenset[Route]) -> bool:
        """Say whether it happened on one of the routes, or its issue lies on one."""
        return not (routes.isdisjoint(self.routes) and routes.isdisjoint(self.issue_routes))


class Batch(NamedTuple):
    """Events that concern a follower, in order, and the number up to which there is no other."""

    heads: list[EventHead]
    through: int


class CursorAhead(InvalidCursor):
    """A cursor after the newest event: of another database, or of one restored from before."""


class CursorExpired(Exception):
    """A cursor after which events are missing, or so many that they are not told one by one."""


class Log:
    """The numbered events of one database; ``run`` must run for followers to see new ones."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        broker: Broker,
        cursors: Cursors,
        *,
        retention: timedelta = timedelta(days=30),
        poll_seconds: float = 0.25,
        buffer: int = 4 * _BATCH,
        remembered: int = 4 * _BATCH,
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._cursors = cursors
        self._retention = retention
        self._poll_seconds = poll_seconds
        self._buffer = buffer
        self._followers: defaultdict[Route, set[Channel[EventHead]]] = defaultdict(set)
        self._remembered = remembered
        self._recent = Recent(remembered)
        self._reads: Shared[list[EventHead]] = Shared(_READS)
        self._firsts: Shared[int | None] = Shared(1)
        self._started = asyncio.Event()
        self._rewinds = 0
        self._tail_at: datetime | None = None
        """When the event at the tail was committed, which tells it from one of another time with its number."""
        self.tail = 0
        """The number of the newest event that was handed on."""

    async def started(self) -> None:
        """Wait until ``run`` knows where it begins."""
        await self._started.wait()

    async def head(self) -> int:
        """Return the sequence number of the newest event, 0 when there is none."""
        head: int = await self._pool.fetchval(_HEAD)
        return head

    def cursor(self, seq: int) -> str:
        """Return the text that resumes after the event with this sequence number; 0 is before all."""
        return self._cursors.seal(seq)

    async def position(self, cursor: str | None) -> int:
        """Return where to follow from: after the cursor, or without one after the newest event.

        Raises ``InvalidCursor`` for text that is no cursor, ``CursorAhead`` for one beyond the newest event,
        ``CursorExpired`` for one that is older than what is kept for followers.
        """
        if cursor is None:
            return await self.head()
        seq = self._cursors.open_seal(cursor)
        head, first, old = await self._pool.fetchrow(_POSITION, seq, self._retention) or (None, None, None)
        if seq > (head or 0):
            raise CursorAhead("this cursor is ahead of the event log")
        if old or (first or 0) > seq + 1:
            raise CursorExpired
        return seq

    async def follow(self, after: int, routes: Collection[Route]) -> AsyncGenerator[Batch]:
        """Yield every event numbered after ``after`` on one of the routes, once, in order, without end.

        What happened before is read in batches, of which some may hold no event. Rides out the loss of the
        database; raises ``CursorExpired`` where events are missing. Close the generator to stop following.
        """
        await self.started()
        rewinds = self._rewinds
        wanted = frozenset(routes)
        with self.channel(wanted, self._buffer) as channel:
            seen = after
            while True:
                if self._rewinds != rewinds:
                    raise CursorExpired
                handed_on = self.tail  # what comes by the channel is numbered above this
                while seen < handed_on:
                    missed = await self.missed(seen, wanted)
                    await self.look_for_gap(seen)
                    seen = missed.through
                    yield missed
                while (taken := await channel.take(_BATCH)) is not None:
                    if fresh := [head for head in taken if head.seq > seen]:
                        seen = fresh[-1].seq
                        yield Batch(fresh, seen)

    @contextmanager
    def channel(self, routes: frozenset[Route], limit: int) -> Iterator[Channel[EventHead]]:
        """Give what is handed on from now on, on one of the routes, until the block ends."""
        channel: Channel[EventHead] = Channel(limit)
        for route in routes:
            self._followers[route].add(channel)
        try:
            yield channel
        finally:
            for route in routes:
                self._followers[route].discard(channel)
                if not self._followers[route]:
                    del self._followers[route]

    async def missed(self, after: int, routes: frozenset[Route]) -> Batch:
        """Return the next events numbered after that, those on the routes; rides out the loss of the database."""
        heads = self._recent.after(after, _BATCH)
        if heads is None:
            heads = await self._reads(after, partial(self._read, after))
        through = heads[-1].seq if heads else max(after, self.tail)
        return Batch([head for head in heads if head.concerns(routes)], through)

    async def look_for_gap(self, after: int) -> None:
        """Raise ``CursorExpired`` where events after that are missing: where somebody took old ones away."""
        first = await self._firsts(None, lambda: outlast(lambda: self._pool.fetchval(_FIRST)))
        if (first or 0) > after + 1:
            raise CursorExpired

    def remembers(self, after: int) -> bool:
        """Say whether all events after that are known without a look at the table."""
        return self._recent.after(after, 0) is not None

    async def run(self) -> None:
        """Hand new events to the followers until cancelled."""
        async with self._broker.subscribe(Topic.NUMBERED) as bell:
            if not self._started.is_set():  # else it goes on where it was
                self.tail = max(0, await outlast(self.head) - self._remembered)
            while True:
                heads = await self._next()
                if heads is None:
                    await self._rewind()
                    continue
                for head in heads:
                    self._recent.add(head)
                    for channel in self._concerned(head.routes | head.issue_routes):
                        channel.offer(head)
                    self.tail = head.seq
                if len(heads) < _BATCH:
                    self._started.set()
                    await bell.heard(self._poll_seconds)

    async def _next(self) -> list[EventHead] | None:
        """Return what comes after the tail; None where that is no more what it was, however much comes after it."""
        rows = await self._rows(self.tail)
        if rows:
            head, tail_at = rows[-1]["seq"], rows[0]["before"]
        else:
            head, tail_at = await outlast(lambda: self._pool.fetchrow(_TAIL, self.tail)) or (0, None)
        if head < self.tail or (tail_at and self._tail_at and tail_at != self._tail_at):
            return None
        self._tail_at = rows[-1]["committed_at"] if rows else tail_at
        return _heads(rows)

    async def _rewind(self) -> None:
        """Begin anew: the database was restored from before, and its events are others."""
        self._rewinds += 1
        self._tail_at = None
        self._recent = Recent(self._remembered)
        self.tail = await outlast(self.head)
        for channel in set().union(*self._followers.values()):
            channel.forget()

    def _concerned(self, routes: frozenset[Route]) -> set[Channel[EventHead]]:
        return set().union(*(self._followers[route] for route in routes if route in self._followers))

    async def _read(self, after: int) -> list[EventHead]:
        return _heads(await self._rows(after))

    async def _rows(self, after: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await outlast(lambda: self._pool.fetch(_AFTER, after))
        return rows


def _heads(rows: Sequence[asyncpg.Record]) -> list[EventHead]:
    now = time.time()  # the server's clock may differ from ours, but not in how long ago it was
    return [
        EventHead(
            seq,
            id_,
            issue_id,
            None if age is None else now - age,
            _routes(u=path),
            _routes(u=issue_path, p=party_units, d=departments, c=cadres, a=[account]),
        )
        for seq, id_, issue_id, age, path, issue_path, party_units, departments, cadres, account, *_ in rows
    ]


def _routes(**found: list[int | None] | None) -> frozenset[Route]:
    return frozenset((kind, id_) for kind, ids in found.items() for id_ in ids or () if id_ is not None)
