"""A world is loaded whole or not at all, and a short one is enough."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from lxbc_graph.demo import entries
from lxbc_graph.demo.reading import WorldProblems
from lxbc_graph.demo.world import Counts, add, load
from lxbc_graph.domain.machine import TRANSITIONS
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentState,
    CategoryScheme,
    Complexity,
    Dismissal,
    EventKind,
    ExclusionState,
    IssueState,
    Role,
    Satisfaction,
    Supervision,
    Verb,
)
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.passwords import matches
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[1] / "docs" / "world.md"
CODES = ("4110", "411024", "411024104", "411024104226")
UNITS = [{"code": code} for code in CODES]
VILLAGE = CODES[-1]
OTHER_CITY = [{"code": code.replace("4110", "4101", 1)} for code in CODES]


async def issue_of(database: Database) -> asyncpg.Record:
    (row,) = await database.pool.fetch("select * from issue")
    return row


async def problems(database: Database, world: Any) -> list[tuple[str, str]]:
    """Return the problems of the world, having seen that nothing was written."""
    before = await count_all(database)
    with pytest.raises(WorldProblems) as refusal:
        await load(database, world)
    assert await count_all(database) == before
    return refusal.value.problems


async def count_all(database: Database) -> list[int]:
    return [
        await database.pool.fetchval(f"select count(*) from {table.name}")
        for table in tables.metadata.sorted_tables
    ]


# ── histories ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("department", [[], [{"code": "water", "unit": "4110"}]], ids=["alone", "department"])
@pytest.mark.parametrize("unit", CODES)
@pytest.mark.parametrize("state", list(IssueState))
async def test_an_issue_given_only_with_a_state_gets_a_history_that_ends_there(
    database: Database, state: IssueState, unit: str, department: list[Any]
) -> None:
    world = {"units": UNITS, "departments": department, "cadres": [{"code": "v", "unit": "4110"}]}
    world["issues"] = [{"unit": unit, "state": state.value}]
    await load(database, world)
    row = await issue_of(database)
    events = await database.pool.fetch("select * from event order by id")
    assert row["state"] == state
    assert row["number"] == "4110-2021-000001"
    assert events[-1]["to_state"] == state
    assert row["version"] == len(events)
    assert row["updated_at"] == events[-1]["at"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert [event["from_state"] for event in events] == [None, *(event["to_state"] for event in events[:-1])]
    allowed = {(origin, to) for (origin, _), reached in TRANSITIONS.items() for to in reached}
    assert {(event["from_state"], event["to_state"]) for event in events[1:]} <= allowed
    assert {event["unit_id"] for event in events} == {row["unit_id"]}


async def test_what_is_stated_overrides_what_the_machine_would_write(database: Database) -> None:
    stated: dict[str, Any] = {
        "number": "X-1",
        "title": "题",
        "description": "述",
        "state": "CLOSED",
        "complexity": "COMPLEX",
        "satisfaction": "FAIRLY_SATISFIED",
        "reopened_count": 2,
        "sent_back_count": 3,
        "version": 40,
        "judged_at": "2021-10-20",
        "handed_over_at": "2021-10-21T10:00:00+08:00",
        "due_at": "2021-12-24",
        "rectified_at": "2021-11-20",
        "closed_at": "2021-11-29",
        "mass_interest": True,
    }
    await load(database, {"units": UNITS, "issues": [{"unit": VILLAGE, **stated}]})
    row = await issue_of(database)
    parsed = entries.IssueEntry.model_validate({"unit": VILLAGE, **stated})
    assert {key: row[key] for key in stated} == {key: getattr(parsed, key) for key in stated}
    events = await database.pool.fetch("select kind, at from event order by id")
    at = {event["kind"]: event["at"] for event in events}
    assert at["JUDGED"] == parsed.judged_at
    assert at["ASSIGNED"] == parsed.handed_over_at
    assert at["LOOKED_BACK"] == parsed.closed_at


async def test_parties_and_their_work_can_be_stated(database: Database) -> None:
    await load(
        database,
        {
            "units": UNITS,
            "departments": [{"code": "water", "unit": "411024"}],
            "cadres": [{"code": "c", "name": "李", "unit": "411024"}],
            "issues": [
                {
                    "unit": VILLAGE,
                    "state": "RECTIFYING",
                    "assignments": [
                        {"kind": "TERRITORIAL", "unit": "411024104", "state": "FEEDBACK", "feedback": "好"},
                        {
                            "kind": "DEPARTMENT",
                            "department": "water",
                            "responsible": "c",
                            "state": "ACCEPTED",
                        },
                    ],
                }
            ],
        },
    )
    rows = await database.pool.fetch("select * from assignment order by id")
    assert [row["state"] for row in rows] == ["FEEDBACK", "ACCEPTED"]
    assert rows[0]["feedback"] == "好"
    assert rows[1]["responsible_name"] == "李"
    assert rows[1]["responsible_id"] == await database.pool.fetchval("select id from cadre")
    assert (await issue_of(database))["state"] == "RECTIFYING"


def listed(*steps: tuple[str, str], **more: Any) -> list[dict[str, Any]]:
    """Return events of these kinds that lead to these states, a day after each other, from 1 October on."""
    begin = datetime(2021, 10, 1, tzinfo=UTC)
    return [
        {"kind": kind, "to_state": to, "at": (begin + timedelta(days=day)).isoformat(), **more}
        for day, (kind, to) in enumerate(steps)
    ]


def work(kind: str, to: str) -> list[dict[str, Any]]:
    return [
        {**event, "assignment": place} for place, event in enumerate(listed((kind, "RECTIFYING"), (kind, to)))
    ]


TOWN_AND_WATER = [
    {"kind": "TERRITORIAL", "unit": "411024104"},
    {"kind": "DEPARTMENT", "department": "water"},
]


async def test_listed_events_are_the_whole_history(database: Database) -> None:
    """The machine plays them: one that went wrong twice before it was closed."""
    events = [
        *listed(("REPORTED", "REPORTED"), ("JUDGED", "ACCEPTED"), ("ASSIGNED", "ASSIGNED")),
        *work("ASSIGNMENT_ACCEPTED", "RECTIFYING"),
        *work("FEEDBACK_SUBMITTED", "FEEDBACK"),
        *listed(("INSPECTED", "FEEDBACK"), ("SENT_BACK", "RECTIFYING")),
        *work("FEEDBACK_SUBMITTED", "FEEDBACK"),
        *listed(("INSPECTED", "RECTIFIED"), ("LOOKED_BACK", "CLOSED"), ("REOPENED", "RECTIFYING")),
        *work("FEEDBACK_SUBMITTED", "FEEDBACK"),
        *listed(("INSPECTED", "RECTIFIED"), ("LOOKED_BACK", "CLOSED"), actor_name="某人", data={"k": [1]}),
    ]
    begin = datetime(2021, 10, 1, tzinfo=UTC)
    for day, event in enumerate(events):
        event["at"] = (begin + timedelta(days=day)).isoformat()
    events[-1]["data"]["satisfaction"] = "FAIRLY_SATISFIED"
    issue = {"unit": VILLAGE, "state": "CLOSED", "events": events}
    await load(database, {"units": UNITS, "issues": [issue]})
    rows = await database.pool.fetch("select * from event order by id")
    assert [(row["kind"], row["to_state"], row["at"].isoformat()) for row in rows] == [
        (event["kind"], event["to_state"], event["at"]) for event in events
    ]
    assert {row["seq"] for row in rows} == {None}
    assert rows[-1]["actor_name"] == "某人"
    said = {"satisfaction": "FAIRLY_SATISFIED", "by": "CADRE", "passed": True, "excluded": False}
    assert json.loads(rows[-1]["data"]) == {"k": [1], **said}
    row = await issue_of(database)
    assert (row["sent_back_count"], row["reopened_count"], row["version"]) == (1, 1, len(events))
    assert row["satisfaction"] == "FAIRLY_SATISFIED"
    at = {(event["kind"], event["to_state"]): event["at"] for event in events}
    assert row["reported_at"].isoformat() == at["REPORTED", "REPORTED"]
    assert row["handed_over_at"].isoformat() == at["ASSIGNED", "ASSIGNED"]
    assert row["rectified_at"].isoformat() == at["INSPECTED", "RECTIFIED"]
    assert row["closed_at"].isoformat() == row["updated_at"].isoformat() == at["LOOKED_BACK", "CLOSED"]


def dated(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events a day after each other, from 1 October on."""
    begin = datetime(2021, 10, 1, tzinfo=UTC)
    return [{**event, "at": (begin + timedelta(days=day)).isoformat()} for day, event in enumerate(events)]


