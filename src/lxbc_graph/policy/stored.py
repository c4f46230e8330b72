"""Policies in the database: every version that was ever loaded, of which the newest is in force in all processes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self

import asyncpg
import structlog

from lxbc_graph.domain.words import AuditKind
from lxbc_graph.store.outage import AWAY

from . import audit
from .enforcer import Enforcer
from .source import PolicyError, Source

_POLL_SECONDS = 0.4

_ADD = "insert into policy (model, rows) values ($1, $2) returning version"
_AFTER = "select version, model, rows from policy where version > $1 order by version desc"

_log = structlog.get_logger()

Wait = Callable[[float], Awaitable[object]]
"""Wait to be told that there is a new one, but not longer than so many seconds."""


class Stored(NamedTuple):
    """A version, and what was written."""

    version: int
    source: Source


class StoredPolicies:
    """The policies of one database."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def add(self, source: Source) -> int:
        """Store a policy and return its version; raises PolicyError for one that must not be loaded."""
        Enforcer(source)
        async with self._pool.acquire() as connection, connection.transaction():
            version: int = await connection.fetchval(_ADD, *(_text(part) for part in source))
            entry = audit.Entry(AuditKind.POLICY_STORED, subject=f"Policy:{version}")
            await connection.execute(audit.WRITE, *audit.parameters(entry))
        return version

    async def newest(self) -> Stored:
        """Return the newest that this process can load; raises PolicyError where there is none."""
        for found in await self.after(0):
            try:
                Enforcer(found.source)
            except PolicyError as error:  # it was stored by a newer program, with words that this one has not
                _log.error(
                    "this policy must not be loaded; an older one is taken",
                    stored=found.version,
                    problems=str(error).splitlines(),
                )
            else:
                return found
        raise PolicyError("the database holds no policy: store one with `lxbc-graph policy load FOLDER`")

    async def after(self, version: int) -> list[Stored]:
        """Return what is stored after that version, the newest first."""
        return [_stored(row) for row in await self._pool.fetch(_AFTER, version)]


class CurrentPolicy:
    """What is granted in this process: the newest policy of the database that it can load."""

    def __init__(self, policies: StoredPolicies, held: Stored) -> None:
        self.enforcer = Enforcer(held.source)
        self._policies = policies
        self._judged = held.version
        """What is stored up to this version is in force, or was left because it must not be loaded."""
        self._one_look = asyncio.Lock()

    @classmethod
    async def open(cls, policies: StoredPolicies) -> Self:
        """Return the policy as it is stored now; raises PolicyError where there is none."""
        return cls(policies, await policies.newest())

    async def follow(self, wait: Wait) -> None:
        """Take up what is stored until cancelled; while the database is away, nothing."""
        while True:
            await wait(_POLL_SECONDS)
            try:
                await self._look()
            except AWAY:
                continue

    async def reach(self, version: int) -> None:
        """Return when what is stored up to that version has been taken up, or left; raises as asyncpg does."""
        if version > self._judged:
            await self._look()

    async def _look(self) -> None:
        async with self._one_look:
            found = await self._policies.after(self._judged)
            for _, source in found:
                if await self.enforcer.take_up(source):
                    break
            if found:
                self._judged = found[0].version


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(row["version"], Source(row["model"].encode(), row["rows"].encode()))


def _text(part: bytes | str) -> str:
    return part if isinstance(part, str) else part.decode("utf-8-sig")
