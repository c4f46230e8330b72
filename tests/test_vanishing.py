"""Clients that vanish at every stage of everything leave nothing behind."""

import asyncio
import gc
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import Router, WebSocketRoute
from structlog.testing import capture_logs
from tests.serving import PATIENCE, frame, serving
from tests.test_connection import UPGRADE
from tests.test_websocket import subscribe

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.http.connection import Connection, Socket
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.websocket import GraphQLOverWebSocket
from lxbc_graph.live.fanout import Fanout
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.settings import Settings
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

CLIENTS, AT_ONCE = 1000, 100
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [
        {"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]},
        {"name": "portal-411024", "postings": [{"role": "portal", "unit": "411024"}]},
    ],
}
REPORT = """mutation Report($unit: ID!, $key: String) {
  reportIssue(input: {unitId: $unit, title: "机井损坏", description: "d", source: VISIT, idempotencyKey: $key}) {
    issue { number }
    errors { message }
  }
}"""
EVENTS = """subscription($after: String) {
  issueEvents(after: $after) { cursor event { kind issue { title description } } }
}"""
FIGURES = """subscription {
  metricsChanged(unit: "411024", minIntervalSeconds: 1) { unit { metrics { underWay { numerator } } } }
}"""


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that serves."""
    return "asyncio", {"use_uvloop": True}


@dataclass(frozen=True)
class House:
    """The service, at an address, and what its clients need."""

    service: Service
    address: str
    tokens: list[str]
    village: str
    start: str

    @property
    def fanout(self) -> Fanout:
        return self.service.executor._following._fanout

    def left(self) -> list[Any]:
        """What is there for clients."""
        gc.collect()
        kept = (Connection, Socket, Subscription)
        return [
            *self.fanout._groups,
            *self.fanout._served,
            *self.service.access._watched,
            *self.service.log._followers,
            *[one for one in gc.get_objects() if isinstance(one, kept)],
        ]


@pytest.fixture
async def house(
    database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]
) -> AsyncIterator[House]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        authenticator = service.authenticator
        routes = [
            *GraphQLOverHttp(service.executor, authenticator, Telemetry()).routes(),
            WebSocketRoute("/graphql", GraphQLOverWebSocket(service.executor, authenticator, Telemetry())),
        ]
        async with serving(Router(routes)) as address:
            village = await service.database.pool.fetchval("select id from unit where level = 'VILLAGE'")
            tokens = [service.tokens.access(account["name"], 600) for account in WORLD["accounts"]]
            yield House(service, address, tokens, f"Unit:{village}", service.log.cursor(0))


class Wire:
    """A client as it is under its libraries: bytes, and the freedom to stop anywhere."""

    def __init__(self, house: House, dice: random.Random) -> None:
        self.house = house
        self.dice = dice
        self.token = dice.choice(house.tokens)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self) -> None:
        host, _, port = self.house.address.partition(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))

    async def shake_hands(self) -> None:
        await self.connect()
        self.writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, "", ""]).encode())
        await self.reader.readuntil(b"\r\n\r\n")

    def say(self, message: str) -> None:
        self.writer.write(frame(0x81, message.encode()))

    def introduce(self) -> None:
        self.say(json.dumps({"type": "connection_init", "payload": {"token": self.token}}))

    def subscribe(self) -> None:
        variables = {"after": self.dice.choice([None, self.house.start])}
        self.say(subscribe("e", EVENTS, variables=variables))
        self.say(subscribe("f", FIGURES))
        self.say(subscribe("q", '{ unit(code: "411024") { name } }'))
        self.say(subscribe("m", REPORT, variables={"unit": self.house.village}))

    async def hear(self) -> None:
        for _ in range(self.dice.randrange(5)):
            await self.reader.read(2**10)

    async def ask(self, accept: str) -> None:
        await self.connect()
        body = json.dumps({"query": EVENTS, "variables": {"after": self.house.start}}).encode()
        head = [
            "POST /graphql HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self.token}",
            f"Accept: {accept}",
        ]
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        self.writer.write("\r\n".join(head).encode() + body)


async def at_once(wire: Wire) -> None:
    await wire.connect()


async def in_the_handshake(wire: Wire) -> None:
    await wire.connect()
    wire.writer.write(b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upg")


async def before_it_is_answered(wire: Wire) -> None:
    await wire.connect()
    wire.writer.write("\r\n".join(["GET /graphql HTTP/1.1", "Host: x", *UPGRADE, "", ""]).encode())


async def before_its_introduction(wire: Wire) -> None:
    await wire.shake_hands()


async def before_it_is_acknowledged(wire: Wire) -> None:
    await wire.shake_hands()
    wire.introduce()


async def before_its_operations_run(wire: Wire) -> None:
    await before_it_is_acknowledged(wire)
    wire.subscribe()


async def while_they_run(wire: Wire) -> None:
    await before_its_operations_run(wire)
    await wire.hear()


async def after_it_completed_them(wire: Wire) -> None:
    await while_they_run(wire)
    for id_ in "efqm":
        wire.say(json.dumps({"id": id_, "type": "complete"}))


async def in_a_frame(wire: Wire) -> None:
    await while_they_run(wire)
    wire.writer.write(frame(0x81, b'{"type":"ping"}')[: wire.dice.randrange(1, 18)])


async def politely(wire: Wire) -> None:
    await while_they_run(wire)
    wire.writer.write(frame(0x88, (1000).to_bytes(2)))


async def while_it_is_closed(wire: Wire) -> None:
    """Close frames cross, and messages come behind them."""
    await while_they_run(wire)
    wire.say("null")
    wire.say('{"type":"ping"}')
    wire.writer.write(frame(0x88, (1000).to_bytes(2)))
    wire.say('{"type":"ping"}')


async def in_an_event_stream(wire: Wire) -> None:
    await wire.ask("text/event-stream")
    await wire.hear()


async def in_a_multipart_stream(wire: Wire) -> None:
    await wire.ask("multipart/mixed;subscriptionSpec=1.0")
    await wire.hear()


STAGES = (
    at_once,
    in_the_handshake,
    before_it_is_answered,
    before_its_introduction,
    before_it_is_acknowledged,
    before_its_operations_run,
    while_they_run,
    after_it_completed_them,
    in_a_frame,
    politely,
    while_it_is_closed,
    in_an_event_stream,
    in_a_multipart_stream,
)


async def test_nothing_is_left_of_a_thousand_clients_that_vanished(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before = asyncio.all_tasks()
    several = asyncio.Semaphore(AT_ONCE)

    async def vanish(number: int) -> None:
        wire = Wire(house, random.Random(number))  # noqa: S311 - the same every time
        async with several, asyncio.timeout(PATIENCE):
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await STAGES[number % len(STAGES)](wire)
            if wire.dice.random() < 0.5:
                wire.writer.close()
            else:
                wire.writer.transport.abort()
        await asyncio.sleep(0)

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(vanish(number))
        async with asyncio.timeout(PATIENCE):
            while house.left() or asyncio.all_tasks() != before:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.1)
    assert caplog.records == []
    assert logs == []


async def test_a_change_whose_socket_vanished_is_made_once_however_often_it_is_sent(house: House) -> None:
    """Each round sends all that was not answered yet, over a socket that vanishes in the middle of it."""
    unanswered, answers, dice, rounds = {f"k{number}" for number in range(60)}, [], random.Random(1), 0  # noqa: S311
    async with asyncio.timeout(PATIENCE):
        while unanswered:
            rounds += 1
            wire = Wire(house, dice)
            wire.token = house.tokens[0]
            await wire.shake_hands()
            wire.introduce()
            for key in sorted(unanswered):
                wire.say(subscribe(key, REPORT, variables={"unit": house.village, "key": key}))
            for message in await heard(wire.reader, dice.randrange(12)):
                if message.get("type") == "next":
                    unanswered.discard(message["id"])
                    answers.append(message["payload"])
            wire.writer.transport.abort()
    assert rounds > 5
    numbers = await house.service.database.pool.fetch("select number from issue order by number")
    found = [answer["data"]["reportIssue"] for answer in answers]
    assert [one["errors"] for one in found] == [[]] * 60
    assert sorted(one["issue"]["number"] for one in found) == [row[0] for row in numbers]


async def heard(reader: asyncio.StreamReader, number: int) -> list[Any]:
    """Read so many messages as they go over the wire: short ones, or not as long as two bytes count."""
    messages = []
    for _ in range(number):
        _, length = await reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2))
        messages.append(json.loads(await reader.readexactly(length)))
    return messages
