"""Whatever is wrong in an input, for every mutation, through the API: a typed error, and nothing changed."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
)
from tests.test_commands import (
    BUREAU,
    BUREAU_2,
    CADRE_2,
    CATEGORIES,
    CLASS,
    CLASS_2,
    CONTENT,
    COUNTY,
    HELPER,
    LOOKER,
    PEOPLE,
    TOWN,
    VILLAGE,
    VILLAGE_2,
    House,
    built,
)
from tests.test_every_command import CASES, Scene, scene

from lxbc_graph.app import Service, open_service
from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.schema.execute import Request
from lxbc_graph.schema.mutation import COMMANDS, SHOWS
from lxbc_graph.settings import Settings
from lxbc_graph.write import SetRule

pytestmark = pytest.mark.anyio

BIG = "字" * 350_000  # more than 1 MB as UTF-8
TEXTS = (BIG, "a\0b", "\ud800", "a\udfffb", 42, ["文"], {"a": 1}, True)
BLANK = ("", " \t\u3000", None)
IDS = (
    *("", "x", "0", "Issue:", ":1", "Issue:0", "Issue:-1", "Issue:01", "Issue:1 ", "Issue:١", "Nothing:1"),
    *(f"{kind}:999999" for kind in ("Issue", "Unit", "Department", "Category", "Assignment", "Cadre")),
    *(f"Issue:{number}" for number in (2**31, 2**63 - 1, 2**63, 2**64, 10**400)),
    *("Issue:1\0", "\ud800", BIG, 1.5, [], {}, True),
)
BAD: dict[str, tuple[Any, ...]] = {
    "ID": IDS,
    "String": TEXTS,
    "Int": (-1, 0, 99, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**64, 1.5, "1", True, [1, 2], {}),
    "Boolean": ("true", 1, 0, {}, [True, False]),
    "Date": (
        *("", "gestern", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "10000-01-01"),
        *("0001-01-01", "1999-12-31", "9999-12-31", "2024-2-5", "20240205", "2024-02-05T00:00:00Z"),
        *("2024-02-05\0", "2024-W06-1", "2024-02-0٥", "\ud800", BIG, 20240205, True, {}),
    ),
    "JSON": (
        *("", "{}", 1, True, [], [{}], {"nothing": 1}, {"arrangeDays": "2"}, {"arrangeDays": -1}),
        *({"arrangeDays": 10**30}, {"arrangeDays": 1.5}, {"arrangeDays": None}, {"days": "A\0"}),
        *(
            {"days": "\ud800"},
            {"opens": "25:00", "closes": "26:00"},
            {"opens": "09:00"},
            {"requiredKinds": []},
        ),
        *(
            {"ladder": [{"kind": "URGE", "afterHours": 10**9}]},
            {"ladder": [{}]},
            {"contacts": ["VILLAGERS"] * 2},
        ),
        *({BIG: 1}, {"arrangeDays": {"arrangeDays": {}}}),
    ),
    "enum": ("", "NOTHING", "satisfied", "A\0", "\ud800", BIG, 1, True, {}),
    "object": ("", 1, True, {}, {"nothing": 1}),
}
"""By type: what no field of it takes, or nobody here may name."""

FOREIGN = {
    "Issue": "Issue:{foreign}",
    "Unit": f"Unit:{VILLAGE_2}",
    "Department": f"Department:{BUREAU_2}",
    "Category": f"Category:{CLASS_2}",
    "Cadre": f"Cadre:{CADRE_2}",
}
"""Of another tenant."""

GOOD: dict[str, dict[str, Any]] = {
    "reportIssue": {"unitId": f"Unit:{VILLAGE}", "title": "题", "description": "文", "source": "VISIT"},
    "requestVerification": {"verifierId": f"Cadre:{LOOKER}", "dueOn": "2024-02-20", "reason": "是否属实"},
    "verifyIssue": {"confirmed": True, "finding": "属实"},
    "judgeIssue": {
        "categoryId": f"Category:{CLASS}",
        "workContentId": f"Category:{CONTENT}",
        "complexity": "GENERAL",
        "reason": "因",
    },
    "mergeIssue": {"intoId": "Issue:{other}", "reason": "同"},
    "withdrawIssue": {"reason": "看错了"},
    "transferIssue": {"unitId": f"Unit:{TOWN}", "reason": "属镇"},
    "assignIssue": {
        "parties": [
            {"kind": "TERRITORIAL", "unitId": f"Unit:{TOWN}"},
            {
                "kind": "DEPARTMENT",
                "departmentId": f"Department:{BUREAU}",
                "part": "ASSIST",
                "required": True,
            },
        ],
        "sponsorId": f"Cadre:{HELPER}",
        "reason": "因",
    },
    "acceptAssignment": {"responsibleId": f"Cadre:{HELPER}", "measure": "开沟", "planDue": "2024-02-20"},
    "returnAssignment": {"reason": "非我"},
    "arbitrateAssignment": {
        "reason": "改派",
        "party": {"kind": "TERRITORIAL", "unitId": f"Unit:{COUNTY}"},
    },
    "reportProgress": {"text": "已开工"},
    "proposePlan": {"steps": [{"text": "步", "dueOn": "2024-02-20"}]},
    "approvePlan": {"approved": True, "reason": "可"},
    "superviseIssue": {"text": "加快", "how": "SUPERVISION"},
    "urgeIssue": {"text": "请办"},
    "submitFeedback": {"text": "已办"},
    "inspectIssue": {"level": "OFFICE", "passed": True, "reason": "因", "onSite": "看过"},
    "lookBack": {
        "satisfaction": "SATISFIED",
        "passed": True,
        "contacts": ["VILLAGERS"],
        "unannounced": True,
        "exclusion": "无关",
        "reason": "因",
    },
    "decideExclusion": {"approved": True, "reason": "因"},
    "setRule": {
        "unitId": f"Unit:{COUNTY}",
        "name": "县规",
        "settings": {"arrangeDays": 2},
        "validFrom": "2024-02-20",
    },
    "grantPosting": {
        "role": "CADRE",
        "cadreId": f"Cadre:{HELPER}",
        "unitId": f"Unit:{TOWN}",
        "lead": True,
    },
    "endPosting": {"postingId": f"Posting:{100 + list(PEOPLE).index('inspector')}"},
    "sendBack": {"reason": "因"},
    "reopenIssue": {"reason": "反弹"},
}
"""All that each takes beside its issue or assignment, and the version."""

TOO_MANY = {"PartyInput": 21, "PlanStepInput": 51}

LATER = {"attachmentIds"}
"""Evidence has tests of its own."""


@pytest.fixture
async def house(service: Service) -> House:
    """The people and the clock of the commands' tests, behind the API."""
    house = await built(service.database)
    service.executor._commands = house.commands
    return house


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with open_service(Settings(database_url=database_url, pool_size=2)) as opened:
        yield opened


