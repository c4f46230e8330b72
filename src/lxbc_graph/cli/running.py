"""What commands run on: a database, at times the whole service, and two consoles."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lxbc_graph.settings import Settings
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.database import Database
from lxbc_graph.store.embedded import EmbeddedServer
from lxbc_graph.store.migrate import check, upgrade

T = TypeVar("T")

TOLD = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Failure(Exception):
    """The command cannot do what it was asked; the text says why, in as many lines as there are reasons."""


def group(help_: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=help_, no_args_is_help=True, add_completion=False)


@contextmanager
def running_database(settings: Settings, *, create: bool = True) -> Iterator[Settings]:
    """Give settings whose database runs and is current, for as long as the context lasts.

    It is made and migrated where it is not; without ``create`` it is refused instead.
    """
    ready = upgrade if create else check
    if settings.database_url is not None:
        ready(settings.database_url)
        yield settings
        return
    embedded = EmbeddedServer.start(settings.data_dir, create=create)
    try:
        ready(embedded.url)
        yield settings.model_copy(update={"database_url": embedded.url})
    finally:
        embedded.stop()


async def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do long work on the database: no statement of it is cut short."""
    database = await Database.open(str(settings.database_url), pool_size=2, statement_timeout_ms=0)
    try:
        return await work(database)
    finally:
        await database.close()


def on_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Do work on a database that is there already."""
    with running_database(Settings(), create=False) as settings:
        return asyncio.run(with_database(settings, work))


def in_transaction(work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do work in one transaction on a database that is there already: all of it or nothing."""

    async def whole(database: Database) -> T:
        async with database.pool.acquire() as connection, connection.transaction():
            return await work(connection)

    return on_database(whole)


def where(settings: Settings) -> str:
    """Say which database is meant."""
    if settings.database_url:
        return "the database of LXBC_DATABASE_URL"
    return f"the database in {settings.data_dir}"


def counted(counts: Any) -> str:
    """Say what was written, of a dataclass of counts."""
    return ", ".join(f"{name} {number}" for name, number in asdict(counts).items() if number) or "nothing"


def show(*columns: str, rows: "list[tuple[object, ...]]", none: str) -> None:
    """Print a table, or on stderr that there is nothing; what cannot be known is a dash."""
    if not rows:
        TOLD.print(none)
        return
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("–" if value in (None, "") else str(value) for value in row))
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:  # a name cut short could not be looked up
        unbounded = console.options.update(width=10_000)
        console.width = max(console.width, console.measure(table, options=unbounded).maximum)
    console.print(table)
