"""Rules as data: what they may say, whom they bind and since when, who sets and sees them, and those that ship."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.languages import check_languages
from tests.reference.served import executor_on
from tests.test_commands import (
    BUREAU_B,
    CITY,
    COUNTY,
    COUNTY_2,
    COUNTY_B,
    NOWHERE,
    REPORT,
    TOWN,
    TOWN_B,
    UNITS,
    VILLAGE,
    VILLAGE_B,
    House,
    hand_over,
    house,
    judge,
    path_columns,
)

from lxbc_graph.demo.world import load
from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.errors import CommandError, ErrorCode
from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import (
    AssignmentPart,
    ContactKind,
    Flag,
    InspectionLevel,
    LookBackStep,
    RoutineKind,
    Source,
    Supervision,
)
from lxbc_graph.reports import rules
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.store.rules import IN_FORCE, MERGED, BadSettings, Settings, check, rule_of
from lxbc_graph.write import InspectIssue, ReportIssue, SetRule

pytestmark = pytest.mark.anyio
__all__ = ["house"]

ROOT = Path(__file__).parent.parent
TODAY = date(2024, 1, 31)
"""In the house."""
TWO_LEVELS = {"inspectionLevels": ["TOWNSHIP", "OFFICE"]}


# ── what a rule may say ──────────────────────────────────────────────────────────────────────────────────────

SOME: dict[str, list[Any]] = {
    "days": ["NATURAL", "WORKING"],
    "arrangeDays": [0, 1, 366],
    "progressDays": [0, 5],
    "generalDays": [7, 10],
    "complexMonths": [1, 3],
    "trackMonths": [1, 24],
    "arbitrateDays": [1, 2],
    "lookBackDays": [None, 7],
    "requiredKinds": [["TERRITORIAL"], ["TERRITORIAL", "DEPARTMENT"]],
    "requiredParts": [[], ["LEAD", "ASSIST"]],
    "lineRequired": [False, True],
    "sponsorRequired": [False, True],
    "supervisions": [[], ["SUPERVISION"]],
    "twoWaySupervision": [False, True],
    "evidenceRequired": [False, True],
    "inspectionLevels": [["OFFICE"], ["TOWNSHIP"], ["TOWNSHIP", "OFFICE"]],
    "mustSee": [[], ["MASS_INTEREST"]],
    "lookBackSteps": [[], ["CADRE", "OFFICE"]],
    "contacts": [[], ["VILLAGERS"]],
    "samplePercent": [0, 100],
    "routines": [[], [{"kind": "WEEKLY_MEETING", "weekday": 1}]],
    "ladder": [[], [{"kind": "URGE", "afterHours": 0, "clocks": ["SOLVE"]}]],
    "letters": [1, 3],
    "letterDays": [30, 60],
}
"""Values that are good, of every setting but the working hours."""
HOURS = [("00:00", "06:00"), ("09:00", "17:30"), ("19:00", "23:59")]


@st.composite
def good_settings(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.sets(st.sampled_from(sorted(SOME)), max_size=6))
    given = {name: draw(st.sampled_from(SOME[name])) for name in sorted(names)}
    if draw(st.booleans()):
        given["opens"], given["closes"] = draw(st.sampled_from(HOURS))
    return given


def test_every_setting_is_tried() -> None:
    names = {spec.alias for spec in Settings.model_fields.values()}
    assert names == {*SOME, "opens", "closes"} == {to_camel(spec.name) for spec in fields(Rule)}
    for name, values in SOME.items():
        for value in values:
            check({name: value})


@given(st.lists(good_settings(), max_size=5))
def test_good_settings_merge_to_good_ones(path: list[dict[str, Any]]) -> None:
    merged: dict[str, Any] = {}
    for one in path:
        check(one)
        merged |= one
        check(merged)
    assert rule_of(merged) == rule_of(dict(reversed(merged.items())))


BAD: list[tuple[Any, set[tuple[str, ...]]]] = [
    ([], {()}),
    ("arrangeDays", {()}),
    ({"arrange_days": 1}, {("arrange_days",)}),
    ({"arrangeDays": "1"}, {("arrangeDays",)}),
    ({"arrangeDays": None}, {("arrangeDays",)}),
    ({"arrangeDays": -1, "samplePercent": 101}, {("arrangeDays",), ("samplePercent",)}),
    ({"arrangeDays": 10**30}, {("arrangeDays",)}),
    ({"days": "HOLIDAYS"}, {("days",)}),
    ({"lineRequired": 1}, {("lineRequired",)}),
    ({"mustSee": "MASS_INTEREST"}, {("mustSee",)}),
    ({"mustSee": ["MASS_INTEREST", "NICE"]}, {("mustSee", "1")}),
    ({"mustSee": ["MASS_INTEREST", "MASS_INTEREST"]}, {("mustSee",)}),
    ({"requiredKinds": []}, {("requiredKinds",)}),
    ({"inspectionLevels": ["OFFICE", "TOWNSHIP"]}, {("inspectionLevels",)}),
    ({"ladder": [{"kind": "URGE"}]}, {("ladder", "0", "afterHours")}),
    ({"ladder": [{"kind": "URGE", "afterHours": 0, "then": 1}]}, {("ladder", "0", "then")}),
    ({"ladder": [{"kind": "URGE", "afterHours": "0"}]}, {("ladder", "0", "afterHours")}),
    ({"ladder": [{"kind": "URGE", "afterHours": 10**6}]}, {("ladder", "0", "afterHours")}),
    ({"ladder": [{"kind": "URGE", "afterHours": 0, "replyDays": 0}]}, {("ladder", "0", "replyDays")}),
    ({"ladder": [{"kind": "URGE", "afterHours": 0, "clocks": ["SOLVE"] * 2}]}, {("ladder", "0", "clocks")}),
    ({"routines": [{"kind": "STUDY_TOUR", "day": True}]}, {("routines", "0", "day")}),
    ({"ladder": [{"kind": "URGE", "afterHours": hours} for hours in range(21)]}, {("ladder",)}),
    ({"routines": [{"kind": "STUDY_TOUR", "weekday": 8}]}, {("routines", "0", "weekday")}),
    ({"opens": "18:00", "closes": "08:00"}, {("closes",)}),
    ({"opens": "08:00+08:00", "closes": "18:00"}, {("opens",)}),
    ({"opens": "morning", "closes": "18:00"}, {("opens",)}),
    ({"opens": "07:00"}, {("opens",)}),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "paths"), BAD, ids=[json.dumps(bad)[:60] for bad, _ in BAD])
async def test_what_is_no_setting_is_refused_at_its_path_in_both_languages(
    house: House, bad: Any, paths: set[tuple[str, ...]]
) -> None:
    outcome = await house.do("office", SetRule(COUNTY, "规则", bad))
    assert outcome.row_id is None
    assert {error.code for error in outcome.errors} == {ErrorCode.INVALID_INPUT}
    assert {error.field for error in outcome.errors} == {("settings", *path) for path in paths}
    assert await house.rows("select from rule") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(_JSON | st.dictionaries(st.sampled_from([*SOME, "opens", "closes"]), _JSON, max_size=3))
def test_no_json_at_all_breaks_the_check(given: Any) -> None:
    errors = list(SetRule(COUNTY, "规则", given).problems())
    for error in errors:
        assert error.field[0] == "settings"
        check_languages(replace(error, message=re.sub(r"[一-鿿]", "", error.message)))
    if not errors:
        assert rule_of(given) is not None


def test_settings_are_not_endless() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for endless in ({"x": nested}, {f"{number}": 1 for number in range(5_000)}):
        (error,) = SetRule(COUNTY, "规则", endless).problems()
        assert error.field == ("settings",)


# ── inheritance and effective date ───────────────────────────────────────────────────────────────────────────

PATH = (CITY, COUNTY, TOWN, VILLAGE)


async def _write(connection: AsyncConnection, unit: int, version: int, since: date, given: Any) -> int:
    values = {
        "unit_id": unit,
        **path_columns(unit),
        "version": version,
        "name": "规则",
        "valid_from": since,
        "settings": given,
        "author_name": "某人",
        "created_at": datetime.now(UTC),
    }
    written = await connection.execute(insert(tables.rule).values(values).returning(tables.rule.c.id))
    rule_id: int = written.scalar_one()
    return rule_id


async def _in_force(connection: AsyncConnection, day: date) -> list[int]:
    ids: list[int] = (await connection.exec_driver_sql(IN_FORCE, (list(PATH), day))).scalar_one()
    return ids


@given(st.lists(st.none() | good_settings(), min_size=4, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_lower_unit_outweighs_those_above_field_by_field(
    house: House, path: list[dict[str, Any] | None]
) -> None:
    expected: dict[str, Any] = {}
    async with house.database.engine.connect() as connection:  # never committed
        ids = [
            await _write(connection, unit, 1, TODAY, given)
            for unit, given in reversed(list(zip(PATH, path, strict=True)))
            if given is not None
        ]
        for given in path:
            expected |= given or {}
        found = await _in_force(connection, TODAY)
        assert found == ids[::-1]
        merged = (
            await connection.execute(
                text(f"select {MERGED.format(ids='cast(:ids as bigint[])')}"), {"ids": found}
            )
        ).scalar_one()
    assert (merged or {}) == expected
    rule = rule_of(merged)
    for spec in fields(Rule):
        if to_camel(spec.name) not in expected:
            assert getattr(rule, spec.name) == getattr(DEFAULT, spec.name)


@given(st.lists(st.integers(-2, 2), max_size=6), st.integers(-3, 3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_of_the_rules_whose_day_has_come_the_latest_holds(
    house: House, days: list[int], asked: int
) -> None:
    today = datetime.now(SHANGHAI).date()
    async with house.database.engine.connect() as connection:  # never committed
        ids = [
            await _write(connection, COUNTY, version, today + timedelta(days), {})
            for version, days in enumerate(days, start=1)
        ]
        come = [(day, id_) for day, id_ in zip(days, ids, strict=True) if day <= asked]
        found = await _in_force(connection, today + timedelta(asked))
        assert found == [id_ for _, id_ in sorted(come)[-1:]]


async def test_a_rule_of_tomorrow_does_not_hold_today(house: House) -> None:
    rule = await house.well("office", SetRule(COUNTY, "明日起", TWO_LEVELS, TODAY + timedelta(1)))
    before = await house.well("official", REPORT)
    house.clock[-1] = datetime(2024, 2, 1, 0, 0, tzinfo=SHANGHAI) - timedelta(minutes=2)
    eve = await house.well("official", REPORT)
    house.clock[-1] = datetime(2024, 2, 1, 0, 0, tzinfo=SHANGHAI)
    after = await house.well("official", REPORT)
    kept = [(await house.issue(issue))["rules"] for issue in (before, eve, after)]
    assert kept == [[], [], [rule]]


def _by_office(issue: int) -> InspectIssue:
    return InspectIssue(issue, InspectionLevel.OFFICE, passed=True)


async def test_an_issue_keeps_the_rule_that_it_began_under(house: House) -> None:
    old = await house.at("FEEDBACK")
    await house.well("office", SetRule(COUNTY, "两级核验", TWO_LEVELS))
    new = await house.at("FEEDBACK")
    assert (await house.refused("office", _by_office(new))).code is ErrorCode.ILLEGAL_TRANSITION
    await house.well("office", _by_office(old))
    await house.well("city_office", InspectIssue(new, InspectionLevel.TOWNSHIP, passed=True))
    assert (await house.issue(new))["state"] == "FEEDBACK"
    # Set back for all to come, the rule still holds for what began under it.
    await house.well("office", SetRule(COUNTY, "一级核验", {"inspectionLevels": ["OFFICE"]}))
    again = await house.at("FEEDBACK")
    await house.well("office", _by_office(again))
    await house.well("office", _by_office(new))
    states = [(await house.issue(issue))["state"] for issue in (old, new, again)]
    assert states == ["RECTIFIED"] * 3


# ── setting ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_versions_follow_one_another_and_none_is_ever_changed(house: House) -> None:
    seen: list[dict[str, Any]] = []
    for version, said in enumerate(({}, {"arrangeDays": 2}, {}), start=1):
        rule = await house.well(
            "office", SetRule(COUNTY, f"第{version}版", said, expected_version=version - 1)
        )
        rows = await house.rows("select * from rule order by version")
        assert rows[:-1] == seen
        assert {name: rows[-1][name] for name in ("id", "unit_id", "version", "name", "valid_from")} == {
            "id": rule,
            "unit_id": COUNTY,
            "version": version,
            "name": f"第{version}版",
            "valid_from": TODAY,
        }
        assert json.loads(rows[-1]["settings"]) == said
        who = house.people["office"]
        assert (rows[-1]["account_id"], rows[-1]["author_name"]) == (who.account_id, who.display_name)
        assert rows[-1]["created_at"] == house.clock[-1]
        seen = rows
    (row,) = await house.rows(
        "select city_id, county_id, township_id, village_id from rule where version = 1"
    )
    assert row == path_columns(COUNTY)


async def test_of_two_who_read_the_same_version_one_is_in_conflict(house: House) -> None:
    outcomes = await asyncio.gather(
        *(house.do("office", SetRule(COUNTY, "规则", {}, expected_version=0)) for _ in range(2))
    )
    (error,) = [error for outcome in outcomes for error in outcome.errors]
    assert (error.code, error.field) == (ErrorCode.CONFLICT, ("expectedVersion",))
    assert len(await house.rows("select from rule")) == 1
    assert (
        await house.refused("office", SetRule(COUNTY, "规则", {}, expected_version=2))
    ).code is ErrorCode.CONFLICT


async def test_those_who_expect_nothing_get_versions_of_their_own(house: House) -> None:
    async def shipped() -> None:
        listed = [rules.Listed(UNITS[COUNTY][0], "导入", TODAY + timedelta(place), {}) for place in range(3)]
        async with house.database.pool.acquire() as connection, connection.transaction():
            await rules.apply_rules(connection, listed, house.tick())

    await asyncio.gather(*(house.well("office", SetRule(COUNTY, "规则", {})) for _ in range(8)), shipped())
    versions = [row["version"] for row in await house.rows("select version from rule order by id")]
    assert versions == list(range(1, 12))


async def test_a_repeat_sets_nothing_and_the_key_may_be_from_before_rules(house: House) -> None:
    first = await house.do("office", SetRule(COUNTY, "规则", {"arrangeDays": 2}), key="k")
    assert await house.do("office", SetRule(COUNTY, "规则", {"arrangeDays": 2}), key="k") == first
    other = await house.do("office", SetRule(COUNTY, "规则", {"arrangeDays": 3}), key="k")
    assert [error.code for error in other.errors] == [ErrorCode.IDEMPOTENCY_MISMATCH]
    assert len(await house.rows("select from rule")) == 1
    reported = await house.do("official", REPORT, key="old")
    await house.rows(
        "update idempotency set answer = answer - 'row_id' || jsonb_build_object('issue_id', answer->'row_id')"
        " where key = 'old'"
    )
    assert await house.do("official", REPORT, key="old") == reported


@pytest.mark.parametrize(
    ("day", "good"),
    [(date.min, False), (TODAY - timedelta(1), False), (TODAY, True), (TODAY + timedelta(5 * 365), True),
     (TODAY + timedelta(5 * 365 + 1), False), (date.max, False)],
)  # fmt: skip
async def test_a_rule_holds_from_today_on_or_within_five_years(house: House, day: date, good: bool) -> None:
    command = SetRule(COUNTY, "规则", {}, day)
    if good:
        await house.well("office", command)
    else:
        error = await house.refused("office", command)
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("validFrom",))


async def test_a_closed_unit_gets_no_rule(house: House) -> None:
    await house.rows("update unit set valid_to = $1 where id = $2", TODAY, TOWN)
    error = await house.refused("office", SetRule(TOWN, "规则", {}))
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("unitId",))


@pytest.mark.parametrize("name", ["", " ", "长" * 201, "a\0b"])
async def test_a_rule_has_a_name(house: House, name: str) -> None:
    error = await house.refused("office", SetRule(COUNTY, name, {}))
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("name",))


async def test_an_office_sets_rules_of_what_lies_below_it_and_nobody_else_does(house: House) -> None:
    async def met(who: str, unit: int) -> tuple[ErrorCode, tuple[str, ...]]:
        error: CommandError = await house.refused(who, SetRule(unit, "规则", {}))
        return error.code, error.field

    hidden = (ErrorCode.NOT_FOUND, ("unitId",))
    for unit in (CITY, COUNTY_B, VILLAGE_B, COUNTY_2, NOWHERE, 0):
        assert await met("office", unit) == hidden
    for who in ("town", "bureau", "official", "helper", "inspector", "portal", "screen"):
        seen = VILLAGE if who in ("official", "helper") else TOWN
        assert await met(who, seen) == (ErrorCode.FORBIDDEN, ())
        assert await met(who, CITY) == hidden
    assert await met("admin", COUNTY) == hidden
    assert await met("city_office_2", COUNTY) == hidden
    for who, unit in (("office", VILLAGE), ("city_office", COUNTY), ("city_office", CITY)):
        await house.well(who, SetRule(unit, "规则", {}))


# ── one county more ──────────────────────────────────────────────────────────────────────────────────────────

_SET = """
mutation ($input: SetRuleInput!) {
  setRule(input: $input) {
    __typename
    rule { __typename id version name validFrom settings authorName inForce unit { code } }
    errors { code field message messageZh }
  }
}
"""


async def ask(house: House, executor: Executor, who: str, document: str, **variables: Any) -> Any:
    response = await executor.execute(Request(document, variables=variables), house.people[who])
    answer = json.loads(response.body)
    assert "errors" not in answer, answer
    return answer["data"]


async def test_an_eighth_county_works_otherwise_once_its_office_has_set_a_rule(house: House) -> None:
    async def reported() -> int:
        issue = await house.well("city_office", ReportIssue(VILLAGE_B, "题", "文", Source.VISIT))
        await house.well("office_b", judge(issue))
        return issue

    await house.well("office_b", hand_over(await reported(), TOWN_B, BUREAU_B))
    executor = await executor_on(house.database)
    house.clock[-1] = datetime.now(UTC)  # the server's own
    today = datetime.now(SHANGHAI).date().isoformat()
    given = {"unitId": f"Unit:{COUNTY_B}", "name": "第八县：包案领导", "settings": {"sponsorRequired": True}}
    answer = await ask(house, executor, "office_b", _SET, input=given)
    rule = answer["setRule"].pop("rule")
    assert answer["setRule"] == {"__typename": "RulePayload", "errors": []}
    assert rule.pop("id").startswith("Rule:")
    assert rule == {
        "__typename": "Rule",
        "version": 1,
        "name": "第八县：包案领导",
        "validFrom": today,
        "settings": {"sponsorRequired": True},
        "authorName": "office_b 的名字",
        "inForce": True,
        "unit": {"code": UNITS[COUNTY_B][0]},
    }
    error = await house.refused("office_b", hand_over(await reported(), TOWN_B, BUREAU_B))
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("sponsorId",))
    await house.at("ASSIGNED")  # next door nothing has changed
    bad = given | {"settings": {"sponsorRequired": "yes", "ladder": [{"kind": "URGE"}]}, "expectedVersion": 0}
    answer = await ask(house, executor, "office_b", _SET, input=bad)
    assert answer["setRule"]["rule"] is None
    assert [(error["code"], error["field"]) for error in answer["setRule"]["errors"]] == [
        ("INVALID_INPUT", ["settings", "sponsorRequired"]),
        ("INVALID_INPUT", ["settings", "ladder", "0", "afterHours"]),
    ]


# ── seeing ───────────────────────────────────────────────────────────────────────────────────────────────────

_SEEN = """
query ($code: String!, $issue: ID!, $ids: [ID!]!) {
  rules { totalCount nodes { name inForce unit { code } } }
  held: rules(filter: {inForce: true}) { nodes { name } }
  of: rules(filter: {unit: $code}) { nodes { name } }
  unit(code: $code) { rules { nodes { name } } }
  node(id: $issue) { ... on Issue { rules { nodes { name } } } }
  nodes(ids: $ids) { ... on Rule { name } }
}
"""


async def test_a_viewer_sees_the_rules_that_bind_it_and_none_of_next_door(house: House) -> None:
    house.clock[-1] = datetime.now(UTC)
    tomorrow = datetime.now(SHANGHAI).date() + timedelta(1)
    commands = {
        "市": ("city_office", SetRule(CITY, "市", {})),
        "县": ("office", SetRule(COUNTY, "县", {})),
        "县二": ("office", SetRule(COUNTY, "县二", {})),
        "村": ("office", SetRule(VILLAGE, "村", {})),
        "邻": ("office_b", SetRule(COUNTY_B, "邻", {})),
        "邻明": ("office_b", SetRule(COUNTY_B, "邻明", {}, tomorrow)),
        "外": ("city_office_2", SetRule(UNITS[COUNTY_2][1].city_id, "外", {})),
    }
    ids = {name: await house.well(who, command) for name, (who, command) in commands.items()}
    issue = await house.well("official", REPORT)
    executor = await executor_on(house.database)
    city, county, other = (UNITS[unit][0] for unit in (CITY, COUNTY, COUNTY_B))

    async def seen(who: str, code: str) -> dict[str, Any]:
        variables = {"code": code, "issue": f"Issue:{issue}", "ids": [f"Rule:{id_}" for id_ in ids.values()]}
        return dict(await ask(house, executor, who, _SEEN, **variables))

    def names(connection: Any) -> list[str]:
        return [node["name"] for node in connection["nodes"]]

    portal = await seen("portal", county)
    assert portal["rules"] == {
        "totalCount": 4,
        "nodes": [
            {"name": "市", "inForce": True, "unit": None},
            {"name": "县", "inForce": False, "unit": {"code": county}},
            {"name": "县二", "inForce": True, "unit": {"code": county}},
            {"name": "村", "inForce": True, "unit": {"code": UNITS[VILLAGE][0]}},
        ],
    }
    assert names(portal["held"]) == ["市", "县二", "村"]
    assert names(portal["of"]) == ["县", "县二", "村"]
    assert names(portal["unit"]["rules"]) == ["市", "县", "县二"]
    assert names(portal["node"]["rules"]) == ["市", "县二", "村"]
    assert [node and node["name"] for node in portal["nodes"]] == ["市", "县", "县二", "村", None, None, None]

    beside = await seen("portal_b", other)
    assert names(beside["rules"]) == names(beside["unit"]["rules"]) == ["市", "邻", "邻明"]
    assert names(beside["held"]) == ["市", "邻"]
    assert (await seen("portal_b", county))["of"]["nodes"] == []
    official = await seen("official", UNITS[VILLAGE][0])
    assert names(official["unit"]["rules"]) == ["市", "县", "县二", "村"]
    whole = await seen("city_office", city)
    assert names(whole["of"]) == ["市", "县", "邻", "县二", "邻明", "村"]
    assert names((await seen("city_office_2", city))["rules"]) == ["外"]
    assert (await seen("admin", city))["rules"]["nodes"] == []


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────

METHODS: dict[str, dict[str, Any]] = {
    "4110": {},
    "411082": {
        "inspection_levels": (InspectionLevel.TOWNSHIP, InspectionLevel.OFFICE),
        "must_see": tuple(Flag),
    },
    "411081": {
        "look_back_steps": (LookBackStep.INSPECTOR, LookBackStep.CADRE, LookBackStep.OFFICE),
        "required_parts": (AssignmentPart.LEAD, AssignmentPart.ASSIST),
    },
    "411025": {
        "contacts": tuple(ContactKind),
        "sample_percent": 10,
        "routines": [(RoutineKind.WEEKLY_MEETING, 1)],
    },
    "411002": {
        "look_back_days": 7,
        "two_way_supervision": True,
        "ladder": None,
        "routines": [(RoutineKind.SPECIAL_SUPERVISION, None)],
    },
    "411024": {"line_required": True},
    "411003": {
        "sponsor_required": True,
        "routines": [
            (RoutineKind.WEEKLY_BULLETIN, None),
            (RoutineKind.MONTHLY_REPORT, None),
            (RoutineKind.JOINT_MEETING, None),
        ],
    },
    "411071": {
        "supervisions": (Supervision.SUPERVISION, Supervision.ON_SITE_OFFICE),
        "routines": [(RoutineKind.ON_SITE_OFFICE, None), (RoutineKind.STUDY_TOUR, None)],
    },
}
"""What the shipped rules say otherwise than the programme's proposal (DOMAIN 8)."""


