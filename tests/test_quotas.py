"""How much one account may take, in one process and in several, whatever becomes of their Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Router, WebSocketRoute
from tests.redis_server import RedisServer, redis_server
from tests.serving import PATIENCE, ScriptedExecutor, scripted_authenticator, serving
from tests.test_websocket import closed, heard, joined, subscribe

from lxbc_graph.http import quotas
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.quotas import Quotas, RateLimited, address
from lxbc_graph.http.redis_quotas import RedisQuotas
from lxbc_graph.http.websocket import GraphQLOverWebSocket
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

INIT = '{"type":"connection_init","payload":{"token":"good"}}'
GOOD = {"Authorization": "Bearer good"}


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The clock, which stands still until it is set."""
    now = 0.0

    def turn(seconds: float) -> None:
        nonlocal now
        now = seconds

    turn(600.0)
    monkeypatch.setattr(quotas, "time", lambda: now)
    return turn


def spent(counter: Quotas, who: str) -> int:
    """How many requests are let through until one is refused."""
    for number in range(1000):
        try:
            counter.spend(who)
        except RateLimited:
            return number
    raise AssertionError("none was refused")


# ── in one process ───────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(1, 8))
def test_each_is_let_through_as_often_as_it_may_whatever_others_do(asked: list[str], most: int) -> None:
    counter = Quotas(most)
    passed: dict[str, int] = dict.fromkeys("abc", 0)
    for who in asked:
        try:
            counter.spend(who)
        except RateLimited:
            assert passed[who] == most
        else:
            passed[who] += 1
            assert passed[who] <= most


def test_the_next_minute_is_a_new_one_and_a_refusal_says_when_that_is(noon: Callable[[float], None]) -> None:
    counter = Quotas(3)
    noon(1200 + 42.5)
    assert spent(counter, "li") == 3
    with pytest.raises(RateLimited) as refused:
        counter.spend("li")
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "18"}
    noon(1200 + 59.9)
    assert spent(counter, "li") == 0
    noon(1200 + 60)
    assert spent(counter, "li") == 3


def test_without_a_limit_nothing_is_counted() -> None:
    counter = Quotas()
    for _ in range(10_000):
        counter.spend("li")
    assert counter._spent == {}


@pytest.mark.usefixtures("noon")
def test_a_crowd_of_addresses_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "_REMEMBERED", 100)
    counter = Quotas(1)
    for number in range(1000):
        counter.spend(f"address:{number}")
    assert len(counter._spent) == 100
    assert spent(counter, "address:999") == 0


async def test_a_place_is_free_again_when_it_is_left() -> None:
    counter = Quotas(places=2)
    await counter.enter("li")
    await counter.enter("li")
    await counter.enter("wang")
    for _ in range(3):
        with pytest.raises(RateLimited):
            await counter.enter("li")
    counter.leave("li")
    await counter.enter("li")
    for who in ("li", "li", "wang"):
        counter.leave(who)
    assert counter._taken == {}


@pytest.mark.parametrize(
    ("client", "same"),
    [
        (("10.0.0.1", 1), ("10.0.0.1", 2)),
        (("::ffff:10.0.0.1", 1), ("::ffff:10.0.0.1", 9)),
        (("2001:db8::1", 1), ("2001:db8:0:0:ffff:ffff:ffff:ffff", 1)),
        (None, None),
        (("not an address", 1), ("another", 2)),
        (("2001:db8::%a", 1), ("2001:db8::%b", 1)),
    ],
)
def test_an_address_is_who_is_behind_it_whatever_its_port(client: Any, same: Any) -> None:
    assert address({"client": client}) == address({"client": same})


@pytest.mark.parametrize("other", [("10.0.0.2", 1), ("2001:db8:0:1::1", 1), ("::1", 1), None])
def test_another_network_is_somebody_else(other: Any) -> None:
    assert address({"client": other}) not in {
        address({"client": ("10.0.0.1", 1)}),
        address({"client": ("2001:db8::1", 1)}),
    }


