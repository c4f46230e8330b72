"""A policy is stored in the database while processes run on it: all take it up, and none that is bad is stored."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.conftest import World
from tests.following import frames
from tests.redis_server import redis_server
from tests.reference.agreement import parse
from tests.serving import PATIENCE
from tests.test_live import happen

from lxbc_graph.app import Service, open_service, running, store_policy
from lxbc_graph.live.bell import Bell
from lxbc_graph.live.broker import Topic
from lxbc_graph.live.cursors import Cursors
from lxbc_graph.live.frame import REVOKED, Ended
from lxbc_graph.live.redis_broker import RedisBroker
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.policy import stored
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.source import PolicyError, Source
from lxbc_graph.policy.stored import CurrentPolicy, StoredPolicies
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

SHIPPED = Source.read(POLICIES)
ROUNDS = 20
READ = b"p, city_office, issue:read, ALL\n"
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024")],
    "cadres": [{"code": "finder", "unit": "4110"}],
    "accounts": [{"name": "office", "postings": [{"role": "city_office", "unit": "4110"}]}],
    "issues": [{"unit": "411024", "finder": "finder"}],
}


def without(row: bytes) -> Source:
    assert isinstance(SHIPPED.rows, bytes)
    assert row in SHIPPED.rows
    return SHIPPED._replace(rows=SHIPPED.rows.replace(row, b""))


def settings(database_url: str, **more: Any) -> Settings:
    return Settings(database_url=database_url, policies="database", **more)


@asynccontextmanager
async def serving(database_url: str, **more: Any) -> AsyncIterator[Service]:
    async with open_service(settings(database_url, **more)) as service, running(service):
        yield service


async def count(service: Service) -> int:
    principal = await service.accounts.principal("office")
    response = await service.executor.execute(Request("{ issues { totalCount } }"), principal)
    found: int = parse(response.body)["data"]["issues"]["totalCount"]
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - a policy announces nothing
            await asyncio.sleep(0.02)


async def test_every_process_takes_up_what_is_stored_and_ends_what_it_takes_away(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    first = await store_policy(database, settings(database_url), SHIPPED)
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(serving(database_url)) for _ in range(2)]
        assert [await count(service) for service in services] == [1, 1]
        stream = await stack.enter_async_context(following(services[1]))
        assert await store_policy(database, settings(database_url), without(READ)) > first
        with pytest.raises(Ended) as ended:
            await next_event(stream)
        assert ended.value.ending.code == "ACCESS_REVOKED"
        for service in services:
            await until(lambda service=service: _counts(service, 0))  # type: ignore[misc]
        assert services[0].enforcer.version == services[1].enforcer.version

        await store_policy(database, settings(database_url), SHIPPED)
        for service in services:
            await until(lambda service=service: _counts(service, 1))  # type: ignore[misc]
    noted = await database.pool.fetch(
        "select subject from audit_event where kind = 'POLICY_STORED' order by id"
    )
    assert [row["subject"] for row in noted] == [f"Policy:{first + later}" for later in range(3)]


async def _counts(service: Service, number: int) -> bool:
    return await count(service) == number


@pytest.mark.parametrize(
    "bad",
    [
        SHIPPED._replace(rows=b"p, city_office, issue:raed, ALL\n"),
        SHIPPED._replace(rows=b"\xff"),
        SHIPPED._replace(model=b"[matchers]\nm = true\n"),
        Source.read(Path("/nowhere")),
    ],
)
async def test_none_that_must_not_be_loaded_is_ever_stored(database: Database, bad: Source) -> None:
    policies = StoredPolicies(database.pool)
    with pytest.raises(PolicyError):
        await policies.add(bad)
    for table in ("policy", "audit_event"):
        assert await database.pool.fetchval(f"select count(*) from {table}") == 0


async def test_without_one_nothing_starts(database_url: str) -> None:
    with pytest.raises(PolicyError, match="lxbc-graph policy load"):
        async with open_service(settings(database_url)):
            pass


STORE = "insert into policy (model, rows) values ('', 'p, city_office, issue:foretell, ALL')"


async def test_one_of_a_newer_program_is_told_and_an_older_one_holds(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    await store_policy(database, settings(database_url), SHIPPED)
    with capture_logs() as log:
        async with serving(database_url) as service:
            await database.pool.execute(STORE)
            await until(lambda: _told(log, 1))
            assert await count(service) == 1
        async with serving(database_url) as service:  # a restart, with the newest as it is
            assert await count(service) == 1
            assert await _told(log, 2)


async def _told(log: Any, times: int) -> bool:
    return sum("must not be loaded" in entry["event"] for entry in log) == times


async def test_whoever_is_told_does_not_wait_to_poll(database: Database) -> None:
    policies = StoredPolicies(database.pool)
    await policies.add(SHIPPED)
    current = await CurrentPolicy.open(policies)
    bell = Bell()

    async def wait(_: float) -> None:
        await bell.heard(PATIENCE)

    waiting = asyncio.create_task(current.follow(wait))
    await policies.add(SHIPPED)
    await policies.add(without(READ))
    bell.ring()
    async with asyncio.timeout(PATIENCE / 2):
        while current.enforcer.version != Enforcer(without(READ)).version:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    waiting.cancel()


@pytest.fixture
def unpolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process looks by itself for what is stored."""
    monkeypatch.setattr(stored, "_POLL_SECONDS", 10 * PATIENCE)