def told(kind: str, to: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "to_state": to, **more}


REPORTED = told("REPORTED", "REPORTED")
HANDED_OVER = (REPORTED, told("JUDGED", "ACCEPTED"), told("ASSIGNED", "ASSIGNED"))
ACCEPTED = told("ASSIGNMENT_ACCEPTED", "RECTIFYING", assignment=0)
PEOPLE = [{"code": code, "unit": "411024"} for code in ("finder", "verifier")]
DEPARTMENTS = [{"code": code, "unit": "411024"} for code in ("water", "roads")]
GROUND = {"units": UNITS, "cadres": PEOPLE, "departments": DEPARTMENTS}


async def test_every_step_of_the_workflow_can_be_listed(database: Database) -> None:
    steps = [{"text": "施工", "dueOn": "2021-12-01"}, {"text": "验收", "dueOn": "2022-01-15"}]
    events = dated(
        REPORTED,
        told("VERIFICATION_REQUESTED", "VERIFYING", reason="是否属实"),
        told("VERIFIED", "REPORTED", actor="verifier", data={"finding": "属实"}),
        *HANDED_OVER[1:],
        told("ASSIGNMENT_RETURNED", "ASSIGNED", assignment=1, reason="不归我们管"),
        told("ASSIGNMENT_ARBITRATED", "ASSIGNED", assignment=1, data={"insisted": False}),
        told("ASSIGNMENT_RETURNED", "ASSIGNED", assignment=0),
        told("ASSIGNMENT_ARBITRATED", "ASSIGNED", assignment=0),
        told("URGED", "ASSIGNED", assignment=0),
        ACCEPTED,
        told("ASSIGNMENT_ACCEPTED", "RECTIFYING", assignment=2),
        told("PLAN_PROPOSED", "RECTIFYING", assignment=2, data={"plan": steps}),
        told("PLAN_DECIDED", "RECTIFYING", assignment=2),
        told("SUPERVISED", "RECTIFYING", assignment=2, data={"kind": "SPECIAL_SUPERVISION"}),
        told("PROGRESS_REPORTED", "RECTIFYING", assignment=2, data={"progress": "过半"}),
        told("FEEDBACK_SUBMITTED", "RECTIFYING", assignment=0),
        told("FEEDBACK_SUBMITTED", "FEEDBACK", assignment=2, data={"feedback": "完工"}),
        told("INSPECTED", "RECTIFIED", data={"onSite": "看过"}),
        told(
            "LOOKED_BACK",
            "RECTIFIED",
            data={
                "by": "INSPECTOR",
                "contacts": ["VILLAGERS"],
                "exclusion": "不知情",
                "satisfaction": "DISSATISFIED",
            },
        ),
        told("EXCLUSION_DECIDED", "CLOSED"),
    )
    parties = [*TOWN_AND_WATER, {"kind": "DEPARTMENT", "department": "roads", "feedback": "完工"}]
    issue = {
        "unit": VILLAGE,
        "state": "CLOSED",
        "complexity": "COMPLEX",
        "finder": "finder",
        "events": events,
    }
    issue |= {
        "verifier": "verifier",
        "verify_due": "2021-10-09",
        "exclusion": "APPROVED",
        "assignments": parties,
    }
    await load(database, {**GROUND, "issues": [issue]})
    row = await issue_of(database)
    rows = await database.pool.fetch("select * from assignment order by id")
    written = await database.pool.fetch("select kind, reason, data from event order by id")
    data = {event["kind"]: json.loads(event["data"]) for event in written}
    assert [one["state"] for one in rows] == ["FEEDBACK", "REASSIGNED", "FEEDBACK"]
    assert (rows[1]["return_reason"], rows[0]["insisted"]) == ("不归我们管", True)
    assert (rows[2]["plan_state"], json.loads(rows[2]["plan"])) == ("APPROVED", steps)
    assert (rows[0]["urged_count"], rows[2]["supervised_count"]) == (1, 1)
    assert row["due_at"] == rows[2]["solve_due_at"] == datetime(2022, 1, 15, 15, 59, 59, tzinfo=UTC)
    assert row["verify_due_at"] == datetime(2021, 10, 9, 15, 59, 59, tzinfo=UTC)
    assert row["next_due_at"] is None
    assert "dueBefore" in data["PLAN_DECIDED"]
    assert data["VERIFIED"] == {"confirmed": True, "finding": "属实"}
    assert data["LOOKED_BACK"]["contacts"] == ["VILLAGERS"]
    assert data["INSPECTED"] == {"level": "OFFICE", "passed": True, "onSite": "看过"}
    assert data["SUPERVISED"]["kind"] == "SPECIAL_SUPERVISION"
    assert data["PROGRESS_REPORTED"] == {"progress": "过半"}


@pytest.mark.parametrize(
    ("dismissal", "events"),
    [
        ("WITHDRAWN", (REPORTED, told("WITHDRAWN", "DISMISSED", actor="finder"))),
        ("WITHDRAWN", (*HANDED_OVER[:2], told("WITHDRAWN", "DISMISSED", actor="finder"))),
        ("DUPLICATE", (*HANDED_OVER, ACCEPTED, told("MERGED", "DISMISSED", reason="重复"))),
        (
            "NOT_TRUE",
            (
                REPORTED,
                told("VERIFICATION_REQUESTED", "VERIFYING"),
                told("VERIFIED", "DISMISSED", actor="verifier"),
            ),
        ),
    ],
)
async def test_an_issue_is_dismissed_in_any_way(
    database: Database, dismissal: str, events: tuple[dict[str, Any], ...]
) -> None:
    issue: dict[str, Any] = {
        "unit": VILLAGE,
        "state": "DISMISSED",
        "finder": "finder",
        "dismissal": dismissal,
    }
    if dismissal == "DUPLICATE":
        issue["duplicate_of"] = "FIRST"
    if dismissal == "NOT_TRUE":
        issue["verifier"] = "verifier"
    first = {"unit": VILLAGE, "number": "FIRST", "reported_at": "2021-09-01"}
    await load(database, {**GROUND, "issues": [first, {**issue, "events": dated(*events)}]})
    row = await database.pool.fetchrow("select * from issue where number <> 'FIRST'")
    assert row is not None
    assert (row["dismissal"], row["next_due_at"]) == (dismissal, None)


