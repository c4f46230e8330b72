"""The clients that people use, each as its own documentation has it, against the real server."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from gql import Client as GqlClient
from gql import GraphQLRequest
from gql.transport.async_transport import AsyncTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError, assert_interface_type, build_schema, lexicographic_sort_schema, print_schema
from tests.node import ENVIRONMENT, FOLDER, SCHEMA, command, persisted, relay_project, tool
from tests.serving import PATIENCE, serving

from lxbc_graph.app import create_app
from lxbc_graph.http.server import bind
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.read.trusted import id_of
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

FOLLOWERS = ("apollo.mjs", "eventsource.mjs", "graphql-sse.mjs", "graphql-ws.mjs")
"""Those that follow events, and resume."""
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "categories": [{"code": "A"}],
    "accounts": [
        {"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]},
        {
            "name": "of two offices",
            "postings": [
                {"role": "city_office", "unit": "4110"},
                {"role": "county_office", "unit": "411024"},
            ],
        },
    ],
}
EVENTS = """subscription Events($after: String) {
  issueEvents(after: $after) { cursor event { issue { title } } }
}"""
REPORTED = """subscription Reported($after: String) {
  issueEvents(filter: {toState: [REPORTED]}, after: $after) { cursor event { issue { title } } gone }
}"""
"""What leaves the filter is told without an event."""
REPORT = """mutation Report($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: "d", source: VISIT}) { errors { message } }
}"""


JUDGE = "mutation Judge($input: JudgeIssueInput!) { judgeIssue(input: $input) { errors { message } } }"


class Client:
    """A program of the folder, and what it says that it sees."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def sees(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        return json.loads(line)

    async def sees_but(self, passed_over: str) -> Any:
        while (seen := await self.sees()) == passed_over:
            pass
        return seen

    async def connects(self) -> None:
        while (seen := await self.sees()) != "connected":
            assert seen == {"closed": 1006}  # nobody listens there yet

    async def follows(self, number: int) -> list[str]:
        """The titles of the next events; what is said of the connection between them may be anything but an end."""
        titles: list[str] = []
        while len(titles) < number:
            seen = await self.sees()
            if isinstance(seen, dict) and seen.get("next"):
                titles.append(seen["next"]["issueEvents"]["event"]["issue"]["title"])
            else:
                assert seen == "connected" or "closed" in seen, seen
        return titles


