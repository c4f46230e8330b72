"""An error is told of the root field that it is of: it costs no other, and a change whose answer it would spoil."""

from typing import Any

import orjson
import pytest
from tests.test_bad_input import GOOD, service  # noqa: F401 - a fixture
from tests.test_commands import COUNTY, House, built

from lxbc_graph.app import Service
from lxbc_graph.schema.execute import Request

pytestmark = pytest.mark.anyio

SPOILED = {
    "a cursor": ('issue { events(after: "x") { nodes { id } } }', "INVALID_CURSOR"),
    "what is no text": (
        'issue { unit { issues(filter: {search: "\\u0000"}) { totalCount } } }',
        "BAD_USER_INPUT",
    ),
    "too many words": (
        f'issue {{ unit {{ issues(filter: {{search: "{"a" * 201}"}}) {{ totalCount }} }} }}',
        "BAD_USER_INPUT",
    ),
    "a closed filter": (
        'issue { unit { cadres(filter: {phone: ["1"]}) { totalCount } } }',
        "FORBIDDEN",
    ),
}
"""What a payload may ask for that nobody can answer."""


@pytest.fixture
async def house(service: Service) -> House:  # noqa: F811
    house = await built(service.database)
    service.executor._commands = house.commands
    return house


async def asked(service: Service, house: House, who: str, query: str, **variables: Any) -> Any:  # noqa: F811
    response = await service.executor.execute(Request(query, variables=variables), house.people[who])
    return orjson.loads(response.body)


def told(answer: Any) -> list[tuple[str, Any]]:
    return [(error["extensions"]["code"], error.get("path")) for error in answer["errors"]]


@pytest.mark.parametrize("name", SPOILED)
async def test_what_spoils_the_answer_to_a_change_is_refused_before_it(
    house: House,
    service: Service,  # noqa: F811
    name: str,
) -> None:
    selection, code = SPOILED[name]
    good = "reportIssue(input: $input) { issue { id } errors { code } }"
    bad = f"reportIssue(input: $input) {{ {selection} errors {{ code }} }}"
    for changes, path in ((bad, ["reportIssue"]), (f"a: {good} b: {bad}", ["b"])):
        query = f"mutation($input: ReportIssueInput!) {{ {changes} }}"
        answer = await asked(service, house, "official", query, input=GOOD["reportIssue"])
        assert told(answer) == [(code, path)]
        assert "data" not in answer
    assert await house.rows("select id from issue") == []


async def test_a_repeat_that_could_not_be_answered_is_refused_like_the_first(
    house: House,
    service: Service,  # noqa: F811
) -> None:
    given = {**GOOD["reportIssue"], "idempotencyKey": "k"}
    query = "mutation($input: ReportIssueInput!) { reportIssue(input: $input) { %s errors { code } } }"
    first = await asked(service, house, "official", query % "issue { id }", input=given)
    spoiled = await asked(service, house, "official", query % SPOILED["a cursor"][0], input=given)
    repeated = await asked(service, house, "official", query % "issue { id }", input=given)
    assert told(spoiled) == [("INVALID_CURSOR", ["reportIssue"])]
    assert repeated == first


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('bad: unit(code: "\\u0000") { id }', "BAD_USER_INPUT"),
        ('bad: city { issues(filter: {search: "%s"}) { totalCount } }' % ("a" * 201), "BAD_USER_INPUT"),
        ('bad: city { issues(after: "x") { totalCount nodes { id } } }', "INVALID_CURSOR"),
        ('bad: city { cadres(filter: {phone: ["1"]}) { totalCount } }', "FORBIDDEN"),
    ],
)
@pytest.mark.parametrize("beside", ["viewer { account }", "viewer { account } eventCursor __typename"])
async def test_an_error_of_one_root_field_costs_no_other(
    house: House,
    service: Service,  # noqa: F811
    bad: str,
    code: str,
    beside: str,
) -> None:
    answer = await asked(service, house, "official", f"{{ {beside} {bad} }}")
    alone = await asked(service, house, "official", "{ viewer { account } }")
    assert told(answer) == [(code, ["bad"])]
    assert answer["data"]["bad"] is None
    assert answer["data"]["viewer"] == alone["data"]["viewer"] is not None


async def test_an_error_of_a_root_field_that_cannot_be_null_is_told_with_its_path(
    house: House,
    service: Service,  # noqa: F811
) -> None:
    query = '{ viewer { account } a: issues(after: "x") { nodes { id } } b: unit(code: "\\u0000") { id } }'
    answer = await asked(service, house, "official", query)
    assert answer["data"] is None
    assert told(answer) == [("INVALID_CURSOR", ["a"]), ("BAD_USER_INPUT", ["b"])]


@pytest.mark.parametrize(
    ("query", "anonymous"),
    [
        ('mutation($a: String = "x") { login(account: $a, password: "y") { __typename } }', True),
        ('query($a: String = "x") { __type(name: $a) { name } }', True),
        ("query($a: Boolean = true) { __schema { queryType { name @include(if: $a) } } }", True),
        ('query($a: Boolean) { __type(name: "Issue") { fields(includeDeprecated: $a) { name } } }', True),
        ('query($a: String = "x") { explainAccess(id: "Issue:1", action: $a) { allowed } }', False),
        ('query($a: String = "x") { unit(code: $a) { name } }', False),
    ],
)
async def test_a_null_where_none_may_be_is_the_clients_whoever_answers_the_field(
    house: House,
    service: Service,  # noqa: F811
    query: str,
    anonymous: bool,
) -> None:
    principal = None if anonymous else house.people["official"]
    response = await service.executor.execute(Request(query, variables={"a": None}), principal)
    answer = orjson.loads(response.body)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert not any("None" in error["message"] for error in answer["errors"])


async def test_what_a_screen_is_not_told_costs_no_other_field(house: House, service: Service) -> None:  # noqa: F811
    query = (
        '{ at: unit(code: "%s") { metrics(asOf: "2024-01-01T00:00:00Z") { red { numerator } } }'
        ' now: unit(code: "%s") { name } }'
    )
    code = (await house.rows("select code from unit where id = $1", COUNTY))[0]["code"]
    answer = await asked(service, house, "screen", query % (code, code))
    assert told(answer) == [("FORBIDDEN", ["at"])]
    assert answer["data"]["at"] is None
    assert answer["data"]["now"]["name"]