async def test_only_a_finder_withdraws_in_a_made_history_too(database: Database) -> None:
    issue = {"unit": VILLAGE, "state": "DISMISSED", "dismissal": "WITHDRAWN"}
    assert [path for path, _ in await problems(database, {**GROUND, "issues": [issue]})] == ["issues[0]"]
    await load(database, {**GROUND, "issues": [{**issue, "finder": "finder"}]})
    kinds = await database.pool.fetch("select kind from event order by id")
    assert [row["kind"] for row in kinds] == ["REPORTED", "WITHDRAWN"]


async def test_a_verification_has_a_verifier_who_is_not_the_finder(database: Database) -> None:
    issue = {"unit": VILLAGE, "state": "VERIFYING", "finder": "finder"}
    for bad in ({**GROUND, "cadres": PEOPLE[:1], "issues": [issue]},
                {**GROUND, "issues": [{**issue, "verifier": "finder"}]}):  # fmt: skip
        assert [path for path, _ in await problems(database, bad)] == ["issues[0].verifier"]
    await load(database, {**GROUND, "issues": [{**issue, "verify_due": "2021-10-20"}]})
    row = await issue_of(database)
    assert row["verifier_id"] == await database.pool.fetchval("select id from cadre where code = 'verifier'")
    assert row["next_due_at"] == datetime(2021, 10, 20, 15, 59, 59, tzinfo=UTC)


async def test_a_returned_assignment_waits_for_the_office(database: Database) -> None:
    parties = [TOWN_AND_WATER[0], {**TOWN_AND_WATER[1], "state": "RETURNED", "return_reason": "不归我们管"}]
    issue = {"unit": VILLAGE, "state": "RECTIFYING", "assignments": parties}
    await load(database, {**GROUND, "issues": [issue]})
    clocks = await database.pool.fetch("select kind from clock where running order by kind")
    assert [row["kind"] for row in clocks] == ["ARBITRATE", "SOLVE", "TRACK"]


async def test_a_stated_due_time_is_that_of_the_clocks(database: Database) -> None:
    issue = {"unit": VILLAGE, "state": "RECTIFYING", "due_at": "2021-10-13"}
    await load(database, {"units": UNITS, "issues": [{**issue, "handed_over_at": "2021-10-12"}]})
    row = await issue_of(database)
    clocks = await database.pool.fetch("select due_at from clock where kind = 'SOLVE'")
    assert {row["due_at"] for row in clocks} == {row["due_at"]} == {row["next_due_at"]}


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────

STRICT = {
    "days": "WORKING",
    "requiredParts": ["LEAD", "ASSIST"],
    "lineRequired": True,
    "sponsorRequired": True,
    "evidenceRequired": True,
    "inspectionLevels": ["TOWNSHIP", "OFFICE"],
    "mustSee": ["MASS_INTEREST"],
    "lookBackDays": 7,
    "lookBackSteps": ["INSPECTOR", "CADRE", "OFFICE"],
    "contacts": ["LOCAL_CADRES", "VILLAGERS", "DEPARTMENT"],
}


async def test_a_made_history_does_as_the_rule_says(database: Database) -> None:
    world = {
        "units": UNITS,
        "cadres": [{"code": "finder", "unit": VILLAGE}, {"code": "l", "unit": "4110", "rank": "CITY_LEADER"}],
        "departments": [{"code": "a", "unit": "411024"}, {"code": "b", "unit": "411024", "line": "水利线"}],
        "rules": [{"unit": "411024", "settings": STRICT}],
        "issues": [
            {
                "unit": VILLAGE,
                "state": state,
                "mass_interest": True,
                "finder": "finder",
                "reported_at": "2021-09-24",
            }
            for state in ("RECTIFIED", "CLOSED")
        ],
    }
    assert (await load(database, world)).rule == 1
    row, _ = await database.pool.fetch("select * from issue order by state desc")
    assert row["rules"] == [await database.pool.fetchval("select id from rule")]
    assert row["look_back_due_at"] is not None
    assert row["sponsor_id"] == await database.pool.fetchval("select id from cadre where code = 'l'")
    events = await database.pool.fetch(
        "select e.* from event e join issue i on i.id = e.issue_id where i.state = 'CLOSED' order by e.id"
    )
    data = [json.loads(event["data"]) for event in events]
    assert [(one["level"], "onSite" in one) for one in data if "level" in one] == [
        ("TOWNSHIP", True),
        ("OFFICE", True),
    ]
    assert [(one["by"], len(one.get("contacts", []))) for one in data if "by" in one] == [
        ("INSPECTOR", 3),
        ("CADRE", 3),
        ("OFFICE", 0),
    ]
    # Handed over on Sunday 26 September, when people worked, as they did on Saturday 9 October, for a free week.
    dues = await database.pool.fetchrow("select * from assignment where department_id is not null")
    assert dues is not None
    assert dues["arrange_due_at"] == datetime(2021, 9, 27, 15, 59, 59, tzinfo=UTC)
    assert dues["solve_due_at"] == datetime(2021, 10, 11, 15, 59, 59, tzinfo=UTC)


async def test_an_issue_keeps_the_rules_that_it_began_under(database: Database) -> None:
    rules = [
        {"unit": "4110", "settings": {"generalDays": 9}},
        {"unit": "411024", "settings": {"generalDays": 3}, "valid_from": "2021-10-01"},
        {"unit": "411024", "settings": {"arrangeDays": 2}, "valid_from": "2021-11-01", "name": "鄢陵"},
        {"unit": "411025", "settings": {"generalDays": 1}},
    ]
    units = [*UNITS, {"code": "411025"}]
    reported = ("2021-09-30", "2021-10-01", "2021-11-01")
    issues = [{"unit": VILLAGE, "state": "ASSIGNED", "reported_at": at} for at in reported]
    await load(database, {"units": units, "rules": rules, "issues": issues[:2]})
    later = [{"unit": "411024", "settings": {"arrangeDays": 4}, "valid_from": "2021-11-01"}]
    await load(database, {"rules": later, "issues": issues[2:]})
    of_county = await database.pool.fetch(
        "select r.version, r.name from rule r join unit u on u.id = r.unit_id where u.code = '411024' order by r.id"
    )
    assert [tuple(row) for row in of_county] == [(1, "411024"), (2, "鄢陵"), (3, "411024")]
    rows = await database.pool.fetch(
        "select i.rules, due_at - handed_over_at as given, arrange_due_at - handed_over_at as arranged from issue i"
        " join assignment a on a.issue_id = i.id and a.department_id is not null order by i.id"
    )
    ids = [row["id"] for row in await database.pool.fetch("select id from rule order by id")]
    assert [row["rules"] for row in rows] == [[ids[0]], [ids[0], ids[1]], [ids[0], ids[4]]]
    assert [(row["given"].days, row["arranged"].days) for row in rows] == [(9, 1), (3, 1), (9, 4)]


