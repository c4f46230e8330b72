"""GraphQL over server-sent events: graphql-sse, distinct connections mode.

Each response is an ``event: next`` whose ``id:`` is the cursor of the event it shows. A client that comes
back with ``Last-Event-ID`` continues after that event whatever ``after`` its document or variables say, because
a browser repeats the request as it was. What is refused before it runs arrives as a ``next`` with ``errors``,
as the protocol wants: an ``EventSource`` cannot read the body of a 400.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import NoReturn

import structlog
from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.frame import LAST_EVENT_ID, Frame
from lxbc_graph.schema.execute import Executor, Request, Response

from .operation import start

MEDIA_TYPE = "text/event-stream"

_COMPLETE = b"event: complete\ndata:\n\n"
_KEEP_ALIVE = b":\n\n"
_EXPIRED = b'{"errors":[{"message":"Token expired","extensions":{"code":"TOKEN_EXPIRED"}}]}'
_FAILED = b'{"errors":[{"message":"Internal server error"}]}'
_JSON = {"application/json", "application/graphql-response+json", "application/*", "*/*"}

_log = structlog.get_logger()


@lru_cache(maxsize=128)  # clients repeat themselves
def wants_events(accept: str) -> bool:
    """Tell whether an ``Accept`` header prefers an event stream to JSON: by quality, then by order."""
    best, wanted = 0.0, False
    for choice in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in choice.split(";"))
        quality = _quality(parameters)
        if quality > best and (media_type == MEDIA_TYPE or media_type in _JSON):
            best, wanted = quality, media_type == MEDIA_TYPE
    return wanted


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def resumed(request: Request, last_event_id: str | None) -> Request:
    """Return the request, to continue after the last event that the client says it has."""
    if not last_event_id:
        return request
    extensions: Mapping[str, object] = {**(request.extensions or {}), LAST_EVENT_ID: last_event_id}
    return replace(request, extensions=extensions)


class EventStream(HttpResponse):
    """Streams one operation until it ends, the token expires or the client goes."""

    def __init__(
        self,
        executor: Executor,
        request: Request,
        principal: Principal | None,
        *,
        keep_alive_seconds: float = 12.0,
        stall_seconds: float = 30.0,
    ) -> None:
        self._executor = executor
        self._request = request
        self._principal = principal
        self._keep_alive_seconds = keep_alive_seconds
        self._stall_seconds = stall_seconds
        self.status_code = 200
        self.background = None
        self.media_type = MEDIA_TYPE
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, _asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send the stream; the operation is cancelled as soon as the client has gone."""

        async def write(piece: bytes, *, more: bool = True) -> None:
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
            except OSError:  # gone, or, as TimeoutError, not reading
                raise _Gone from None

        async def keep_alive() -> NoReturn:
            while True:
                await asyncio.sleep(self._keep_alive_seconds)
                await write(_KEEP_ALIVE)

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        last, gone = b"", False
        try:
            async with asyncio.TaskGroup() as tasks, aclosing(self._payloads()) as payloads:
                watchers = [tasks.create_task(job) for job in (_leave(receive), keep_alive(), self._expire())]
                async for payload in payloads:
                    await write(_event(payload))
                for watcher in watchers:
                    watcher.cancel()
        except* _Expired:
            last = _event(_EXPIRED)
        except* _Gone:
            gone = True
        if not gone:
            with suppress(_Gone):
                await write(last + _COMPLETE, more=False)

    async def _payloads(self) -> AsyncGenerator[bytes]:
        async with AsyncExitStack() as stack:
            try:
                result = await start(self._executor, self._request, self._principal)
                if isinstance(result, Response):
                    yield result.body
                    return
                if hasattr(result, "aclose"):
                    stack.push_async_callback(result.aclose)
                async for payload in result:
                    yield payload
            except Exception:  # noqa: BLE001 - whatever it is, this client's stream ends with it
                _log.exception("operation failed")
                yield _FAILED

    async def _expire(self) -> None:
        if self._principal is not None and self._principal.expires_at is not None:
            await asyncio.sleep((self._principal.expires_at - datetime.now(UTC)).total_seconds())
            raise _Expired


class _Gone(Exception):
    """The client has left or no longer reads."""


class _Expired(Exception):
    """The token no longer proves anybody."""


async def _leave(receive: Receive) -> NoReturn:
    while True:
        if (await receive())["type"] == "http.disconnect":
            raise _Gone


def _event(payload: bytes) -> bytes:
    """Return one ``next`` event; a line break in JSON is only ever white space, and would end the event."""
    head = b"id: " + payload.cursor.encode() + b"\n" if isinstance(payload, Frame) else b""
    return head + b"event: next\ndata: " + payload.translate(None, b"\r\n") + b"\n\n"
