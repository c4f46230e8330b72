"""Postings as rows: opened and ended, never deleted, each noted in the audit with the same commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lxbc_graph.domain.errors import Conflict
from lxbc_graph.domain.principal import Path, Posting
from lxbc_graph.domain.words import Role
from lxbc_graph.policy import audit
from lxbc_graph.store import tables

Holder = Mapping[str, int]
"""``cadre_id`` or ``account_id``."""

_REACH = text("""
update cadre set reach = (
    select array_agg(distinct id order by id) from unnest(reach || cast(:path as bigint[])) as id where id is not null
) where id = :cadre
""")
_CADRE = text("""
select id from cadre
where id = coalesce(:cadre, (select cadre_id from account where id = :account)) for no key update
""").bindparams(bindparam("cadre", type_=BigInteger), bindparam("account", type_=BigInteger))
_HELD = text("""
select * from posting
where (cadre_id = :cadre or account_id = :account or account_id in (select id from account where cadre_id = :cadre))
  and (valid_to is null or valid_to > :at)
""").bindparams(bindparam("cadre", type_=BigInteger), bindparam("account", type_=BigInteger))


async def held(connection: AsyncConnection, holder: Holder, at: datetime) -> list[Posting]:
    """Return what the holder is, which is what its cadre and all accounts of that cadre are.

    The row of the holder must be locked; that of an account's cadre is locked here.
    """
    account = holder.get("account_id")
    cadre: int | None = await connection.scalar(_CADRE, {"account": account, "cadre": holder.get("cadre_id")})
    found = await connection.execute(_HELD, {"account": account, "cadre": cadre, "at": at})
    return [
        Posting(row.id, Role(row.role), Path(*(getattr(row, name) for name in tables.ANCESTORS)))
        for row in found
    ]


async def open_posting(
    connection: AsyncConnection,
    holder: Holder,
    role: Role,
    path: Mapping[str, int | None],
    department_id: int | None,
    *,
    lead: bool,
    at: datetime,
) -> int:
    """Insert a posting that holds from now on and return its id; raise Conflict where the holder is that already.

    The row of the holder must be locked.
    """
    posting = tables.posting
    values: dict[str, Any] = {**holder, **path, "role": role, "department_id": department_id}
    keys = (*holder, "role", "unit_id", "department_id")
    same = (posting.c[key].is_not_distinct_from(values[key]) for key in keys)
    found = await connection.execute(
        select(posting.c.id).where(*same, posting.c.valid_to.is_(None) | (posting.c.valid_to > at))
    )
    if found.first() is not None:
        raise Conflict("The holder is that there already.", "该人员（账号）已在此任此岗位。", "role")
    written = await connection.execute(
        insert(posting).values(**values, valid_from=at, lead=lead).returning(posting.c.id)
    )
    posting_id: int = written.scalar_one()
    if (cadre_id := holder.get("cadre_id")) is not None:
        ids = [path[name] for name in tables.ANCESTORS]
        await connection.execute(_REACH, {"cadre": cadre_id, "path": ids})
    return posting_id


async def close_posting(connection: AsyncConnection, posting_id: int, at: datetime) -> None:
    """End a posting now; raise Conflict for one that has ended. Its row must be locked."""
    posting = tables.posting
    found = await connection.execute(
        select(posting.c.valid_from, posting.c.valid_to).where(posting.c.id == posting_id)
    )
    row = found.one()
    if row.valid_to is not None and row.valid_to <= at:
        raise Conflict("The posting has ended already.", "该岗位已经终止。", "postingId")
    await connection.execute(
        update(posting).where(posting.c.id == posting_id).values(valid_to=max(at, row.valid_from))
    )


async def note(connection: AsyncConnection, entry: audit.Entry) -> None:
    """Write the entry with all else that the transaction writes."""
    await connection.exec_driver_sql(audit.WRITE, audit.parameters(entry))
