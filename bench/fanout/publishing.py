"""How peers are made to send: ``POST /events?count=N`` publishes its body, one of our frames, so often."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.load import ask, request

Make = Callable[[int], Coroutine[Any, Any, None]]
"""Makes so many events happen at once."""


def publishing(publish: Callable[[str], Awaitable[None]]) -> Route:
    """Return the route."""

    async def events(request: Request) -> Response:
        frame = (await request.body()).decode()
        for _ in range(int(request.query_params["count"])):
            await publish(frame)
            await asyncio.sleep(0)  # the loop writes at the end of its turn
        return Response()

    return Route("/events", events, methods=["POST"])


def published(port: int, frame: bytes) -> Make:
    """Return how events are made by that route."""

    async def make(count: int) -> None:
        await ask(port, request("POST", f"/events?count={count}", {}, frame))

    return make