@pytest.mark.parametrize(
    ("path", "rule", "issue"),
    [
        ("rules[0].settings.arrangeDays", {"arrangeDays": -1}, {}),
        ("rules[0].settings.colour", {"colour": 1}, {}),
        ("rules[0].settings.opens", {"opens": "09:00"}, {}),
        ("rules[0].settings.ladder[0].afterHours", {"ladder": [{"kind": "URGE", "afterHours": 10**6}]}, {}),
        ("rules[0].settings", {"arrangeDays": object()}, {}),
        ("issues[0].sponsor", {"sponsorRequired": True}, {"state": "ASSIGNED"}),
        ("issues[0]", {"lineRequired": True}, {"state": "ASSIGNED"}),
        ("issues[0].events[7]", {"mustSee": ["MASS_INTEREST"]}, {
            "mass_interest": True, "state": "RECTIFIED", "events": dated(
                *HANDED_OVER, ACCEPTED, {**ACCEPTED, "assignment": 1},
                told("FEEDBACK_SUBMITTED", "RECTIFYING", assignment=0),
                told("FEEDBACK_SUBMITTED", "FEEDBACK", assignment=1), told("INSPECTED", "RECTIFIED"))}),
    ],
)  # fmt: skip
async def test_what_a_rule_forbids_is_a_problem(
    database: Database, path: str, rule: dict[str, Any], issue: dict[str, Any]
) -> None:
    world = {**GROUND, "rules": [{"unit": "4110", "settings": rule}], "issues": [{"unit": VILLAGE, **issue}]}
    assert [one for one, _ in await problems(database, world)] == [path]


async def test_what_is_not_stated_fits_between_what_is(database: Database) -> None:
    issue = {"unit": VILLAGE, "state": "CLOSED", "reported_at": "2021-11-29", "closed_at": "2021-11-30"}
    await load(database, {"units": UNITS, "issues": [issue]})
    times = [row["at"] for row in await database.pool.fetch("select at from event order by id")]
    assert times == sorted(times)
    assert (times[-1] - times[0]).days == 1


# ── defaults ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_path_comes_from_the_code_in_any_order(database: Database) -> None:
    await load(database, {"units": UNITS[::-1]})
    rows = {row["code"]: row for row in await database.pool.fetch("select * from unit")}
    for depth, code in enumerate(CODES):
        path = [rows[code][column] for column in tables.ANCESTORS]
        assert path == [rows[above]["id"] for above in CODES[: depth + 1]] + [None] * (3 - depth)
        assert rows[code]["parent_id"] == (rows[CODES[depth - 1]]["id"] if depth else None)
        assert rows[code]["name"] == code


async def test_reach_is_the_path_of_home_and_of_all_postings(database: Database) -> None:
    units = [*UNITS, {"code": "411002"}, {"code": "411003"}]
    posts = [{"role": "cadre", "unit": VILLAGE}, {"role": "cadre", "unit": "411003"}]
    await load(database, {"units": units, "cadres": [{"code": "c", "unit": "411002", "postings": posts}]})
    ids = {row["code"]: row["id"] for row in await database.pool.fetch("select id, code from unit")}
    reach = await database.pool.fetchval("select reach from cadre")
    assert reach == sorted(ids.values())


async def test_an_account_finds_its_city_and_may_do_what_its_postings_say(database: Database) -> None:
    await load(
        database,
        {
            "units": [*UNITS, *OTHER_CITY],
            "departments": [{"code": "water", "unit": "411024"}],
            "cadres": [{"code": "c", "name": "李", "postings": [{"role": "cadre", "unit": VILLAGE}]}],
            "accounts": [
                {"name": "li", "cadre": "c", "password": "secret"},
                {"name": "department", "postings": [{"role": "department", "department": "water"}]},
                {"name": "gone", "city": "4101", "disabled": True},
            ],
        },
    )
    accounts = Accounts(database.pool, 0)
    li, department = await accounts.principal("li"), await accounts.principal("department")
    assert li is not None
    assert department is not None
    assert (li.display_name, [posting.role for posting in li.postings]) == ("李", ["cadre"])
    assert department.postings[0].department_id == await database.pool.fetchval("select id from department")
    assert await accounts.principal("gone") is None
    stored = await database.pool.fetchval("select password_hash from account where name = 'li'")
    assert matches(stored, "secret")


async def test_numbers_go_on_from_those_that_are_there(database: Database) -> None:
    listed = [{"unit": VILLAGE}, {"unit": VILLAGE, "number": "4110-2021-000007"}, {"unit": VILLAGE}]
    await load(database, {"units": UNITS, "issues": listed})
    await load(database, {"issues": [{"unit": VILLAGE}, {"unit": VILLAGE, "reported_at": "2022-01-01"}]})
    await load(database, {"issues": [{"unit": VILLAGE, "number": "4110-2022-000002"}]})
    await load(database, {"issues": [{"unit": VILLAGE, "reported_at": "2022-01-01"}]})
    numbers = await database.pool.fetch("select number from issue order by id")
    assert [row["number"].removeprefix("4110-") for row in numbers] == [
        *("2021-000008", "2021-000007", "2021-000009", "2021-000010"),
        *("2022-000001", "2022-000002", "2022-000003"),
    ]


async def test_a_world_adds_to_what_is_there(database: Database) -> None:
    await load(database, {"units": UNITS, "departments": [{"code": "water", "unit": "411024"}]})
    world = {
        "cadres": [{"code": "c", "department": "water", "postings": [{"role": "cadre", "unit": VILLAGE}]}],
        "issues": [{"unit": VILLAGE, "finder": "c", "state": "CLOSED"}],
    }
    assert await load(database, world) == Counts(cadre=1, posting=1, issue=1, assignment=2, event=11)
    await load(database, {"accounts": [{"name": "a"}], "categories": [{"code": "A"}]})
    await load(database, {"units": OTHER_CITY})
    told = await problems(database, {"accounts": [{"name": "b"}], "categories": [{"code": "B"}]})
    assert [path for path, _ in told] == ["accounts[0].city", "categories[0].city"]
    department = await database.pool.fetchval(
        "select department_id from assignment where department_id is not null"
    )
    assert department == await database.pool.fetchval("select id from department")


# ── any history ──────────────────────────────────────────────────────────────────────────────────────────────

