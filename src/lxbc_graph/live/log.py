"""The event log: committed events in the relay's order, read from any position on and then followed.

The table is the truth. One reader per process tails it once and hands each event to all followers; because
the numbers have no gap, a follower sees by arithmetic whether it was handed everything, and reads the table
if not.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import asyncpg
import structlog

from lxbc_graph.domain.principal import Path
from lxbc_graph.store.outage import AWAY

from .backoff import Backoff
from .broker import Broker
from .channel import Channel
from .cursors import Cursors, InvalidCursor

_BATCH = 256
_COLUMNS = "seq, id, issue_id, city_id, county_id, township_id, village_id"
_AFTER = f"select {_COLUMNS} from event where seq > $1 order by seq limit {_BATCH}"
_NEWEST = f"select {_COLUMNS} from event where seq is not null order by seq desc limit 1"
_HEAD = "select coalesce(max(seq), 0) from event"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EventHead:
    """An event in flight: where it stands in the order, what it is about and where, never the row."""

    seq: int
    event_id: int
    issue_id: int
    path: Path


class CursorAhead(InvalidCursor):
    """A cursor after the newest event: of another database, or of one restored from before."""


class Log:
    """The numbered events of one database; ``run`` must run for followers to see new ones."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        broker: Broker,
        cursors: Cursors,
        *,
        poll_seconds: float = 0.25,
        buffer: int = 4 * _BATCH,
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._cursors = cursors
        self._poll_seconds = poll_seconds
        self._buffer = buffer
        self._channels: set[Channel[EventHead]] = set()

    async def head(self) -> int:
        """Return the sequence number of the newest event, 0 when there is none."""
        head: int = await self._pool.fetchval(_HEAD)
        return head

    def cursor(self, seq: int) -> str:
        """Return the text that resumes after the event with this sequence number; 0 is before all."""
        return self._cursors.seal(seq)

    async def position(self, cursor: str | None) -> int:
        """Return where to follow from: after the cursor, or without one after the newest event.

        Raises ``InvalidCursor`` for text that is no cursor, ``CursorAhead`` for one beyond the newest event.
        """
        if cursor is None:
            return await self.head()
        seq = self._cursors.open_seal(cursor)
        if seq > await self.head():
            raise CursorAhead("this cursor is ahead of the event log")
        return seq

    async def follow(self, after: int | None) -> AsyncGenerator[EventHead]:
        """Yield every event numbered after ``after`` (None: after the newest), once, in order, without end.

        Rides out the loss of the database. Close the generator to stop following.
        """
        channel: Channel[EventHead] = Channel(self._buffer)
        self._channels.add(channel)  # before reading the table, so that nothing falls in between
        try:
            seen = await self.head() if after is None else after
            while True:
                batch = await self._read(_AFTER, seen)
                for head in batch:
                    yield head
                    seen = head.seq
                if len(batch) == _BATCH:
                    continue
                while (head := await channel.take()).seq <= seen + 1:
                    if head.seq > seen:
                        yield head
                        seen = head.seq
        finally:
            self._channels.discard(channel)

    async def run(self) -> None:
        """Hand new events to the followers until cancelled."""
        seen: int | None = None
        async with self._broker.subscribe() as bell:
            while True:
                batch: list[EventHead] = []
                if not self._channels:
                    seen = None
                elif seen is None:  # the newest is enough: who lacks the ones before it will notice
                    batch = await self._read(_NEWEST)
                else:
                    batch = await self._read(_AFTER, seen)
                for head in batch:
                    seen = head.seq
                    for channel in self._channels:
                        channel.offer(head)
                if len(batch) < _BATCH:
                    await bell.heard(self._poll_seconds)

    async def _read(self, statement: str, *arguments: int) -> list[EventHead]:
        backoff = Backoff()
        while True:
            try:
                rows = await self._pool.fetch(statement, *arguments)
            except AWAY as error:
                _log.warning("event log out of reach", error=repr(error))
                await backoff.pause()
            else:
                return [EventHead(seq, event, issue, Path(*path)) for seq, event, issue, *path in rows]
