"""What a client may do to a connection before, between and instead of requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import (
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_USER_TIMEOUT,
    create_connection,
)

import psutil
import pytest
from starlette.routing import Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.serving import PATIENCE, ScriptedExecutor, frame, scripted_authenticator, served, serving

from lxbc_graph.http import connection, server
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.server import bind
from lxbc_graph.http.websocket import SUBPROTOCOL, GraphQLOverWebSocket
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

POURED = 2**24
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def scripted(executor: ScriptedExecutor) -> ASGIApp:
    endpoint = GraphQLOverHttp(executor.stands_in(), scripted_authenticator(), Telemetry())
    socket = GraphQLOverWebSocket(executor.stands_in(), scripted_authenticator(), Telemetry())
    return Router([*endpoint.routes(), WebSocketRoute("/graphql", socket)])


@pytest.fixture
async def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def address(executor: ScriptedExecutor) -> AsyncIterator[tuple[str, int]]:
    async with serving(scripted(executor)) as address:
        host, _, port = address.partition(":")
        yield host, int(port)


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.transport.abort()


async def pour(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Write more than any buffers on the way hold."""
    for _ in range(POURED // len(piece)):
        writer.write(piece)
        await writer.drain()


def post(query: str, *headers: str) -> bytes:
    body = json.dumps({"query": query}).encode()
    head = ["POST /graphql HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


STREAM = ("Accept: text/event-stream", "Authorization: Bearer good")
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: " + "A" * 22 + "==",
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
)
CHUNKED = b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /", b"a" * 1000),
        (b"GET / HTTP/1.1\r\nx: ", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"x: a\r\n"),
        (CHUNKED, b"x: a\r\n"),
        (CHUNKED + b"x: ", b"a" * 1000),
    ],
    ids=["a path", "a header", "headers", "trailers", "a trailer"],
)
async def test_what_is_no_body_has_an_end(address: tuple[str, int], beginning: bytes, piece: bytes) -> None:
    async with connected(address) as (_, writer):
        writer.write(beginning)
        with pytest.raises(ConnectionError):
            await pour(writer, piece)


async def test_requests_sent_ahead_are_answered_in_order(address: tuple[str, int]) -> None:
    queries = [f"query {number}" for number in range(20)]
    async with connected(address) as (reader, writer):
        writer.write(b"".join(post(query) for query in queries))
        for query in queries:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["data"]["query"] == query


async def test_a_stream_ends_with_its_client_whatever_that_sent_ahead(
    address: tuple[str, int], executor: ScriptedExecutor
) -> None:
    async with connected(address) as (_, writer):
        writer.write(post("subscription forever", *STREAM) + post("query") * 2)
        await executor.until_running(1)
    await executor.until_running(0)


async def shake_hands(streams: Streams) -> None:
    reader, writer = streams
    writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, "", ""]).encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize(
    "last",
    [
        frame(0x88, b""),
        frame(0x83, b""),
        frame(0x81, b"\xff"),
        frame(0x81, b"null"),
        frame(0x81, b" " * 2**19),
    ],
    ids=["a close frame", "no frame", "no text", "no message", "a long one"],
)
async def test_who_goes_without_reading_is_not_waited_for(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, last: bytes
) -> None:
    monkeypatch.setattr(connection, "_CLOSE_SECONDS", 0.05)
    async with connected(address) as (reader, writer):
        await shake_hands((reader, writer))
        init = {"type": "connection_init", "payload": {"token": "good"}}
        query = {
            "type": "subscribe",
            "id": "a",
            "payload": {"query": "query", "variables": {"size": 50_000_000}},
        }
        writer.write(frame(0x81, json.dumps(init).encode()) + frame(0x81, json.dumps(query).encode()))
        await reader.readuntil(b'"pad"')
        open_files = psutil.Process().num_fds()
        writer.write(last)
        while psutil.Process().num_fds() == open_files:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def test_who_does_not_read_gets_no_pongs(address: tuple[str, int]) -> None:
    """They would be kept in memory."""
    ping = bytes([0x89, 0x80 | 120]) + bytes(4) + b"x" * 120
    async with connected(address) as (reader, writer):
        await shake_hands((reader, writer))
        await pour(writer, ping)
        writer.write(bytes([0x88, 0x80]) + bytes(4))
        pongs = (await reader.read()).count(b"\x8a")
        assert 0 < pongs < POURED // len(ping)


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LAST_SECONDS", PATIENCE)


