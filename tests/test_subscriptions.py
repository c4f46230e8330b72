"""From a committed mutation to the screens of those who may see it, through the real application."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from tests.serving import PATIENCE, serving
from websockets.typing import Subprotocol

from lxbc_graph.app import create_app
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.live.ladder import Ladder
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

COUNTIES = ("411024", "411082")
WORLD: dict[str, Any] = {
    "units": [
        {"code": code}
        for code in ("4110", *(f"{county}{below}" for county in COUNTIES for below in ("", "104", "104226")))
    ],
    "accounts": [
        {"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]},
        *(
            {"name": f"portal-{county}", "postings": [{"role": "portal", "unit": county}]}
            for county in COUNTIES
        ),
    ],
}
EVENTS = """subscription Events($after: String, $filter: EventFilter) {
  issueEvents(after: $after, filter: $filter) { cursor event { kind issue { title } } }
}"""
REPORT = """mutation Report($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: "d", source: VISIT}) { errors { message } }
}"""


@dataclass(frozen=True)
class Town:
    """The running application, tokens for it, the ids of a village in each county, and where the log stood."""

    address: str
    tokens: Tokens
    villages: dict[str, str]
    start: str

    def token(self, account: str) -> str:
        return self.tokens.access(account, 600)

    @asynccontextmanager
    async def joined(self, account: str) -> AsyncIterator[AsyncClientSession]:
        """A socket of the account, by a client that is not ours."""
        transport = WebsocketsTransport(
            url=f"ws://{self.address}/graphql",
            init_payload={"Authorization": f"Bearer {self.token(account)}"},
            subprotocols=[Subprotocol(SUBPROTOCOL)],
        )
        async with Client(transport=transport) as session:
            yield session

    async def report(self, session: AsyncClientSession, county: str, title: str) -> None:
        variables = {"unit": self.villages[county], "title": title}
        answer = await session.execute(GraphQLRequest(REPORT, variable_values=variables))
        assert answer == {"reportIssue": {"errors": []}}


Event = tuple[str, str]
"""Cursor and title."""

Follow = Callable[[Town, str, str], AsyncGenerator[Event]]


def event_of(data: dict[str, Any]) -> Event:
    assert data["issueEvents"]["event"]["kind"] == "REPORTED"
    return data["issueEvents"]["cursor"], data["issueEvents"]["event"]["issue"]["title"]


async def over_websocket(town: Town, account: str, after: str) -> AsyncGenerator[Event]:
    async with town.joined(account) as session, aclosing(events(session, after=after)) as answers:
        async for answer in answers:
            yield event_of(answer)


async def over_sse(town: Town, account: str, after: str) -> AsyncGenerator[Event]:
    """An event source: the document never says where to begin, the header alone does."""
    headers = {"Authorization": f"Bearer {town.token(account)}", "Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(headers=headers | {"Last-Event-ID": after}, timeout=PATIENCE) as client,
        client.stream("GET", f"http://{town.address}/graphql", params={"query": EVENTS}) as response,
    ):
        id_ = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                id_ = value
            elif name == "data":
                cursor, title = event_of(json.loads(value)["data"])
                assert cursor == id_
                yield cursor, title


async def over_multipart(town: Town, account: str, after: str) -> AsyncGenerator[Event]:
    headers = {
        "Authorization": f"Bearer {town.token(account)}",
        "Accept": "multipart/mixed;subscriptionSpec=1.0",
    }
    body = {"query": EVENTS, "variables": {"after": after}}
    async with (
        httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client,
        client.stream("POST", f"http://{town.address}/graphql", json=body) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith('{"payload":'):
                yield event_of(json.loads(line)["payload"]["data"])


TRANSPORTS = (over_websocket, over_sse, over_multipart)


def events(session: AsyncClientSession, **variables: Any) -> AsyncGenerator[dict[str, Any]]:
    return session.subscribe(GraphQLRequest(EVENTS, variable_values=variables))


async def take(stream: AsyncGenerator[Event], number: int) -> list[Event]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(stream) for _ in range(number)]


@pytest.fixture
async def town(
    database: Database, database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> AsyncIterator[Town]:
    await world(WORLD)
    settings = Settings(database_url=database_url)
    tokens = await Tokens.open(database.pool, settings)
    rows = await database.pool.fetch("select left(code, 6), id from unit where level = 'VILLAGE'")
    async with serving(create_app(settings), lifespan=True) as address:
        town = Town(address, tokens, {county: f"Unit:{id_}" for county, id_ in rows}, start="")
        async with town.joined("portal-411024") as portal:
            answer = await portal.execute(GraphQLRequest("{ eventCursor }"))
        yield replace(town, start=answer["eventCursor"])


@pytest.mark.parametrize("follow", TRANSPORTS)
async def test_each_sees_the_events_of_its_own_units_in_order(town: Town, follow: Follow) -> None:
    reports = [(COUNTIES[number * number % 3 % 2], f"issue {number}") for number in range(12)]
    async with town.joined("city_office") as office:
        seen = {}
        half = len(reports) // 2
        for county, title in reports[:half]:
            await town.report(office, county, title)
        own = {county: [title for of, title in reports if of == county] for county in COUNTIES}
        watched = {"city_office": [title for _, title in reports]}
        watched |= {f"portal-{county}": titles for county, titles in own.items()}

        async def watch(account: str, titles: list[str]) -> None:
            async with aclosing(follow(town, account, town.start)) as stream:
                seen[account] = [title for _, title in await take(stream, len(titles))]

        async with asyncio.TaskGroup() as tasks:
            for account, titles in watched.items():
                tasks.create_task(watch(account, titles))
            for county, title in reports[half:]:
                await town.report(office, county, title)
    assert seen == watched


@pytest.mark.parametrize("follow", TRANSPORTS)
@pytest.mark.parametrize("account", ["city_office", "portal-411024"])
async def test_who_reconnects_with_its_cursor_has_lost_nothing_and_sees_nothing_twice(
    town: Town, follow: Follow, account: str
) -> None:
    county, elsewhere = COUNTIES
    titles = [f"issue {number}" for number in range(20)]

    async def report() -> None:
        async with town.joined("city_office") as office:
            for title in titles:
                await town.report(office, county, title)
                if account != "city_office":
                    await town.report(office, elsewhere, f"not {title}")

    seen: list[Event] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(report())
        while len(seen) < len(titles):
            async with aclosing(follow(town, account, seen[-1][0] if seen else town.start)) as stream:
                seen += await take(stream, min(3, len(titles) - len(seen)))
    assert [title for _, title in seen] == titles


async def test_without_a_cursor_only_what_happens_from_now_on_arrives(town: Town) -> None:
    async with town.joined("city_office") as office, town.joined("portal-411024") as portal:
        await town.report(office, "411024", "before")
        async with aclosing(events(portal, after=None)) as answers:
            first = asyncio.ensure_future(anext(answers))
            async with asyncio.timeout(PATIENCE):
                while not first.done():
                    await town.report(office, "411024", "since")
            assert event_of(first.result())[1] == "since"


async def test_a_filter_narrows_what_arrives(town: Town) -> None:
    async with town.joined("city_office") as office:
        for county in (*COUNTIES, *COUNTIES):
            await town.report(office, county, county)
        async with aclosing(events(office, after=town.start, filter={"unit": COUNTIES[1]})) as answers:
            async with asyncio.timeout(PATIENCE):
                seen = [event_of(await anext(answers)) for _ in range(2)]
        assert [title for _, title in seen] == [COUNTIES[1]] * 2


ALERTS = """subscription Alerts($unit: String, $rungs: [RungKind!], $after: String) {
  deadlineAlerts(unit: $unit, rungs: $rungs, after: $after) {
    __typename cursor event { kind rung clock dueAt replyDueAt data issue { title } }
  }
}"""
WEDNESDAY = datetime(2021, 11, 10, 2, tzinfo=UTC)


async def alerts(
    session: AsyncClientSession, number: int, after: str, **variables: Any
) -> list[tuple[str, str, str]]:
    """Return title, rung and cursor of so many alerts behind the cursor."""
    request = GraphQLRequest(ALERTS, variable_values={"after": after, **variables})
    found = []
    async with aclosing(session.subscribe(request)) as answers:
        async with asyncio.timeout(PATIENCE):
            for _ in range(number):
                payload = (await anext(answers))["deadlineAlerts"]
                event = payload["event"]
                assert (payload["__typename"], event["kind"]) == ("DeadlineAlertPayload", "ALERTED")
                assert {
                    name: event["data"].get(name) for name in ("rung", "clock", "dueAt", "replyDueAt")
                } == {name: event[name] for name in ("rung", "clock", "dueAt", "replyDueAt")}
                assert (event["replyDueAt"] is None) == (event["rung"] != "REMINDER_LETTER")
                found.append((event["issue"]["title"], event["rung"], payload["cursor"]))
    return found


async def test_alerts_of_the_ladder_reach_each_for_its_own_units_and_resume_exactly(
    town: Town, database: Database, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    await world(
        {
            "issues": [
                {"unit": f"{county}104226", "title": county, "state": "RECTIFYING"} for county in COUNTIES
            ]
        }
    )
    await database.pool.execute(
        "update assignment set solve_due_at = $1, progress_due_at = null, track_due_at = null"
        " where party_unit_id is not null",
        WEDNESDAY,
    )
    await database.pool.execute(
        "update assignment set solve_due_at = null, progress_due_at = null, track_due_at = null"
        " where party_unit_id is null"
    )
    await database.pool.execute("update issue set next_due_at = $1", WEDNESDAY)
    rungs = ["REMINDER", "URGE", "DUAL_SUPERVISION", "REMINDER_LETTER", "BULLETIN"]
    async with database.pool.acquire() as connection:
        await Ladder(database.pool, now=lambda: WEDNESDAY).climb(connection)
        await Ladder(database.pool, now=lambda: WEDNESDAY + timedelta(days=7)).climb(connection)
    async with town.joined("portal-411024") as portal, town.joined("city_office") as office:
        seen: list[tuple[str, str, str]] = []
        while len(seen) < len(rungs):
            seen += await alerts(portal, min(2, len(rungs) - len(seen)), seen[-1][2] if seen else town.start)
        assert [alert[:2] for alert in seen] == [("411024", rung) for rung in rungs]
        everywhere = await alerts(office, 10, town.start)
        assert sorted(alert[:2] for alert in everywhere) == sorted(
            (county, rung) for county in COUNTIES for rung in rungs
        )
        below = await alerts(office, 5, town.start, unit=COUNTIES[1])
        assert [alert[:2] for alert in below] == [(COUNTIES[1], rung) for rung in rungs]
        chosen = await alerts(office, 2, town.start, rungs=["BULLETIN"])
        assert [rung for _, rung, _ in chosen] == ["BULLETIN"] * 2
        counted = GraphQLRequest("{ events(filter: {rung: [URGE, BULLETIN]}) { totalCount } }")
        assert await portal.execute(counted) == {"events": {"totalCount": 2}}


@pytest.mark.parametrize("after", ["", "no cursor", "e1", "A" * 32])
async def test_a_cursor_that_cannot_be_is_an_error_of_that_operation_alone(town: Town, after: str) -> None:
    async with town.joined("city_office") as office:
        async with aclosing(events(office, after=after)) as answers:
            with pytest.raises(TransportQueryError) as refused:
                await anext(answers)
        assert refused.value.errors is not None
        assert refused.value.errors[0]["extensions"]["code"] == "INVALID_CURSOR"
        await town.report(office, "411024", "the socket still works")


async def test_an_invalid_document_is_an_error_of_that_operation_alone(town: Town) -> None:
    async with town.joined("city_office") as office:
        for document in ("subscription { issueEvents { nothing } }", "query { node(id: 1) { id } nothing }"):
            async with aclosing(office.subscribe(GraphQLRequest(document))) as answers:
                with pytest.raises(TransportQueryError):
                    await anext(answers)
        await town.report(office, "411024", "the socket still works")


async def test_a_socket_loses_its_rights_with_the_posting_and_closes_with_the_account(
    town: Town, database: Database
) -> None:
    async with town.joined("portal-411024") as portal:
        query = GraphQLRequest("{ viewer { account } units { totalCount } }")
        assert (await portal.execute(query))["units"]["totalCount"] == 3
        await database.pool.execute(
            "update posting set valid_to = now() from account a where a.id = account_id and a.name = 'portal-411024'"
        )
        async with asyncio.timeout(PATIENCE):
            while (await portal.execute(query))["units"]["totalCount"]:
                pass  # until the principal is read again
        await database.pool.execute("update account set disabled_at = now() where name = 'portal-411024'")
        with pytest.raises(TransportConnectionFailed) as closed:
            await asyncio.wait_for(repeat(portal, query), PATIENCE)
        assert "4403" in repr(closed.value.__cause__)


async def repeat(session: AsyncClientSession, query: GraphQLRequest) -> None:
    while True:
        await session.execute(query)


async def test_where_the_log_stands_is_told_to_whoever_is_signed_in(town: Town) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{town.address}/graphql", json={"query": "{ eventCursor }"})
    assert answer.status_code == 401
    async with town.joined("portal-411082") as portal, town.joined("city_office") as office:
        before = await portal.execute(GraphQLRequest("{ city { name } eventCursor }"))
        await town.report(office, COUNTIES[1], "after it")
        async with aclosing(events(portal, after=before["eventCursor"])) as answers:
            assert [title for _, title in [event_of(await anext(answers))]] == ["after it"]


async def test_a_query_that_says_where_the_log_stands_is_one_reading(town: Town) -> None:
    """Whatever happens meanwhile, what is read beside the cursor agrees with itself."""
    fields = " ".join(f"a{place}: issues {{ totalCount }}" for place in range(20))
    async with town.joined("city_office") as office, town.joined("city_office") as reader:

        async def write() -> None:
            for number in range(10):
                await town.report(office, COUNTIES[0], f"meanwhile {number}")

        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(write())
            while not writing.done():
                answer = await reader.execute(GraphQLRequest(f"{{ {fields} eventCursor __typename }}"))
                assert list(answer) == [*(f"a{place}" for place in range(20)), "eventCursor", "__typename"]
                assert len({answer[f"a{place}"]["totalCount"] for place in range(20)}) == 1


@pytest.mark.parametrize(
    "field", ["eventCursor", "__schema { description }", '__type(name: "Issue") { name }']
)
async def test_what_resolvers_answer_is_asked_for_a_bounded_number_of_times(town: Town, field: str) -> None:
    aliases = " ".join(f"a{place}: {field}" for place in range(11))
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {town.token('city_office')}"}) as client:
        answer = await client.post(f"http://{town.address}/graphql", json={"query": f"{{ {aliases} }}"})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    assert re.match(r"\w+", field)[0] in error["message"]  # type: ignore[index] # there is one
