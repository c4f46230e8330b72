"""What a viewer is offered is what is accepted: every verb is tried by everybody, wherever an issue can stand."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.reference.served import ENFORCER, Statements, executor_on
from tests.test_commands import (
    BUREAU,
    CADRE,
    CLASS,
    COUNTY,
    HELPER,
    LOOKER,
    REPORT,
    TOWN,
    VERIFIER,
    VILLAGE,
    House,
    path_columns,
    seed,
)

from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.words import (
    AssignmentKind,
    Complexity,
    ContactKind,
    Dismissal,
    InspectionLevel,
    IssueState,
    Satisfaction,
    Verb,
)
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    AssignIssue,
    Command,
    DecideExclusion,
    InspectIssue,
    JudgeIssue,
    LookBack,
    MergeIssue,
    PartyInput,
    PlanStepInput,
    ProposePlan,
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
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE

pytestmark = pytest.mark.anyio

SEERS = (
    *("city_office", "city_leader", "group", "office", "county_leader", "town", "bureau", "official"),
    *("helper", "looker", "verifier", "inspector", "assessor", "portal", "both"),
)
"""Those who may come to see an issue of the first village."""
BLIND = ("idle_bureau", "screen", "admin", "office_b", "city_office_2")
DAY = date(2024, 3, 1)
REFUSALS = {ErrorCode.FORBIDDEN, ErrorCode.ILLEGAL_TRANSITION, ErrorCode.NOT_FOUND}

RULES: dict[str, dict[str, Any]] = {
    "usual": {},
    "two levels": {"inspectionLevels": ["TOWNSHIP", "OFFICE"], "mustSee": ["MASS_INTEREST"]},
    "three steps": {
        "lookBackSteps": ["INSPECTOR", "CADRE", "OFFICE"],
        "contacts": ["LOCAL_CADRES", "VILLAGERS", "DEPARTMENT"],
        "samplePercent": 100,
    },
}


@dataclass
class Office(House):
    """The house with a rule, its reader, and an issue that others may be put together with."""

    executor: Executor = field(init=False)
    statements: Statements = field(init=False)
    connection: AsyncConnection = field(init=False)
    other: int = 0

    @classmethod
    async def open(cls, database: Database, rule: str) -> "Office":
        found = cls(database)
        async with database.engine.begin() as connection:
            for statement in seed():
                await connection.execute(statement)
            await connection.execute(
                insert(tables.rule).values(
                    unit_id=COUNTY,
                    **path_columns(COUNTY),
                    version=1,
                    name=rule,
                    valid_from=date(2000, 1, 1),
                    settings=RULES[rule],
                    author_name="县活动办",
                    created_at=datetime(2000, 1, 1, tzinfo=UTC),
                )
            )
        # One who is two things at once: each posting opens what it opens, and what one has handled stays handled.
        found.people["both"] = replace(
            found.people["inspector"],
            postings=(*found.people["inspector"].postings, *found.people["town"].postings),
        )
        found.statements = Statements.of(database)
        found.executor = await executor_on(database)
        found.other = await found.well("official", REPORT)
        return found

    # What is offered

    async def offered(self, who: str, issue: int) -> dict[int | None, set[Verb]] | None:
        """Return what is offered on the issue (None) and on each of its assignments; None if it is hidden."""
        self.statements.clear()
        text = (
            "query($id: ID!) { node(id: $id) { ... on Issue {"
            " viewerActions assignments { nodes { id viewerActions } } } } }"
        )
        request = Request(text, variables={"id": f"Issue:{issue}"})
        answer = orjson.loads((await self.executor.execute(request, self.people[who])).body)
        assert "errors" not in answer, answer
        assert len(await self.statements.settled()) == 1
        node = answer["data"]["node"]
        if node is None:
            return None
        found: dict[int | None, set[Verb]] = {None: set(map(Verb, node["viewerActions"]))}
        for one in node["assignments"]["nodes"]:
            found[int(one["id"].partition(":")[2])] = set(map(Verb, one["viewerActions"]))
        return found

    # What is accepted

    async def attempt(self, who: str, command: Command) -> set[ErrorCode]:
        """Do it, undo it, and return why it was refused; a refusal has undone itself."""
        assert not list(command.problems()), command
        work = UnitOfWork(self.connection, self.people[who], ENFORCER, self.tick)
        outcome = await _once(command, work, None)
        if not outcome.errors:
            await self.connection.rollback()
        return {error.code for error in outcome.errors}

    async def check(self, issue: int, told: str) -> set[tuple[str, Verb]]:
        """Try everything in a transaction that leaves nothing, and return what was accepted, by whom."""
        async with self.database.engine.connect() as self.connection:
            return await self._check(issue, told)

    async def _check(self, issue: int, told: str) -> set[tuple[str, Verb]]:
        shares = await self.rows("select * from assignment where issue_id = $1 order by id", issue)
        accepted = set()
        for who in SEERS:
            offered = await self.offered(who, issue)
            if offered is None:
                assert await self._hidden(who, issue, shares), (told, who)
                continue
            assert offered.keys() == {None, *(one["id"] for one in shares)}
            for verb, share, commands in self._everything(issue, shares):
                refusals = [await self.attempt(who, command) for command in commands]
                place = (told, who, verb, share and (share["kind"], share["state"]))
                if verb in offered[None if share is None else share["id"]]:
                    assert set() in refusals, (*place, "is offered and refused", refusals)
                    accepted.add((who, verb))
                else:
                    assert all(codes and codes <= REFUSALS for codes in refusals), (*place, refusals)
        for who in BLIND:
            assert await self._hidden(who, issue, shares), (told, who)
        return accepted

    async def _hidden(self, who: str, issue: int, shares: list[dict[str, Any]]) -> bool:
        """Say whether nothing about the issue exists: of each kind of verb, one is as good as any."""
        commands: list[Command] = [WithdrawIssue(issue, "不存在")]
        commands += [UrgeIssue(share["id"], "不存在") for share in shares]
        return await self.offered(who, issue) is None and all(
            [await self.attempt(who, command) == {ErrorCode.NOT_FOUND} for command in commands]
        )

    def _everything(
        self, issue: int, shares: list[dict[str, Any]]
    ) -> Iterator[tuple[Verb, dict[str, Any] | None, list[Command]]]:
        """Yield every verb with the commands, with input that should do, of which one must be accepted."""
        for verb in ON_ISSUE:
            yield verb, None, self._on_issue(verb, issue)
        for share in shares:
            for verb in ON_ASSIGNMENT:
                yield verb, share, [self._on_assignment(verb, share)]

    def _on_issue(self, verb: Verb, issue: int) -> list[Command]:
        commands: dict[Verb, list[Command]] = {
            Verb.REQUEST_VERIFICATION: [RequestVerification(issue, VERIFIER, DAY, "是否属实")],
            Verb.VERIFY_ISSUE: [VerifyIssue(issue, confirmed=True, finding="属实")],
            Verb.JUDGE_ISSUE: [JudgeIssue(issue, CLASS, complexity=Complexity.COMPLEX)],
            Verb.ASSIGN_ISSUE: [hand_over(issue)],
            Verb.INSPECT_ISSUE: [
                InspectIssue(issue, level, passed=True, on_site="现场") for level in InspectionLevel
            ],
            Verb.LOOK_BACK: [
                LookBack(issue, Satisfaction.SATISFIED, contacts=tuple(ContactKind), unannounced=True)
            ],
            Verb.DECIDE_EXCLUSION: [DecideExclusion(issue, approved=True)],
            Verb.SEND_BACK: [SendBack(issue, "不到位")],
            Verb.REOPEN_ISSUE: [ReopenIssue(issue, "反弹")],
            Verb.MERGE_ISSUE: [MergeIssue(issue, self.other, "同一问题")],
            Verb.WITHDRAW_ISSUE: [WithdrawIssue(issue, "误报")],
            Verb.TRANSFER_ISSUE: [TransferIssue(issue, TOWN, "属镇里")],
        }
        return commands[verb]

    def _on_assignment(self, verb: Verb, share: dict[str, Any]) -> Command:
        id_ = share["id"]
        commands: dict[Verb, Command] = {
            Verb.ACCEPT_ASSIGNMENT: AcceptAssignment(id_, HELPER),
            Verb.RETURN_ASSIGNMENT: ReturnAssignment(id_, "不属本单位"),
            Verb.ARBITRATE_ASSIGNMENT: ArbitrateAssignment(id_, "维持"),
            Verb.REPORT_PROGRESS: ReportProgress(id_, "正在办"),
            Verb.PROPOSE_PLAN: ProposePlan(id_, (PlanStepInput("开沟", DAY),)),
            Verb.APPROVE_PLAN: ApprovePlan(id_, approved=True),
            Verb.SUBMIT_FEEDBACK: SubmitFeedback(id_, "已办"),
            Verb.SUPERVISE_ISSUE: SuperviseIssue(id_, "抓紧"),
            Verb.URGE_ISSUE: UrgeIssue(id_, "抓紧"),
        }
        return commands[verb]

    # The lives that lead everywhere

    async def life(self) -> AsyncIterator[tuple[str, int]]:
        """Yield an issue again and again while it passes through all that can become of it."""
        issue = await self.well("helper", REPORT)
        yield "reported by a cadre", issue
        await self.well("office", RequestVerification(issue, VERIFIER, DAY, "是否属实"))
        yield "to be verified", issue
        await self.well("verifier", VerifyIssue(issue, confirmed=True, finding="属实"))
        yield "verified", issue
        await self.well("office", JudgeIssue(issue, CLASS, complexity=Complexity.COMPLEX))
        yield "judged complex", issue
        await self.well("office", hand_over(issue))
        yield "handed over", issue
        village, bureau = await self.assignments(issue)
        await self.well("bureau", ReturnAssignment(bureau, "不属本单位"))
        yield "one returned, one pending", issue
        await self.well("office", ArbitrateAssignment(bureau, "维持"))
        yield "insisted on, one pending", issue
        await self.well("official", ReturnAssignment(village, "不属本村"))
        territory = PartyInput(AssignmentKind.TERRITORIAL, unit_id=TOWN)
        await self.well("office", ArbitrateAssignment(village, "镇里承办", territory))
        yield "one insisted on, one gone to another", issue
        town = (await self.rows("select max(id) as id from assignment where issue_id = $1", issue))[0]["id"]
        await self.well("bureau", AcceptAssignment(bureau, HELPER))
        yield "one accepted, one pending", issue
        await self.well("town", AcceptAssignment(town, HELPER))
        yield "both accepted", issue
        for approved in (False, True):
            await self.well("bureau", ProposePlan(bureau, (PlanStepInput("装泵", DAY),)))
            yield "a plan proposed", issue
            await self.well("office", ApprovePlan(bureau, approved, "细化"))
            yield f"a plan {'approved' if approved else 'rejected'}", issue
        await self.well("bureau", SubmitFeedback(bureau, "已装泵"))
        yield "one fed back", issue
        await self.well("town", SubmitFeedback(town, "已开沟"))
        yield "all fed back", issue

    async def checks(self) -> AsyncIterator[tuple[str, int]]:
        """Yield an issue while it is inspected and looked back at, whatever way the rule wants it."""
        issue = await self.at_feedback()
        yield "fed back by the village", issue
        if (await self.do("office", self._pass(issue, InspectionLevel.OFFICE))).errors:
            await self.well("town", self._pass(issue, InspectionLevel.TOWNSHIP))
            yield "passed by the township", issue
            await self.well("office", self._pass(issue, InspectionLevel.OFFICE))
        yield "rectified", issue
        await self.well("inspector", LookBack(issue, passed=False, reason="反复"))
        yield "sent back", issue
        await self._feed_back(issue)
        for level in (InspectionLevel.TOWNSHIP, InspectionLevel.OFFICE):
            await self.do("town" if level is InspectionLevel.TOWNSHIP else "office", self._pass(issue, level))
        proposed = LookBack(
            issue,
            Satisfaction.FAIRLY_SATISFIED,
            contacts=tuple(ContactKind),
            unannounced=True,
            exclusion="已迁出",
        )
        await self.well("inspector", proposed)
        yield "an exclusion proposed", issue
        await self.well("office", DecideExclusion(issue, approved=True))
        yield "an exclusion decided", issue
        for who in ("helper", "office"):  # the steps that are still to be taken
            if (await self.issue(issue))["state"] == IssueState.RECTIFIED:
                again = replace(proposed, exclusion=None)
                await self.do(who, again)
                yield f"looked back at by {who}", issue
        assert (await self.issue(issue))["state"] == IssueState.CLOSED
        yield "closed", issue
        await self.well("city_office", ReopenIssue(issue, "反弹"))
        yield "reopened", issue

    async def dismissed(self) -> AsyncIterator[tuple[str, int]]:
        """Yield an issue that was not taken up."""
        issue = await self.well("official", REPORT)
        yield "reported by an official", issue
        await self.well("office", JudgeIssue(issue, dismissal=Dismissal.OUT_OF_SCOPE, reason="不属于"))
        yield "dismissed", issue

    async def at_feedback(self) -> int:
        """Return an issue that the village and the bureau fed back, so that the township has not handled it."""
        issue = await self.well("official", replace(REPORT, mass_interest=True))
        await self.well("office", JudgeIssue(issue, CLASS, complexity=Complexity.GENERAL))
        await self.well("office", hand_over(issue))
        for who, share in zip(("official", "bureau"), await self.assignments(issue), strict=True):
            await self.well(who, AcceptAssignment(share, CADRE if who == "bureau" else LOOKER))
        await self._feed_back(issue)
        return issue

    async def _feed_back(self, issue: int) -> None:
        for who, share in zip(("official", "bureau"), await self.assignments(issue), strict=True):
            await self.well(who, SubmitFeedback(share, "已办"))

    def _pass(self, issue: int, level: InspectionLevel) -> InspectIssue:
        return InspectIssue(issue, level, passed=True, on_site="现场核验")


def hand_over(issue: int) -> AssignIssue:
    return AssignIssue(
        issue,
        (
            PartyInput(AssignmentKind.TERRITORIAL, unit_id=VILLAGE),
            PartyInput(AssignmentKind.DEPARTMENT, department_id=BUREAU),
        ),
    )


CHECKING = {
    Verb.INSPECT_ISSUE,
    Verb.LOOK_BACK,
    Verb.DECIDE_EXCLUSION,
    Verb.SEND_BACK,
    Verb.REOPEN_ISSUE,
}


@pytest.mark.parametrize("rule", RULES)
async def test_what_is_offered_of_checks_is_what_is_accepted(database: Database, rule: str) -> None:
    office = await Office.open(database, rule)
    accepted = {pair async for told, issue in office.checks() for pair in await office.check(issue, told)}
    assert {verb for _, verb in accepted} >= CHECKING


async def test_what_is_offered_before_is_what_is_accepted(database: Database) -> None:
    office = await Office.open(database, "usual")
    accepted = {
        pair
        for life in (office.life(), office.dismissed())
        async for told, issue in life
        for pair in await office.check(issue, told)
    }
    assert {verb for _, verb in accepted} >= set(Verb) - CHECKING