def test_the_shipped_rules_are_the_citys_and_the_methods_of_its_seven_counties() -> None:
    listed = {one.unit: one for one in rules.parse(rules.shipped())}
    assert list(listed) == list(METHODS)
    for code, one in listed.items():
        assert one.name.endswith("（建议稿）")
        rule, otherwise = rule_of(one.settings), dict(METHODS[code])
        if "routines" in otherwise:
            assert [(item.kind, item.weekday) for item in rule.routines] == otherwise.pop("routines")
            rule = replace(rule, routines=())
        if "ladder" in otherwise:
            *rungs, letter = rule.ladder
            assert tuple(rungs) == DEFAULT.ladder
            assert (letter.kind, letter.clocks) == ("REMINDER_LETTER", ("LOOK_BACK",))
            otherwise["ladder"] = rule.ladder
        assert rule == replace(DEFAULT, **otherwise), code


XUCHANG = {"units": [{"code": code} for code in METHODS]}


async def history(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.pool.fetch(
        "select u.code, r.version, r.name, r.valid_from, r.settings, r.author_name, r.account_id, r.county_id = u.id"
        " from rule r join unit u on u.id = r.unit_id order by r.id"
    )
    return [tuple(row) for row in rows]


async def test_the_shipped_rules_are_imported_once(database: Database) -> None:
    await load(database, XUCHANG)
    assert await rules.import_rules(database) == rules.Summary(8, added=8)
    assert await rules.import_rules(database) == rules.Summary(8, unchanged=8)
    rows = await history(database)
    assert [row[0] for row in rows] == list(METHODS)
    assert {row[1] for row in rows} == {1}
    assert {(row[0], row[3]) for row in rows} == {
        (code, date(2021, 7, 1) if code == "4110" else date(2021, 12, 1)) for code in METHODS
    }


def entry(unit: str, since: str, name: str = "规则", **given: Any) -> dict[str, Any]:
    return {"unit": unit, "name": name, "validFrom": since, "settings": given}


def file(folder: Path, *entries: Any) -> Path:
    path = folder / "rules.json"
    path.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return path


async def problems(database: Database, path: Path) -> list[tuple[str, str]]:
    before = await history(database)
    with pytest.raises(rules.BadRules) as refusal:
        await rules.import_rules(database, path)
    assert await history(database) == before
    return refusal.value.problems


async def test_a_file_tells_a_history_that_only_grows_at_its_end(database: Database, tmp_path: Path) -> None:
    await load(database, XUCHANG)
    first = entry("411024", "2021-07-01", arrangeDays=1)
    third = entry("411024", "2022-07-01", arrangeDays=3)
    told = file(tmp_path, third, first)
    assert await rules.import_rules(database, told) == rules.Summary(2, added=2)
    assert [row[1:4] for row in await history(database)] == [
        (1, "规则", date(2021, 7, 1)),
        (2, "规则", date(2022, 7, 1)),
    ]
    assert await rules.import_rules(database, told) == rules.Summary(2, unchanged=2)
    assert await problems(database, file(tmp_path, third, entry("411024", "2022-01-01"))) == [
        ("[1].validFrom", "the unit has a rule from 2022-07-01 already")
    ]
    # Another one of the newest day takes its place, and may be taken back.
    for days in (4, 3):
        path = file(tmp_path, entry("411024", "2022-07-01", arrangeDays=days))
        assert (await rules.import_rules(database, path)).added == 1
    assert [row[1] for row in await history(database)] == [1, 2, 3, 4]


async def test_bad_entries_are_all_told_at_their_paths_and_nothing_is_written(
    database: Database, tmp_path: Path
) -> None:
    await load(database, XUCHANG)
    await database.pool.execute("update unit set valid_to = '2022-01-01' where code = '411002'")
    good = entry("411024", "2021-07-01")
    form = [
        good,
        entry("411024", "2021-07-01"),
        entry("411025", "2021-13-01"),
        entry("411025", "2021-07-01", arrangeDays=-1, ladder=[{"kind": "URGE", "afterHours": "0"}]),
        {**good, "unit": "411081", "name": " "},
        {**good, "unit": 411081, "more": 1},
        [],
    ]
    paths = [path for path, _ in await problems(database, file(tmp_path, *form))]
    assert paths == ["[2].validFrom", "[5].unit", "[5].more", "[6]"]
    assert [path for path, _ in await problems(database, file(tmp_path, *form[:2], *form[3:5]))] == [
        "[1]",
        "[2].settings.arrangeDays",
        "[2].settings.ladder[0].afterHours",
        "[3].name",
    ]
    unknown = (good, entry("411099", "2021-07-01"), entry("411002", "2021-07-01"))
    assert await problems(database, file(tmp_path, *unknown)) == [
        ("[1].unit", "no unit has the code '411099'"),
        ("[2].unit", "the unit 411002 is closed"),
    ]
    assert await history(database) == []


@given(st.binary(max_size=200) | _JSON.map(lambda given: json.dumps(given).encode()))
def test_no_bytes_at_all_break_the_reader(content: bytes) -> None:
    with pytest.raises(rules.BadRules):
        rules.parse(content)


async def test_the_command_imports_a_file_or_what_ships_and_tells_what_is_wrong(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    async def command(*more: str) -> tuple[int, str]:
        done = await anyio.run_process(
            [sys.executable, "-m", "lxbc_graph", "import", "rules", *more],
            env={**os.environ, "LXBC_DATABASE_URL": database_url},
            check=False,
        )
        return done.returncode, done.stderr.decode()

    status, said = await command()
    assert status == 1
    assert "the shipped rules: [0].unit: no unit has the code '4110'" in said
    await load(database, XUCHANG)
    assert await command() == (0, "Imported: listed 8, added 8\n")
    assert await command() == (0, "Imported: listed 8, unchanged 8\n")
    path = file(tmp_path, entry("411024", "2022-01-01", arrangeDays="1"))
    status, said = await command(str(path))
    assert (status, said) == (1, f"{path}: [0].settings.arrangeDays: Is a whole number.\n")


# ── the docs ─────────────────────────────────────────────────────────────────────────────────────────────────


def _types(schema: dict[str, Any], defined: dict[str, Any]) -> str:
    """Say in words what values a JSON schema allows."""
    if "$ref" in schema:
        return _types(defined[schema["$ref"].rpartition("/")[2]], defined)
    if "anyOf" in schema:
        return " or ".join(_types(one, defined) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_types(schema['items'], defined)}"
    if schema["type"] == "object":
        return f"{{{', '.join(schema['properties'])}}}"
    if "minimum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return {"integer": "whole number", "boolean": "true, false", "null": "null", "string": "time of day"}[
        schema["type"]
    ]


def _documented() -> Iterator[str]:
    """The table of docs/rules.md, as the JSON schema of the settings has it."""
    schema = Settings.model_json_schema()
    defaults = Settings.model_validate(
        {to_camel(spec.name): getattr(DEFAULT, spec.name) for spec in fields(Rule)}
    ).model_dump(mode="json", by_alias=True)
    yield "| setting | what it says | values | where nobody says otherwise |"
    yield "| --- | --- | --- | --- |"
    for name, spec in schema["properties"].items():
        default = defaults[name]
        written = "[see above](#the-ladder)" if name == "ladder" else f"`{json.dumps(default)}`"
        yield f"| `{name}` | {spec['description']} | {_types(spec, schema['$defs'])} | {written} |"


def test_the_docs_list_every_setting_as_it_is() -> None:
    documented = "\n".join(_documented())
    assert documented in (ROOT / "docs" / "rules.md").read_text("utf-8"), f"docs/rules.md:\n{documented}"


def test_the_settings_in_the_docs_are_good() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "rules.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    ladder, settings_, listed = map(json.loads, blocks)
    assert rule_of(ladder) == DEFAULT
    check(settings_)
    assert rules.parse(json.dumps(listed).encode())


def test_a_rule_without_settings_is_the_proposal_of_the_programme() -> None:
    assert rule_of(None) == rule_of({}) == DEFAULT
    with pytest.raises(BadSettings, match=r"arrangeDays: Is at least 0\."):
        rule_of({"arrangeDays": -1})
