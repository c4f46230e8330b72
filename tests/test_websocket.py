"""graphql-transport-ws: what is said over a socket, and how a socket ends."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import Any

import psutil
import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Router, WebSocketRoute
from structlog.testing import capture_logs
from tests.serving import (
    ENDED,
    INTERNAL,
    NO_REQUESTS,
    PATIENCE,
    ScriptedExecutor,
    frame,
    narrow,
    scripted_authenticator,
    serving,
    without_ids,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lxbc_graph.http import connection, server
from lxbc_graph.http.connection import MAX_FRAGMENTS
from lxbc_graph.http.messages import MAX_ID, Subscribe, parse_message
from lxbc_graph.http.request import Malformed
from lxbc_graph.http.websocket import SUBPROTOCOL, Code, GraphQLOverWebSocket, Limits
from lxbc_graph.schema.execute import Request
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

INIT = '{"type":"connection_init","payload":{"token":"good"}}'


def subscribe(id_: str, query: str, **payload: Any) -> str:
    return json.dumps({"id": id_, "type": "subscribe", "payload": {"query": query, **payload}})


@pytest.fixture
async def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@asynccontextmanager
async def endpoint(executor: ScriptedExecutor, limits: Limits | None = None) -> AsyncIterator[str]:
    socket = GraphQLOverWebSocket(
        executor.stands_in(), scripted_authenticator(), Telemetry(), limits=limits or Limits()
    )
    async with serving(Router([WebSocketRoute("/graphql", socket)])) as address:
        yield f"ws://{address}/graphql"


@pytest.fixture
async def url(executor: ScriptedExecutor) -> AsyncIterator[str]:
    async with endpoint(executor) as url:
        yield url


def joined(url: str, **options: Any) -> connect:
    return connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], **options)


@asynccontextmanager
async def acknowledged(url: str) -> AsyncIterator[ClientConnection]:
    async with joined(url) as client:
        await client.send(INIT)
        assert await heard(client) == {"type": "connection_ack"}
        yield client


async def heard(client: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE):
        text = await client.recv()
    assert isinstance(text, str), "frames are text"
    return without_ids(json.loads(text))


async def left(client: ClientConnection) -> list[Any]:
    """Read until the server closes, and return what it said before."""
    messages = []
    while True:
        try:
            messages.append(await heard(client))
        except ConnectionClosed:
            return messages


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """Read until the server closes, and return its code and reason."""
    await left(client)
    return client.close_code, client.close_reason


async def test_a_query_a_mutation_and_a_subscription_go_over_one_socket(url: str) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe("q", "query A", operationName="A", variables={"a": [1, "ü"]}))
        data = {"query": "query A", "name": "A", "variables": {"a": [1, "ü"]}, "who": "li"}
        assert await heard(client) == {"id": "q", "type": "next", "payload": {"data": data}}
        assert await heard(client) == {"id": "q", "type": "complete"}
        await client.send(subscribe("m", "mutation"))
        assert (await heard(client))["payload"]["data"]["query"] == "mutation"
        assert await heard(client) == {"id": "m", "type": "complete"}
        await client.send(subscribe("s", "subscription count", variables={"to": 3}))
        for number in (1, 2, 3):
            payload = {"data": {"count": number, "pad": ""}}
            assert await heard(client) == {"id": "s", "type": "next", "payload": payload}
        assert await heard(client) == {"id": "s", "type": "error", "payload": [ENDED]}


@pytest.mark.parametrize(
    ("query", "error"),
    [("refused", {"message": "Syntax Error"}), ("crash", INTERNAL)],
)
async def test_what_goes_wrong_with_an_operation_ends_that_operation_alone(
    url: str, executor: ScriptedExecutor, query: str, error: dict[str, Any]
) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe("s", "subscription forever"))
        assert (await heard(client))["id"] == "s"
        await client.send(subscribe("a", query))
        assert await heard(client) == {"id": "a", "type": "error", "payload": [error]}
        await client.send(subscribe("a", "query"))  # the id is free again
        assert (await heard(client))["payload"]["data"]["query"] == "query"
        assert executor.running == 1


async def test_an_error_of_execution_is_a_response(url: str) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe("a", "failed"))
        payload = {"data": None, "errors": [{"message": "no"}]}
        assert await heard(client) == {"id": "a", "type": "next", "payload": payload}
        assert await heard(client) == {"id": "a", "type": "complete"}


async def test_a_subscription_that_fails_midway_says_so_and_ends(url: str) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe("a", "subscription crash"))
        assert (await heard(client))["payload"] == {"data": {"count": 1}}
        assert await heard(client) == {"id": "a", "type": "error", "payload": [INTERNAL]}


@pytest.mark.parametrize("query", ["subscription forever", "wait"])
async def test_complete_cancels_and_frees_the_id(url: str, executor: ScriptedExecutor, query: str) -> None:
    async with acknowledged(url) as client:
        for _ in range(2):
            await client.send(subscribe("a", query))
            await executor.until_running(1)
            await client.send('{"id":"a","type":"complete"}')
            await executor.until_running(0)
        await client.send('{"id":"unknown","type":"complete"}')
        await client.send(subscribe("b", "query"))
        while (message := await heard(client))["id"] == "a":
            assert message["type"] == "next"
        assert message["id"] == "b"


async def test_a_client_that_leaves_takes_its_operations_along(url: str, executor: ScriptedExecutor) -> None:
    async with acknowledged(url) as client:
        for id_ in "abc":
            await client.send(subscribe(id_, "subscription forever"))
        await executor.until_running(3)
    await executor.until_running(0)


async def test_a_ping_is_answered_at_any_time_with_its_payload(url: str) -> None:
    async with joined(url) as client:
        await client.send('{"type":"ping"}')
        assert await heard(client) == {"type": "pong"}
        await client.send('{"type":"ping","payload":{"a":[1]}}')
        assert await heard(client) == {"type": "pong", "payload": {"a": [1]}}
        await client.send('{"type":"pong"}')
        await client.send('{"type":"pong","payload":{"a":1}}')
        await client.send(INIT)
        assert await heard(client) == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload",
    [
        {"token": "good"},
        {"token": "good", "Authorization": None},
        {"Authorization": "Bearer good"},
        {"authorization": "Bearer good"},
    ],
)
async def test_the_payload_of_the_introduction_says_who_it_is(url: str, payload: dict[str, Any]) -> None:
    async with joined(url) as client:
        await client.send(json.dumps({"type": "connection_init", "payload": payload}))
        await client.send(subscribe("a", "query"))
        assert await heard(client) == {"type": "connection_ack"}
        assert (await heard(client))["payload"]["data"]["who"] == "li"


async def test_the_header_says_who_it_is_unless_the_payload_does(url: str) -> None:
    async with joined(url, additional_headers={"Authorization": "Bearer good"}) as client:
        await client.send('{"type":"connection_init"}')
        await client.send(subscribe("a", "query"))
        assert await heard(client) == {"type": "connection_ack"}
        assert (await heard(client))["payload"]["data"]["who"] == "li"
    async with joined(url, additional_headers={"Authorization": "Bearer good"}) as client:
        await client.send('{"type":"connection_init","payload":{"token":"bad"}}')
        assert await closed(client) == (Code.FORBIDDEN, "no such token")


@pytest.mark.parametrize("payload", [None, {}, {"token": None}, {"authorization": None}, {"tokens": "good"}])
async def test_who_does_not_sign_in_is_not_served(url: str, payload: Any) -> None:
    async with joined(url) as client:
        await client.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert (await closed(client))[0] == Code.FORBIDDEN


async def test_a_socket_has_a_bounded_number_of_operations(executor: ScriptedExecutor) -> None:
    async with endpoint(executor, Limits(operations=2)) as url, acknowledged(url) as client:
        for id_ in "ab":
            await client.send(subscribe(id_, "subscription forever"))
            assert (await heard(client))["id"] == id_
        await client.send(subscribe("c", "subscription forever"))
        refused = await heard(client)
        assert (refused["id"], refused["type"]) == ("c", "error")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        await client.send('{"id":"a","type":"complete"}')
        await client.send(subscribe("c", "query"))
        assert (await heard(client))["payload"]["data"]["query"] == "query"
        assert executor.running == 1


async def test_a_bad_token_is_forbidden(url: str) -> None:
    async with joined(url) as client:
        await client.send('{"type":"connection_init","payload":{"Authorization":"Bearer bad"}}')
        assert await closed(client) == (4403, "no such token")


async def test_an_outage_is_retried(url: str) -> None:
    async with joined(url) as client:
        await client.send('{"type":"connection_init","payload":{"token":"outage"}}')
        assert await closed(client) == (1013, "The data is out of reach; try again.")


async def test_nothing_runs_before_the_introduction(url: str) -> None:
    async with joined(url) as client:
        await client.send(subscribe("a", "query"))
        assert await closed(client) == (4401, "Unauthorized")


async def test_an_introduction_is_made_once(url: str) -> None:
    async with acknowledged(url) as client:
        await client.send(INIT)
        assert await closed(client) == (4429, "Too many initialisation requests")


@pytest.mark.parametrize("id_", ["a", "许" * 200])
async def test_an_id_is_used_once_at_a_time(url: str, executor: ScriptedExecutor, id_: str) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe(id_, "subscription forever"))
        await client.send(subscribe(id_, "query"))
        code, reason = await closed(client)
        assert code == 4409
        assert reason
        assert f"Subscriber for {id_} already exists".startswith(reason)
    await executor.until_running(0)


async def test_of_keys_of_one_name_the_last_counts(url: str) -> None:
    """As in JavaScript, which most clients are."""
    async with acknowledged(url) as client:
        await client.send(
            '{"type":"pong","type":"subscribe","id":1,"id":"a","payload":{"query":1,"query":"query"}}'
        )
        assert (await heard(client))["id"] == "a"


@pytest.mark.parametrize("id_", ["\u0000", '"', "\\", "\u2028", "\U0001f33e", "许" * MAX_ID])
async def test_an_id_may_be_any_text(url: str, id_: str) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe(id_, "query"))
        assert [(await heard(client))["id"] for _ in range(2)] == [id_, id_]
        await client.send(subscribe(id_, "subscription forever"))
        assert (await heard(client))["id"] == id_
        await client.send(subscribe(id_, "query"))
        assert (await closed(client))[0] == 4409


async def test_many_sockets_with_many_operations_at_once_get_each_its_own(
    url: str, executor: ScriptedExecutor
) -> None:
    async def ask(socket: int) -> None:
        async with acknowledged(url) as client:
            for number in range(100):
                query = "subscription count" if number % 2 else "query"
                await client.send(subscribe(str(number), query, variables={"to": 1, "of": [socket, number]}))
            said: dict[str, list[Any]] = {}
            while sum(map(len, said.values())) < 200:
                message = await heard(client)
                said.setdefault(message["id"], []).append(message)
            for number in range(100):
                first, last = said[str(number)]
                assert last["type"] == ("error" if number % 2 else "complete")
                if number % 2 == 0:
                    assert first["payload"]["data"]["variables"]["of"] == [socket, number]

    async with asyncio.TaskGroup() as tasks:
        for socket in range(50):
            tasks.create_task(ask(socket))
    await executor.until_running(0)


async def test_what_is_said_after_complete_reaches_nobody(url: str, executor: ScriptedExecutor) -> None:
    """A pong tells that what was said before it has been heard."""
    async with acknowledged(url) as client:
        await client.send(subscribe("a", "subscription flood", variables={"to": 10**9}))
        assert (await heard(client))["id"] == "a"
        await client.send('{"id":"a","type":"complete"}')
        await client.send('{"type":"ping"}')
        while await heard(client) != {"type": "pong"}:
            pass
        await executor.until_running(0)
        await client.send('{"type":"ping"}')
        assert await heard(client) == {"type": "pong"}


async def test_a_client_that_floods_with_pings_and_does_not_read_is_closed(
    executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before long, since the pongs are kept in memory."""
    monkeypatch.setattr(connection, "_CLOSE_SECONDS", 0.05)
    ping = json.dumps({"type": "ping", "payload": {"a": "x" * 100_000}})
    async with (
        asyncio.timeout(PATIENCE),
        endpoint(executor, Limits(stall_seconds=0.05)) as url,
        joined(url, compression=None) as client,
    ):
        client.transport.pause_reading()
        with pytest.raises(ConnectionClosed):
            await flood(client, [ping] * 1000)


