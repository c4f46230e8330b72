"""The relay, the broker and the log: nothing lost, nothing twice, whatever happens in between."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing, asynccontextmanager
from itertools import chain, count, pairwise
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.live.access import Access
from lxbc_graph.live.backoff import outlast
from lxbc_graph.live.bell import Bell
from lxbc_graph.live.broker import LocalBroker, Topic
from lxbc_graph.live.channel import Channel
from lxbc_graph.live.cursors import Cursors, InvalidCursor
from lxbc_graph.live.feed import FigureFeed
from lxbc_graph.live.figure_group import FigureGroup
from lxbc_graph.live.frame import MESSAGE_BYTES, Frame, portions
from lxbc_graph.live.log import CursorAhead, CursorExpired, EventHead, Log, Route
from lxbc_graph.live.relay import RELAY_LOCK, Relay
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.database import Database
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

CURSORS = Cursors(AESSIV.generate_key(256))
PATIENCE = 60.0  # seconds until a test is given up; nothing is measured by it


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run the jobs beside the block; one that ends by itself fails the test."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield tasks
        for task in tasks:
            assert not task.done() or task.cancelled(), task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def an_issue(pool: asyncpg.Connection | asyncpg.Pool) -> int:
    """Insert an issue of a city of its own and return its id."""
    unit = await pool.fetchval(
        "insert into unit (code, name, level, city_id, valid_from) "
        "values ('411000000000', '许昌市', 'CITY', 1, '2021-01-01') returning id"
    )
    issue: int = await pool.fetchval(
        "insert into issue (number, title, description, unit_id, city_id, finder_name, finder_rank, "
        "unit_level, source, state, reported_at, updated_at) "
        "values ('1', 't', 'd', $1, 1, 'f', 'STAFF', 'CITY', 'VISIT', 'REPORTED', now(), now()) returning id",
        unit,
    )
    return issue


async def happen(connection: Connection | asyncpg.Pool, issue: int, times: int = 1) -> list[int]:
    """Insert events of the issue and return their ids; they commit with the connection's transaction."""
    rows = await connection.fetch(
        "insert into event (issue_id, kind, to_state, actor_name, at, unit_id, city_id, county_id) "
        "select issue.id, 'REPORTED', 'REPORTED', 'a', now(), unit_id, city_id, 7 "
        "from issue, generate_series(1, $2) where issue.id = $1 returning id",
        issue,
        times,
    )
    return [row[0] for row in rows]


async def take(events: AsyncIterator[EventHead], number: int) -> list[EventHead]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(events) for _ in range(number)]


CITY = ("u", 1)


def follow(log: Log, after: int | None, *routes: Route) -> "aclosing[AsyncGenerator[EventHead]]":
    return aclosing(one_by_one(log, after, routes or (CITY,)))


async def one_by_one(log: Log, after: int | None, routes: Iterable[Route]) -> AsyncGenerator[EventHead]:
    position = await log.head() if after is None else after
    async with aclosing(log.follow(position, tuple(routes))) as batches:
        async for heads, through in batches:
            assert all(head.seq <= through for head in heads)
            for head in heads:
                yield head


async def order_of(pool: asyncpg.Pool) -> list[tuple[int, int]]:
    """What the table says: (seq, id) of every numbered event, in order."""
    return [tuple(row) for row in await pool.fetch("select seq, id from event where seq > 0 order by seq")]


def pairs(events: Iterable[EventHead]) -> list[tuple[int, int]]:
    return [(event.seq, event.id) for event in events]


async def kill_relay(admin: asyncpg.Connection) -> bool:
    """Kill the connection that holds the relay's lock; return whether there was one."""
    killed: bool | None = await admin.fetchval(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and (classid::bigint << 32) | objid::bigint = $1",
        RELAY_LOCK,
    )
    return bool(killed)


@pytest.fixture
async def broker() -> LocalBroker:
    return LocalBroker()


