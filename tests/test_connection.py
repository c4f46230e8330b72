"""What a client may do to a connection before, between and instead of requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from starlette.routing import Router, WebSocketRoute
from tests.serving import PATIENCE, ScriptedExecutor, frame, scripted_authenticator, serving

from lxbc_graph.http import connection
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.websocket import SUBPROTOCOL, GraphQLOverWebSocket

pytestmark = pytest.mark.anyio

POURED = 2**24
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def address(executor: ScriptedExecutor) -> AsyncIterator[tuple[str, int]]:
    endpoint = GraphQLOverHttp(executor.stands_in(), scripted_authenticator())
    socket = GraphQLOverWebSocket(executor.stands_in(), scripted_authenticator())
    async with serving(Router([*endpoint.routes(), WebSocketRoute("/graphql", socket)])) as address:
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


async def test_a_handshake_that_is_none_closes_the_connection(address: tuple[str, int]) -> None:
    async with connected(address) as (reader, writer):
        writer.write(post("query", *UPGRADE))  # not by GET
        assert await reader.read() == b""


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