async def flood(client: ClientConnection, messages: Iterable[str]) -> None:
    for message in messages:
        await client.send(message)


def test_a_client_has_ten_seconds_to_introduce_itself() -> None:
    assert Limits().init_seconds == 10


async def test_who_does_not_introduce_itself_is_closed(executor: ScriptedExecutor) -> None:
    async with endpoint(executor, Limits(init_seconds=0.01)) as url, joined(url) as client:
        assert await closed(client) == (4408, "Connection initialisation timeout")


async def test_the_socket_ends_with_its_token(url: str, executor: ScriptedExecutor) -> None:
    async with joined(url) as client:
        soon = str(time.time() + 0.2)
        await client.send(json.dumps({"type": "connection_init", "payload": {"token": soon}}))
        await client.send(subscribe("a", "subscription forever"))
        assert await closed(client) == (4403, "the token has expired")
    await executor.until_running(0)


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["something", "graphql-ws"]])
async def test_other_protocols_are_refused(url: str, offered: list[Subprotocol] | None) -> None:
    async with connect(url, subprotocols=offered) as client:
        assert client.subprotocol is None
        assert await closed(client) == (4406, "Subprotocol not acceptable")


async def test_the_protocol_is_chosen_among_others(url: str) -> None:
    offered = [Subprotocol("graphql-ws"), Subprotocol(SUBPROTOCOL)]
    async with connect(url, subprotocols=offered) as client:
        assert client.subprotocol == SUBPROTOCOL


