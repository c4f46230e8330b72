"""Accounts, each turned into a principal by the postings that are in force now."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

import asyncpg
from anyio import CapacityLimiter, to_thread

from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Role

from .passwords import matches

# The account's own postings and its cadre's; one of another city is never carried across, whoever wrote it.
_OPEN = """
from account a
left join posting p
  on (p.account_id = a.id or p.cadre_id = a.cadre_id)
 and p.city_id = a.city_id
 and p.role = any($2)
 and p.valid_from <= now() and (p.valid_to is null or now() < p.valid_to)
where (a.disabled_at is null or now() < a.disabled_at)
"""
_PRINCIPAL = f"""
select a.id, a.name, a.display_name, a.city_id as tenant_id, a.cadre_id,
       p.id as posting_id, p.role, p.department_id, p.city_id, p.county_id, p.township_id, p.village_id
{_OPEN} and a.{{column}} = any($1)
order by p.id
"""
_BY_NAME = _PRINCIPAL.format(column="name")
_BY_ID = _PRINCIPAL.format(column="id")
_ROLES = [role.value for role in Role]
# All that a principal is made of, as one text for each account.
_FINGERPRINTS = f"""
select a.id, jsonb_build_array(
           a.name, a.display_name, a.cadre_id, jsonb_agg(
               jsonb_build_array(p.id, p.role, p.department_id, p.city_id, p.county_id, p.township_id, p.village_id)
               order by p.id
           )
       )::text as fingerprint
{_OPEN} and a.id = any($1)
group by a.id
"""

_REMEMBERED = 16_384
_HASHING_AT_ONCE = 2  # each takes a core and 64 MiB: a flood of logins must not take them all


class Accounts:
    """Loads principals, at most once per account and ``ttl_seconds``, and checks passwords."""

    def __init__(self, pool: asyncpg.Pool, ttl_seconds: float) -> None:
        self._pool = pool
        self._ttl_seconds = ttl_seconds
        self._loads: dict[str | int, tuple[float, asyncio.Task[Principal | None]]] = {}
        self._hashing = CapacityLimiter(_HASHING_AT_ONCE)

    async def principal(self, account_name: str) -> Principal | None:
        """Return the account's principal, at most ``ttl_seconds`` old; None if unknown or disabled."""
        return await self._remembered(account_name)

    async def principal_by_id(self, account_id: int) -> Principal | None:
        """Return the principal of the account with this id, as ``principal`` does."""
        return await self._remembered(account_id)

    async def principals(self, account_ids: Sequence[int]) -> dict[int, Principal]:
        """Return, of the accounts that are open, their principals as they are now."""
        return await self._read(_BY_ID, account_ids)

    async def fingerprints(self, account_ids: Sequence[int]) -> dict[int, str]:
        """Return, of the accounts that are open, a text each that changes whenever the principal does."""
        rows = await self._pool.fetch(_FINGERPRINTS, account_ids, _ROLES)
        return {row["id"]: row["fingerprint"] for row in rows}

    async def authenticate(self, account_name: str, password: str) -> Principal | None:
        """Return the principal, freshly read, if the password is right; None, after the same work, if not."""
        stored = None
        if _is_account_name(account_name):
            stored = await self._pool.fetchval(
                "select password_hash from account where name = $1", account_name
            )
        if not await to_thread.run_sync(matches, stored, password, limiter=self._hashing):
            return None
        return await self._load(account_name)

    async def _remembered(self, key: str | int) -> Principal | None:
        """Join the load that is under way or still good; start one otherwise."""
        now = time.monotonic()
        good_until, load = self._loads.get(key, (now, None))
        if load is None or good_until <= now:
            load = asyncio.create_task(self._load(key))
            load.add_done_callback(lambda done: self._drop_failed(key, done))
            self._loads.pop(key, None)
            self._loads[key] = (now + self._ttl_seconds, load)
            if len(self._loads) > _REMEMBERED:
                del self._loads[next(iter(self._loads))]
        # Shielded: one caller that hangs up must not take the answer from the others.
        return load.result() if load.done() else await asyncio.shield(load)

    def _drop_failed(self, key: str | int, load: asyncio.Task[Principal | None]) -> None:
        failed = load.cancelled() or load.exception() is not None
        if failed and self._loads.get(key, (0.0, None))[1] is load:
            del self._loads[key]

    async def _load(self, key: str | int) -> Principal | None:
        if isinstance(key, str) and not _is_account_name(key):
            return None
        found = await self._read(_BY_NAME if isinstance(key, str) else _BY_ID, [key])
        return next(iter(found.values()), None)

    async def _read(self, statement: str, keys: Sequence[str | int]) -> dict[int, Principal]:
        rows: defaultdict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in await self._pool.fetch(statement, keys, _ROLES):
            rows[row["id"]].append(row)
        return {account_id: _principal(of_account) for account_id, of_account in rows.items()}


def _is_account_name(text: str) -> bool:
    """Say whether an account could have this name: printable, so storable, and not empty."""
    return bool(text) and text.isprintable()


def _principal(rows: Sequence[asyncpg.Record]) -> Principal:
    account = rows[0]
    return Principal(
        account_id=account["id"],
        account=account["name"],
        display_name=account["display_name"],
        city_id=account["tenant_id"],
        cadre_id=account["cadre_id"],
        postings=tuple(_posting(row) for row in rows if row["posting_id"] is not None),
    )


def _posting(row: asyncpg.Record) -> Posting:
    return Posting(
        id=row["posting_id"],
        role=Role(row["role"]),
        path=Path(row["city_id"], row["county_id"], row["township_id"], row["village_id"]),
        department_id=row["department_id"],
    )
