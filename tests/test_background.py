"""Whatever the database answers for a while, what runs beside the requests goes on afterwards, and missed nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.conftest import World
from tests.reference.agreement import parse
from tests.test_following import PATIENCE, WORLD, Town, ended, heard

from lxbc_graph.app import open_service, running
from lxbc_graph.live.background import kept
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

Admin = asyncpg.Connection
COUNT = "{ issues { nodes { events { totalCount } } } }"


@asynccontextmanager
async def let_nobody_in(admin: Admin, name: str, _url: str) -> AsyncIterator[None]:
    """As for maintenance."""
    await admin.execute(f'alter database "{name}" allow_connections false')
    await put_out(admin, name)
    yield
    await admin.execute(f'alter database "{name}" allow_connections true')


@asynccontextmanager
async def renamed(admin: Admin, name: str, _url: str) -> AsyncIterator[None]:
    """As while another is put in its place."""
    await admin.execute(f'alter database "{name}" allow_connections false')
    await put_out(admin, name)
    await admin.execute(f'alter database "{name}" rename to elsewhere')
    yield
    await admin.execute(f'alter database elsewhere rename to "{name}"')
    await admin.execute(f'alter database "{name}" allow_connections true')


@asynccontextmanager
async def without_tables(_admin: Admin, _name: str, url: str) -> AsyncIterator[None]:
    """As while they are put back from a dump."""
    connection = await asyncpg.connect(url)
    for table in ("event", "account", "signing_key"):
        await connection.execute(f"alter table {table} rename to {table}_elsewhere")
    yield
    for table in ("event", "account", "signing_key"):
        await connection.execute(f"alter table {table}_elsewhere rename to {table}")
    await connection.close()


async def put_out(admin: Admin, name: str) -> None:
    await admin.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(let_nobody_in, "UNAVAILABLE"), (renamed, "UNAVAILABLE"), (without_tables, "INTERNAL")],
)
async def test_after_any_trouble_events_come_and_access_is_looked_at(
    database_url: str, world: World, trouble: Callable[[Admin, str, str], Any], code: str
) -> None:
    await world(WORLD)
    name = database_url.rsplit("/", 1)[1].partition("?")[0]
    admin = await asyncpg.connect(database_url, database="postgres")
    async with open_service(Settings(database_url=database_url)) as service, running(service) as jobs:
        town = Town(service)
        office = await service.accounts.principal("office")
        async with await town.follow("office") as stream:
            before = await town.report()
            assert (await heard(stream))["event"]["issue"]["id"] == before
            with capture_logs() as logs:
                async with trouble(admin, name, database_url):
                    answer = parse((await service.executor.execute(Request(COUNT), office)).body)
                    assert answer["errors"][0]["extensions"]["code"] == code
                    await until(lambda: any(entry["log_level"] in {"warning", "error"} for entry in logs))
                    await asyncio.sleep(1)  # so that each has met it
            await until(lambda: not any(job.failing for job in jobs))
            after = await town.report()
            assert (await heard(stream))["event"]["issue"]["id"] == after
            assert {job.name for job in jobs} >= {"log", "access", "keys", "policy", "relay"}
            await service.database.pool.execute(
                "update account set disabled_at = now() where name = 'office'"
            )
            assert await ended(stream) == "ACCESS_REVOKED"
    await admin.close()


async def test_a_job_that_fails_is_told_once_and_begun_again_until_it_is_well() -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 4:
            raise ValueError("no")
        await asyncio.Future()

    with capture_logs() as logs:
        async with kept(work=work) as (job,):
            await until(lambda: begun == 4)
            assert job.failing
            await until(lambda: not job.failing)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("background task failed", "work")]
