"""Where a request comes from, for whoever notes or counts it: said once, at the door."""

from collections.abc import Awaitable, Iterator
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.policy.audit import ADDRESS

_NETWORK_BITS = 64
"""Of IPv6: whoever has one address has all of the network."""
_MAPPED_BITS = 96
"""Of IPv6, before an address of IPv4."""
_NONE = "unknown"
"""Stands for all that is no address: each text of its own would be counted by itself, and so never be too much."""


class Addressed:
    """Wraps an application, and says for all that it does about a request where that comes from."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve the request or the socket."""
        if asgi_scope["type"] != "lifespan":
            ADDRESS.set(client_address(asgi_scope))
        # Not awaited: a frame of this would stay as long as a socket does.
        return self._app(asgi_scope, receive, send)


def as_peers(networks: str) -> Iterator[str]:
    """Yield each of the networks as peers show it: one of IPv4 also as a socket of IPv6 that takes both does."""
    for one in networks.split(","):
        network = ip_network(one.strip(), strict=False)
        yield str(network)
        if isinstance(network, IPv4Network):
            yield f"::ffff:{network.network_address}/{_MAPPED_BITS + network.prefixlen}"


def client_address(asgi_scope: AsgiScope) -> str:
    """Return the address by which a client is counted; for all whose proxy names none it is one and the same."""
    client = asgi_scope.get("client")
    return (None if client is None else address(client[0])) or _NONE


def address(host: str) -> str | None:
    """Return the address by which somebody is counted; None for what is none, as over a Unix socket."""
    try:
        found = ip_address(host.partition("%")[0])  # before the zone, which may be any text
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, _NETWORK_BITS), strict=False))
    return str(found)
