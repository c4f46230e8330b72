"""GraphQL over WebSocket: the graphql-transport-ws protocol, strictly.

A token travels in the payload of ``connection_init`` as ``Authorization`` (``Bearer …``) or ``token`` (bare),
or in the ``Authorization`` header. Frames wait in a bounded outbox per client. While it is full, that client's
operations wait with it; when no place comes free for ``stall_seconds``, the socket is closed with
``TOO_SLOW``, after which the client reconnects and resumes from the last cursor it has. A server that stops
closes with 1012 (service restart), which clients of the protocol retry too.
"""

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

import orjson
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope
from starlette.websockets import WebSocket, WebSocketDisconnect

from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Executor, Request, Response, fault

from .authenticate import Authenticator, Unauthenticated, until_expired
from .messages import Complete, ConnectionInit, Message, Ping, Pong, Subscribe, parse_message
from .operation import payloads
from .request import JsonObject, Malformed

SUBPROTOCOL = "graphql-transport-ws"

_ACK = '{"type":"connection_ack"}'
_CLOSE_SECONDS = 5.0  # how long a client that does not read may keep us from saying why we go
_REASON_BYTES = 123  # what a close frame holds


class Code(IntEnum):
    """Why the server closed the socket."""

    MALFORMED = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    SECOND_INIT = 4429
    TOO_SLOW = 4290
    """Not of the protocol: resumable, and clients of the protocol retry on codes that they do not know."""
    TRY_AGAIN = 1013
    """A fault of ours; 1011 and 4500 say the same, but clients of the protocol do not come back after them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take: time to introduce itself, frames that wait for it, time without reading."""

    init_seconds: float = 10.0
    outbox_frames: int = 64
    stall_seconds: float = 10.0


class GraphQLOverWebSocket:
    """The ASGI endpoint; one ``_Session`` for each socket."""

    def __init__(
        self, executor: Executor, authenticator: Authenticator, *, limits: Limits = Limits()
    ) -> None:
        self._executor = executor
        self._authenticator = authenticator
        self._limits = limits

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one socket until either side closes it."""
        socket = WebSocket(asgi_scope, receive=receive, send=send)
        if SUBPROTOCOL not in asgi_scope["subprotocols"]:
            await socket.accept()
            await _close(socket, _Closing(Code.SUBPROTOCOL, "Subprotocol not acceptable"))
            return
        await socket.accept(subprotocol=SUBPROTOCOL)
        closing: _Closing | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                await _Session(socket, self._executor, self._authenticator, self._limits, tasks).run()
        except* _Closing as group:
            closing = next(error for error in group.exceptions if isinstance(error, _Closing))
        except* Malformed as group:
            closing = _Closing(Code.MALFORMED, str(group.exceptions[0]))
        except* Unauthenticated as group:
            closing = _Closing(Code.FORBIDDEN, str(group.exceptions[0]))
        except* WebSocketDisconnect:
            pass
        except* Exception as group:  # noqa: BLE001 - whatever it is, it ends this socket alone
            closing = _Closing(Code.TRY_AGAIN, fault(group.exceptions[0]).message)
        if closing is not None:
            await _close(socket, closing)


class _Closing(Exception):
    """Ends the session from within any of its tasks."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def _close(socket: WebSocket, closing: _Closing) -> None:
    reason = closing.reason.encode()[:_REASON_BYTES].decode(errors="ignore")
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # the client is gone, or stuck
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(closing.code, reason)


@dataclass(slots=True, eq=False)
class _Operation:
    """A running operation; once stopped, its frames that still wait are not sent."""

    id: str
    task: asyncio.Task[None] | None = None
    stopped: bool = False


