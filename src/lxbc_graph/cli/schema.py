"""`lxbc-graph schema`: the API as a document."""

from typing import Annotated

import typer

from lxbc_graph import resources
from lxbc_graph.schema import sdl

from .running import TOLD, Failure

commands = typer.Typer(add_completion=False)


@commands.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="Only compare it with the printed one.")] = False,
) -> None:
    """Print the schema to schema/schema.graphql."""
    if not check:
        TOLD.print(f"Printed {sdl.write(resources.SCHEMA)}")
    elif not sdl.is_current(resources.SCHEMA):
        raise Failure("schema/schema.graphql is not the schema that is served: run `lxbc-graph schema`")
