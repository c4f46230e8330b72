"""The command line: each command is a thin call into the rooms below."""

import asyncio
import json
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from socket import socket
from typing import Annotated, Any

import asyncpg
import typer
from graphql import GraphQLError
from pydantic import ValidationError
from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import make_url

from . import logs, resources
from .app import Service, climb, create_app, store_policy
from .cli import accounts, api_keys, audit, postings, signing_keys
from .cli.running import TOLD, Failure, group, running_database, with_database, with_service
from .demo import build, world
from .demo.people import PASSWORD
from .demo.reading import WorldProblems
from .demo.schedule import ISSUES
from .domain.errors import Refused as CommandRefused
from .domain.words import AuditKind
from .http import server
from .http.workers import serve_by_workers
from .policy import matrix
from .policy.administration import NotDone
from .policy.api_keys import NoKey
from .policy.audit import Entry
from .policy.enforcer import Enforcer
from .policy.source import PolicyError, Source
from .policy.stored import Stored, StoredPolicies
from .read.document import Refused
from .read.trusted import TrustedError
from .reports import calendar, rules, units
from .reports.csv_rows import BadRows
from .schema import sdl
from .schema.execute import Request
from .schema.explain_access import AccessExplanation, PolicyRow
from .settings import LONGEST_TTL_SECONDS, Settings
from .store.database import Database, DatabaseError
from .store.embedded import EmbeddedServerError
from .store.files import FilesError

_NAME = "lxbc-graph"
_Progress = Callable[[str, int, int], None]

