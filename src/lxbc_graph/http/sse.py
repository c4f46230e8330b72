"""GraphQL over server-sent events: graphql-sse, distinct connections mode.

Each response is an ``event: next`` whose ``id:`` is the cursor of the event it shows. A client that comes
back with ``Last-Event-ID`` continues after that event whatever ``after`` its document or variables say, because
a browser repeats the request as it was. What is refused before it runs arrives as a ``next`` with ``errors``,
as the protocol wants: an ``EventSource`` cannot read the body of a 400.

``complete`` says that the operation is over, and no client comes back after it. A server that stops says nothing:
it closes the connection in the middle of the body, which is an error of the network, and those are retried.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import NoReturn

from starlette.types import Receive, Send

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.frame import LAST_EVENT_ID, Frame
from lxbc_graph.schema.execute import Request, Response

from .accept import EVENT_STREAM
from .authenticate import TokenExpired, until_expired
from .operation import TooSlow

_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept"),
]
_COMPLETE = b"event: complete\ndata:\n\n"
_KEEP_ALIVE = b":\n\n"


def resumed(request: Request, last_event_id: str | None) -> Request:
    """Return the request, to continue after the last event that the client says it has."""
    if not last_event_id:
        return request
    return replace(request, extensions={**(request.extensions or {}), LAST_EVENT_ID: last_event_id})


async def stream(
    payloads: AsyncGenerator[bytes | Response],
    principal: Principal | None,
    receive: Receive,
    send: Send,
    *,
    keep_alive_seconds: float = 12.0,
    stall_seconds: float = 10.0,
) -> bool:
    """Send one operation until it ends, the token expires or the client goes, which cancels it at once.

    Returns whether the client was cut off because it did not keep up.
    """

    async def write(piece: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(stall_seconds):
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        except OSError as error:  # gone, or, as TimeoutError, not reading
            raise (TooSlow if isinstance(error, TimeoutError) else _Gone) from None

    async def keep_alive() -> NoReturn:
        while True:
            await asyncio.sleep(keep_alive_seconds)
            await write(_KEEP_ALIVE)

    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    last, gone, slow = b"", False, False
    try:
        async with asyncio.TaskGroup() as tasks, aclosing(payloads):
            jobs = (_leave(receive), keep_alive(), until_expired(principal))
            watchers = [tasks.create_task(job) for job in jobs]
            async for payload in payloads:
                await write(_event(payload.body if isinstance(payload, Response) else payload))
            for watcher in watchers:
                watcher.cancel()
    except* TokenExpired:
        last = _event(TokenExpired().body)
    except* (_Gone, TooSlow) as reasons:  # no farewell: who is there after all comes back and resumes
        gone, slow = True, reasons.subgroup(TooSlow) is not None
    if not gone:
        with suppress(_Gone, TooSlow):
            await write(last + _COMPLETE, more=False)
    return slow


class _Gone(Exception):
    """The client has left."""


async def _leave(receive: Receive) -> NoReturn:
    while True:
        if (await receive())["type"] == "http.disconnect":
            raise _Gone


def _event(payload: bytes) -> bytes:
    """Return one ``next`` event; a line break in JSON is only ever white space, and would end the event."""
    cursor = payload.cursor if isinstance(payload, Frame) else None
    head = b"" if cursor is None else b"id: " + cursor.encode() + b"\n"
    return head + b"event: next\ndata: " + payload.translate(None, b"\r\n") + b"\n\n"
