"""What those who follow are told: each what it may see, once, made once for all who get the same."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conftest import World
from tests.following import frames
from tests.reference.agreement import parse
from tests.reference.served import Statements
from tests.test_live import happen

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.live.frame import Ended
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.execute import Request, Response
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

PATIENCE = 60.0  # seconds until a test is given up; nothing is measured by it
VILLAGE, BESIDE, ELSEWHERE = "411024104226", "411024104227", "411082100201"
LATER = "411024104228"  # no unit has this code yet
WORLD: dict[str, Any] = {
    "units": [
        {"code": code}
        for code in ("4110", "411024", "411024104", VILLAGE, BESIDE, "411082", "411082100", ELSEWHERE)
    ],
    "departments": [{"code": code, "unit": "411024"} for code in ("water", "roads")],
    "cadres": [
        *({"code": code, "postings": [{"role": "cadre", "unit": BESIDE}]} for code in ("first", "second")),
        {"code": "helper", "postings": [{"role": "cadre", "unit": "411024104"}]},
    ],
    "accounts": [
        {"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]},
        *(
            {"name": name, "postings": [{"role": role, "unit": "411024"}]}
            for name, role in (
                ("office", "county_office"),
                ("another office", "county_office"),
                ("portal", "portal"),
                ("another portal", "portal"),
                ("screen", "screen"),
            )
        ),
        {"name": "neighbour", "postings": [{"role": "portal", "unit": "411082"}]},
        {"name": "village", "postings": [{"role": "village_official", "unit": VILLAGE}]},
        *(
            {"name": code, "postings": [{"role": "department", "department": code}]}
            for code in ("water", "roads")
        ),
        *({"name": code, "cadre": code} for code in ("first", "second", "helper")),
    ],
    "categories": [{"code": "A"}],
}
EVENTS = "subscription($filter: EventFilter, $after: String) { issueEvents(filter: $filter, after: $after) { %s } }"
TOLD = "cursor gone event { kind fromState toState issue { id } }"


class Town:
    """The running service, and what its accounts do and follow."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def ask(self, account: str, text: str, **variables: Any) -> Any:
        principal = await self.service.accounts.principal(account)
        response = await self.service.executor.execute(Request(text, variables=variables), principal)
        answer = parse(response.body)
        assert "errors" not in answer, answer
        return answer["data"]

    async def do(self, account: str, mutation: str, **given: Any) -> Any:
        type_ = f"{mutation[0].upper()}{mutation[1:]}Input!"
        selection = "issue { id assignments { nodes { id kind state } } } errors { code message }"
        text = f"mutation($input: {type_}) {{ {mutation}(input: $input) {{ {selection} }} }}"
        done = (await self.ask(account, text, input=given))[mutation]
        assert done["errors"] == []
        return done["issue"]

    async def report(self, unit: str = VILLAGE) -> str:
        found = await self.ask("city", "query($code: String!) { unit(code: $code) { id } }", code=unit)
        issue = await self.do(
            "city", "reportIssue", unitId=found["unit"]["id"], title="题", description="文", source="VISIT"
        )
        return str(issue["id"])

    async def subscribe(
        self, account: str, text: str, **variables: Any
    ) -> "AsyncGenerator[bytes] | list[Any]":
        """The frames, or the errors of what refuses it."""
        principal = await self.service.accounts.principal(account)
        started = await self.service.executor.subscribe(Request(text, variables=variables), principal)
        if isinstance(started, Response):
            errors: list[Any] = parse(started.body)["errors"]
            return errors
        assert isinstance(started, Subscription)
        return frames(started)

    async def follow(
        self, account: str, selection: str = TOLD, **variables: Any
    ) -> "aclosing[AsyncGenerator[bytes]]":
        found = await self.subscribe(account, EVENTS % selection, **variables)
        assert not isinstance(found, list), found
        return aclosing(found)

    async def follow_with_an_ended_token(
        self, account: str, selection: str = TOLD
    ) -> "aclosing[AsyncGenerator[bytes]]":
        principal = await self.service.accounts.principal(account)
        assert principal is not None
        late = replace(principal, expires_at=datetime.now(UTC))
        started = await self.service.executor.subscribe(Request(EVENTS % selection), late)
        assert isinstance(started, Subscription)
        return aclosing(frames(started))

    async def followed_by(self, number: int) -> list[Any]:
        """The groups that are served, once so many subscriptions are in them."""
        served = self.service.executor._following._fanout._served
        async with asyncio.timeout(PATIENCE):
            while sum(len(one.users) for one in served.values()) != number:  # noqa: ASYNC110
                await asyncio.sleep(0)
        return list(served.values())

    async def id(self, account: str, query: str) -> str:
        (node,) = (await self.ask(account, f"{{ found: {query} {{ nodes {{ id }} }} }}"))["found"]["nodes"]
        return str(node["id"])

    async def handed_over(self) -> tuple[str, dict[str, str]]:
        """Report an issue and hand it to the village and the waterworks; its id, and its assignments by kind."""
        issue = await self.report()
        category = await self.id("city", "categories")
        await self.do("office", "judgeIssue", issueId=issue, categoryId=category, complexity="GENERAL")
        unit = await self.id("city", f'units(filter: {{unit: "{VILLAGE}"}})')
        water = await self.id("city", 'departments(filter: {search: "water"})')
        parties = [{"kind": "TERRITORIAL", "unitId": unit}, {"kind": "DEPARTMENT", "departmentId": water}]
        handed = await self.do("office", "assignIssue", issueId=issue, parties=parties)
        return issue, {one["kind"]: one["id"] for one in handed["assignments"]["nodes"]}