def nothing_valid() -> list[str]:
    """Messages of which each breaks one rule."""
    subscription = {"id": "a", "type": "subscribe", "payload": {"query": "query"}}
    ids: list[Any] = [None, 1, 0, "", {}, [], True, {"toString": "a"}, "a" * (MAX_ID + 1)]
    no_object: list[Any] = [[], "{}", 1, True]
    no_string: list[Any] = [[], {}, 1, True]
    messages = [
        *({**subscription, "id": id_} for id_ in ids),
        *({**subscription, "payload": payload} for payload in NO_REQUESTS),
        *({"type": "complete", "id": id_} for id_ in ids),
        {"type": "subscribe", "payload": {"query": "query"}},
        {"type": "subscribe", "id": "a"},
        {"type": "complete"},
        *({"type": kind, "payload": wrong} for kind in ("ping", "pong") for wrong in no_object),
        *({"type": kind, "id": "a"} for kind in ("next", "error", "connection_ack", "start", "stop", "")),
        *({"type": wrong} for wrong in [*no_string, None]),
        {},
    ]
    texts = ["null", "1", "1.5", '"text"', "true", "[]", '[{"type":"ping"}]', "", " ", "{", "NaN", "{}{}"]
    texts += [
        '{"type":"ping","payload":{"a":NaN}}',
        '{"id":"\\ud800","type":"complete"}',
        "\u0000",
        "\ufeff{}",
    ]
    texts += ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"type":' * 30_000]
    deep = "[" * 100_000 + "]" * 100_000
    texts += ['{"id":"a","type":"subscribe","payload":{"query":"query","variables":{"a":' + deep + "}}}"]
    return [*texts, *map(json.dumps, messages)]


