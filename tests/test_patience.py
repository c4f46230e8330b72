"""How long a connection is waited for, and how much there may be of it: what trickles, and what nobody reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from starlette.types import Receive, Scope, Send
from tests.serving import PATIENCE, ScriptedExecutor, narrow, served, serving
from tests.test_connection import STREAM, UPGRADE, Streams, answer, connected, post, scripted, shake_hands

from lxbc_graph.http.connection import MAX_HEAD, MAX_HEADERS
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

SHORT = {"head_seconds": 0.2, "body_seconds": 0.2, "unread_seconds": 0.2}


def settings(**given: Any) -> Settings:
    return Settings.model_construct(**{**SHORT, **given})


@asynccontextmanager
async def endpoint(**given: Any) -> AsyncIterator[tuple[str, int]]:
    async with serving(scripted(ScriptedExecutor()), settings(**given)) as address:
        host, _, port = address.partition(":")
        yield host, int(port)


async def refused(reader: asyncio.StreamReader, status: int, code: str) -> None:
    """Read an answer that is an error of GraphQL in JSON, and the end of the connection."""
    said = await reader.read()
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), said
    headers = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body)
    (error,) = json.loads(body)["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["messageZh"]
    assert error["extensions"]["requestId"] == headers["x-request-id"]


async def trickle(writer: asyncio.StreamWriter, piece: bytes = b"x") -> None:
    """Send a byte now and then for as long as anybody takes it."""
    try:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
    except ConnectionError:
        pass


@asynccontextmanager
async def trickling(writer: asyncio.StreamWriter, piece: bytes = b"x") -> AsyncIterator[None]:
    task = asyncio.create_task(trickle(writer, piece))
    try:
        yield
    finally:
        task.cancel()


# ── who sends slowly ─────────────────────────────────────────────────────────────────────────────────────────


async def test_who_says_nothing_is_left_without_a_word() -> None:
    async with endpoint() as address, connected(address) as (reader, _):
        assert await reader.read() == b""


@pytest.mark.parametrize("beginning", [b"G", b"POST /graphql HTTP/1.1\r\nHost: x\r\nX: ", b"\r\n"])
async def test_a_head_that_stops_is_408(beginning: bytes) -> None:
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(beginning)
        await refused(reader, 408, "REQUEST_TIMEOUT")


async def test_a_head_that_trickles_is_408() -> None:
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        async with trickling(writer):
            await refused(reader, 408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize("piece", [b"G", b"\r\n"])
async def test_a_later_head_has_no_more_time(piece: bytes) -> None:
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(post("query"))
        await answer(reader)
        writer.write(b"GET /" if piece == b"G" else piece)
        async with trickling(writer, piece):
            await refused(reader, 408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_a_body_that_stops_is_408(framing: str) -> None:
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(head.encode())
        await refused(reader, 408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize(
    ("framing", "piece"), [("Content-Length: 100000", b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")]
)
async def test_a_body_that_trickles_is_408(framing: str, piece: bytes) -> None:
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(head.encode())
        async with trickling(writer, piece):
            await refused(reader, 408, "REQUEST_TIMEOUT")


async def test_a_body_that_comes_steadily_may_take_longer() -> None:
    """As long as what has come takes at a rate that is worth waiting for."""
    body = json.dumps({"query": "query"}).encode().ljust(20_000)
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(head.encode() + b"\r\n")
        for at in range(0, len(body), 1000):
            writer.write(body[at : at + 1000])
            await writer.drain()
            await asyncio.sleep(0.05)
        assert b'"query"' in await answer(reader)


async def test_what_is_refused_early_does_not_go_on_for_ever() -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n"
    )
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(head)
        async with trickling(writer, b"x" * 10_000):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 415 ")
            said = await reader.read()
            assert b"HTTP/1.1" not in said, "one request has one answer"


@pytest.mark.parametrize("sent", [b"", b"G"])
async def test_a_client_is_not_hurried_while_it_is_us_who_take_long(sent: bytes) -> None:
    finish = asyncio.Event()

    async def app(_asgi_scope: Scope, _receive: Receive, send: Send) -> None:
        await finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ab"})

    async with serving(app, settings()) as served_at:
        host, _, port = served_at.partition(":")
        async with connected((host, int(port))) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + sent)
            await asyncio.sleep(0.6)
            finish.set()
            assert (await answer(reader)).endswith(b"ab")


async def test_a_body_that_is_not_read_yet_is_waited_for() -> None:
    begin = asyncio.Event()
    body = b"x" * 8_000_000

    async def app(_asgi_scope: Scope, receive: Receive, send: Send) -> None:
        await begin.wait()
        read, more = 0, True
        while more:
            message = await receive()
            read, more = read + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok" if read == len(body) else b"no"})

    async with serving(app, settings()) as served_at:
        host, _, port = served_at.partition(":")
        async with connected((host, int(port))) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await asyncio.sleep(0.6)
            begin.set()
            assert (await answer(reader)).endswith(b"ok")


async def test_streams_and_sockets_are_not_requests_that_take_long() -> None:
    async with endpoint() as address, connected(address) as stream, connected(address) as socket:
        await shake_hands(socket)
        reader, writer = stream
        writer.write(post("subscription forever", *STREAM))
        await reader.readuntil(b'{"count":1}')
        await asyncio.sleep(0.6)
        for one, _ in (stream, socket):
            assert not one.at_eof()


# ── who reads slowly ─────────────────────────────────────────────────────────────────────────────────────────


def large(size: int, *headers: str) -> bytes:
    body = json.dumps({"query": "query", "variables": {"size": size}}).encode()
    head = ["POST /graphql HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


@pytest.mark.parametrize("headers", [(), ("Connection: close",)], ids=["kept", "closed"])
@pytest.mark.parametrize("size", [20_000_000, 400_000])
async def test_an_answer_that_nobody_reads_is_not_kept(size: int, headers: tuple[str, ...]) -> None:
    async with endpoint() as (host, port):
        before = psutil.Process().num_fds()
        reader, writer = await asyncio.open_connection(sock=narrow(f"{host}:{port}"), limit=1)
        writer.write(large(size, *headers))
        try:
            await reader.readexactly(1)
            async with asyncio.timeout(PATIENCE):
                while psutil.Process().num_fds() > before + 1:  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0.01)
        finally:
            writer.transport.abort()


async def test_an_answer_that_is_read_slowly_is_given_whole() -> None:
    size = 8_000_000
    async with endpoint() as (host, port):
        reader, writer = await asyncio.open_connection(sock=narrow(f"{host}:{port}"), limit=2**16)
        writer.write(large(size, "Connection: close"))
        received = 0
        try:
            async with asyncio.timeout(PATIENCE):
                while piece := await reader.read(2**16):
                    received += len(piece)
                    await asyncio.sleep(0.01)
        finally:
            writer.transport.abort()
        assert received > size


# ── how much there may be ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "head",
    [
        b"GET /graphql?query=" + b"x" * MAX_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\n" + b"x: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"GET /graphql HTTP/1.1\r\n" + b"x: y\r\n" * MAX_HEAD + b"\r\n",
    ],
    ids=["a long line", "a long header", "many headers", "very many headers"],
)
@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_head_that_is_too_large_is_431(head: bytes, pieces: int) -> None:
    async with endpoint(head_seconds=PATIENCE) as address, connected(address) as (reader, writer):
        size = len(head) // pieces + 1
        for at in range(0, len(head), size):
            writer.write(head[at : at + size])
            await asyncio.sleep(0.02)
        await refused(reader, 431, "HEADERS_TOO_LARGE")


async def test_a_head_may_be_as_large_as_that() -> None:
    headers = [f"x-{number}: {'y' * 500}" for number in range(MAX_HEADERS - 3)]
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(post("query", *headers))
        assert b'"query"' in await answer(reader)


async def test_there_is_an_end_to_connections_and_they_come_back() -> None:
    async with endpoint(max_connections=3, head_seconds=PATIENCE) as address:
        async with connected(address), connected(address) as second, connected(address) as third:
            await shake_hands(third)
            reader, writer = second
            writer.write(post("query"))
            await answer(reader)
            async with connected(address) as (refusing, _):
                await refused(refusing, 503, "UNAVAILABLE")
        for _ in range(50):
            async with connected(address) as (reader, writer):
                writer.write(post("query"))
                if b" 200 " in await reader.readuntil(b"\r\n"):
                    break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nobody was let in any more")


# ── what is no request ───────────────────────────────────────────────────────────────────────────────────────


def posted(*headers: str, body: bytes = b"") -> bytes:
    head = ["POST /graphql HTTP/1.1", "Host: x", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(head).encode() + body


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a client that speaks TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nx\0: y\r\n\r\n",
        b"CONNECT example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        posted("Content-Length: -1"),
        posted("Content-Length: many"),
        posted("Content-Length: 1", "Content-Length: 2", body=b"{}"),
        posted("Content-Length: 2", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
        posted("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"),
        posted("Transfer-Encoding: chunked", body=b"2\r\n{}junk\r\n0\r\n\r\n"),
        b"GET /graphql HTTP/1.1\r\n\r\n",
        posted("Host: y"),
        posted("Host: x"),
        b"FOO /graphql HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[-40:]),
)
async def test_what_is_no_http_is_400(sent: bytes) -> None:
    patient = {"head_seconds": PATIENCE, "body_seconds": PATIENCE}
    async with endpoint(**patient) as address, connected(address) as (reader, writer):
        writer.write(sent)
        await refused(reader, 400, "BAD_REQUEST")


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "identity"])
async def test_a_coding_that_nobody_undoes_is_501(coding: str) -> None:
    async with endpoint(head_seconds=PATIENCE) as address, connected(address) as (reader, writer):
        writer.write(posted(f"Transfer-Encoding: {coding}", body=b"2\r\n{}\r\n0\r\n\r\n"))
        await refused(reader, 501, "BAD_REQUEST")


async def test_a_request_of_http_1_0_needs_no_host() -> None:
    async with endpoint(head_seconds=PATIENCE) as address, connected(address) as (reader, writer):
        writer.write(b"GET /graphql?query=query HTTP/1.0\r\n\r\n")
        assert b'"query"' in await answer(reader)


async def test_what_follows_a_request_and_is_none_does_not_take_its_answer() -> None:
    """A body that is longer than it says, for one."""
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(post("query first") + b"} and more\r\n\r\n")
        assert b'"query first"' in await answer(reader)
        assert await reader.read() == b""


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")


async def test_a_proposal_of_another_protocol_is_passed_over() -> None:
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write("\r\n".join(["GET /graphql?query=query HTTP/1.1", "Host: x", *H2C, "", ""]).encode())
        answered = await answer(reader)
        assert b'"query"' in answered
        assert b"connection: close" in answered, "for the parser does not read on"


@pytest.mark.parametrize("upgrade", [UPGRADE, H2C], ids=["websocket", "h2c"])
async def test_with_a_body_it_is_refused(upgrade: tuple[str, ...]) -> None:
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write(post("query", *upgrade))
        await refused(reader, 400, "BAD_REQUEST")


@pytest.mark.parametrize("missing", ["Sec-WebSocket-Key", "Sec-WebSocket-Version"])
async def test_a_handshake_that_is_none_is_told_in_json(missing: str) -> None:
    headers = [header for header in UPGRADE if not header.startswith(missing)]
    async with endpoint() as address, connected(address) as (reader, writer):
        writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *headers, "", ""]).encode())
        await refused(reader, 400, "BAD_REQUEST")


async def test_nothing_is_left_of_connections_that_were_given_up() -> None:
    async with served(scripted(ScriptedExecutor()), settings()) as (served_at, _):
        host, _, port = served_at.partition(":")
        before = psutil.Process().num_fds()
        streams: list[Streams] = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
        for number, (_, writer) in enumerate(streams):
            writer.write(
                [b"", b"G", posted("Content-Length: 9"), posted("Transfer-Encoding: chunked")][number % 4]
            )
        async with asyncio.timeout(PATIENCE):
            for reader, writer in streams:
                await reader.read()
                writer.close()
            while psutil.Process().num_fds() > before:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)


# ── who comes in numbers ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_has_so_many_connections_whatever_they_have_asked() -> None:
    limits = {"max_connections_per_address": 2, "trusted_proxies": "10.0.0.1", "head_seconds": PATIENCE}
    async with endpoint(**limits) as address:
        async with connected(address), connected(address) as socket:
            await shake_hands(socket)
            for _ in range(3):
                async with connected(address) as (reader, _):
                    await refused(reader, 429, "RATE_LIMITED")
        for _ in range(100):
            async with connected(address), connected(address) as (reader, writer):
                writer.write(post("query"))
                if b" 200 " in await reader.readuntil(b"\r\n"):
                    break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nobody was let in any more")


async def test_a_trusted_proxy_stands_for_many() -> None:
    limits = {"max_connections_per_address": 1, "trusted_proxies": "10.0.0.1, 127.0.0.0/8"}
    async with endpoint(**limits) as address, connected(address), connected(address) as (reader, writer):
        writer.write(post("query"))
        assert b'"query"' in await answer(reader)
