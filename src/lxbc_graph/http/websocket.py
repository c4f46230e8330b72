"""GraphQL over WebSocket: the graphql-transport-ws protocol, strictly.

A token travels in the payload of ``connection_init`` as ``Authorization`` (``Bearer …``) or ``token`` (bare),
or in the ``Authorization`` header; without one the socket is closed. Frames are written to the transport at once,
behind the client's id of the operation. When more than ``unsent_bytes`` wait for a client that does not read them,
or nothing moves for ``stall_seconds``, its socket is closed with ``TOO_SLOW``, after which it reconnects and resumes
from the last cursor it has. A server that stops closes with 1012 (service restart), which clients of the protocol
retry too.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

import orjson
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph import logs
from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.frame import Ending, Frame
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.execute import Executor, Request, Response, fault
from lxbc_graph.telemetry import Telemetry

from .authenticate import Authenticator, TokenExpired, Unauthenticated
from .connection import NO_PONG, WIRE, Socket
from .envelope import new_id
from .messages import Complete, ConnectionInit, Message, Ping, Pong, Subscribe, parse_message
from .operation import MAX_UNSENT_BYTES, answered, errors_of
from .quotas import Quotas, RateLimited, account, address, counted
from .rejected import Rejected
from .request import JsonObject, Malformed

SUBPROTOCOL = "graphql-transport-ws"

_ACK = (b'{"type":"connection_ack"}',)


class Code(IntEnum):
    """Why the server closed the socket."""

    MALFORMED = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    TOO_MANY = 4429
    """Introductions, of the protocol; and sockets of one account."""
    TOO_SLOW = NO_PONG
    """Not of the protocol: resumable, and clients of the protocol retry on codes that they do not know."""
    TRY_AGAIN = 1013
    """A fault of ours; 1011 and 4500 say the same, but clients of the protocol do not come back after them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take: time to introduce itself, operations and answers at once, bytes and time unread."""

    init_seconds: float = 10.0
    operations: int = 100
    answers: int = 4
    unsent_bytes: int = MAX_UNSENT_BYTES
    stall_seconds: float = 10.0


class GraphQLOverWebSocket:
    """The ASGI endpoint; one ``_Session`` for each socket."""

    def __init__(
        self,
        executor: Executor,
        authenticator: Authenticator,
        telemetry: Telemetry,
        *,
        limits: Limits = Limits(),
        quotas: Quotas | None = None,
    ) -> None:
        self._executor = executor
        self._authenticator = authenticator
        self._telemetry = telemetry
        self._limits = limits
        self._quotas = quotas or Quotas()

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one socket until either side closes it."""
        wire: Socket = asgi_scope["extensions"][WIRE]
        await receive()  # that it connects
        if SUBPROTOCOL not in asgi_scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            wire.part(Code.SUBPROTOCOL, "Subprotocol not acceptable")
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        session = _Session(
            wire, self._executor, self._authenticator, self._limits, self._quotas, address(asgi_scope)
        )
        header = dict(asgi_scope["headers"]).get(b"authorization", b"").decode("latin-1") or None
        try:
            with self._telemetry.sockets.track_inprogress():
                while (event := await receive())["type"] != "websocket.disconnect":
                    # Taken out, or the last that was said would be kept for as long as nothing else is.
                    await session.obey(parse_message(event.pop("text", None)), header)
        except _Closing as closing:
            wire.part(closing.code, closing.reason)
        except Malformed as malformed:
            wire.part(Code.MALFORMED, str(malformed))
        except Unauthenticated as unauthenticated:
            wire.part(Code.FORBIDDEN, str(unauthenticated))
        except RateLimited as limited:
            wire.part(Code.TOO_MANY, str(limited))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this socket alone
            wire.part(Code.TRY_AGAIN, fault(error).message)
        finally:
            session.close()
            if wire.drop is not None:
                self._telemetry.drops.labels(wire.drop).inc()