cli = typer.Typer(
    help="The GraphQL API of 联乡帮村.",
    epilog="The database is an embedded one in LXBC_DATA_DIR (.data), or that of LXBC_DATABASE_URL. LXBC_HOST and "
    "LXBC_PORT say where to listen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
imports = group()
cli.add_typer(imports, name="import", help="Import published data.")
policies = typer.Typer()
cli.add_typer(policies, name="policy", help="Print who may do what, or store it in the database.")
cli.add_typer(accounts.commands, name="accounts", help="Who may sign in, and with what.")
cli.add_typer(postings.commands, name="postings", help="What they are, and where: all that grants access.")
cli.add_typer(
    api_keys.commands, name="api-keys", help="What portals and screens show in place of a password."
)
cli.add_typer(signing_keys.commands, name="keys", help="With what access tokens are signed.")


def _file(name: str, help_: str) -> Any:
    return typer.Argument(exists=True, dir_okay=False, readable=True, metavar=name, help=help_)


_REFUSALS = (
    Failure,
    NotDone,
    NoKey,
    CommandRefused,
    build.Excerpt,
    rules.BadRules,
    units.OlderEdition,
    EmbeddedServerError,
    DatabaseError,
    FilesError,
    PolicyError,
    TrustedError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What says itself, in its text, why nothing was done."""


_Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name.")]


@cli.command()
def demo(
    issues: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="How many issues it is built with.", show_default=f"{ISSUES:,}"
        ),
    ] = None,
) -> None:
    """Build the demo the first time, then serve it and print its accounts."""
    settings = Settings()
    address = _announce(settings)
    with running_database(settings) as migrated:
        with _progress() as progress:
            asyncio.run(with_database(migrated, lambda database: _build_once(database, issues, progress)))
        hint = f"For a token: {_typed(settings)} token ACCOUNT; for the mutation login: {PASSWORD}"
        _serve(migrated, address, (_accounts(), hint))


@cli.command()
def serve(
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="By how many processes.", show_default="LXBC_WORKERS, else 1"),
    ] = None,
) -> None:
    """Serve the API."""
    settings = Settings() if workers is None else Settings(workers=workers)
    address = _announce(settings)
    with running_database(settings) as migrated:
        _serve(migrated, address)


@cli.command()
def relay() -> None:
    """Number events and climb the ladder of deadlines until it is ended; of several, one works at a time."""
    settings = Settings()
    TOLD.print(f"Opening {_where(settings)}")
    with running_database(settings) as migrated, suppress(KeyboardInterrupt):
        TOLD.print("Relaying - Ctrl-C ends it")
        asyncio.run(with_service(migrated, climb))
    TOLD.print("Stopping")


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision of the tables."""
    with running_database(Settings()):
        TOLD.print("The database is current.")


@imports.command("units")
def import_units(
    file: Annotated[Path, _file("FILE.csv", "Columns: code, name, level, parent_code.")],
    edition: Annotated[
        int | None,
        typer.Option(
            min=1900,
            max=2200,
            metavar="YEAR",
            help="Its year; else the one in the file's name.",
        ),
    ] = None,
) -> None:
    """Import an edition of the units: all of it, or nothing where a row is bad."""
    with running_database(Settings()) as settings, _bad_rows_of(file):
        try:
            summary = asyncio.run(
                with_database(settings, lambda database: units.import_units(database, file, edition=edition))
            )
        except units.UnknownEdition as unknown:
            raise Failure(f"{unknown} Say so with --edition YEAR.") from unknown
    TOLD.print(f"Imported: {_counted(summary)}")


@imports.command("calendar")
def import_calendar(file: Annotated[Path, _file("FILE.csv", "Columns: day, working, name.")]) -> None:
    """Import days that people work or rest (调休): all of them, or nothing where a row is bad."""
    with running_database(Settings()) as settings, _bad_rows_of(file):
        summary = asyncio.run(
            with_database(settings, lambda database: calendar.import_calendar(database, file))
        )
    TOLD.print(f"Imported: {_counted(summary)}")


@imports.command("rules")
def import_rules(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE.json",
            help="A list of rules; left out, the shipped ones of Xuchang.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Import rules, how units work and since when: all of them, or nothing where something is wrong."""
    with running_database(Settings()) as settings:
        try:
            summary = asyncio.run(
                with_database(settings, lambda database: rules.import_rules(database, file))
            )
        except rules.BadRules as bad:
            where = file or "the shipped rules"
            raise Failure(
                "\n".join(f"{where}: {path or 'the file'}: {message}" for path, message in bad.problems)
            ) from bad
    TOLD.print(f"Imported: {_counted(summary)}")


@cli.command()
def load(file: Annotated[Path, _file("WORLD.json", "In the format of docs/world.md.")]) -> None:
    """Load a small world: all of it, or nothing where something is wrong."""
    content = _object(_text(file), str(file))
    with running_database(Settings()) as settings, _progress() as progress:
        try:
            counts = asyncio.run(
                with_database(settings, lambda database: world.load(database, content, progress))
            )
        except WorldProblems as wrong:
            raise Failure(
                "\n".join(f"{file}: {path or 'the world'}: {message}" for path, message in wrong.problems)
            ) from wrong
    TOLD.print(f"Loaded: {_counted(counts)}")


@cli.command()
def token(
    account: _Account,
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
        found = await service.accounts.principal(account)
        if found is None:
            raise Failure(f"there is no account {account!r}, or it is closed")
        seconds = ttl or settings.access_ttl_seconds
        entry = Entry(
            AuditKind.TOKEN_ISSUED, found.account_id, account, found.city_id, detail={"seconds": seconds}
        )
        await service.audit.note(entry)
        return await service.tokens.lasting_access(account, seconds)

    with running_database(settings, create=False) as current:
        typer.echo(asyncio.run(with_service(current, make)))


cli.command(
    "audit", epilog="Example: lxbc-graph audit --kind SIGN_IN_REFUSED --since 2026-01-31 --limit 1000"
)(audit.audit)


@policies.callback(invoke_without_command=True)
def policy(context: typer.Context) -> None:
    """Print the matrix of roles and actions; fail where the policy must not be loaded."""
    if context.invoked_subcommand is not None:
        return
    settings = Settings()
    if settings.policies != "database":
        raise typer.Exit(matrix.show(settings.policies or resources.POLICIES, Console()))
    with running_database(settings, create=False) as current:
        version, source = asyncio.run(with_database(current, _stored_policy))
        TOLD.print(f"Version {version} of {_where(settings)}")
        raise typer.Exit(matrix.show(source, Console()))


@policies.command("load")
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


@policies.command("explain")
def explain_access(
    account: _Account,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the object, as the API gives it.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As the policy spells it.")],
) -> None:
    """Say which row and which posting let an account do something to an object, or what is missing."""

    async def tell(service: Service) -> AccessExplanation | None:
        principal = await service.accounts.principal(account)
        if principal is None:
            raise Failure(f"there is no account {account!r}, or it is closed")
        return await service.explainer.explain(principal, id_, action)

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


async def _stored_policy(database: Database) -> Stored:
    return await StoredPolicies(database.pool).newest()


@cli.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="Only compare it with the printed one.")] = False,
) -> None:
    """Print the schema to schema/schema.graphql."""
    if not check:
        TOLD.print(f"Printed {sdl.write(resources.SCHEMA)}")
    elif not sdl.is_current(resources.SCHEMA):
        raise Failure("schema/schema.graphql is not the schema that is served: run `lxbc-graph schema`")


@cli.command()
def explain(
    file: Annotated[Path, _file("FILE.graphql", "A document that holds the query.")],
    account: Annotated[str, typer.Option("--as", metavar="ACCOUNT", help="Who asks.")],
    operation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which operation of the document, if there are several."),
    ] = None,
    variables: Annotated[str, typer.Option(metavar="JSON", help="The variables of the query.")] = "{}",
) -> None:
    """Print the plan of a query, its SQL, and the policy rows that set its scope."""
    request = Request(_text(file), operation, _object(variables, "--variables"))

    async def tell(service: Service) -> str:
        principal = await service.accounts.principal(account)
        if principal is None:
            raise Failure(f"there is no account {account!r}, or it is closed")
        return service.executor.explain(request, principal)

    with running_database(Settings(), create=False) as settings:
        try:
            typer.echo(asyncio.run(with_service(settings, tell)))
        except Refused as refusal:
            raise Failure(
                "\n".join(f"{_place(file, error)}: {error.message}" for error in refusal.errors)
            ) from refusal


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
            TOLD.print(f"{name}: {problem['msg']}", style="red")
        sys.exit(2)
    except _REFUSALS as error:
        TOLD.print(str(error) or type(error).__name__, style="red")
        sys.exit(1)


