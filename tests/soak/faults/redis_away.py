"""Redis stands still, forgets, is replaced and locks everybody out: it is speed and never truth."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from tests.redis_server import RedisServer
from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.latency import lag
from tests.soak.load import loading
from tests.soak.topology import running


class Size(NamedTuple):
    transitions: int
    rate: int
    subscribers: int
    seconds: float


_TROUBLES = (RedisServer.stopped, RedisServer.emptied, RedisServer.away, RedisServer.locked)


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Let one trouble follow the other, with a rest as long as each after it."""
    async with (
        running(directory, with_redis=True) as topology,
        following(topology, size.subscribers) as crowd,
    ):
        assert topology.redis is not None
        async with loading(topology, size.transitions, progress, rate=size.rate) as load:
            async for turn in load.turns(len(_TROUBLES), 2 * size.seconds):
                with _TROUBLES[turn](topology.redis):
                    await asyncio.sleep(size.seconds)
        evidence = await conclude(topology, crowd)
    failed, ended = len(evidence.failed), len(evidence.ended)
    return [
        exact(evidence),
        Goal(
            "API error rate 0",
            f"{failed} requests failed, {ended} subscriptions ended; lag {lag(evidence)}",
            not failed and not ended,
        ),
    ]


FAULT = Fault(
    "redis-away",
    "Redis stopped {seconds:g} s, FLUSHALL, restarted empty, wrong password",
    "{transitions:,} transitions, {rate} a second, {subscribers} subscribers",
    full=Size(transitions=100_000, rate=60, subscribers=200, seconds=10.0),
    short=Size(transitions=100, rate=60, subscribers=20, seconds=0.5),
    run=run,
)
