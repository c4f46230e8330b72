"""Under which names the server is asked, where the operator lists them.

A page elsewhere can have its own name lead here (DNS rebinding), and is then of the same origin as what it asks; but
it cannot have this server's name. An address is no name that could lead elsewhere, nor is ``localhost``.
"""

from collections.abc import Awaitable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from .rejected import Rejected


class Hosts:
    """An application that is reached under its own names alone, or under any where none is given."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass on what is asked here; raises Rejected for all else."""
        if self._names and asgi_scope["type"] != "lifespan":
            for name, value in asgi_scope["headers"]:
                if name == b"host" and not self._is_ours(value.decode("latin-1")):
                    raise Rejected(421, "HOST_NOT_ALLOWED", "This server does not answer to this name.")
        # Not awaited: a frame of this would stay as long as a socket does.
        return self._app(asgi_scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        except ValueError:
            return False
        if name == "localhost" or name in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