async def _build_once(database: Database, asked: int | None, progress: _Progress) -> None:
    issues = ISSUES if asked is None else asked
    if not await database.pool.fetchval(_HOLDS_ANYTHING):
        TOLD.print(f"Building the demo: {issues:,} issues")
        await build.build(database, issues, progress)
        return
    names = [name for name, _, _ in build.ACCOUNTS]
    if await database.pool.fetchval("select count(*) from account where name = any($1)", names) < len(names):
        raise Failure(
            "this database holds something else than the demo: `serve` serves it; for a demo choose another "
            "LXBC_DATA_DIR"
        )
    there: int = await database.pool.fetchval("select count(*) from issue")
    if there < issues or (asked is not None and there > asked):
        TOLD.print(
            f"Serving the {there:,} issues that are there already, not {issues:,}; "
            "for a demo of another size choose another LXBC_DATA_DIR"
        )


_HOLDS_ANYTHING = """
select exists (select from department) or exists (select from cadre) or exists (select from account)
    or exists (select from category) or exists (select from issue)
"""
"""Units do not count: the demo takes them as they are."""


def _accounts() -> Table:
    table = Table(
        "account", "role", "where", title="Demo accounts", title_justify="left", box=box.SIMPLE_HEAD
    )
    for account in build.ACCOUNTS:
        table.add_row(*account)
    return table


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(
            f"{file}: is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}"
        ) from error


def _place(file: Path, error: GraphQLError) -> str:
    return ":".join([str(file), *(str(one.line) for one in (error.locations or ())[:1])])


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{where}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise Failure(f"{where}: must be a JSON object, in braces")
    return content


def _typed(settings: Settings) -> str:
    """Return what to type in a shell to run this program on the same database; a password is starred out."""
    words = [sys.executable, "-m", "lxbc_graph"]
    if Path(sys.argv[0]).name == _NAME:
        found = shutil.which(_NAME)
        words = [_NAME if found and Path(found).samefile(sys.argv[0]) else sys.argv[0]]
    if settings.database_url is not None:
        url = make_url(settings.database_url)
        if "password" in url.query:
            url = url.update_query_dict({"password": "***"})
        shown = url.render_as_string(hide_password=True)
        return f"LXBC_DATABASE_URL={shlex.quote(shown)} {shlex.join(words)}"
    if "data_dir" in settings.model_fields_set:
        place = settings.data_dir.expanduser().absolute()
        return f"LXBC_DATA_DIR={shlex.quote(str(place))} {shlex.join(words)}"
    return shlex.join(words)


@contextmanager
def _bad_rows_of(file: Path) -> Iterator[None]:
    try:
        yield
    except BadRows as bad:
        raise Failure("\n".join(f"{file}:{line}: {message}" for line, message in bad.problems)) from bad


def _counted(counts: units.Summary | calendar.Summary | rules.Summary | world.Counts) -> str:
    return ", ".join(f"{name} {number}" for name, number in asdict(counts).items() if number) or "nothing"


def _announce(settings: Settings) -> socket:
    """Take the address before any longer work is begun for it."""
    address = server.bind(settings.host, settings.port)
    TOLD.print(f"Opening {_where(settings)}")
    return address


def _where(settings: Settings) -> str:
    if settings.database_url:
        return "the database of LXBC_DATABASE_URL"
    return f"the database in {settings.data_dir}"


@contextmanager
def _progress() -> Iterator[_Progress]:
    """Show how far long work has come: a bar at a terminal, else a line for each step."""
    if not TOLD.is_terminal:
        told: set[str] = set()

        def tell(step: str, _done: int, _total: int) -> None:
            if step not in told:
                told.add(step)
                TOLD.print(f"  {step}")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=TOLD, transient=True) as bar:
        task = bar.add_task("")
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)


def _serve(settings: Settings, address: socket, first: Iterable[RenderableType] = ()) -> None:
    """Serve until it is ended; ``first`` is printed once it serves."""
    url = server.url_of(address)

    def ready() -> None:
        for one in (*first, f"Serving {url}/graphql - Ctrl-C ends it"):
            TOLD.print(one)

    # Whatever cannot be done is said once, not by each worker.
    app = create_app(settings)
    if settings.policies == "database":
        asyncio.run(with_database(settings, _stored_policy))
    with suppress(KeyboardInterrupt):
        if settings.workers == 1:
            server.serve(app, address, ready, settings)
        else:
            if settings.redis_url is None:
                TOLD.print("Without LXBC_REDIS_URL the workers hear of one another's events by polling")
            serve_by_workers(partial(create_app, settings), address, settings.workers, ready, settings)
    TOLD.print("Stopping")


if __name__ == "__main__":
    main()
