"""`lxbc-graph keys`: with what access tokens are signed; running processes follow within a second."""

from datetime import timedelta
from typing import Annotated

import typer

from lxbc_graph.domain.words import AuditKind
from lxbc_graph.policy import audit, signing_keys
from lxbc_graph.settings import Settings
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.database import Database

from .running import TOLD, Failure, group, in_transaction, on_database, show

commands = group("With what access tokens are signed.")


@commands.command()
def rotate() -> None:
    """Make a new key that signs from now on; the ones before verify until their last token has ended.

    LXBC_ACCESS_TTL_SECONDS must be what the servers have. Keys that nothing needs any more are dropped.
    """
    ttl = timedelta(seconds=Settings().access_ttl_seconds)

    async def work(connection: Connection) -> str:
        kid = await signing_keys.rotate(connection, ttl)
        await _note(connection, AuditKind.SIGNING_KEY_ROTATED, kid)
        return kid

    typer.echo(in_transaction(work))


@commands.command(epilog="Example: lxbc-graph keys revoke 5f0c7a9d31e2b846")
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="The key, as `keys list` shows it.")],
) -> None:
    """Drop a key at once: every access token that it signed ends; refresh tokens are not touched."""

    async def work(connection: Connection) -> str | None:
        signs = await signing_keys.revoke(connection, kid)
        await _note(connection, AuditKind.SIGNING_KEY_REVOKED, kid)
        return signs

    try:
        signs = in_transaction(work)
    except signing_keys.UnknownKey:
        raise Failure(f"there is no key {kid!r}") from None
    TOLD.print(f"Revoked {kid}" + (f"; {signs} signs in its place" if signs else ""))


@commands.command()
def prune() -> None:
    """Drop the keys of which no token is left; `rotate` does so too."""
    dropped = in_transaction(signing_keys.prune)
    TOLD.print(f"Dropped {', '.join(dropped) or 'none'}")


@commands.command("list")
def list_() -> None:
    """List the keys, the one that signs last."""

    async def rows(database: Database) -> list[tuple[object, ...]]:
        return [
            (one.kid, one.created_at, "signs" if one.signs else "verifies", one.needed_until)
            for one in await signing_keys.listed(database.pool)
        ]

    show("kid", "since", "does", "needed until", rows=on_database(rows), none="There are no keys yet")


async def _note(connection: Connection, kind: AuditKind, kid: str) -> None:
    entry = audit.Entry(kind, subject=kid)
    await connection.execute(audit.WRITE, *audit.parameters(entry))
