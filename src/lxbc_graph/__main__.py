"""The command line: each command is a thin call into the rooms below."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from socket import socket
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import logs, resources
from .app import Service, create_app, open_service
from .demo import build, world
from .demo.people import PASSWORD
from .demo.reading import WorldProblems
from .demo.schedule import ISSUES
from .http import server
from .policy import matrix
from .policy.enforcer import PolicyError
from .read.document import Refused
from .reports import units
from .schema import sdl
from .schema.execute import Request
from .settings import Settings
from .store.database import Database, DatabaseError
from .store.embedded import EmbeddedServer, EmbeddedServerError
from .store.migrate import upgrade

T = TypeVar("T")
_Progress = Callable[[str, int, int], None]

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
imports = typer.Typer(no_args_is_help=True)
cli.add_typer(imports, name="import", help="Import real input.")

_told = Console(stderr=True, highlight=False, soft_wrap=True)

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


class Failure(Exception):
    """The command cannot do what it was asked; the text says why, in as many lines as there are reasons."""


_REFUSALS = (
    Failure,
    Refused,
    WorldProblems,
    units.OlderEdition,
    server.AddressTaken,
    EmbeddedServerError,
    DatabaseError,
    PolicyError,
)
"""What says itself, in its text, why nothing was done."""


@cli.command()
def demo(
    issues: Annotated[int, typer.Option(min=1, help="How many issues the demo holds.")] = ISSUES,
) -> None:
    """Build the demo the first time, then serve it."""
    settings = Settings()
    address = _announce(settings)
    with _database(settings) as migrated:
        with _progress() as progress:
            asyncio.run(_with_database(migrated, lambda database: _build_once(database, issues, progress)))
        _serve(migrated, address, _accounts())


@cli.command()
def serve() -> None:
    """Serve the API."""
    settings = Settings()
    address = _announce(settings)
    with _database(settings) as migrated:
        _serve(migrated, address)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision of the tables."""
    with _database(Settings()):
        _told.print("The database is current.")


@imports.command("units")
def import_units(
    file: _File,
    edition: Annotated[
        int | None,
        typer.Option(min=1900, max=2200, metavar="YEAR", help="Else the year in the file's name, else this."),
    ] = None,
) -> None:
    """Import an edition of the units from a CSV file: all of it, or nothing where a row is bad."""
    with _database(Settings()) as settings:
        try:
            summary = asyncio.run(
                _with_database(settings, lambda database: units.import_units(database, file, edition=edition))
            )
        except units.BadRows as bad:
            raise Failure("\n".join(f"{file}:{line}: {message}" for line, message in bad.problems)) from bad
    _told.print(_counted(summary))


@cli.command()
def load(file: _File) -> None:
    """Load a world (docs/world.md): all of it, or nothing where something is wrong."""
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except ValueError as error:
        raise Failure(f"{file}: {error}") from error
    with _database(Settings()) as settings, _progress() as progress:
        counts = asyncio.run(
            _with_database(settings, lambda database: world.load(database, content, progress))
        )
    _told.print(_counted(counts))


@cli.command()
def token(
    account: str,
    ttl: Annotated[int | None, typer.Option(min=1, help="Seconds that it lasts.")] = None,
) -> None:
    """Print an access token of an account."""
    settings = Settings()

    async def make(service: Service) -> str:
        if await service.accounts.principal(account) is None:
            raise Failure(f"there is no account {account!r}, or it is closed")
        return service.tokens.access(account, ttl or settings.access_ttl_seconds)

    with _database(settings) as migrated:
        typer.echo(asyncio.run(_with_service(migrated, make)))


@cli.command()
def policy() -> None:
    """Print the matrix of roles and actions; fail where the policy must not be loaded."""
    raise typer.Exit(matrix.show(resources.POLICIES, Console()))


@cli.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="Only compare it with the printed one.")] = False,
) -> None:
    """Print the schema to schema/schema.graphql."""
    if not check:
        _told.print(f"Printed {sdl.write(resources.SCHEMA)}")
    elif not sdl.is_current(resources.SCHEMA):
        raise Failure("schema/schema.graphql is not the schema that is served: run `lxbc-graph schema`")


