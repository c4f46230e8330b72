"""What all streams have in common, however they are framed: how they are kept alive, and when they end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import httpx
import psutil
import pytest
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from tests.serving import OVER, PATIENCE, ScriptedExecutor, narrow, principal, scripted_authenticator, serving

from lxbc_graph.http import connection
from lxbc_graph.http.authenticate import TokenExpired
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.multipart import MULTIPART
from lxbc_graph.http.operation import answers, frames
from lxbc_graph.http.sse import SSE
from lxbc_graph.http.stream import Framing, stream
from lxbc_graph.live.frame import CLOSED, EXPIRED, REVOKED, Ending, Frame, Sink
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.execute import Request, Response
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

ACCEPT = {SSE: "text/event-stream", MULTIPART: "multipart/mixed;subscriptionSpec=1.0"}


@pytest.fixture(params=ACCEPT, ids=["SSE", "multipart"])
def framing(request: pytest.FixtureRequest) -> Framing:
    found: Framing = request.param
    return found


@pytest.fixture
async def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def client(executor: ScriptedExecutor, framing: Framing) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole endpoint that asks for such streams."""
    endpoint = GraphQLOverHttp(executor.stands_in(), scripted_authenticator(), Telemetry())
    headers = {"Accept": ACCEPT[framing], "Authorization": "Bearer good"}
    async with (
        serving(Router(endpoint.routes())) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=headers, timeout=PATIENCE) as client,
    ):
        yield client


@asynccontextmanager
async def streaming(
    executor: ScriptedExecutor,
    framing: Framing,
    query: str,
    *,
    size: int = 200_000,
    to: int = 10**9,
    **options: Any,
) -> AsyncIterator[str]:
    """Serve one operation as it is, with the times that a test wants."""

    async def endpoint(asgi_scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(query, variables={"to": to, "size": size})
        found = answers(executor.stands_in(), request, principal())
        await stream(framing, found, principal(), asgi_scope, receive, send, **options)

    async with serving(endpoint) as address:
        yield address


@asynccontextmanager
async def unread(address: str, limit: int = 1) -> AsyncIterator[asyncio.StreamReader]:
    """Ask for a stream, and take nothing of it until the block does."""
    reader, writer = await asyncio.open_connection(sock=narrow(address), limit=limit)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            yield reader
    finally:
        writer.transport.abort()


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


async def test_a_stream_is_neither_kept_nor_held_back_on_its_way(
    client: httpx.AsyncClient, framing: Framing
) -> None:
    response = await ask(client, "subscription count", to=1)
    assert response.status_code == 200
    assert response.headers["content-type"] == framing.content_type
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["vary"] == "accept"
    assert response.content.endswith(framing.complete)
    assert not response.content.startswith(b"\xef\xbb\xbf")


async def test_a_head_has_the_headers_of_the_stream_and_runs_nothing(
    client: httpx.AsyncClient, framing: Framing, executor: ScriptedExecutor
) -> None:
    response = await client.head("/graphql", params={"query": "subscription forever"})
    assert response.status_code == 200
    assert response.headers["content-type"] == framing.content_type
    assert response.content == b""
    assert executor.running == 0


async def test_a_client_that_leaves_cancels(client: httpx.AsyncClient, executor: ScriptedExecutor) -> None:
    request = {"query": "subscription forever"}
    async with client.stream("POST", "/graphql", json=request) as response:
        await anext(response.aiter_lines())
        await executor.until_running(1)
    await executor.until_running(0)


async def test_a_client_that_leaves_before_the_first_answer_cancels(
    executor: ScriptedExecutor, framing: Framing
) -> None:
    async with (
        streaming(executor, framing, "wait") as address,
        httpx.AsyncClient(timeout=PATIENCE) as client,
    ):
        async with client.stream("GET", f"http://{address}/"):
            await executor.until_running(1)
        await executor.until_running(0)


async def test_a_quiet_stream_is_kept_alive(executor: ScriptedExecutor, framing: Framing) -> None:
    async with (
        streaming(executor, framing, "subscription forever", keep_alive_seconds=0.01) as address,
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"http://{address}/") as response,
    ):
        received = b""
        async for piece in response.aiter_bytes():
            received += piece
            if received.count(framing.keep_alive) >= 4:
                break
    alone = received.replace(framing.keep_alive, b"").removeprefix(b"\r\n--graphql")
    assert alone.translate(None, b"\r\n") == framing.answer(b'{"data":{"count":1}}').translate(None, b"\r\n")


