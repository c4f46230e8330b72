"""`lxbc-graph demo`: the programme's figures, built once and served."""

import asyncio
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from sqlalchemy import make_url

from lxbc_graph.demo import build
from lxbc_graph.demo.people import PASSWORD
from lxbc_graph.demo.schedule import ISSUES
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

from .progress import Progress, progress
from .running import TOLD, Failure, running_database, with_database
from .serve import announce, serve_at

_NAME = "lxbc-graph"

commands = typer.Typer(add_completion=False)


@commands.command()
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
    address = announce(settings)
    with running_database(settings) as migrated:
        with progress() as tell:
            asyncio.run(with_database(migrated, lambda database: _build_once(database, issues, tell)))
        hint = f"For a token: {typed(settings)} token ACCOUNT; for the mutation login: {PASSWORD}"
        serve_at(migrated, address, (_accounts(), hint))


async def _build_once(database: Database, asked: int | None, tell: Progress) -> None:
    issues = ISSUES if asked is None else asked
    if not await database.pool.fetchval(_HOLDS_ANYTHING):
        TOLD.print(f"Building the demo: {issues:,} issues")
        await build.build(database, issues, tell)
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


def typed(settings: Settings) -> str:
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
