"""Random selections, answered by the compiler and by the reference, for principals of every kind."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, DrawFn
from tests.reference.agreement import Agreement, cursors_under
from tests.reference.agreement import parse as parse_json
from tests.reference.answers import Reference, readable
from tests.reference.documents import Document, Hints, documents, values
from tests.reference.rows import Rows, posting_of, principal_of, random_rows, read, write
from tests.reference.served import ENFORCER, POLICY, Statements, executor_on

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.scope import scope_of
from lxbc_graph.schema.build import build
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database

EXAMPLES = int(os.environ.get("LXBC_TEST_EXAMPLES", "40"))
"""Documents for each world; every document is asked several times."""
WORLDS = 6

SCHEMA: GraphQLSchema = readable(build()._schema)


class World:
    """One loaded database, the executor over it, and the same rows in memory."""

    def __init__(
        self, portal: BlockingPortal, executor: Executor, rows: Rows, statements: Statements, small_count: int
    ) -> None:
        self.small_count = small_count
        self.portal = portal  # where the executor's event loop runs; Hypothesis draws outside of it
        self.executor = executor
        self.rows = rows
        self.statements = statements
        self.hints = Hints.of(rows)
        self.now = datetime.now(UTC)

    def __repr__(self) -> str:
        return "World()"  # Hypothesis shows it

    @classmethod
    async def load(cls, portal: BlockingPortal, database: Database, seed: int) -> "World":
        await write(database, random_rows(seed))
        rows = await read(database.pool)
        small_count = 2 + seed % 3
        executor = await executor_on(database, small_count=small_count)
        return cls(portal, executor, rows, Statements.of(database), small_count)


@st.composite
def principals(draw: DrawFn, world: World) -> Principal:
    """An account as it is posted, or one that holds whatever postings in its city."""
    accounts = world.rows["account"]
    principal = principal_of(world.rows, accounts[draw(st.integers(0, len(accounts) - 1))], world.now)
    if draw(st.booleans()):
        return principal
    units = [row for row in world.rows["unit"] if row["city_id"] == principal.city_id]
    departments = [row for row in world.rows["department"] if row["city_id"] == principal.city_id]
    postings = []
    for _ in range(draw(st.integers(0, 3))):
        place = units[draw(st.integers(0, len(units) - 1))]
        department = draw(st.none() | st.sampled_from([row["id"] for row in departments]))
        postings.append(
            posting_of({**place, "role": draw(st.sampled_from(Role)), "department_id": department})
        )
    return replace(principal, postings=tuple(postings))


@pytest.fixture(params=range(WORLDS))
def world(request: pytest.FixtureRequest, database_url: str) -> Iterator[World]:
    with start_blocking_portal() as portal:
        database = portal.call(Database.open, database_url)
        yield portal.call(World.load, portal, database, request.param)
        portal.call(database.close)


@pytest.mark.usefixtures("anyio_backend")  # the database is made by an async fixture
@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    derandomize="LXBC_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
def test_the_compiler_answers_as_the_reference(world: World, data: DataObject) -> None:
    document = data.draw(documents(SCHEMA, world.hints), "document")
    assert not validate(SCHEMA, parse(document.text)), document.text
    note(document.text)
    for _ in range(data.draw(st.integers(1, 3))):
        principal = data.draw(principals(world))
        variables = data.draw(values(document, world.hints))
        note(f"{principal} {variables}")
        agreement = Agreement()
        answer = _agree(world, agreement, document, variables, principal)
        cursors = _cursors(data, document, answer)
        if cursors:
            note(f"{cursors}")
            _agree(world, agreement, document, {**variables, **cursors}, principal)


def _everybody(world: World) -> Iterator[Principal]:
    """Each account as it is posted, and one for each role at a county."""
    for account in world.rows["account"]:
        yield principal_of(world.rows, account, world.now)
    county = next(row for row in world.rows["unit"] if row["level"] == "COUNTY")
    account = next(row for row in world.rows["account"] if row["city_id"] == county["city_id"])
    for role in Role:
        posting = posting_of({**county, "role": role, "department_id": None})
        yield replace(principal_of(world.rows, account, world.now), postings=(posting,))


@pytest.mark.usefixtures("anyio_backend")
def test_everybody_is_told_every_leaf_of_what_is_worked_on(world: World) -> None:
    def leaves(name: str) -> str:
        type_ = SCHEMA.get_type(name)
        assert isinstance(type_, GraphQLObjectType)
        return " ".join(key for key, spec in type_.fields.items() if is_leaf_type(get_named_type(spec.type)))

    clocks, share = leaves("Clock"), leaves("Assignment")
    text = f"""{{
      issues(first: 100) {{ nodes {{
        {leaves("Issue")} verifier {{ code }} sponsor {{ code }}
        deadlines {{ totalCount nodes {{ {clocks} assignment {{ id }} issue {{ id }} }} }}
        assignments {{ nodes {{ {share} clocks {{ nodes {{ {clocks} }} }} }} }}
      }} }}
      assignments(first: 100) {{ nodes {{ {share} }} }}
      events(first: 100) {{ totalCount nodes {{ {leaves("Event")} issue {{ id }} unit {{ code }} }} }}
    }}"""
    document = Document(text, (), ())
    offered = set()
    for principal in _everybody(world):
        answer = _agree(world, Agreement(), document, {}, principal)
        offered |= {verb for one in answer["issues"]["nodes"] for verb in one["viewerActions"]}
        offered |= {verb for one in answer["assignments"]["nodes"] for verb in one["viewerActions"]}
    assert not world.rows["issue"] or offered


@pytest.mark.usefixtures("anyio_backend")
@pytest.mark.parametrize("world", range(2), indirect=True)
def test_each_filter_and_each_order_alone_keeps_what_the_reference_keeps(world: World) -> None:
    account = world.rows["account"][0]
    city = next(row for row in world.rows["unit"] if row["id"] == account["city_id"])
    posting = posting_of({**city, "role": Role.CITY_OFFICE, "department_id": None})
    principal = replace(principal_of(world.rows, account, world.now), postings=(posting,))
    query = SCHEMA.query_type
    assert query is not None
    for name, spec in query.fields.items():
        if "orderBy" not in spec.args:
            continue
        node = get_named_type(spec.type)
        assert isinstance(node, GraphQLObjectType)
        row = get_named_type(node.fields["nodes"].type)
        asked = "totalCount nodes { id }" if row.name != "Clock" else "totalCount nodes { kind dueAt }"
        for arguments in _alone(spec.args, world):
            document = Document(f"{{ {name}(first: 100, {arguments}) {{ {asked} }} }}", (), ())
            assert not validate(SCHEMA, parse(document.text)), document.text
            _agree(world, Agreement(), document, {}, principal)


def _alone(arguments: dict[str, GraphQLArgument], world: World) -> Iterator[str]:
    """Every order, and every term of the filter with each of its values, or some where there are many."""
    order = get_named_type(arguments["orderBy"].type)
    assert isinstance(order, GraphQLInputObjectType)
    fields = get_named_type(order.fields["field"].type)
    assert isinstance(fields, GraphQLEnumType)
    for direction in ("ASC", "DESC"):
        yield from (f"orderBy: {{field: {field}, direction: {direction}}}" for field in fields.values)
    filter_ = get_named_type(arguments["filter"].type)
    assert isinstance(filter_, GraphQLInputObjectType)
    moments = [f'"{one}"' for one in world.hints.times[::5]]
    for name, spec in filter_.fields.items():
        match get_named_type(spec.type):
            case GraphQLEnumType() as enum:
                values = [f"[{one}]" for one in enum.values] + [f"[{' '.join(enum.values)}]", "[]"]
            case GraphQLInputObjectType():
                values = [f"{{from: {one}}}" for one in moments] + [f"{{to: {one}}}" for one in moments]
            case one if one.name == "Boolean":
                values = ["true", "false"]
            case one if one.name == "ID":
                values = [f'["{id_}"]' for id_ in world.hints.ids[::7]]
            case one if one.name == "DateTime":
                values = moments
            case _:
                values = [f'"{code}"' for code in (*world.hints.codes[:3], "村", "nowhere")]
        for value in values:
            yield f"filter: {{{name}: {value}}}"
            if "asOf" in filter_.fields and name != "asOf":
                yield f"filter: {{{name}: {value}, asOf: {moments[len(moments) // 2]}}}"


def _counts_alone(principal: Principal) -> bool:
    """Whether it may count what it may not read."""
    read, counted = (
        scope_of(ENFORCER, principal, action) for action in (Action.ISSUE_READ, Action.METRICS_READ)
    )
    return not read.covers(counted)


def _cursors(data: DataObject, document: Document, answer: Any) -> dict[str, str]:
    found = {}
    for paged in document.paged:
        given = cursors_under(paged.alias, answer)
        for name in (paged.after, paged.before):
            if given and name:
                found[name] = data.draw(st.sampled_from(given))
    return found


def _agree(
    world: World, agreement: Agreement, document: Document, variables: dict[str, Any], principal: Principal
) -> Any:
    reference = Reference(SCHEMA, world.rows, POLICY, principal, world.now, world.small_count)
    meanings = {text: cursor.position for text, cursor in agreement.cursors.items()}
    expected = reference.answer(document.text, variables, meanings)
    assert not expected.errors, expected.errors
    world.statements.clear()
    request = Request(document.text, variables=variables)
    response = world.portal.call(world.executor.execute, request, principal)
    actual = parse_json(response.body)
    if _counts_alone(principal) and re.search("period|asOf", document.text) and "errors" in actual:
        # Of two moments the difference may be small.
        assert [error["extensions"]["code"] for error in actual["errors"]] == ["FORBIDDEN"]
        return None
    withheld = reference.withheld
    told = {"withheld": withheld[:100], "withheldCount": len(withheld)}
    assert actual.get("extensions") == (told if withheld else None)
    assert list(actual) == ["data", "extensions"][: 1 + bool(withheld)], actual
    agreement.check(expected.data, actual["data"])
    assert len(world.portal.call(world.statements.settled)) == 1
    return actual["data"]
