"""Where a request comes from, for whoever notes or counts it: said once, at the door."""

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.policy.audit import ADDRESS

_NETWORK_BITS = 64
"""Of IPv6: whoever has one address has all of the network."""


class Addressed:
    """Wraps an application, and says for all that it does about a request where that comes from."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve the request or the socket."""
        client = asgi_scope.get("client")
        ADDRESS.set(None if client is None else address(client[0]))
        await self._app(asgi_scope, receive, send)


def address(host: str) -> str | None:
    """Return the address by which somebody is counted; None for what is none, as over a Unix socket."""
    try:
        found = ip_address(host)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, _NETWORK_BITS), strict=False))
    return str(found)
