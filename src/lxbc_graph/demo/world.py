"""Load a world from one documented format (docs/world.md): everything or nothing."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from lxbc_graph.domain.codes import path_of
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.policy.passwords import hash_password
from lxbc_graph.store import calendar, tables
from lxbc_graph.store.copying import Connection, copy_rows, reserve_ids
from lxbc_graph.store.database import Database
from lxbc_graph.write.numbers import NUMBER, TAKE_NUMBERS, issue_number

from . import issue_draft
from .draft import Draft
from .reading import Kept, Problem, WorldProblems, read
from .standing import Row, look_up

Progress = Callable[[str, int, int], None]
"""(what, how many are done, how many there are)."""

_TABLES = (
    "unit",
    "department",
    "category",
    "cadre",
    "account",
    "posting",
    "rule",
    "issue",
    "assignment",
    "event",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows were written."""

    unit: int = 0
    department: int = 0
    category: int = 0
    cadre: int = 0
    account: int = 0
    posting: int = 0
    rule: int = 0
    issue: int = 0
    assignment: int = 0
    event: int = 0


async def load(database: Database, world: Mapping[str, Any], progress: Progress | None = None) -> Counts:
    """Add the world to what the database holds, in one transaction.

    Raises WorldProblems with every problem, each at its JSON path, and then nothing was written.
    """
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local statement_timeout = 0")
        return await add(connection, world, progress)


async def add(connection: Connection, world: Mapping[str, Any], progress: Progress | None = None) -> Counts:
    """Do the same in the caller's transaction, which must not be committed if this raises."""
    kept, problems = read(world)
    hash_of = await to_thread.run_sync(_hashed, kept)
    standing = await look_up(connection, _named(kept))
    working = await calendar.fetch(connection)
    draft = Draft(kept, standing, await _reserve(connection, kept), hash_of, working)
    draft.people_and_places()
    draft.rules()
    issue_draft.issues(draft)
    if problems := sorted({*problems, *draft.problems}, key=_natural):
        raise WorldProblems(problems)
    draft.rows["event"].sort(key=lambda row: row["at"])  # the order in which they will be numbered
    for done, name in enumerate(_TABLES):
        if progress:
            progress("rows", done, len(_TABLES))
        if name == "issue":
            await _number(connection, draft)  # its counter hangs on the city's row
        await copy_rows(connection, tables.metadata.tables[name], draft.rows[name])
    if progress:
        progress("rows", len(_TABLES), len(_TABLES))
    return Counts(**{name: len(draft.rows[name]) for name in _TABLES})


def _hashed(kept: Mapping[str, Kept]) -> dict[str, str]:
    """Hash each password once; it is slow on purpose."""
    passwords = {entry.password for entry in kept["accounts"].entries.values()} - {None}
    return {one: hash_password(one) for one in sorted(passwords)}


def _named(kept: Mapping[str, Kept]) -> dict[str, set[str]]:
    """Return every name in the file by the list that it may stand in."""
    named: dict[str, set[str]] = {plural: set() for plural in kept}
    for one in kept:
        for entry in kept[one].entries.values():
            _collect(entry.model_dump(exclude_unset=True, exclude={"data", "settings"}), one, named)
    named["units"] = {above for code in named["units"] for above in path_of(code)}
    return named


_NAMES = {
    **dict.fromkeys(("unit", "city", "managed_by", "successor"), "units"),
    **dict.fromkeys(("account", "finder_account"), "accounts"),
    "department": "departments",
    "duplicate_of": "issues",
    **dict.fromkeys(("cadre", "finder", "responsible", "actor", "verifier", "sponsor"), "cadres"),
}
_OWN_NAMES = {"code", "name", "number"}


def _collect(entry: Mapping[str, Any], plural: str | None, named: dict[str, set[str]]) -> None:
    for key, value in entry.items():
        if isinstance(value, list):
            for one in value:
                if isinstance(one, Mapping):
                    _collect(one, None, named)
        elif isinstance(value, str) and key in _NAMES:
            named[_NAMES[key]].add(value)
        elif isinstance(value, str) and plural and key in _OWN_NAMES:
            named[plural].add(value)


async def _reserve(connection: Connection, kept: Mapping[str, Kept]) -> dict[str, Iterator[int]]:
    """Reserve as many ids as the entries can need; events take theirs as they are written."""
    entries = {plural: list(one.entries.values()) for plural, one in kept.items()}
    without = {path_of(entry.unit)[:2] for entry in entries["issues"] if not entry.assignments}
    counts = {
        "unit": len(entries["units"]),
        "department": len(entries["departments"]) + len(without),
        "category": len(entries["categories"]),
        "cadre": len(entries["cadres"]),
        "account": len(entries["accounts"]),
        "posting": sum(len(entry.postings) for entry in entries["cadres"] + entries["accounts"]),
        "rule": len(entries["rules"]),
        "issue": len(entries["issues"]),
        "assignment": sum(len(entry.assignments) or 2 for entry in entries["issues"]),
    }
    return {
        name: iter(await reserve_ids(connection, tables.metadata.tables[name], number))
        for name, number in counts.items()
    }


async def _number(connection: Connection, draft: Draft) -> None:
    """Give each unnumbered issue the next number of its city and year; stated ones of that form are given away."""
    unnumbered: dict[tuple[int, int], list[Row]] = defaultdict(list)
    highest: dict[tuple[int, int], int] = defaultdict(int)
    for row in draft.rows["issue"]:
        city_id = row["city_id"]
        if row["number"] is None:
            unnumbered[city_id, shanghai_date(row["reported_at"]).year].append(row)
        elif stated := NUMBER.fullmatch(row["number"]):
            key = (city_id, int(stated["year"]))
            highest[key] = max(highest[key], int(stated["place"]))
    for city_id, year in sorted(unnumbered.keys() | highest.keys()):
        rows = unnumbered[city_id, year]
        last = await connection.fetchval(TAKE_NUMBERS, city_id, year, highest[city_id, year], len(rows))
        for place, row in enumerate(rows, start=last - len(rows) + 1):
            row["number"] = issue_number(draft.unit_with_id[city_id]["code"], year, place)


def _natural(problem: Problem) -> tuple[str, list[int], str]:
    """Order problems as the file is read: by list, then by position."""
    path = problem[0]
    return path.partition("[")[0], [int(one) for one in re.findall(r"\[(\d+)\]", path)], path