KINDS = {
    Verb.REQUEST_VERIFICATION: EventKind.VERIFICATION_REQUESTED,
    Verb.VERIFY_ISSUE: EventKind.VERIFIED,
    Verb.JUDGE_ISSUE: EventKind.JUDGED,
    Verb.ASSIGN_ISSUE: EventKind.ASSIGNED,
    Verb.ACCEPT_ASSIGNMENT: EventKind.ASSIGNMENT_ACCEPTED,
    Verb.RETURN_ASSIGNMENT: EventKind.ASSIGNMENT_RETURNED,
    Verb.ARBITRATE_ASSIGNMENT: EventKind.ASSIGNMENT_ARBITRATED,
    Verb.REPORT_PROGRESS: EventKind.PROGRESS_REPORTED,
    Verb.PROPOSE_PLAN: EventKind.PLAN_PROPOSED,
    Verb.APPROVE_PLAN: EventKind.PLAN_DECIDED,
    Verb.SUBMIT_FEEDBACK: EventKind.FEEDBACK_SUBMITTED,
    Verb.SUPERVISE_ISSUE: EventKind.SUPERVISED,
    Verb.URGE_ISSUE: EventKind.URGED,
    Verb.INSPECT_ISSUE: EventKind.INSPECTED,
    Verb.LOOK_BACK: EventKind.LOOKED_BACK,
    Verb.DECIDE_EXCLUSION: EventKind.EXCLUSION_DECIDED,
    Verb.SEND_BACK: EventKind.SENT_BACK,
    Verb.REOPEN_ISSUE: EventKind.REOPENED,
    Verb.MERGE_ISSUE: EventKind.MERGED,
    Verb.WITHDRAW_ISSUE: EventKind.WITHDRAWN,
    Verb.TRANSFER_ISSUE: EventKind.TRANSFERRED,
}
ON_ASSIGNMENT = set(
    list(Verb)[list(Verb).index(Verb.ACCEPT_ASSIGNMENT) : list(Verb).index(Verb.INSPECT_ISSUE)]
)
PLAN = [{"text": "一", "dueOn": "2021-12-01"}, {"text": "二", "dueOn": "2022-01-15"}]
DATA: dict[Verb, st.SearchStrategy[dict[str, Any]]] = {
    Verb.PROPOSE_PLAN: st.just({"plan": PLAN}),
    Verb.APPROVE_PLAN: st.booleans().map(lambda approved: {"approved": approved}),
    Verb.ARBITRATE_ASSIGNMENT: st.booleans().map(lambda insisted: {"insisted": insisted}),
    Verb.DECIDE_EXCLUSION: st.booleans().map(lambda approved: {"approved": approved}),
    Verb.LOOK_BACK: st.fixed_dictionaries(
        {},
        optional={
            "exclusion": st.just("外出"),
            "satisfaction": st.sampled_from(Satisfaction),
            "contacts": st.just(["VILLAGERS"]),
        },
    ),
    Verb.SUPERVISE_ISSUE: st.sampled_from(Supervision).map(lambda kind: {"kind": kind}),
}
DAYS = st.integers(9, 24).map("2021-10-{:02d}".format)
TIMES = dict.fromkeys(("accepted_at", "progressed_at", "feedback_at"), DAYS)
SIDES = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(AssignmentState),
        "responsible": st.just("c"),
        "required": st.booleans(),
        "measure": st.just("修"),
        "plan_due": DAYS,
        **TIMES,
    },
)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of which each could follow the one before by its states; the machine may know better."""
    events: list[dict[str, Any]] = [{"kind": "REPORTED", "to_state": IssueState.REPORTED}]
    for _ in range(draw(st.integers(0, 14))):
        state = events[-1]["to_state"]
        steps = [
            (verb, to) for (origin, verb), reached in TRANSITIONS.items() if origin is state for to in reached
        ]
        if not steps:
            break
        verb, to = draw(st.sampled_from(sorted(steps)))
        event = {"kind": KINDS[verb], "from_state": state, "to_state": to}
        if verb in ON_ASSIGNMENT:
            event["assignment"] = draw(st.integers(0, 1))
        if verb in DATA:
            event["data"] = draw(DATA[verb])
        events.append(event | draw(st.fixed_dictionaries({}, optional={"actor": st.sampled_from("cd")})))
    for day, event in enumerate(events, start=9):
        event["at"] = f"2021-10-{day:02d}"
    return events


@st.composite
def tales(draw: st.DrawFn) -> dict[str, Any]:
    """An issue told in a random choice of ways."""
    issue: dict[str, Any] = {"unit": draw(st.sampled_from(CODES)), "state": draw(st.sampled_from(IssueState))}
    if draw(st.booleans()):
        issue["events"] = draw(histories())
        issue["state"] = issue["events"][-1]["to_state"]
    if draw(st.integers(0, 3)) == 0:
        issue["assignments"] = [
            {**party, **draw(SIDES)} for party in ({"kind": "TERRITORIAL", "unit": "4110"}, TOWN_AND_WATER[1])
        ]
    steps = (
        "reported_at",
        "judged_at",
        "handed_over_at",
        "due_at",
        "rectified_at",
        "closed_at",
        "updated_at",
    )
    words = {
        "complexity": st.sampled_from(Complexity),
        "satisfaction": st.sampled_from(Satisfaction),
        "dismissal": st.sampled_from(Dismissal),
        "category": st.just("A"),
        "finder": st.just("c"),
        "verifier": st.sampled_from("cd"),
        "duplicate_of": st.just("FIRST"),
        "sponsor": st.just("d"),
        "exclusion": st.sampled_from(ExclusionState),
        "city_identified": st.just(True),
        **dict.fromkeys(steps, DAYS),
    }
    for key in draw(st.sets(st.sampled_from(sorted(words)), max_size=2)):
        issue[key] = draw(words[key])
    return issue


@pytest.fixture
async def ground(database: Database) -> Database:
    """A city in which histories can play."""
    await load(
        database,
        {
            "units": UNITS,
            "departments": [{"code": "water", "unit": "4110"}],
            "cadres": [{"code": "c", "unit": "4110"}, {"code": "d", "unit": "4110"}],
            "categories": [{"code": "A"}],
            "issues": [{"unit": VILLAGE, "number": "FIRST"}],
        },
    )
    return database


@given(issue=tales())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_told_history_is_one_that_can_have_been_or_a_problem(
    ground: Database, issue: dict[str, Any]
) -> None:
    async with ground.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await add(connection, {"issues": [issue]})
        except WorldProblems as refusal:
            paths = {path.partition(".")[0] for path, _ in refusal.problems}
        else:
            paths = {"issues[0]"}
            check_history(
                await connection.fetchrow("select * from issue where number <> 'FIRST'"),
                await connection.fetch("select * from assignment order by id"),
                (await connection.fetch("select * from event order by id"))[1:],
            )
            await check_clocks(connection)
        finally:
            await transaction.rollback()
    assert paths == {"issues[0]"}


def check_history(issue: Any, assignments: list[Any], events: list[Any]) -> None:
    """The row, its assignments and its events must tell the same, and nothing that the machine forbids."""
    state = issue["state"]
    assert state == events[-1]["to_state"]
    times = [event["at"] for event in events]
    assert times == sorted(times)
    assert issue["updated_at"] >= times[-1]
    assert issue["version"] == len(events)
    allowed = {(origin, KINDS[verb], to) for (origin, verb), reached in TRANSITIONS.items() for to in reached}
    steps = {(event["from_state"], event["kind"], event["to_state"]) for event in events[1:]}
    assert steps <= allowed
    assert [event["from_state"] for event in events] == [None, *(event["to_state"] for event in events[:-1])]
    kinds = [event["kind"] for event in events]
    accepted, judged = issue["complexity"] is not None, issue["judged_at"] is not None
    handed = "ASSIGNED" in kinds
    assert state in {"REPORTED", "VERIFYING", "DISMISSED"} or accepted
    assert accepted == ("ACCEPTED" in [event["to_state"] for event in events])
    assert judged == (accepted or "JUDGED" in kinds or (kinds[-1], state) == ("VERIFIED", "DISMISSED"))
    assert (issue["dismissal"] == "WITHDRAWN") == (kinds[-1] == "WITHDRAWN")
    assert (issue["dismissal"] == "DUPLICATE") == (issue["duplicate_of_id"] is not None)
    assert (issue["verifier_id"] is not None) == ("VERIFICATION_REQUESTED" in kinds)
    assert issue["verifier_id"] is None or issue["verifier_id"] != issue["finder_id"]
    assert (issue["dismissal"] is not None) == (state == "DISMISSED")
    assert (issue["handed_over_at"] is not None) == (issue["due_at"] is not None) == handed
    assert bool(assignments) == handed
    assert (issue["rectified_at"] is not None) == (state in {"RECTIFIED", "CLOSED"})
    assert (issue["closed_at"] is not None) == (state == "CLOSED")
    assert accepted or (issue["category_id"], issue["city_identified"]) == (None, False)
    steps_of = ("reported_at", "judged_at", "handed_over_at", "rectified_at", "closed_at")
    taken = [issue[key] for key in steps_of if issue[key] is not None]
    assert taken == sorted(taken)
    assert handed is False or issue["due_at"] >= issue["handed_over_at"]
    for one in assignments:
        worked = [issue["handed_over_at"]]
        worked += [one[key] for key in ("assigned_at", *TIMES) if one[key] is not None]
        assert worked == sorted(worked)
        unaccepted = one["state"] in {"PENDING", "RETURNED", "REASSIGNED"}
        assert (one["accepted_at"] is None) == (one["responsible_name"] is None) == unaccepted
        assert (one["arbitrate_due_at"] is not None) == (one["state"] == "RETURNED")
        assert (one["feedback_at"] is None) == (one["feedback"] is None) == (one["state"] != "FEEDBACK")
        assert (
            one["required"] is False
            or one["state"] == "REASSIGNED"
            or state not in {"FEEDBACK", "RECTIFIED", "CLOSED"}
            or one["feedback_at"]
        )


async def check_clocks(connection: Any) -> None:
    """What is due next is the first of the clocks that the database sees running."""
    differing = await connection.fetch(
        "select i.id, i.next_due_at from issue i where next_due_at is distinct from"
        " (select min(due_at) from clock where issue_id = i.id and running)"
    )
    assert differing == []


# ── problems ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_all_problems_are_told_at_once_each_at_its_path(database: Database) -> None:
    world = {
        "units": [
            *UNITS,
            {"code": "41102"},
            {"code": "4110"},
            {"code": "411999001"},
            {"code": "411003", "nme": "x"},
        ],
        "departments": [{"code": "water", "unit": "419999"}, {"code": "roads", "unit": "411003"}],
        "cadres": [{"code": "c"}, {"code": "d", "rank": "KING", "unit": "411024"}],
        "accounts": [
            {"name": "a", "cadre": "nobody"},
            {"name": "b", "cadre": "d"},
            {"name": "e", "postings": [{"role": "cadre", "unit": VILLAGE, "valid_to": "2020-01-01"}]},
        ],
        "issues": [
            {"unit": VILLAGE, "state": "SLEEPING"},
            {"unit": VILLAGE, "finder": "x", "category": "Z"},
            {"unit": VILLAGE, "state": "ASSIGNED", "assignments": [{"kind": "TERRITORIAL"}]},
            {"unit": VILLAGE, "state": "CLOSED", "satisfaction": "DISSATISFIED"},
            {"unit": VILLAGE, "events": [{"kind": "REPORTED", "at": "x", "to_state": "REPORTED"}]},
            {"unit": VILLAGE, "state": "DISMISSED", "duplicate_of": "none"},
        ],
        "colours": [],
    }
    assert [path for path, _ in await problems(database, world)] == [
        "accounts[0].cadre",
        "accounts[2].postings[0].valid_to",
        "cadres[0]",
        "cadres[1].rank",
        "colours",
        "departments[0].unit",
        "issues[0].state",
        "issues[1].category",
        "issues[1].finder",
        "issues[2].assignments[0]",
        "issues[3].state",
        "issues[4].events[0].at",
        "issues[5].duplicate_of",
        "units[4].code",
        "units[5]",
        "units[6]",
        "units[7].nme",
    ]


async def test_what_exists_cannot_be_added_again(database: Database) -> None:
    world = {
        "units": UNITS,
        "departments": [{"code": "water", "unit": "4110"}],
        "cadres": [{"code": "c", "unit": "4110"}],
        "accounts": [{"name": "a"}],
        "categories": [{"code": "A"}],
        "issues": [{"unit": VILLAGE, "number": "1"}],
    }
    await load(database, world)
    told = await problems(database, world)
    assert {path for path, _ in told} == {
        *(f"units[{position}]" for position in range(4)),
        *(f"{plural}[0]" for plural in world if plural != "units"),
    }
    assert {message for _, message in told} == {"is in the database already"}


THERE = [{"role": "cadre", "unit": "4101"}]
PARTY_THERE = [{"kind": "TERRITORIAL", "unit": "4101"}]
HERE = {"code": "c", "unit": "4110"}
MINE = {"name": "a", "city": "4110"}


@pytest.mark.parametrize(
    ("path", "world"),
    [
        ("cadres[0].postings[0]", {"cadres": [{**HERE, "postings": THERE}]}),
        ("cadres[0].managed_by", {"cadres": [{**HERE, "managed_by": "4101"}]}),
        ("cadres[0].department", {"cadres": [{**HERE, "department": "there"}]}),
        ("accounts[0].cadre", {"accounts": [{**MINE, "cadre": "theirs"}]}),
        ("accounts[0].postings[0]", {"accounts": [{**MINE, "postings": THERE}]}),
        ("issues[0].finder", {"issues": [{"unit": VILLAGE, "finder": "theirs"}]}),
        ("issues[0].finder_account", {"issues": [{"unit": VILLAGE, "finder_account": "foreign"}]}),
        ("issues[0].category", {"issues": [{"unit": VILLAGE, "category": "T"}]}),
        (
            "issues[0].duplicate_of",
            {"issues": [{"unit": VILLAGE, "state": "DISMISSED", "duplicate_of": "T-1"}]},
        ),
        (
            "issues[0].assignments[0].unit",
            {"issues": [{"unit": VILLAGE, "state": "ASSIGNED", "assignments": PARTY_THERE}]},
        ),
    ],
)  # fmt: skip
async def test_cities_never_mix(database: Database, path: str, world: dict[str, Any]) -> None:
    await load(
        database,
        {
            "units": OTHER_CITY,
            "departments": [{"code": "there", "unit": "4101"}],
            "cadres": [{"code": "theirs", "unit": "4101"}],
            "accounts": [{"name": "foreign"}],
            "categories": [{"code": "T"}],
            "issues": [{"unit": "4101", "number": "T-1"}],
        },
    )
    assert [told for told, _ in await problems(database, {"units": UNITS, **world})] == [path]


BEGUN = listed(("REPORTED", "REPORTED"), ("JUDGED", "ACCEPTED"), ("ASSIGNED", "ASSIGNED"))


@pytest.mark.parametrize(
    ("path", "issue"),
    [
        # Times out of order.
        ("judged_at", {"state": "ACCEPTED", "judged_at": "2021-10-10"}),
        ("handed_over_at", {"state": "ASSIGNED", "judged_at": "2021-10-14", "handed_over_at": "2021-10-13"}),
        ("rectified_at", {"state": "RECTIFIED", "handed_over_at": "2021-10-14", "rectified_at": "2021-10-13"}),
        ("closed_at", {"state": "CLOSED", "rectified_at": "2021-11-14", "closed_at": "2021-11-13"}),
        ("due_at", {"state": "ASSIGNED", "due_at": "2021-10-12"}),
        ("updated_at", {"state": "CLOSED", "updated_at": "2021-10-12"}),
        ("events[1].at", {"state": "ASSIGNED", "events": [BEGUN[0], {**BEGUN[1], "at": "2021-09-30"}]}),
        # What no history leads to.
        ("judged_at", {"judged_at": "2021-10-12"}),
        ("closed_at", {"state": "RECTIFYING", "closed_at": "2021-11-12"}),
        ("due_at", {"state": "ACCEPTED", "due_at": "2021-11-12"}),
        ("category", {"category": "A"}),
        ("category", {"state": "ACCEPTED", "category": "OLD"}),
        ("work_content", {"state": "DISMISSED", "work_content": "01"}),
        ("complexity", {"complexity": "COMPLEX"}),
        ("city_identified", {"city_identified": True}),
        ("dismissal", {"state": "CLOSED", "dismissal": "NOT_TRUE"}),
        ("satisfaction", {"state": "RECTIFIED", "satisfaction": "SATISFIED"}),
        ("state", {"state": "CLOSED", "satisfaction": "DISSATISFIED"}),
        ("reopened_count", {"state": "ACCEPTED", "reopened_count": 1}),
        ("duplicate_of", {"state": "DISMISSED", "dismissal": "DUPLICATE"}),
        ("duplicate_of", {"state": "DISMISSED", "dismissal": "NOT_TRUE", "duplicate_of": "FIRST"}),
        ("duplicate_of", {"number": "X", "state": "DISMISSED", "duplicate_of": "X"}),
        ("number", {"number": "4101-2021-000001"}),
        ("unit", {"unit": "411024105"}),
        # Parties that it cannot have.
        ("assignments", {"assignments": TOWN_AND_WATER}),
        ("assignments[0].unit", {"state": "ASSIGNED", "assignments": [
            {"kind": "TERRITORIAL", "unit": "411025"}, TOWN_AND_WATER[1]]}),
        ("assignments[1].department", {"state": "ASSIGNED", "assignments": [
            TOWN_AND_WATER[0], {"kind": "DEPARTMENT", "department": "beside"}]}),
        ("assignments[1]", {"state": "ASSIGNED", "assignments": [
            TOWN_AND_WATER[0], {"kind": "DEPARTMENT"}]}),
        ("assignments[1].unit", {"state": "ASSIGNED", "assignments": [
            TOWN_AND_WATER[0], {**TOWN_AND_WATER[1], "unit": "411024"}]}),
        ("", {"state": "ASSIGNED", "assignments": TOWN_AND_WATER[:1]}),
        ("", {"state": "ASSIGNED", "assignments": [*TOWN_AND_WATER, TOWN_AND_WATER[1]]}),
        # Work that cannot have been done.
        ("assignments[0].accepted_at", {"state": "ASSIGNED", "assignments": [
            {**TOWN_AND_WATER[0], "accepted_at": "2021-10-14"}, TOWN_AND_WATER[1]]}),
        ("assignments[1].feedback_at", {"state": "CLOSED", "assignments": [TOWN_AND_WATER[0],
            {**TOWN_AND_WATER[1], "accepted_at": "2021-10-15", "feedback_at": "2021-10-14"}]}),
        ("assignments[0].responsible", {"state": "ASSIGNED", "assignments": [
            {**TOWN_AND_WATER[0], "responsible": "c"}, TOWN_AND_WATER[1]]}),
        ("assignments[0].feedback", {"state": "RECTIFYING", "assignments": [
            {**TOWN_AND_WATER[0], "feedback": "好"}, TOWN_AND_WATER[1]]}),
        ("assignments[0].plan_due", {"state": "RECTIFYING", "assignments": [
            {**TOWN_AND_WATER[0], "plan_due": "2021-10-12"}, TOWN_AND_WATER[1]]}),
        ("state", {"state": "ASSIGNED", "assignments": [
            {**TOWN_AND_WATER[0], "state": "ACCEPTED"}, TOWN_AND_WATER[1]]}),
        ("", {"state": "CLOSED", "assignments": [{**TOWN_AND_WATER[0], "state": "PENDING"}, TOWN_AND_WATER[1]]}),
        # Events that cannot have followed each other.
        ("state", {"state": "CLOSED", "events": BEGUN}),
        ("events[0].kind", {"events": BEGUN[1:]}),
        ("events[1].kind", {"events": [BEGUN[0], BEGUN[0]]}),
        ("events[1]", {"state": "ASSIGNED", "events": [BEGUN[0], BEGUN[2]]}),
        ("events[0].to_state", {"events": [{**BEGUN[0], "to_state": "VERIFYING"}]}),
        ("events[0].from_state", {"events": [{**BEGUN[0], "from_state": "REPORTED"}]}),
        ("events[2].from_state", {"state": "ASSIGNED",
            "events": [*BEGUN[:2], {**BEGUN[2], "from_state": "REPORTED"}]}),
        ("events[1].to_state", {"events": [BEGUN[0], {**BEGUN[1], "to_state": "CLOSED"}]}),
        ("events[1].assignment", {"state": "ACCEPTED", "events": [BEGUN[0], {**BEGUN[1], "assignment": 0}]}),
        ("events[3].assignment", {"state": "RECTIFYING",
            "events": [*BEGUN, {**work("ASSIGNMENT_ACCEPTED", "RECTIFYING")[0], "at": "2021-10-05",
                                "assignment": 2}]}),
        ("events[0].data", {"events": [{**BEGUN[0], "data": {"n": float("nan")}}]}),
        ("reported_at", {"reported_at": "2021-10-02", "events": BEGUN[:1]}),
        # Events that cannot be told, or do not say what they need.
        ("events[1].kind", {"events": dated(REPORTED, told("TRANSFERRED", "REPORTED"))}),
        ("events[1].kind", {"events": dated(REPORTED, told("ALERTED", "REPORTED"))}),
        ("events[1].kind", {"state": "DISMISSED", "dismissal": "WITHDRAWN",
            "events": dated(REPORTED, told("JUDGED", "DISMISSED"))}),
        ("events[1]", {"finder": "c", "state": "DISMISSED",
            "events": dated(REPORTED, told("WITHDRAWN", "DISMISSED"))}),
        ("verifier", {"verifier": "c"}),
        ("verify_due", {"state": "VERIFYING", "verifier": "c", "verify_due": "2021-10-01"}),
        ("sponsor", {"sponsor": "c"}),
        ("sponsor", {"state": "ASSIGNED", "sponsor": "c"}),  # of no leader's rank
        ("exclusion", {"state": "CLOSED", "exclusion": "APPROVED"}),
        ("assignments[0].return_reason", {"state": "ASSIGNED", "assignments": [
            {**TOWN_AND_WATER[0], "return_reason": "不"}, TOWN_AND_WATER[1]]}),
        ("assignments[0].state", {"state": "ASSIGNED", "assignments": [
            {**TOWN_AND_WATER[0], "state": "REASSIGNED"}, TOWN_AND_WATER[1]]}),
        ("events[3].data.kind", {"state": "ASSIGNED", "events": dated(
            *HANDED_OVER, told("SUPERVISED", "ASSIGNED", assignment=0, data={"kind": "LOUD"}))}),
        ("events[3]", {"state": "RECTIFYING", "events": dated(
            *HANDED_OVER, told("PLAN_PROPOSED", "ASSIGNED", assignment=0, data={"plan": PLAN}))}),
        ("events[4].data.plan", {"state": "RECTIFYING", "complexity": "COMPLEX", "events": dated(
            *HANDED_OVER, ACCEPTED, told("PLAN_PROPOSED", "RECTIFYING", assignment=0))}),
        ("events[4].data.plan[1].dueOn", {"state": "RECTIFYING", "complexity": "COMPLEX", "events": dated(
            *HANDED_OVER, ACCEPTED,
            told("PLAN_PROPOSED", "RECTIFYING", assignment=0, data={"plan": PLAN[::-1]}))}),
        ("events[4].data.insisted", {"state": "ASSIGNED", "events": dated(
            *HANDED_OVER, told("ASSIGNMENT_RETURNED", "ASSIGNED", assignment=0),
            told("ASSIGNMENT_ARBITRATED", "ASSIGNED", assignment=0, data={"insisted": "no"}))}),
        ("handed_over_at", {"state": "ASSIGNED", "handed_over_at": "2021-10-12", "events": BEGUN}),
    ],
)  # fmt: skip
async def test_a_history_that_cannot_have_been_is_refused_where_it_goes_wrong(
    database: Database, path: str, issue: dict[str, Any]
) -> None:
    units = [
        *UNITS,
        {"code": "411025"},
        {"code": "411024105", "valid_to": "2021-10-01"},
    ]
    await load(
        database,
        {
            "units": units,
            "departments": [{"code": "water", "unit": "411024"}, {"code": "beside", "unit": "411025"}],
            "cadres": [{"code": "c", "unit": "411024"}],
            "categories": [
                {"code": "A"},
                {"code": "OLD", "valid_to": "2021-10-01"},
                {"code": "01", "scheme": "WORK_CONTENT"},
            ],
            "issues": [{"unit": VILLAGE, "number": "FIRST"}],
        },
    )
    told = await problems(database, {"issues": [{"unit": VILLAGE, **issue}]})
    assert [one for one, _ in told] == [f"issues[0].{path}".removesuffix(".")]


@pytest.mark.parametrize(
    ("path", "world"),
    [
        ("categories[0].valid_to", {"categories": [{"code": "A", "valid_to": "2021-07-01"}]}),
        (
            "categories[1].parent",
            {"categories": [{"code": "A", "parent": "B"}, {"code": "B", "parent": "A"}]},
        ),
        ("categories[0].parent", {"categories": [{"code": "A", "parent": "A"}]}),
        ("units[4].successor", {"units": [*UNITS, {"code": "411025", "successor": "411025"}]}),
        ("units[4].valid_to", {"units": [*UNITS, {"code": "411025", "valid_to": "2020-12-31"}]}),
        (
            "cadres[0].postings[0].valid_to",
            {"cadres": [{**HERE, "postings": [{"role": "cadre", "unit": "4110", "valid_to": "2021-07-01"}]}]},
        ),
    ],
)
async def test_what_cannot_be_is_refused_where_it_is_said(
    database: Database, path: str, world: dict[str, Any]
) -> None:
    assert [told for told, _ in await problems(database, {"units": UNITS, **world})] == [path]


@pytest.mark.parametrize(
    "world",
    [None, [], "x", {"units": {}}, {"units": [1]}, {"units": [{}]}, {"issues": [{"unit": VILLAGE}]}, {"": 1}],
)
async def test_anything_that_is_no_world_is_told(database: Database, world: Any) -> None:
    assert await problems(database, world)


CLEVER = st.sampled_from(
    [
        *CODES,
        "4101",
        "411025",
        "water",
        "c",
        "a",
        "A",
        "1",
        "2021-10-11",
        "9999-12-31",
        "0001-01-01",
        0,
        -1,
        2**70,
    ]
    + [
        word.value
        for words in (IssueState, EventKind, AssignmentKind, CategoryScheme, Role)
        for word in words
    ]
)
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | CLEVER


def objects(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the keys of the model, the right ones and any others behind them."""
    values: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(model.model_fields, CLEVER)
    for name, inner in INNER.items():
        if name in values:
            values[name] = st.lists(objects(inner) | ANYTHING, max_size=2)
    for name in {"data", "settings"} & values.keys():
        values[name] = st.dictionaries(st.text(max_size=3), st.lists(ANYTHING, max_size=2), max_size=2)
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    return st.fixed_dictionaries(
        {name: values[name] for name in needed},
        optional={name: value | ANYTHING for name, value in values.items() if name not in needed},
    )