async def test_what_is_malformed_closes_the_socket_at_once(url: str) -> None:
    for text in nothing_valid():
        async with acknowledged(url) as client:
            await client.send(text)
            code, reason = await closed(client)
            assert (code, bool(reason)) == (4400, True), text[:60]


@pytest.mark.parametrize("payload", [[], 1, "x", False, {"token": 1}, {"Authorization": ["Bearer good"]}])
async def test_a_malformed_introduction_closes_the_socket(url: str, payload: Any) -> None:
    async with joined(url) as client:
        await client.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert (await closed(client))[0] == 4400


@pytest.mark.parametrize("data", [b"", b"\xff", INIT.encode()])
async def test_binary_is_malformed(url: str, data: bytes) -> None:
    async with joined(url) as client:
        await client.send(data)
        assert await closed(client) == (4400, "Message is binary")


_keys = st.sampled_from(["id", "type", "payload", "query", "variables", "operationName", "extensions"])
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=8,
)
_types = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next"]) | _json
_messages = st.fixed_dictionaries({"type": _types}, optional={"id": _json, "payload": _json})


@given(_messages.map(json.dumps) | _json.map(json.dumps) | st.text(max_size=20))
def test_any_text_is_a_message_or_malformed(text: str) -> None:
    with suppress(Malformed):
        parse_message(text)


@given(
    st.text(min_size=1), st.text(), st.none() | st.text(), st.none() | st.dictionaries(st.text(), st.text())
)
def test_a_subscribe_message_arrives_as_it_was_said(
    id_: str, query: str, name: str | None, variables: dict[str, str] | None
) -> None:
    payload = {"query": query, "operationName": name, "variables": variables}
    text = json.dumps({"type": "subscribe", "id": id_, "payload": payload})
    assert parse_message(text) == Subscribe(id_, Request(query, name, variables))