@dataclass(frozen=True)
class Api:
    """The application, tokens for it, and where its events begin."""

    address: str
    database_url: str
    tokens: Tokens
    unit: str
    start: str

    def token(self, seconds: int = 600) -> str:
        return self.tokens.access("city_office", seconds)

    async def ask(self, query: str, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token()}"}
        async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
            body = {"query": query, "variables": variables}
            answer = (await client.post(f"http://{self.address}/graphql", json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def report(self, *titles: str) -> None:
        for title in titles:
            assert await self.ask(REPORT, unit=self.unit, title=title) == {"reportIssue": {"errors": []}}

    @asynccontextmanager
    async def client(
        self, program: str, query: str | None = EVENTS, *, address: str = "", **asked: Any
    ) -> AsyncIterator[Client]:
        """Run a client; it follows all events unless it is asked for something else."""
        url = f"http://{address or self.address}/graphql"
        variables = {"after": self.start} if query == EVENTS else {}
        given = {"url": url, "tokens": [self.token()], "query": query, "variables": variables, **asked}
        process = await asyncio.create_subprocess_exec(
            *command(FOLDER / program, json.dumps(given)),
            env=ENVIRONMENT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Client(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    @asynccontextmanager
    async def process(self, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
        """A server of its own on the same database, from when it answers on."""
        rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lxbc_graph", "serve"),
            env={**rest, "LXBC_DATABASE_URL": self.database_url, "LXBC_PORT": str(port)},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            while not (line := await process.stderr.readline()).startswith(b"Serving "):
                assert line
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def free_port() -> int:
    with bind("127.0.0.1", 0) as reserved:
        port: int = reserved.getsockname()[1]
    return port


@pytest.fixture
async def api(
    database: Database, database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> AsyncIterator[Api]:
    await world(WORLD)
    settings = Settings(database_url=database_url)
    tokens = await Tokens.open(database.pool, settings)
    village = await database.pool.fetchval("select id from unit where level = 'VILLAGE'")
    async with serving(create_app(settings), lifespan=True) as address:
        api = Api(address, database_url, tokens, f"Unit:{village}", "")
        yield replace(api, start=(await api.ask("{ eventCursor }"))["eventCursor"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_whoever_follows_resumes_where_the_server_was_ended(api: Api, number: signal.Signals) -> None:
    """Two servers of one database: one is ended and comes back, at the other something happens all the while."""
    port = free_port()
    async with AsyncExitStack() as stack:
        async with api.process(port) as process:
            clients = [
                await stack.enter_async_context(api.client(program, address=f"127.0.0.1:{port}"))
                for program in FOLLOWERS
            ]
            for title in ("one", "two"):  # each arrives before there is another
                await api.report(title)
                assert [await client.follows(1) for client in clients] == [[title]] * len(clients)
            process.send_signal(number)
            await process.wait()
        await api.report("three", "four")
        async with api.process(port):
            await api.report("five")
            followed = [await client.follows(3) for client in clients]
    assert followed == [["three", "four", "five"]] * len(clients)


async def test_the_sample_shows_and_forgets_and_begins_again_as_it_is_told(
    api: Api, database: Database
) -> None:
    tokens = [api.tokens.access("of two offices", 600)]
    async with api.client("following.mjs", REPORTED, tokens=tokens, variables={"after": "never"}) as client:
        assert await client.sees_but("connecting") == "read anew"
        await api.report("one")
        assert await client.sees_but("connecting") == {"shown": "one"}
        found = await api.ask("{ issues { nodes { id } } categories { nodes { id } } }")
        issue, category = (found[name]["nodes"][0]["id"] for name in ("issues", "categories"))
        await api.ask(JUDGE, input={"issueId": issue, "categoryId": category, "complexity": "GENERAL"})
        assert await client.sees_but("connecting") == {"forgotten": issue}
        await database.pool.execute("update posting set valid_to = now() where role = 'county_office'")
        await api.report("two")  # it is told ACCESS_REVOKED before it would be sent this
        assert await client.sees_but("connecting") == {"shown": "two"}
    async with api.client("following.mjs", "{ nothing }") as client:
        assert await client.sees_but("connecting") == {"gaveUp": "GRAPHQL_VALIDATION_FAILED"}


async def test_the_sample_resumes_where_the_server_was_ended_and_where_it_says_nothing_any_more(
    api: Api,
) -> None:
    port = free_port()
    async with AsyncExitStack() as stack:
        async with api.process(port) as process:
            client = await stack.enter_async_context(
                api.client(
                    "following.mjs", REPORTED, address=f"127.0.0.1:{port}", variables={"after": api.start}
                )
            )
            await api.report("one")
            assert await client.sees_but("connecting") == {"shown": "one"}
            process.send_signal(signal.SIGTERM)
            await process.wait()
        await api.report("two")
        async with api.process(port) as process:
            assert await client.sees_but("connecting") == {"shown": "two"}
            process.send_signal(
                signal.SIGSTOP
            )  # connections stay open, as those of a network that has vanished
            assert await client.sees() == "connecting"
            await api.report("three")
            process.send_signal(signal.SIGCONT)
            assert await client.sees_but("connecting") == {"shown": "three"}


async def test_apollo_is_answered_its_queries_and_changes_too(api: Api) -> None:
    async with api.client("apollo.mjs", 'query { unit(code: "411024") { code } }') as client:
        assert (await client.sees())["next"] == {"unit": {"__typename": "County", "code": "411024"}}
    variables = {"unit": api.unit, "title": "one"}
    async with api.client("apollo.mjs", REPORT, variables=variables) as client:
        assert (await client.sees())["next"]["reportIssue"]["errors"] == []


async def test_apollo_keeps_each_object_once_and_matches_interfaces(api: Api) -> None:
    schema = build_schema((SCHEMA / "schema.graphql").read_text("utf-8"))
    units = [
        member.name for member in schema.get_possible_types(assert_interface_type(schema.get_type("Unit")))
    ]
    query = """query {
      unit(code: "411024") { id ...Unit }
      again: unit(code: "411024104") { id parent { id code } }
    }
    fragment Unit on Unit { name }"""
    options = {"possibleTypes": {"Unit": units}}
    async with api.client("apollo.mjs", query, options=options) as client:
        seen = await client.sees()
    county, town = seen["next"]["unit"], seen["next"]["again"]
    assert set(county) == {"__typename", "id", "name"}
    assert town["parent"]["id"] == county["id"]
    assert sorted(seen["kept"]) == sorted(["ROOT_QUERY", f"County:{county['id']}", f"Township:{town['id']}"])


@pytest.mark.parametrize("http", [{}, {"useGETForQueries": True}], ids=["POST", "GET"])
async def test_apollo_is_told_why_it_is_refused(api: Api, http: dict[str, Any]) -> None:
    async with api.client("apollo.mjs", variables={"after": "never"}, options=http) as client:
        seen = await client.sees()
        assert seen["error"] == "CombinedGraphQLErrors"
        assert seen["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
    async with api.client("apollo.mjs", tokens=["bad"], options=http) as client:
        seen = await client.sees()
        assert seen["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_apollo_is_told_why_its_subscription_ends(api: Api) -> None:
    async with api.client("apollo.mjs", tokens=[api.token(6)]) as client:
        await api.report("one")
        assert await client.follows(1) == ["one"]
        seen = await client.sees()
        assert seen["error"] == "CombinedProtocolErrors"
        assert [error["extensions"]["code"] for error in seen["errors"]] == ["TOKEN_EXPIRED"]


@pytest.mark.parametrize("program", ["graphql-sse.mjs", "eventsource.mjs"])
async def test_over_sse_a_refusal_is_read_and_then_it_is_complete(api: Api, program: str) -> None:
    async with api.client(program, variables={"after": "never"}) as client:
        assert (await client.sees())["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
        assert await client.sees() == "complete"
    async with api.client(program, tokens=["bad"], options={"retryAttempts": 0}) as client:
        assert (await client.sees())["status"] == 401


@pytest.mark.parametrize("program", ["graphql-sse.mjs", "eventsource.mjs"])
async def test_over_sse_a_query_is_answered_and_complete(api: Api, program: str) -> None:
    async with api.client(program, '{ unit(code: "411024") { code } }') as client:
        assert (await client.sees())["next"] == {"unit": {"code": "411024"}}
        assert await client.sees() == "complete"


async def test_an_event_source_has_the_cursor_as_the_id_of_the_event(api: Api) -> None:
    await api.report("one")
    async with api.client("eventsource.mjs") as client:
        seen = await client.sees()
        assert seen["lastEventId"] == seen["next"]["issueEvents"]["cursor"]


async def test_a_lazy_socket_is_there_while_it_is_needed(api: Api) -> None:
    async with api.client("graphql-ws.mjs", '{ unit(code: "411024") { code } }') as client:
        assert await client.sees() == "connected"
        assert (await client.sees())["next"] == {"unit": {"code": "411024"}}
        assert [await client.sees(), await client.sees()] == ["complete", {"closed": 1000}]


async def test_a_socket_that_is_not_lazy_connects_again_by_itself(api: Api) -> None:
    port = free_port()
    options = {"lazy": False}
    async with AsyncExitStack() as stack:
        async with api.process(port) as process:
            client = await stack.enter_async_context(
                api.client("graphql-ws.mjs", None, address=f"127.0.0.1:{port}", options=options)
            )
            assert await client.sees() == "connected"
            process.send_signal(signal.SIGTERM)
            assert await client.sees() == {"closed": 1012}
            await process.wait()
        async with api.process(port) as process:
            await client.connects()
            process.kill()
            assert await client.sees() == {"closed": 1006}
        async with api.process(port):
            await client.connects()


async def test_a_socket_that_pings_is_kept_alive(api: Api) -> None:
    options = {"lazy": False, "keepAlive": 20}
    async with api.client("graphql-ws.mjs", None, options=options) as client:
        assert [await client.sees() for _ in range(4)] == ["connected", "pong", "pong", "pong"]


async def test_a_socket_whose_token_ends_comes_back_with_another_and_resumes(api: Api) -> None:
    async with api.client("graphql-ws.mjs", tokens=[api.token(6), api.token()]) as client:
        await api.report("one")
        assert await client.sees() == "connected"
        assert await client.follows(1) == ["one"]
        assert await client.sees() == {"closed": 4403}
        await api.report("two")
        assert await client.sees() == "connected"
        assert await client.follows(1) == ["two"]


async def test_a_socket_that_must_not_be_is_given_up(api: Api) -> None:
    async with api.client("graphql-ws.mjs", tokens=[7]) as client:
        assert await client.sees() == {"closed": 4400}
        assert (await client.sees())["error"] == 4400
    async with api.client("graphql-ws.mjs", tokens=["bad"], options={"retryAttempts": 0}) as client:
        assert await client.sees() == {"closed": 4403}
        assert (await client.sees())["error"] == 4403


async def test_a_socket_is_told_why_an_operation_is_refused_and_serves_the_next(api: Api) -> None:
    async with api.client("graphql-ws.mjs", "{ nothing }", options={"lazyCloseTimeout": 60_000}) as client:
        assert await client.sees() == "connected"
        assert (await client.sees())["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_the_audit_of_graphql_over_http_finds_nothing(api: Api) -> None:
    async with api.client("audit.mjs", None) as client:
        found = await client.sees()
    assert [point for point in found if point["status"] != "ok"] == []
    assert Counter(point["name"].split(" ")[0] for point in found) == {"MUST": 13, "SHOULD": 23, "MAY": 25}


@pytest.mark.parametrize("socket", [True, False], ids=["socket", "fetch"])
async def test_urql_is_answered_and_follows(api: Api, socket: bool) -> None:
    options = {"socket": socket}
    async with api.client("urql.mjs", options=options) as follower:
        async with api.client(
            "urql.mjs", 'query { unit(code: "411024") { code } }', options=options
        ) as client:
            assert await client.sees() == {"next": {"unit": {"__typename": "County", "code": "411024"}}}
        variables = {"unit": api.unit, "title": "one"}
        async with api.client("urql.mjs", REPORT, variables=variables, options=options) as client:
            assert (await client.sees())["next"]["reportIssue"]["errors"] == []
        assert await follower.follows(1) == ["one"]
        await api.report("two", "three")
        assert await follower.follows(2) == ["two", "three"]


@pytest.mark.parametrize("socket", [True, False], ids=["socket", "fetch"])
async def test_urql_is_told_why_it_is_refused(api: Api, socket: bool) -> None:
    async with api.client("urql.mjs", variables={"after": "never"}, options={"socket": socket}) as client:
        assert (await client.sees())["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
    async with api.client("urql.mjs", "{ viewer { account } }", tokens=["bad"]) as client:
        seen = await client.sees()
        assert (seen["status"], seen["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_what_relay_compiles_runs(api: Api, tmp_path: Path) -> None:
    """Its queries for pages and for one object again, too, which nobody has written; then each by its hash."""
    done = tool(relay_project(tmp_path), "relay-compiler")
    assert done.returncode == 0, done.stdout
    texts = persisted(tmp_path)
    headers = {"Authorization": f"Bearer {api.token()}"}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:

        async def asked(name: str, **variables: Any) -> Any:
            text = texts[f"IssuePages{name}"]
            answers = [
                (
                    await client.post(f"http://{api.address}/graphql", json={**by, "variables": variables})
                ).json()
                for by in ({"query": text, "documentId": id_of(text)}, {"documentId": id_of(text)})
            ]
            assert answers[0] == answers[1]
            assert "errors" not in answers[0], answers
            return answers[0]["data"]

        written = {"unitId": api.unit, "title": "one", "description": "d", "source": "VISIT"}
        reported = await asked("ReportMutation", input={**written, "idempotencyKey": "once"})
        issue = reported["reportIssue"]["issue"]
        await api.report("two")
        unit = (await asked("Query", unit="411024"))["unit"]
        assert [edge["node"]["title"] for edge in unit["issues"]["edges"]] == ["one", "two"]
        after = unit["issues"]["edges"][0]["cursor"]
        more = (await asked("PaginationQuery", id=unit["id"], first=1, after=after))["node"]["issues"]
        assert [edge["node"]["title"] for edge in more["edges"]] == ["two"]
        assert (await asked("RefetchQuery", id=issue["id"]))["node"] == {"__typename": "Issue", **issue}
    async with api.client(
        "graphql-ws.mjs", texts["IssuePagesSubscription"], variables={"unit": "411024", "after": api.start}
    ) as follower:
        assert await follower.follows(2) == ["one", "two"]


GQL: dict[str, Callable[[str, str], AsyncTransport]] = {
    "websockets": lambda address, token: WebsocketsTransport(
        url=f"ws://{address}/graphql", init_payload={"token": token}
    ),
    "httpx": lambda address, token: HTTPXAsyncTransport(
        url=f"http://{address}/graphql", headers={"Authorization": f"Bearer {token}"}
    ),
}


@pytest.mark.parametrize("transport", GQL)
async def test_gql_has_the_schema_and_holds_both_sides_to_it(api: Api, transport: str) -> None:
    asking = GqlClient(
        transport=GQL[transport](api.address, api.token()),
        fetch_schema_from_transport=True,
        introspection_args={
            "specified_by_url": True,
            "directive_is_repeatable": True,
            "input_value_deprecation": True,
        },
        parse_results=True,
    )
    async with asking as session:
        assert asking.schema is not None
        printed = build_schema((SCHEMA / "schema.graphql").read_text("utf-8"))
        found, declared = (print_schema(lexicographic_sort_schema(each)) for each in (asking.schema, printed))
        assert found == declared
        assert await session.execute(GraphQLRequest('{ unit(code: "411024") { code } }')) == {
            "unit": {"code": "411024"}
        }
        report = GraphQLRequest(REPORT, variable_values={"unit": api.unit, "title": "one"})
        assert await session.execute(report) == {"reportIssue": {"errors": []}}
        with pytest.raises(GraphQLError, match="Cannot query field 'nothing'"):  # it did not ask
            await session.execute(GraphQLRequest("{ nothing }"))
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(GraphQLRequest("{ issues(first: 101) { totalCount } }"))
        assert (refused.value.errors or [{}])[0]["extensions"]["code"] == "PAGE_TOO_LARGE"


async def test_gql_follows(api: Api) -> None:
    following = GqlClient(
        transport=GQL["websockets"](api.address, api.token()),
        parse_results=True,
        fetch_schema_from_transport=True,
    )
    async with (
        following as session,
        aclosing(session.subscribe(GraphQLRequest(EVENTS, variable_values={"after": api.start}))) as answers,
    ):
        for title in ("one", "two"):
            await api.report(title)
            answer = await anext(answers)
            assert answer["issueEvents"]["event"] == {"issue": {"title": title}}