@pytest.fixture
def relay(database: Database, broker: LocalBroker) -> Relay:
    return Relay(database.pool, broker)


@pytest.fixture(params=[1, 1024], ids=["forgetful", "mindful"])
def log(database: Database, broker: LocalBroker, request: pytest.FixtureRequest) -> Log:
    return Log(database.pool, broker, CURSORS, remembered=request.param)


async def test_an_event_in_flight_says_which_and_whom_it_may_concern_and_no_more(
    database: Database, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        before = time.time()
        [event_id] = await happen(database.pool, issue)
        broker.publish(Topic.COMMITTED)
        [event] = await take(events, 1)
    assert event == EventHead(
        1, event_id, issue, event.committed_at, frozenset([CITY, ("u", 7)]), frozenset([CITY])
    )
    assert event.committed_at is not None
    assert before <= event.committed_at <= time.time()


async def test_when_an_event_was_committed_is_told_by_the_clock_of_the_reader(
    database: Database, log: Log
) -> None:
    """An hour ago, and not known."""
    issue = await an_issue(database.pool)
    await happen(database.pool, issue, 2)
    await database.pool.execute("update event set seq = id")
    before = time.time()
    await database.pool.execute(
        "update event set committed_at = clock_timestamp() - interval '1 hour' where id = 1"
    )
    async with running(log.run()), follow(log, 0) as events:
        [known, unknown] = await take(events, 2)
    assert known.committed_at is not None
    assert before <= known.committed_at + 3600 <= time.time()
    assert unknown.committed_at is None


async def test_a_follower_is_handed_what_is_on_its_routes_and_reads_no_more_than_that_either(
    database: Database, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    """Under the seventh unit happens every event, under the eighth none, and every third has an eye on it."""
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0, ("u", 7), ("u", 8)) as seventh:
        for turn in range(1, 31):
            async with database.pool.acquire() as connection, connection.transaction():
                [event] = await happen(connection, issue)
                if turn % 3 == 0:
                    await connection.execute("update event set county_id = 8 where id = $1", event)
            broker.publish(Topic.COMMITTED)
            assert [event.seq for event in await take(seventh, 1)] == [turn]
        async with follow(log, 0, ("u", 9), ("c", 7)) as nobody, follow(log, 4, ("u", 8)) as eighth:
            assert [event.seq for event in await take(eighth, 9)] == list(range(6, 31, 3))
            waiting = asyncio.ensure_future(anext(nobody))
            await happen(database.pool, issue)
            broker.publish(Topic.COMMITTED)
            await take(seventh, 1)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait({waiting})


async def test_a_later_id_that_commits_first_comes_first_and_the_earlier_one_is_not_lost(
    database: Database, database_url: str, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    early, late = [await asyncpg.connect(database_url) for _ in range(2)]
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        slow, quick = early.transaction(), late.transaction()
        await slow.start()
        await quick.start()
        [first_id] = await happen(early, issue)
        [second_id] = await happen(late, issue)
        assert first_id < second_id
        await quick.commit()
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 1)) == [(1, second_id)]
        await slow.commit()
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 1)) == [(2, first_id)]
        async with follow(log, 0) as again:
            assert pairs(await take(again, 2)) == [(1, second_id), (2, first_id)]
    await early.close()
    await late.close()


async def test_an_idle_transaction_delays_nobody_else(
    database: Database, database_url: str, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    idle = await asyncpg.connect(database_url)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        open_transaction = idle.transaction()
        await open_transaction.start()
        held = await happen(idle, issue, 3)
        others = await happen(database.pool, issue, 1500)
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 1500)) == list(enumerate(others, start=1))
        await open_transaction.commit()
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 3)) == list(enumerate(held, start=1501))
    await idle.close()


async def test_an_event_is_numbered_however_many_have_overtaken_it(
    database: Database, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        async with database.pool.acquire() as idle, idle.transaction():
            [overtaken] = await happen(idle, issue)
            for _ in range(3):
                others = await happen(database.pool, issue, 700)
                broker.publish(Topic.COMMITTED)
                assert [event.id for event in await take(events, 700)] == others
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 1)) == [(2101, overtaken)]


