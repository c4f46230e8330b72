"""Whatever may happen to rows beyond a border, made from the tables: a new table or column takes part by itself."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, EnumType
from itertools import count, groupby
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from lxbc_graph.read import catalogue
from lxbc_graph.schema import build  # noqa: F401 - declares the nouns
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database

from .rows import Row, Rows

OF_NOBODY = frozenset({"policy", "signing_key", "cursor_key", "calendar_day"})
"""Tables whose rows lie nowhere: the whole server works by them."""
TABLES = [table for table in tables.metadata.sorted_tables if table.name not in OF_NOBODY]

_ANEW = 1_000_003
"""A turn after which no word is the same as before, and no number one that there was: a prime."""
_FAR = datetime(2199, 1, 1, tzinfo=UTC)
_PLAIN = re.compile(r"(?:upper\()?\{a\}\.(\w+)\)?")


def columns_shown() -> dict[tuple[str, str], catalogue.Column]:
    """Return how the schema shows each column, by table and name, that it shows as it is."""
    return {
        (entity.table, plain[1]): spec
        for entity in CATALOGUE.entities.values()
        for spec in entity.fields.values()
        if isinstance(spec, catalogue.Column) and (plain := _PLAIN.fullmatch(str(spec.sql)))
    }


def _words() -> Iterator[tuple[tuple[str, str], Sequence[str]]]:
    for place, spec in columns_shown().items():
        if isinstance(spec.type, EnumType):
            yield place, [word.value for word in cast("type[Enum]", spec.type)]
    for table in TABLES:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and " in (" in str(constraint.sqltext):
                name, words = str(constraint.sqltext).split(" in ", 1)
                yield (table.name, name), re.findall("'([^']+)'", words)


WORDS = dict(_words())
"""The words of each column that holds one of a few; any other text is free."""
_SAID = {str(word) for words in WORDS.values() for word in words}


def _keys() -> Iterator[tuple[str, str]]:
    for entity in CATALOGUE.entities.values():
        declared = (*entity.fields.values(), *entity.filters.values(), *entity.orders.values())
        yield from re.findall(r"\.(\w+) ?(?:->>?|\?) ?\\?'(\w+)", " ".join(map(repr, declared)))


KEYS = frozenset(_keys())
"""What the schema's SQL asks of JSON: the name of a column and a key."""


def is_free(column: Column[Any]) -> bool:
    """Whether a column may hold any value: it neither names a row nor says where its own lies."""
    return not (
        column.name in {"id", *tables.PATH}
        or column.foreign_keys
        or (isinstance(column.type, ARRAY) and isinstance(column.type.item_type, BigInteger))
    )


def other(column: Column[Any], value: Any, turn: int) -> Any:
    """Return another value than this one; no two turns return the same free text or number."""
    words = WORDS.get((column.table.name, column.name))
    if words:
        word = words[((words.index(value) if value in words else 0) + turn) % len(words)]
        return [word] if isinstance(column.type, ARRAY) else word
    match column.type:
        case Text():
            return f"改{turn}{value or ''}"
        case ARRAY():
            return [*(value or ()), f"改{turn}"]
        case Boolean():
            return not value if turn % 2 else bool(value)
        case Integer():
            return (value or 0) + 1000 * turn
        case DateTime():
            return (_FAR if turn % 2 or value is None else value) + timedelta(days=turn % 999)
        case Date():
            return (_FAR.date() if turn % 2 or value is None else value) + timedelta(days=turn % 999)
        case JSONB():
            asked = {key: _FAR.isoformat() for name, key in KEYS if name == column.name}
            said = _other_json(value, turn) if value else {"改": f"改{turn}"}
            return {**asked, **said} if isinstance(said, dict) else said
        case LargeBinary():
            return f"改{turn}".encode()
    raise AssertionError(f"{column}: a new type of column needs a line here")


def _other_json(value: Any, turn: int) -> Any:
    match value:
        case dict():
            return {key: _other_json(one, turn) for key, one in value.items()}
        case list():
            return [_other_json(one, turn) for one in value]
        case bool():
            return not value
        case int():
            return value + 1  # of settings: they stay settings
        case str():
            return f"改{turn}{value}"
    return value


