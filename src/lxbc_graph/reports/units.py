"""Import of an edition of administrative units: a CSV file becomes renamed, closed and opened units, or nothing.

An edition is whole for each city that it holds: a unit of that city which it no longer lists is closed, its row and
its issues stay. Cities that it does not hold are untouched. The edition's year comes from ``edition``, else from
the file name (``…_2023.csv``); what it changes is valid from 1 January of that year. An edition older than the
newest one that a city was given is refused, and the same one again changes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from lxbc_graph.domain.codes import LENGTHS, level_of, parent_of, path_of
from lxbc_graph.domain.words import Level
from lxbc_graph.store import tables
from lxbc_graph.store.copying import Connection, copy_rows, reserve_ids
from lxbc_graph.store.database import Database

from .csv_rows import BadRows, read, wrong_name

HEADER = ["code", "name", "level", "parent_code"]

_YEAR = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")
_COMMITTEE = re.compile(r"(?:社区|村)?(?:(?:居民|村民)?委?委员?会|居委会|村委会|社区)$|(?:街道|地区|镇|乡)$")


class OlderEdition(ValueError):
    """A newer edition of the city was imported before; nothing was written."""


class UnknownEdition(ValueError):
    """Neither the caller nor the file name says which year's edition it is; nothing was written."""


class Listed(NamedTuple):
    """One good row of the file."""

    code: str
    name: str
    level: Level


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import changed, in units."""

    edition: int
    opened: int = 0
    renamed: int = 0
    closed: int = 0
    succeeded: int = 0
    """How many of the closed ones have a clear successor."""
    unchanged: int = 0


async def import_units(database: Database, path: Path, *, edition: int | None = None) -> Summary:
    """Bring the units of the file's cities to the file's edition, in one transaction.

    Raises BadRows with every bad line, UnknownEdition or OlderEdition; then nothing was written. A name is replaced
    in place and the old one kept among the aliases; a code that comes back opens its unit again.
    """
    listed = parse(await to_thread.run_sync(path.read_bytes))
    year = _year(path) if edition is None else edition
    async with database.pool.acquire() as connection, connection.transaction():
        return await apply_edition(connection, listed, year)


def _year(path: Path) -> int:
    found = _YEAR.findall(path.stem)
    if not found:  # a guess would close and open units at the wrong time, and keep older editions out
        raise UnknownEdition(f"the name {path.name!r} holds no year: which edition is it?")
    return int(found[-1])


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def parse(content: bytes) -> list[Listed]:
    """Return the rows of a CSV file, parents first; raise BadRows with every problem, by line from 1."""
    lines, rows, problems = read(content, HEADER)
    # Also of rows that are bad themselves: their children are not to blame.
    codes = {octets.partition(b",")[0].strip(b'"').decode(errors="replace") for octets in lines.values()}
    first: dict[str, int] = {}
    for line, row in rows.items():
        if len(row) == len(HEADER):
            problems += ((line, message) for message in _wrong(row, codes))
        if row[0] and first.setdefault(row[0], line) != line:
            problems.append((line, f"code {row[0]} is on line {first[row[0]]} already"))
    if not rows and not problems:
        problems.append((1, "the file lists no unit"))
    if problems:
        raise BadRows(problems)
    return sorted(
        (Listed(code, name, Level(level)) for code, name, level, _ in rows.values()),
        key=lambda one: len(one.code),
    )


def _wrong(row: list[str], codes: set[str]) -> Iterator[str]:
    code, name, level, parent = row
    expected = level_of(code)
    if expected is None:
        yield f"code {code!r} is not 4, 6, 9 or 12 digits"
    elif level != expected:
        yield f"level {level!r} does not fit {code}: {len(code)} digits are a {expected}"
    if expected is not None and parent != (parent_of(code) or ""):
        yield f"parent {parent!r} does not fit {code}: it must be {parent_of(code) or 'empty'}"
    if parent and parent not in codes:
        yield f"unknown parent {parent!r}"
    yield from wrong_name(name)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────


async def apply_edition(connection: Connection, listed: list[Listed], year: int) -> Summary:
    """Do the same with rows that are read already, in the caller's transaction; raises OlderEdition."""
    await connection.execute("lock table unit in share row exclusive mode")
    cities = sorted({one.code[:4] for one in listed})
    rows = await connection.fetch(
        "select u.* from unit u join unit city on city.id = u.city_id where city.code = any($1::text[])",
        cities,
    )
    present = {row["code"]: row for row in rows}
    newest = max((row["edition"] or 0 for row in rows), default=0)
    if year < newest:
        raise OlderEdition(f"edition {newest} was imported before; {year} is older")
    since = date(year, 1, 1)
    wanted = {one.code: one for one in listed}
    new = [one for one in listed if one.code not in present]
    back = [one.code for one in listed if one.code in present and present[one.code]["valid_to"] is not None]
    renamed = [one for one in listed if one.code in present and present[one.code]["name"] != one.name]
    gone = [row for code, row in present.items() if code not in wanted and row["valid_to"] is None]

    ids = await _open(connection, new, {code: row["id"] for code, row in present.items()}, since)
    await connection.execute(
        "update unit set valid_to = null, successor_id = null where code = any($1::text[])", back
    )
    await connection.execute(_RENAME, [one.code for one in renamed], [one.name for one in renamed])
    successors = clear_successors(
        [(row["code"], row["name"]) for row in gone], [(one.code, one.name) for one in new]
    )
    await connection.execute(
        _CLOSE,
        [row["id"] for row in gone],
        [ids.get(successors.get(row["code"], "")) for row in gone],
        since,
    )
    await connection.execute(
        "update unit set edition = $2 where code = any($1::text[]) and edition is distinct from $2",
        cities,
        year,
    )
    return Summary(
        edition=year,
        opened=len(new) + len(back),
        renamed=len(renamed),
        closed=len(gone),
        succeeded=len(successors),
        unchanged=len({one.code for one in listed} - {one.code for one in [*new, *renamed]} - set(back)),
    )


