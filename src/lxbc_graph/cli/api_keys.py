"""`lxbc-graph api-keys`: what portals and screens show in place of a password."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from lxbc_graph.domain.words import AuditKind
from lxbc_graph.policy import api_keys, audit
from lxbc_graph.policy.api_keys import KeyScope
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.database import Database

from .running import TOLD, Failure, group, in_transaction, on_database, show

commands = group("What portals and screens show in place of a password.")

LONGEST_DAYS = 3650
_LISTED = """
select k.prefix, a.name as account, k.name, k.scope, k.created_at,
       case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired' else 'good' end,
       k.expires_at, k.last_used_at
from api_key k join account a on a.id = k.account_id
where $1::text is null or a.name = $1
order by k.id
"""


@commands.command(epilog="Example: lxbc-graph api-keys create portal-411024 --name website --days 90")
def create(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Of a portal or a screen.")],
    name: Annotated[str, typer.Option(metavar="TEXT", help="What it is for, to tell it from others.")],
    scope: Annotated[KeyScope, typer.Option(help="Of what the account may do.")] = KeyScope.READ,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it is good.")] = 365,
) -> None:
    """Create a key and print it, this once: only a hash of it is kept."""
    if not name.strip() or not name.isprintable():
        raise Failure("--name: has characters that can be seen")

    async def work(connection: Connection) -> str:
        row = await connection.fetchrow("select id, city_id from account where name = $1", account)
        if row is None:
            raise Failure(f"there is no account {account!r}")
        expires_at = datetime.now(UTC) + timedelta(days=days)
        made = await api_keys.create(connection, row["id"], name, scope, expires_at)
        said = {"scope": scope.value, "expires_at": expires_at.isoformat()}
        entry = audit.Entry(
            AuditKind.API_KEY_CREATED, row["id"], account, row["city_id"], api_key=made.prefix, detail=said
        )
        await connection.execute(audit.WRITE, *audit.parameters(entry))
        return made.text

    typer.echo(in_transaction(work))


@commands.command("list")
def list_(
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Of this account alone.")] = None,
) -> None:
    """List the keys by their prefixes, with when each was last used, to the minute."""

    async def rows(database: Database) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await database.pool.fetch(_LISTED, account)]

    columns = ("prefix", "account", "name", "scope", "created", "state", "expires", "last used")
    show(*columns, rows=on_database(rows), none="There are no keys")


@commands.command()
def revoke(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Of the key: lxbc_PREFIX_….")],
) -> None:
    """End a key: within a second it is refused, and its subscriptions end."""

    async def work(connection: Connection) -> None:
        account_id = await api_keys.revoke(connection, prefix)
        row = await connection.fetchrow("select name, city_id from account where id = $1", account_id)
        assert row is not None  # noqa: S101 - the key refers to it
        entry = audit.Entry(
            AuditKind.API_KEY_REVOKED, account_id, row["name"], row["city_id"], api_key=prefix
        )
        await connection.execute(audit.WRITE, *audit.parameters(entry))

    in_transaction(work)
    TOLD.print(f"Revoked {prefix}")
