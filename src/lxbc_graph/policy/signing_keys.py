"""The keys that access tokens are signed with: the newest signs, all verify."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from lxbc_graph.store.copying import Connection

_MARGIN = timedelta(minutes=1)
"""For which a process that has yet to hear of a new key may still sign with the one before."""

_LOCK = "lock table signing_key in share row exclusive mode"
_READ = "select kid, secret from signing_key order by created_at, kid"
_NEWEST = "select kid from signing_key order by created_at desc, kid desc limit 1"
_INSERT = """
insert into signing_key (kid, secret, created_at)
select $1, $2, greatest(clock_timestamp(), max(created_at) + interval '1 microsecond') from signing_key
"""


class UnknownKey(LookupError):
    """There is no key of this name."""


class KeyListed(NamedTuple):
    """A key as an operator sees it; ``needed_until`` is None while it signs and no token of it outlives the usual."""

    kid: str
    created_at: datetime
    signs: bool
    needed_until: datetime | None


async def read(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, str]:
    """Return the secrets by kid, the newest last."""
    return {row["kid"]: row["secret"] for row in await pool.fetch(_READ)}


async def ensure(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, str]:
    """Return what ``read`` does; make the first if there is none, once however many processes start."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        if await connection.fetchval(_NEWEST) is None:
            await _make(connection)
        return {row["kid"]: row["secret"] for row in await connection.fetch(_READ)}


async def listed(pool: "asyncpg.Pool[asyncpg.Record]") -> list[KeyListed]:
    """Return the keys, the newest last."""
    rows = await pool.fetch(
        "select kid, created_at, needed_until,"
        f" kid = ({_NEWEST}) as signs from signing_key order by created_at, kid"
    )
    return [KeyListed(row["kid"], row["created_at"], row["signs"], row["needed_until"]) for row in rows]


async def rotate(connection: Connection, access_ttl: timedelta) -> str:
    """Make the key that signs from now on, drop those that nothing needs any more, and return its kid."""
    await connection.execute(_LOCK)
    await connection.execute(
        "update signing_key set needed_until = greatest(needed_until, now() + $1::interval)"
        f" where needed_until is null or kid = ({_NEWEST})",
        access_ttl + _MARGIN,
    )
    kid = await _make(connection)
    await prune(connection)
    return kid


async def prune(connection: Connection) -> list[str]:
    """Drop the keys of which no token is left, and return their kids."""
    rows = await connection.fetch(
        f"delete from signing_key where needed_until < now() and kid <> ({_NEWEST}) returning kid"
    )
    return [row["kid"] for row in rows]


async def revoke(connection: Connection, kid: str) -> str | None:
    """Drop a key with all its tokens; return the kid that signs in its place, if it signed. Raises UnknownKey."""
    await connection.execute(_LOCK)
    newest = await connection.fetchval(_NEWEST)
    if await connection.fetchval("delete from signing_key where kid = $1 returning kid", kid) is None:
        raise UnknownKey(kid)
    return await _make(connection) if kid == newest else None


async def need(pool: "asyncpg.Pool[asyncpg.Record]", kid: str, until: datetime) -> None:
    """Keep the key until a token has ended that outlives the usual."""
    await pool.execute(
        "update signing_key set needed_until = greatest(needed_until, $2::timestamptz) where kid = $1",
        kid,
        until,
    )


async def _make(connection: Connection) -> str:
    kid = secrets.token_hex(8)
    await connection.execute(_INSERT, kid, secrets.token_urlsafe(48))
    return kid
