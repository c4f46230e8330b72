"""Lanes: one statement each, the connection kept for the next, whatever became of the last."""

import asyncio

import asyncpg
import pytest

from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

PID = "select pg_backend_pid()"


async def test_one_after_another_they_share_a_connection(database: Database) -> None:
    assert len({await database.lanes.fetchval(PID) for _ in range(5)}) == 1


async def test_no_more_run_at_a_time_than_there_are_lanes(database: Database) -> None:
    asked = [database.lanes.fetchval("select pg_backend_pid() from pg_sleep(0.01)") for _ in range(20)]
    assert len(set(await asyncio.gather(*asked))) <= 4  # the fixture's pool_size


async def test_a_refused_statement_leaves_its_lane_as_it_was(database: Database) -> None:
    before = await database.lanes.fetchval(PID)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.lanes.fetchval("select 1 / 0")
    with pytest.raises(asyncpg.DataError):
        await database.lanes.fetchval("select $1::bigint", "no number")
    assert await database.lanes.fetchval(PID) == before


async def test_nobody_gets_the_connection_of_a_statement_that_was_given_up(database: Database) -> None:
    before = await database.lanes.fetchval(PID)
    given_up = asyncio.create_task(database.lanes.fetchval("select pg_sleep(3600)"))
    while not await database.pool.fetchval(
        "select exists (select from pg_stat_activity where query = 'select pg_sleep(3600)')"
    ):
        pass
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await database.lanes.fetchval(PID) != before


async def test_a_lane_that_the_server_closed_is_opened_again(database: Database) -> None:
    before = await database.lanes.fetchval(PID)
    await database.pool.execute("select pg_terminate_backend($1, 5000)", before)
    while True:
        try:
            after = await database.lanes.fetchval(PID)
            break
        except (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError, OSError):
            continue  # the end of the connection had not arrived yet
    assert after != before
