"""The listening socket, and the event loop that serves an application on it."""

import asyncio
import gc
import socket
from collections.abc import Callable
from functools import partial
from select import select
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from lxbc_graph.settings import Settings

from .address import as_peers
from .connection import Connection, Patience, Socket
from .crowd import Crowd

_GRACE_SECONDS = 8  # for answers under way
_PING_SECONDS = 10.0  # between two, and for an answer: whoever gives none is gone
_PROBES = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
"""The kernel's way to find out, where it has one, in seconds and milliseconds: connections inherit it."""
_GC_THRESHOLDS = (50_000, 20, 50)


class AddressTaken(OSError):
    """Nothing can be served at this address; the text says why."""


def bind(host: str, port: int) -> socket.socket:
    """Reserve the address, before any longer work is begun for it; raises AddressTaken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise AddressTaken(f"cannot listen on {host!r}: no such host") from error
    reserved = socket.socket(family, kind, protocol)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):
            reserved.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    try:
        reserved.bind(address)
    except OSError as error:
        reserved.close()
        raise AddressTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return reserved


def url_of(reserved: socket.socket) -> str:
    """Return ``http://host:port`` of a bound socket."""
    host, port = reserved.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configured(
    app: ASGIApp | Callable[[], ASGIApp],
    settings: Settings | None = None,
    *,
    lifespan: bool = True,
    **rest: Any,
) -> uvicorn.Config:
    """Return how the application is served, without settings as by default; the rest is uvicorn's."""
    given = settings or Settings.model_construct()
    patience = Patience(
        head_seconds=given.head_seconds,
        body_seconds=given.body_seconds,
        unread_seconds=given.unread_seconds,
        connections=given.max_connections,
    )
    proxies = list(as_peers(given.trusted_proxies))
    crowd = Crowd(given.max_connections_per_address, proxies)
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=cast("type[Connection]", partial(Connection, patience=patience, crowd=crowd)),
        ws=cast("type[Socket]", partial(Socket, crowd=crowd)),
        log_config=None,
        access_log=False,
        ws_max_size=given.max_body_bytes,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        ws_per_message_deflate=False,  # frames are small, and shared as ready bytes
        server_header=False,
        forwarded_allow_ips=proxies,
        lifespan="on" if lifespan else "off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        **rest,
    )


def settle() -> None:
    """Tell the garbage collector that what lives now lives as long as the process.

    To look at it again and again was 15-40 % of the Python side.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def serve(
    app: ASGIApp, reserved: socket.socket, ready: Callable[[], None], settings: Settings | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, which then also reaches the caller; ``ready`` is called once it answers."""
    _Server(configured(app, settings), ready).run(sockets=[reserved])


class _Server(uvicorn.Server):
    """Uvicorn has no hook between start and first request, and forgets who stands in the queue at the end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Who stands in the queue is let in, one at each turn of the loop: nobody else listens there.
        for _ in range(self.config.backlog):
            if not select(sockets or (), (), (), 0)[0]:
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await super().shutdown(sockets)
