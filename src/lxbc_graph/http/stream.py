"""Answers that follow one another in the body of one response, however a protocol frames them.

A stream that is complete says so, and no client comes back after that. A server that stops, or a client that is too
slow, has the body cut in the middle: that is an error of the network, and those are retried.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Response

from .authenticate import TokenExpired, until_expired
from .connection import WIRE, Connection
from .operation import TooSlow


@dataclass(frozen=True, slots=True)
class Framing:
    """What a protocol puts around answers."""

    content_type: str
    answer: Callable[[bytes], bytes]
    refusal: Callable[[bytes], bytes]
    """Around a response without ``data``; nothing but the end comes after it."""
    keep_alive: bytes
    complete: bytes
    beginning: bytes = b""


async def stream(
    framing: Framing,
    answers: AsyncGenerator[bytes | Response],
    principal: Principal | None,
    asgi_scope: AsgiScope,
    receive: Receive,
    send: Send,
    *,
    keep_alive_seconds: float = 12.0,
    stall_seconds: float = 10.0,
) -> bool:
    """Send one operation until it ends, the token expires or the client goes, which cancels it at once.

    Returns whether the client was cut off because it did not keep up.
    """
    wire: Connection = asgi_scope["extensions"][WIRE]
    body = _Body(send, wire, stall_seconds)
    slow = False
    await send({"type": "http.response.start", "status": 200, "headers": _headers(framing)})
    try:
        if asgi_scope["method"] != "HEAD":
            try:
                async with asyncio.TaskGroup() as tasks, aclosing(answers):
                    jobs = (
                        _leave(receive),
                        body.keep_alive(framing.keep_alive, keep_alive_seconds),
                        until_expired(principal),
                    )
                    watchers = [tasks.create_task(job) for job in jobs]
                    await body.write(framing.beginning)
                    async for answer in answers:
                        await body.write(_framed(framing, answer))
                    for watcher in watchers:
                        watcher.cancel()
            except* TokenExpired:
                await body.write(framing.refusal(TokenExpired().body))
        await body.write(framing.complete, more=False)
    except* (_Gone, TooSlow) as reasons:
        wire.cut()
        slow = reasons.subgroup(TooSlow) is not None
    return slow


class _Gone(Exception):
    """The client has left."""


class _Body:
    """What is sent piece by piece to a client that has to read."""

    def __init__(self, send: Send, wire: Connection, stall_seconds: float) -> None:
        self._send = send
        self._wire = wire
        self._stall_seconds = stall_seconds

    async def write(self, piece: bytes, *, more: bool = True) -> None:
        while True:
            waiting = self._wire.waiting
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await self._send({"type": "http.response.body", "body": piece, "more_body": more})
            except TimeoutError:
                if self._wire.waiting >= waiting:
                    raise TooSlow from None
            else:
                return

    async def keep_alive(self, piece: bytes, seconds: float) -> NoReturn:
        while True:
            await asyncio.sleep(seconds)
            await self.write(piece)


async def _leave(receive: Receive) -> NoReturn:
    while True:
        if (await receive())["type"] == "http.disconnect":
            raise _Gone


def _framed(framing: Framing, answer: bytes | Response) -> bytes:
    if isinstance(answer, Response):
        return framing.answer(answer.body) if answer.ok else framing.refusal(answer.body)
    return framing.answer(answer)


def _headers(framing: Framing) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", framing.content_type.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"vary", b"accept"),
    ]
