"""Several processes with Redis between them: it wakes, and nothing depends on it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.conftest import World
from tests.redis_server import RedisServer, redis_server
from tests.serving import PATIENCE, serving
from tests.test_live import an_issue, happen, running

from lxbc_graph.app import create_app
from lxbc_graph.live.bell import Bell
from lxbc_graph.live.broker import Topic
from lxbc_graph.live.cursors import Cursors
from lxbc_graph.live.redis_broker import RedisBroker
from lxbc_graph.live.relay import Relay
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

AWAY = "redis is away: events travel by polling"
BACK = "redis is back"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@asynccontextmanager
async def brokers(url: str, *databases: str) -> AsyncIterator[list[RedisBroker]]:
    """Brokers as of so many processes, each on its database; what they ring when they join has been heard."""
    made: list[RedisBroker] = []
    bells: list[Bell] = []
    async with AsyncExitStack() as stack:
        for database in databases:
            broker = RedisBroker(url, database)
            bell = await stack.enter_async_context(broker.subscribe(Topic.NUMBERED))
            await stack.enter_async_context(running(broker.run()))
            await rung(bell)
            for before, of in zip(bells, databases, strict=False):
                if of == database:
                    await rung(before)
            made.append(broker)
            bells.append(bell)
        yield made


async def rung(bell: Bell) -> None:
    assert await bell.heard(PATIENCE)


# ── rings ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_commit_in_one_process_is_numbered_by_another_which_wakes_the_first(
    redis: RedisServer, database: Database
) -> None:
    """Nobody polls within the patience of this test."""
    issue = await an_issue(database.pool)
    name = (await Cursors.open(database.pool)).database
    async with brokers(redis.url, name, name) as (here, there), here.subscribe(Topic.NUMBERED) as bell:
        relay = Relay(database.pool, there, poll_seconds=1000)
        async with running(relay.run()):
            await until(lambda: relay.elected)
            for turn in range(1, 6):
                [event] = await happen(database.pool, issue)
                here.publish(Topic.COMMITTED)
                await rung(bell)
                assert await database.pool.fetchval("select seq from event where id = $1", event) == turn


async def test_a_ring_is_of_its_topic_and_of_its_database_and_does_not_come_back(redis: RedisServer) -> None:
    """One connection carries rings in order: what was not heard before the next one will never be."""
    async with (
        brokers(redis.url, "a", "a", "b", "b") as (one, two, strange, stranger),
        one.subscribe(Topic.COMMITTED) as own,
        one.subscribe(Topic.NUMBERED) as answer,
        two.subscribe(Topic.COMMITTED) as heard,
        two.subscribe(Topic.NUMBERED) as of_another_topic,
        strange.subscribe(Topic.COMMITTED) as of_another_database,
        strange.subscribe(Topic.NUMBERED) as later,
    ):
        one.publish(Topic.COMMITTED)
        assert await own.heard(0), "at once"
        await rung(heard)
        assert not await of_another_topic.heard(0)
        two.publish(Topic.NUMBERED)
        await rung(answer)
        assert not await own.heard(0)
        stranger.publish(Topic.NUMBERED)
        await rung(later)
        assert not await of_another_database.heard(0)


async def test_rings_while_one_is_under_way_become_one(redis: RedisServer) -> None:
    async with (
        brokers(redis.url, "a", "a") as (one, two),
        two.subscribe(Topic.COMMITTED) as heard,
        two.subscribe(Topic.NUMBERED) as last,
    ):
        with redis.admin() as admin:
            admin.config_resetstat()
            for _ in range(1000):
                one.publish(Topic.COMMITTED)
            await rung(heard)
            one.publish(Topic.NUMBERED)
            await rung(last)
            assert admin.info("commandstats")["cmdstat_publish"]["calls"] <= 3


async def test_it_can_be_cancelled_at_any_moment_of_a_ring(redis: RedisServer) -> None:
    for ticks in range(40):
        broker = RedisBroker(redis.url, "a")
        async with broker.subscribe(Topic.NUMBERED) as joined:
            task = asyncio.create_task(broker.run())
            await rung(joined)
        broker.publish(Topic.COMMITTED)
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        _, hanging = await asyncio.wait([task], timeout=PATIENCE)
        task.cancel()
        assert not hanging, ticks


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]}],
}
START = '{ eventCursor unit(code: "411024104226") { id } }'
REPORT = """mutation Report($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: "d", source: VISIT}) { errors { message } }
}"""
EVENTS = "subscription($after: String) { issueEvents(after: $after) { event { issue { title } } } }"


class Processes:
    """Two applications on one database and one Redis: what is written at one is followed at both."""

    def __init__(self, addresses: list[str], client: httpx.AsyncClient) -> None:
        self.here, self.there = (f"http://{address}" for address in addresses)
        self._client = client
        self._unit = ""
        self._streams: list[AsyncIterator[str]] = []
        self._reported = 0

    async def ask(self, query: str, **variables: str) -> Any:
        response = await self._client.post(
            f"{self.here}/graphql", json={"query": query, "variables": variables}
        )
        return response.json()["data"]

    async def follow(self, stack: AsyncExitStack) -> None:
        start = await self.ask(START)
        self._unit = start["unit"]["id"]
        body = {"query": EVENTS, "variables": {"after": start["eventCursor"]}}
        accept = {"Accept": "text/event-stream"}
        for url in (self.here, self.there):
            response = await stack.enter_async_context(
                self._client.stream("POST", f"{url}/graphql", json=body, headers=accept)
            )
            self._streams.append(response.aiter_lines())

    async def work(self) -> None:
        """Report three issues, all of which succeed, and hear of each, once, in order, from both."""
        titles = [str(number) for number in range(self._reported, self._reported + 3)]
        for title in titles:
            assert await self.ask(REPORT, unit=self._unit, title=title) == {"reportIssue": {"errors": []}}
        self._reported += 3
        for stream in self._streams:
            assert [await self._heard(stream) for _ in titles] == titles
        for url in (self.here, self.there):
            assert (await self._client.get(f"{url}/healthz")).json() == {"status": "ok"}

    async def _heard(self, stream: AsyncIterator[str]) -> str:
        async with asyncio.timeout(PATIENCE):
            while not (line := await anext(stream)).startswith("data: "):
                pass
        title: str = json.loads(line.removeprefix("data: "))["data"]["issueEvents"]["event"]["issue"]["title"]
        return title


@asynccontextmanager
async def processes(database: Database, url: str, redis: str) -> AsyncIterator[Processes]:
    settings = Settings(database_url=url, redis_url=redis)
    token = (await Tokens.open(database.pool, settings)).access("city_office", 600)
    async with AsyncExitStack() as stack:
        addresses = [
            await stack.enter_async_context(serving(create_app(settings), lifespan=True)) for _ in range(2)
        ]
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)
        )
        made = Processes(addresses, client)
        await made.follow(stack)
        yield made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)


def told(logs: Sequence[Mapping[str, Any]], event: str) -> int:
    return sum(log["event"] == event for log in logs)


Fault = Callable[[RedisServer], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        (RedisServer.away, True),
        (RedisServer.stopped, True),
        (RedisServer.locked, True),
        (RedisServer.emptied, False),
    ],
    ids=["killed and started empty", "stopped", "another password", "emptied"],
)
async def test_nothing_is_lost_or_refused_whatever_becomes_of_redis(
    redis: RedisServer, fault: Fault, noticed: bool, database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    with capture_logs() as logs:
        async with processes(database, database_url, redis.url) as pair:
            await pair.work()
            for turn in (1, 2):
                with fault(redis):
                    await pair.work()
                    await until(lambda: told(logs, AWAY) == 2 * turn * noticed)  # noqa: B023 - at once
                    await pair.work()
                await until(lambda: told(logs, BACK) == 2 * turn * noticed)  # noqa: B023
                await pair.work()
    assert told(logs, AWAY) == told(logs, BACK) == 4 * noticed
    assert {log["event"] for log in logs if log["log_level"] != "info"} <= {
        AWAY,
        "redis is away: quotas count alone",
    }


async def test_a_redis_that_comes_later_is_as_good(
    redis: RedisServer, database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    redis.kill()
    with capture_logs() as logs:
        async with processes(database, database_url, redis.url) as pair:
            await pair.work()
            redis.start()
            await until(lambda: told(logs, BACK) == 2)
            await pair.work()
    assert told(logs, AWAY) == 2


@pytest.mark.usefixtures("world")
async def test_every_process_listens(redis: RedisServer, database_url: str) -> None:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    settings = {"LXBC_DATABASE_URL": database_url, "LXBC_REDIS_URL": redis.url, "LXBC_PORT": "0"}
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lxbc_graph", command), env={**rest, **settings}
        )
        for command in ("serve", "relay")
    ]
    with redis.admin() as admin:

        def listening() -> list[int]:
            return [number for _, number in admin.pubsub_numsub(*admin.pubsub_channels("lxbc:*"))]

        try:
            await until(lambda: listening() == [2] * len(Topic))
            for process in started:
                process.terminate()
                assert await process.wait() == 0
            assert listening() == []
        finally:
            for process in started:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