@dataclass(frozen=True)
class Answer:
    """What came back, as far as a client would branch on it."""

    codes: list[str]
    fields: list[list[str]]
    issue: Any


def test_every_mutation_has_a_good_input_and_only_its_own_fields() -> None:
    assert set(GOOD) == {*CASES, *SHOWS} == set(COMMANDS)
    assert CATEGORIES[CLASS_2][0] != CATEGORIES[CLASS][0]


def filled(value: Any, at: Scene, foreign: int) -> Any:
    """Put the ids of the scene in."""
    if isinstance(value, str):
        return value.replace("{other}", str(at.other)).replace("{foreign}", str(foreign))
    if isinstance(value, list):
        return [filled(item, at, foreign) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, at, foreign) for key, item in value.items()}
    return value


def spoiled(type_: GraphQLInputType, value: Any, foreign: int) -> Iterator[tuple[str, Any]]:
    """Yield the value with one thing wrong in it, and where; ``value`` is what the field has when all is well."""
    bare, named = get_nullable_type(type_), get_named_type(type_)
    if isinstance(type_, GraphQLNonNull):
        yield "null", None
        if named.name == "String":
            yield from ((repr(wrong), wrong) for wrong in BLANK)
    if isinstance(bare, GraphQLList):
        yield from _spoiled_list(bare, value or [None], foreign)
    elif isinstance(named, GraphQLInputObjectType):
        yield from _spoiled_object(named, value or {}, foreign)
    else:
        for wrong in BAD["enum" if isinstance(named, GraphQLEnumType) else named.name]:
            yield repr(wrong)[:30], wrong
    if named.name == "ID":
        yield from ((one, one.replace("{foreign}", str(foreign))) for one in FOREIGN.values())


