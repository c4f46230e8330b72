"""The commands against a real database: two cities, and in the first one two counties."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, insert
from tests.languages import check_languages

from lxbc_graph.demo.world import load
from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.errors import CommandError, ErrorCode, NotFound
from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import (
    AssignmentKind,
    Complexity,
    Dismissal,
    InspectionLevel,
    Role,
    Satisfaction,
    Source,
    Verb,
)
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.declare import camel
from lxbc_graph.schema.mutation import COMMANDS, SHOWS
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    AssignIssue,
    Command,
    Commands,
    DecideExclusion,
    InspectIssue,
    JudgeIssue,
    LookBack,
    MergeIssue,
    Outcome,
    PartyInput,
    PlanStepInput,
    ProposePlan,
    ReopenIssue,
    ReportIssue,
    ReportProgress,
    RequestVerification,
    ReturnAssignment,
    SendBack,
    SubmitFeedback,
    SuperviseIssue,
    TransferIssue,
    UrgeIssue,
    VerifyIssue,
    WithdrawIssue,
    idempotency,
    inputs,
)
from lxbc_graph.write.commands import _once
from lxbc_graph.write.locked_issue import open_issue
from lxbc_graph.write.record import record
from lxbc_graph.write.unit_of_work import UnitOfWork

pytestmark = pytest.mark.anyio

CITY, COUNTY, TOWN, VILLAGE = 1, 2, 3, 4
COUNTY_B, TOWN_B, VILLAGE_B = 5, 6, 7
CITY_2, COUNTY_2, TOWN_2, VILLAGE_2 = 11, 12, 13, 14
BUREAU, BUREAU_B, BUREAU_CITY, BUREAU_2, IDLE_BUREAU = 21, 22, 23, 24, 25
CADRE, CADRE_B, CADRE_2, HELPER, LOOKER, VERIFIER = 31, 32, 33, 34, 35, 36
CLASS, CONTENT, CLASS_2, CLASS_OLD = 41, 42, 43, 44
NOWHERE = 999_999

UNITS: dict[int, tuple[str, Path]] = {
    CITY: ("4110", Path(CITY)),
    COUNTY: ("411024", Path(CITY, COUNTY)),
    TOWN: ("411024104", Path(CITY, COUNTY, TOWN)),
    VILLAGE: ("411024104226", Path(CITY, COUNTY, TOWN, VILLAGE)),
    COUNTY_B: ("411082", Path(CITY, COUNTY_B)),
    TOWN_B: ("411082101", Path(CITY, COUNTY_B, TOWN_B)),
    VILLAGE_B: ("411082101201", Path(CITY, COUNTY_B, TOWN_B, VILLAGE_B)),
    CITY_2: ("4111", Path(CITY_2)),
    COUNTY_2: ("411102", Path(CITY_2, COUNTY_2)),
    TOWN_2: ("411102101", Path(CITY_2, COUNTY_2, TOWN_2)),
    VILLAGE_2: ("411102101201", Path(CITY_2, COUNTY_2, TOWN_2, VILLAGE_2)),
}
DEPARTMENTS = {
    BUREAU: COUNTY,
    BUREAU_B: COUNTY_B,
    BUREAU_CITY: CITY,
    BUREAU_2: COUNTY_2,
    IDLE_BUREAU: COUNTY,
}
CADRES = {
    CADRE: COUNTY,
    CADRE_B: COUNTY_B,
    CADRE_2: COUNTY_2,
    HELPER: VILLAGE,
    LOOKER: VILLAGE,
    VERIFIER: COUNTY,
}
CATEGORIES = {
    CLASS: (CITY, "ISSUE_CLASS", None),
    CONTENT: (CITY, "WORK_CONTENT", None),
    CLASS_2: (CITY_2, "ISSUE_CLASS", None),
    CLASS_OLD: (CITY, "ISSUE_CLASS", date(2021, 1, 1)),
}
# name -> role, unit, department, cadre
PEOPLE: dict[str, tuple[Role, int, int | None, int | None]] = {
    "city_office": (Role.CITY_OFFICE, CITY, None, None),
    "office": (Role.COUNTY_OFFICE, COUNTY, None, None),
    "town": (Role.TOWNSHIP_OFFICE, TOWN, None, None),
    "bureau": (Role.DEPARTMENT, COUNTY, BUREAU, None),
    "idle_bureau": (Role.DEPARTMENT, COUNTY, IDLE_BUREAU, None),
    "official": (Role.VILLAGE_OFFICIAL, VILLAGE, None, None),
    "helper": (Role.CADRE, VILLAGE, None, HELPER),
    "inspector": (Role.INSPECTOR, COUNTY, None, None),
    "portal": (Role.PORTAL, COUNTY, None, None),
    "screen": (Role.SCREEN, COUNTY, None, None),
    "admin": (Role.ADMIN, CITY, None, None),
    "office_b": (Role.COUNTY_OFFICE, COUNTY_B, None, None),
    "portal_b": (Role.PORTAL, COUNTY_B, None, None),
    "town_b": (Role.TOWNSHIP_OFFICE, TOWN_B, None, None),
    "city_office_2": (Role.CITY_OFFICE, CITY_2, None, None),
    "looker": (Role.CADRE, VILLAGE, None, LOOKER),
    "verifier": (Role.CADRE, VILLAGE_B, None, VERIFIER),  # at home in the county, posted elsewhere
    "group": (Role.SERVICE_GROUP, CITY, None, None),
    "city_leader": (Role.CITY_LEADER, CITY, None, None),
    "county_leader": (Role.COUNTY_LEADER, COUNTY, None, None),
    "assessor": (Role.ASSESSOR, COUNTY, None, None),
}
BLIND = ("idle_bureau", "screen", "admin", "office_b", "portal_b", "town_b", "city_office_2", "verifier")
"""Those for whom an issue of the first village does not exist."""


def _principal(name: str) -> Principal:
    role, unit, department, cadre = PEOPLE[name]
    number = 100 + list(PEOPLE).index(name)
    path = UNITS[unit][1]
    posting = Posting(number, role, path, department)
    return Principal(number, name, f"{name} 的名字", path.city_id, cadre, (posting,))


@dataclass
class House:
    """The commands with a clock that ticks, and the people of two cities."""

    database: Database
    clock: list[datetime] = field(default_factory=lambda: [datetime(2024, 1, 31, 2, tzinfo=UTC)])
    commits: list[None] = field(default_factory=list)
    commands: Commands = field(init=False)
    people: dict[str, Principal] = field(default_factory=lambda: {name: _principal(name) for name in PEOPLE})

    def __post_init__(self) -> None:
        self.commands = Commands(
            self.database, Enforcer(POLICIES), lambda: self.commits.append(None), now=self.tick
        )

    def tick(self) -> datetime:
        self.clock.append(self.clock[-1] + timedelta(minutes=1))
        return self.clock[-1]

    async def do(self, who: str, command: Command, key: str | None = None) -> Outcome:
        outcome = await self.commands.execute(command, principal=self.people[who], idempotency_key=key)
        for error in outcome.errors:
            check_languages(error)
        return outcome

    async def well(self, who: str, command: Command, key: str | None = None) -> int:
        outcome = await self.do(who, command, key)
        assert outcome.errors == ()
        assert outcome.row_id is not None
        return outcome.row_id

    async def refused(self, who: str, command: Command) -> CommandError:
        """Do it, see one error, and see that nothing has changed nor was announced."""
        before, commits = await self.everything(), len(self.commits)
        outcome = await self.do(who, command)
        assert outcome.row_id is None
        assert await self.everything() == before
        assert len(self.commits) == commits
        (error,) = outcome.errors
        return error

    async def everything(self) -> dict[str, list[Any]]:
        return {
            table.name: sorted(map(repr, await self.database.pool.fetch(f"select * from {table.name}")))
            for table in tables.metadata.sorted_tables
            if table is not tables.audit_event  # what is refused changes nothing, and is noted
        }

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.database.pool.fetch(sql, *values)]

    async def issue(self, issue_id: int) -> dict[str, Any]:
        return (await self.rows("select * from issue where id = $1", issue_id))[0]

    async def events(self, issue_id: int) -> list[dict[str, Any]]:
        rows = await self.rows("select * from event where issue_id = $1 order by id", issue_id)
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    async def assignments(self, issue_id: int) -> tuple[int, int]:
        """Return the ids of the territory's and of the department's assignment."""
        rows = await self.rows(
            "select id, kind from assignment where issue_id = $1 and state <> 'REASSIGNED'", issue_id
        )
        ids = {row["kind"]: row["id"] for row in rows}
        return ids["TERRITORIAL"], ids["DEPARTMENT"]

    async def at(self, state: str, complexity: Complexity = Complexity.GENERAL) -> int:
        """Return a new issue of the first village that has come to the state, or to where a part of it waits.

        RETURNED is ASSIGNED with the territory's part returned, HALF is RECTIFYING with only the department's part
        accepted, PLANNED with a plan of the department, EXCLUDING is RECTIFIED with an exclusion to be decided.
        """
        issue = await self.well("official", REPORT)
        for reached, go_on in (
            ("REPORTED", self._to_judge),
            ("ACCEPTED", self._to_hand_over),
            ("ASSIGNED", self._to_accept),
            ("HALF", self._to_accept_too),
            ("RECTIFYING", self._to_feed_back),
            ("FEEDBACK", self._to_inspect),
            ("RECTIFIED", self._to_look_back),
        ):
            if reached == _ON_THE_WAY.get(state, state):
                break
            await go_on(issue, complexity)
        await self._aside(state, issue)
        return issue

    async def _to_judge(self, issue: int, complexity: Complexity) -> None:
        await self.well("office", JudgeIssue(issue, CLASS, CONTENT, complexity))

    async def _to_hand_over(self, issue: int, _complexity: Complexity) -> None:
        await self.well("office", hand_over(issue))

    async def _to_accept(self, issue: int, _complexity: Complexity) -> None:
        _, department = await self.assignments(issue)
        await self.well("bureau", AcceptAssignment(department, CADRE, "装泵", date(2024, 2, 3)))

    async def _to_accept_too(self, issue: int, _complexity: Complexity) -> None:
        territory, _ = await self.assignments(issue)
        await self.well("town", AcceptAssignment(territory, HELPER, "开沟"))

    async def _to_feed_back(self, issue: int, _complexity: Complexity) -> None:
        territory, department = await self.assignments(issue)
        await self.well("town", SubmitFeedback(territory, "已开沟"))
        await self.well("bureau", SubmitFeedback(department, "已装泵"))

    async def _to_inspect(self, issue: int, _complexity: Complexity) -> None:
        await self.well("office", InspectIssue(issue, InspectionLevel.OFFICE, passed=True))

    async def _to_look_back(self, issue: int, _complexity: Complexity) -> None:
        await self.well("inspector", LookBack(issue, Satisfaction.SATISFIED))

    async def _aside(self, state: str, issue: int) -> None:
        match state:
            case "VERIFYING":
                await self.well("office", RequestVerification(issue, VERIFIER, date(2024, 2, 5), "是否属实"))
            case "DISMISSED":
                await self.well("office", JudgeIssue(issue, dismissal=Dismissal.NOT_TRUE, reason="不实"))
            case "RETURNED":
                territory, _ = await self.assignments(issue)
                await self.well("town", ReturnAssignment(territory, "非我"))
            case "PLANNED":
                _, department = await self.assignments(issue)
                await self.well("bureau", plan(department))
            case "EXCLUDING":
                exclusion = LookBack(issue, Satisfaction.DISSATISFIED, exclusion="与本事项无关")
                await self.well("inspector", exclusion)


_ON_THE_WAY = {
    "VERIFYING": "REPORTED",
    "DISMISSED": "REPORTED",
    "RETURNED": "ASSIGNED",
    "PLANNED": "RECTIFYING",
    "EXCLUDING": "RECTIFIED",
}
SITUATIONS = (
    *("REPORTED", "VERIFYING", "ACCEPTED", "ASSIGNED", "RETURNED", "HALF", "RECTIFYING", "PLANNED"),
    *("FEEDBACK", "RECTIFIED", "EXCLUDING", "CLOSED", "DISMISSED"),
)
"""All that ``House.at`` knows."""

REPORT = ReportIssue(VILLAGE, "缺少劳力", "无劳力种麦", Source.VISIT)


def judge(issue: int, version: int | None = None) -> JudgeIssue:
    return JudgeIssue(issue, CLASS, CONTENT, Complexity.GENERAL, expected_version=version)


def duplicate(issue: int, of: int) -> JudgeIssue:
    return JudgeIssue(issue, dismissal=Dismissal.DUPLICATE, duplicate_of_id=of, reason="重复")


def hand_over(issue: int, unit: int = TOWN, department: int = BUREAU) -> AssignIssue:
    return AssignIssue(
        issue,
        (
            PartyInput(AssignmentKind.TERRITORIAL, unit_id=unit),
            PartyInput(AssignmentKind.DEPARTMENT, department_id=department),
        ),
    )


def plan(assignment: int) -> ProposePlan:
    steps = (PlanStepInput("招标", date(2024, 2, 20)), PlanStepInput("施工", date(2024, 4, 30)))
    return ProposePlan(assignment, steps)


def path_columns(unit: int) -> dict[str, int | None]:
    path = UNITS[unit][1]
    return {name: getattr(path, name) for name in tables.ANCESTORS}


def seed() -> Iterator[Executable]:
    always = date(2000, 1, 1)
    for unit, (code, path) in UNITS.items():
        parents = [one for one in path_columns(unit).values() if one not in (None, unit)]
        yield insert(tables.unit).values(
            id=unit,
            code=code,
            name=code,
            level=path.level,
            parent_id=parents[-1] if parents else None,
            valid_from=always,
            **path_columns(unit),
        )
    for one, unit in DEPARTMENTS.items():
        yield insert(tables.department).values(
            id=one, code=str(one), name="局", unit_id=unit, **path_columns(unit)
        )
    for one, unit in CADRES.items():
        yield insert(tables.cadre).values(
            id=one,
            code=str(one),
            name=f"干部{one}",
            rank="COUNTY_CADRE",
            unit_id=unit,
            city_id=UNITS[unit][1].city_id,
            reach=[above for above in path_columns(unit).values() if above is not None],
        )
    for one, (city, scheme, valid_to) in CATEGORIES.items():
        yield insert(tables.category).values(
            id=one,
            city_id=city,
            scheme=scheme,
            code=str(one),
            name="类",
            valid_from=always,
            valid_to=valid_to,
        )
    for name, (role, unit, department, cadre) in PEOPLE.items():
        who = _principal(name)
        yield insert(tables.account).values(
            id=who.account_id, name=name, display_name=who.display_name, city_id=who.city_id, cadre_id=cadre
        )
        yield insert(tables.posting).values(
            id=who.postings[0].id,
            account_id=who.account_id if cadre is None else None,
            cadre_id=cadre,
            role=role,
            department_id=department,
            unit_id=unit,
            valid_from=datetime(2000, 1, 1, tzinfo=UTC),
            **path_columns(unit),
        )


async def built(database: Database) -> House:
    async with database.engine.begin() as connection:
        for statement in seed():
            await connection.execute(statement)
    return House(database)


@pytest.fixture
async def house(database: Database) -> House:
    return await built(database)


# --- the whole life


async def test_a_life_leaves_its_events(house: House) -> None:
    issue = await house.at("CLOSED")
    await house.well("inspector", ReopenIssue(issue, "又缺劳力"))
    territory, department = await house.assignments(issue)
    events = await house.rows("select * from event where issue_id = $1 order by id", issue)
    told = [
        (e["kind"], e["from_state"], e["to_state"], e["actor_name"].split()[0], e["assignment_id"])
        for e in events
    ]
    assert told == [
        ("REPORTED", None, "REPORTED", "official", None),
        ("JUDGED", "REPORTED", "ACCEPTED", "office", None),
        ("ASSIGNED", "ACCEPTED", "ASSIGNED", "office", None),
        ("ASSIGNMENT_ACCEPTED", "ASSIGNED", "RECTIFYING", "bureau", department),
        ("ASSIGNMENT_ACCEPTED", "RECTIFYING", "RECTIFYING", "town", territory),
        ("FEEDBACK_SUBMITTED", "RECTIFYING", "RECTIFYING", "town", territory),
        ("FEEDBACK_SUBMITTED", "RECTIFYING", "FEEDBACK", "bureau", department),
        ("INSPECTED", "FEEDBACK", "RECTIFIED", "office", None),
        ("LOOKED_BACK", "RECTIFIED", "CLOSED", "inspector", None),
        ("REOPENED", "CLOSED", "RECTIFYING", "inspector", None),
    ]
    for event in events:
        who = house.people[event["actor_name"].split()[0]]
        assert (event["account_id"], event["posting_id"]) == (who.account_id, who.postings[0].id)
        assert event["actor_id"] == who.cadre_id
        path = (
            event["unit_id"],
            event["city_id"],
            event["county_id"],
            event["township_id"],
            event["village_id"],
        )
        assert path == (VILLAGE, CITY, COUNTY, TOWN, VILLAGE)
        assert event["seq"] is None
    assert [event["at"] for event in events] == sorted({event["at"] for event in events})
    assert events[-1]["reason"] == "又缺劳力"
    row = await house.issue(issue)
    assert (row["version"], row["updated_at"], row["reopened_count"]) == (10, events[-1]["at"], 1)
    assert row["due_at"] == datetime(2024, 2, 7, 15, 59, 59, tzinfo=UTC)
    assert (row["finder_rank"], row["unit_level"], row["finder_name"]) == (
        "VILLAGE",
        "VILLAGE",
        "official 的名字",
    )
    parties = await house.rows("select * from assignment where issue_id = $1 order by id", issue)
    assert [party["state"] for party in parties] == ["ACCEPTED", "ACCEPTED"]
    assert [party["responsible_name"] for party in parties] == [f"干部{HELPER}", f"干部{CADRE}"]
    assert parties[1]["plan_due"] == datetime(2024, 2, 3, 15, 59, 59, tzinfo=UTC)
    assert len(house.commits) == len(events)


async def test_the_second_round_ends_too(house: House) -> None:
    issue = await house.at("RECTIFIED")
    await house.well("inspector", LookBack(issue, Satisfaction.DISSATISFIED))
    row = await house.issue(issue)
    assert (row["state"], row["satisfaction"], row["sent_back_count"]) == ("RECTIFYING", "DISSATISFIED", 1)
    territory, department = await house.assignments(issue)
    await house.well("bureau", ReportProgress(department, "再装泵"))
    await house.well("bureau", SubmitFeedback(department, "又装泵"))
    assert (await house.issue(issue))["state"] == "RECTIFYING"
    await house.well("town", SubmitFeedback(territory, "又开沟"))
    await house.well("office", SendBack(issue, "泵不出水"))
    for who, assignment in (("bureau", department), ("town", territory)):
        await house.well(who, SubmitFeedback(assignment, "终于"))
    await house.well("office", InspectIssue(issue, InspectionLevel.OFFICE, passed=True))
    await house.well("inspector", LookBack(issue, Satisfaction.SATISFIED))
    row = await house.issue(issue)
    assert (row["state"], row["satisfaction"], row["sent_back_count"]) == ("CLOSED", "SATISFIED", 2)


async def test_a_cadre_reports_under_their_own_rank(house: House) -> None:
    issue = await house.issue(await house.well("helper", REPORT))
    assert (issue["finder_id"], issue["finder_rank"]) == (HELPER, "COUNTY_CADRE")


async def test_a_dismissal_says_why(house: House) -> None:
    first, second = await house.at("ACCEPTED"), await house.at("REPORTED")
    await house.well("office", duplicate(second, first))
    row = await house.issue(second)
    assert (row["state"], row["dismissal"], row["duplicate_of_id"]) == ("DISMISSED", "DUPLICATE", first)
    assert (await house.refused("office", judge(second))).code is ErrorCode.ILLEGAL_TRANSITION


async def test_a_duplicate_is_of_another_issue_that_is_none(house: House) -> None:
    original, first, second = [await house.at("REPORTED") for _ in range(3)]
    await house.well("office", duplicate(first, original))
    for of in (first, second):  # a duplicate already, and itself
        error = await house.refused("office", duplicate(second, of))
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("duplicateOfId",))
    # What was the original of one may still turn out to be a duplicate of another.
    await house.well("office", duplicate(original, second))


@pytest.mark.parametrize("today", [date(2024, 2, 1), date(2024, 12, 31)])
async def test_a_plan_is_due_today_or_within_five_years(house: House, today: date) -> None:
    territory, _ = await house.assignments(await house.at("ASSIGNED"))
    house.clock[-1] = datetime(today.year, today.month, today.day, 15, 59, tzinfo=SHANGHAI)
    for due in (date.min, today - timedelta(days=1), today + timedelta(days=5 * 365 + 1), date.max):
        error = await house.refused("town", AcceptAssignment(territory, HELPER, plan_due=due))
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("planDue",))
    await house.well("town", AcceptAssignment(territory, HELPER, plan_due=today))
    (row,) = await house.rows("select plan_due from assignment where id = $1", territory)
    assert row["plan_due"] == datetime(today.year, today.month, today.day, 23, 59, 59, tzinfo=SHANGHAI)


# --- who may


async def every_command(house: House) -> list[tuple[str, Callable[[int], Command]]]:
    """Each command that names something that is there, as a function of that id."""
    issue = await house.at("RECTIFYING")
    territory, _ = await house.assignments(issue)
    of_issue: list[Callable[[int], Command]] = [
        judge,
        lambda one: JudgeIssue(one, dismissal=Dismissal.NOT_TRUE, reason="不实"),
        hand_over,
        lambda one: InspectIssue(one, InspectionLevel.OFFICE, passed=True),
        lambda one: InspectIssue(one, InspectionLevel.TOWNSHIP, passed=False, reason="因"),
        lambda one: LookBack(one, Satisfaction.SATISFIED),
        lambda one: SendBack(one, "因"),
        lambda one: ReopenIssue(one, "因"),
        lambda one: RequestVerification(one, VERIFIER, date(2024, 2, 5), "因"),
        lambda one: VerifyIssue(one, confirmed=True, finding="查"),
        lambda one: MergeIssue(one, NOWHERE, "因"),
        lambda one: WithdrawIssue(one, "因"),
        lambda one: TransferIssue(one, TOWN, "因"),
        lambda one: DecideExclusion(one, approved=True),
    ]
    of_assignment: list[Callable[[int], Command]] = [
        lambda one: AcceptAssignment(one, CADRE),
        lambda one: ReportProgress(one, "进展"),
        lambda one: SubmitFeedback(one, "反馈"),
        lambda one: ReturnAssignment(one, "因"),
        lambda one: ArbitrateAssignment(one, "因"),
        plan,
        lambda one: ApprovePlan(one, approved=True),
        lambda one: SuperviseIssue(one, "因"),
        lambda one: UrgeIssue(one, "因"),
    ]
    made = {type(make(1)) for make in (*of_issue, *of_assignment)}
    others = {ReportIssue, *(COMMANDS[name][0] for name in SHOWS)}
    assert {*others, *made} == {command for command, _ in COMMANDS.values()}
    return [
        ("unitId", lambda one: ReportIssue(VILLAGE if one else NOWHERE, "题", "文", Source.VISIT)),
        *(("issueId", lambda one, make=make: make(issue if one else NOWHERE)) for make in of_issue),
        *(
            ("assignmentId", lambda one, make=make: make(territory if one else NOWHERE))
            for make in of_assignment
        ),
    ]


async def test_what_is_hidden_answers_like_what_does_not_exist(house: House) -> None:
    for path, make in await every_command(house):
        for who in BLIND:
            if path == "unitId" and who in ("idle_bureau", "screen"):
                continue  # they may see the village, though none of its issues
            hidden, unknown = await house.refused(who, make(1)), await house.refused(who, make(0))
            assert hidden == unknown
            assert (hidden.code, hidden.field) == (ErrorCode.NOT_FOUND, (path,))


async def test_what_is_visible_but_not_allowed_is_refused_with_the_action(house: House) -> None:
    for _, make in await every_command(house):
        error = await house.refused("portal", make(1))
        assert error.code is ErrorCode.FORBIDDEN
        assert "issue:" in error.message
        assert re.search(r"“[一-鿿]+”", error.message_zh)


async def test_a_party_acts_on_its_own_assignment_only(house: House) -> None:
    issue = await house.at("ASSIGNED")
    territory, department = await house.assignments(issue)
    for who, other in (("bureau", territory), ("town", department), ("office", territory)):
        assert (await house.refused(who, AcceptAssignment(other, CADRE))).code is ErrorCode.FORBIDDEN
    assert (
        await house.refused("idle_bureau", AcceptAssignment(department, CADRE))
    ).code is ErrorCode.NOT_FOUND
    await house.well("town", AcceptAssignment(territory, HELPER))
    for command in (ReportProgress(territory, "甲"), SubmitFeedback(territory, "甲")):
        assert (await house.refused("bureau", command)).code is ErrorCode.FORBIDDEN


async def test_a_posting_is_named_that_allowed_it(house: House) -> None:
    """Of two postings the second one reaches; without it nothing would."""
    here, away = house.people["office"], house.people["office_b"]
    both = Principal(here.account_id, "both", "两岗", CITY, None, (*away.postings, *here.postings))
    issue = await house.at("REPORTED")
    outcome = await house.commands.execute(judge(issue), principal=both)
    assert outcome == Outcome(issue)
    (event,) = await house.rows("select posting_id from event where kind = 'JUDGED'")
    assert event["posting_id"] == here.postings[0].id


async def test_nobody_checks_what_they_handled(house: House) -> None:
    """The responsible cadre looks back at a village where they may, but not at this issue."""
    issue = await house.at("RECTIFIED")
    error = await house.refused("helper", LookBack(issue, Satisfaction.SATISFIED))
    assert (error.code, "handled" in error.message) == (ErrorCode.FORBIDDEN, True)
    issue = await house.at("FEEDBACK")
    error = await house.refused("town", InspectIssue(issue, InspectionLevel.TOWNSHIP, passed=True))
    assert (error.code, "handled" in error.message) == (ErrorCode.FORBIDDEN, True)


async def test_a_township_is_noted_and_the_office_decides(house: House) -> None:
    issue = await house.at("FEEDBACK")
    await house.well("city_office", InspectIssue(issue, InspectionLevel.TOWNSHIP, passed=True))
    assert (await house.issue(issue))["state"] == "FEEDBACK"
    assert (
        await house.refused("town", InspectIssue(issue, InspectionLevel.OFFICE, passed=True))
    ).code is ErrorCode.FORBIDDEN
    await house.well("office", InspectIssue(issue, InspectionLevel.OFFICE, passed=False, reason="未到位"))
    assert (await house.issue(issue))["state"] == "RECTIFYING"


@pytest.mark.parametrize(
    ("state", "who"),
    [
        ("FEEDBACK", "inspector"),  # may look back, may not inspect
        ("RECTIFIED", "official"),
    ],
)
async def test_sending_back_needs_what_failing_needs(house: House, state: str, who: str) -> None:
    issue = await house.at(state)
    assert (await house.refused(who, SendBack(issue, "因"))).code is ErrorCode.FORBIDDEN
    await house.well("office", SendBack(issue, "因"))


# --- the other ids


async def test_other_ids_are_looked_up_under_the_same_scope(house: House) -> None:
    reported = await house.at("REPORTED")
    for category in (CLASS_2, NOWHERE, 0, -1, 2**63, 2**100):
        error = await house.refused("office", JudgeIssue(reported, category, None, Complexity.GENERAL))
        assert (error.code, error.field) == (ErrorCode.NOT_FOUND, ("categoryId",))
    for category in (CONTENT, CLASS_OLD):
        error = await house.refused("office", JudgeIssue(reported, category, None, Complexity.GENERAL))
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("categoryId",))
    far = await house.well("city_office", ReportIssue(VILLAGE_B, "远", "远", Source.OTHER))
    error = await house.refused("office", duplicate(reported, far))
    assert (error.code, error.field) == (ErrorCode.NOT_FOUND, ("duplicateOfId",))

    accepted = await house.at("ACCEPTED")
    for who, department in (
        ("office", BUREAU_B),
        ("office", BUREAU_CITY),  # the county office cannot read it
        ("office", BUREAU_2),
        ("city_office", BUREAU_2),
        ("city_office", NOWHERE),
    ):
        error = await house.refused(who, hand_over(accepted, department=department))
        assert (error.code, error.field) == (ErrorCode.NOT_FOUND, ("parties", "1", "departmentId"))
    error = await house.refused("city_office", hand_over(accepted, department=BUREAU_B))  # of another county
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("parties", "1", "departmentId"))
    for unit in (TOWN_B, VILLAGE_2, NOWHERE):
        error = await house.refused("office", hand_over(accepted, unit=unit))
        assert (error.code, error.field) == (ErrorCode.NOT_FOUND, ("parties", "0", "unitId"))
    error = await house.refused("city_office", hand_over(accepted, unit=TOWN_B))
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("parties", "0", "unitId"))
    await house.well("city_office", hand_over(accepted, department=BUREAU_CITY))

    territory, _ = await house.assignments(await house.at("ASSIGNED"))
    for cadre in (CADRE, CADRE_B, CADRE_2, NOWHERE):  # the county's is above what a township reads
        error = await house.refused("town", AcceptAssignment(territory, cadre))
        assert (error.code, error.field) == (ErrorCode.NOT_FOUND, ("responsibleId",))


async def test_a_hidden_id_is_not_told_from_an_unknown_one_anywhere(house: House) -> None:
    for hidden in (VILLAGE_B, VILLAGE_2):
        seen = await house.refused("office", ReportIssue(hidden, "题", "文", Source.VISIT))
        assert seen == await house.refused("office", ReportIssue(NOWHERE, "题", "文", Source.VISIT))
    error = await house.refused("office", ReportIssue(VILLAGE, "题", "文", Source.VISIT))
    assert error.code is ErrorCode.FORBIDDEN


async def test_a_closed_unit_takes_no_more_issues(house: House) -> None:
    await house.database.pool.execute("update unit set valid_to = '2023-12-31' where id = $1", VILLAGE)
    error = await house.refused("official", REPORT)
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("unitId",))


# --- two at once


async def test_of_many_at_once_one_finds_the_version_it_expected(house: House) -> None:
    issue = await house.at("REPORTED")
    outcomes = await asyncio.gather(*(house.do("office", judge(issue, version=1)) for _ in range(8)))
    assert sum(outcome.errors == () for outcome in outcomes) == 1
    lost = [error for outcome in outcomes for error in outcome.errors]
    assert {(error.code, error.field) for error in lost} == {(ErrorCode.CONFLICT, ("expectedVersion",))}
    assert (await house.issue(issue))["version"] == 2
    assert len(await house.rows("select from event where kind = 'JUDGED'")) == 1


async def test_a_stale_version_changes_nothing(house: House) -> None:
    issue = await house.at("ACCEPTED")
    for version in (0, 1, 3, 2**40):
        command = AssignIssue(issue, hand_over(issue).parties, expected_version=version)
        assert (await house.refused("office", command)).code is ErrorCode.CONFLICT


async def test_of_two_that_name_each_other_one_is_a_duplicate(house: House) -> None:
    for _ in range(4):
        one, other = await house.at("REPORTED"), await house.at("REPORTED")
        outcomes = await asyncio.gather(
            house.do("office", duplicate(one, other)), house.do("office", duplicate(other, one))
        )
        (error,) = [error for outcome in outcomes for error in outcome.errors]
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("duplicateOfId",))


async def test_no_chain_of_duplicates_leads_back(house: House) -> None:
    issues = [await house.at("REPORTED") for _ in range(5)]
    outcomes = await asyncio.gather(
        *(house.do("office", duplicate(one, of)) for one, of in permutations(issues, 2))
    )
    of = {row["id"]: row["duplicate_of_id"] for row in await house.rows("select * from issue")}
    for issue in issues:
        seen = {issue}
        while (issue := of[issue]) is not None:
            assert issue not in seen
            seen.add(issue)
    assert sum(outcome.errors == () for outcome in outcomes) == sum(one is not None for one in of.values())


async def test_both_feedbacks_at_once_move_the_issue_once(house: House) -> None:
    issue = await house.at("RECTIFYING")
    territory, department = await house.assignments(issue)
    await asyncio.gather(
        house.well("town", SubmitFeedback(territory, "已办")),
        house.well("bureau", SubmitFeedback(department, "已办")),
    )
    assert (await house.issue(issue))["state"] == "FEEDBACK"
    moves = await house.rows("select to_state from event where kind = 'FEEDBACK_SUBMITTED' order by id")
    assert [move["to_state"] for move in moves] == ["RECTIFYING", "FEEDBACK"]


async def test_reports_at_once_are_numbered_without_gap_or_double(house: House) -> None:
    """Refused ones take no number, another city counts for itself, and a loaded issue is counted on from."""
    await house.at("REPORTED")
    await load(house.database, {"issues": [{"unit": UNITS[VILLAGE][0], "number": "4110-2024-000041"}]})
    bad = ReportIssue(VILLAGE, " ", "文", Source.VISIT)
    far = ReportIssue(VILLAGE_2, "题", "文", Source.VISIT)
    await asyncio.gather(
        *(house.do("official", REPORT) for _ in range(6)),
        *(house.do("official", bad) for _ in range(3)),
        *(house.do("city_office_2", far) for _ in range(3)),
    )
    numbers = [row["number"] for row in await house.rows("select number from issue order by number")]
    assert numbers == [
        *(f"4110-2024-{number:06d}" for number in (1, *range(41, 48))),
        *(f"4111-2024-{number:06d}" for number in range(1, 4)),
    ]


# --- once for one key


async def test_a_repeat_returns_the_first_answer_without_a_second_effect(house: House) -> None:
    first = await house.do("official", REPORT, key="k")
    after = await house.everything()
    assert await house.do("official", REPORT, key="k") == first
    assert await house.everything() == after
    assert len(house.commits) == 1
    other = await house.do("helper", REPORT, key="k")
    assert other.row_id not in (None, first.row_id)


async def test_the_same_key_at_the_same_time_has_one_effect(house: House) -> None:
    outcomes = await asyncio.gather(*(house.do("official", REPORT, key="k") for _ in range(8)))
    assert len(set(outcomes)) == 1
    assert len(await house.rows("select from issue")) == 1
    issue = outcomes[0].row_id
    assert issue is not None
    outcomes = await asyncio.gather(*(house.do("office", judge(issue, 1), key="k") for _ in range(8)))
    assert set(outcomes) == {Outcome(issue)}


async def test_the_same_key_for_another_command_is_refused(house: House) -> None:
    await house.do("official", REPORT, key="k")
    before = await house.everything()
    outcome = await house.do("official", ReportIssue(VILLAGE, "别的", "别的", Source.VISIT), key="k")
    assert [(error.code, error.field) for error in outcome.errors] == [
        (ErrorCode.IDEMPOTENCY_MISMATCH, ("idempotencyKey",))
    ]
    assert await house.everything() == before


async def test_a_refusal_is_an_answer_too(house: House) -> None:
    issue = await house.at("REPORTED")
    first = await house.do("office", hand_over(issue), key="k")
    assert [error.code for error in first.errors] == [ErrorCode.ILLEGAL_TRANSITION]
    await house.well("office", judge(issue))
    assert await house.do("office", hand_over(issue), key="k") == first
    assert (await house.issue(issue))["state"] == "ACCEPTED"


async def test_refusals_at_the_same_time_are_one_answer(house: House) -> None:
    issue = await house.at("REPORTED")
    before = await house.rows("select * from issue")
    same = (house.do("office", hand_over(issue), key="k") for _ in range(8))
    other = (house.do("office", judge(issue, 99), key="k") for _ in range(4))
    outcomes = await asyncio.gather(*same, *other)
    assert len(set(outcomes[:8])) == len(set(outcomes[8:])) == 1
    assert len(await house.rows("select from idempotency")) == 1
    assert await house.rows("select * from issue") == before


@dataclass(frozen=True)
class WriteThenRefuse:
    """A command that changes its mind after it has written."""

    issue_id: int

    def problems(self) -> Iterator[CommandError]:
        yield from ()

    async def handle(self, work: UnitOfWork) -> int:
        issue, actor, _, _ = await open_issue(work, self.issue_id, None, Verb.JUDGE_ISSUE)
        step = machine.dismiss(issue.facts, actor, work.now(), dismissal=Dismissal.NOT_TRUE, reason="不实")
        await record(work, issue, step)
        raise NotFound("later")


async def test_a_late_refusal_undoes_what_was_written_but_is_kept(house: House) -> None:
    issue = await house.at("REPORTED")
    assert (await house.refused("office", WriteThenRefuse(issue))).code is ErrorCode.NOT_FOUND
    first = await house.do("office", WriteThenRefuse(issue), key="k")
    assert (await house.issue(issue))["state"] == "REPORTED"
    assert await house.do("office", WriteThenRefuse(issue), key="k") == first


async def test_a_failure_keeps_nothing_and_frees_the_key(house: House) -> None:
    issue = await house.at("REPORTED")
    before, commits = await house.everything(), len(house.commits)
    house.commands._now = _broken
    with pytest.raises(RuntimeError, match="no time"):
        await house.do("office", judge(issue), key="k")
    assert await house.everything() == before
    assert len(house.commits) == commits
    house.commands._now = house.tick
    assert await house.do("office", judge(issue), key="k") == Outcome(issue)


def _broken() -> datetime:
    raise RuntimeError("no time")


# --- texts that are none

BAD_TEXTS = {
    "blank": " \t\n\u3000",
    "invisible": "\u202e\u200b\ufeff\u00ad\u3164\u2800\ufe0f",
    "empty": "",
    "NUL": "a\0b",
    "surrogate": "a\ud800b",
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
async def test_bad_text_is_refused_with_its_path(house: House, text: str) -> None:
    issue = await house.at("RECTIFYING")
    territory, _ = await house.assignments(issue)
    cases: list[tuple[str, Command]] = [
        ("title", ReportIssue(VILLAGE, text, "文", Source.VISIT)),
        ("description", ReportIssue(VILLAGE, "题", text, Source.VISIT)),
        ("reason", JudgeIssue(issue, dismissal=Dismissal.NOT_TRUE, reason=text)),
        ("reason", AssignIssue(issue, hand_over(issue).parties, reason=text)),
        ("measure", AcceptAssignment(territory, HELPER, text)),
        ("text", ReportProgress(territory, text)),
        ("text", SubmitFeedback(territory, text)),
        ("reason", InspectIssue(issue, InspectionLevel.OFFICE, passed=False, reason=text)),
        ("reason", LookBack(issue, None, passed=False, reason=text)),
        ("reason", SendBack(issue, text)),
        ("reason", ReopenIssue(issue, text)),
        ("reason", RequestVerification(issue, VERIFIER, date(2024, 2, 5), text)),
        ("finding", VerifyIssue(issue, confirmed=True, finding=text)),
        ("reason", MergeIssue(issue, NOWHERE, text)),
        ("reason", WithdrawIssue(issue, text)),
        ("reason", TransferIssue(issue, TOWN, text)),
        ("reason", ReturnAssignment(territory, text)),
        ("reason", ArbitrateAssignment(territory, text)),
        ("reason", ApprovePlan(territory, approved=True, reason=text)),
        ("text", SuperviseIssue(territory, text)),
        ("text", UrgeIssue(territory, text)),
        ("onSite", InspectIssue(issue, InspectionLevel.OFFICE, passed=True, on_site=text)),
        ("exclusion", LookBack(issue, Satisfaction.SATISFIED, exclusion=text)),
        ("reason", DecideExclusion(issue, approved=True, reason=text)),
    ]
    for path, command in cases:
        error = await house.refused("city_office", command)
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, (path,))
    steps = (PlanStepInput("步", date(2024, 2, 5)), PlanStepInput(text, date(2024, 2, 6)))
    error = await house.refused("city_office", ProposePlan(territory, steps))
    assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("steps", "1", "text"))
    outcome = await house.do("official", REPORT, key=text)
    assert [(error.code, error.field) for error in outcome.errors] == [
        (ErrorCode.INVALID_INPUT, ("idempotencyKey",))
    ]


characters = st.characters(
    categories=["L", "N", "P", "Cs", "Cc", "Cf", "Mn", "Zs"],
    exclude_characters="\u115f\u1160\u3164\uffa0",  # letters that show nothing
)


@given(st.text(characters, max_size=30), st.integers(1, 20))
async def test_a_text_is_good_exactly_when_it_can_be_stored_and_read(text: str, limit: int) -> None:
    try:
        storable = "\0" not in text.encode().decode()
    except UnicodeEncodeError:
        storable = False
    seen = any(unicodedata.category(character)[0] in "LNP" for character in text)
    good = storable and seen and len(text) <= limit
    assert (list(inputs.text(text, limit, "title")) == []) == good


JUDGEMENTS = [
    (JudgeIssue(1), {"categoryId", "complexity"}),
    (JudgeIssue(1, CLASS, complexity=Complexity.GENERAL, duplicate_of_id=2), {"duplicateOfId"}),
    (JudgeIssue(1, dismissal=Dismissal.NOT_TRUE), {"reason"}),
    (
        JudgeIssue(1, CLASS, CONTENT, Complexity.GENERAL, dismissal=Dismissal.NOT_TRUE, reason="因"),
        {"categoryId", "workContentId", "complexity"},
    ),
    (
        JudgeIssue(1, dismissal=Dismissal.NOT_TRUE, reason="因", city_identified=True, duplicate_of_id=2),
        {"cityIdentified", "duplicateOfId"},
    ),
]


@pytest.mark.parametrize(("command", "paths"), JUDGEMENTS)
async def test_a_judgement_is_one_or_the_other(command: JudgeIssue, paths: set[str]) -> None:
    assert {error.field for error in command.problems()} == {(path,) for path in paths}


async def test_what_a_step_needs_is_asked_for() -> None:
    def paths(command: Command) -> set[tuple[str, ...]]:
        return {error.field for error in command.problems()}

    assert paths(LookBack(1, Satisfaction.SATISFIED, passed=False)) == {("reason",)}
    assert paths(InspectIssue(1, InspectionLevel.OFFICE, passed=False)) == {("reason",)}
    swapped = (
        PartyInput(AssignmentKind.TERRITORIAL, department_id=1),
        PartyInput(AssignmentKind.DEPARTMENT, unit_id=1),
    )
    assert paths(AssignIssue(1, swapped)) == {
        ("parties", index, name) for index in "01" for name in ("unitId", "departmentId")
    }
    many = tuple(PartyInput(AssignmentKind.DEPARTMENT, department_id=one) for one in range(1, 30))
    assert paths(AssignIssue(1, many)) == {("parties",)}
    assert paths(ArbitrateAssignment(1, "因", swapped[0])) == {("party", "unitId"), ("party", "departmentId")}
    assert paths(ApprovePlan(1, approved=False)) == {("reason",)}
    assert paths(DecideExclusion(1, approved=False)) == {("reason",)}
    assert paths(LookBack(1, passed=False, reason="因", exclusion="因")) == {("exclusion",)}
    day = PlanStepInput("步", date(2024, 2, 5))
    assert paths(ProposePlan(1, ())) == paths(ProposePlan(1, (day,) * 51)) == {("steps",)}
    assert paths(ProposePlan(1, (day, PlanStepInput("步", date(2024, 2, 4))))) == {("steps", "1", "dueOn")}


# --- whatever is asked

_IDS = st.integers(-1, 50) | st.sampled_from([2**63, NOWHERE])
_TEXTS = st.sampled_from(["因", "又坏了", "", " ", "a\0b", "字" * 201, "字" * 10_001])


def _value(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """A value of a command's field: good, or bad in the ways that the API lets pass."""
    if get_origin(hint) is UnionType:
        return st.none() | _value(name, next(one for one in get_args(hint) if one is not NoneType))
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        items = (
            _command(item)
            if isinstance(item, type) and is_dataclass(item)
            else _value(name.removesuffix("s"), item)
        )
        return st.lists(items, max_size=4).map(tuple)
    if get_origin(hint) is dict:
        return st.sampled_from([{}, {"arrangeDays": 2}, {"arrangeDays": "2"}, {"opens": "09:00"}])
    if hint is int:
        return _IDS if name.endswith("_id") else st.integers(0, 9)
    if isinstance(hint, type) and is_dataclass(hint):
        return _command(hint)
    plain = {bool: st.booleans(), str: _TEXTS, date: st.dates()}
    return plain[hint] if hint in plain else st.sampled_from(hint)


