"""Import of rules: a JSON list says how units work and since when, or nothing is written.

Every rule becomes a new version of its unit's, the earliest first; the days may lie in the past, since a file may
tell how it was. A unit's history only grows at its end: a rule from before the newest day that the unit has is
refused, and one that says what the newest rule of its day says already changes nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.database import Database
from lxbc_graph.store.rules import BadSettings, check
from lxbc_graph.write import inputs

from .csv_rows import wrong_name

AUTHOR = "规则导入"
"""Who set a rule that comes from a file."""
YEARS = range(1900, 2201)


class BadRules(ValueError):
    """A file that cannot be imported; nothing was written. ``problems`` are pairs of JSON path and message."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path or 'the file'}: {message}" for path, message in problems))
        self.problems = problems


class Listed(NamedTuple):
    """One good rule of the file; ``unit`` is a code."""

    unit: str
    name: str
    valid_from: date
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import changed, in rules."""

    listed: int
    added: int = 0
    unchanged: int = 0


def shipped() -> bytes:
    """Return the file that ships with the program: the city's rule and the methods of its counties, as proposals."""
    return (files(__package__) / "data" / "xuchang_rules.json").read_bytes()


async def import_rules(database: Database, path: Path | None = None) -> Summary:
    """Set the rules of a file, or the shipped ones, in one transaction.

    Raises BadRules with every problem; then nothing was written.
    """
    listed = parse(shipped() if path is None else await to_thread.run_sync(path.read_bytes))
    async with database.pool.acquire() as connection, connection.transaction():
        return await apply_rules(connection, listed, datetime.now(UTC))


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    unit: str
    name: str
    valid_from: date
    settings: dict[str, Any]


_ENTRIES = TypeAdapter(list[_Entry])


def parse(content: bytes) -> list[Listed]:
    """Return the rules of a JSON file in its order; raise BadRules with every problem of form."""
    try:
        entries = _ENTRIES.validate_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise BadRules([(_path(*one["loc"]), one["msg"]) for one in error.errors()]) from None
    problems: list[tuple[str, str]] = []
    first: dict[tuple[str, date], int] = {}
    for index, entry in enumerate(entries):
        problems += _wrong(index, entry)
        if (other := first.setdefault((entry.unit, entry.valid_from), index)) != index:
            problems.append((f"[{index}]", f"is of the same unit and day as [{other}]"))
    if not entries:
        problems.append(("", "lists no rule"))
    if problems:
        raise BadRules(problems)
    return [Listed(entry.unit, entry.name, entry.valid_from, entry.settings) for entry in entries]


def _wrong(index: int, entry: _Entry) -> Iterator[tuple[str, str]]:
    for message in wrong_name(entry.name, inputs.TITLE):
        yield _path(index, "name"), message
    if entry.valid_from.year not in YEARS:
        yield _path(index, "validFrom"), f"is not within the years {YEARS[0]} to {YEARS[-1]}"
    try:
        check(entry.settings)
    except BadSettings as bad:
        for problem in bad.problems:
            yield _path(index, "settings", *problem.path), problem.message


def _path(*location: int | str) -> str:
    steps = (f"[{step}]" if str(step).isdecimal() else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

# Locked as `setRule` does it, so that versions follow one another.
_UNITS = """
select id, code, valid_to from unit where code = any($1::text[]) order by id for no key update
"""
_PRESENT = """
select u.code, r.valid_from, r.version, r.name, r.settings
from rule r join unit u on u.id = r.unit_id
where u.code = any($1::text[])
order by r.version
"""
_ADD = """
insert into rule
    (unit_id, city_id, county_id, township_id, village_id, version, name, valid_from, settings, author_name,
     created_at)
select id, city_id, county_id, township_id, village_id, $2, $3, $4, $5, $6, $7 from unit where code = $1
"""


async def apply_rules(connection: Connection, listed: Sequence[Listed], at: datetime) -> Summary:
    """Do the same with rules that are read already, in the caller's transaction; raises BadRules.

    ``at`` is when they are said to have been set.
    """
    codes = sorted({one.unit for one in listed})
    units = {row["code"]: row for row in await connection.fetch(_UNITS, codes)}
    histories: dict[str, list[Listed]] = {code: [] for code in codes}
    for row in await connection.fetch(_PRESENT, codes):
        settings = json.loads(row["settings"])
        histories[row["code"]].append(Listed(row["code"], row["name"], row["valid_from"], settings))
    problems: list[tuple[str, str]] = []
    added: list[tuple[Any, ...]] = []
    for index, one in sorted(enumerate(listed), key=lambda pair: pair[1].valid_from):
        unit, history = units.get(one.unit), histories[one.unit]
        newest = max((other.valid_from for other in history), default=date.min)
        if unit is None:
            problems.append((_path(index, "unit"), f"no unit has the code {one.unit!r}"))
        elif unit["valid_to"] is not None and unit["valid_to"] <= shanghai_date(at):
            problems.append((_path(index, "unit"), f"the unit {one.unit} is closed"))
        elif one == next((other for other in reversed(history) if other.valid_from == one.valid_from), None):
            continue
        elif one.valid_from < newest:
            problems.append((_path(index, "validFrom"), f"the unit has a rule from {newest} already"))
        else:
            history.append(one)
            text = json.dumps(one.settings)
            added.append((one.unit, len(history), one.name, one.valid_from, text, AUTHOR, at))
    if problems:
        raise BadRules(sorted(problems))
    await connection.executemany(_ADD, added)
    return Summary(len(listed), len(added), len(listed) - len(added))
