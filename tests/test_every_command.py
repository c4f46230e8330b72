"""What holds of every command alike: who may, when it may, once for one key, one of two at once."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Any, cast

import pytest
from sqlalchemy import text
from tests.test_commands import (
    BLIND,
    HELPER,
    LOOKER,
    PEOPLE,
    REPORT,
    SITUATIONS,
    TOWN,
    House,
    built,
    hand_over,
    judge,
    plan,
)

from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.words import Complexity, InspectionLevel, Satisfaction
from lxbc_graph.schema.mutation import COMMANDS, SHOWS
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    Command,
    Commands,
    DecideExclusion,
    InspectIssue,
    LookBack,
    MergeIssue,
    Outcome,
    ReopenIssue,
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
)
from lxbc_graph.write.commands import _once
from lxbc_graph.write.unit_of_work import UnitOfWork

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await built(database)


@dataclass(frozen=True)
class Scene:
    """An issue, its two assignments where it has them, and another issue of the same village."""

    issue: int
    territory: int
    department: int
    other: int


@dataclass(frozen=True)
class Case:
    """A command that is right: where, by whom of those who may, and in which situations."""

    make: Callable[[Scene], Command]
    good_in: tuple[str, ...]
    may: tuple[str, ...]


OFFICES = ("office", "city_office")
UNDER_WAY = ("ASSIGNED", "RETURNED", "HALF", "RECTIFYING", "PLANNED")
AT_WORK = ("RECTIFYING", "HALF", "PLANNED")
DUE = date(2024, 2, 20)

CASES: dict[str, Case] = {
    "reportIssue": Case(
        lambda _: REPORT, SITUATIONS, ("official", "city_office", "town", "helper", "looker")
    ),
    "requestVerification": Case(
        lambda s: RequestVerification(s.issue, LOOKER, DUE, "是否属实"), ("REPORTED",), OFFICES
    ),
    "verifyIssue": Case(
        lambda s: VerifyIssue(s.issue, confirmed=True, finding="属实"), ("VERIFYING",), ("verifier",)
    ),
    "judgeIssue": Case(lambda s: judge(s.issue), ("REPORTED",), (*OFFICES, "group")),
    "mergeIssue": Case(
        lambda s: MergeIssue(s.issue, s.other, "同一问题"), ("REPORTED", "ACCEPTED", *UNDER_WAY), OFFICES
    ),
    "withdrawIssue": Case(
        lambda s: WithdrawIssue(s.issue, "看错了"), ("REPORTED", "VERIFYING", "ACCEPTED"), ("official",)
    ),
    "transferIssue": Case(lambda s: TransferIssue(s.issue, TOWN, "属镇"), ("REPORTED", "ACCEPTED"), OFFICES),
    "assignIssue": Case(lambda s: hand_over(s.issue), ("ACCEPTED",), (*OFFICES, "group")),
    "acceptAssignment": Case(
        lambda s: AcceptAssignment(s.territory, HELPER, "开沟"), ("ASSIGNED", "HALF"), ("town",)
    ),
    "returnAssignment": Case(
        lambda s: ReturnAssignment(s.territory, "非我"), ("ASSIGNED", "HALF"), ("town",)
    ),
    "arbitrateAssignment": Case(lambda s: ArbitrateAssignment(s.territory, "是你"), ("RETURNED",), OFFICES),
    "reportProgress": Case(lambda s: ReportProgress(s.department, "已开工"), AT_WORK, ("bureau",)),
    "proposePlan": Case(lambda s: plan(s.department), AT_WORK, ("bureau",)),
    "approvePlan": Case(lambda s: ApprovePlan(s.department, approved=True), ("PLANNED",), OFFICES),
    "superviseIssue": Case(
        lambda s: SuperviseIssue(s.department, "加快"), UNDER_WAY, (*OFFICES, "group", "inspector")
    ),
    "urgeIssue": Case(lambda s: UrgeIssue(s.department, "请办"), UNDER_WAY, (*OFFICES, "group", "inspector")),
    "submitFeedback": Case(lambda s: SubmitFeedback(s.department, "已装泵"), AT_WORK, ("bureau",)),
    "inspectIssue": Case(
        lambda s: InspectIssue(s.issue, InspectionLevel.OFFICE, passed=True), ("FEEDBACK",), OFFICES
    ),
    "lookBack": Case(
        lambda s: LookBack(s.issue, Satisfaction.SATISFIED),
        ("RECTIFIED",),
        ("looker", "inspector", *OFFICES),
    ),
    "decideExclusion": Case(lambda s: DecideExclusion(s.issue, approved=True), ("EXCLUDING",), OFFICES),
    "sendBack": Case(lambda s: SendBack(s.issue, "未到位"), ("FEEDBACK", "RECTIFIED", "EXCLUDING"), OFFICES),
    "reopenIssue": Case(lambda s: ReopenIssue(s.issue, "反弹"), ("CLOSED",), (*OFFICES, "inspector")),
}
"""The table of DOMAIN 4 and 9, once more: what is right, where, and by whom."""

MORE = {"sendBack": {"RECTIFIED": ("looker", "inspector"), "EXCLUDING": ("looker", "inspector")}}
"""Who may besides, in some situations only."""


def test_the_table_has_every_command() -> None:
    assert set(CASES) == set(COMMANDS) - set(SHOWS), "what is of no issue has tests of its own"


async def scene(house: House, situation: str) -> Scene:
    issue, other = await house.at(situation, Complexity.COMPLEX), await house.at("REPORTED")
    parts = await house.rows("select kind, id from assignment where issue_id = $1", issue)
    of = {row["kind"]: row["id"] for row in parts}
    return Scene(issue, of.get("TERRITORIAL", 0), of.get("DEPARTMENT", 0), other)


async def tried(house: House, who: str, command: Command) -> tuple[Outcome, bool]:
    """Do it in a transaction that is never committed; say what came of it, and whether any row changed."""
    async with house.database.engine.connect() as connection:

        async def everything() -> list[list[str]]:
            return [
                sorted(map(repr, await connection.execute(text(f"select * from {table.name}"))))
                for table in tables.metadata.sorted_tables
            ]

        before = await everything()
        work = UnitOfWork(connection, house.people[who], house.commands._enforcer, house.tick)
        outcome = await _once(command, work, None)
        return outcome, await everything() != before


# --- when


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_each_command_is_done_where_the_table_says_and_else_changes_nothing(
    house: House, situation: str
) -> None:
    at = await scene(house, situation)
    for name, case in CASES.items():
        who = case.may[0]
        if name == "verifyIssue" and situation != "VERIFYING":
            who = "inspector"  # who is named nowhere sees nothing
        outcome, changed = await tried(house, who, case.make(at))
        codes = [error.code for error in outcome.errors]
        about = (name, situation, outcome)
        if situation in case.good_in:
            assert (codes, changed) == ([], True), about
        elif ("assignmentId" in _ids(case.make(at)) and not at.territory) or (
            situation in ("REPORTED", "VERIFYING", "ACCEPTED", "DISMISSED") and who == "bureau"
        ):
            assert (codes, changed) == ([ErrorCode.NOT_FOUND], False), about
        else:
            assert (codes, changed) == ([ErrorCode.ILLEGAL_TRANSITION], False), about


def _ids(command: Command) -> set[str]:
    return {"assignmentId"} if "assignment_id" in command.__dataclass_fields__ else {"issueId"}


# --- who


@pytest.mark.parametrize("name", CASES)
async def test_each_command_is_done_by_those_of_the_table_and_nobody_else(house: House, name: str) -> None:
    case = CASES[name]
    for situation in case.good_in if name == "sendBack" else case.good_in[:1]:
        at = await scene(house, situation)
        may = {*case.may, *MORE.get(name, {}).get(situation, ())}
        for who in PEOPLE:
            outcome, changed = await tried(house, who, case.make(at))
            codes = [error.code for error in outcome.errors]
            about = (name, situation, who, outcome)
            if who in may:
                assert (codes, changed) == ([], True), about
                continue
            assert not changed, about
            unseen = who in BLIND and (who, situation) != ("verifier", "VERIFYING")
            if name == "reportIssue":
                assert codes in ([ErrorCode.NOT_FOUND], [ErrorCode.FORBIDDEN]), about
            elif unseen or (who == "bureau" and not at.territory):
                assert codes == [ErrorCode.NOT_FOUND], about
            else:
                assert codes == [ErrorCode.FORBIDDEN], about


# --- in which order errors are met


@pytest.mark.parametrize("name", [name for name in CASES if name != "reportIssue"])
async def test_errors_are_met_in_the_order_that_is_documented(house: House, name: str) -> None:
    """Hidden, then not allowed, then stale, then out of place: each with all that comes after it wrong as well."""
    case = CASES[name]
    wrong = next(one for one in ("CLOSED", "RECTIFYING") if one not in case.good_in)
    at = await scene(house, wrong)
    command = cast("Command", replace(cast("Any", case.make(at)), expected_version=99))
    who = "inspector" if name == "verifyIssue" else case.may[0]
    assert [e.code for e in (await tried(house, "portal_b", command))[0].errors] == [ErrorCode.NOT_FOUND]
    assert [e.code for e in (await tried(house, "portal", command))[0].errors] == [ErrorCode.FORBIDDEN]
    outcome, changed = await tried(house, who, command)
    assert [(e.code, e.field) for e in outcome.errors] == [(ErrorCode.CONFLICT, ("expectedVersion",))]
    assert not changed
    if name not in ("verifyIssue", "withdrawIssue"):
        outcome, _ = await tried(house, who, case.make(at))
        assert [e.code for e in outcome.errors] == [ErrorCode.ILLEGAL_TRANSITION]


# --- once for one key


class Lost(Exception):
    """The connection that the answer should have gone out by."""


def _lost() -> None:
    raise Lost


async def ready(house: House, name: str) -> tuple[str, Scene, Command]:
    case = CASES[name]
    at = await scene(house, case.good_in[0])
    return case.may[0], at, case.make(at)


@pytest.mark.parametrize("name", CASES)
async def test_a_repeat_of_any_command_gets_the_first_answer_though_that_was_lost(
    house: House, name: str
) -> None:
    who, _, command = await ready(house, name)
    events = len(await house.rows("select from event"))
    deaf = Commands(house.database, house.commands._enforcer, _lost, now=house.tick)
    with pytest.raises(Lost):
        await deaf.execute(command, principal=house.people[who], idempotency_key="k")
    after = await house.everything()
    assert len(await house.rows("select from event")) == events + (2 if name == "transferIssue" else 1)
    first = await house.do(who, command, key="k")
    assert first.errors == ()
    assert first.row_id is not None
    assert await house.do(who, command, key="k") == first
    assert await house.everything() == after
    again = await house.do(who, command, key="another")
    if name in ("reportIssue", "reportProgress", "proposePlan", "superviseIssue", "urgeIssue"):
        assert again.errors == (), "good twice"
    else:
        assert again.errors != ()


@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_of_any_command_is_kept_too(house: House, name: str) -> None:
    who, _, command = await ready(house, name)
    refused = await house.do("portal", command, key="k")
    assert [error.code for error in refused.errors] == [ErrorCode.FORBIDDEN]
    here = house.people[who]
    promoted = replace(here, account_id=house.people["portal"].account_id)
    before = await house.everything()
    again = await house.commands.execute(command, principal=promoted, idempotency_key="k")
    assert again == refused, "the answer to the key, whatever has become possible since"
    assert await house.everything() == before


@pytest.mark.parametrize("name", CASES)
async def test_three_at_once_with_one_key_have_one_effect_and_one_answer(house: House, name: str) -> None:
    who, _, command = await ready(house, name)
    events, commits = len(await house.rows("select from event")), len(house.commits)
    outcomes = await asyncio.gather(*(house.do(who, command, key="k") for _ in range(3)))
    assert len(set(outcomes)) == 1
    assert outcomes[0].errors == ()
    assert len(await house.rows("select from event")) == events + (2 if name == "transferIssue" else 1)
    assert len(house.commits) == commits + 1


async def test_wherever_a_command_is_cut_off_a_repeat_has_one_effect(house: House) -> None:
    """The task is cancelled after ever more turns of the loop: before, amid and after its statements."""
    finished = False
    for turns in range(0, 400, 5):
        issue = await house.at("REPORTED")
        task = asyncio.create_task(house.do("office", judge(issue), key=f"k{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        finished = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await house.do("office", judge(issue), key=f"k{turns}") == Outcome(issue)
        kinds = [event["kind"] for event in await house.events(issue)]
        assert kinds == ["REPORTED", "JUDGED"]
        if finished:
            break


# --- two at once

RIVALS = {
    "REPORTED": ("judgeIssue", "mergeIssue", "withdrawIssue", "transferIssue", "requestVerification"),
    "ASSIGNED": ("acceptAssignment", "returnAssignment", "urgeIssue", "mergeIssue"),
    "PLANNED": ("reportProgress", "approvePlan", "submitFeedback", "superviseIssue"),
    "RECTIFIED": ("lookBack", "sendBack"),
}
TIMES = 50


@pytest.mark.parametrize(
    ("situation", "one", "other"),
    [(situation, *pair) for situation, names in RIVALS.items() for pair in combinations(names, 2)],
)
async def test_of_two_at_once_that_read_the_same_one_wins_and_nothing_is_lost(
    house: House, situation: str, one: str, other: str
) -> None:
    at = await scene(house, situation)
    snapshot = await Snapshot.of(house, at.issue)
    for turn in range(TIMES):
        version = (await house.issue(at.issue))["version"]
        names = (one, other) if turn % 2 else (other, one)

        def run(name: str, version: int = version) -> Coroutine[Any, Any, Outcome]:
            command = replace(cast("Any", CASES[name].make(at)), expected_version=version)
            return house.do(CASES[name].may[0], command)

        outcomes = dict(zip(names, await asyncio.gather(*map(run, names)), strict=True))
        won = [name for name, outcome in outcomes.items() if outcome == Outcome(at.issue)]
        (lost,) = [error for outcome in outcomes.values() for error in outcome.errors]
        assert len(won) == 1
        if won == ["transferIssue"] and "withdrawIssue" in names:  # out of the finder's sight
            assert (lost.code, lost.field) == (ErrorCode.NOT_FOUND, ("issueId",))
        else:
            assert (lost.code, lost.field) == (ErrorCode.CONFLICT, ("expectedVersion",))
        assert (await house.issue(at.issue))["version"] == version + 1
        written = await house.rows("select from event where issue_id = $1", at.issue)
        assert len(written) == snapshot.events + (2 if won == ["transferIssue"] else 1)
        await snapshot.put_back(house)


@dataclass(frozen=True)
class Snapshot:
    """An issue as it was, to begin again from: its row, its parts, how many events it had."""

    issue: int
    rows: dict[str, list[dict[str, Any]]]
    events: int

    @classmethod
    async def of(cls, house: House, issue: int) -> "Snapshot":
        rows = {
            table: await house.rows(f"select * from {table} where {key} = $1", issue)
            for table, key in (("issue", "id"), ("assignment", "issue_id"))
        }
        return cls(issue, rows, len(await house.rows("select from event where issue_id = $1", issue)))

    async def put_back(self, house: House) -> None:
        async with house.database.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "delete from event where id in"
                " (select id from event where issue_id = $1 order by id offset $2)",
                self.issue,
                self.events,
            )
            for table, rows in self.rows.items():
                for row in rows:
                    names = [name for name in row if name != "id"]
                    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, 2))
                    await connection.execute(
                        f"update {table} set {sets} where id = $1", row["id"], *(row[name] for name in names)
                    )


async def test_two_merges_that_name_each_other_do_not_deadlock(house: House) -> None:
    for _ in range(TIMES):
        one, other = await house.at("REPORTED"), await house.at("REPORTED")
        outcomes = await asyncio.gather(
            house.do("office", MergeIssue(one, other, "同")), house.do("office", MergeIssue(other, one, "同"))
        )
        (error,) = [error for outcome in outcomes for error in outcome.errors]
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("intoId",))
