"""The figures of ``/metrics`` say exactly what happened to real clients of the real application."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from starlette.types import ASGIApp
from tests.outages import door
from tests.serving import PATIENCE, serving
from tests.test_connection import UPGRADE
from tests.test_live import an_issue, happen
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lxbc_graph.app import create_app
from lxbc_graph.http.connection import NO_PONG
from lxbc_graph.http.server import configured
from lxbc_graph.http.stream import stream
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.live.ladder import LADDER_LOCK
from lxbc_graph.live.relay import RELAY_LOCK
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

OPERATING = Path(__file__).parent.parent / "docs" / "operating.md"

COUNTIES = ("411024", "411082")
WORLD: dict[str, Any] = {
    "units": [
        {"code": code}
        for code in ("4110", *(f"{county}{below}" for county in COUNTIES for below in ("", "104", "104226")))
    ],
    "accounts": [
        {"name": "office", "postings": [{"role": "city_office", "unit": "4110"}]},
        *({"name": county, "postings": [{"role": "portal", "unit": county}]} for county in COUNTIES),
    ],
}
EVENTS = "subscription($after: String) { issueEvents(after: $after) { cursor event { issue { title } } } }"
FIGURES = """subscription($unit: String!) {
  metricsChanged(unit: $unit) { unit { metrics { underWay { numerator } } } }
}"""
REPORT = """mutation Report($unit: ID!, $text: String!) {
  reportIssue(input: {unitId: $unit, title: "t", description: $text, source: VISIT}) { errors { message } }
}"""
DESCRIPTIONS = " ".join(f"d{number}: description" for number in range(40))
LARGE = f"subscription {{ issueEvents {{ event {{ issue {{ {DESCRIPTIONS} }} }} }} }}"
"""So large, with a long text, that nobody's buffers hold a hundred of them."""

Figures = Mapping[str, float]
"""By name and, in braces, label values."""


