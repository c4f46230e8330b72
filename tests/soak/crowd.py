"""The subscribers of a run, from the side of who starts them: as many processes of followers as there need be."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import orjson

from .followers import Crowd, Subscriber
from .ground import Watch, watches
from .journal import Joined, Journal
from .topology import Topology

_IN_ONE_PROCESS = 100
_SSE_EVERY = 5
"""Of how many subscribers one comes over server-sent events; it shares no factor with the kinds of watches."""


class Following:
    """Processes of followers that are connected."""

    def __init__(self, processes: Sequence[Process], reach: Mapping[str, str]) -> None:
        self.reach = reach
        self._processes = processes

    def send(self, number: signal.Signals) -> None:
        """Send all of them a signal."""
        for process in self._processes:
            process.send_signal(number)

    async def finish(self, last: Mapping[str, str]) -> None:
        """Give each subscriber the time to receive its last event, and let all of them end."""
        line = orjson.dumps(last) + b"\n"
        for process in self._processes:
            await process.communicate(line)
        for process in self._processes:
            if process.returncode:
                raise RuntimeError(f"a process of followers ended with status {process.returncode}")


@asynccontextmanager
async def following(
    topology: Topology,
    number: int,
    *,
    addresses: Sequence[str] | None = None,
    within: Sequence[str] = (),
) -> AsyncIterator[Following]:
    """Start so many subscribers, of every kind, as ``gathered`` does."""
    after = await present(topology)
    subscribers = {
        subscriber(topology, f"s{place}", watch, place, after): watch.reach
        for place, watch in enumerate(watches(number))
    }
    async with gathered(topology, subscribers, addresses=addresses, within=within) as found:
        yield found


@asynccontextmanager
async def gathered(
    topology: Topology,
    subscribers: Mapping[Subscriber, str],
    *,
    addresses: Sequence[str] | None = None,
    within: Sequence[str] = (),
) -> AsyncIterator[Following]:
    """Start the subscribers, each with its reach, and wait until all have subscribed; they end with the block.

    They come to the ``addresses``, if not to those of the API itself, and run ``within`` what that command starts.
    """
    everybody = list(subscribers)
    with Journal(topology.directory / f"joined-{everybody[0].name}.jsonl") as journal:
        for one, reach in subscribers.items():
            journal.write(Joined(one.name, reach))
    processes: list[Process] = []
    try:
        for start in range(0, len(everybody), _IN_ONE_PROCESS):
            part = everybody[start : start + _IN_ONE_PROCESS]
            path = topology.directory / f"followers-{part[0].name}.jsonl"
            crowd = Crowd(str(path), list(addresses or topology.addresses), part)
            processes.append(await _started(crowd, within))
        yield Following(processes, {one.name: reach for one, reach in subscribers.items()})
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


def subscriber(topology: Topology, name: str, watch: Watch, place: int, after: str) -> Subscriber:
    """Return one who comes over one transport or the other, by its place."""
    transport = "websocket" if place % _SSE_EVERY else "sse"
    return Subscriber(name, transport, topology.ground.tokens[watch.account], watch.unit, after)


async def present(topology: Topology) -> str:
    """Return the cursor of the newest event."""
    url, token = f"http://{topology.addresses[0]}/graphql", topology.ground.tokens["office"]
    body, headers = {"query": "{ eventCursor }"}, {"Authorization": f"Bearer {token}"}
    async with aiohttp.request("POST", url, json=body, headers=headers) as response:
        cursor: str = (await response.json())["data"]["eventCursor"]
        return cursor


async def _started(crowd: Crowd, within: Sequence[str]) -> Process:
    process = await asyncio.create_subprocess_exec(
        *within, sys.executable, "-m", f"{__package__}.followers", stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(orjson.dumps(crowd, default=tuple) + b"\n")
    if await process.stdout.readline() != b"ready\n":
        raise RuntimeError("a process of followers did not start")
    return process