_RENAME = """
update unit
set name = new.name, aliases = array_append(array_remove(array_remove(unit.aliases, new.name), unit.name), unit.name)
from unnest($1::text[], $2::text[]) as new(code, name)
where unit.code = new.code
"""
_CLOSE = """
update unit
set valid_to = greatest($3, valid_from), successor_id = gone.successor_id
from unnest($1::bigint[], $2::bigint[]) as gone(id, successor_id)
where unit.id = gone.id
"""


async def _open(
    connection: Connection, new: list[Listed], ids: dict[str, int], since: date
) -> dict[str, int]:
    """Insert the units, parents first; return the ids of all units by code."""
    ids = dict(ids)
    ids |= dict(
        zip((one.code for one in new), await reserve_ids(connection, tables.unit, len(new)), strict=True)
    )
    rows = []
    for one in new:
        path = [ids[code] for code in path_of(one.code)]
        ancestors = dict(zip(tables.ANCESTORS, [*path, None, None, None], strict=False))
        row = {"id": path[-1], "code": one.code, "name": one.name, "level": one.level, "valid_from": since}
        rows.append(row | ancestors | {"parent_id": path[-2] if len(path) > 1 else None, "aliases": []})
    await copy_rows(connection, tables.unit, rows)
    return ids


def clear_successors(gone: Iterable[tuple[str, str]], new: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, for pairs of (code, name), which new unit took the place of which closed one, where that is clear.

    Clear is: within one county the same level and the same name but for its kind of committee or district (小召乡 →
    小召街道, 东申村委会 → 东申居委会), borne by exactly one closed and one new unit. Where the county has
    several, the same is tried within one parent. Everything else is left to people.
    """
    successors: dict[str, str] = {}
    gone, new = list(gone), list(new)
    for digits in (LENGTHS[Level.COUNTY], LENGTHS[Level.TOWNSHIP]):
        old = _alike([pair for pair in gone if pair[0] not in successors], digits)
        taken = set(successors.values())
        fresh = _alike([pair for pair in new if pair[0] not in taken], digits)
        for key, codes in old.items():
            if len(codes) == 1 and len(fresh.get(key, ())) == 1:
                successors[codes[0]] = fresh[key][0]
    return successors


def _alike(units: list[tuple[str, str]], digits: int) -> dict[tuple[str, int, str], list[str]]:
    """Group codes by the place that their first digits name, their level and the stem of their name."""
    groups = defaultdict(list)
    for code, name in units:
        groups[code[:digits], len(code), stem(name)].append(code)
    return groups


def stem(name: str) -> str:
    """Return the name without what kind of committee or district it is; the name itself if nothing else is left."""
    return _COMMITTEE.sub("", name) or name