async def test_a_slow_client_is_closed_with_what_it_has_intact_and_others_do_not_notice(
    executor: ScriptedExecutor,
) -> None:
    """The slow one stops reading, until the server has given it up; then it reads what was on its way."""
    endless = subscribe("a", "subscription flood", variables={"to": 10**9, "size": 200_000})
    async with endpoint(executor, Limits(unsent_bytes=400_000)) as url, AsyncExitStack() as stack:
        slow = await stack.enter_async_context(joined(url, max_queue=1, compression=None))
        quick = await stack.enter_async_context(acknowledged(url))
        await slow.send(INIT)
        assert await heard(slow) == {"type": "connection_ack"}
        await slow.send(endless)
        await executor.until_running(1)
        counting = subscribe("b", "subscription count", variables={"to": 500})
        await quick.send(counting)
        for number in range(1, 501):
            assert (await heard(quick))["payload"]["data"]["count"] == number
        await executor.until_running(0)
        received = [message["payload"]["data"]["count"] for message in await left(slow)]
        assert received == list(range(1, len(received) + 1))
        assert slow.close_code == Code.TOO_SLOW
        await quick.send('{"type":"ping"}')
        while (message := await heard(quick)) != {"type": "pong"}:
            assert message["type"] == "error"


async def test_a_client_that_resumes_and_does_not_read_is_waited_for_and_then_closed(
    executor: ScriptedExecutor,
) -> None:
    async with (
        endpoint(executor, Limits(stall_seconds=0.05)) as url,
        joined(url, max_queue=1, compression=None) as slow,
    ):
        await slow.send(INIT)
        assert await heard(slow) == {"type": "connection_ack"}
        await slow.send(subscribe("a", "subscription count", variables={"to": 10**9, "size": 200_000}))
        await executor.until_running(1)
        await executor.until_running(0)
        received = [message["payload"]["data"]["count"] for message in await left(slow)]
        assert received == list(range(1, len(received) + 1))
        assert slow.close_code == Code.TOO_SLOW


async def test_a_client_that_reads_is_never_too_slow_however_much_there_is(
    executor: ScriptedExecutor,
) -> None:
    async with endpoint(executor, Limits(unsent_bytes=1)) as url, acknowledged(url) as client:
        await client.send(subscribe("a", "subscription count", variables={"to": 5000}))
        for number in range(1, 5001):
            assert (await heard(client))["payload"]["data"]["count"] == number
        assert (await heard(client))["payload"] == [ENDED]


async def test_many_large_answers_at_once_reach_a_client_that_reads(url: str) -> None:
    """Together they are more than may wait for a client, but each waits for those before it."""
    async with acknowledged(url) as client:
        for number in range(50):
            await client.send(subscribe(str(number), "query", variables={"size": 200_000}))
        found: set[str] = set()
        while len(found) < 50:
            message = await heard(client)
            if message["type"] == "next":
                assert message["payload"]["data"]["pad"] == "x" * 200_000
                found.add(message["id"])


async def test_many_that_resume_at_once_take_turns_for_a_client_that_reads(url: str) -> None:
    variables = {"to": 20, "size": 60_000}
    async with acknowledged(url) as client:
        for number in range(50):
            await client.send(subscribe(str(number), "subscription count", variables=variables))
        counts = Counter[str]()
        while counts.total() < 50 * 21:
            counts[(await heard(client))["id"]] += 1
    assert set(counts.values()) == {21}


async def test_an_answer_may_be_larger_than_what_may_wait_and_live_frames_come_behind_it(url: str) -> None:
    size = 50_000_000
    async with joined(url, max_size=None) as client:
        await client.send(INIT)
        await client.send(subscribe("s", "subscription flood", variables={"to": 100}))
        await client.send(subscribe("q", "query", variables={"size": size}))
        messages: list[Any] = []
        while len(messages) < 104:
            messages.append(await heard(client))
    whole = [message for message in messages if message.get("id") == "q"]
    assert [message["type"] for message in whole] == ["next", "complete"]
    assert whole[0]["payload"]["data"]["pad"] == "x" * size
    assert messages.index(whole[1]) == messages.index(whole[0]) + 1
    assert messages[-1]["type"] == "error"