def _command(cls: type) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{name: _value(name, hint) for name, hint in get_type_hints(cls).items()})


@given(
    who=st.sampled_from(list(PEOPLE)),
    command=st.one_of([_command(command) for command, _ in COMMANDS.values()]),
    key=st.none() | _TEXTS,
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_asked_is_done_or_refused_in_both_languages(
    house_of_all_states: House, who: str, command: Command, key: str | None
) -> None:
    house = house_of_all_states
    fields = {camel(name) for name in command.__dataclass_fields__}
    async with house.database.engine.connect() as connection:  # never committed: each finds the same issues
        work = UnitOfWork(connection, house.people[who], house.commands._enforcer, house.tick)
        problems = (*idempotency.problems(key), *command.problems())
        outcome = Outcome(None, problems) if problems else await _once(command, work, key)
    assert (outcome.row_id is None) == bool(outcome.errors)
    for error in outcome.errors:
        check_languages(error)
        assert not error.field or error.field[0] in {*fields, "idempotencyKey"}


@pytest.fixture
async def house_of_all_states(house: House) -> House:
    """One issue in each state that can be reached, and in each that a part of it can be in."""
    for state in SITUATIONS:
        await house.at(state, Complexity.COMPLEX)
    await house.well("office", duplicate(await house.at("REPORTED"), of=1))
    return house
