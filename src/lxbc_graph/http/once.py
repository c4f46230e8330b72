"""Headers that a request says once: of two, two readers could each take another."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from .request import Malformed

_ONCE = {b"authorization", b"content-encoding", b"content-type", b"idempotency-key", b"last-event-id"}


class Once:
    """An application that is asked with one of each, over HTTP or as a WebSocket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass on what says each once; raises Malformed for all else."""
        names = [name for name, _ in asgi_scope.get("headers", ()) if name in _ONCE]
        if len(names) > len(set(names)):
            raise Malformed("A header that may be sent once is sent several times")
        # Not awaited: a frame of this would stay as long as a socket does.
        return self._app(asgi_scope, receive, send)