@asynccontextmanager
async def ending(app: ASGIApp, *sent: bytes) -> AsyncIterator[list[Streams]]:
    """Connections on which so much was sent and, if that was a whole request, answered before the server ends."""
    async with served(app) as (address, stop), AsyncExitStack() as stack:
        host, _, port = address.partition(":")
        made = []
        for request in sent:
            reader, writer = await stack.enter_async_context(connected((host, int(port))))
            writer.write(request)
            made.append((reader, writer))
        await asyncio.sleep(0)
        for request, (reader, _writer) in zip(sent, made, strict=True):
            if request == post("query first"):
                assert b"connection: close" not in await answer(reader)
        await stop()
        yield made


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head.lower() + await reader.readexactly(length)


@pytest.mark.usefixtures("patient")
async def test_a_request_on_its_way_when_the_server_ends_is_answered_and_is_the_last() -> None:
    first, second = post("query first"), post("query second")
    beginnings = [b"", first, second[:20], second[:-5]]
    rests = [second, second, second[20:], second[-5:]]
    async with ending(scripted(ScriptedExecutor()), *beginnings) as connections:
        for (reader, writer), rest in zip(connections, rests, strict=True):
            writer.write(rest)
            answered = await answer(reader)
            assert b"connection: close" in answered
            assert b'"query second"' in answered
            assert await reader.read() == b""


@pytest.mark.usefixtures("patient")
async def test_no_socket_is_opened_any_more_when_the_server_ends() -> None:
    upgrade = "\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, "", ""]).encode()
    async with ending(scripted(ScriptedExecutor()), b"") as [(reader, writer)]:
        writer.write(upgrade)
        assert await reader.read() == b""


async def test_who_sends_nothing_more_is_left() -> None:
    async with ending(
        scripted(ScriptedExecutor()), b"", post("query first"), post("query second")[:-5]
    ) as connections:
        for reader, _ in connections:
            assert await reader.read() == b""


async def test_an_answer_that_has_begun_is_given_whole_and_a_stream_is_cut() -> None:
    """One with a length ends, one without may not."""
    begun = {"/finite": asyncio.Event(), "/endless": asyncio.Event()}
    finish = asyncio.Event()

    async def app(asgi_scope: Scope, _receive: Receive, send: Send) -> None:
        path = asgi_scope["path"]
        headers = [(b"content-length", b"2")] if path == "/finite" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        begun[path].set()
        await finish.wait()
        await send({"type": "http.response.body", "body": b"b"})

    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in begun]
    async with served(app) as (address, stop), AsyncExitStack() as stack:
        host, _, port = address.partition(":")
        connections = [await stack.enter_async_context(connected((host, int(port)))) for _ in requests]
        for (_, writer), request in zip(connections, requests, strict=True):
            writer.write(request)
        for event in begun.values():
            await event.wait()
        await stop()
        [(finite, _), (endless, _)] = connections
        assert not (await endless.read()).endswith(b"0\r\n\r\n")
        finish.set()
        assert (await answer(finite)).endswith(b"ab")


# ── the other end ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_kernel_asks_whether_a_peer_is_still_there() -> None:
    """Connections inherit what was set for the socket that listens."""
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        with create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
            idle, interval, count = (
                accepted.getsockopt(IPPROTO_TCP, option)
                for option in (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT)
            )
            assert 0 < idle + interval * count < 30
            last_said = 12_000  # ms: an event stream says something so often, for which it then waits anew
            assert 0 < accepted.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) < 30_000 - last_said


async def test_a_socket_that_answers_no_ping_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server._PING_SECONDS * 2 < 30
    monkeypatch.setattr(server, "_PING_SECONDS", 0.1)
    async with serving(scripted(ScriptedExecutor())) as address:
        host, _, port = address.partition(":")
        async with connected((host, int(port))) as (reader, writer):
            writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, "", ""]).encode())
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            assert (await reader.readexactly(6))[0] == 0x89
            close = await reader.readexactly(4)
            assert (close[0], int.from_bytes(close[2:])) == (0x88, connection.NO_PONG)


async def test_frames_are_not_compressed_even_where_a_client_offers_it() -> None:
    async with serving(scripted(ScriptedExecutor())) as address:
        host, _, port = address.partition(":")
        async with connected((host, int(port))) as (reader, writer):
            offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
            writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, offer, "", ""]).encode())
            assert b"permessage-deflate" not in await reader.readuntil(b"\r\n\r\n")
