"""graphql-sse: what an event stream carries, and when it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from tests.serving import (
    INTERNAL,
    OVER,
    PATIENCE,
    ScriptedExecutor,
    principal,
    scripted_authenticator,
    serving,
)

from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.operation import payloads
from lxbc_graph.http.sse import resumed, stream
from lxbc_graph.live.frame import LAST_EVENT_ID
from lxbc_graph.schema.execute import Request
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

COMPLETE = "event: complete\ndata:\n\n"
HEADERS = {"Accept": "text/event-stream", "Authorization": "Bearer good"}


@pytest.fixture
async def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def client(executor: ScriptedExecutor) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole endpoint, authentication and negotiation included."""
    endpoint = GraphQLOverHttp(executor.stands_in(), scripted_authenticator(), Telemetry())
    async with (
        serving(Router(endpoint.routes())) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=HEADERS, timeout=PATIENCE) as client,
    ):
        yield client


@asynccontextmanager
async def streaming(executor: ScriptedExecutor, query: str, **options: Any) -> AsyncIterator[str]:
    """Serve one operation as it is, with the times that a test wants."""

    async def endpoint(_scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(query, variables={"to": 10**9, "size": 200_000})
        who = principal(expires_at=options.pop("expires_at", None))
        await stream(payloads(executor.stands_in(), request, who), who, receive, send, **options)

    async with serving(endpoint) as address:
        yield address


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


def event(data: Any, id_: str | None = None) -> str:
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: next\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


ENDED = event({"errors": [{"message": OVER.message, "extensions": {"code": OVER.code}}]})


async def test_each_response_is_an_event_with_its_cursor(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription count", to=2)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    frames = [event({"data": {"count": number, "pad": ""}}, f"e{number}") for number in (1, 2)]
    assert response.text == "".join(frames) + ENDED + COMPLETE


async def test_a_client_that_comes_back_continues_after_the_last_event(client: httpx.AsyncClient) -> None:
    client.headers["Last-Event-ID"] = "e3"
    response = await ask(client, "subscription count", to=5)
    ids = [line for line in response.text.split("\n") if line.startswith("id")]
    assert ids == ["id: e4", "id: e5"]


async def test_an_event_source_asks_by_get(client: httpx.AsyncClient) -> None:
    parameters = {"query": "subscription count", "variables": '{"to":1}'}
    response = await client.get("/graphql", params=parameters)
    assert response.text == event({"data": {"count": 1, "pad": ""}}, "e1") + ENDED + COMPLETE


async def test_a_head_is_no_stream(client: httpx.AsyncClient) -> None:
    response = await client.head("/graphql", params={"query": "subscription forever"})
    assert response.status_code == 406


async def test_a_query_is_a_stream_of_one(client: httpx.AsyncClient) -> None:
    response = await ask(client, "query")
    data: dict[str, Any] = {"query": "query", "name": None, "variables": {}, "who": "li"}
    assert response.text == event({"data": data}) + COMPLETE


async def test_what_is_refused_is_an_event_that_a_browser_can_read(client: httpx.AsyncClient) -> None:
    response = await ask(client, "refused")
    assert response.status_code == 200
    assert response.text == event({"errors": [{"message": "Syntax Error"}]}) + COMPLETE


async def test_line_breaks_in_json_end_neither_line_nor_event_and_a_failure_is_told(
    client: httpx.AsyncClient,
) -> None:
    response = await ask(client, "subscription crash")
    assert response.text == event({"data": {"count": 1}}) + event({"errors": [INTERNAL]}) + COMPLETE


async def test_a_client_that_leaves_cancels(client: httpx.AsyncClient, executor: ScriptedExecutor) -> None:
    request = {"query": "subscription forever"}
    async with client.stream("POST", "/graphql", json=request) as response:
        await anext(response.aiter_lines())
        assert executor.running == 1
    await executor.until_running(0)


async def test_a_client_that_leaves_before_the_first_event_cancels(executor: ScriptedExecutor) -> None:
    async with streaming(executor, "wait") as address, httpx.AsyncClient(timeout=PATIENCE) as client:
        async with client.stream("GET", f"http://{address}/"):
            await executor.until_running(1)
        await executor.until_running(0)


async def test_a_quiet_stream_is_kept_alive_by_comments(executor: ScriptedExecutor) -> None:
    async with (
        streaming(executor, "subscription forever", keep_alive_seconds=0.01) as address,
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"http://{address}/") as response,
    ):
        received = ""
        async for text in response.aiter_text():
            received += text
            if received.count(":\n\n") == 3:
                break
    assert received.replace(":\n\n", "") == event({"data": {"count": 1}})


@pytest.mark.parametrize("query", ["subscription forever", "subscription count"])
async def test_the_stream_ends_with_its_token(client: httpx.AsyncClient, query: str) -> None:
    client.headers["Authorization"] = f"Bearer {time.time() + 0.1}"
    response = await ask(client, query, to=10**9)
    *_, last, end, nothing = response.text.split("\n\n")
    error = {"message": "the token has expired", "extensions": {"code": "TOKEN_EXPIRED"}}
    assert f"{last}\n\n" == event({"errors": [error]})
    assert f"{end}\n\n{nothing}" == COMPLETE


async def test_a_client_that_does_not_read_is_let_go(executor: ScriptedExecutor) -> None:
    async with streaming(executor, "subscription count", stall_seconds=0.05) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        await executor.until_running(1)
        await executor.until_running(0)
        writer.transport.abort()
        assert not reader.at_eof()


async def test_a_client_that_does_not_keep_up_is_cut_so_that_it_comes_back(
    executor: ScriptedExecutor,
) -> None:
    """What was sent arrives whole, and nothing says that the stream is complete."""
    async with (
        streaming(executor, "subscription flood", stall_seconds=0.05) as address,
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"http://{address}/") as response,
    ):
        await executor.until_running(0)
        received = bytearray()
        with suppress(httpx.RemoteProtocolError):
            async for piece in response.aiter_bytes():
                received += piece
    assert b"event: next" in received
    assert b"event: complete" not in received


async def test_a_bad_token_is_no_stream(client: httpx.AsyncClient) -> None:
    client.headers["Authorization"] = "Bearer bad"
    response = await ask(client, "subscription forever")
    assert response.status_code == 401
    assert response.headers["content-type"].startswith("application/json")


def test_resuming_keeps_the_rest_of_the_request() -> None:
    request = Request("q", "n", {"after": "e1"}, {"a": 1})
    assert resumed(request, "e2") == Request("q", "n", {"after": "e1"}, {"a": 1, LAST_EVENT_ID: "e2"})
    assert resumed(request, None) is resumed(request, "") is request
