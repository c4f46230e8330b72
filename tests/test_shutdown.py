"""A server that is told to stop does so at once, whoever listens to it, and leaves them able to come back."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.serving import PATIENCE
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]}],
}
REPORT = """mutation Report($unit: ID!, $text: String!) {
  reportIssue(input: {unitId: $unit, title: "机井损坏", description: $text, source: VISIT}) { errors { message } }
}"""
DESCRIPTIONS = " ".join(f"d{number}: description" for number in range(40))
EVENTS = f"subscription($after: String) {{ issueEvents(after: $after) {{ event {{ issue {{ {DESCRIPTIONS} }} }} }} }}"
"""So large that nobody's buffers hold two dozen of them."""


class Served:
    """A serving process, and its clients: all are the same account's."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, token: str) -> None:
        self.process = process
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        async with httpx.AsyncClient(headers=self.headers, timeout=PATIENCE) as client:
            response = await client.post(f"http://{self.address}/graphql", json=body)
        return response.json()["data"]

    @asynccontextmanager
    async def listened(self, after: str) -> AsyncIterator[httpx.Response]:
        """An event stream, begun."""
        body = {"query": EVENTS, "variables": {"after": after}}
        headers = self.headers | {"Accept": "text/event-stream"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client,
            client.stream("POST", f"http://{self.address}/graphql", json=body) as response,
        ):
            yield response

    @asynccontextmanager
    async def joined(self, after: str) -> AsyncIterator[ClientConnection]:
        """A socket with a subscription, begun; who does not read it soon holds no more than a frame."""
        url = f"ws://{self.address}/graphql"
        protocol = [Subprotocol(SUBPROTOCOL)]
        options: dict[str, Any] = {"max_queue": 1, "compression": None, "close_timeout": 0}
        async with connect(url, subprotocols=protocol, additional_headers=self.headers, **options) as client:
            payload = {"query": EVENTS, "variables": {"after": after}}
            await client.send('{"type":"connection_init"}')
            await client.send(json.dumps({"id": "a", "type": "subscribe", "payload": payload}))
            yield client

    async def log(self) -> list[str]:
        """What it said until it ended."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stderr.read()).decode().splitlines()


@pytest.fixture
async def served(
    database: Database, database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> AsyncIterator[Served]:
    await world(WORLD)
    token = (await Tokens.open(database.pool, Settings(database_url=database_url))).access("city_office", 600)
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lxbc_graph", "serve"),
        env={**rest, "LXBC_DATABASE_URL": database_url, "LXBC_PORT": "0", "LXBC_REQUESTS_PER_MINUTE": "0"},
        stderr=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        assert process.stderr is not None
        while (line := (await process.stderr.readline()).decode()) and not line.startswith("Serving "):
            pass
        yield Served(process, line.split()[1].removeprefix("http://").removesuffix("/graphql"), token)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_leaves_whoever_listens_able_to_come_back(served: Served, number: signal.Signals) -> None:
    """The stream of events is cut, not completed, and the socket says why: both are retried by their clients."""
    before = await served.ask('{ eventCursor unit(code: "411024104226") { id } }')
    start, unit = before["eventCursor"], before["unit"]["id"]
    for _ in range(24):
        answer = await served.ask(REPORT, unit=unit, text="详" * 2000)
        assert answer == {"reportIssue": {"errors": []}}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served.listened(start))  # does not read
        await stack.enter_async_context(served.joined(start))  # does not either
        stream = await stack.enter_async_context(served.listened(start))
        socket = await stack.enter_async_context(served.joined(start))
        host, _, port = served.address.partition(":")
        _, upload = await asyncio.open_connection(host, int(port))  # never ends
        stack.callback(upload.close)
        upload.write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        heard = [json.loads(await socket.recv()) for _ in range(25)]
        lines = stream.aiter_lines()
        received = [await anext(lines) for _ in range(24 * 4)]  # id, event, data, end

        served.process.send_signal(number)
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(lines)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        said = await served.log()
    assert await served.process.wait() == 0
    assert said == ["Stopping"]
    assert socket.close_code == 1012
    assert received.count("event: next") == 24
    assert [message["type"] for message in heard] == ["connection_ack", *["next"] * 24]


async def test_who_stands_in_the_queue_when_it_ends_is_let_in(served: Served) -> None:
    """Not by another process either, where there is none."""
    host, _, port = served.address.partition(":")
    served.process.send_signal(signal.SIGSTOP)
    streams = [await asyncio.open_connection(host, int(port)) for _ in range(8)]
    for _, writer in streams:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    served.process.send_signal(signal.SIGTERM)
    served.process.send_signal(signal.SIGCONT)
    for reader, writer in streams:
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert await served.log() == ["Stopping"]
