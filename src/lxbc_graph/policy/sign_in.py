"""Signing in with a password, as often as the limits allow: the audit counts what was refused, for all processes."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

import asyncpg
from anyio import CapacityLimiter, to_thread

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import AuditKind, Means
from lxbc_graph.settings import Settings
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.secret import database_secret

from . import audit
from .accounts import Accounts, is_account_name
from .passwords import matches

_HASHING_AT_ONCE = 2  # each takes a core and 64 MiB: a flood of logins must not take them all

# Counted for a name since it last signed in, for an address whatever else it did.
_NTH = """
select
    (select at from audit_event
     where tried = $1 and kind = 'SIGN_IN_REFUSED' and at > clock_timestamp() - $3::interval
       and at > coalesce((select max(at) from audit_event
                          where tried = $1 and kind = 'SIGNED_IN' and at > clock_timestamp() - $3::interval),
                         '-infinity')
     order by at desc offset $2 limit 1) as of_name,
    (select at from audit_event
     where address = $4 and kind = 'SIGN_IN_REFUSED' and at > clock_timestamp() - $3::interval
     order by at desc offset $5 limit 1) as of_address,
    clock_timestamp() as now
"""
_ACCOUNT = """
select id, name, city_id, password_hash, disabled_at is null or now() < disabled_at as open
from account where name = $1
"""


class TooManyAttempts(Exception):
    """There were too many for this name or from this address: nothing was looked at, not even the password."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many attempts")
        self.retry_after_seconds = retry_after_seconds


class SignIns:
    """Checks passwords, and notes what came of it."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", accounts: Accounts, settings: Settings, secret: bytes
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._secret = secret
        self._of_name = settings.login_attempts
        self._of_address = settings.login_attempts_per_address
        self._window = timedelta(seconds=settings.login_window_seconds)
        self._hashing = CapacityLimiter(_HASHING_AT_ONCE)
        self._audit = audit.Audit(pool)

    @classmethod
    async def open(
        cls, pool: "asyncpg.Pool[asyncpg.Record]", accounts: Accounts, settings: Settings
    ) -> "SignIns":
        """Use the database's secret, under which names are counted."""
        return cls(pool, accounts, settings, await database_secret(pool))

    async def authenticate(self, account_name: str, password: str) -> Principal | None:
        """Return the principal, freshly read, if the password is right; None, after the same work, if not.

        Raises TooManyAttempts.
        """
        tried = hmac.digest(self._secret, account_name.encode("utf-8", "surrogatepass"), "sha256")
        lock = await self._lock(self._pool, tried)
        if lock is None:
            # One at a time for each name, or a hundred at once would all be let in before the first was refused.
            async with self._hashing, self._pool.acquire() as connection, connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", _number(tried))
                lock = await self._lock(connection, tried)
                right = lock is None and await _checked(connection, account_name, password, tried)
        if lock is not None:
            await self._note(lock, account_name)
            raise TooManyAttempts(lock.seconds)
        return await self._accounts.fresh(account_name) if right else None

    async def _note(self, lock: "_Lock", account_name: str) -> None:
        key = f"locked {lock.of} {lock.begun_at.isoformat()}"
        if self._audit.begins(key):
            found = await self._accounts.find(account_name)
            whose: tuple[int | None, str | None, int | None] = (None, None, None) if found is None else found
            await self._audit.note(audit.Entry(AuditKind.SIGN_IN_LOCKED, *whose, means=Means.LOCAL, key=key))

    async def _lock(self, asked: "asyncpg.Pool[asyncpg.Record] | Connection", tried: bytes) -> "_Lock | None":
        address = audit.ADDRESS.get()
        nth_of_name, nth_of_address = self._of_name - 1, self._of_address - 1
        row = await asked.fetchrow(_NTH, tried, nth_of_name, self._window, address, nth_of_address)
        assert row is not None  # noqa: S101 - it has no from clause
        found: list[tuple[datetime, str]] = [
            (at, of)
            for at, of in ((row["of_name"], tried.hex()), (row["of_address"], str(address)))
            if at is not None
        ]
        if not found:
            return None
        begun_at, of = max(found)
        left = begun_at + self._window - row["now"]
        return _Lock(of, begun_at, max(1, ceil(left.total_seconds())))


class _Lock(NamedTuple):
    """Whose it is, since when, and for how many seconds from now."""

    of: str
    begun_at: datetime
    seconds: int


async def _checked(connection: Connection, account_name: str, password: str, tried: bytes) -> bool:
    """Say whether the password opens the account, and note it."""
    known = is_account_name(account_name)
    account = await connection.fetchrow(_ACCOUNT, account_name) if known else None
    stored: str | None = None if account is None else account["password_hash"]
    matched = await to_thread.run_sync(matches, stored, password)
    right = bool(matched) and account is not None and account["open"]
    kind = AuditKind.SIGNED_IN if right else AuditKind.SIGN_IN_REFUSED
    entry = audit.Entry(kind, means=Means.LOCAL, tried=tried)
    if account is not None:
        entry = replace(entry, account_id=account["id"], account=account["name"], city_id=account["city_id"])
    await connection.execute(audit.WRITE, *audit.parameters(entry))
    return right


def _number(tried: bytes) -> int:
    return int.from_bytes(tried[:8], signed=True)
