"""Which pages of browsers may ask: those that this server gives, and those of origins that are allowed.

Nobody is signed in by a cookie, so a page elsewhere can do nothing in the name of who opens it, and a page without a
token sees nothing but the schema. All the same no such page gets as far as to be asked who it is, over HTTP or as a
WebSocket, which no rule of the browser would hinder. Who is no browser sends no ``Origin``, and is not asked.
"""

from collections.abc import Awaitable, Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from . import accept
from .rejected import Rejected

_ASKED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
)
_SHOWN = ("Allow", "ETag", "Location", "Retry-After", "WWW-Authenticate", "X-Request-Id")
_KEPT_SECONDS = 3600
_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """An application that pages from elsewhere do not reach."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass on what is from no page, or from one that may; raises Rejected for all else."""
        if asgi_scope["type"] != "lifespan" and "*" not in self._allowed:
            for name, value in asgi_scope["headers"]:
                if name == b"origin" and not self._may(value.decode("latin-1").lower(), asgi_scope):
                    raise _not_allowed()
        # Not awaited: a frame of this would stay as long as a socket does.
        return self._app(asgi_scope, receive, send)

    def _may(self, origin: str, asgi_scope: AsgiScope) -> bool:
        if origin in self._allowed:
            return True
        hosts = [value.decode("latin-1").lower() for name, value in asgi_scope["headers"] if name == b"host"]
        scheme, _, host = origin.partition("://")
        port = _PORTS.get(scheme)  # that of who ends TLS, of which this process may not know
        return port is not None and [host.removesuffix(port)] == [one.removesuffix(port) for one in hosts]


class _Shared(CORSMiddleware):
    """Starlette's, that says in JSON what a browser may not."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        refusal = _not_allowed()
        return Response(refusal.body, refusal.status, media_type=accept.SENT_JSON)


def _not_allowed() -> Rejected:
    message = "A page of this origin may not ask this: the operator allows which may."
    return Rejected(403, "ORIGIN_NOT_ALLOWED", message)


def shared(allowed: Sequence[str]) -> list[Middleware]:
    """Return what tells browsers that pages of these origins may read the answers."""
    if not allowed:
        return []
    cors = Middleware(
        _Shared,
        allow_origins=allowed,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=_ASKED,
        expose_headers=_SHOWN,
        max_age=_KEPT_SECONDS,
    )
    return [cors]
