"""The topology under test: PostgreSQL, Redis where it is asked for, API processes at their addresses, and relays."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from tests.redis_server import RedisServer, redis_server

from lxbc_graph.http.server import bind

from .ground import Ground, lay
from .postgres import Postgres
from .process import Process, until

LOOPBACK = "127.0.0.1"


class Relay(Process):
    """A process that numbers events and climbs the ladder, if elected."""

    def __init__(self, name: str, settings: Mapping[str, str], log: Path) -> None:
        super().__init__(name, _command("relay"), _environment(settings), log)


class Api(Process):
    """A process that serves the API at one address, however often it is started; it numbers events, if elected."""

    def __init__(self, name: str, settings: Mapping[str, str], log: Path, port: int) -> None:
        own = {"LXBC_HOST": LOOPBACK, **settings, "LXBC_PORT": str(port)}
        super().__init__(name, _command("serve"), _environment(own), log)
        self.address = f"{own['LXBC_HOST']}:{port}"

    async def healthy(self) -> None:
        """Wait until it says that it can do its work."""

        async def is_healthy() -> bool:
            self.check()
            try:
                async with aiohttp.request("GET", f"http://{self.address}/healthz") as response:
                    return response.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(is_healthy, f"{self.name} to be healthy")


@dataclass(frozen=True, slots=True)
class Topology:
    """All that runs; whoever is killed can be started again."""

    directory: Path
    postgres: Postgres
    ground: Ground
    redis: RedisServer | None
    apis: tuple[Api, ...]
    relays: tuple[Relay, ...]

    @property
    def addresses(self) -> list[str]:
        """Where the API is served."""
        return [api.address for api in self.apis]

    async def relaying(self) -> Process:
        """Return the process that numbers events, as soon as there is one."""
        found: list[Process] = []

        async def is_elected() -> bool:
            role = await self.postgres.elected()
            found.extend(one for one in (*self.apis, *self.relays) if one.name == role)
            return bool(found)

        await until(is_elected, "a relay to be elected")
        return found[0]

    def check(self) -> None:
        """Raise RuntimeError if a process has ended that nobody has ended."""
        for process in (*self.apis, *self.relays):
            process.check()


@asynccontextmanager
async def running(
    directory: Path,
    *,
    apis: int = 2,
    relays: int = 0,
    with_redis: bool = False,
    given: Mapping[str, str] = {},
) -> AsyncIterator[Topology]:
    """Start everything in an empty directory and wait until it works; all of it ends with the context.

    It needs no relay: API processes number events too. ``given`` are settings beside those that it takes anyway.
    """
    async with Postgres.running(directory / "data") as postgres:
        with ExitStack() as stack:
            ground = await lay(postgres.url)
            redis = stack.enter_context(redis_server()) if with_redis else None
            settings = {"LXBC_DATA_DIR": str(directory / "files"), **given}
            host = settings.get("LXBC_HOST", LOOPBACK)
            if redis is not None:
                settings["LXBC_REDIS_URL"] = redis.url

            async def place(name: str) -> tuple[str, dict[str, str], Path]:
                return (
                    name,
                    settings | {"LXBC_DATABASE_URL": await postgres.url_for(name)},
                    directory / f"{name}.log",
                )

            served = tuple([Api(*await place(f"api{one}"), _reserved(stack, host)) for one in range(apis)])
            relaying = tuple([Relay(*await place(f"relay{one}")) for one in range(relays)])
            for process in (*served, *relaying):
                stack.callback(process.kill)
                process.start()
            for api in served:
                await api.healthy()
            yield Topology(directory, postgres, ground, redis, served, relaying)


def _command(verb: str) -> list[str]:
    return [sys.executable, "-m", "lxbc_graph", verb]


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    # What is installed is compiled once, not at each start.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    rest = {name: value for name, value in kept.items() if not name.startswith("LXBC_")}
    return {**rest, "LXBC_REQUESTS_PER_MINUTE": "0", **settings}


def _reserved(stack: ExitStack, host: str) -> int:
    """Return a port that only who asks for it by number gets, even while nobody listens on it.

    Without this, one of the many connections that are tried while a process is down would soon take it for its own.
    """
    reserved = stack.enter_context(bind(host, 0))
    port: int = reserved.getsockname()[1]
    return port