# ── over the transports ──────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def limited(requests: int = 0, places: int = 0) -> AsyncIterator[tuple[str, ScriptedExecutor]]:
    executor, counter = ScriptedExecutor(), Quotas(requests, places)
    given = (executor.stands_in(), scripted_authenticator(), Telemetry())
    app = Router(
        [
            *GraphQLOverHttp(*given, quotas=counter).routes(),
            WebSocketRoute("/graphql", GraphQLOverWebSocket(*given, quotas=counter)),
        ]
    )
    async with serving(app) as address:
        yield address, executor


@asynccontextmanager
async def client(address: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, timeout=PATIENCE) as opened:
        yield opened


@pytest.mark.usefixtures("noon")
async def test_over_http_a_request_too_many_is_429_of_whichever_kind_it_is() -> None:
    async with limited(requests=4) as (address, _), client(address, **GOOD) as li, client(address) as nobody:
        for answered in (
            await li.post("/graphql", json={"query": "query"}),
            await li.get("/graphql", params={"query": "query"}),
            await li.post("/graphql", json={"query": "mutation"}),
            await li.post("/graphql", json=42),
        ):
            assert answered.status_code in {200, 400}
        for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
            refused = await li.post("/graphql", json={"query": "query"}, headers={"Accept": accept})
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= 60
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert error["extensions"]["limit"] == 4
        assert (await nobody.post("/graphql", json={"query": "query"})).status_code == 200


@pytest.mark.usefixtures("noon")
async def test_who_proves_nothing_is_counted_by_where_it_comes_from() -> None:
    async with limited(requests=3) as (address, _), client(address) as nobody:
        bad = {"Authorization": "Bearer bad"}
        statuses = [
            (await nobody.post("/graphql", json={"query": "query"}, headers=headers)).status_code
            for headers in (bad, {}, bad, bad, {})
        ]
        assert statuses == [401, 200, 401, 429, 429]
        assert (await nobody.post("/graphql", json={"query": "query"}, headers=GOOD)).status_code == 200


@pytest.mark.usefixtures("noon")
async def test_a_proxy_that_names_no_address_makes_nobody_uncounted() -> None:
    async with limited(requests=3) as (address, _), client(address) as nobody:
        statuses = [
            (
                await nobody.post(
                    "/graphql", json={"query": "query"}, headers={"X-Forwarded-For": f"192.0.2.1:x{number}"}
                )
            ).status_code
            for number in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]


@pytest.mark.usefixtures("noon")
async def test_over_a_socket_an_operation_too_many_is_an_error_and_the_socket_goes_on() -> None:
    async with limited(requests=3) as (address, _), joined(f"ws://{address}/graphql") as socket:
        await socket.send(INIT)  # is one, too
        assert await heard(socket) == {"type": "connection_ack"}
        for id_ in "ab":
            await socket.send(subscribe(id_, "query"))
            assert [(await heard(socket))["type"] for _ in range(2)] == ["next", "complete"]
        for _ in range(2):
            await socket.send(subscribe("c", "query"))
            refused = await heard(socket)
            assert (refused["id"], refused["type"]) == ("c", "error")
            assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
            assert refused["payload"][0]["extensions"]["limit"] == 3
        await socket.send('{"type":"ping"}')
        assert await heard(socket) == {"type": "pong"}


async def test_sockets_and_streams_are_counted_together_and_given_back_by_whoever_goes() -> None:
    stream = {"Accept": "text/event-stream", **GOOD}
    forever = {"query": "subscription forever"}
    async with limited(places=2) as (address, executor), client(address) as http:
        url = f"ws://{address}/graphql"
        async with (
            joined(url) as socket,
            http.stream("POST", "/graphql", json=forever, headers=stream) as one,
        ):
            assert one.status_code == 200
            await socket.send(INIT)
            assert await heard(socket) == {"type": "connection_ack"}
            async with joined(url) as another:
                await another.send(INIT)
                assert (await closed(another))[0] == 4429
            refused = await http.post("/graphql", json=forever, headers=stream)
            assert refused.status_code == 429
            assert refused.json()["errors"][0]["extensions"]["limit"] == 2
            await socket.send(subscribe("a", "query"))
            assert (await heard(socket))["type"] == "next", "who was there stays"
        await executor.until_running(0)
        async with AsyncExitStack() as stack:
            for _ in range(2):
                socket = await stack.enter_async_context(joined(url))
                await socket.send(INIT)
                assert await heard(socket) == {"type": "connection_ack"}


