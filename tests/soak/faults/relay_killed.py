"""The process that numbers events is killed, over and over: another one is elected and goes on where it was."""

import time
from pathlib import Path
from typing import NamedTuple

from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.latency import lag
from tests.soak.load import loading
from tests.soak.topology import Api, running


class Size(NamedTuple):
    transitions: int
    rate: int
    subscribers: int
    kills: int
    seconds: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Kill whoever is elected: a relay or, since those stand for election too, an API process."""
    killed: list[float] = []
    async with running(directory, relays=1) as topology, following(topology, size.subscribers) as crowd:
        async with loading(topology, size.transitions, progress, rate=size.rate) as load:
            async for _ in load.turns(size.kills, size.seconds):
                process = await topology.relaying()
                killed.append(time.monotonic())
                process.kill()
                process.start()
                if isinstance(process, Api):
                    await process.healthy()
        evidence = await conclude(topology, crowd)
    calm = lag(evidence, lambda at: not any(0 <= at - kill < 1 for kill in killed))
    return [
        exact(evidence),
        Goal(
            "lag p99 < 1 s outside the second of the kill",
            f"{calm}; {len(killed)} kills, with their seconds {lag(evidence)}",
            calm.p99 < 1,
            timed=True,
        ),
    ]


FAULT = Fault(
    "relay-killed",
    "kill -9 of the relay, {kills} times, every {seconds:g} s",
    "{transitions:,} transitions, {rate} a second, {subscribers} subscribers",
    full=Size(transitions=100_000, rate=60, subscribers=200, kills=50, seconds=2.0),
    short=Size(transitions=100, rate=60, subscribers=20, kills=2, seconds=0.2),
    run=run,
)
