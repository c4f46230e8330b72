"""`lxbc-graph relay`: what follows a commit, for processes that only serve."""

import asyncio
from contextlib import suppress

import typer

from lxbc_graph.relaying import relay_and_climb
from lxbc_graph.settings import Settings

from .running import TOLD, running_database, where

commands = typer.Typer(add_completion=False)


@commands.command()
def relay() -> None:
    """Number events and climb the ladder of deadlines until it is ended; of several, one works at a time."""
    settings = Settings()
    TOLD.print(f"Opening {where(settings)}")
    with running_database(settings) as migrated, suppress(KeyboardInterrupt):
        TOLD.print("Relaying - Ctrl-C ends it")
        asyncio.run(relay_and_climb(migrated))
    TOLD.print("Stopping")
