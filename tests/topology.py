"""The topology of docker/ as processes: what its services run, at other addresses, behind its nginx."""

import asyncio
import os
import random
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.containers import FOLDER, PASSWORDS, nginx, ours, services
from tests.redis_server import redis_server
from tests.serving import PATIENCE


class Process:
    """A process that is always started at the same address, as a container is under its name."""

    def __init__(self, command: list[str], settings: Mapping[str, str], address: str, log: Path) -> None:
        self.address = address
        self._command = command
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("LXBC_")}
        self._environment |= settings
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers if it has an address."""
        with self._log.open("ab") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(3 * PATIENCE):
            while self.address and not await _answers(self.address):
                assert process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.02)

    async def end(self) -> int:
        """Tell it to stop, as the engine does, and return its status."""
        process = self._process
        assert process is not None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        return await process.wait()


@dataclass(frozen=True, slots=True)
class Topology:
    """What runs; clients know the address of the proxy."""

    proxy: Process
    apis: tuple[Process, Process]
    relay: Process
    redis: str
    """The URL of the Redis that they use."""


@asynccontextmanager
async def topology(database_url: str) -> AsyncIterator[Topology]:
    """Run it on a migrated database for the length of the block."""
    with TemporaryDirectory(prefix="lxbc-topology-") as path, redis_server() as redis:
        with redis.admin() as admin:
            admin.config_set("requirepass", PASSWORDS["REDIS_PASSWORD"])
        redis_url = f"redis://:{PASSWORDS['REDIS_PASSWORD']}@127.0.0.1:{redis.port}"
        async with AsyncExitStack() as stack:
            one, two, relay = [
                await stack.enter_async_context(_service(name, Path(path), database_url, redis_url))
                for name in ("api-1", "api-2", "relay")
            ]
            at = await stack.enter_async_context(proxy({"api-1": one.address, "api-2": two.address}))
            yield Topology(at, (one, two), relay, redis_url)


@asynccontextmanager
async def _service(name: str, folder: Path, database_url: str, redis_url: str) -> AsyncIterator[Process]:
    """Run a service of our image: its own command and settings, but for where things are."""
    service, address = ours()[name], "" if name == "relay" else _free_address()
    there = {
        "LXBC_DATABASE_URL": database_url,
        "LXBC_REDIS_URL": redis_url,
        "LXBC_DATA_DIR": str(folder),
        "LXBC_PORT": address.rpartition(":")[2],
        "LXBC_REQUESTS_PER_MINUTE": "0",  # tests ask as fast as they can, all as one account
    }
    command = [sys.executable, "-m", "lxbc_graph", *service["command"]]
    process = Process(command, service["environment"] | there, address, folder / f"{name}.log")
    async with _running(process):
        yield process


@asynccontextmanager
async def proxy(addresses: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run nginx with the configuration in docker/, in which only the addresses of services and its own are others."""
    address = _free_address()
    # Not pytest's own directory, which it closes to the user that nginx's workers have.
    with TemporaryDirectory(prefix="lxbc-nginx-") as folder:
        process = Process(_proxied(address, addresses, Path(folder)), {}, address, Path(folder, "log"))
        async with _running(process):
            yield process


def _proxied(address: str, addresses: Mapping[str, str], folder: Path) -> list[str]:
    """Write the configuration into the folder, and return the command that runs it there."""
    text = _replaced((FOLDER / "nginx.conf").read_text(), r"listen \d+", f"listen {address}")
    for name, elsewhere in addresses.items():
        text = _replaced(text, rf"server {name}:\d+", f"server {elsewhere}")
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    folder.chmod(0o711)
    _, *arguments = services()["proxy"]["command"]
    at = arguments.index("-p") + 1
    return [nginx(), "-c", str(configuration), *arguments[:at], f"{folder}/", *arguments[at + 1 :]]


@asynccontextmanager
async def _running(process: Process) -> AsyncIterator[None]:
    try:
        await process.start()
        yield
    finally:
        await process.end()


async def _answers(address: str) -> bool:
    """Tell whether it can be connected to: nobody listens before the work can be done."""
    host, _, port = address.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _replaced(text: str, pattern: str, by: str) -> str:
    found, count = re.subn(pattern, by, text)
    assert count == 1, pattern
    return found


def _free_address() -> str:
    """Below the ports that connections are made from: one of those would take it while nobody listens."""
    while True:
        address = ("127.0.0.1", random.randrange(20_000, 30_000))  # noqa: S311 - no secret
        try:
            socket.create_server(address).close()
        except OSError:
            continue
        return f"{address[0]}:{address[1]}"
