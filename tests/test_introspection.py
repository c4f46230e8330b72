"""Introspection: it answers, to the letter and in order, what the executor of graphql-core would, but errors."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import execute_sync, get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doors import DOORS, Doors, codes_of, doors_of
from tests.test_http import WORLD

from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.limits import Limits
from lxbc_graph.read.planner import Planner
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.introspection import introspect

SCHEMA = build()._schema
DOCUMENTS = Documents(SCHEMA, CATALOGUE, Limits())
WHOLE = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)


def answered(text: str, variables: dict[str, Any]) -> dict[str, Any]:
    operation = DOCUMENTS.operation(text, None)
    values = operation.variables(variables)
    planner = Planner(CATALOGUE, operation, values)
    fields = planner.collect(operation.root, [operation.node.selection_set])
    return {key: introspect(operation, planner, group, values) for key, group in fields.items()}


def check(text: str, variables: dict[str, Any]) -> None:
    expected = execute_sync(SCHEMA, parse(text), variable_values=variables)
    assert expected.errors is None
    assert json.dumps(answered(text, variables)) == json.dumps(expected.data)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (WHOLE, {}),
        ('{ __type(name: "City") { interfaces { fields { type { interfaces { name } } } } } }', {}),
        (get_introspection_query(descriptions=False), {}),
        ("{ __typename a: __schema { __typename description types { __typename name } } }", {}),
        ('{ b: __type(name: "Nothing") { name } a: __type(name: "Issue") { kind fields { name } } }', {}),
        ("query($of: String!) { __type(name: $of) { possibleTypes { name } } }", {"of": "Node"}),
        (
            "query($no: Boolean!) { __schema { description @skip(if: $no) types @include(if: $no) { name } } }",
            {"no": True},
        ),
        (
            "query($all: Boolean = true) { __schema { types { fields(includeDeprecated: $all) { name } } } }",
            {},
        ),
        (
            "{ __schema { types { name } ...F types { kind } } } fragment F on __Schema { types { kind name } }",
            {},
        ),
        (
            "{ __schema { directives { locations isRepeatable args { defaultValue type { ofType { name } } } } } }",
            {},
        ),
    ],
)
def test_it_answers_what_the_library_answers(text: str, variables: dict[str, Any]) -> None:
    check(text, variables)


LEAVES = {
    "__Type": ["kind", "name", "description", "specifiedByURL", "isOneOf", "__typename"],
    "__Field": ["name", "description", "isDeprecated", "deprecationReason", "__typename"],
    "__InputValue": ["name", "description", "defaultValue", "isDeprecated", "deprecationReason"],
    "__EnumValue": ["name", "description", "isDeprecated", "deprecationReason"],
}
BELOW = {
    "__Type": {
        "fields(includeDeprecated: true)": "__Field",
        "fields": "__Field",
        "interfaces": "__Type",
        "possibleTypes": "__Type",
        "enumValues": "__EnumValue",
        "inputFields": "__InputValue",
        "ofType": "__Type",
    },
    "__Field": {"args": "__InputValue", "type": "__Type"},
    "__InputValue": {"type": "__Type"},
    "__EnumValue": {},
}


@st.composite
def selections(draw: st.DrawFn, type_: str = "__Type", depth: int = 3) -> str:
    """What may be asked of a type, a field or a value, to some depth, under aliases of its own."""
    asked = draw(st.lists(st.sampled_from(LEAVES[type_]), min_size=1, max_size=3))
    if depth and BELOW[type_]:
        for field in draw(st.lists(st.sampled_from(sorted(BELOW[type_])), max_size=2)):
            asked.append(f"{field} {draw(selections(BELOW[type_][field], depth - 1))}")
    return "{ " + " ".join(f"a{place}: {field}" for place, field in enumerate(asked)) + " }"


@given(selections(), st.sampled_from(["Issue", "Node", "IssueFilter", "IssueState", "ID", "Query"]))
@settings(max_examples=60, deadline=None)
def test_it_answers_at_random_what_the_library_answers(selection: str, name: str) -> None:
    text = f'{{ __schema {{ types {selection} }} __type(name: "{name}") {selection} }}'
    try:
        DOCUMENTS.operation(text, None)
    except Refused:  # the schema times itself
        return
    check(text, {})


@pytest.fixture(scope="module")
async def doors(server_url: str, template: str) -> AsyncIterator[Doors]:
    async with doors_of(server_url, template, WORLD) as found:
        yield found


@pytest.mark.anyio
@pytest.mark.parametrize("door", DOORS)
async def test_every_transport_tells_the_schema(doors: Doors, door: str) -> None:
    answer = await doors.ask(door, query=WHOLE)
    assert answer == {"data": execute_sync(SCHEMA, parse(WHOLE)).data}


@pytest.mark.anyio
async def test_null_for_what_cannot_be_null_is_told_at_the_root_field(doors: Doors) -> None:
    text = "query($all: Boolean = true) { __schema { types { fields(includeDeprecated: $all) { name } } } }"
    answer = await doors.ask("post", query=text, variables={"all": None})
    assert codes_of(answer) == ["BAD_USER_INPUT"]
    assert [error["path"] for error in answer["errors"]] == [["__schema"]]
    assert answer["data"] is None
