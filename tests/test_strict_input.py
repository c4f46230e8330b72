"""Values that nobody can have meant, in the document and in variables: a typed error, never a guess."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import GraphQLScalarType
from tests.doors import Doors, codes_of, doors_of
from tests.test_http import WORLD

from lxbc_graph.schema.build import build

pytestmark = pytest.mark.anyio

SCHEMA = build()._schema
DOORS = ("post", "websocket")

WITHDRAW = 'withdrawIssue(input: {issueId: "x", reason: "y", expectedVersion: VALUE}) { errors { code } }'
ACCEPT = (
    'acceptAssignment(input: {assignmentId: "x", responsibleId: "y", planDue: VALUE}) { errors { code } }'
)
PLACES = {
    "Int": ("Int", "{ issues(first: VALUE) { totalCount } }"),
    "Int in a change": ("Int", f"mutation {{ {WITHDRAW} }}"),
    "String": ("String", "{ issues(filter: {search: VALUE}) { totalCount } }"),
    "DateTime": ("DateTime", "{ issues(filter: {reportedAt: {from: VALUE}}) { totalCount } }"),
    "DateTime of figures": ("DateTime", "{ city { metrics(asOf: VALUE) { red { numerator } } } }"),
    "Date": ("Date", f"mutation {{ {ACCEPT} }}"),
    "Boolean": ("Boolean! = true", "{ city { name @skip(if: VALUE) } }"),
    "IssueState": ("[IssueState!]", "{ issues(filter: {state: VALUE}) { totalCount } }"),
}
"""The type of a variable, and a document with a place for one value of it."""

WRONG: dict[str, list[Any]] = {
    "Int": [2**31, -(2**31) - 1, 2**53, 2**64, 10**30, 1.5, -0.1, "1", True, [1, 2], {"a": 1}],
    "String": [1, 1.5, True, ["a", "b"], {"a": "b"}],
    "DateTime": [
        *("", "2026-01-01", "2026-01-01T08:00:00", "2026-01-01T08:00", "2026-01-01 08:00:00Z", "08:00:00Z"),
        *(
            "2026-01-01T08:00:00+8",
            "2026-01-01T08:00:00+0800",
            "2026-02-30T08:00:00Z",
            "2026-01-01T24:00:00Z",
        ),
        *("2026-01-01T08:00:60Z", "2026-01-01T08:00:00+24:00", "20260101T080000Z", "2026-W01-1T08:00:00Z"),
        *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00", "now", "infinity"),
        *("2026-01-01T08:00:00Z\0", "２026-01-01T08:00:00Z", " 2026-01-01T08:00:00Z", 1767225600, 1.5, True),
    ],
    "Date": [
        *(
            "",
            "2026-1-1",
            "2026-01-01T08:00:00Z",
            "2026-02-29",
            "20260101",
            "2026-W01-1",
            "0000-01-01",
            "today",
        ),
        *("2026-01-01\0", "２026-01-01", "2026-01-01 ", 20260101, 1.5, True),
    ],
    "Boolean": ["true", "", 1, 0, 1.5],
    "IssueState": ["", "closed", "CLOSED ", "NOTHING", "CLOSED\0", 1, True],
}
REFUSED = {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}
BY_TYPE = [
    (place, value)
    for place, (type_, _) in PLACES.items()
    for value in WRONG[type_.strip("[!]").partition("!")[0]]
]


@pytest.fixture(scope="module")
async def doors(server_url: str, template: str) -> AsyncIterator[Doors]:
    async with doors_of(server_url, template, WORLD) as found:
        yield found


def literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value)


async def both_ways(doors: Doors, door: str, place: str, value: Any) -> tuple[Any, Any]:
    """What is answered to the value in the document, and to it as a variable."""
    type_, text = PLACES[place]
    head = "mutation" if text.startswith("mutation") else "query"
    body = text.removeprefix("mutation ").replace("VALUE", "$value")
    return (
        await doors.ask(door, query=text.replace("VALUE", literal(value))),
        await doors.ask(door, query=f"{head}($value: {type_}) {body}", variables={"value": value}),
    )


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("place", "value"), BY_TYPE, ids=lambda one: repr(one)[:40])
async def test_a_value_of_another_form_is_refused(doors: Doors, door: str, place: str, value: Any) -> None:
    in_document, as_variable = await both_ways(doors, door, place, value)
    assert set(codes_of(in_document)) == {"GRAPHQL_VALIDATION_FAILED"}, in_document
    assert set(codes_of(as_variable)) == {"BAD_USER_INPUT"}, as_variable
    assert "data" not in in_document
    assert "data" not in as_variable


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("place", PLACES)
async def test_no_number_is_not_json_and_no_half_of_a_character_is(
    doors: Doors, door: str, place: str
) -> None:
    malformed = ["BAD_REQUEST"] if door == "post" else [4400]
    for value in (math.nan, math.inf, -math.inf, "\ud800", "a\udfffb"):
        in_document, as_variable = await both_ways(doors, door, place, value)
        assert codes_of(as_variable) == malformed
        refused = {"GRAPHQL_PARSE_FAILED"} if isinstance(value, str) else {"GRAPHQL_VALIDATION_FAILED"}
        if not (place == "String" and value == -math.inf):
            assert set(codes_of(in_document)) <= {*refused, "GRAPHQL_PARSE_FAILED"}, in_document


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("text", ["a\0b", "\0"])
async def test_a_nul_names_nothing_and_is_refused_where_the_database_cannot_look_for_it(
    doors: Doors, door: str, text: str
) -> None:
    for answer in await both_ways(doors, door, "String", text):
        assert codes_of(answer) == ["BAD_USER_INPUT"]
    query = 'query($id: ID!) { node(id: $id) { id } nodes(ids: [$id, "Unit:1"]) { id } }'
    for id_ in (text, f"Issue:1{text}", f"{text}:1"):
        answer = await doors.ask(door, query=query, variables={"id": id_})
        assert answer == {"data": {"node": None, "nodes": [None, {"id": "Unit:1"}]}}
    cursor = f"{{ issues(after: {json.dumps(text)}) {{ totalCount nodes {{ id }} }} }}"
    assert codes_of(await doors.ask(door, query=cursor)) == ["INVALID_CURSOR"]
    unit = f"{{ unit(code: {json.dumps(text)}) {{ id }} }}"
    assert codes_of(await doors.ask(door, query=unit)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("door", DOORS)
async def test_what_stands_raw_in_a_document_is_no_graphql(doors: Doors, door: str) -> None:
    for text in ("{ city { name } }\0", "{ ci\0ty { name } }", '{ unit(code: "\\u{D800}") { id } }'):
        assert codes_of(await doors.ask(door, query=text)) == ["GRAPHQL_PARSE_FAILED"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "value",
    [
        *("2026-01-01T08:00:00Z", "2026-01-01T08:00:00+08:00", "2026-01-01t08:00:00.123456789z"),
        *("2024-02-29T23:59:59-12:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    ],
)
async def test_a_time_with_its_offset_is_taken(doors: Doors, door: str, value: str) -> None:
    for answer in await both_ways(doors, door, "DateTime", value):
        assert set(answer) == {"data"}


@pytest.mark.parametrize("number", [2**31, 2**53, 10**30, -1, 1.5])
async def test_a_number_that_stands_for_an_id_names_nothing(doors: Doors, number: float) -> None:
    in_document = await doors.ask("post", query=f"{{ node(id: {number}) {{ id }} }}")
    query = "query($id: ID!) { node(id: $id) { id } }"
    as_variable = await doors.ask("post", query=query, variables={"id": number})
    if isinstance(number, int):
        assert in_document == {"data": {"node": None}}
    else:
        assert codes_of(in_document) == ["GRAPHQL_VALIDATION_FAILED"]
    assert as_variable == {"data": {"node": None}} or codes_of(as_variable) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("door", ["sse", "websocket"])
@pytest.mark.parametrize(
    ("field", "type_", "value", "codes"),
    [
        ("issueEvents(after: VALUE) { cursor }", "String", "a\0b", {"INVALID_CURSOR"}),
        ("issueEvents(after: VALUE) { cursor }", "String", "", {"INVALID_CURSOR"}),
        ("issueEvents(after: VALUE) { cursor }", "String", 1, REFUSED),
        ("issueEvents(filter: {toState: [VALUE]}) { cursor }", "IssueState!", "CLOSED\0", REFUSED),
        ("deadlineAlerts(rungs: [VALUE]) { cursor }", "RungKind!", 1, REFUSED),
        ('metricsChanged(unit: "4110", minIntervalSeconds: VALUE) { __typename }', "Int!", 2**31, REFUSED),
        (
            'metricsChanged(unit: "4110", minIntervalSeconds: VALUE) { __typename }',
            "Int!",
            0,
            {"BAD_USER_INPUT"},
        ),
        ("metricsChanged(unit: VALUE) { __typename }", "String!", "41\x0010", {"NOT_FOUND"}),
    ],
)
async def test_a_subscription_takes_no_other_values_than_a_query(
    doors: Doors, door: str, field: str, type_: str, value: Any, codes: set[str]
) -> None:
    texts = (
        (f"subscription {{ {field.replace('VALUE', literal(value))} }}", None),
        (f"subscription($value: {type_}) {{ {field.replace('VALUE', '$value')} }}", {"value": value}),
    )
    for text, variables in texts:
        assert set(codes_of(await doors.ask(door, query=text, variables=variables))) <= codes


@pytest.mark.parametrize(
    "settings",
    [
        *("{arrangeDays: NaN}", "{arrangeDays: 1e999}", "{arrangeDays: -1e999}", "{arrangeDays: 2147483648}"),
        *(
            "{arrangeDays: 99999999999999999999999}",
            '{days: "\\u0000"}',
            "{days: [NATURAL]}",
            "{arrangeDays: 1.5}",
        ),
        *("NaN", "1e999", '"\\u0000"', "[]", '{a: "\\u0000"}'),
    ],
)
async def test_json_in_a_document_is_as_strict(doors: Doors, settings: str) -> None:
    given = f'unitId: "Unit:1", name: "n", settings: {settings}, validFrom: "2099-01-01"'
    answer = await doors.ask(
        "post", query=f"mutation {{ setRule(input: {{{given}}}) {{ errors {{ code }} }} }}"
    )
    if "errors" in answer:
        assert set(codes_of(answer)) <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    else:
        assert {error["code"] for error in answer["data"]["setRule"]["errors"]} == {"INVALID_INPUT"}


def test_every_scalar_of_ours_says_by_what_it_is_specified() -> None:
    ours = {
        name: one.specified_by_url
        for name, one in SCHEMA.type_map.items()
        if isinstance(one, GraphQLScalarType) and name not in {"Int", "Float", "String", "Boolean", "ID"}
    }
    assert {"DateTime", "Date", "JSON"} <= set(ours)
    assert all((url or "").startswith("https://") for url in ours.values()), ours