def _spoiled_list(type_: GraphQLList[Any], value: list[Any], foreign: int) -> Iterator[tuple[str, Any]]:
    for where, wrong in spoiled(type_.of_type, value[0], foreign):
        yield f"0.{where}", [wrong, *value[1:]]
    if (many := TOO_MANY.get(get_named_type(type_).name)) is not None:
        yield "none", []
        yield "too many", value[:1] * many


def _spoiled_object(
    type_: GraphQLInputObjectType, value: dict[str, Any], foreign: int
) -> Iterator[tuple[str, Any]]:
    for wrong in BAD["object"]:
        yield "object", wrong
    for name, field in type_.fields.items():
        for where, wrong in spoiled(field.type, value.get(name), foreign):
            yield f"{name}.{where}", {**value, name: wrong}


async def asked(service: Service, house: House, who: str, name: str, given: Any) -> Answer:
    input_type = f"{name[0].upper()}{name[1:]}Input"
    shown = SHOWS.get(name, "Issue").lower()
    query = f"""mutation M($input: {input_type}!) {{
      {name}(input: $input) {{ {shown} {{ id }} errors {{ code field message messageZh }} }}
    }}"""
    response = await service.executor.execute(Request(query, variables={"input": given}), house.people[who])
    answer = orjson.loads(response.body)
    payload = (answer.get("data") or {}).get(name) or {"errors": [], shown: None}
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    codes += [error["code"] for error in payload["errors"]]
    assert all(len(error["message"]) < 2_000 for error in [*answer.get("errors", ()), *payload["errors"]])
    return Answer(codes, [error["field"] for error in payload["errors"]], payload[shown])


TYPED = {*ErrorCode, "BAD_USER_INPUT"}


@pytest.mark.parametrize("name", COMMANDS)
async def test_each_wrong_value_of_each_field_is_a_typed_error_that_changes_nothing(
    house: House, service: Service, name: str
) -> None:
    who, situation = ("office", "REPORTED")
    if name in CASES:
        who, situation = CASES[name].may[0], CASES[name].good_in[0]
    at = await scene(house, situation)
    await house.well("office", SetRule(COUNTY, "县规", {}))
    far = {**GOOD["reportIssue"], "unitId": f"Unit:{VILLAGE_2}"}
    foreign_answer = await asked(service, house, "city_office_2", "reportIssue", far)
    foreign = int(foreign_answer.issue["id"].split(":")[1])
    good = filled(GOOD[name], at, foreign)
    root = service.executor.documents.schema.mutation_type
    assert root is not None
    input_type = get_nullable_type(root.fields[name].args["input"].type)
    assert isinstance(input_type, GraphQLInputObjectType)
    fields = dict(input_type.fields)
    for given, number in (("issueId", at.issue), ("assignmentId", _part(name, at))):
        if given in fields:
            good[given] = f"{given[0].upper()}{given[1:-2]}:{number}"
    if "expectedVersion" in fields:
        good["expectedVersion"] = 1 if name == "setRule" else (await house.issue(at.issue))["version"]
    good["idempotencyKey"] = "k"
    before = await house.everything()
    tried = 0
    for field_name, field in fields.items():
        if field_name in LATER:
            continue
        for where, wrong in spoiled(field.type, good.get(field_name), foreign):
            key = {} if field_name == "idempotencyKey" else {"idempotencyKey": None}
            answer = await asked(service, house, who, name, {**good, field_name: wrong, **key})
            about = (field_name, where, answer)
            assert answer.issue is None, about
            assert answer.codes, about
            assert set(answer.codes) <= TYPED, about
            tried += 1
    assert tried > len(fields)
    assert await house.everything() == before
    answer = await asked(service, house, who, name, good)
    assert answer.codes == [], "with nothing wrong in it, it is done"


def _part(name: str, at: Scene) -> int:
    territory = {"acceptAssignment", "returnAssignment", "arbitrateAssignment"}
    return at.territory if name in territory else at.department