class _Session:
    """What one socket has going on; all of it ends together."""

    def __init__(
        self,
        socket: WebSocket,
        executor: Executor,
        authenticator: Authenticator,
        limits: Limits,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._socket = socket
        self._executor = executor
        self._authenticator = authenticator
        self._limits = limits
        self._tasks = tasks
        self._principal: Principal | None = None
        self._introduced = False
        self._acknowledged = asyncio.Event()
        self._operations: dict[str, _Operation] = {}
        self._outbox: asyncio.Queue[tuple[_Operation | None, str]] = asyncio.Queue(limits.outbox_frames)

    async def run(self) -> NoReturn:
        """Obey the client until it goes or breaks the protocol."""
        self._tasks.create_task(self._write())
        self._tasks.create_task(self._keep_time())
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(event["code"])
            await self._obey(parse_message(event.get("text")))

    async def _obey(self, message: Message) -> None:
        match message:
            case ConnectionInit(payload):
                await self._introduce(payload)
            case Ping(payload):
                answer = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
                await self._send(None, orjson.dumps(answer).decode())
            case Pong():
                pass
            case Subscribe(id_, request):
                self._subscribe(id_, request)
            case Complete(id_):
                self._stop(id_)

    async def _introduce(self, payload: JsonObject) -> None:
        if self._introduced:
            raise _Closing(Code.SECOND_INIT, "Too many initialisation requests")
        self._introduced = True
        authorization = _authorization(payload) or self._socket.headers.get("authorization")
        self._principal = await self._authenticator(authorization)
        await self._send(None, _ACK)
        self._acknowledged.set()

    def _subscribe(self, id_: str, request: Request) -> None:
        if not self._acknowledged.is_set():
            raise _Closing(Code.UNAUTHORIZED, "Unauthorized")
        if id_ in self._operations:
            raise _Closing(Code.DUPLICATE_ID, f"Subscriber for {id_} already exists")
        operation = self._operations[id_] = _Operation(id_)
        operation.task = self._tasks.create_task(self._operate(operation, request))

    def _stop(self, id_: str) -> None:
        operation = self._operations.pop(id_, None)
        if operation is not None and operation.task is not None:
            operation.stopped = True
            operation.task.cancel()

    async def _operate(self, operation: _Operation, request: Request) -> None:
        head = '{"id":' + orjson.dumps(operation.id).decode() + ',"type":'
        try:
            principal = await self._authenticator.again(self._principal)  # the socket may be old
            async with aclosing(payloads(self._executor, request, principal)) as found:
                async for payload in found:
                    if isinstance(payload, Response) and not payload.ok:
                        errors = orjson.dumps(orjson.loads(payload.body)["errors"]).decode()
                        await self._send(operation, f'{head}"error","payload":{errors}}}')
                        return
                    body = payload.body if isinstance(payload, Response) else payload
                    await self._send(operation, f'{head}"next","payload":{body.decode()}}}')
            await self._send(operation, f'{head}"complete"}}')
        finally:
            if self._operations.get(operation.id) is operation:
                del self._operations[operation.id]

    async def _send(self, operation: _Operation | None, frame: str) -> None:
        try:
            self._outbox.put_nowait((operation, frame))
        except asyncio.QueueFull:
            try:
                async with asyncio.timeout(self._limits.stall_seconds):
                    await self._outbox.put((operation, frame))
            except TimeoutError:
                raise _Closing(Code.TOO_SLOW, "Too slow: resume from the last cursor") from None

    async def _write(self) -> NoReturn:
        while True:
            operation, frame = await self._outbox.get()
            if operation is None or not operation.stopped:
                try:
                    await self._socket.send_text(frame)
                except RuntimeError:  # closed below us, because the client broke the framing
                    raise WebSocketDisconnect from None

    async def _keep_time(self) -> None:
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                await self._acknowledged.wait()
        except TimeoutError:
            raise _Closing(Code.INIT_TIMEOUT, "Connection initialisation timeout") from None
        await until_expired(self._principal)


def _authorization(payload: JsonObject) -> str | None:
    """Return the header that the payload of ``connection_init`` stands for."""
    for key in ("Authorization", "authorization", "token"):
        value = payload.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise Malformed(f"'{key}' is not a string")
        return f"Bearer {value}" if key == "token" else value
    return None
