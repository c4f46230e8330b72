"""`lxbc-graph serve`: the API, until it is ended."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from socket import socket
from typing import Annotated

import typer
from rich.console import RenderableType

from lxbc_graph.app import create_app
from lxbc_graph.http import server
from lxbc_graph.http.workers import serve_by_workers
from lxbc_graph.policy.stored import StoredPolicies
from lxbc_graph.settings import Settings

from .running import TOLD, running_database, where, with_database

commands = typer.Typer(add_completion=False)


@commands.command()
def serve(
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="By how many processes.", show_default="LXBC_WORKERS, else 1"),
    ] = None,
) -> None:
    """Serve the API."""
    settings = Settings() if workers is None else Settings(workers=workers)
    address = announce(settings)
    with running_database(settings) as migrated:
        serve_at(migrated, address)


def announce(settings: Settings) -> socket:
    """Take the address before any longer work is begun for it."""
    address = server.bind(settings.host, settings.port)
    TOLD.print(f"Opening {where(settings)}")
    return address


def serve_at(settings: Settings, address: socket, first: Iterable[RenderableType] = ()) -> None:
    """Serve until it is ended; ``first`` is printed once it serves."""
    url = server.url_of(address)

    def ready() -> None:
        for one in (*first, f"Serving {url}/graphql - Ctrl-C ends it"):
            TOLD.print(one)

    # Whatever cannot be done is said once, not by each worker.
    app = create_app(settings)
    if settings.policies == "database":
        asyncio.run(with_database(settings, lambda database: StoredPolicies(database.pool).newest()))
    with suppress(KeyboardInterrupt):
        if settings.workers == 1:
            server.serve(app, address, ready, settings)
        else:
            if settings.redis_url is None:
                TOLD.print("Without LXBC_REDIS_URL the workers hear of one another's events by polling")
            serve_by_workers(partial(create_app, settings), address, settings.workers, ready, settings)
    TOLD.print("Stopping")