async def scraped(address: str, accept: str = "") -> Figures:
    """What a scrape says, as Prometheus' own parsers read it."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.get(f"http://{address}/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept or "text/plain; version=")
    parse = openmetrics if "openmetrics" in accept else plain
    samples = [sample for family in parse(answer.text) for sample in family.samples]
    return {
        sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
        for sample in samples
    }


async def until(address: str, expected: Figures) -> Figures:
    """Scrape until the figures are as expected, and return all of them."""
    found: Figures = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while not expected.items() <= (found := await scraped(address)).items():
                pass
    except TimeoutError:
        pytest.fail(f"{ {name: found.get(name) for name in expected} }")
    return found


@dataclass(frozen=True)
class Town:
    """The running application, tokens for it, and the ids of a village in each county."""

    address: str
    tokens: Tokens
    villages: dict[str, str]

    def headers(self, account: str, ttl: int = 600) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.access(account, ttl)}"}

    async def post(self, account: str, query: str, **variables: Any) -> Any:
        async with httpx.AsyncClient(headers=self.headers(account), timeout=PATIENCE) as client:
            body = {"query": query, "variables": variables}
            return (await client.post(f"http://{self.address}/graphql", json=body)).json()["data"]

    async def report(self, county: str, text: str = "d") -> None:
        answer = await self.post("office", REPORT, unit=self.villages[county], text=text)
        assert answer == {"reportIssue": {"errors": []}}

    @asynccontextmanager
    async def joined(
        self, account: str, query: str = EVENTS, **variables: Any
    ) -> AsyncIterator[ClientConnection]:
        """A socket with one subscription; it answers pings but, not read, soon takes nothing more."""
        options: dict[str, Any] = {"max_queue": 1, "compression": None, "close_timeout": 0}
        url, protocols = f"ws://{self.address}/graphql", [Subprotocol(SUBPROTOCOL)]
        async with connect(
            url, subprotocols=protocols, additional_headers=self.headers(account), **options
        ) as client:
            await client.send('{"type":"connection_init"}')
            assert await heard(client) == {"type": "connection_ack"}
            payload = {"query": query, "variables": variables}
            await client.send(json.dumps({"id": "a", "type": "subscribe", "payload": payload}))
            yield client

    @asynccontextmanager
    async def listened(self, account: str, query: str = EVENTS) -> AsyncIterator[AsyncIterator[str]]:
        """A stream of one subscription, as lines."""
        headers = self.headers(account) | {"Accept": "text/event-stream"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client,
            client.stream("POST", f"http://{self.address}/graphql", json={"query": query}) as response,
        ):
            yield response.aiter_lines()


async def heard(client: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE):
        return json.loads(await client.recv())


@asynccontextmanager
async def a_town(database: Database, address: str) -> AsyncIterator[Town]:
    tokens = await Tokens.open(database.pool, Settings())
    rows = await database.pool.fetch("select left(code, 6), id from unit where level = 'VILLAGE'")
    yield Town(address, tokens, {county: f"Unit:{id_}" for county, id_ in rows})


@pytest.fixture
async def town(
    database: Database, database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> AsyncIterator[Town]:
    await world(WORLD)
    async with (
        serving(create_app(Settings(database_url=database_url)), lifespan=True) as address,
        a_town(database, address) as town,
    ):
        yield town


async def test_the_figures_follow_all_that_happens_to_the_last_frame(town: Town, database: Database) -> None:
    nothing = {
        "lxbc_sockets": 0.0,
        "lxbc_streams": 0.0,
        "lxbc_subscriptions{events}": 0.0,
        "lxbc_subscriptions{figures}": 0.0,
        "lxbc_groups{events}": 0.0,
        "lxbc_groups{figures}": 0.0,
    }
    began = await until(town.address, nothing | {"lxbc_relay_elected": 1.0})
    start = (await town.post("office", "{ eventCursor }"))["eventCursor"]
    async with AsyncExitStack() as stack:
        offices = [await stack.enter_async_context(town.joined("office")) for _ in range(2)]
        portal = await stack.enter_async_context(town.joined(COUNTIES[0]))
        screen = await stack.enter_async_context(town.joined(COUNTIES[1], FIGURES, unit=COUNTIES[1]))
        await heard(screen)
        beside = await stack.enter_async_context(town.joined(COUNTIES[1], FIGURES, unit=COUNTIES[1]))
        await heard(beside)  # what the other has already
        lines = await stack.enter_async_context(town.listened(COUNTIES[0]))
        there = {
            "lxbc_sockets": 5.0,
            "lxbc_streams": 1.0,
            "lxbc_subscriptions{events}": 4.0,
            "lxbc_subscriptions{figures}": 2.0,
            "lxbc_groups{events}": 2.0,
            "lxbc_groups{figures}": 1.0,
            "lxbc_deliveries_total": 2.0,
        }
        await until(town.address, there)

        for _ in range(3):
            await town.report(COUNTIES[0])
        for client in (*offices, portal):
            assert [(await heard(client))["type"] for _ in range(3)] == ["next"] * 3
        for _ in range(3 * 4):
            await anext(lines)
        told = await scraped(town.address)
        assert told.items() >= {**there, "lxbc_deliveries_total": 2.0 + 3 * 4}.items()
        assert told["lxbc_event_seq"] == began["lxbc_event_seq"] + 3
        assert told["lxbc_events_unnumbered"] == 0
        assert told["lxbc_delivery_lag_seconds_count"] == 3 * 2
        assert told["lxbc_delivery_lag_seconds_sum"] > 0
        assert (told["lxbc_replays_total"], told["lxbc_replayed_total"]) == (0, 0)

        late = await stack.enter_async_context(town.joined("office", after=start))
        for _ in range(3):
            await heard(late)
        replayed = {"lxbc_replays_total": 1.0, "lxbc_replayed_total": 3.0, "lxbc_deliveries_total": 14.0}
        told = await until(town.address, replayed | {"lxbc_subscriptions{events}": 5.0})
        assert told["lxbc_delivery_lag_seconds_count"] == 3 * 2

        await database.pool.execute(
            "update posting set valid_to = now() from account a where a.id = account_id and a.name = $1",
            COUNTIES[0],
        )
        assert (await heard(portal))["type"] == "error"
        lost = {
            "lxbc_revocations_total": 2.0,
            "lxbc_subscriptions{events}": 3.0,
            "lxbc_groups{events}": 1.0,
            "lxbc_sockets": 6.0,
            "lxbc_streams": 0.0,
        }
        await until(town.address, lost)
        await portal.send('{"id":"b","type":"subscribe","payload":{"query":"{ viewer { account } }"}}')
        assert (await heard(portal))["id"] == "b"
    told = await until(town.address, nothing)
    assert told.items() >= replayed.items()
    assert told["lxbc_drops_total{too_slow}"] == told["lxbc_drops_total{no_pong}"] == 0


async def test_who_does_not_keep_up_is_counted_once_on_either_transport(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lxbc_graph.http.graphql.stream", partial(stream, stall_seconds=0.1))
    async with town.joined("office", LARGE), town.listened("office", LARGE), town.joined("office") as quick:
        await until(town.address, {"lxbc_subscriptions{events}": 3.0})
        told: Figures = {"lxbc_drops_total{too_slow}": 0}
        reported = 0
        async with asyncio.timeout(PATIENCE):
            while told["lxbc_drops_total{too_slow}"] < 2:
                await town.report(COUNTIES[0], "详" * 2000)
                reported += 1
                await heard(quick)
                told = await scraped(town.address)
        await town.report(COUNTIES[0])
        await heard(quick)
        left = {"lxbc_sockets": 1.0, "lxbc_streams": 0.0, "lxbc_groups{events}": 1.0}
        told = await until(town.address, left | {"lxbc_subscriptions{events}": 1.0})
        assert told["lxbc_drops_total{too_slow}"] == 2
        assert told["lxbc_drops_total{no_pong}"] == 0
        assert reported + 1 <= told["lxbc_deliveries_total"] <= 3 * reported + 1


async def test_a_group_that_fails_is_counted_no_more_and_neither_are_those_in_it(
    town: Town, database: Database
) -> None:
    await town.report(COUNTIES[0])
    async with town.joined("office") as one, town.joined("office") as other:
        await until(town.address, {"lxbc_subscriptions{events}": 2.0, "lxbc_groups{events}": 1.0})
        await database.pool.execute("alter table issue rename column title to headline")
        await happen(database.pool, await database.pool.fetchval("select id from issue"))
        for client in (one, other):
            assert (await heard(client))["type"] == "error"
        told = await scraped(town.address)
        assert told["lxbc_subscriptions{events}"] == told["lxbc_groups{events}"] == 0
        assert told["lxbc_sockets"] == 2
        assert told["lxbc_deliveries_total"] == told["lxbc_revocations_total"] == 0


async def test_who_does_not_answer_a_ping_is_counted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(app: ASGIApp, settings: Settings | None, *, lifespan: bool) -> uvicorn.Config:
        config = configured(app, settings, lifespan=lifespan)
        config.ws_ping_interval = config.ws_ping_timeout = 0.05
        return config

    monkeypatch.setattr("tests.serving.configured", impatient)
    async with serving(create_app(Settings(database_url=database_url)), lifespan=True) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write("\r\n".join(["GET /graphql HTTP/1.1", f"Host: {address}", *UPGRADE, "", ""]).encode())
        async with asyncio.timeout(PATIENCE):
            while NO_PONG.to_bytes(2) not in await reader.read(4096):
                pass
        told = await scraped(address)
        assert told["lxbc_drops_total{no_pong}"] == 1
        assert told["lxbc_drops_total{too_slow}"] == 0
        writer.close()


async def test_answers_are_timed_by_what_was_asked_and_how_it_ended(town: Town) -> None:
    url = f"http://{town.address}/graphql"
    async with httpx.AsyncClient(headers=town.headers("office"), timeout=PATIENCE) as client:
        for _ in range(2):
            await client.post(url, json={"query": "{ viewer { account } }"})
        await client.post(
            url, json={"query": "{ nothing }"}, headers={"Accept": "application/graphql-response+json"}
        )
        await client.put(url)
        await client.get(
            url, headers={"Authorization": "Bearer bad"}, params={"query": "{ viewer { account } }"}
        )
        await client.get(url, headers={"Accept": "text/html"})
        await client.post(url, json={"query": "{ city { name } }"}, headers={"Accept": "text/event-stream"})
        await town.report(COUNTIES[0])
    told = await scraped(town.address)
    counted = "lxbc_http_request_seconds_count"
    assert {
        name.removeprefix(counted): value for name, value in told.items() if name.startswith(counted)
    } == {
        "{query,200}": 2,
        "{mutation,200}": 1,
        "{refused,400}": 1,
        "{refused,405}": 1,
        "{refused,401}": 1,
        "{page,200}": 1,
        "{stream,200}": 1,
    }


async def test_prometheus_may_ask_for_its_newer_format(town: Town) -> None:
    told = await scraped(town.address, "application/openmetrics-text")
    assert told["lxbc_relay_elected"] in {0, 1}
    assert told["lxbc_deliveries_total"] == 0


async def test_they_say_how_much_and_never_of_whom(town: Town) -> None:
    async with town.joined("office") as office:
        await until(town.address, {"lxbc_subscriptions{events}": 1.0})
        await town.report(COUNTIES[0])
        await heard(office)
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{town.address}/metrics")).text
    labels = {name for family in plain(text) for sample in family.samples for name in sample.labels}
    assert labels == {"kind", "status", "reason", "le", "pid"}


def test_every_figure_is_described_for_who_operates_it() -> None:
    vitals = dict.fromkeys(("event_seq", "events_unnumbered", "relay_elected", "ladder_elected"), 0.0)
    text, _ = Telemetry().exposed("", vitals)
    told = set(re.findall(r"# TYPE (lxbc_\w+)(?<!_created) ", text.decode()))
    described = set(re.findall(r"`(lxbc_\w+)", OPERATING.read_text("utf-8")))
    assert told == described


async def test_without_a_database_they_tell_what_the_process_knows(database_url: str) -> None:
    with door(database_url) as away:
        async with serving(create_app(Settings(database_url=away.url)), lifespan=True) as address:
            there = await until(address, {"lxbc_relay_elected": 1.0})
            assert there["lxbc_event_seq"] == 0
            away.shut()
            told = await scraped(address)
            vitals = {"lxbc_event_seq", "lxbc_events_unnumbered", "lxbc_relay_elected", "lxbc_ladder_elected"}
            assert not vitals & told.keys()
            assert set(told) == set(there) - vitals
            away.open()
            await until(address, {"lxbc_relay_elected": 1.0})


async def test_what_nobody_numbers_is_seen(database: Database, database_url: str) -> None:
    """The lock is held by somebody who does nothing, and then by nobody."""
    holder = await asyncpg.connect(database_url)
    await holder.execute("select pg_advisory_lock($1), pg_advisory_lock($2)", RELAY_LOCK, LADDER_LOCK)
    async with serving(create_app(Settings(database_url=database_url)), lifespan=True) as address:
        await happen(database.pool, await an_issue(database.pool), 3)
        told = await scraped(address)
        assert (told["lxbc_relay_elected"], told["lxbc_ladder_elected"]) == (1, 1)
        assert (told["lxbc_event_seq"], told["lxbc_events_unnumbered"]) == (0, 3)
        await holder.execute("select pg_advisory_unlock($1)", LADDER_LOCK)
        assert (await scraped(address))["lxbc_ladder_elected"] == 0
        await holder.close()
        await until(
            address, {"lxbc_event_seq": 3.0, "lxbc_events_unnumbered": 0.0, "lxbc_relay_elected": 1.0}
        )


async def test_applications_in_one_process_do_not_see_each_other(town: Town, database_url: str) -> None:
    async with (
        serving(create_app(Settings(database_url=database_url)), lifespan=True) as other,
        town.joined("office"),
    ):
        await until(town.address, {"lxbc_sockets": 1.0, "lxbc_subscriptions{events}": 1.0})
        assert (await scraped(other)).items() >= {
            "lxbc_sockets": 0.0,
            "lxbc_subscriptions{events}": 0.0,
        }.items()


@asynccontextmanager
async def a_worker(database_url: str, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lxbc_graph", "serve"),
        env=rest
        | {"LXBC_DATABASE_URL": database_url, "LXBC_PORT": "0", "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        while (line := (await process.stderr.readline()).decode()) and not line.startswith("Serving "):
            pass
        yield process, line.split()[1].removeprefix("http://").removesuffix("/graphql")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_workers_tell_the_sum_of_all_and_a_dead_one_leaves_what_it_did_and_no_more(
    database: Database, database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]], tmp_path: Path
) -> None:
    await world(WORLD)
    async with (
        a_worker(database_url, tmp_path) as (first, one),
        a_worker(database_url, tmp_path) as (second, other),
        a_town(database, one) as town,
        a_town(database, other) as elsewhere,
        town.joined("office") as here,
        elsewhere.joined("office") as there,
    ):
        both = {"lxbc_sockets": 2.0, "lxbc_subscriptions{events}": 2.0, "lxbc_groups{events}": 2.0}
        await until(one, both)
        await until(other, both)
        for _ in range(3):
            await town.report(COUNTIES[0])
        for client in (here, there):
            for _ in range(3):
                await heard(client)
        done = {"lxbc_deliveries_total": 6.0, "lxbc_delivery_lag_seconds_count": 6.0}
        for address in (one, other):
            told = await until(address, both | done)
            assert {f"process_resident_memory_bytes{{{process.pid}}}" for process in (first, second)} == {
                name for name in told if name.startswith("process_resident_memory_bytes")
            }
        second.kill()
        await second.wait()
        left = {"lxbc_sockets": 1.0, "lxbc_subscriptions{events}": 1.0, "lxbc_groups{events}": 1.0}
        told = await until(one, left | done | {"lxbc_relay_elected": 1.0})
        assert f"process_resident_memory_bytes{{{second.pid}}}" not in told
        with pytest.raises(ConnectionClosed):
            await there.recv()
