"""Followers: a process of many subscribers, each of whom comes back at once, anywhere, after what it had last.

They remember only how far they have come: what is lost, or comes twice, is for the checker to find.

``python -m tests.soak.followers`` reads a ``Crowd`` as a line of JSON and says ``ready`` when all have subscribed. A
second line names the last event that each is to receive; when all have, or after some patience, it ends, and at once
without that line.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import uvloop

from .journal import Ended, Journal, Received
from .process import until

_PAUSE = 0.02
_LINGER = 0.5  # seconds in which what is sent once more after the last event would come
_HEARTBEAT = 10.0  # seconds between pings to a server, which has half of that to answer
_MUTE = 30.0  # seconds after which a server that says nothing at all, not even that it is alive, is given up
_SILENCE = 30.0  # seconds without any event after which none is waited for
_RESUMABLE = {1001, 1006, 1012, 1013, 4290, 4408}
_AGAIN = {"UNAVAILABLE", "TIMEOUT"}

_DOCUMENT = """
subscription ($filter: EventFilter, $after: String) {
  issueEvents(filter: $filter, after: $after) { cursor event { id kind toState issue { id version } } }
}
"""


class Subscriber(NamedTuple):
    """Who follows which unit, over which transport, and after which cursor to begin."""

    name: str
    transport: str
    token: str
    unit: str | None
    after: str


class Crowd(NamedTuple):
    """The subscribers of one process, where the API is, and where to write down what they receive."""

    journal: str
    addresses: list[str]
    subscribers: list[Subscriber]


class Cut(Exception):
    """The subscription ended, and can be resumed."""


class Over(Exception):
    """The subscription ended, and resuming would not help."""


class Follower:
    """One subscriber, as far as it has come."""

    def __init__(self, subscriber: Subscriber, session: aiohttp.ClientSession, journal: Journal) -> None:
        self.subscriber = subscriber
        self.session = session
        self.after = subscriber.after
        self.last = ""
        self.received = 0
        self.connected = False
        self._connection = 0
        self._journal = journal

    async def follow(self, addresses: list[str], first: int) -> None:
        """Follow until cancelled, or until the server says that it is over."""
        transport = _TRANSPORTS[self.subscriber.transport]
        for turn in count():
            received = self.received
            try:
                await transport(self, addresses[(first + turn) % len(addresses)])
            except (Cut, Over, aiohttp.ClientError, TimeoutError) as error:
                if self.connected:
                    self.connected = False
                    why = f"{type(error).__name__}: {error}"
                    self._journal.write(Ended(self.subscriber.name, time.monotonic(), self._connection, why))
                if isinstance(error, Over):
                    return
                if self.received == received:  # nobody is there, or as good as nobody
                    await asyncio.sleep(_PAUSE)

    def request(self) -> dict[str, Any]:
        """Return what to ask for, from the present position on."""
        unit = self.subscriber.unit
        given = {"filter": None if unit is None else {"unit": unit}, "after": self.after}
        return {"query": _DOCUMENT, "variables": given}

    def joined(self) -> None:
        """Note that another connection stands, and that the subscription was asked for over it."""
        self._connection += 1
        self.connected = True

    def take(self, payload: dict[str, Any]) -> None:
        """Write down the event of a payload; raises Cut or Over where it has errors instead."""
        if errors := payload.get("errors"):
            codes = {error.get("extensions", {}).get("code") for error in errors}
            raise (Cut if codes <= _AGAIN else Over)(orjson.dumps(errors).decode())
        found = payload["data"]["issueEvents"]
        event, self.after = found["event"], found["cursor"]
        self.last = "" if event is None else event["id"]
        self.received += 1
        now = time.monotonic()
        self._journal.write(Received(self.subscriber.name, self.last, self.after, now, self._connection))


async def _over_websocket(follower: Follower, address: str) -> None:
    async with follower.session.ws_connect(
        f"http://{address}/graphql",
        protocols=["graphql-transport-ws"],
        max_msg_size=0,
        heartbeat=_HEARTBEAT,
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"token": follower.subscriber.token}})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                break
            content = orjson.loads(message.data)
            match content["type"]:
                case "next":
                    follower.take(content["payload"])
                case "connection_ack":
                    await socket.send_json({"id": "1", "type": "subscribe", "payload": follower.request()})
                    follower.joined()
                case "ping":
                    await socket.send_json({"type": "pong"})
                case "error":
                    follower.take({"errors": content["payload"]})
                case "complete":
                    raise Over("complete")
    raise (Cut if socket.close_code in _RESUMABLE else Over)(f"close code {socket.close_code}")


async def _over_sse(follower: Follower, address: str) -> None:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {follower.subscriber.token}"}
    if follower.last:
        headers["Last-Event-ID"] = follower.after
    async with follower.session.post(
        f"http://{address}/graphql", json=follower.request(), headers=headers
    ) as response:
        if response.status != 200:
            raise (Cut if response.status >= 500 else Over)(f"status {response.status}")
        follower.joined()
        event = data = b""
        async for line in response.content:
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if name == b"event":
                event = value
            elif name == b"data":
                data = value
            elif not line.strip() and event == b"next":
                follower.take(orjson.loads(data))
                event = b""
            elif not line.strip() and event == b"complete":
                raise Over("complete")
    raise Cut("the stream ended")


_TRANSPORTS: dict[str, Callable[[Follower, str], Awaitable[None]]] = {
    "websocket": _over_websocket,
    "sse": _over_sse,
}


async def follow(crowd: Crowd) -> None:
    """Be all subscribers of the crowd."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_MUTE)
    with Journal(Path(crowd.journal)) as journal:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session,
            asyncio.TaskGroup() as tasks,
        ):
            followers = [Follower(one, session, journal) for one in crowd.subscribers]
            under_way = [
                tasks.create_task(one.follow(crowd.addresses, place)) for place, one in enumerate(followers)
            ]

            async def all_connected() -> bool:
                return all(one.connected for one in followers)

            await until(all_connected, "all to be connected")
            print("ready", flush=True)  # noqa: T201 - to who started it
            if line := await asyncio.to_thread(sys.stdin.readline):
                await _finish(followers, orjson.loads(line))
            for one in under_way:
                one.cancel()


async def _finish(followers: list[Follower], last: dict[str, str]) -> None:
    """Wait until each has its last event, or nothing comes any more: the journal shows who lacks what."""
    before = -1
    while before != (before := sum(one.received for one in followers)):
        silent_at = time.monotonic() + _SILENCE
        while time.monotonic() < silent_at:
            if all(one.last == last[one.subscriber.name] for one in followers):
                await asyncio.sleep(_LINGER)
                return
            await asyncio.sleep(_PAUSE)


if __name__ == "__main__":
    journal, addresses, subscribers = orjson.loads(sys.stdin.readline())
    uvloop.run(follow(Crowd(journal, addresses, [Subscriber(*one) for one in subscribers])))
