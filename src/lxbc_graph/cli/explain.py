"""`lxbc-graph explain`: what a query becomes, for one account."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from graphql import GraphQLError

from lxbc_graph.app import Service
from lxbc_graph.read.document import Refused
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

from .given import file_argument, json_object, text_of
from .running import Failure, running_database
from .service import principal_of, with_service

commands = typer.Typer(add_completion=False)


@commands.command()
def explain(
    file: Annotated[Path, file_argument("FILE.graphql", "A document that holds the query.")],
    account: Annotated[str, typer.Option("--as", metavar="ACCOUNT", help="Who asks.")],
    operation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which operation of the document, if there are several."),
    ] = None,
    variables: Annotated[str, typer.Option(metavar="JSON", help="The variables of the query.")] = "{}",
) -> None:
    """Print the plan of a query, its SQL, and the policy rows that set its scope."""
    request = Request(text_of(file), operation, json_object(variables, "--variables"))

    async def tell(service: Service) -> str:
        return service.executor.explain(request, await principal_of(service, account))

    with running_database(Settings(), create=False) as settings:
        try:
            typer.echo(asyncio.run(with_service(settings, tell)))
        except Refused as refusal:
            raise Failure(
                "\n".join(f"{_place(file, error)}: {error.message}" for error in refusal.errors)
            ) from refusal


def _place(file: Path, error: GraphQLError) -> str:
    return ":".join([str(file), *(str(one.line) for one in (error.locations or ())[:1])])