@pytest.mark.parametrize("query", ["subscription forever", "subscription count"])
async def test_the_stream_ends_with_its_token(
    client: httpx.AsyncClient, framing: Framing, query: str
) -> None:
    client.headers["Authorization"] = f"Bearer {time.time() + 0.1}"
    response = await ask(client, query, to=10**9)
    told = TokenExpired().body
    assert response.content.endswith(framing.refusal(told) + framing.complete)


async def test_a_client_that_does_not_read_is_let_go(
    executor: ScriptedExecutor,
    framing: Framing,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And its connection, too, which would otherwise wait for it to read what was sent."""
    monkeypatch.setattr(connection, "_CLOSE_SECONDS", 0.05)
    async with (
        streaming(executor, framing, "subscription count", stall_seconds=0.05) as address,
        unread(address) as reader,
    ):
        await executor.until_running(1)
        open_files = psutil.Process().num_fds()
        await executor.until_running(0)
        while psutil.Process().num_fds() == open_files:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        assert not reader.at_eof()
    assert caplog.records == []


async def test_a_client_that_reads_slowly_is_waited_for(executor: ScriptedExecutor, framing: Framing) -> None:
    """What it takes, however little, says that it is there, also while the kernel holds seconds of it."""
    size = 6_000_000
    async with (
        streaming(executor, framing, "query", stall_seconds=1, size=size) as address,
        unread(address, limit=2**16) as reader,
    ):
        received = b""
        while piece := await reader.read(2**16):
            received += piece
            await asyncio.sleep(0.1)
    assert received.endswith(framing.complete + b"\r\n0\r\n\r\n")
    assert len(received) > size


async def test_a_client_that_does_not_keep_up_is_cut_so_that_it_comes_back(
    executor: ScriptedExecutor, framing: Framing, caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent arrives whole, and nothing says that the stream is complete, or that something is wrong."""
    with capture_logs() as logs:
        async with (
            streaming(executor, framing, "subscription flood", stall_seconds=0.05) as address,
            httpx.AsyncClient(timeout=PATIENCE) as client,
            client.stream("GET", f"http://{address}/") as response,
        ):
            await executor.until_running(0)
            received = bytearray()
            with suppress(httpx.RemoteProtocolError):
                async for piece in response.aiter_bytes():
                    received += piece
    first = framing.answer(b'{"data":{"count":1,"pad":"' + b"x" * 200_000 + b'"}}')
    assert first[first.index(b"{") :] in received
    assert not received.endswith(framing.complete)
    assert caplog.records == []
    assert logs == []


async def test_only_so_much_waits_for_a_client_though_it_has_all_the_time(
    executor: ScriptedExecutor, framing: Framing
) -> None:
    """Here it reads only when 20 MB have been sent: it is cut, and has not been sent most of them."""
    flood = streaming(executor, framing, "subscription flood", to=100, stall_seconds=10 * PATIENCE)
    async with flood as address, unread(address, limit=2**16) as reader:
        await executor.until_running(1)
        await executor.until_running(0)
        received = bytearray()
        with suppress(ConnectionResetError):
            while piece := await reader.read(2**16):
                received += piece
    assert 0 < received.count(b'"count":') < 50
    assert framing.complete not in received


class Sent:
    """A subscription that has sent three frames and ended, and nobody has taken any."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def start(self, sink: Sink) -> None:
        for number in range(3):
            sink.send(Frame(b'{"data":{"count":%d}}' % number))
        sink.end(self._ending)

    def stop(self) -> None:
        pass


@pytest.mark.parametrize(("ending", "given"), [(REVOKED, 0), (CLOSED, 0), (EXPIRED, 0), (OVER, 3)])
async def test_what_waits_is_not_given_to_who_must_not_have_it_any_more(ending: Ending, given: int) -> None:
    *found, last = [answer async for answer in frames(cast("Subscription", Sent(ending)))]
    assert len(found) == given
    assert isinstance(last, Response)
    assert json.loads(last.body)["errors"][0]["extensions"]["code"] == ending.code


async def test_a_bad_token_is_no_stream(client: httpx.AsyncClient) -> None:
    client.headers["Authorization"] = "Bearer bad"
    response = await ask(client, "subscription forever")
    assert response.status_code == 401
    assert response.headers["content-type"].startswith("application/json")
