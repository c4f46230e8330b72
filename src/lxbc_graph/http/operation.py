"""Any operation, for the transports that carry all three kinds."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from graphql import OperationType

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.frame import CLOSED, EXPIRED, REVOKED, Ending, Frame
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.errors import error, formatted
from lxbc_graph.schema.execute import Executor, Request, Response, fault

MAX_UNSENT_BYTES = 256 * 1024
"""What may wait for one client."""
_FULL_BYTES = 64 * 1024
"""When who catches up waits for the client, as a socket does."""
_NO_LONGER_ALLOWED = (REVOKED, CLOSED, EXPIRED)
"""After which nothing is delivered, not even what waits."""


class TooSlow(Exception):
    """The client takes less than it is sent: let it come back and resume."""


def failed(reason: Exception) -> Response:
    """Return the answer to a request that ended in an exception: a fault of ours, or an outage."""
    told = formatted(fault(reason))
    status = 500 if told["extensions"]["code"] == "INTERNAL" else 503
    return Response(orjson.dumps({"errors": [told]}), ok=False, status=status)


async def answered(
    executor: Executor, request: Request, principal: Principal | None
) -> Response | Subscription:
    """Return the response of a query or mutation, or of what is refused; else a subscription to start.

    Whatever goes wrong, it ends this operation alone.
    """
    try:
        if executor.kind(request) is OperationType.SUBSCRIPTION:
            return await executor.subscribe(request, principal)
        return await executor.execute(request, principal)
    except Exception as reason:  # noqa: BLE001 - whatever it is
        return failed(reason)


def errors_of(ending: Ending, request_id: str | None = None) -> bytes:
    """Return the GraphQL errors that say why it is over, as JSON; the id is this task's where none is given."""
    return orjson.dumps([error(ending.code, ending.message, request_id)])


async def answers(
    executor: Executor, request: Request, principal: Principal | None
) -> AsyncGenerator[bytes | Response]:
    """Give the response of an operation, or what a subscription sends; see ``frames``."""
    found = await answered(executor, request, principal)
    if isinstance(found, Response):
        yield found
        return
    async with aclosing(frames(found)) as sent:
        async for frame in sent:
            yield frame


async def frames(subscription: Subscription) -> AsyncGenerator[bytes | Response]:
    """Start the subscription and give its frames at the pace at which they are taken, and why there are no more.

    Raises ``TooSlow`` where that is too slow.
    """
    outbox = _Outbox()
    subscription.start(outbox)
    try:
        while (frame := await outbox.take()) is not None:
            yield frame
        if outbox.ending is not None:
            yield Response(b'{"errors":' + errors_of(outbox.ending) + b"}", ok=False)
    finally:
        subscription.stop()


class _Outbox:
    """What an event stream has yet to send."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._frames: deque[Frame] = deque()
        self._unsent = 0
        self._slow = False
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self._put(frame)
        self._filled.set()

    def _put(self, frame: Frame) -> None:
        if self._frames and self._unsent + len(frame) > MAX_UNSENT_BYTES:
            self._slow = True
            self._frames.clear()
        if not self._slow:
            self._frames.append(frame)
            self._unsent += len(frame)
        if self._unsent > _FULL_BYTES:
            self._room.clear()

    async def ready(self) -> None:
        await self._room.wait()

    def end(self, ending: Ending) -> None:
        self.ending = ending
        if ending in _NO_LONGER_ALLOWED:
            self._frames.clear()
            self._room.set()
        self._filled.set()

    async def take(self) -> Frame | None:
        """Remove and return the oldest frame, waiting for one; None at the end."""
        await self._filled.wait()
        if self._slow:
            raise TooSlow
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._unsent -= len(frame)
        if self._unsent <= _FULL_BYTES:
            self._room.set()
        if not self._frames and self.ending is None:
            self._filled.clear()
        return frame