async def test_what_is_rolled_back_never_happened_and_takes_no_number(
    database: Database, database_url: str, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    undecided = await asyncpg.connect(database_url)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        transaction = undecided.transaction()
        await transaction.start()
        await happen(undecided, issue, 2)
        await transaction.rollback()
        committed = await happen(database.pool, issue, 2)
        broker.publish(Topic.COMMITTED)
        assert pairs(await take(events, 2)) == [(1, committed[0]), (2, committed[1])]
    await undecided.close()


async def test_commits_that_nobody_announces_are_found_by_polling(
    database: Database, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        for _ in range(3):
            ids = await happen(database.pool, issue)
            assert [event.id for event in await take(events, 1)] == ids


async def test_a_reader_whose_broker_is_silent_reads_all_the_same(
    database: Database, broker: LocalBroker, relay: Relay
) -> None:
    issue = await an_issue(database.pool)
    deaf = Log(database.pool, LocalBroker(), CURSORS)
    async with running(relay.run(), deaf.run()), follow(deaf, 0) as events:
        ids = await happen(database.pool, issue, 3)
        broker.publish(Topic.COMMITTED)
        assert [event.id for event in await take(events, 3)] == ids


async def test_numbering_continues_after_what_a_load_has_numbered(
    database: Database, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    await happen(database.pool, issue, 5)
    await database.pool.execute("update event set seq = 10 * id")
    await happen(database.pool, issue, 2)
    async with running(relay.run(), log.run()), follow(log, 30) as events:
        assert [event.seq for event in await take(events, 4)] == [40, 50, 51, 52]


async def test_a_wake_is_enough_to_reach_a_follower_without_polling(
    database: Database, broker: LocalBroker
) -> None:
    issue = await an_issue(database.pool)
    relay = Relay(database.pool, broker, poll_seconds=1000)
    log = Log(database.pool, broker, CURSORS, poll_seconds=1000)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        for turn in range(1, 6):
            waiting = asyncio.ensure_future(take(events, 1))
            await happen(database.pool, issue)
            broker.publish(Topic.COMMITTED)
            assert [event.seq for event in await waiting] == [turn]


async def test_a_long_history_is_replayed_to_who_joins_when_nothing_happens_any_more(
    database: Database, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0) as present:
        await happen(database.pool, issue, 1500)
        broker.publish(Topic.COMMITTED)
        await take(present, 1500)
        async with follow(log, 0) as late:
            assert [event.seq for event in await take(late, 1500)] == list(range(1, 1501))


async def test_who_comes_back_is_told_the_same_from_memory_as_from_the_table(
    database: Database, broker: LocalBroker, relay: Relay
) -> None:
    """Also of what an issue went through where it stood before."""
    dice = random.Random(5)  # noqa: S311 - no secret
    mindful, forgetful = (Log(database.pool, broker, CURSORS, remembered=size) for size in (12, 1))
    first = await an_issue(database.pool)
    issues = [first, *(row["id"] for row in await database.pool.fetch(_ANOTHER, first))]
    async with running(relay.run(), mindful.run(), forgetful.run()):
        for times in range(40):
            issue = dice.choice(issues)
            if dice.random() < 0.5:
                await database.pool.execute(_MOVE, issue, dice.randrange(3))
            await happen(database.pool, issue)
            broker.publish(Topic.COMMITTED)
            async with follow(mindful, times) as one, follow(forgetful, times) as other:
                await take(one, 1)
                await take(other, 1)
            after = dice.randrange(times + 1)
            for route in (("u", 10), ("u", 11), ("u", 12), CITY):
                assert await _told(mindful, after, route) == await _told(forgetful, after, route)


_ANOTHER = """
insert into issue (number, title, description, unit_id, city_id, finder_name, finder_rank,
                   unit_level, source, state, reported_at, updated_at)
select 'another ' || n, title, description, unit_id, city_id, finder_name, finder_rank,
       unit_level, source, state, reported_at, updated_at
from issue, generate_series(1, 3) n where issue.id = $1 returning id
"""
_MOVE = "update issue set county_id = 10 + $2 where id = $1"


async def _told(log: Log, after: int, route: Route) -> list[tuple[int, int]]:
    found: list[EventHead] = []
    async with aclosing(log.follow(after, (route,))) as batches:
        async for heads, through in batches:
            found += heads
            if through == log.tail:
                break
    return pairs(found)


async def test_following_without_a_cursor_begins_now_and_has_no_gap(
    database: Database, broker: LocalBroker, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    await happen(database.pool, issue, 3)
    async with running(relay.run(), log.run()), follow(log, 0) as history:
        await take(history, 3)
        async with follow(log, None) as events:
            first = asyncio.ensure_future(take(events, 1))
            async with asyncio.timeout(PATIENCE):
                while not first.done():  # until it has begun
                    await happen(database.pool, issue)
                    broker.publish(Topic.COMMITTED)
                    await take(history, 1)
            [begun] = first.result()
            assert begun.seq > 3
            await happen(database.pool, issue, 5)
            broker.publish(Topic.COMMITTED)
            assert [event.seq for event in await take(events, 5)] == [begun.seq + n for n in range(1, 6)]


async def test_a_follower_that_falls_behind_reads_the_table_instead_of_growing_a_queue(
    database: Database, broker: LocalBroker, relay: Relay
) -> None:
    issue = await an_issue(database.pool)
    small = Log(database.pool, broker, CURSORS, buffer=4)
    async with running(relay.run(), small.run()), follow(small, 0) as slow, follow(small, 0) as quick:
        await happen(database.pool, issue)
        broker.publish(Topic.COMMITTED)
        await take(slow, 1)
        await take(quick, 1)
        for expected in range(2, 101):
            await happen(database.pool, issue)
            broker.publish(Topic.COMMITTED)
            assert [event.seq for event in await take(quick, 1)] == [expected]
        channels = set().union(*small._followers.values())
        assert len(channels) == 2
        assert all(len(channel._items) <= 4 for channel in channels)
        assert [event.seq for event in await take(slow, 99)] == list(range(2, 101))


async def test_followers_that_keep_up_cost_the_database_nothing(
    database: Database, broker: LocalBroker, relay: Relay, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = await an_issue(database.pool)
    readers: list[asyncio.Task[Any] | None] = []
    rows = log._rows

    async def counted(after: int) -> list[asyncpg.Record]:
        readers.append(asyncio.current_task())
        return await rows(after)

    monkeypatch.setattr(log, "_rows", counted)
    async with running(relay.run(), log.run()) as (_, tail):
        everybody = [one_by_one(log, 0, [CITY]) for _ in range(100)]
        for turn in range(1, 31):
            if turn == 2:  # by now all have read the table once
                readers.clear()
            await happen(database.pool, issue)
            broker.publish(Topic.COMMITTED)
            for events in everybody:
                assert [event.seq for event in await take(events, 1)] == [turn]
        assert set(readers) == {tail}
        for events in everybody:
            await events.aclose()
        assert not log._followers


async def test_figures_are_looked_at_once_after_a_burst_and_its_last_event_is_not_missed(
    database: Database, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    looks: list[int] = []
    free = asyncio.Event()

    async def look() -> bytes:
        looks.append(await log.head())
        await free.wait()
        return b""

    async def until(happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not happened():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    feed = FigureFeed("figures", frozenset({CITY}), look, interval_seconds=0.0)
    group = FigureGroup(feed, log, Access(Accounts(database.pool, 1.0), lambda: None), Telemetry())
    async with running(relay.run(), log.run()):
        await log.started()
        async with running(group.serve()):
            await happen(database.pool, issue)
            await until(lambda: looks == [1])  # and this look has yet to end
            await happen(database.pool, issue, 4000)
            await until(lambda: log.tail == 4001)
            free.set()
            await until(lambda: looks[-1] == 4001)
            await happen(database.pool, issue)
            await until(lambda: looks[-1] == 4002)
            assert looks == [1, 4001, 4002]


async def test_two_relays_one_is_elected_and_the_other_takes_over(
    database: Database, broker: LocalBroker, log: Log
) -> None:
    issue = await an_issue(database.pool)
    relays = [Relay(database.pool, broker) for _ in range(2)]
    async with (
        running(log.run(), *(relay.run() for relay in relays)) as (_, *tasks),
        follow(log, 0) as events,
    ):
        await happen(database.pool, issue)
        await take(events, 1)
        assert sorted(relay.elected for relay in relays) == [False, True]
        first = relays.index(next(relay for relay in relays if relay.elected))
        tasks[first].cancel()
        await asyncio.wait({tasks[first]})
        assert not relays[first].elected
        await happen(database.pool, issue, 3)
        assert [event.seq for event in await take(events, 3)] == [2, 3, 4]
        assert relays[1 - first].elected


async def test_the_relay_and_the_readers_survive_the_loss_of_every_connection(
    database: Database, database_url: str, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    admin = await asyncpg.connect(database_url)
    async with running(relay.run(), log.run()), follow(log, 0) as events:
        for turn in range(1, 4):
            await happen(admin, issue)
            assert [event.seq for event in await take(events, 1)] == [turn]
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
    await admin.close()


async def test_a_read_that_is_killed_halfway_is_made_again(
    database: Database, database_url: str, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    locker, killer = [await asyncpg.connect(database_url) for _ in range(2)]
    reading = "from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'select (e.seq|min)'"
    async with running(relay.run(), log.run()), follow(log, 0) as events, follow(log, 0) as again:
        await happen(killer, issue, 3)
        await take(events, 3)
        async with asyncio.timeout(PATIENCE):
            async with locker.transaction():
                await locker.execute("lock table event in access exclusive mode")
                waiting = asyncio.ensure_future(take(again, 3))
                while await killer.fetchval(f"select count(*) {reading}") < 2:  # noqa: ASYNC110 - both readers
                    await asyncio.sleep(0)
                assert await killer.fetchval(f"select bool_and(pg_terminate_backend(pid)) {reading}")
            assert [event.seq for event in await waiting] == [1, 2, 3]
        await happen(killer, issue)
        assert [event.seq for event in await take(events, 1)] == [4]
    await locker.close()
    await killer.close()


async def test_a_cancelled_relay_leaves_neither_lock_nor_connection(
    database: Database, database_url: str, relay: Relay, log: Log
) -> None:
    issue = await an_issue(database.pool)
    admin = await asyncpg.connect(database_url)
    await happen(admin, issue)
    async with running(log.run()), follow(log, 0) as events:
        task = asyncio.create_task(relay.run())
        await take(events, 1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
    async with asyncio.timeout(PATIENCE):
        await admin.execute("select pg_advisory_lock($1)", RELAY_LOCK)  # waits only while somebody holds it
    assert database.pool.get_idle_size() == database.pool.get_size()
    await admin.close()


async def write(url: str, issue: int, chance: random.Random) -> list[int]:
    """Commit or roll back thirty transactions of a few events each; return the ids that were committed."""
    connection = await asyncpg.connect(url)
    written: list[int] = []
    for _ in range(30):
        transaction = connection.transaction()
        await transaction.start()
        ids = await happen(connection, issue, chance.randint(1, 4))
        for _ in range(chance.randint(0, 5)):
            await connection.execute("select 1")  # others go on meanwhile
        if chance.random() < 0.2:
            await transaction.rollback()
        else:
            await transaction.commit()
            written += ids
    await connection.close()
    return written


async def relay_again_and_again(
    database: Database,
    broker: LocalBroker,
    killer: asyncpg.Connection,
    chance: random.Random,
    calm: asyncio.Event,
) -> None:
    """Run one relay after the other, each killed or cancelled while it works; the one in the calm stays."""
    for turn in count():
        relay = Relay(database.pool, broker, poll_seconds=0.01)
        async with running(relay.run()):
            for _ in range(chance.randint(1, 20)):
                await killer.execute("select 1")
                broker.publish(Topic.COMMITTED)
            if turn % 2:
                await kill_relay(killer)
            if calm.is_set():
                await asyncio.Event().wait()


async def subscribe_again_and_again(
    log: Log, chance: random.Random, seen: list[tuple[int, int]], total: "asyncio.Future[int]"
) -> None:
    """Journal every event, coming back with the last cursor after every few, until there are as many as said."""
    while not (total.done() and len(seen) >= total.result()):
        after = await log.position(log.cursor(seen[-1][0] if seen else 0))
        async with follow(log, after) as events:
            for _ in range(chance.randint(1, 40)):
                seen += pairs(await take(events, 1))
                if total.done() and len(seen) >= total.result():
                    break


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_writers_in_any_order_and_a_relay_killed_over_and_over_lose_nothing_and_repeat_nothing(
    database: Database, database_url: str, broker: LocalBroker, log: Log, seed: int
) -> None:
    """The oracle is what was committed: each event once, numbered without gap; each follower saw just that."""
    chance = random.Random(seed)  # noqa: S311
    issue = await an_issue(database.pool)
    killer = await asyncpg.connect(database_url)
    calm, total = asyncio.Event(), asyncio.get_running_loop().create_future()
    journals: list[list[tuple[int, int]]] = [[] for _ in range(10)]
    async with running(log.run(), relay_again_and_again(database, broker, killer, chance, calm)):
        subscribers = [
            asyncio.create_task(subscribe_again_and_again(log, chance, seen, total)) for seen in journals
        ]
        written = await asyncio.gather(*(write(database_url, issue, chance) for _ in range(5)))
        calm.set()
        total.set_result(sum(map(len, written)) + 1)
        written.append(await happen(database.pool, issue))
        await asyncio.gather(*subscribers)
    everything = await order_of(database.pool)
    assert [seq for seq, _ in everything] == list(range(1, total.result() + 1))
    assert sorted(event_id for _, event_id in everything) == sorted(chain.from_iterable(written))
    assert all(seen == everything for seen in journals)
    await killer.close()


async def test_followers_end_where_the_log_is_of_another_time(
    database: Database, relay: Relay, log: Log
) -> None:
    """The database was restored from before: its later events are others under the same numbers."""
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()):
        async with follow(log, 0) as events, follow(log, 0) as live:
            await happen(database.pool, issue, 20)
            await take(events, 20)
            await take(live, 20)
            await database.pool.execute("delete from event where seq > 10")
            with pytest.raises(CursorExpired):
                await take(live, 1)
        restored = await happen(database.pool, issue, 5)
        async with follow(log, 10) as events:
            assert pairs(await take(events, 5)) == [(11 + place, id_) for place, id_ in enumerate(restored)]


@pytest.mark.parametrize(("lost", "grown"), [(3, 3), (3, 5), (10, 40)])
async def test_followers_end_though_the_log_has_grown_again_before_anybody_looked(
    database: Database, relay: Relay, log: Log, lost: int, grown: int
) -> None:
    """As after a failover to a replica that was behind."""
    issue = await an_issue(database.pool)
    async with running(relay.run(), log.run()), follow(log, 0) as live:
        await happen(database.pool, issue, 20)
        await take(live, 20)
        async with database.pool.acquire() as connection, connection.transaction():
            await connection.execute("delete from event where seq > $1", 20 - lost)
            ids = await happen(connection, issue, grown)
            numbers = range(21 - lost, 21 - lost + grown)
            await connection.executemany(
                "update event set seq = $1, committed_at = clock_timestamp() where id = $2",
                list(zip(numbers, ids, strict=True)),
            )
        with pytest.raises(CursorExpired):
            await take(live, 50)
        async with follow(log, 20 - lost) as events:
            assert pairs(await take(events, grown)) == list(zip(numbers, ids, strict=True))
            await happen(database.pool, issue)
            await take(events, 1)  # it is known again


async def test_who_outlasts_a_lost_database_ends_when_it_is_told_to() -> None:
    """A pool whose connection dies as the task is cancelled raises its own error instead."""

    async def ask() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise asyncpg.InternalClientError from None

    task = asyncio.create_task(outlast(ask))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait({task})
    assert task.cancelled()


async def test_a_cursor_ahead_of_the_log_is_refused(database: Database, log: Log) -> None:
    issue = await an_issue(database.pool)
    await happen(database.pool, issue, 2)
    await database.pool.execute("update event set seq = id")
    assert await log.position(None) == 2
    assert [await log.position(log.cursor(seq)) for seq in range(3)] == [0, 1, 2]
    with pytest.raises(CursorAhead):
        await log.position(log.cursor(3))
    with pytest.raises(InvalidCursor):
        await log.position("e1")


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_says_its_number_and_to_its_own_database_alone(seq: int) -> None:
    sealed = CURSORS.seal(seq)
    assert CURSORS.open_seal(sealed) == seq
    with pytest.raises(InvalidCursor):
        Cursors(AESSIV.generate_key(256)).open_seal(sealed)


@given(st.text() | st.from_regex(r"[\w-]{40}\n?"))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.open_seal(text)


@given(st.integers(0, 2**63 - 1), st.integers(0, 39), st.sampled_from("AZaz09-_"))
def test_a_cursor_tells_nothing_and_bears_no_change(seq: int, place: int, other: str) -> None:
    sealed = CURSORS.seal(seq)
    assert len(sealed) == len(CURSORS.seal(0))
    assert sealed != CURSORS.seal(seq)
    changed = sealed[:place] + other + sealed[place + 1 :]
    for text in (changed, sealed[:place] + "!" + sealed[place:], f"{sealed}=", f" {sealed}", f"{sealed}\n"):
        if text != sealed:
            with pytest.raises(InvalidCursor):
                CURSORS.open_seal(text)


async def test_all_processes_of_a_database_share_its_key(database: Database) -> None:
    first, second = await asyncio.gather(Cursors.open(database.pool), Cursors.open(database.pool))
    assert second.open_seal(first.seal(7)) == 7


@given(st.integers(1, 8), st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_a_channel_keeps_all_in_order_or_says_that_it_forgot(limit: int, items: list[int], most: int) -> None:
    async def scenario() -> list[int] | None:
        channel: Channel[int] = Channel(limit)
        for item in items:
            channel.offer(item)
        taken: list[int] = []
        while len(taken) < len(items):
            some = await channel.take(most)
            if some is None:
                channel.offer(7)
                assert await channel.take(most) == [7]
                return None
            assert 0 < len(some) <= most
            taken += some
        return taken

    assert asyncio.run(scenario()) == (items if len(items) <= limit else None)


@given(st.lists(st.binary(max_size=600), max_size=30), st.integers(0, 3000))
def test_portions_are_all_frames_in_order_as_many_at_once_as_there_is_room_for(
    bodies: list[bytes], most: int
) -> None:
    given = list(portions([Frame(body) for body in bodies], most))
    assert [frame for portion in given for frame in portion] == bodies
    for portion, following in pairwise([*given, [Frame(bytes(most + 1))]]):
        size = sum(len(frame) + MESSAGE_BYTES for frame in portion)
        assert len(portion) == 1 or (portion and size <= most)
        assert size + len(following[0]) + MESSAGE_BYTES > most


async def test_a_bell_rung_before_or_often_is_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert await bell.heard(PATIENCE)
    assert not await bell.heard(0)
