"""`lxbc-graph migrate`: the newest tables."""

import typer

from lxbc_graph.settings import Settings

from .running import TOLD, running_database

commands = typer.Typer(add_completion=False)


@commands.command()
def migrate() -> None:
    """Bring the database to the newest revision of the tables."""
    with running_database(Settings()):
        TOLD.print("The database is current.")
