"""An API process is killed, over and over: its clients go to the other one, and miss nothing."""

from pathlib import Path
from typing import NamedTuple

from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.latency import first_after_reconnect
from tests.soak.load import loading
from tests.soak.topology import running


class Size(NamedTuple):
    transitions: int
    rate: int
    subscribers: int
    kills: int
    seconds: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Kill one and then the other; each is up again before the next is killed, or nobody could take its clients."""
    async with running(directory) as topology, following(topology, size.subscribers) as crowd:
        async with loading(topology, size.transitions, progress, rate=size.rate) as load:
            async for turn in load.turns(size.kills, size.seconds):
                api = topology.apis[turn % len(topology.apis)]
                api.kill()
                api.start()
                await api.healthy()
        evidence = await conclude(topology, crowd)
    first = first_after_reconnect(evidence)
    return [
        exact(evidence),
        Goal(
            "first event after reconnect p99 < 2 s",
            f"{first}; {first.count:,} times",
            first.p99 < 2,
            timed=True,
        ),
    ]


FAULT = Fault(
    "api-killed",
    "kill -9 of one of two API processes every {seconds:g} s, {kills} times",
    "{transitions:,} transitions, {rate} a second, {subscribers} resuming subscribers",
    full=Size(transitions=100_000, rate=60, subscribers=200, kills=50, seconds=2.0),
    short=Size(transitions=100, rate=60, subscribers=20, kills=2, seconds=0.2),
    run=run,
)
