"""API keys: what portals and screens show in place of a password, good for one account and a narrow scope.

A key reads ``lxbc_<prefix>_<secret>``. The prefix names it, to people too; only a hash of the whole is kept. It opens
what the account is by the roles that it had when the key was made, whatever it becomes.
"""

import asyncio
import hmac
import re
import secrets
import time
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from math import inf
from typing import NamedTuple

import asyncpg
import structlog

from lxbc_graph.domain.words import Role
from lxbc_graph.store.copying import Connection

from .remembered import Remembered

BEGIN = "lxbc_"
ROLES = (Role.PORTAL, Role.SCREEN)
"""Accounts of programs: those of people sign in, so that what they do is theirs."""

_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(rf"{BEGIN}([0-9a-f]{{{2 * _PREFIX_BYTES}}})_[A-Za-z0-9_-]{{43}}")  # 32 bytes in base64url
_USED_AGAIN = timedelta(minutes=1)

_log = structlog.get_logger()


class KeyScope(StrEnum):
    """What a key lets its bearer do, of what the account may."""

    READ = "read"
    READ_WRITE = "read,write"


class NoKey(ValueError):
    """A key that cannot be made or found; the text says why."""


class Key(NamedTuple):
    """A key that was found by its prefix."""

    id: int
    account_id: int
    prefix: str
    hash: bytes
    scope: KeyScope
    roles: frozenset[Role]
    expires_at: datetime | None
    good: bool
    """Whether it is neither revoked nor over."""
    stale: bool
    """Whether it was last used so long ago that this use is noted."""


_FIND = """
select id, account_id, prefix, hash, scope, roles, expires_at,
       revoked_at is null and (expires_at is null or now() < expires_at) as good,
       last_used_at is null or last_used_at < now() - $2::interval as stale
from api_key where prefix = $1
"""
_USED = """
update api_key set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - $2::interval)
"""


class ApiKeys:
    """Finds keys, each at most once in ``ttl_seconds``, and notes their use, at most once a minute."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", ttl_seconds: float) -> None:
        self._pool = pool
        self._found = Remembered(self._find, ttl_seconds)
        self._noted: dict[int, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def key(self, text: str) -> Key | None:
        """Return the key that the text is, as it was at most ``ttl_seconds`` ago; None for any other text."""
        formed = _FORM.fullmatch(text)
        if formed is None:  # it may be of any length, and nothing of it is remembered
            return None
        found = await self._found(formed[1])
        if found is None or not hmac.compare_digest(found.hash, _hash(text)):
            return None
        if (
            found.good
            and found.stale
            and time.monotonic() - self._noted.get(found.id, -inf) > _USED_AGAIN.total_seconds()
        ):
            self._noted[found.id] = time.monotonic()
            task = asyncio.create_task(self._used(found.id))  # nobody waits for it
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)
        return found

    async def holds(self, prefix: str) -> bool:
        """Say whether the key of this prefix is still good."""
        found = await self._found(prefix)
        return found is not None and found.good

    async def _find(self, prefix: str) -> Key | None:
        row = await self._pool.fetchrow(_FIND, prefix, _USED_AGAIN)
        if row is None:
            return None
        roles = frozenset(Role(role) for role in row["roles"])
        return Key(**{**row, "scope": KeyScope(row["scope"]), "roles": roles})

    async def _used(self, key_id: int) -> None:
        try:
            await self._pool.execute(_USED, key_id, _USED_AGAIN)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            _log.warning("the use of an API key was not noted", exc_info=True)


class Made(NamedTuple):
    """A new key: the text, which is shown this once, and its prefix."""

    text: str
    prefix: str


async def create(
    connection: Connection, account_id: int, name: str, scope: KeyScope, expires_at: datetime | None
) -> Made:
    """Make a key for an account of a portal or screen; raises NoKey for any other."""
    postings = await connection.fetch(
        "select distinct role from posting where account_id = $1"
        " and valid_from <= now() and (valid_to is null or now() < valid_to)",
        account_id,
    )
    roles = {row["role"] for row in postings}
    if not roles or not roles <= set(ROLES):
        raise NoKey(f"only accounts whose postings are all {' or '.join(ROLES)} have keys")
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"{BEGIN}{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    await connection.execute(
        "insert into api_key (account_id, name, prefix, hash, scope, roles, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        *(account_id, name, prefix, _hash(text), scope.value, sorted(roles), expires_at),
    )
    return Made(text, prefix)


async def revoke(connection: Connection, prefix: str) -> int:
    """End a key and return the id of its account; again without effect. Raises NoKey."""
    account_id: int | None = await connection.fetchval(
        "update api_key set revoked_at = coalesce(revoked_at, now()) where prefix = $1 returning account_id",
        prefix,
    )
    if account_id is None:
        raise NoKey(f"there is no key {prefix!r}")
    return account_id


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