# ── in several processes ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@asynccontextmanager
async def several(
    redis: RedisServer, number: int = 2, database: str = "d", **limits: int
) -> AsyncIterator[list[RedisQuotas]]:
    counters = [RedisQuotas(redis.url, database, "of-{}".format, **limits) for _ in range(number)]
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = [tasks.create_task(counter.run()) for counter in counters]
        yield counters
        for task in running:
            task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.02)


def elsewhere(counter: Quotas, who: str) -> int:
    counts = counter._spent.get(who)
    return 0 if counts is None else counts.elsewhere


def told(counter: Quotas, who: str) -> bool:
    """Whether the others can know all that was asked of this one."""
    return counter._spent[who].told == counter._spent[who].here


@pytest.mark.usefixtures("noon")
async def test_what_is_asked_of_one_counts_at_all(redis: RedisServer) -> None:
    async with several(redis, 3, requests_per_minute=12) as (one, two, three):
        for counter, times in ((one, 5), (two, 4)):
            for _ in range(times):
                counter.spend("li")
            await until(lambda: told(counter, "li"))  # noqa: B023 - at once
        three.spend("li")
        await until(lambda: elsewhere(three, "li") == 9)
        assert spent(three, "li") == 2
        await until(lambda: told(three, "li"))
        one.spend("li")  # one more than there may be: it did not know yet
        await until(lambda: elsewhere(one, "li") == 7)
        assert spent(one, "li") == 0
        assert spent(one, "wang") == 12


async def test_places_elsewhere_are_taken_at_once(redis: RedisServer) -> None:
    async with several(redis, places=3) as (one, two):
        for counter in (one, two, one):
            await counter.enter("li")
        for counter in (one, two):
            with pytest.raises(RateLimited):
                await counter.enter("li")
        one.leave("li")
        with redis.admin() as admin:
            await until(lambda: admin.hget("lxbc:d:places:of-li", one._me) == b"1")
        await two.enter("li")
        with pytest.raises(RateLimited):
            await one.enter("li")
        await one.enter("wang")


async def test_the_places_of_a_process_that_was_killed_are_free_again(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lxbc_graph.http.redis_quotas._ALIVE_SECONDS", 1)
    monkeypatch.setattr("lxbc_graph.http.redis_quotas._REFRESH_SECONDS", 0.1)
    async with several(redis, 1, places=2) as (left,):
        async with several(redis, 1, places=2) as (killed,):
            await killed.enter("li")
            await left.enter("li")
            with pytest.raises(RateLimited):
                await left.enter("li")
        await until(lambda: left._taken["li"].elsewhere == 0)
        await left.enter("li")


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("fault", [RedisServer.away, RedisServer.stopped, RedisServer.locked])
async def test_without_redis_each_counts_alone_and_waits_for_nothing(
    redis: RedisServer, fault: Callable[[RedisServer], Any]
) -> None:
    async with several(redis, requests_per_minute=5, places=2) as (one, two):
        await one.enter("li")
        await two.enter("li")
        two.spend("li")
        await until(lambda: told(two, "li"))
        one.spend("li")
        await until(lambda: elsewhere(one, "li") == 1)
        with fault(redis):
            await until(lambda: one._away and two._away)
            await one.enter("li")
            with pytest.raises(RateLimited):
                await one.enter("li")
            assert spent(one, "li") == 4
        await until(lambda: not one._away and not two._away)
        with pytest.raises(RateLimited):
            await two.enter("li")


async def test_redis_knows_nobody_by_name_and_forgets(redis: RedisServer) -> None:
    async with several(redis, 1, requests_per_minute=9, places=9) as (counter,):
        counter.spend("li")
        await counter.enter("li")
        with redis.admin() as admin:
            await until(lambda: len(list(admin.scan_iter())) == 3)
            for key in admin.scan_iter():
                assert key.startswith(b"lxbc:d:")
                assert key.rpartition(b":")[2] in {b"of-li", counter._me.encode()}
                assert 0 < admin.ttl(key) <= 120
        async with several(redis, 1, "another", places=1) as (stranger,):
            await stranger.enter("li")
