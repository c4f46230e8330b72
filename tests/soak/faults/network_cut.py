"""The network is cut for a while, and nobody is told: who is gone is found, who is back goes on where it was."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from math import inf
from pathlib import Path
from typing import NamedTuple

from tests.soak import volume
from tests.soak.checker import Evidence
from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.journal import Journal
from tests.soak.load import loading
from tests.soak.network import Network, network
from tests.soak.process import until
from tests.soak.topology import Topology, running

_REST = 2.0  # seconds in which all goes well
_LOOK_EVERY = 0.2
_FOUND_SECONDS = 30
BUSY, QUIET = "for long", "for long in silence"


class Size(NamedTuple):
    subscribers: int
    rate: int
    briefly: float
    long: float
    real: bool


class Turn(NamedTuple):
    """When it began and ended, and after how many seconds the API found that nobody is there."""

    began: float
    ended: float
    found: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Cut it briefly and for long while much happens, and for long while nothing does."""
    with network(real=size.real) as between:
        return await _run(size, directory, progress, between)


async def _run(size: Size, directory: Path, progress: Advance, between: Network) -> list[Goal]:
    async with (
        running(directory, apis=1, given={"LXBC_HOST": between.host}) as topology,
        following(
            topology, size.subscribers, addresses=await between.addresses(topology), within=between.within
        ) as crowd,
    ):
        async with loading(topology, 0, progress, writers=0) as load:
            issues = await load.handed_over()
        turns: dict[str, Turn] = {}
        with Journal(directory / "volume.jsonl") as journal:

            async def write(seconds: float | None, over: asyncio.Event) -> None:
                if seconds is not None:
                    asyncio.get_running_loop().call_later(seconds, over.set)
                await volume.write_together(topology.postgres.url, issues, size.rate, over, journal)

            for name, seconds in (("briefly", size.briefly), (BUSY, size.long), (QUIET, size.long)):
                over, began = asyncio.Event(), time.monotonic()
                async with asyncio.TaskGroup() as tasks:
                    if name == QUIET:
                        await write(_REST, asyncio.Event())
                    else:
                        tasks.create_task(write(None, over))
                        await asyncio.sleep(_REST)
                    found = await _cut(between, topology, seconds)
                    await until(partial(_are_back, between, topology, size.subscribers), "all to be back")
                    turns[name] = Turn(began, time.monotonic(), found)
                    over.set()
                await write(_REST, asyncio.Event())  # for all who are back
        evidence = await conclude(topology, crowd)
    return [*_goals(evidence, size, turns)]


async def _cut(between: Network, topology: Topology, seconds: float) -> float:
    """Cut it, and return after how many seconds the API has found that nobody is there any more."""
    began, found = time.monotonic(), inf
    between.cut()
    while (passed := time.monotonic() - began) < seconds:
        if found == inf and between.flows(topology) == 0:
            found = passed
        await asyncio.sleep(_LOOK_EVERY)
    between.mend()
    return found


async def _are_back(between: Network, topology: Topology, number: int) -> bool:
    return between.flows(topology) >= number


def _goals(evidence: Evidence, size: Size, turns: dict[str, Turn]) -> Iterator[Goal]:
    yield exact(evidence)
    gone = {
        name: len({entry.subscriber for entry in evidence.ended if turn.began < entry.at < turn.ended})
        for name, turn in turns.items()
    }
    yield Goal(
        "all who are cut off for long come back and go on",
        ", ".join(f"{name} {number} cut off" for name, number in gone.items()),
        gone[BUSY] == gone[QUIET] == size.subscribers,
    )
    if size.real:
        yield Goal(
            "a dead peer is found in < 30 s",
            ", ".join(f"{name} {turns[name].found:.1f} s" for name in (BUSY, QUIET)),
            all(turns[name].found < _FOUND_SECONDS for name in (BUSY, QUIET)),
            timed=True,
        )


FAULT = Fault(
    "network-cut",
    "the network is cut for {briefly:g} s, for {long:g} s, and for {long:g} s while nothing is sent",
    "{subscribers} subscribers, {rate} changes a second",
    full=Size(subscribers=100, rate=50, briefly=5.0, long=60.0, real=True),
    short=Size(subscribers=20, rate=50, briefly=0.25, long=1.0, real=False),
    run=run,
)
