"""Cursors: they lead through a list without gap or repeat, and are good for nothing else."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from itertools import count, product, zip_longest
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from tests.reference.agreement import parse
from tests.reference.rows import Rows, posting_of, principal_of, random_rows, read, write
from tests.reference.served import executor_on

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.read.catalogue import Contains, Entity, FilterTerm, Is, Many, OneOf
from lxbc_graph.read.cursors import BINDING_LENGTH
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio


def _ties(rows: Rows) -> bool:
    """Whether issues of the first city tie, and some have no due time."""
    due = [issue["due_at"] for issue in rows["issue"] if issue["city_id"] == rows["unit"][0]["id"]]
    return 1 < due.count(None) < len(due) > len(set(due)) + due.count(None)


SEED = next(seed for seed in count() if _ties(random_rows(seed)))
Tampering = Callable[[str], str]

REFUSED = "The cursor is not one that this server gave for this viewer, connection, filter and order."


@dataclass(frozen=True)
class Listing:
    """A connection in one order, with or without a filter, as one of the two viewers asks for it."""

    on: str
    field: str
    entity: str
    order: str
    direction: str
    filter: str
    viewer: int

    @property
    def id(self) -> str:
        """What tells rows apart; what is no node has its place in the list alone."""
        return "id" if CATALOGUE[self.entity].node else "__typename"

    @property
    def document(self) -> str:
        found = (
            f"list: {self.field}(first: $first, after: $after, last: $last, before: $before,"
            f" orderBy: {{field: {self.order}, direction: {self.direction}}}{self.filter})"
            f" {{ totalCount edges {{ cursor node {{ {self.id} }} }} pageInfo {{ hasPreviousPage hasNextPage }} }}"
        )
        if self.on == "Viewer":
            found = f"viewer {{ {found} }}"
        elif self.on != "Query":
            found = f"node(id: $id) {{ ... on {self.on} {{ {found} }} }}"
        arguments = "$first: Int, $after: String, $last: Int, $before: String"
        return f"query ({arguments}{', $id: ID!' if '$id' in found else ''}) {{ {found} }}"


def _listings() -> Iterator[Listing]:
    inherited = dict.fromkeys(CATALOGUE["Unit"].members, CATALOGUE["Unit"].fields)
    for entity in CATALOGUE.entities.values():
        for field, spec in entity.fields.items():
            if isinstance(spec, Many) and field not in inherited.get(entity.name, ()):
                rows = CATALOGUE[spec.entity]
                for order, direction, filter_, viewer in product(
                    rows.orders, ("ASC", "DESC"), ("", _filter(rows)), range(2)
                ):
                    yield Listing(entity.name, field, spec.entity, order, direction, filter_, viewer)


def _filter(rows: Entity) -> str:
    """One that each kind of row has, and that keeps some."""
    for name, term in rows.filters.items():
        if (value := _value(term)) is not None:
            return f", filter: {{{name}: {value}}}"
    raise AssertionError(f"no filter for {rows.name}")


def _value(term: FilterTerm) -> str | None:
    match term:
        case Is():
            return "true"
        case Contains():
            return '""'
        case OneOf(type=type_) if isinstance(type_, type) and issubclass(type_, Enum):
            return f"[{', '.join(type_.__members__)}]"
    return None


LISTINGS = list(_listings())


def listing_of(field: str, order: str) -> Listing:
    return next(one for one in LISTINGS if (one.on, one.field, one.order) == ("Query", field, order))


class Lists:
    """The lists of one database, asked for as they are served."""

    def __init__(self, executor: Executor, viewers: list[Principal], ids: dict[str, list[str]]) -> None:
        self._executor = executor
        self._viewers = viewers
        self._ids = ids
        self._largest: dict[tuple[str, str, int], str] = {}

    def __repr__(self) -> str:
        return "Lists()"  # Hypothesis shows it

    async def ask(self, listing: Listing, **page: Any) -> Any:
        """Answer a page of the listing: below the node where most rows are, if it is one of a node."""
        if listing.on in self._ids:
            page["id"] = await self._parent(listing)
        response = await self._answer(listing.document, page, listing.viewer)
        if "errors" in response:
            return response
        (found,) = response["data"].values()
        return found.get("list", found)

    async def rows(self, listing: Listing, **page: Any) -> list[str]:
        return ids_of(await self.ask(listing, **page))

    async def _parent(self, listing: Listing) -> str:
        key = (listing.on, listing.field, listing.viewer)
        if key not in self._largest:
            counted = f"... on {listing.on} {{ id list: {listing.field} {{ totalCount }} }}"
            text = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {counted} }} }}"
            answer = await self._answer(text, {"ids": self._ids[listing.on]}, listing.viewer)
            seen = [node for node in answer["data"]["nodes"] if node]
            self._largest[key] = max(seen, key=lambda node: node["list"]["totalCount"])["id"]
        return self._largest[key]

    async def _answer(self, text: str, variables: dict[str, Any], viewer: int) -> Any:
        request = Request(text, variables=variables)
        return parse((await self._executor.execute(request, self._viewers[viewer])).body)


def ids_of(answer: Any) -> list[str]:
    return [edge["node"].get("id", edge["cursor"]) for edge in answer["edges"]]


def cursors_of(answer: Any) -> list[str]:
    return [edge["cursor"] for edge in answer["edges"]]


@pytest.fixture
async def lists(database: Database) -> Lists:
    await write(database, random_rows(SEED))
    rows = await read(database.pool)
    now = datetime.now(UTC)
    everything = posting_of({**rows["unit"][0], "role": Role.CITY_OFFICE, "department_id": None})
    viewers = [
        replace(principal, postings=(everything,))
        for account in rows["account"]
        if (principal := principal_of(rows, account, now)).postings
        and principal.city_id == everything.path.city_id
    ]
    ids = {
        entity.name: [
            f"{entity.node}:{row['id']}"
            for row in rows[entity.table]
            if entity.discriminator is None or row[entity.discriminator[0]] == entity.discriminator[1]
        ]
        for entity in CATALOGUE.entities.values()
        if entity.node is not None
    }
    return Lists(await executor_on(database), viewers[:2], ids)


SOME = settings(
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(listing=st.sampled_from(LISTINGS), size=st.integers(1, 8))
@SOME
async def test_pages_of_any_size_in_both_directions_are_the_list(
    lists: Lists, listing: Listing, size: int
) -> None:
    whole = await lists.ask(listing, first=100)
    expected = ids_of(whole)
    note(f"{listing.document} {expected}")
    assert len(set(expected)) == len(expected) == whole["totalCount"]

    found: list[str] = []
    page: dict[str, Any] = {"first": size}
    while True:
        answer = await lists.ask(listing, **page)
        found += ids_of(answer)
        assert answer["pageInfo"] == {
            "hasPreviousPage": "after" in page,
            "hasNextPage": found != expected,
        }
        if found == expected:
            break
        assert found == expected[: len(found)]
        page["after"] = cursors_of(answer)[-1]

    found, page = [], {"last": size}
    while True:
        answer = await lists.ask(listing, **page)
        found = ids_of(answer) + found
        assert answer["pageInfo"] == {
            "hasPreviousPage": found != expected,
            "hasNextPage": "before" in page,
        }
        if found == expected:
            break
        assert found == expected[-len(found) :]
        page["before"] = cursors_of(answer)[0]


@given(listing=st.sampled_from(LISTINGS), other=st.sampled_from(LISTINGS))
@SOME
async def test_a_cursor_is_refused_wherever_it_was_not_given(
    lists: Lists, listing: Listing, other: Listing
) -> None:
    assume(listing != other)
    # Where they differ in one thing alone, each thing must count.
    for elsewhere in (
        other,
        replace(listing, viewer=1 - listing.viewer),
        replace(listing, direction="ASC" if listing.direction == "DESC" else "DESC"),
        replace(listing, filter="" if listing.filter else _filter(CATALOGUE[listing.entity])),
        *(
            replace(listing, order=order)
            for order in CATALOGUE[listing.entity].orders
            if order != listing.order
        ),
    ):
        for cursor in cursors_of(await lists.ask(listing))[:1]:
            for side in ("after", "before"):
                assert_refused(await lists.ask(elsewhere, **{side: cursor}))


@given(listing=st.sampled_from(LISTINGS), ends=st.tuples(st.integers(0, 99), st.integers(0, 99)))
@SOME
async def test_between_two_cursors_stand_the_rows_between(
    lists: Lists, listing: Listing, ends: tuple[int, int]
) -> None:
    whole = await lists.ask(listing, first=100)
    cursors, expected = cursors_of(whole), ids_of(whole)
    assume(cursors)
    after, before = (end % len(cursors) for end in ends)
    between = expected[after + 1 : before]
    page = {"after": cursors[after], "before": cursors[before]}
    assert await lists.rows(listing, first=100, **page) == between
    assert await lists.rows(listing, last=1, **page) == between[-1:]
    other = replace(listing, viewer=1 - listing.viewer)
    for foreign in cursors_of(await lists.ask(other))[:1]:
        assert_refused(await lists.ask(listing, **{**page, "before": foreign}))
        assert_refused(await lists.ask(listing, **{**page, "after": foreign}))


def assert_refused(response: Any) -> None:
    (error,) = response["errors"]
    assert (error["message"], error["extensions"]["code"]) == (REFUSED, "INVALID_CURSOR")
    assert not any((response["data"] or {}).values())


_TIMES = (
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "allballs",
    "2021-W01-1",
    "20210801",
    "2021-08-01",
    "2021-08-01T00:00:00Z",
    "2021-08-01 00:00:00",
    "2021-08-01 00:00:00+08",
    "2021-08-01 00:00:00+00:00:01",
    "2021-08-01 24:00:00+00",
    "2021-08-01 23:59:60+00",
    "2021-02-29 00:00:00+00",
    "0000-01-01 00:00:00+00",
    "0001-01-01 00:00:00+00",
    "0001-01-01 00:00:00+23:59",
    "9999-12-31 23:59:59.999999+00",
    "9999-12-31 23:59:59.9999999+00",
    "10000-01-01 00:00:00+00",
    "294277-01-01 00:00:00+00",
    "0044-03-15 00:00:00+00 BC",
    "٢٠٢١-08-01 00:00:00+00",
)
_NUMBERS = ("1", "-1", "+1", " 1", "1_0", "1e3", "NaN", "0x1", "١", str(2**63 - 1), str(2**63), str(-(2**63)))
_KEYS = st.sampled_from([*_TIMES, *_NUMBERS, "", "\0", "a\0"]) | st.text()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def cut(start: int, length: int, junk: str) -> Tampering:
    """Replace a piece of the text."""
    return lambda cursor: cursor[: start % len(cursor)] + junk + cursor[start % len(cursor) + length :]


def rebound(*content: Any) -> Tampering:
    """Say something else to the same binding; ``...`` is what it said."""

    def tamper(cursor: str) -> str:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        said = json.loads(plain[BINDING_LENGTH:])
        new = [old if value is ... else value for value, old in zip_longest(content, said)]
        text = plain[:BINDING_LENGTH] + json.dumps(new[: len(content)])
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    return tamper


TAMPERINGS = (
    st.builds(cut, st.integers(0, 99), st.integers(0, 9), st.text(max_size=9))
    | st.builds(rebound, _KEYS, st.just(...))
    | st.builds(rebound, st.just(...), _KEYS)
    | st.builds(rebound, st.just(...) | _JSON, _JSON)
    | st.lists(_JSON, max_size=4).map(lambda values: rebound(*values))
)


@given(listing=st.sampled_from(LISTINGS), place=st.integers(0, 99), tamper=TAMPERINGS)
@settings(SOME, max_examples=400)
async def test_a_cursor_that_was_tampered_with_is_refused_or_stands_somewhere_in_the_same_list(
    lists: Lists, listing: Listing, place: int, tamper: Tampering
) -> None:
    whole = await lists.ask(listing, first=100)
    given = cursors_of(whole)
    assume(given)
    cursor = tamper(given[place % len(given)])
    note(f"{listing.document} {cursor!r}")
    expected = ids_of(whole)
    after = await lists.ask(listing, first=100, after=cursor)
    before = await lists.ask(listing, last=100, before=cursor)
    if "errors" in after:
        assert_refused(after)
        assert_refused(before)
    else:
        following, preceding = ids_of(after), ids_of(before)
        assert expected[len(expected) - len(following) :] == following
        assert expected[: len(preceding)] == preceding
        assert len(preceding) + len(following) in (len(expected), len(expected) - 1)


@pytest.mark.parametrize(
    ("field", "order", "taken"),
    [
        ("issues", "DUE_AT", ["infinity", "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"]),
        ("events", "ID", ["20210801", "1", "-1", str(2**63 - 1), str(-(2**63))]),
    ],
)
async def test_only_keys_as_the_server_writes_them_are_taken(
    lists: Lists, field: str, order: str, taken: list[str]
) -> None:
    listing = listing_of(field, order)
    cursor = cursors_of(await lists.ask(listing))[0]
    for key in (*_TIMES, *_NUMBERS):
        answer = await lists.ask(listing, after=rebound(key, ...)(cursor))
        if key in taken:
            assert "edges" in answer, key
        else:
            assert_refused(answer)


async def test_times_in_cursors_are_written_alike_however_the_database_writes_dates(
    database: Database, database_url: str, lists: Lists
) -> None:
    listing = listing_of("issues", "DUE_AT")
    first, *others = await lists.rows(listing)
    admin = await asyncpg.connect(database_url)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f"alter database {name} set datestyle = 'SQL, DMY'")
    await admin.close()
    await database.lanes.close()  # the next connection finds it so
    cursor = cursors_of(await lists.ask(listing, first=1))[0]
    assert await lists.rows(listing, after=cursor) == others
    assert first not in others
