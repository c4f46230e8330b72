"""Lanes: one statement each, the connection kept for the next, whatever became of the last."""

import asyncio
import json

import asyncpg
import pytest
from tests.conftest import World
from tests.outages import end_connections

from lxbc_graph.app import open_service
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database
from lxbc_graph.store.outage import LOST

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


async def test_statements_are_sent_again_when_every_idle_lane_has_died(
    database: Database, database_url: str
) -> None:
    asked = [database.lanes.fetchval("select pg_backend_pid() from pg_sleep(0.01)") for _ in range(4)]
    before = set(await asyncio.gather(*asked))
    end_connections(database_url)
    after = await asyncio.gather(*(database.lanes.fetchval(PID) for _ in range(20)))
    assert before.isdisjoint(after)
    assert len(before) > 1


async def test_a_statement_is_sent_again_once_and_no_more(database: Database, database_url: str) -> None:
    holder = await asyncpg.connect(database_url)
    await holder.execute("select pg_advisory_lock(1)")
    await database.lanes.fetchval(PID)
    waiting = asyncio.create_task(database.lanes.fetchval("select pg_advisory_lock_shared(1)::text"))
    for _ in range(2):
        pid = None
        while pid is None:
            pid = await holder.fetchval(
                "select pid from pg_locks where locktype = 'advisory' and not granted"
            )
        await holder.execute("select pg_terminate_backend($1, 5000)", pid)
    with pytest.raises(LOST):
        await waiting
    await holder.execute("select pg_advisory_unlock(1)")
    await database.lanes.fetchval("select pg_advisory_lock_shared(1)::text")
    await holder.close()


async def test_a_statement_that_took_too_long_is_not_sent_again(database_url: str) -> None:
    database = await Database.open(database_url, pool_size=1, statement_timeout_ms=20)
    before = await database.lanes.fetchval(PID)
    with pytest.raises(asyncpg.QueryCanceledError):
        await database.lanes.fetchval("select pg_sleep(3600)::text || pg_backend_pid()")
    assert await database.lanes.fetchval(PID) == before
    await database.close()


async def test_one_account_leaves_half_of_the_lanes_to_others(database: Database, database_url: str) -> None:
    holder = await asyncpg.connect(database_url)
    await holder.execute("select pg_advisory_lock(1)")
    locked = "select pg_advisory_lock_shared(1)::text"
    waiting = [asyncio.create_task(database.lanes.fetchval(locked, account=1)) for _ in range(9)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await database.lanes.fetchval("select 2", account=2) == 2
        assert await database.lanes.fetchval("select 0") == 0
    assert not any(task.done() for task in waiting)
    await holder.close()
    await asyncio.gather(*waiting)
    assert not database.lanes._lines, "and who asks no more is forgotten"


async def test_the_reads_of_one_account_leave_room_for_those_of_another(
    world: World, database_url: str
) -> None:
    unit = {"code": "411024"}
    postings = [{"role": "county_office", "unit": unit["code"]}]
    await world(
        {
            "units": [{"code": "4110"}, unit],
            "accounts": [{"name": name, "postings": postings} for name in ("greedy", "modest")],
        }
    )
    async with open_service(Settings(database_url=database_url, pool_size=2)) as service:
        greedy, modest = [await service.accounts.principal(name) for name in ("greedy", "modest")]
        holder = await asyncpg.connect(database_url)
        await holder.execute("begin; lock table issue")
        issues = Request("{ issues { nodes { id } } }")
        waiting = [asyncio.create_task(service.executor.execute(issues, greedy)) for _ in range(5)]
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            answer = await service.executor.execute(Request("{ viewer { account } }"), modest)
        assert json.loads(answer.body) == {"data": {"viewer": {"account": "modest"}}}
        assert not any(task.done() for task in waiting)
        await holder.close()
        assert {one.body for one in await asyncio.gather(*waiting)} == {b'{"data":{"issues":{"nodes":[]}}}'}


async def test_what_an_array_is_need_be_asked_once(database: Database) -> None:
    async def asked() -> list[str]:
        sent: list[str] = []
        connection = await database.lanes._connect()
        connection.add_query_logger(lambda query: sent.append(query.query))
        row = await connection.fetchrow("select $1::bigint[], $2::text[]", [1], ["a"])
        assert row is not None
        assert tuple(row) == ([1], ["a"])
        await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the loop
        await connection.close()
        return sent

    await asked()
    assert await asked() == ["select $1::bigint[], $2::text[]"]