INNER: dict[str, type[BaseModel]] = {
    "postings": entries.PostingEntry,
    "assignments": entries.AssignmentEntry,
    "events": entries.EventEntry,
    "units": entries.UnitEntry,
    "departments": entries.DepartmentEntry,
    "cadres": entries.CadreEntry,
    "accounts": entries.AccountEntry,
    "categories": entries.CategoryEntry,
    "rules": entries.RuleEntry,
    "issues": entries.IssueEntry,
}


@given(world=objects(entries.World))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_file_holds_is_loaded_or_a_problem(ground: Database, world: Any) -> None:
    async with ground.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await add(connection, world)
        except WorldProblems as refusal:
            assert all(message for _, message in refusal.problems)  # noqa: PT017 - either is well
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", ""])
async def test_text_that_cannot_be_stored_is_a_problem(database: Database, text: str) -> None:
    event = {"kind": "REPORTED", "at": "2021-10-01", "to_state": "REPORTED", "data": {"k": text or "\x00"}}
    world = {
        "units": [{"code": "4110", "name": text}],
        "issues": [{"unit": "4110", "title": text}, {"unit": "4110", "events": [event]}],
    }
    told = [path for path, _ in await problems(database, world)]
    assert told[:1] == ["issues[0].title"]
    assert told[-1] == "units[0].name"


# ── the documentation ────────────────────────────────────────────────────────────────────────────────────────


async def test_the_documented_example_loads(database: Database) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    counts = await load(database, json.loads(example))
    assert (counts.unit, counts.issue, counts.account) == (4, 2, 2)


def test_every_list_and_every_key_is_documented() -> None:
    text = DOCUMENT.read_text()
    models = [
        model for model in vars(entries).values() if isinstance(model, type) and issubclass(model, BaseModel)
    ]
    for name in entries.World.model_fields:
        assert f"`{name}`" in text
    for model in models:
        for name in model.model_fields:
            assert f"`{name}`" in text, f"{model.__name__}.{name}"
