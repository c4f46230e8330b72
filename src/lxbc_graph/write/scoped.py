"""Rows that a command may touch: found under the principal's scope, or not at all."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, text

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import Forbidden, InvalidInput, NotFound
from lxbc_graph.domain.principal import Posting
from lxbc_graph.domain.words import Dismissal
from lxbc_graph.policy.actions import TERMS, Action
from lxbc_graph.policy.rows import CADRE, ISSUE, NOTHING, POSTING, RowRule, each
from lxbc_graph.policy.scope import Scope, scope_of
from lxbc_graph.store.tables import ANCESTORS

from .unit_of_work import UnitOfWork

_text = lru_cache(1_000)(text)  # as many as there are shapes of scopes, and made more slowly than sent

_MAX_ID = 2**63 - 1
_LOCK = "for no key update of x"  # as an update takes it: a foreign key to the row need not wait


async def hold(work: UnitOfWork, table: str, row_ids: Collection[int], action: Action, rule: RowRule) -> None:
    """Lock those of the rows that the principal may read, in the order of their ids.

    Whoever needs several asks for them at once, before any other: two that named each other would deadlock.
    """
    params: dict[str, object] = {"ids": [row_id for row_id in row_ids if 0 < row_id <= _MAX_ID]}
    where = _predicate(rule, scope_of(work.enforcer, work.principal, action), "x", "s", params)
    if where != NOTHING:
        statement = f"select from {table} x where x.id = any(:ids) and {where} order by x.id {_LOCK}"
        await work.connection.execute(_text(statement), params)


async def visible(
    work: UnitOfWork,
    table: str,
    row_id: int,
    action: Action,
    rule: RowRule,
    *field: str,
    columns: str,
    lock: bool = False,
) -> Row[Any]:
    """Return the row that the principal may read; raise NotFound at ``field`` if there is none."""
    params: dict[str, object] = {"id": row_id}
    where = _predicate(rule, scope_of(work.enforcer, work.principal, action), "x", "s", params)
    if where == NOTHING or not 0 < row_id <= _MAX_ID:
        raise NotFound(*field)
    statement = f"select {columns} from {table} x where x.id = :id and {where} {_LOCK if lock else ''}"
    row = (await work.connection.execute(_text(statement), params)).one_or_none()
    if row is None:
        raise NotFound(*field)
    return row


async def original(
    work: UnitOfWork,
    issue_id: int,
    city_id: int | None,
    original_id: int,
    field: str,
    *,
    goes_on: bool = False,
) -> None:
    """Check the issue that another one repeats, and maybe that it goes on: NotFound or InvalidInput at ``field``."""
    if original_id == issue_id:
        raise InvalidInput("An issue is no duplicate of itself.", "不能与自身重复。", field)
    found = await visible(
        work, "issue", original_id, Action.ISSUE_READ, ISSUE, field, columns="x.dismissal, x.city_id"
    )
    if found.city_id != city_id:
        raise InvalidInput("Not an issue of the same city.", "不是同一市的问题。", field)
    if found.dismissal == Dismissal.DUPLICATE:  # or a chain of them could lead back to where it began
        raise InvalidInput("That issue is itself a duplicate.", "该问题本身已判为重复问题。", field)
    if goes_on and found.dismissal is not None:
        raise InvalidInput("That issue was dismissed.", "该问题已不予纳入，不能并入。", field)


async def cadre(work: UnitOfWork, city_id: int | None, cadre_id: int, field: str) -> Row[Any]:
    """Return a visible cadre of the city: raise NotFound or InvalidInput at ``field`` for any other."""
    found = await visible(
        work, "cadre", cadre_id, Action.CADRE_READ, CADRE, field, columns="x.name, x.rank, x.city_id"
    )
    if found.city_id != city_id:
        raise InvalidInput("Not a cadre of the issue's city.", "不是问题所在市的干部。", field)
    return found


async def account(work: UnitOfWork, name: str, city_id: int, field: str) -> int:
    """Lock an account of the city that the principal may know of, and return its id; raise NotFound at ``field``.

    It is known by its cadre, by where it is or was posted, or because it is posted nowhere yet.
    """
    params: dict[str, object] = {"name": name, "city": city_id}
    postings = scope_of(work.enforcer, work.principal, Action.POSTING_READ)
    cadres = scope_of(work.enforcer, work.principal, Action.CADRE_READ)
    posted = _predicate(POSTING, postings, "p", "p", params)
    seen = _predicate(CADRE, cadres, "c", "c", params)
    statement = f"""
    select x.id from account x where x.name = :name and x.city_id = :city and (
        exists (select from posting p where p.account_id = x.id and {posted})
        or exists (select from cadre c where c.id = x.cadre_id and {seen})
        or x.cadre_id is null and not exists (select from posting p where p.account_id = x.id)
    ) {_LOCK}
    """
    found: int | None = await work.connection.scalar(_text(statement), params)
    if found is None:
        raise NotFound(field)
    return found


def path_of(unit: Row[Any]) -> dict[str, int | None]:
    """Return the columns that say where a row of the unit belongs."""
    return {"unit_id": unit.id} | {name: getattr(unit, name) for name in ANCESTORS}


def check_open(unit: Row[Any], at: datetime, *field: str) -> None:
    """Raise InvalidInput at ``field`` for a unit that no longer exists."""
    if unit.valid_to is not None and unit.valid_to <= shanghai_date(at):
        raise InvalidInput("The unit is closed.", "该单位已撤销。", *field)


async def permitted(
    work: UnitOfWork, table: str, row_id: int, rule: RowRule, *actions: Action
) -> list[tuple[Posting, Action]]:
    """Return the postings that allow one of the actions on a visible row, each with it, or raise Forbidden."""
    params: dict[str, object] = {"id": row_id}
    candidates: list[tuple[Posting, Action, str]] = []
    for posting in work.principal.postings:
        alone = replace(work.principal, postings=(posting,))
        for action in actions:
            scope = scope_of(work.enforcer, alone, action)
            term = _predicate(rule, scope, "x", f"p{len(candidates)}", params)
            if term != NOTHING:
                candidates.append((posting, action, term))
    if candidates:
        columns = ", ".join(f"{term} as p{index}" for index, (_, _, term) in enumerate(candidates))
        row = (
            await work.connection.execute(_text(f"select {columns} from {table} x where x.id = :id"), params)
        ).one()
        granted = [one[:2] for one, holds in zip(candidates, row, strict=True) if holds]
        if granted:
            return granted
    names = ", ".join(action.value for action in actions)
    terms = "”或“".join(TERMS[action] for action in actions)
    raise Forbidden(f"No posting of yours allows {names} here.", f"您的岗位没有此处的“{terms}”权限。")


def _predicate(rule: RowRule, scope: Scope, alias: str, prefix: str, params: dict[str, object]) -> str:
    def bind(field: str, single: bool) -> str:
        ids = getattr(scope, field)
        params[f"{prefix}_{field}"] = ids[0] if single else list(ids)
        return f"cast(:{prefix}_{field} as {'bigint' if single else 'bigint[]'})"

    return each(rule).predicate(scope, alias, bind)
