"""`lxbc-graph postings`: what accounts and cadres are, and where, which is all that grants access."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lxbc_graph.domain.words import AuditKind, Role
from lxbc_graph.policy.audit import Entry
from lxbc_graph.store.database import Database
from lxbc_graph.store.tables import PATH
from lxbc_graph.write.postings import close_posting, note, open_posting

from .running import TOLD, Failure, group, on_database, show

commands = group("What they are, and where: all that grants access.")

_HOLDER = {
    "account": "select id, name, city_id from account where name = :given for no key update",
    "cadre": "select id, code as name, city_id from cadre where code = :given for no key update",
}
_UNIT = """
select *, id as unit_id from unit
where code = :given and (valid_to is null or valid_to > (now() at time zone 'Asia/Shanghai')::date)
"""
_DEPARTMENT = "select * from department where code = :given and unit_id = :unit"
_LISTED = """
select p.id, coalesce(a.name, c.code) as holder, p.role, u.code as unit, u.name, d.code as department,
       p.valid_from, p.valid_to
from posting p join unit u on u.id = p.unit_id
left join account a on a.id = p.account_id left join cadre c on c.id = p.cadre_id
left join department d on d.id = p.department_id
where (:holder is null or a.name = :holder or c.code = :holder)
  and (:unit is null or :unit in (u.code, d.code))
  and (:ended or p.valid_to is null or p.valid_to > now())
order by p.id
"""


@commands.command(
    epilog=(
        "Examples: lxbc-graph postings grant portal-411024 portal 411024\n\n"
        "lxbc-graph postings grant water department 411024 --department water-411024\n\n"
        "lxbc-graph postings grant --cadre C0042 cadre 411024104226"
    )
)
def grant(
    holder: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="Its name; with --cadre the code of a cadre.")
    ],
    role: Annotated[Role, typer.Argument(help="What the holder is there.")],
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="The code of the unit.")],
    cadre: Annotated[bool, typer.Option("--cadre", help="Post a cadre, with whichever account.")] = False,
    department: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of a department of the unit, for that role.")
    ] = None,
    lead: Annotated[bool, typer.Option("--lead", help="The holder leads those posted there.")] = False,
) -> None:
    """Grant a posting from now on, and print its number; open subscriptions follow within a second."""
    if (role is Role.DEPARTMENT) != (department is not None):
        raise Failure("--department is given for the role department, and for no other")

    async def work(database: Database) -> int:
        async with database.engine.begin() as connection:
            found = await _one(connection, _HOLDER["cadre" if cadre else "account"], holder)
            place = await _one(connection, _UNIT, unit)
            if found is None:
                raise Failure(f"there is no {'cadre' if cadre else 'account'} {holder!r}")
            if place is None:
                raise Failure(f"there is no unit {unit!r}, or it is closed")
            if found.city_id != place.city_id:
                raise Failure(f"{holder} is of another city than {unit}")
            bureau = department and await _one(connection, _DEPARTMENT, department, unit=place.id)
            if department is not None and bureau is None:
                raise Failure(f"there is no department {department!r} of {unit}")
            at = datetime.now(UTC)
            path = {name: getattr(place, name) for name in PATH}
            by = {"cadre_id" if cadre else "account_id": found.id}
            department_id = bureau.id if bureau else None
            posting_id = await open_posting(connection, by, role, path, department_id, lead=lead, at=at)
            said = {"role": role.value, "unit": unit, "department": department, "holder": holder}
            await note(connection, _entry(AuditKind.POSTING_GRANTED, posting_id, place.city_id, said))
            return posting_id

    typer.echo(on_database(work))


@commands.command(epilog="Example: lxbc-graph postings end 2741")
def end(
    posting: Annotated[int, typer.Argument(metavar="ID", help="Its number, as `postings list` shows it.")],
) -> None:
    """End a posting now; it stays in the history."""

    async def work(database: Database) -> None:
        async with database.engine.begin() as connection:
            found = await _one(
                connection, "select * from posting where id = :given for no key update", posting
            )
            if found is None:
                raise Failure(f"there is no posting {posting}")
            await close_posting(connection, posting, datetime.now(UTC))
            said = {"role": found.role}
            await note(connection, _entry(AuditKind.POSTING_ENDED, posting, found.city_id, said))

    on_database(work)
    TOLD.print(f"Ended {posting}")


@commands.command("list")
def list_(
    holder: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this account, or cadre by code.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="CODE", help="At this unit or department itself.")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those too that are over.")] = False,
) -> None:
    """List postings."""

    async def rows(database: Database) -> list[tuple[object, ...]]:
        async with database.engine.connect() as connection:
            given = {"holder": holder, "unit": unit, "ended": ended}
            return [tuple(row) for row in await connection.execute(_typed(_LISTED), given)]

    columns = ("id", "holder", "role", "unit", "name", "department", "from", "to")
    show(*columns, rows=on_database(rows), none="There are no such postings")


def _typed(statement: str) -> Any:
    for name in ("holder", "unit"):
        statement = statement.replace(f":{name}", f"cast(:{name} as text)")
    return text(statement)


async def _one(connection: AsyncConnection, statement: str, given: object, **more: object) -> Row[Any] | None:
    return (await connection.execute(text(statement), {"given": given, **more})).one_or_none()


def _entry(kind: AuditKind, posting_id: int, city_id: int, said: dict[str, Any]) -> Entry:
    return Entry(kind, city_id=city_id, subject=f"Posting:{posting_id}", detail=said)