@asynccontextmanager
async def following(service: Service) -> AsyncIterator[AsyncGenerator[bytes]]:
    """What the office is told of events, once it has been told of one."""
    principal = await service.accounts.principal("office")
    started = await service.executor.subscribe(
        Request("subscription { issueEvents { event { id } } }"), principal
    )
    assert isinstance(started, Subscription)
    async with aclosing(frames(started)) as stream:
        event = await happens(service)
        while await next_event(stream) != event:
            pass  # it happened before, and has a number only now
        yield stream


async def happens(service: Service) -> str:
    """Commit an event, and return its id."""
    (id_,) = await happen(service.database.pool, await service.database.pool.fetchval("select id from issue"))
    return f"Event:{id_}"


async def next_event(stream: AsyncGenerator[bytes]) -> str:
    """Return the id of the next that is told; raises Ended."""
    async with asyncio.timeout(PATIENCE):
        told: str = parse(await anext(stream))["data"]["issueEvents"]["event"]["id"]
    return told


@pytest.mark.usefixtures("unpolled")
@pytest.mark.parametrize("then", [[], [STORE]], ids=["alone", "with one of a newer program behind it"])
async def test_nothing_is_delivered_that_was_committed_after_what_revokes_it_was_stored(
    database: Database, database_url: str, world: World, then: list[str]
) -> None:
    await world(WORLD)
    await store_policy(database, settings(database_url), SHIPPED)
    async with serving(database_url) as service:
        for _ in range(ROUNDS):
            async with following(service) as stream:
                await store_policy(database, settings(database_url), without(READ))
                for statement in then:
                    await database.pool.execute(statement)
                await happens(service)
                with pytest.raises(Ended) as ended:
                    await next_event(stream)
                assert ended.value.ending == REVOKED
            await store_policy(database, settings(database_url), SHIPPED)


@pytest.mark.usefixtures("unpolled")
async def test_one_of_a_newer_program_holds_up_nothing(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    await store_policy(database, settings(database_url), SHIPPED)
    async with serving(database_url) as service, following(service) as stream:
        with capture_logs() as log:
            await database.pool.execute(STORE)
            for _ in range(3):
                event = await happens(service)
                assert await next_event(stream) == event
        assert await _told(log, 1)


async def test_those_of_a_folder_do_not_ask_what_is_stored(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    await store_policy(database, settings(database_url), without(READ))
    await database.pool.execute("alter table policy rename to elsewhere")
    async with (
        open_service(Settings(database_url=database_url)) as service,
        running(service),
        following(service) as stream,
    ):
        event = await happens(service)
        assert await next_event(stream) == event


async def test_it_is_told_over_redis_and_stored_without_it(database: Database, database_url: str) -> None:
    with redis_server() as redis:
        name = (await Cursors.open(database.pool)).database
        listening = RedisBroker(redis.url, name)
        async with listening.subscribe(Topic.POLICY) as bell:
            carrying = asyncio.create_task(listening.run())
            assert await bell.heard(PATIENCE)  # it has joined
            await store_policy(database, settings(database_url, redis_url=redis.url), SHIPPED)
            assert await bell.heard(PATIENCE)
            carrying.cancel()
        redis.kill()
        with capture_logs() as log:
            await store_policy(database, settings(database_url, redis_url=redis.url), without(READ))
        assert any("redis is away" in entry["event"] for entry in log)
        assert (await StoredPolicies(database.pool).newest()).source == without(READ)
