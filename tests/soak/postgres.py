"""The database under test: an embedded PostgreSQL that survives a power cut, and can be restarted under its users."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from lxbc_graph.live.relay import RELAY_LOCK
from lxbc_graph.store.embedded import EmbeddedServer
from lxbc_graph.store.migrate import upgrade

from .journal import Numbered
from .process import until

_ELECTED = """
select usename from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and (classid::bigint << 32) | objid::bigint = $1
"""
_LOG = """
select coalesce(event.seq, 0), 'Event:' || event.id, unit.code
from event join unit on unit.id = event.unit_id order by event.seq nulls last, event.id
"""


class Postgres:
    """A migrated database; each process has a role of its own, by which its connections are known."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self.url = server.url

    @classmethod
    @asynccontextmanager
    async def running(cls, directory: Path) -> "AsyncIterator[Postgres]":
        """Start it in the directory; it ends with the context."""
        server = EmbeddedServer.start(directory)
        try:
            await asyncio.to_thread(upgrade, server.url)
            yield cls(server)
        finally:
            server.stop()

    async def url_for(self, role: str) -> str:
        """Make the role and return the URL by which it connects."""
        connection = await asyncpg.connect(self.url)
        await connection.execute(f"create role {role} superuser login")
        await connection.close()
        return make_url(self.url).set(username=role).render_as_string(hide_password=False)

    async def elected(self) -> str | None:
        """Return the role of the process that numbers events just now."""
        connection = await asyncpg.connect(self.url)
        try:
            found: str | None = await connection.fetchval(_ELECTED, RELAY_LOCK)
        finally:
            await connection.close()
        return found

    async def restart(self, mode: str) -> None:
        """Restart it, ``fast`` or ``immediate``, and wait until it lets somebody in."""
        home = self._server._home
        await asyncio.to_thread(
            home.run,
            *("pg_ctl", "restart", "--wait", "--silent", "--mode", mode),
            *("--pgdata", str(home.pgdata), "--log", str(home.pgdata / "server.log")),
        )
        await until(self._lets_in, "PostgreSQL")

    async def _lets_in(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def numbered(self) -> None:
        """Wait until every event has its number."""
        connection = await asyncpg.connect(self.url)

        async def all_are() -> bool:
            return not await connection.fetchval("select exists (select from event where seq is null)")

        await until(all_are, "the numbering of all events")
        await connection.close()

    async def log(self) -> list[Numbered]:
        """Return every event in the order of the numbers."""
        connection = await asyncpg.connect(self.url)
        rows = await connection.fetch(_LOG)
        await connection.close()
        return [Numbered(*row) for row in rows]
