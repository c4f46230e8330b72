"""One process of the system under test: started, ended in any way, and started again at the same place."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

PATIENCE = 120.0  # seconds until something that should happen is given up; nothing is measured by it


class Process:
    """A program that can be started more than once; all that it says is appended to one file."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is not up yet then."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._running is not None:
            self._running.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    async def stopped(self) -> int:
        """Tell it to stop, wait until it has, and return its status."""
        assert self._running is not None
        self._running.terminate()
        status = await asyncio.to_thread(self._running.wait, PATIENCE)
        self._running = None
        return status

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        assert self._running is not None
        return self._running.pid

    def check(self) -> None:
        """Raise RuntimeError if it has ended by itself."""
        if self._running is not None and (status := self._running.poll()) is not None:
            said = self._log.read_text(errors="replace").splitlines()[-20:]
            raise RuntimeError("\n".join([f"{self.name} ended with status {status}:", *said]))


async def until(true: Callable[[], Awaitable[bool]], what: str, *, every: float = 0.05) -> None:
    """Ask again and again until the answer is yes; raises TimeoutError, naming what was waited for."""
    deadline = time.monotonic() + PATIENCE
    while not await true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        await asyncio.sleep(every)
