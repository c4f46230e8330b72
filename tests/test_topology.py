"""What docker/ puts together, run as processes: clients know one address, and notice nothing of what is behind it."""

import asyncio
import itertools
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from redis import Redis
from tests.conftest import fresh_database
from tests.serving import PATIENCE
from tests.topology import Topology, proxy, topology
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lxbc_graph.demo.world import load
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.live.broker import Topic
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.schema.errors import error
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "office", "postings": [{"role": "city_office", "unit": "4110"}]}],
}
START = '{ eventCursor unit(code: "411024104226") { id } }'
REPORT = """mutation($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: "x", source: VISIT}) {
    issue { id } errors { message }
  }
}"""
EVENTS = "subscription($after: String) { issueEvents(after: $after) { cursor event { issue { title } } } }"
ISSUES = "{ issues { totalCount } }"
UNAVAILABLE = error("UNAVAILABLE", "The API is out of reach; try again.")


@dataclass
class House:
    """The topology, and a client of each of its addresses."""

    topology: Topology
    token: str
    cursor: str = ""
    unit: str = ""

    @property
    def address(self) -> str:
        return self.topology.proxy.address

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def send(self, query: str, address: str = "", **variables: Any) -> httpx.Response:
        async with httpx.AsyncClient(headers=self.headers, timeout=PATIENCE) as client:
            body = {"query": query, "variables": variables}
            return await client.post(f"http://{address or self.address}/graphql", json=body)

    async def ask(self, query: str, address: str = "", **variables: Any) -> Any:
        response = await self.send(query, address, **variables)
        assert response.status_code == 200, response.text
        assert "errors" not in response.json(), response.text
        return response.json()["data"]

    async def report(self, title: str, address: str = "") -> None:
        told = await self.ask(REPORT, address, unit=self.unit, title=title)
        assert told["reportIssue"]["errors"] == []

    async def count(self) -> int:
        count: int = (await self.ask(ISSUES))["issues"]["totalCount"]
        return count


@pytest.fixture(scope="module")
async def running(server_url: str, template: str) -> AsyncIterator[House]:
    async with fresh_database(server_url, template) as url:
        database = await Database.open(url, pool_size=2)
        await load(database, WORLD)
        token = (await Tokens.open(database.pool, Settings(database_url=url))).access("office", 3600)
        await database.close()
        async with topology(url) as found:
            yield House(found, token)


@pytest.fixture
async def house(running: House) -> House:
    before = await running.ask(START)
    running.cursor, running.unit = before["eventCursor"], before["unit"]["id"]
    return running


# ── subscribers ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Follower:
    """A client that comes back from its last cursor whenever it is cut off, and keeps what it heard."""

    house: House
    cursor: str
    heard: list[str] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(holds)

    async def take(self, payload: Any) -> None:
        found = payload["data"]["issueEvents"]
        self.cursor = found["cursor"]
        await self.tell(self.heard, found["event"]["issue"]["title"])

    async def tell(self, kept: list[Any], what: Any) -> None:
        async with self.changed:
            kept.append(what)
            self.changed.notify_all()

    async def over_websocket(self) -> None:
        protocol = [Subprotocol(SUBPROTOCOL)]
        while True:
            url = f"ws://{self.house.address}/graphql"
            async with connect(url, subprotocols=protocol, additional_headers=self.house.headers) as socket:
                payload = {"query": EVENTS, "variables": {"after": self.cursor}}
                await socket.send('{"type":"connection_init"}')
                await socket.recv()
                await socket.send(json.dumps({"id": "a", "type": "subscribe", "payload": payload}))
                try:
                    while True:
                        await self.take(json.loads(await socket.recv())["payload"])
                except ConnectionClosed:
                    await self.tell(self.cut, socket.close_code)

    async def over_sse(self) -> None:
        headers = self.house.headers | {"Accept": "text/event-stream"}
        async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
            while True:
                body = {"query": EVENTS, "variables": {"after": self.cursor}}
                url = f"http://{self.house.address}/graphql"
                try:
                    async with client.stream("POST", url, json=body) as stream:
                        async for line in stream.aiter_lines():
                            if line.startswith("data: "):
                                await self.take(json.loads(line.removeprefix("data: ")))
                except httpx.TransportError:
                    await self.tell(self.cut, 0)


@asynccontextmanager
async def following(house: House, each: int) -> AsyncIterator[list[Follower]]:
    """So many followers over each transport."""
    followers = [Follower(house, house.cursor) for _ in range(2 * each)]
    async with asyncio.TaskGroup() as tasks:
        begun = [tasks.create_task(one.over_websocket()) for one in followers[:each]]
        begun += [tasks.create_task(one.over_sse()) for one in followers[each:]]
        yield followers
        for task in begun:
            task.cancel()


async def test_what_is_written_through_one_process_reaches_subscribers_of_both(house: House) -> None:
    async with following(house, 2) as followers:
        titles = []
        for address in (house.address, *(api.address for api in house.topology.apis)):
            titles.append(f"through {address}")
            await house.report(titles[-1], address)
            for follower in followers:
                await follower.until(lambda follower=follower: follower.heard == titles)  # type: ignore[misc]
    with Redis.from_url(house.topology.redis) as redis:
        heard_by = dict(redis.pubsub_numsub(*redis.pubsub_channels("lxbc:*")))
        assert len(heard_by) == len(Topic)
        assert min(heard_by.values()) >= len(house.topology.apis)