@pytest.fixture
async def town(database_url: str, world: World) -> AsyncIterator[Town]:
    await world(WORLD)
    # A town with a handful of issues, before which a screen is to see something.
    settings = Settings(database_url=database_url, small_count=1)
    async with open_service(settings) as service, running(service):
        yield Town(service)


async def heard(stream: AsyncGenerator[bytes]) -> Any:
    async with asyncio.timeout(PATIENCE):
        (answer,) = parse(await anext(stream))["data"].values()
    return answer


async def ended(stream: AsyncGenerator[bytes]) -> str:
    """Why it is over, whatever came before."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await anext(stream)
            except Ended as end:
                return end.ending.code


async def test_a_party_that_is_replaced_is_told_that_the_issue_is_gone_and_nothing_more(town: Town) -> None:
    issue, assignments = await town.handed_over()
    roads = await town.id("city", 'departments(filter: {search: "roads"})')
    async with await town.follow("water") as water, await town.follow("roads") as there:
        await town.do("water", "returnAssignment", assignmentId=assignments["DEPARTMENT"], reason="非本单位")
        assert (await heard(water))["event"]["kind"] == "ASSIGNMENT_RETURNED"
        await town.do(
            "office",
            "arbitrateAssignment",
            assignmentId=assignments["DEPARTMENT"],
            reason="归公路",
            party={"kind": "DEPARTMENT", "departmentId": roads},
        )
        last = await heard(water)
        assert (last["event"], last["gone"]) == (None, issue)
        came = await heard(there)
        assert (came["event"]["kind"], came["gone"]) == ("ASSIGNMENT_ARBITRATED", None)
    # Who resumes is told the same: what came before is hidden by now.
    async with await town.follow("water", after=town.service.log.cursor(0)) as again:
        told = await heard(again)
        assert (told["event"], told["gone"]) == (None, issue)
        assert await town.service.log.position(told["cursor"]) == await town.service.log.position(
            last["cursor"]
        )


async def test_a_verifier_who_is_replaced_is_told_so(town: Town) -> None:
    issue = await town.report()
    cadres = {
        code: await town.id("city", f'cadres(filter: {{search: "{code}"}})') for code in ("first", "second")
    }

    async def ask_for(code: str) -> None:
        await town.do(
            "office",
            "requestVerification",
            issueId=issue,
            verifierId=cadres[code],
            dueOn="2030-01-01",
            reason="请核实",
        )

    async with await town.follow("first") as first:
        await ask_for("first")
        assert (await heard(first))["event"]["kind"] == "VERIFICATION_REQUESTED"
        await town.do("first", "verifyIssue", issueId=issue, confirmed=True, finding="属实")
        assert (await heard(first))["event"]["kind"] == "VERIFIED"
        await ask_for("second")
        last = await heard(first)
        assert (last["event"], last["gone"]) == (None, issue)


async def test_an_issue_that_leaves_the_filter_is_told_to_be_gone_by_its_state_and_by_its_unit(
    town: Town,
) -> None:
    async with AsyncExitStack() as stack:
        filters = {
            "state": {"toState": ["REPORTED"]},
            "unit": {"unit": VILLAGE},
            "elsewhere": {"unit": BESIDE},
        }
        followed = {
            name: await stack.enter_async_context(await town.follow("office", filter=filter_))
            for name, filter_ in filters.items()
        }
        issue = await town.report()
        for name in ("state", "unit"):
            first = await heard(followed[name])
            assert (first["event"]["kind"], first["gone"]) == ("REPORTED", None)
        category = await town.id("city", "categories")
        await town.do("office", "judgeIssue", issueId=issue, categoryId=category, complexity="GENERAL")
        left = await heard(followed["state"])
        assert (left["event"], left["gone"]) == (None, issue)
        assert (await heard(followed["unit"]))["event"]["toState"] == "ACCEPTED"
        beside = await town.id("city", f'units(filter: {{unit: "{BESIDE}"}})')
        await town.do("city", "transferIssue", issueId=issue, unitId=beside, reason="在河那边")
        left = await heard(followed["unit"])
        assert (left["event"]["kind"], left["gone"]) == ("TRANSFERRED", issue)
        came = await heard(followed["elsewhere"])
        assert (came["event"]["kind"], came["gone"]) == ("TRANSFERRED", None)
        # Nothing more is told of it: the next that each hears is another issue.
        other = await town.report()
        for name in ("state", "unit"):
            assert (await heard(followed[name]))["event"]["issue"]["id"] == other


async def test_an_issue_that_leaves_the_filter_of_its_verifier_is_told_to_be_gone_though_it_is_seen(
    town: Town,
) -> None:
    async with (
        await town.follow("helper", filter={"unit": VILLAGE}) as there,
        await town.follow("helper") as everywhere,
    ):
        issue = await town.report()
        helper = await town.id("city", 'cadres(filter: {search: "helper"})')
        await town.do(
            "office",
            "requestVerification",
            issueId=issue,
            verifierId=helper,
            dueOn="2030-01-01",
            reason="请核实",
        )
        await town.do("helper", "verifyIssue", issueId=issue, confirmed=True, finding="属实")
        beside = await town.id("city", f'units(filter: {{unit: "{BESIDE}"}})')
        await town.do("city", "transferIssue", issueId=issue, unitId=beside, reason="在河那边")
        for stream, gone in ((there, issue), (everywhere, None)):
            while (told := await heard(stream))["event"]["kind"] != "TRANSFERRED":
                assert told["gone"] is None
            assert told["gone"] == gone


@pytest.mark.parametrize(
    "field",
    ['issueEvents(filter: {unit: "%s", kind: [ALERTED]})', 'deadlineAlerts(unit: "%s")'],
    ids=["issueEvents", "deadlineAlerts"],
)
async def test_a_unit_that_comes_to_be_is_followed_by_who_named_it_before_as_by_who_does_afterwards(
    town: Town, world: World, field: str
) -> None:
    text = f"subscription {{ {field % LATER} {{ event {{ kind }} }} }}"
    async with AsyncExitStack() as stack:

        async def follow() -> "asyncio.Future[Any]":
            stream = await town.subscribe("office", text)
            assert not isinstance(stream, list)
            return asyncio.ensure_future(heard(await stack.enter_async_context(aclosing(stream))))

        before = await follow()
        await town.followed_by(1)
        await world({"units": [{"code": LATER}]})
        afterwards = await follow()
        assert len(await town.followed_by(2)) == 2, "one looks everywhere, the other there alone"
        await town.report(LATER)
        await town.service.database.pool.execute(
            "insert into event (issue_id, kind, to_state, actor_name, at, unit_id, city_id, county_id,"
            " township_id, village_id) select issue_id, 'ALERTED', to_state, actor_name, at, unit_id, city_id,"
            " county_id, township_id, village_id from event"
        )
        for told in (before, afterwards):
            assert await told == {"event": {"kind": "ALERTED"}}


async def test_what_is_asked_of_an_event_is_answered_by_every_name_that_it_is_given(town: Town) -> None:
    selection = (
        "t: __typename c: cursor a: event { __typename kind } b: event { issue { viewerActions } } d: gone"
    )
    async with (
        await town.follow("office", selection) as office,
        await town.follow("portal", selection) as portal,
    ):
        await town.report()
        for stream, actions in ((office, True), (portal, False)):
            told = await heard(stream)
            assert (told["t"], told["a"], told["d"]) == (
                "IssueEventPayload",
                {"__typename": "Event", "kind": "REPORTED"},
                None,
            )
            assert bool(told["b"]["issue"]["viewerActions"]) is actions
            assert await town.service.log.position(told["c"]) == 1


async def test_a_batch_is_read_once_for_all_who_get_the_same_whoever_and_however_many_they_are(
    town: Town,
) -> None:
    """Two accounts with equal scopes and different cursors share; one that asks what it may do does not."""
    statements = Statements.of(town.service.database)
    mine = "event { issue { id viewerActions } }"
    async with AsyncExitStack() as stack:

        async def follow(account: str, selection: str, **variables: Any) -> AsyncGenerator[bytes]:
            return await stack.enter_async_context(await town.follow(account, selection, **variables))

        alike = [await follow(account, TOLD) for account in ("portal", "another portal") for _ in range(20)]
        alike += [await follow("portal", TOLD, after=town.service.log.cursor(0)) for _ in range(10)]
        personal = [await follow(account, mine) for account in ("office", "another office")]
        others = [await follow("neighbour", TOLD)]
        first = await town.report()
        for stream in (*alike, *personal):
            assert (await heard(stream))["event"]["issue"]["id"] == first
        statements.clear()
        second = await town.report()
        told = [await asyncio.wait_for(anext(stream), PATIENCE) for stream in alike]
        assert len(set(map(id, told))) == 1, "they are the same bytes"
        for stream in personal:
            assert (await heard(stream))["event"]["issue"]["id"] == second
        third = await town.report(ELSEWHERE)
        assert (await heard(others[0]))["event"]["issue"]["id"] == third
        streams = [sql for sql in await statements.settled() if "head.seq" in sql]
        assert len(streams) == 1 + 2 + 1


async def test_who_is_renamed_goes_on_though_asked_what_it_may_do(town: Town, database: Database) -> None:
    async with await town.follow("office", "event { issue { id viewerActions } }") as stream:
        waiting = asyncio.ensure_future(heard(stream))
        await town.followed_by(1)
        for _ in range(2):
            await database.pool.execute(
                "update account set display_name = display_name || '新' where name = 'office'"
            )
            await town.service.access.confirm()
            issue = await town.report()
            told = (await waiting)["event"]["issue"]
            assert told["id"] == issue
            assert "JUDGE_ISSUE" in told["viewerActions"]
            waiting = asyncio.ensure_future(heard(stream))
        waiting.cancel()
        await asyncio.wait({waiting})


METRICS = """subscription($unit: String!, $seconds: Int) {
  metricsChanged(unit: $unit, minIntervalSeconds: $seconds) {
    unit { code metrics { handedOver: rectificationRate { denominator } } }
  }
}"""


def figures(code: str, number: int) -> Any:
    return {"unit": {"code": code, "metrics": {"handedOver": {"denominator": number}}}}


@pytest.mark.parametrize("account", ["screen", "portal", "city"])
async def test_figures_come_at_once_and_whenever_they_have_changed(town: Town, account: str) -> None:
    async with AsyncExitStack() as stack:
        streams = []
        for _ in range(3):
            stream = await town.subscribe(account, METRICS, unit="411024", seconds=1)
            assert not isinstance(stream, list)
            streams.append(await stack.enter_async_context(aclosing(stream)))
        for stream in streams:
            assert await heard(stream) == figures("411024", 0)
        for number in (1, 2):
            await town.report(ELSEWHERE)
            await town.handed_over()
            for stream in streams:
                assert await heard(stream) == figures("411024", number)
        late = await town.subscribe(account, METRICS, unit="411024", seconds=1)
        assert not isinstance(late, list)
        assert await heard(await stack.enter_async_context(aclosing(late))) == figures("411024", 2)


async def test_whoever_else_begins_to_follow_figures_changes_nobodys_interval(town: Town) -> None:
    async with AsyncExitStack() as stack:

        async def follow() -> AsyncGenerator[bytes]:
            stream = await town.subscribe("portal", METRICS, unit="411024", seconds=3600)
            assert not isinstance(stream, list)
            return await stack.enter_async_context(aclosing(stream))

        first = await follow()
        assert await heard(first) == figures("411024", 0)
        waiting = asyncio.ensure_future(anext(first))
        for number in (1, 2):
            await town.handed_over()
            assert await heard(await follow()) == figures("411024", number)
            assert len(await town.followed_by(1 + number)) == 1
        assert not waiting.done(), "its hour is not over"
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_figures_of_a_hidden_unit_are_those_of_none(town: Town) -> None:
    told = []
    for code in ("411082", "419999", "no code"):
        stream = await town.subscribe("screen", METRICS, unit=code, seconds=1)
        assert not isinstance(stream, list)
        told.append(await ended(stream))
    assert told == ["NOT_FOUND"] * 3


@pytest.mark.parametrize("seconds", [0, -1, 3601])
async def test_an_interval_has_bounds(town: Town, seconds: int) -> None:
    refused = await town.subscribe("screen", METRICS, unit="411024", seconds=seconds)
    assert isinstance(refused, list)
    assert refused[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_screen_follows_no_issue(town: Town) -> None:
    async with await town.follow("screen") as screen, await town.follow("portal") as portal:
        await town.report()
        await heard(portal)
        waiting = asyncio.ensure_future(anext(screen))
        await town.report()
        await heard(portal)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_a_cursor_older_than_what_is_kept_is_refused_and_never_passed_over(town: Town) -> None:
    cursor, position = town.service.log.cursor, town.service.log.position
    for _ in range(4):
        await town.report()
    async with await town.follow("portal", after=cursor(0)) as portal:
        assert [await position((await heard(portal))["cursor"]) for _ in range(4)] == [1, 2, 3, 4]
    await town.service.database.pool.execute(
        "update event set committed_at = now() - interval '31 days' where seq <= 2"
    )
    for seq, refusal in ((0, True), (1, True), (2, False), (3, False)):
        found = await town.subscribe("portal", EVENTS % TOLD, after=cursor(seq))
        if refusal:
            assert isinstance(found, list)
            assert found[0]["extensions"]["code"] == "CURSOR_EXPIRED"
        else:
            assert not isinstance(found, list)
            assert await position((await heard(found))["cursor"]) == seq + 1
            await found.aclose()


@pytest.mark.parametrize("last", ["", "no cursor", 5, 0, 1.5, True, False, ["e1"], [], {}])
async def test_a_last_event_that_cannot_be_is_refused_and_never_passed_over(town: Town, last: object) -> None:
    principal = await town.service.accounts.principal("portal")
    request = Request(EVENTS % TOLD, extensions={"lastEventId": last})
    refused = await town.service.executor.subscribe(request, principal)
    assert isinstance(refused, Response)
    assert parse(refused.body)["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


async def test_who_has_no_last_event_yet_begins_now(town: Town) -> None:
    principal = await town.service.accounts.principal("portal")
    await town.report()
    async with asyncio.timeout(PATIENCE):
        while await town.service.log.head() == 0:  # noqa: ASYNC110 - it is the table that is read
            await asyncio.sleep(0.01)
    request = Request(EVENTS % TOLD, extensions={"lastEventId": None})
    started = await town.service.executor.subscribe(request, principal)
    assert isinstance(started, Subscription)
    async with aclosing(frames(started)) as stream:
        second = await town.report()
        assert (await heard(stream))["event"]["issue"]["id"] == second


async def test_events_that_were_taken_away_are_missed(town: Town) -> None:
    cursor = town.service.log.cursor
    for _ in range(3):
        await town.report()
    started = await town.subscribe("portal", EVENTS % TOLD, after=cursor(1))  # it will read what is not there
    await town.service.database.pool.execute("delete from event where seq <= 2")
    assert not isinstance(started, list)
    assert await ended(started) == "CURSOR_EXPIRED"
    refused = await town.subscribe("portal", EVENTS % TOLD, after=cursor(1))
    assert isinstance(refused, list)
    assert refused[0]["extensions"]["code"] == "CURSOR_EXPIRED"
    kept = await town.subscribe("portal", EVENTS % TOLD, after=cursor(2))
    assert not isinstance(kept, list)
    assert await town.service.log.position((await heard(kept))["cursor"]) == 3
    await kept.aclose()


async def test_a_group_is_gone_with_its_last_member_though_this_one_ends_while_it_is_served(
    town: Town,
) -> None:
    """A token that has ended ends the socket, too; where that comes later, the group sees it first."""
    async with await town.follow_with_an_ended_token("city") as stream, asyncio.timeout(PATIENCE):
        told = asyncio.ensure_future(ended(stream))
        [served] = await town.followed_by(1)
        await town.report()
        assert await told == "TOKEN_EXPIRED"
        assert await town.followed_by(0) == []
        await asyncio.wait({served.task})


async def test_whose_token_has_ended_is_passed_over_and_not_counted(town: Town) -> None:
    async with (
        await town.follow("city", "cursor") as other,
        await town.follow_with_an_ended_token("city", "cursor") as stream,
    ):
        told, cursor = asyncio.ensure_future(ended(stream)), asyncio.ensure_future(heard(other))
        assert len(await town.followed_by(2)) == 1
        await town.report()
        assert await told == "TOKEN_EXPIRED"
        assert (await cursor)["cursor"]
    assert b"lxbc_deliveries_total 1.0" in town.service.telemetry.exposed("", {})[0]


async def test_a_statement_that_fails_ends_those_who_follow_it_and_nothing_else(
    town: Town, database: Database
) -> None:
    await town.report()
    async with (
        await town.follow("city", "event { issue { title } }") as one,
        await town.follow("city", "event { issue { title } }") as other,
        await town.follow("city", "event { kind }") as third,
    ):
        told = [asyncio.ensure_future(ended(stream)) for stream in (one, other)]
        kinds = asyncio.ensure_future(heard(third))
        assert len(await town.followed_by(3)) == 2
        await database.pool.execute("alter table issue rename column title to headline")
        await happen(database.pool, await database.pool.fetchval("select id from issue"))
        assert await asyncio.gather(*told) == ["INTERNAL"] * 2
        assert (await kinds)["event"]["kind"] == "REPORTED"
