"""What every answer has, whatever gives it: the id of its request, and headers that keep browsers from harm."""

import re
from collections.abc import Iterable
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph import logs

REQUEST_ID = b"x-request-id"
GUARDED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Of every answer that says nothing else itself: it is data, and nothing that a browser shows, runs or keeps."""

_SANE = re.compile(rb"[\w.:-]{1,128}")
_ANSWERS = {"http.response.start", "websocket.http.response.start"}


class Envelope:
    """An application whose answers have all that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Name the request as its sender did, if that is a sane name, and let it be answered."""
        if asgi_scope["type"] == "lifespan":
            await self._app(asgi_scope, receive, send)
            return
        id_ = _id(asgi_scope["headers"])

        async def enveloped(message: Message) -> None:
            if message["type"] in _ANSWERS:
                given = message.get("headers", ())
                names = {name for name, _ in given}
                guards = (guard for guard in GUARDED if guard[0] not in names)
                message["headers"] = [*given, *guards, (REQUEST_ID, id_)]
            elif message["type"] == "websocket.accept":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, id_)]
            await send(message)

        with logs.answering(id_.decode()):
            await self._app(asgi_scope, receive, enveloped)


def new_id() -> bytes:
    """Return an id that no other request has."""
    return uuid4().hex.encode()


def _id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    given = [value for name, value in headers if name == REQUEST_ID]
    return given[0] if len(given) == 1 and _SANE.fullmatch(given[0]) else new_id()
