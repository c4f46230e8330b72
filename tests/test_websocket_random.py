"""graphql-transport-ws under conversations that nobody would think of, beside a model of the protocol.

The model knows what each message of a client leads to; the server is real, and so are its event loop and its client.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Router, WebSocketRoute
from structlog.testing import capture_logs
from tests.serving import (
    ENDED,
    INTERNAL,
    PATIENCE,
    ScriptedExecutor,
    frame,
    scripted_authenticator,
    serving,
    without_ids,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lxbc_graph.http.websocket import SUBPROTOCOL, GraphQLOverWebSocket, Limits
from lxbc_graph.schema.errors import error
from lxbc_graph.telemetry import Telemetry

FEW, MANY = 3, 100
"""How many operations a socket has at once here."""
ENDLESS = "subscription forever"
TOO_MANY = error("TOO_MANY_OPERATIONS", f"A socket has at most {FEW} operations at once.", limit=FEW)


def following(*payloads: Any, error: Any = None) -> list[dict[str, Any]]:
    """What an operation is answered: payloads, and then an error or that it is complete."""
    last = {"type": "complete"} if error is None else {"type": "error", "payload": [error]}
    return [*({"type": "next", "payload": payload} for payload in payloads), last]


ANSWERS = {
    "query": following({"data": {"query": "query", "name": None, "variables": {"to": 2}, "who": "li"}}),
    "mutation": following({"data": {"query": "mutation", "name": None, "variables": {"to": 2}, "who": "li"}}),
    "refused": following(error={"message": "Syntax Error"}),
    "failed": following({"data": None, "errors": [{"message": "no"}]}),
    "crash": following(error=INTERNAL),
    "subscription count": following(
        *({"data": {"count": number, "pad": ""}} for number in (1, 2)), error=ENDED
    ),
    "subscription crash": following({"data": {"count": 1}}, error=INTERNAL),
    ENDLESS: [{"type": "next", "payload": {"data": {"count": 1}}}],
}


@dataclass(frozen=True)
class Said:
    """A message of a client."""

    text: str | bytes
    kind: str
    id: str = ""
    query: str = ""
    payload: Any = None


def said(kind: str, **message: Any) -> Said:
    query = (message.get("payload") or {}).get("query", "") if kind == "subscribe" else ""
    return Said(
        json.dumps({"type": kind, **message}), kind, message.get("id", ""), query, message.get("payload")
    )


def subscribe(id_: str, query: str) -> Said:
    return said("subscribe", id=id_, payload={"query": query, "variables": {"to": 2}})


@dataclass
class Model:
    """A socket as the protocol has it: what it has been told, and what it has yet to say."""

    most: int
    acknowledged: bool = False
    active: set[str] = field(default_factory=set)
    said: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None
    """With which it is closed."""

    def hear(self, message: Said) -> None:
        match message.kind:
            case "connection_init":
                self.introduce(message.payload)
            case "ping":
                payload = {} if message.payload is None else {"payload": message.payload}
                self.said.append({"type": "pong", **payload})
            case "subscribe":
                self.subscribe(message.id, message.query)
            case "complete":
                self.active.discard(message.id)
            case "malformed":
                self.code = 4400

    def introduce(self, payload: Any) -> None:
        token = (payload or {}).get("token")
        if token == 1:
            self.code = 4400
        elif self.acknowledged:
            self.code = 4429
        elif token == "good":
            self.acknowledged = True
            self.said.append({"type": "connection_ack"})
        else:
            self.code = 4403

    def subscribe(self, id_: str, query: str) -> None:
        if not self.acknowledged:
            self.code = 4401
        elif id_ in self.active:
            self.code = 4409
        elif len(self.active) == self.most:
            self.answer(id_, following(error=TOO_MANY))
        else:
            self.answer(id_, ANSWERS[query])
            if query == ENDLESS:
                self.active.add(id_)

    def answer(self, id_: str, messages: list[dict[str, Any]]) -> None:
        self.said.extend({"id": id_, **message} for message in messages)


class Leaving(Enum):
    """How a client goes."""

    POLITELY = "with a close frame"
    ABRUPTLY = "without a word"
    IN_A_FRAME = "in the middle of a frame"
    TWICE = "with a close frame, and whatever comes behind it"


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def no_fault() -> Iterator[None]:
    """Nothing that happens in the block is logged as an error, but for the crash that the executor is asked for."""
    errors = Errors()
    logging.getLogger().addHandler(errors)
    try:
        with capture_logs() as logs:
            yield
    finally:
        logging.getLogger().removeHandler(errors)
    assert errors.said == []
    unasked = [log for log in logs if not isinstance(log.get("exc_info"), RecursionError)]
    assert [log for log in unasked if log["log_level"] == "error"] == []


class Room:
    """A server that stands between conversations, in an event loop of its own that runs while there is one."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.executor = ScriptedExecutor()
        self._runner = runner
        self._open = AsyncExitStack()
        self._address = ""

    def hold(self, conversation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Hold it; afterwards nothing is left of it."""

        async def hold() -> None:
            before = asyncio.all_tasks()
            async with asyncio.timeout(PATIENCE):
                await conversation()
                await self.executor.until_running(0)
                while asyncio.all_tasks() != before:  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0)

        with no_fault():
            self._runner.run(hold())

    def joined(self, operations: int) -> connect:
        """Give a client of which so many operations run at a time."""
        url = f"ws://{self._address}/{operations}"
        return connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], close_timeout=PATIENCE)

    def open(self) -> None:
        self._runner.run(self._serve())

    def close(self) -> None:
        self._runner.run(self._open.aclose())

    async def _serve(self) -> None:
        routes = [
            WebSocketRoute(
                f"/{operations}",
                GraphQLOverWebSocket(
                    self.executor.stands_in(),
                    scripted_authenticator(),
                    Telemetry(),
                    limits=Limits(operations=operations),
                ),
            )
            for operations in (FEW, MANY)
        ]
        self._address = await self._open.enter_async_context(serving(Router(routes)))


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        room = Room(runner)
        room.open()
        yield room
        room.close()


async def heard(client: ClientConnection) -> Any:
    return without_ids(json.loads(await client.recv()))


async def everything(client: ClientConnection) -> list[Any]:
    """Read until the server closes."""
    messages = []
    with suppress(ConnectionClosed):
        while True:
            messages.append(await heard(client))
    return messages


_ids = st.sampled_from("abcd")
_payloads = st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
_MALFORMED: list[str | bytes] = [
    *("", "null", "[]", "1", '"x"', "{", "[" * 1025, '{"type":"next","id":"a"}', '{"type":"complete"}'),
    '{"type":"complete","id":1}',
    '{"type":"subscribe","id":"a","payload":{}}',
    '{"type":"subscribe","id":"","payload":{"query":"query"}}',
    '{"type":"ping","payload":[]}',
    '{"type":"connection_init","payload":[]}',
    *(b"", b'{"type":"ping"}'),
]
_KINDS = {
    "subscribe": (12, st.builds(subscribe, _ids, st.sampled_from([*ANSWERS, *[ENDLESS] * 4]))),
    "complete": (6, _ids.map(lambda id_: said("complete", id=id_))),
    "ping": (3, _payloads.map(lambda payload: said("ping", payload=payload))),
    "pong": (1, _payloads.map(lambda payload: said("pong", payload=payload))),
    "init": (
        1,
        st.sampled_from([{"token": "good"}, None, {}, {"token": "bad"}, {"token": 1}]).map(
            lambda payload: said("connection_init", payload=payload)
        ),
    ),
    "malformed": (1, st.sampled_from(_MALFORMED).map(lambda text: Said(text, "malformed"))),
}
_steps = st.sampled_from([kind for kind, (weight, _) in _KINDS.items() for _ in range(weight)]).flatmap(
    lambda kind: _KINDS[kind][1]
)
GOOD = said("connection_init", payload={"token": "good"})
_conversations = st.lists(_steps, max_size=15) | st.lists(_steps, max_size=15).map(
    lambda steps: [GOOD, *steps]
)


@settings(max_examples=100)
@given(_conversations)
def test_each_message_leads_to_what_the_protocol_says(room: Room, steps: list[Said]) -> None:
    """One by one: what comes of a message has come before the next is sent."""

    async def conversation() -> None:
        model = Model(FEW)
        async with room.joined(FEW) as client:
            for step in steps:
                await client.send(step.text)
                before = len(model.said)
                model.hear(step)
                for expected in model.said[before:]:
                    assert await heard(client) == expected
                if model.code is not None:
                    assert await everything(client) == []
                    assert client.close_code == model.code
                    return
                await room.executor.until_running(len(model.active))

    room.hold(conversation)


def told_apart(steps: Sequence[Said]) -> list[Said]:
    """The same, but operations that end by themselves, at a time of their own, have ids of their own."""
    return [
        subscribe(f"{step.id}{number}", step.query) if step.query and step.query != ENDLESS else step
        for number, step in enumerate(steps)
    ]


@settings(max_examples=150)
@given(_conversations.map(told_apart), st.booleans(), st.sampled_from(Leaving))
def test_messages_that_nobody_waits_for_lead_to_the_same(
    room: Room, steps: list[Said], patient: bool, leaving: Leaving
) -> None:
    """All at once; then the client goes, in whatever way, before or after it has heard what came of them."""

    async def conversation() -> None:
        model = Model(MANY)
        async with room.joined(MANY) as client:
            for step in steps:
                if model.code is None:
                    model.hear(step)
            with suppress(ConnectionClosed):
                for step in steps:
                    await client.send(step.text)
            messages: list[Any] = []
            if model.code is None:
                while patient and not is_all(messages, model):
                    messages.append(await heard(client))
                await leave(client, leaving)
            messages += await everything(client)
            assert is_some(messages, model)
            if model.code is not None:
                assert client.close_code == model.code

    room.hold(conversation)


Told = dict[str, list[Any]]


def told(messages: Sequence[Any]) -> Told:
    """What each operation was told; under no id, what the socket was."""
    found: Told = {}
    for message in messages:
        found.setdefault(message.get("id", ""), []).append(message)
    return found


def is_all(messages: Sequence[Any], model: Model) -> bool:
    """Whether nothing is missing but first frames of what the client completed before they came."""
    heard, expected = told(messages), told(model.said)
    return is_some(messages, model) and all(
        heard.get(id_) == expected[id_]
        if id_ not in "abcd" or not id_
        else id_ not in model.active or id_ in heard
        for id_ in expected
    )


def is_some(messages: Sequence[Any], model: Model) -> bool:
    """Whether each was told what the model has it told, in that order, as far as it got."""
    heard, expected = told(messages), told(model.said)
    return all(heard[id_] == expected.get(id_, [])[: len(heard[id_])] for id_ in heard)


_OPCODES = {"text": 0x1, "binary": 0x2, "continued": 0x0, "close": 0x8, "ping": 0x9, "pong": 0xA, "none": 0x3}


@st.composite
def _frames(draw: st.DrawFn) -> bytes:
    """A frame, whole or cut or with something wrong with it; or no frame."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=20))
    first = _OPCODES[draw(st.sampled_from(sorted(_OPCODES)))] | draw(
        st.sampled_from([0x80, 0x80, 0x80, 0, 0xC0, 0x90])
    )
    texts = _steps.map(lambda step: step.text if isinstance(step.text, bytes) else step.text.encode())
    closes = st.builds(
        lambda code, reason: code.to_bytes(2) + reason, st.integers(0, 65535), st.binary(max_size=3)
    )
    payload = draw(texts | closes | st.binary(max_size=130) | st.just(b"x" * 300_000))
    whole = frame(first, payload)
    unmasked = bytes([whole[0], whole[1] & 0x7F]) + whole[2:]
    return draw(st.sampled_from([whole, whole, whole, whole[: len(whole) // 2], unmasked]))


@settings(max_examples=150)
@given(st.lists(_frames(), max_size=8), st.booleans())
def test_any_bytes_end_their_own_socket_at_most(room: Room, pieces: list[bytes], politely: bool) -> None:
    async def conversation() -> None:
        async with room.joined(MANY) as client:
            await client.send(GOOD.text)
            await client.send(subscribe("a", ENDLESS).text)
            for piece in pieces:
                if not client.transport.is_closing():
                    client.transport.write(piece)
                    await asyncio.sleep(0)
            client.transport.close() if politely else client.transport.abort()
        async with room.joined(MANY) as other:
            await other.send(GOOD.text)
            assert await heard(other) == {"type": "connection_ack"}

    room.hold(conversation)


async def leave(client: ClientConnection, leaving: Leaving) -> None:
    match leaving:
        case Leaving.POLITELY:
            await client.close()
        case Leaving.ABRUPTLY:
            client.transport.abort()
        case Leaving.IN_A_FRAME:
            client.transport.write(frame(0x81, b'{"type":"ping"}')[:-3])
            client.transport.close()
        case Leaving.TWICE:
            client.transport.write(frame(0x88, b"") + frame(0x81, b"null") + frame(0x88, b""))