class _Closing(Exception):
    """Ends the session."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Session:
    """What one socket has going on; all of it ends together."""

    __slots__ = (
        "_address",
        "_answered",
        "_authenticator",
        "_busy",
        "_executor",
        "_introduced",
        "_limits",
        "_named",
        "_operations",
        "_place",
        "_principal",
        "_quotas",
        "_request_id",
        "_timer",
        "wire",
    )

    def __init__(
        self,
        wire: Socket,
        executor: Executor,
        authenticator: Authenticator,
        limits: Limits,
        quotas: Quotas,
        address: str,
    ) -> None:
        self.wire = wire
        self._executor = executor
        self._authenticator = authenticator
        self._limits = limits
        self._quotas = quotas
        self._address = address
        self._request_id = logs.request_id() or new_id().decode()
        self._named = 0
        self._place: str | None = None
        self._busy = asyncio.Semaphore(limits.answers)
        self._principal: Principal | None = None
        self._introduced = False
        self._operations: dict[str, _Operation] = {}
        self._answered = 0
        self._timer = wire.loop.call_later(
            limits.init_seconds, wire.part, Code.INIT_TIMEOUT, "Connection initialisation timeout"
        )

    async def obey(self, message: Message, authorization_header: str | None) -> None:
        """Do what the client says; raises what closes the socket."""
        match message:
            case ConnectionInit(payload):
                await self._introduce(_authorization(payload) or authorization_header)
            case Ping(payload):
                answer = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
                await self.answer((_dumped(answer),))
            case Pong():
                pass
            case Subscribe(id_, request):
                self._subscribe(id_, request)
            case Complete(id_):
                if (operation := self._operations.pop(id_, None)) is not None:
                    operation.stop()

    async def _introduce(self, authorization: str | None) -> None:
        if self._introduced:
            raise _Closing(Code.TOO_MANY, "Too many initialisation requests")
        self._introduced = True
        principal = await counted(self._authenticator, self._quotas, self._address, authorization)
        if principal is None:
            raise _Closing(Code.FORBIDDEN, "Send a token in the payload of connection_init")
        self._principal = principal
        self._timer.cancel()
        who = account(principal)
        await self._quotas.enter(who)
        self._place = who
        if principal.expires_at is not None:
            left = (principal.expires_at - datetime.now(UTC)).total_seconds()
            expired = (Code.FORBIDDEN, str(TokenExpired()))
            self._timer = self.wire.loop.call_later(left, self.wire.part, *expired)
        self.wire.write(_ACK)

    def _subscribe(self, id_: str, request: Request) -> None:
        if self._place is None:
            raise _Closing(Code.UNAUTHORIZED, "Unauthorized")
        if id_ in self._operations:
            raise _Closing(Code.DUPLICATE_ID, f"Subscriber for {id_} already exists")
        self._named += 1
        operation = _Operation(self, id_, f"{self._request_id}.{self._named}")
        try:
            self._quotas.spend(self._place)
            self._check_room()
        except Rejected as rejected:
            operation.fail(rejected.errors(operation.request_id))
            return
        self._operations[id_] = operation
        with logs.answering(operation.request_id):
            operation.task = asyncio.create_task(self._operate(operation, request))

    def _check_room(self) -> None:
        most = self._limits.operations
        if len(self._operations) >= most:
            message = f"A socket has at most {most} operations at once."
            raise Rejected(429, "TOO_MANY_OPERATIONS", message, limit=most)

    async def _operate(self, operation: "_Operation", request: Request) -> None:
        try:
            async with self._busy:  # answers that nobody reads must not be made by the hundred
                await self.drained()
                principal = await self._authenticator.again(self._principal)  # the socket may be old
                found = await answered(self._executor, request, principal)
                if isinstance(found, Response):
                    await operation.answer(found)
                else:
                    operation.follow(found)
        except Unauthenticated as unauthenticated:
            self.wire.part(Code.FORBIDDEN, str(unauthenticated))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this socket alone
            self.wire.part(Code.TRY_AGAIN, fault(error).message)
        finally:
            operation.task = None

    def over(self, operation: "_Operation") -> None:
        """Forget an operation that is over."""
        if self._operations.get(operation.id) is operation:
            del self._operations[operation.id]

    def write(self, *messages: tuple[bytes, ...]) -> None:
        """Send messages, unless too much waits for the client already: then close."""
        if self.wire.writable.is_set():
            self._answered = 0
        if self.wire.unsent > self._limits.unsent_bytes + self._answered:
            self.too_slow()
        else:
            self.wire.write(*messages)

    async def answer(self, *messages: tuple[bytes, ...]) -> None:
        """Send what the client has asked for, once it has read most of what came before, however large it is."""
        await self.drained()
        self.wire.write(*messages)
        self._answered = self.wire.unsent

    async def drained(self) -> None:
        """Wait until the client has read most of what was sent, or close."""
        while not self.wire.writable.is_set():  # who waited too may have filled it again
            taken = self.wire.taken
            try:
                async with asyncio.timeout(self._limits.stall_seconds):
                    await self.wire.writable.wait()
            except TimeoutError:
                if self.wire.taken <= taken:
                    self.too_slow()
                    return

    def too_slow(self) -> None:
        """Let the client come back when it can read."""
        self.wire.part(Code.TOO_SLOW, "Too slow: resume from the last cursor", "too_slow")

    def close(self) -> None:
        """End all that is going on."""
        self._timer.cancel()
        for operation in tuple(self._operations.values()):
            operation.stop()
        self._operations.clear()
        if self._place is not None:
            self._quotas.leave(self._place)
            self._place = None


class _Operation:
    """One operation of a client: the sink of its frames, if it is a subscription."""

    __slots__ = ("_head", "_session", "_subscription", "id", "request_id", "task")

    def __init__(self, session: _Session, id_: str, request_id: str) -> None:
        self.id = id_
        self.request_id = request_id
        self.task: asyncio.Task[None] | None = None
        self._session = session
        self._head = b'{"id":' + orjson.dumps(id_) + b',"type":"'
        self._subscription: Subscription | None = None

    async def answer(self, response: Response) -> None:
        """Send a whole response; it is all there is."""
        if response.ok:
            whole = (self._head, b'next","payload":', response.body, b"}")
            await self._session.answer(whole, (self._head, b'complete"}'))
        else:
            errors = orjson.dumps(orjson.loads(response.body)["errors"])
            await self._session.answer((self._head, b'error","payload":', errors, b"}"))
        self._session.over(self)

    def follow(self, subscription: Subscription) -> None:
        """Let the subscription send."""
        self._head += b'next","payload":'
        self._subscription = subscription
        subscription.start(self)

    def send(self, *frames: Frame) -> None:
        """Send frames; never waits."""
        head = self._head
        self._session.write(*[(head, frame, b"}") for frame in frames])

    async def ready(self) -> None:
        """Wait until the client has read most of what was sent, or close."""
        await self._session.drained()

    def end(self, ending: Ending) -> None:
        """Say why it is over."""
        self._subscription = None
        if ending.closed:
            self._session.wire.part(Code.FORBIDDEN, ending.message)
        else:
            self.fail(errors_of(ending, self.request_id))
        self._session.over(self)

    def fail(self, errors: bytes) -> None:
        """Send the errors; nothing comes after them."""
        head = self._head.removesuffix(b'next","payload":')
        self._session.write((head, b'error","payload":', errors, b"}"))

    def stop(self) -> None:
        """Send nothing more."""
        if self.task is not None:
            self.task.cancel()
        if self._subscription is not None:
            self._subscription.stop()


def _dumped(answer: JsonObject) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError:  # it reads what is nested more deeply than it writes
        raise Malformed("'payload' is nested too deeply") from None


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
