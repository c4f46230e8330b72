"""A real server on a free port in the test's own loop, and an executor whose answers a test scripts."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import uvicorn
from graphql import OperationType
from starlette.types import ASGIApp

from lxbc_graph.domain.principal import Principal
from lxbc_graph.http.authenticate import Authenticator, Unauthenticated
from lxbc_graph.http.server import bind, configured, url_of
from lxbc_graph.live.frame import LAST_EVENT_ID, Ending, Frame, Sink
from lxbc_graph.schema.errors import error
from lxbc_graph.schema.execute import Executor, Request, Response, told
from lxbc_graph.settings import Settings

PATIENCE = 60.0  # seconds until a test is given up; nothing is measured by it
SECRET = "the text of a fault"
OVER = Ending("OVER", "the script ends here")
ENDED = error(OVER.code, OVER.message)
INTERNAL = error("INTERNAL", "Internal server error.")

_ODD: list[Any] = [42, True, "{}", [], {}, [{}]]
NO_REQUESTS: list[Any] = [
    *(None, 42, "x", [], [{"query": "{ __typename }"}]),
    *({}, {"qeury": "{ __typename }"}, {"query": None}),
    *({"query": odd} for odd in _ODD if not isinstance(odd, str)),
    *({"query": "{ __typename }", "operationName": odd} for odd in _ODD if not isinstance(odd, str)),
    *({"query": "{ __typename }", "variables": odd} for odd in _ODD if not isinstance(odd, dict)),
    *({"query": "{ __typename }", "extensions": odd} for odd in _ODD if not isinstance(odd, dict)),
]
"""JSON that is no request on any transport."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(
    app: ASGIApp, settings: Settings | None = None, *, lifespan: bool = False
) -> "AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]":
    """Serve the application; gives ``127.0.0.1:port``, and what ends it before the block does.

    That returns when nobody is let in any more and all connections have been told.
    """
    reserved = bind("127.0.0.1", 0)
    server = _Server(configured(app, settings, lifespan=lifespan))

    async def stop() -> None:
        server.should_exit = True
        while reserved.fileno() != -1:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[reserved]))
        await server.ready.wait()
        try:
            yield url_of(reserved).removeprefix("http://"), stop
        finally:
            server.should_exit = True


@asynccontextmanager
async def serving(
    app: ASGIApp, settings: Settings | None = None, *, lifespan: bool = False
) -> AsyncIterator[str]:
    """Serve the application for the length of the block; gives ``127.0.0.1:port``."""
    async with served(app, settings, lifespan=lifespan) as (address, _):
        yield address


def narrow(address: str) -> socket.socket:
    """Connect so that little is under way at a time, whatever the machine has room for."""
    connecting = socket.socket()
    connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    host, _, port = address.partition(":")
    connecting.connect((host, int(port)))
    return connecting


