"""`lxbc-graph load`: a small world of docs/world.md."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from lxbc_graph.demo import world
from lxbc_graph.demo.reading import WorldProblems
from lxbc_graph.settings import Settings

from .given import file_argument, json_object, text_of
from .progress import progress
from .running import TOLD, Failure, counted, running_database, with_database

commands = typer.Typer(add_completion=False)


@commands.command()
def load(file: Annotated[Path, file_argument("WORLD.json", "In the format of docs/world.md.")]) -> None:
    """Load a small world: all of it, or nothing where something is wrong."""
    content = json_object(text_of(file), str(file))
    with running_database(Settings()) as settings, progress() as tell:
        try:
            counts = asyncio.run(
                with_database(settings, lambda database: world.load(database, content, tell))
            )
        except WorldProblems as wrong:
            raise Failure(
                "\n".join(f"{file}: {path or 'the world'}: {message}" for path, message in wrong.problems)
            ) from wrong
    TOLD.print(f"Loaded: {counted(counts)}")
