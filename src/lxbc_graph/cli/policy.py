"""`lxbc-graph policy`: who may do what."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from graphql import GraphQLError
from rich.console import Console

from lxbc_graph import resources
from lxbc_graph.app import Service, store_policy
from lxbc_graph.policy import matrix
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.source import Source
from lxbc_graph.policy.stored import StoredPolicies
from lxbc_graph.schema.explain_access import AccessExplanation, PolicyRow
from lxbc_graph.settings import Settings

from .running import TOLD, Failure, running_database, where, with_database
from .service import Account, principal_of, with_service

commands = typer.Typer(help="Print who may do what, or store it in the database.", add_completion=False)


@commands.callback(invoke_without_command=True)
def policy(context: typer.Context) -> None:
    """Print the matrix of roles and actions; fail where the policy must not be loaded."""
    if context.invoked_subcommand is not None:
        return
    settings = Settings()
    if settings.policies != "database":
        raise typer.Exit(matrix.show(settings.policies or resources.POLICIES, Console()))
    with running_database(settings, create=False) as current:
        version, source = asyncio.run(
            with_database(current, lambda database: StoredPolicies(database.pool).newest())
        )
        TOLD.print(f"Version {version} of {where(settings)}")
        raise typer.Exit(matrix.show(source, Console()))


@commands.command("load")
def load_policy(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True, file_okay=False, metavar="FOLDER", help="With model.conf and policy.csv."
        ),
    ],
) -> None:
    """Store a policy in the database for all processes with LXBC_POLICIES=database; none that must not be loaded."""
    source = Source.read(folder)
    Enforcer(source)  # before anything is started for it
    with running_database(Settings()) as settings:
        version = asyncio.run(
            with_database(settings, lambda database: store_policy(database, settings, source))
        )
    TOLD.print(f"Stored: version {version}")


@commands.command("explain")
def explain_access(
    account: Account,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the object, as the API gives it.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As the policy spells it.")],
) -> None:
    """Say which row and which posting let an account do something to an object, or what is missing."""

    async def tell(service: Service) -> AccessExplanation | None:
        return await service.explainer.explain(await principal_of(service, account), id_, action)

    with running_database(Settings(), create=False) as settings:
        try:
            found = asyncio.run(with_service(settings, tell))
        except GraphQLError as error:
            raise Failure(error.message) from error
    if found is None:
        raise Failure(f"there is no {id_} that {account} may see")
    typer.echo("\n".join(_explained(found)))


def _explained(found: AccessExplanation) -> Iterator[str]:
    yield "allowed" if found.allowed else "refused"
    for grant in found.grants:
        reach = "" if grant.reaches else ", which does not reach it"
        yield f"  {_written(grant.row)} by {grant.posting} at {grant.unit}{reach}"
    if found.required:
        yield "  what would allow it, where it reaches:"
    for row in found.required:
        yield f"  {_written(row)}"


def _written(row: PolicyRow) -> str:
    return f"p, {row.role.value}, {row.action}, {row.scope}"
