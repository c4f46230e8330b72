"""Several processes behind one listening socket: uvicorn's supervisor, and how each of its workers begins and ends.

A worker that dies is replaced. SIGHUP replaces all, each by one that serves already.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from tempfile import TemporaryDirectory
from threading import Event, Thread

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Multiprocess

from lxbc_graph import logs
from lxbc_graph.settings import Settings

from .server import configured, settle

_SIGN_SECONDS = 30  # until a worker that gives no sign of life is replaced; it imports for a while
_END_SECONDS = 12  # until one that was told to end is killed


def serve_by_workers(
    make_app: Callable[[], ASGIApp],
    reserved: socket.socket,
    workers: int,
    ready: Callable[[], None],
    settings: Settings | None = None,
) -> None:
    """Serve by so many processes until SIGINT or SIGTERM; ``ready`` is called once all of them answer.

    ``make_app`` is pickled, and called by each worker. Exits with status 3 where one cannot start.
    """
    config = configured(
        partial(_begin, make_app),
        settings,
        factory=True,
        workers=workers,
        timeout_worker_healthcheck=_SIGN_SECONDS,
    )
    supervisor = _Supervisor(config, [reserved], ready)
    with TemporaryDirectory(prefix="lxbc-graph-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # where they count together
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


class _Supervisor(Multiprocess):
    """Uvicorn's says nothing when all serve, goes on listening while they end, and may wait for them for ever."""

    def __init__(self, config: Config, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self.should_exit = _Asked(self.signal_queue)
        self._ready: Callable[[], None] | None = ready

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            process.child_conn.close()  # or nobody would hear that it ends while it is asked for a sign of life
        super().keep_subprocess_alive()
        if self._ready is not None and all(process.is_ready() for process in self.processes):
            self._ready()
            self._ready = None

    def terminate_all(self) -> None:
        for reserved in self.sockets:
            reserved.close()
        super().terminate_all()

    def join_all(self) -> None:
        for process in self.processes:
            process.process.join(_END_SECONDS)
            process.kill()
        super().join_all()


class _Asked(Event):
    """Whether to end: already when the signal comes, or a restart would go on to its end."""

    def __init__(self, signals: list[int]) -> None:
        super().__init__()
        self._signals = signals

    def is_set(self) -> bool:
        return super().is_set() or not {signal.SIGINT, signal.SIGTERM}.isdisjoint(self._signals)


def _begin(make_app: Callable[[], ASGIApp]) -> ASGIApp:
    """Make a process that was just started a worker; returns what it serves."""
    logs.configure()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it means the supervisor, even where a terminal tells all
    Thread(target=_end_with_parent, daemon=True).start()
    return _settling(make_app())


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_END_SECONDS)
        os._exit(1)


def _settling(app: ASGIApp) -> ASGIApp:
    """Settle between start and first request, for which uvicorn has no hook."""

    async def settling(asgi_scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                settle()
            await send(message)

        await app(asgi_scope, receive, sent if asgi_scope["type"] == "lifespan" else send)

    return settling
