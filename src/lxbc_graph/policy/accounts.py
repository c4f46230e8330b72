"""Accounts, each turned into a principal by the postings that are in force now."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import asyncpg

from lxbc_graph.domain.principal import Credential, Path, Posting, Principal
from lxbc_graph.domain.words import Means, Role

from .remembered import Remembered

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
_BY = {column: _PRINCIPAL.format(column=column) for column in ("id", "name", "oidc_subject")}
_ROLES = [role.value for role in Role]
# All that a principal is made of, as one text for each account; and which of what was shown still holds.
_FINGERPRINTS = f"""
select a.id, null as key, jsonb_build_array(
           a.name, a.display_name, a.cadre_id, jsonb_agg(
               jsonb_build_array(p.id, p.role, p.department_id, p.city_id, p.county_id, p.township_id, p.village_id)
               order by p.id
           )
       )::text as text
{_OPEN} and a.id = any($1)
group by a.id
union all
select shown.account_id, shown.key, shown.means
from unnest($3::bigint[], $4::text[], $5::text[]) as shown (account_id, means, key)
where case shown.means
    when 'LOCAL' then exists (select from signing_key k where k.kid = shown.key)
    when 'API_KEY' then exists (
        select from api_key k
        where k.prefix = shown.key and k.revoked_at is null and (k.expires_at is null or now() < k.expires_at)
    )
    else exists (select from account a where a.oidc_subject = shown.key and a.id = shown.account_id)
end
"""
# Beside them, of the stored policies the newest: the one row without a text.
_WITH_POLICY = f"{_FINGERPRINTS} union all select max(version), null, null from policy"

Identity = tuple[int, Credential | None]
"""An account by its id, and what it showed."""
_Shown = tuple[int | None, Means, str]


class Account(NamedTuple):
    """An account, whatever it may do."""

    account_id: int
    account: str
    city_id: int


class Seen(NamedTuple):
    """What is so at one moment."""

    fingerprints: dict[Identity, str]
    """Of those who may still come in, a text each that changes whenever the principal does."""
    policy: int | None = None
    """The version of the newest stored policy, where that was asked for."""


class Accounts:
    """Loads principals, at most once per account and ``ttl_seconds``."""

    def __init__(self, pool: asyncpg.Pool, ttl_seconds: float) -> None:
        self._pool = pool
        self._remembered = Remembered(self._load, ttl_seconds)

    async def principal(self, account_name: str) -> Principal | None:
        """Return the account's principal, at most ``ttl_seconds`` old; None if unknown or disabled."""
        return await self._remembered(("name", account_name))

    async def principal_by_id(self, account_id: int) -> Principal | None:
        """Return the principal of the account with this id, as ``principal`` does."""
        return await self._remembered(("id", account_id))

    async def principal_by_subject(self, oidc_subject: str) -> Principal | None:
        """Return the principal of the account that the identity provider calls so, as ``principal`` does."""
        return await self._remembered(("oidc_subject", oidc_subject))

    async def principals(self, account_ids: Sequence[int]) -> dict[int, Principal]:
        """Return, of the accounts that are open, their principals as they are now."""
        return await self._read("id", account_ids)

    async def look(self, identities: Collection[Identity], *, policy: bool) -> Seen:
        """Look who they are, and at the stored ``policy``, with one statement."""
        shown = {
            _shown(account_id, credential) for account_id, credential in identities if credential is not None
        }
        columns = [[one[place] for one in shown] for place in range(3)]
        accounts = list({account_id for account_id, _ in identities})
        sql = _WITH_POLICY if policy else _FINGERPRINTS
        rows = await self._pool.fetch(sql, accounts, _ROLES, *columns)
        newest = next((row["id"] for row in rows if row["text"] is None), None)
        texts = {row["id"]: row["text"] for row in rows if row["key"] is None and row["text"] is not None}
        holds = {(row["id"], row["text"], row["key"]) for row in rows if row["key"] is not None}
        fingerprints = {
            (account_id, credential): texts[account_id]
            for account_id, credential in identities
            if account_id in texts and (credential is None or _shown(account_id, credential) in holds)
        }
        return Seen(fingerprints, newest)

    async def find(self, name_or_subject: str, means: Means = Means.LOCAL) -> Account | None:
        """Return the account of this name, or that the provider calls so, open or not."""
        if not is_account_name(name_or_subject):
            return None
        column = "oidc_subject" if means is Means.PROVIDER else "name"
        row = await self._pool.fetchrow(
            f"select id, name, city_id from account where {column} = $1", name_or_subject
        )
        return None if row is None else Account(*row)

    async def find_by_id(self, account_id: int) -> Account | None:
        """Return the account with this id, open or not."""
        row = await self._pool.fetchrow("select id, name, city_id from account where id = $1", account_id)
        return None if row is None else Account(*row)

    async def fresh(self, account_name: str) -> Principal | None:
        """Return the account's principal as it is now; None if unknown or disabled."""
        return await self._load(("name", account_name))

    async def _load(self, key: tuple[str, str | int]) -> Principal | None:
        column, value = key
        if isinstance(value, str) and not is_account_name(value):
            return None
        return next(iter((await self._read(column, [value])).values()), None)

    async def _read(self, column: str, keys: Sequence[str | int]) -> dict[int, Principal]:
        rows: defaultdict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in await self._pool.fetch(_BY[column], keys, _ROLES):
            rows[row["id"]].append(row)
        return {account_id: _principal(of_account) for account_id, of_account in rows.items()}


def is_account_name(text: str) -> bool:
    """Say whether an account could have this name: printable, so storable, and not empty."""
    return bool(text) and text.isprintable()


def _shown(account_id: int, credential: Credential) -> _Shown:
    """Return what is asked of a credential; a signing key is asked once for all accounts."""
    of_account = None if credential.means is Means.LOCAL else account_id
    return of_account, credential.means, credential.key


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
