"""Each numbered event says when it was committed, as near as its server knows that."""

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from tests.test_live import PATIENCE, an_issue, happen, running

from lxbc_graph.live.broker import LocalBroker
from lxbc_graph.live.relay import Relay
from lxbc_graph.store import embedded
from lxbc_graph.store.database import Database
from lxbc_graph.store.embedded import EmbeddedServer
from lxbc_graph.store.migrate import upgrade

pytestmark = pytest.mark.anyio


async def clock(connection: asyncpg.Connection) -> datetime:
    """The server's time, now."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def numbered(url: str) -> datetime:
    """Let a relay number the one event that is not numbered yet, and return when it was committed."""
    database = await Database.open(url, pool_size=2)
    unnumbered = await database.pool.fetchval("select id from event where seq is null")
    committed_at: datetime | None = None
    async with asyncio.timeout(PATIENCE), running(Relay(database.pool, LocalBroker()).run()):
        while committed_at is None:
            committed_at = await database.pool.fetchval(
                "select committed_at from event where id = $1 and seq is not null", unnumbered
            )
    await database.close()
    return committed_at


async def kept_open(connection: asyncpg.Connection, issue: int) -> tuple[datetime, datetime]:
    """Write an event as a command does, and commit it later; return moments just before and after the commit."""
    async with connection.transaction():
        async with connection.transaction():
            await happen(connection, issue)
        before = await clock(connection)
    return before, await clock(connection)


async def test_it_is_the_commit_and_neither_the_writing_nor_the_numbering(
    database: Database, database_url: str
) -> None:
    issue = await an_issue(database.pool)
    writer = await asyncpg.connect(database_url)
    for _ in range(2):
        before, after = await kept_open(writer, issue)
        assert before <= await numbered(database_url) <= after
    await writer.close()


async def test_a_server_that_does_not_know_says_when_it_was_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="lxbc-untracked-") as folder:
        with monkeypatch.context() as untracked:
            untracked.setitem(embedded._SETTINGS, "track_commit_timestamp", "off")
            server = EmbeddedServer.start(Path(folder), durable=False)
        await asyncio.to_thread(upgrade, server.url)
        writer = await asyncpg.connect(server.url)
        issue = await an_issue(writer)
        _, after = await kept_open(writer, issue)
        assert after <= await numbered(server.url) <= await clock(writer)
        await kept_open(writer, issue)
        await writer.close()
        server.stop()

        # From now on it is tracked; of what was committed before, nothing is known.
        server = EmbeddedServer.start(Path(folder), durable=False)
        writer = await asyncpg.connect(server.url)
        later = await clock(writer)
        assert later <= await numbered(server.url) <= await clock(writer)
        before, after = await kept_open(writer, issue)
        assert before <= await numbered(server.url) <= after
        await writer.close()
        server.stop()
