"""The subscribers of a run, from the side of who starts them: as many processes of followers as there need be."""

import asyncio
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
    topology: Topology, number: int, addresses: Sequence[str] | None = None
) -> AsyncIterator[Following]:
    """Start so many subscribers, and wait until all have subscribed; what is left of them ends with the block."""
    watched = {f"s{place}": watch for place, watch in enumerate(watches(number))}
    with Journal(topology.directory / "subscribers.jsonl") as journal:
        for name, watch in watched.items():
            journal.write(Joined(name, watch.reach))
    after = await _present(topology)
    subscribers = [
        _subscriber(topology, name, watch, place, after)
        for place, (name, watch) in enumerate(watched.items())
    ]
    processes: list[Process] = []
    try:
        for start in range(0, number, _IN_ONE_PROCESS):
            part = subscribers[start : start + _IN_ONE_PROCESS]
            path = topology.directory / f"followers-{start}.jsonl"
            crowd = Crowd(str(path), list(addresses or topology.addresses), part)
            processes.append(await _started(crowd))
        yield Following(processes, {name: watch.reach for name, watch in watched.items()})
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _subscriber(topology: Topology, name: str, watch: Watch, place: int, after: str) -> Subscriber:
    transport = "websocket" if place % _SSE_EVERY else "sse"
    return Subscriber(name, transport, topology.ground.tokens[watch.account], watch.unit, after)


async def _present(topology: Topology) -> str:
    url, token = f"http://{topology.addresses[0]}/graphql", topology.ground.tokens["office"]
    body, headers = {"query": "{ eventCursor }"}, {"Authorization": f"Bearer {token}"}
    async with aiohttp.request("POST", url, json=body, headers=headers) as response:
        cursor: str = (await response.json())["data"]["eventCursor"]
        return cursor


async def _started(crowd: Crowd) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"{__package__}.followers", stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(orjson.dumps(crowd, default=tuple) + b"\n")
    if await process.stdout.readline() != b"ready\n":
        raise RuntimeError("a process of followers did not start")
    return process
