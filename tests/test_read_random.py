"""Random selections, answered by the compiler and by the reference, for principals of every kind."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from graphql import GraphQLSchema, parse, validate
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, DrawFn
from tests.reference.agreement import Agreement, cursors_under
from tests.reference.agreement import parse as parse_json
from tests.reference.answers import Reference, readable
from tests.reference.documents import Document, Hints, documents, values
from tests.reference.rows import Rows, posting_of, principal_of, random_rows, read, write
from tests.reference.served import POLICY, Statements, executor_on

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import Role
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
        self, portal: BlockingPortal, executor: Executor, rows: Rows, statements: Statements
    ) -> None:
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
        executor = await executor_on(database)
        return cls(portal, executor, rows, Statements.of(database))


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
    deadline=None,
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
        agreement = Agreement()
        answer = _agree(world, agreement, document, variables, principal)
        cursors = _cursors(data, document, answer)
        if cursors:
            _agree(world, agreement, document, {**variables, **cursors}, principal)


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
    note(f"{principal} {variables}")
    reference = Reference(SCHEMA, world.rows, POLICY, principal, world.now)
    meanings = {text: cursor.position for text, cursor in agreement.cursors.items()}
    expected = reference.answer(document.text, variables, meanings)
    assert not expected.errors, expected.errors
    world.statements.clear()
    request = Request(document.text, variables=variables)
    response = world.portal.call(world.executor.execute, request, principal)
    actual = parse_json(response.body)
    assert list(actual) == ["data"], actual
    agreement.check(expected.data, actual["data"])
    assert len(world.portal.call(world.statements.settled)) == 1
    return actual["data"]
