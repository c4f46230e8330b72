"""A world is loaded whole or not at all, and a short one is enough."""

import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import BaseModel

from lxbc_graph.demo import entries
from lxbc_graph.demo.reading import WorldProblems
from lxbc_graph.demo.world import Counts, load
from lxbc_graph.domain.machine import TRANSITIONS
from lxbc_graph.domain.words import IssueState
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
    world = {"units": UNITS, "departments": department, "issues": [{"unit": unit, "state": state.value}]}
    if unit == "4110" and not department and state not in HANDED_TO_NOBODY:
        assert [path for path, _ in await problems(database, world)] == ["issues[0]"]
        return
    await load(database, world)
    row = await issue_of(database)
    events = await database.pool.fetch("select * from event order by id")
    assert row["state"] == state
    assert row["number"] == "4110-2021-000001"
    assert events[-1]["to_state"] == ("REPORTED" if state is IssueState.VERIFYING else state)
    assert row["version"] == len(events)
    assert row["updated_at"] == events[-1]["at"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert [event["from_state"] for event in events] == [None, *(event["to_state"] for event in events[:-1])]
    allowed = {(origin, to) for (origin, _), reached in TRANSITIONS.items() for to in reached}
    assert {(event["from_state"], event["to_state"]) for event in events[1:]} <= allowed
    assert {event["unit_id"] for event in events} == {row["unit_id"]}


HANDED_TO_NOBODY = {IssueState.REPORTED, IssueState.VERIFYING, IssueState.ACCEPTED, IssueState.DISMISSED}


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


async def test_listed_events_are_the_whole_history(database: Database) -> None:
    event = {
        "kind": "REPORTED",
        "at": "2021-10-01",
        "to_state": "REPORTED",
        "actor_name": "某人",
        "data": {"k": [1]},
    }
    await load(
        database, {"units": UNITS, "issues": [{"unit": VILLAGE, "state": "CLOSED", "events": [event]}]}
    )
    (row,) = await database.pool.fetch("select * from event")
    assert (row["actor_name"], json.loads(row["data"]), row["seq"]) == ("某人", {"k": [1]}, None)


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
    await load(database, {"units": OTHER_CITY})
    department = await database.pool.fetchval(
        "select department_id from assignment where department_id is not null"
    )
    assert department == await database.pool.fetchval("select id from department")


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
            {"unit": VILLAGE, "duplicate_of": "none"},
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
        ("issues[0].duplicate_of", {"issues": [{"unit": VILLAGE, "duplicate_of": "T-1"}]}),
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


@pytest.mark.parametrize(
    "world",
    [None, [], "x", {"units": {}}, {"units": [1]}, {"units": [{}]}, {"issues": [{"unit": VILLAGE}]}, {"": 1}],
)
async def test_anything_that_is_no_world_is_told(database: Database, world: Any) -> None:
    assert await problems(database, world)


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


def test_every_list_and_every_required_key_is_documented() -> None:
    text = DOCUMENT.read_text()
    models = [
        model for model in vars(entries).values() if isinstance(model, type) and issubclass(model, BaseModel)
    ]
    for name in entries.World.model_fields:
        assert f"`{name}`" in text
    for model in models:
        for name, field in model.model_fields.items():
            if field.is_required() and model not in (entries.EventEntry, entries.Entry):
                assert f"`{name}`" in text, f"{model.__name__}.{name}"
