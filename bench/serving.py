"""One server in a process and on a port of its own; its CPU is counted with that of its PostgreSQL backends."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from lxbc_graph.http.server import bind


@dataclass(slots=True)
class Server:
    """A running server; ``application`` is the name that its backends go by."""

    name: str
    port: int
    process: psutil.Process
    application: str

    async def cpu_seconds(self, admin: asyncpg.Connection) -> dict[int, float]:
        """Return the CPU that each of its processes has taken so far: its own and its backends'."""
        backends = await admin.fetch(
            "select pid from pg_stat_activity where application_name = $1 and datname = current_database()",
            self.application,
        )
        return {pid: _cpu_seconds(pid) for pid in (self.process.pid, *(row[0] for row in backends))}

    def memory_bytes(self) -> tuple[int, int]:
        """Return what is resident of the server process: all of it, and with what is shared counted in part."""
        memory = self.process.memory_full_info()
        return memory.rss, memory.pss


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """Return the CPU seconds between two counts; a process that is new began at nothing."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def worker(name: str, url: str) -> list[str]:
    """Return the command that serves one of the applications of ``bench.serve``."""
    return [sys.executable, "-m", "bench.serve", name, url]


@contextmanager
def serving(name: str, application: str, command: Sequence[str]) -> Iterator[Server]:
    """Start the command, whose last argument is the descriptor of a bound socket, and end it again."""
    reserved = bind("127.0.0.1", 0)
    port = reserved.getsockname()[1]
    process = subprocess.Popen(
        [*command, str(reserved.fileno())],
        pass_fds=[reserved.fileno()],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    try:
        assert process.stdout is not None
        if b"ready\n" not in iter(process.stdout.readline, b""):
            raise RuntimeError(f"the server {name} did not start")
        yield Server(name, port, psutil.Process(process.pid), application)
    finally:
        reserved.close()
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