def frame(first: int, payload: bytes) -> bytes:
    """One frame as it goes over the wire, masked with zeros; ``first`` holds FIN, RSV and the opcode."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else bytes([0xFF]) + length.to_bytes(8)
    return bytes([first]) + size + bytes(4) + payload


def without_ids(message: Any) -> Any:
    """A message over a socket, but for the ids of requests that errors of ours name."""
    if message["type"] == "error":
        for error in message["payload"]:
            named = error.get("extensions", {}).pop("requestId", None)
            assert "extensions" not in error or named, "each says of which request it is"
    return message


def principal(name: str = "li", expires_at: datetime | None = None) -> Principal:
    return Principal(1, name, name, 1, None, (), expires_at)


class ScriptedAuthenticator:
    """Knows the token ``good`` and, until they expire, those that say when; ``outage`` finds nobody to ask."""

    async def __call__(self, authorization_header: str | None) -> Principal | None:
        match (authorization_header or "").split(" "):
            case [""]:
                return None
            case ["Bearer", "good"]:
                return principal()
            case ["Bearer", "outage"]:
                raise OSError(SECRET)
            case ["Bearer", moment] if moment.replace(".", "").isdecimal():
                return principal(expires_at=datetime.fromtimestamp(float(moment), UTC))
        raise Unauthenticated("no such token")

    async def again(self, principal: Principal | None) -> Principal | None:
        return principal


class ScriptedExecutor:
    """Does what the first word of the query says, and counts what is under way.

    ``query`` and ``mutation`` echo the request, padded by its variable ``size``; ``refused``, ``failed`` and
    ``crash`` are what goes wrong; ``subscription count`` counts from the last event id, or 1, to the variable ``to``,
    padded too, and ``subscription flood`` does so whether or not the client keeps up;
    ``subscription forever`` says 1 and then nothing; ``subscription crash`` says 1 and then fails.
    """

    def __init__(self) -> None:
        self.running = 0
        self.changed = asyncio.Condition()

    async def until_running(self, number: int) -> None:
        """Wait until so many subscriptions are under way."""
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: self.running == number)

    def kind(self, request: Request) -> OperationType | None:
        word = request.query.split(" ")[0]
        return OperationType(word) if word in {"query", "mutation", "subscription"} else None

    async def execute(self, request: Request, principal: Principal | None) -> Response:
        match request.query:
            case "refused":
                return Response(b'{"errors":[{"message":"Syntax Error"}]}', ok=False, status=400)
            case "failed":
                return Response(b'{"data":null,"errors":[{"message":"no"}]}')
            case "crash":
                raise RecursionError(SECRET)
            case "wait":
                async with self._counted():
                    await asyncio.Event().wait()
        size = (request.variables or {}).get("size", 0)
        return Response(
            orjson.dumps(
                {
                    "data": {
                        "query": request.query,
                        "name": request.operation_name,
                        "variables": request.variables,
                        "who": principal and principal.account,
                        **({"pad": "x" * size} if size else {}),
                    }
                }
            )
        )

    async def subscribe(
        self, request: Request, principal: Principal | None
    ) -> "ScriptedSubscription | Response":
        if principal is None:
            return Response(b'{"errors":[{"message":"who are you"}]}', ok=False, status=401)
        script = request.query.split(" ")[1]
        return ScriptedSubscription(
            self._frames(script, request.variables or {}, request.extensions or {}),
            at_own_pace=script == "flood",
        )

    async def _frames(
        self, script: str, variables: Mapping[str, Any], extensions: Mapping[str, Any]
    ) -> AsyncGenerator[Frame]:
        async with self._counted():
            if script in {"count", "flood"}:
                begin = int(extensions.get(LAST_EVENT_ID, "e0")[1:]) + 1
                for number in range(begin, variables["to"] + 1):
                    pad = "x" * variables.get("size", 0)
                    yield Frame(orjson.dumps({"data": {"count": number, "pad": pad}}), number, f"e{number}")
                    await asyncio.sleep(0)
                return
            yield Frame(b'{\n"data":\r\n{"count":1}}')
            if script == "crash":
                raise RecursionError(SECRET)
            await asyncio.Event().wait()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        await self._count(1)
        try:
            yield
        finally:
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.running += change
            self.changed.notify_all()

    def stands_in(self) -> Executor:
        """Return itself as what it stands in for."""
        return cast("Executor", self)


class ScriptedSubscription:
    """Sends frames to its sink: at the pace of the client or, as what happens now, at its own; then it is over."""

    def __init__(self, frames: AsyncGenerator[Frame], *, at_own_pace: bool) -> None:
        self._frames = frames
        self._at_own_pace = at_own_pace
        self._task: asyncio.Task[None] | None = None

    def start(self, sink: Sink) -> None:
        self._task = asyncio.create_task(self._send(sink))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _send(self, sink: Sink) -> None:
        async with aclosing(self._frames):
            try:
                async for frame in self._frames:
                    if not self._at_own_pace:
                        await sink.ready()
                    sink.send(frame)
            except RecursionError as error:
                sink.end(told(error))
                return
        sink.end(OVER)


def scripted_authenticator() -> Authenticator:
    return cast("Authenticator", ScriptedAuthenticator())
