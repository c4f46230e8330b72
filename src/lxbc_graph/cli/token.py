"""`lxbc-graph token`: an access token of any account, without its password."""

import asyncio
from typing import Annotated

import typer

from lxbc_graph.app import Service
from lxbc_graph.domain.words import AuditKind
from lxbc_graph.policy.audit import Entry
from lxbc_graph.settings import LONGEST_TTL_SECONDS, Settings

from .running import running_database
from .service import Account, principal_of, with_service

commands = typer.Typer(add_completion=False)


@commands.command()
def token(
    account: Account,
    ttl: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LONGEST_TTL_SECONDS,
            metavar="SECONDS",
            help="How long it lasts.",
            show_default="LXBC_ACCESS_TTL_SECONDS, else an hour",
        ),
    ] = None,
) -> None:
    """Print an access token of an account, for the header `Authorization: Bearer …`."""
    settings = Settings()

    async def make(service: Service) -> str:
        found = await principal_of(service, account)
        seconds = ttl or settings.access_ttl_seconds
        entry = Entry(
            AuditKind.TOKEN_ISSUED, found.account_id, account, found.city_id, detail={"seconds": seconds}
        )
        await service.audit.note(entry)
        return await service.tokens.lasting_access(account, seconds)

    with running_database(settings, create=False) as current:
        typer.echo(asyncio.run(with_service(current, make)))