async def test_restarts_one_after_the_other_fail_no_request_and_subscribers_lose_nothing(
    house: House,
) -> None:
    """Neither has a request a key of its own, nor does a client send one again."""
    before, stop = await house.count(), asyncio.Event()
    reported: list[str] = []

    async def work(number: int) -> None:
        while not stop.is_set():
            title = f"{number}: {len(reported)}"
            await house.report(title)
            reported.append(title)
            await house.ask(ISSUES)

    async with following(house, 2) as followers:
        async with asyncio.TaskGroup() as tasks:
            for number in range(4):
                tasks.create_task(work(number))
            for api in house.topology.apis:
                more = len(reported) + 20
                await followers[0].until(lambda more=more: len(followers[0].heard) >= more)  # type: ignore[misc]
                assert await api.end() == 0
                await api.start()
            stop.set()
        for follower in followers:
            await follower.until(lambda follower=follower: len(follower.heard) >= len(reported))  # type: ignore[misc]
    assert await house.count() == before + len(reported)
    for follower in followers:
        assert sorted(follower.heard) == sorted(reported)
        assert follower.heard == followers[0].heard
        assert follower.cut
    assert {code for follower in followers[:2] for code in follower.cut} == {1012}


# ── what the proxy does ──────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def losing_replies(address: str, number: int) -> AsyncIterator[str]:
    """Give an address from which all is passed on and back, but for so many replies: the line is cut instead."""
    host, _, port = address.partition(":")
    replies = itertools.count()

    async def forth(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(2**16):
            writer.write(piece)
        writer.close()

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (piece := await reader.read(2**16)) and next(replies) >= number:
            writer.write(piece)
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_api, to_api = await asyncio.open_connection(host, int(port))
        await asyncio.gather(forth(reader, to_api), back(from_api, writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        own = server.sockets[0].getsockname()
        yield f"{own[0]}:{own[1]}"


@pytest.mark.parametrize("number", [1, 2, 3], ids=["once", "by both", "and again"])
async def test_a_change_whose_reply_is_lost_is_sent_again_and_made_once(house: House, number: int) -> None:
    before = await house.count()
    async with AsyncExitStack() as stack:
        lossy = await stack.enter_async_context(losing_replies(house.topology.apis[0].address, number))
        between = await stack.enter_async_context(proxy({"api-1": lossy, "api-2": lossy}))
        await house.report("once", between.address)
        assert await house.count() == before + 1
        await house.report("once", between.address)
    assert await house.count() == before + 2


async def test_without_any_process_the_answer_is_one_of_graphql(house: House) -> None:
    async with proxy({"api-1": "127.0.0.1:1", "api-2": "127.0.0.1:2"}) as alone:
        response = await house.send(ISSUES, alone.address)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/json"
    (told,) = response.json()["errors"]
    assert told["extensions"].pop("requestId") == response.headers["x-request-id"]
    assert told == UNAVAILABLE


async def test_what_is_too_long_is_refused_in_the_form_of_graphql(house: House) -> None:
    for length in (300_000, 3_000_000):
        response = await house.send(ISSUES + " " * length)
        assert response.status_code == 413
        extensions = response.json()["errors"][0]["extensions"]
        assert extensions["code"] == "BODY_TOO_LARGE"
        assert extensions["messageZh"]
        assert extensions["requestId"] == response.headers["x-request-id"]


async def test_a_large_file_goes_through_and_the_api_says_what_is_too_large(house: House) -> None:
    issue = (await house.ask(REPORT, unit=house.unit, title="with evidence"))["reportIssue"]["issue"]["id"]
    chunks = [(b"IHDR", b"\0\0\0\1\0\0\0\1\10\0\0\0\0"), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    picture = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in chunks
    )
    url = f"http://{house.address}/attachments"
    async with httpx.AsyncClient(headers=house.headers, timeout=PATIENCE) as client:
        for size, status in ((20 * 2**20, 201), (21 * 2**20, 413)):
            file = ("a.png", picture.ljust(size, b"\0"), "image/png")
            response = await client.post(url, params={"issue": issue}, files={"file": file})
            assert response.status_code == status, response.text
            if status == 201:
                back = await client.get(f"http://{house.address}{response.headers['location']}")
                assert back.content == file[1]
        assert response.json()["errors"][0]["message"] == "A file holds at most 20971520 bytes."


async def test_a_request_is_known_by_one_id_and_answers_are_packed_for_who_takes_them(house: House) -> None:
    query = {"query": "{ __schema { types { name description } } }"}
    async with httpx.AsyncClient(headers=house.headers, timeout=PATIENCE) as client:
        url = f"http://{house.address}/graphql"
        own = await client.post(url, json=query, headers={"X-Request-Id": "of-the-client"})
        assert own.headers["x-request-id"] == "of-the-client"
        assert own.headers["content-encoding"] == "gzip"
        for odd in ("", "a b", "x" * 129):
            given = await client.post(url, json=query, headers={"X-Request-Id": odd, "Accept-Encoding": ""})
            assert len(given.headers["x-request-id"]) == 32
            assert "content-encoding" not in given.headers
        assert (await client.get(f"{url}/")).status_code == 404
        page = await client.get(url, headers={"Accept": "text/html"})
        assert "GraphiQL" in page.text


@pytest.mark.parametrize(
    "path", ["/metrics", "//metrics", "/metrics?x", "/%6detrics", "/graphql/../metrics", "/metrics/"]
)
async def test_the_figures_of_a_process_are_not_shown(house: House, path: str) -> None:
    reader, writer = await asyncio.open_connection(*house.address.split(":"))
    with closing(writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            assert b" 404 " in await reader.readline()