def changed(hidden: Rows) -> Rows:
    """Return the rows with every value changed but for what they refer to and where they lie."""
    return {
        table.name: [
            {**row, **{column.name: other(column, row.get(column.name), _ANEW) for column in _free(table)}}
            for row in hidden.get(table.name, ())
        ]
        for table in TABLES
    }


def added(hidden: Rows, seen: Rows, place: Row) -> Rows:
    """Return more rows like the hidden ones, with every word in every column of words; also of tables that have none.

    They refer to what those do, and by each of their references to each row that is seen. Those that lie within the
    border for that are among them. ``place`` is where rows lie that are like none.
    """
    ids = count(100_001)
    found: Rows = {}
    for table in TABLES:
        like = hidden.get(table.name) or [_bare(table, hidden, place)]
        turns = max([2, *(len(words) for (of, _), words in WORDS.items() if of == table.name)])
        referring = [
            {
                **next((row for row in like if row.get(column.name) is not None), like[0]),
                column.name: row["id"],
            }
            for column in table.columns
            if column.foreign_keys and column.name not in tables.PATH
            for row in seen.get(_target(column), ())
        ]
        found[table.name] = [
            _again(table, row, next(ids)) for row in (*like, *referring) for _ in range(turns)
        ]
    return found


def _again(table: Table, row: Row, id_: int) -> Row:
    return {
        column.name: id_
        if column.name == "id"
        else other(column, row.get(column.name), id_)
        if is_free(column)
        else row[column.name]
        for column in table.columns
        if column.name in row or column.name == "id" or is_free(column)
    }


def _bare(table: Table, hidden: Rows, place: Row) -> Row:
    return {
        column.name: place[column.name] if column.name in place else hidden[_target(column)][0]["id"]
        for column in table.columns
        if column.name in place or column.foreign_keys
    }


def _free(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if is_free(column)]


def _target(column: Column[Any]) -> str:
    return next(iter(column.foreign_keys)).column.table.name


async def add(database: Database, rows: Rows) -> None:
    """Insert rows of any table."""
    async with database.engine.begin() as connection:
        for table in TABLES:
            for _, alike in groupby(rows[table.name], key=tuple):
                await connection.execute(insert(table), list(alike))


async def change(database: Database, rows: Rows) -> None:
    """Write the free columns of rows that there are."""
    async with database.engine.begin() as connection:
        for table in TABLES:
            if rows[table.name]:
                values: dict[str, Any] = {one.name: bindparam(f"new_{one.name}") for one in _free(table)}
                await connection.execute(
                    update(table).where(table.c.id == bindparam("of")).values(values),
                    [
                        {"of": row["id"], **{f"new_{name}": row[name] for name in values}}
                        for row in rows[table.name]
                    ],
                )


async def remove_all_but(database: Database, seen: Rows) -> None:
    """Delete every row that is not seen, even where one that is refers to it."""
    async with database.engine.begin() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        for table in TABLES:
            ids = [row["id"] for row in seen.get(table.name, ())]
            await connection.execute(
                delete(table).where(table.c.id.not_in(ids)) if "id" in table.c else delete(table)
            )


def texts_of(table: str, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the free texts of a row, each with the name of its column; what is worked out of others has none."""
    if table not in tables.metadata.tables:
        return
    for column in _free(tables.metadata.tables[table]):
        if (table, column.name) not in WORDS:
            for one in _strings(row.get(column.name)):
                if one not in _SAID:  # JSON tells words, too
                    yield column.name, one


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def fill(rows: Rows) -> Rows:
    """Give every free text, number and JSON value that is not there something to show, other in each row."""
    for name, of in rows.items():
        for row in of:
            for column in _free(tables.metadata.tables[name]):
                said = f"{name}.{column.name} {row['id']}"
                if (name, column.name) in WORDS or row.get(column.name):
                    continue
                if isinstance(column.type, Text):
                    row[column.name] = said
                elif isinstance(column.type, JSONB):
                    row[column.name] = {"note": said}
                elif isinstance(column.type, Integer) and column.nullable:
                    row[column.name] = row["id"]
    return rows
