"""`lxbc-graph audit`: who signed in, what was granted, handed out and refused."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from lxbc_graph.domain.words import AuditKind
from lxbc_graph.store.database import Database

from .running import on_database, show

commands = typer.Typer(add_completion=False)

_LISTED = """
select at, kind, account_name, concat_ws(' ', means, api_key) as means, address, subject, detail
from audit_event
where ($1::text is null or account_name = $1) and ($2::text is null or kind = $2)
  and ($3::timestamptz is null or at >= $3)
order by id desc limit $4
"""
_COLUMNS = ("at", "kind", "account", "by", "address", "subject", "detail")


@commands.command(epilog="Example: lxbc-graph audit --kind SIGN_IN_REFUSED --since 2026-01-31 --limit 1000")
def audit(
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Of this account alone.")] = None,
    kind: Annotated[AuditKind | None, typer.Option(help="Of this kind alone.", show_choices=False)] = None,
    since: Annotated[datetime | None, typer.Option(help="From this moment on, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each.")] = False,
) -> None:
    """List what was done about access, or refused, newest first."""

    async def rows(database: Database) -> list[tuple[object, ...]]:
        moment = since and since.replace(tzinfo=UTC)
        found = await database.pool.fetch(_LISTED, account, kind, moment, limit)
        return [tuple(row) for row in found]

    found = on_database(rows)
    if as_json:
        for at, *rest, detail in found:
            whole = dict(zip(_COLUMNS, (str(at), *rest, json.loads(str(detail))), strict=True))
            typer.echo(json.dumps(whole, ensure_ascii=False))
    else:
        show(*_COLUMNS, rows=found, none="Nothing was noted")