async def test_a_client_that_reads_slowly_is_waited_for(
    executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it takes, however little, says that it is there, also while the kernel holds seconds of it."""
    monkeypatch.setattr(server, "_PING_SECONDS", 2)
    async with (
        endpoint(executor, Limits(stall_seconds=1)) as url,
        joined(url, max_size=None, sock=narrow(url.split("/")[2])) as client,
        asyncio.TaskGroup() as tasks,
    ):
        reading = tasks.create_task(slow_reading(client.transport))
        await client.send(INIT)
        await client.send(subscribe("a", "query", variables={"size": 6_000_000}))
        await client.send(subscribe("b", "query"))
        while await heard(client) != {"id": "b", "type": "complete"}:
            pass
        reading.cancel()


async def test_who_reads_nothing_is_let_go_by_a_ping_though_much_waits(
    executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PROBES", {})  # the kernel would let it go, too
    monkeypatch.setattr(server, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(connection, "_CLOSE_SECONDS", 0.05)
    async with (
        endpoint(executor, Limits(stall_seconds=10 * PATIENCE)) as url,
        joined(url, ping_interval=None, sock=narrow(url.split("/")[2])) as client,
    ):
        await client.send(INIT)
        assert await heard(client) == {"type": "connection_ack"}
        client.transport.pause_reading()
        await client.send(subscribe("a", "query", variables={"size": 9_000_000}))
        open_files = psutil.Process().num_fds()
        async with asyncio.timeout(PATIENCE):
            while psutil.Process().num_fds() == open_files:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        client.transport.abort()


async def slow_reading(transport: asyncio.Transport) -> None:
    while True:
        transport.pause_reading()
        await asyncio.sleep(0.2)
        transport.resume_reading()
        for _ in range(2):  # the loop sees what there is, and reads once
            await asyncio.sleep(0)


async def test_a_reused_id_never_gets_frames_of_the_operation_before(url: str) -> None:
    async with acknowledged(url) as client:
        for _ in range(20):
            await client.send(subscribe("a", "subscription flood", variables={"to": 10**9}))
            assert (await heard(client))["payload"]["data"]["count"] == 1
            await client.send('{"id":"a","type":"complete"}')
            await client.send(subscribe("a", "query"))
            while "count" in (message := await heard(client))["payload"]["data"]:
                pass
            assert message["payload"]["data"]["query"] == "query"
            assert await heard(client) == {"id": "a", "type": "complete"}


@pytest.mark.parametrize("size", [1, 60, 125, 126, 65_000, 65_535, 65_536, 250_000])
async def test_frames_of_any_size_arrive_whole(url: str, size: int) -> None:
    async with acknowledged(url) as client:
        await client.send(subscribe("a", "subscription count", variables={"to": 2, "size": size}))
        for number in (1, 2):
            assert (await heard(client))["payload"] == {"data": {"count": number, "pad": "x" * size}}


async def test_gql_speaks_with_it(url: str) -> None:
    transport = WebsocketsTransport(
        url=url, init_payload={"token": "good"}, subprotocols=[Subprotocol(SUBPROTOCOL)]
    )
    request = GraphQLRequest("subscription count { a }", variable_values={"to": 3})
    seen = []
    async with Client(transport=transport) as session, aclosing(session.subscribe(request)) as answers:
        with suppress(TransportQueryError):  # it ends with one
            async for answer in answers:
                seen.append(answer["count"])  # noqa: PERF401
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (frame(0x81, b"\xff\xfe"), 1007),
        (frame(0x81, b" " * 2**24), 1009),
        (frame(0x01, b"") + frame(0x00, b"") * MAX_FRAGMENTS, 1009),
        (frame(0xF1, b"{}"), 1002),
        (frame(0x83, b""), 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
    ids=["no UTF-8", "16 MB", "fragments", "reserved bits", "reserved opcode", "no frame"],
)
async def test_broken_frames_close_their_own_socket_and_no_other(
    executor: ScriptedExecutor, broken: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logs:
        await break_one_of_two(executor, broken, code)
    assert [log for log in logs if log["log_level"] == "error"] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def break_one_of_two(executor: ScriptedExecutor, broken: bytes, code: int) -> None:
    async with endpoint(executor) as url, acknowledged(url) as breaking, acknowledged(url) as other:
        await breaking.send(subscribe("a", "subscription count", variables={"to": 10**9}))
        await heard(breaking)
        breaking.transport.write(broken)
        async with asyncio.timeout(PATIENCE):
            await left(breaking)
        assert breaking.protocol.close_rcvd is not None
        assert breaking.protocol.close_rcvd.code == code
        await other.send('{"type":"ping"}')
        assert await heard(other) == {"type": "pong"}
        await executor.until_running(0)
