"""What gives committed events their order and tells of them: part of every process, and nearly all of a relay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from .live.background import kept
from .live.broker import Broker, LocalBroker, Topic
from .live.cursors import Cursors
from .live.ladder import Ladder
from .live.redis_broker import RedisBroker
from .live.relay import Relay
from .settings import Settings
from .store.database import Database


class Relaying(NamedTuple):
    """A database, and how its events reach whoever waits for them."""

    database: Database
    cursors: Cursors
    broker: Broker
    relay: Relay

    def committed(self) -> None:
        """Say that there are events to number."""
        self.broker.publish(Topic.COMMITTED)


@asynccontextmanager
async def open_relaying(settings: Settings) -> AsyncIterator[Relaying]:
    """Open ``settings.database_url``, which must be set and migrated; close it at the end."""
    if settings.database_url is None:
        raise ValueError("settings.database_url is not set")
    database = await Database.open(
        settings.database_url,
        pool_size=settings.pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
    )
    try:
        cursors = await Cursors.open(database.pool)
        broker = RedisBroker(settings.redis_url, cursors.database) if settings.redis_url else LocalBroker()
        yield Relaying(database, cursors, broker, Relay(database.pool, broker))
    finally:
        await database.close()


async def relay_and_climb(settings: Settings) -> None:
    """Number events and climb the ladder until cancelled."""
    async with open_relaying(settings) as relaying:
        ladder = Ladder(relaying.database.pool, relaying.committed, poll_seconds=settings.ladder_poll_seconds)
        async with kept(broker=relaying.broker.run, relay=relaying.relay.run, ladder=ladder.run):
            await asyncio.Future()
