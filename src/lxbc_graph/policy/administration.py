"""What an operator does to accounts, from the command line: each thing whole, and noted in the audit."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from lxbc_graph.domain.words import AuditKind, Level
from lxbc_graph.store.copying import Connection

from . import audit
from .accounts import is_account_name

LONGEST_NAME = 100
SHORTEST_PASSWORD = 8


class NotDone(ValueError):
    """What cannot be done to accounts; the text says why."""


async def create(
    connection: Connection,
    name: str,
    display_name: str | None,
    *,
    city: str | None = None,
    cadre: str | None = None,
    password_hash: str | None = None,
    oidc_subject: str | None = None,
) -> int:
    """Make an account, of a cadre or else of a city by their codes, and return its id; raises NotDone."""
    if not is_account_name(name) or len(name) > LONGEST_NAME:
        raise NotDone(f"a name has 1 to {LONGEST_NAME} characters, all of which can be seen")
    if cadre is not None and city is not None:
        raise NotDone("the account of a cadre is of the cadre's city: name one of the two")
    holder = await (_cadre(connection, cadre) if cadre is not None else _city(connection, city))
    shown = display_name or holder["name"] or name
    if not shown.strip() or not shown.isprintable() or len(shown) > LONGEST_NAME:
        raise NotDone(f"a display name has 1 to {LONGEST_NAME} characters, all of which can be seen")
    try:
        account_id: int = await connection.fetchval(
            "insert into account (name, display_name, city_id, cadre_id, password_hash, oidc_subject)"
            " values ($1, $2, $3, $4, $5, $6) returning id",
            *(name, shown, holder["city_id"], holder["id"], password_hash, _subject(oidc_subject)),
        )
    except asyncpg.UniqueViolationError as error:
        raise NotDone(_taken(error, name)) from None
    await _note(connection, AuditKind.ACCOUNT_CREATED, name, cadre=cadre)
    return account_id


async def disable(connection: Connection, name: str) -> None:
    """Close an account: whatever it has signed in with ends within a second. Raises NotDone."""
    await _change(connection, name, "disabled_at = least(disabled_at, now())")
    await _end_families(connection, name)
    await _note(connection, AuditKind.ACCOUNT_DISABLED, name)


async def enable(connection: Connection, name: str) -> None:
    """Open an account again; its sign-ins are not renewed, so it has to sign in. Raises NotDone."""
    await _change(connection, name, "disabled_at = null")
    await _note(connection, AuditKind.ACCOUNT_ENABLED, name)


async def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Give an account another password; sign-ins with the old one are no longer renewed. Raises NotDone."""
    await _change(connection, name, "password_hash = $2", password_hash)
    await _end_families(connection, name)
    await _note(connection, AuditKind.PASSWORD_SET, name)


async def link(connection: Connection, name: str, oidc_subject: str | None) -> None:
    """Say who an account is at the identity provider, or that it is nobody there. Raises NotDone."""
    try:
        await _change(connection, name, "oidc_subject = $2", _subject(oidc_subject))
    except asyncpg.UniqueViolationError as error:
        raise NotDone(_taken(error, name)) from None
    await _note(connection, AuditKind.ACCOUNT_LINKED, name, linked=oidc_subject is not None)


async def sign_out(connection: Connection, name: str) -> int:
    """End all that follows from any sign-in of the account, and return how many those were; raises NotDone."""
    await _change(connection, name, "name = name")
    ended = await _end_families(connection, name)
    await _note(connection, AuditKind.SIGNED_OUT, name, families=ended)
    return ended


async def listed(pool: "asyncpg.Pool[asyncpg.Record]") -> Sequence[asyncpg.Record]:
    """Return the accounts by name, with what is in force of each."""
    return await pool.fetch(_LISTED)


_LISTED = """
select a.name, a.display_name, city.code as city, c.code as cadre,
       a.disabled_at is not null and a.disabled_at <= now() as disabled,
       concat_ws(', ', case when a.password_hash is not null then 'password' end,
                       case when a.oidc_subject is not null then 'provider' end,
                       case when exists (select from api_key k where k.account_id = a.id and k.revoked_at is null
                                         and (k.expires_at is null or now() < k.expires_at)) then 'key' end) as by,
       (select string_agg(p.role || '@' || coalesce(d.code, u.code), ', ' order by p.id)
        from posting p join unit u on u.id = p.unit_id left join department d on d.id = p.department_id
        where (p.account_id = a.id or p.cadre_id = a.cadre_id)
          and p.valid_from <= now() and (p.valid_to is null or now() < p.valid_to)) as postings
from account a join unit city on city.id = a.city_id left join cadre c on c.id = a.cadre_id
order by a.name
"""


async def _cadre(connection: Connection, code: str) -> asyncpg.Record:
    found = await connection.fetchrow("select id, name, city_id from cadre where code = $1", code)
    if found is None:
        raise NotDone(f"there is no cadre {code!r}")
    return found


async def _city(connection: Connection, code: str | None) -> asyncpg.Record:
    found = await connection.fetch(
        "select null::bigint as id, null::text as name, id as city_id from unit"
        " where level = $1 and ($2::text is null or code = $2) limit 2",
        Level.CITY,
        code,
    )
    if not found:
        raise NotDone("there is no city" if code is None else f"there is no city {code!r}")
    if len(found) > 1:
        raise NotDone("there are several cities: say which with --city")
    return found[0]


def _subject(oidc_subject: str | None) -> str | None:
    if oidc_subject is not None and not is_account_name(oidc_subject):
        raise NotDone("the provider's name of an account has characters that can be seen")
    return oidc_subject


def _taken(error: asyncpg.UniqueViolationError, name: str) -> str:
    if error.constraint_name == "uq_account_oidc_subject":
        return "another account is linked to that already"
    return f"there is an account {name!r} already"


async def _change(connection: Connection, name: str, change: str, *values: object) -> None:
    done = await connection.fetchval(
        f"update account set {change} where name = $1 returning id", name, *values
    )
    if done is None:
        raise NotDone(f"there is no account {name!r}")


async def _end_families(connection: Connection, name: str) -> int:
    rows = await connection.fetch(
        "delete from refresh_token where account_id = (select id from account where name = $1) returning family",
        name,
    )
    return len({row["family"] for row in rows})


async def _note(connection: Connection, kind: AuditKind, name: str, **detail: Any) -> None:
    row = await connection.fetchrow("select id, city_id from account where name = $1", name)
    assert row is not None  # noqa: S101 - it was changed just now
    said = {key: value for key, value in detail.items() if value is not None}
    entry = audit.Entry(kind, row["id"], name, row["city_id"], detail=said)
    await connection.execute(audit.WRITE, *audit.parameters(entry))