@cli.command()
def explain(
    file: _File,
    account: Annotated[str, typer.Option("--as", metavar="ACCOUNT", help="Who asks.")],
    variables: Annotated[str, typer.Option(metavar="JSON", help="The variables of the query.")] = "{}",
) -> None:
    """Print the plan of a query, its SQL, and the policy rows that set its scope."""
    try:
        request = Request(file.read_text(encoding="utf-8"), variables=json.loads(variables))
    except ValueError as error:
        raise Failure(f"cannot read the query or its variables: {error}") from error

    async def tell(service: Service) -> str:
        principal = await service.accounts.principal(account)
        if principal is None:
            raise Failure(f"there is no account {account!r}, or it is closed")
        return service.executor.explain(request, principal)

    with _database(Settings()) as settings:
        typer.echo(asyncio.run(_with_service(settings, tell)))


def main() -> None:
    """Run the command; a failure is told without a traceback: status 1, or 2 for a setting or an argument."""
    logs.configure()
    # All end alike, putting everything away on the way out. Said for Ctrl-C too: a shell's `&` has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        cli()
    except ValidationError as error:
        for problem in error.errors():
            name = "LXBC_" + "_".join(str(part) for part in problem["loc"]).upper()
            _told.print(f"{name}: {problem['msg']}", style="red", markup=False)
        sys.exit(2)
    except _REFUSALS as error:
        _told.print(str(error), style="red", markup=False)
        sys.exit(1)


async def _build_once(database: Database, issues: int, progress: _Progress) -> None:
    if not await database.pool.fetchval("select exists (select from account)"):
        _told.print(f"Building the demo: {issues:,} issues")
        await build.build(database, issues, progress)
        return
    there: int = await database.pool.fetchval("select count(*) from issue")
    if there < issues:
        _told.print(f"There are {there:,} issues already; for another size choose another LXBC_DATA_DIR")


def _accounts() -> Table:
    table = Table(
        "account", "role", "where", title="Demo accounts", title_justify="left", box=box.SIMPLE_HEAD
    )
    for account in build.ACCOUNTS:
        table.add_row(*account)
    return table


def _counted(counts: units.Summary | world.Counts) -> str:
    return ", ".join(f"{name} {number}" for name, number in asdict(counts).items() if number)


def _announce(settings: Settings) -> socket:
    """Take the address before any longer work is begun for it."""
    address = server.bind(settings.host, settings.port)
    where = "the database of LXBC_DATABASE_URL" if settings.database_url else settings.data_dir
    _told.print(f"Opening {where}")
    return address


@contextmanager
def _database(settings: Settings) -> Iterator[Settings]:
    """Give settings whose database runs and is migrated, for as long as the context lasts."""
    if settings.database_url is not None:
        upgrade(settings.database_url)
        yield settings
        return
    embedded = EmbeddedServer.start(settings.data_dir)
    try:
        upgrade(embedded.url)
        yield settings.model_copy(update={"database_url": embedded.url})
    finally:
        embedded.stop()


async def _with_service(settings: Settings, work: Callable[[Service], Awaitable[T]]) -> T:
    async with open_service(settings) as service:
        return await work(service)


async def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do long work on the database: no statement of it is cut short."""
    database = await Database.open(str(settings.database_url), pool_size=2, statement_timeout_ms=0)
    try:
        return await work(database)
    finally:
        await database.close()


@contextmanager
def _progress() -> Iterator[_Progress]:
    """Show how far long work has come: a bar at a terminal, else a line for each step."""
    if not _told.is_terminal:
        told: set[str] = set()

        def tell(step: str, _done: int, _total: int) -> None:
            if step not in told:
                told.add(step)
                _told.print(f"  {step}")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_told, transient=True) as bar:
        task = bar.add_task("")
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)


def _serve(settings: Settings, address: socket, accounts: Table | None = None) -> None:
    url = server.url_of(address)

    def ready() -> None:
        if accounts is not None:
            _told.print(accounts)
            _told.print(f"For a token: {sys.argv[0]} token ACCOUNT; for the mutation login: {PASSWORD}")
        _told.print(f"Serving {url}/graphql - Ctrl-C ends it")

    with suppress(KeyboardInterrupt):
        server.serve(create_app(settings), address, ready)
    _told.print("Stopping")


if __name__ == "__main__":
    main()
