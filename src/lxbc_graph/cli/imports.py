"""`lxbc-graph import`: published data."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lxbc_graph.reports import calendar, rules, units
from lxbc_graph.reports.csv_rows import BadRows
from lxbc_graph.settings import Settings

from .given import file_argument
from .running import TOLD, Failure, counted, group, running_database, with_database

commands = group("Import published data.")


@commands.command("units")
def import_units(
    file: Annotated[Path, file_argument("FILE.csv", "Columns: code, name, level, parent_code.")],
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
    TOLD.print(f"Imported: {counted(summary)}")


@commands.command("calendar")
def import_calendar(file: Annotated[Path, file_argument("FILE.csv", "Columns: day, working, name.")]) -> None:
    """Import days that people work or rest (调休): all of them, or nothing where a row is bad."""
    with running_database(Settings()) as settings, _bad_rows_of(file):
        summary = asyncio.run(
            with_database(settings, lambda database: calendar.import_calendar(database, file))
        )
    TOLD.print(f"Imported: {counted(summary)}")


@commands.command("rules")
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
    TOLD.print(f"Imported: {counted(summary)}")


@contextmanager
def _bad_rows_of(file: Path) -> Iterator[None]:
    try:
        yield
    except BadRows as bad:
        raise Failure("\n".join(f"{file}:{line}: {message}" for line, message in bad.problems)) from bad
