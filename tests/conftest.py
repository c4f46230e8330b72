"""A real PostgreSQL for the whole run, a fresh database for each test."""

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from lxbc_graph.store.database import Database
from lxbc_graph.store.embedded import EmbeddedServer
from lxbc_graph.store.migrate import upgrade

_DIRECTORY = "LXBC_TEST_DATA_DIR"
_TEMPLATE = "lxbc_template"

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")

World = Callable[[dict[str, Any]], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    # Ended with SIGTERM, a run still puts its server away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # the workers inherit it
        os.environ[_DIRECTORY] = tempfile.mkdtemp(prefix="lxbc-test-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_DIRECTORY), ignore_errors=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of the run's PostgreSQL; it runs until the last worker lets go."""
    server = EmbeddedServer.start(Path(os.environ[_DIRECTORY]), durable=False)
    yield server.url
    server.stop()


def url_of(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a migrated, empty database, made once for all workers."""
    asyncio.run(_make_template(server_url))
    return _TEMPLATE


async def _make_template(server_url: str) -> None:
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute("select pg_advisory_lock(1)")
        if not await admin.fetchval("select true from pg_database where datname = $1", _TEMPLATE):
            await admin.execute("create database lxbc_building")
            await asyncio.to_thread(upgrade, url_of(server_url, "lxbc_building"))
            await admin.execute(f"alter database lxbc_building rename to {_TEMPLATE}")
    finally:
        await admin.close()


@asynccontextmanager
async def fresh_database(server_url: str, template: str) -> AsyncIterator[str]:
    """Make a database, migrated and empty, and give its URL; drop it at the end."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"create database {name} template {template}")
        yield url_of(server_url, name)
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """The URL of a database of this test's own, migrated and empty."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of this test's own, opened."""
    opened = await Database.open(database_url, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def world(database: Database) -> World:
    """A function that loads a world (docs/world.md) into this test's database."""

    async def load(world: dict[str, Any]) -> None:
        from lxbc_graph.demo.world import load as load_world  # noqa: PLC0415 - only tests with a world need it

        await load_world(database, world)

    return load
