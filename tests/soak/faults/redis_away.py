"""Redis stands still, forgets, is replaced and locks everybody out: it is speed and never truth."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Fault, Goal, Progress
from tests.soak.latency import lag
from tests.soak.load import loading
from tests.soak.redis import Redis
from tests.soak.topology import running


class Size(NamedTuple):
    transitions: int
    subscribers: int
    seconds: float


async def run(size: Size, directory: Path, progress: Progress) -> list[Goal]:
    """Let one trouble follow the other, with a rest as long as each between them."""
    async with (
        running(directory, with_redis=True) as topology,
        following(topology, size.subscribers) as crowd,
    ):
        assert topology.redis is not None
        async with loading(topology, size.transitions, progress) as load:
            async for _ in load.turns(1, 0):
                for trouble in (_stopped, _flushed, _emptied, _locked):
                    await trouble(topology.redis, size.seconds)
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


async def _stopped(redis: Redis, seconds: float) -> None:
    redis.pause()
    await asyncio.sleep(seconds)
    redis.resume()


async def _flushed(redis: Redis, _seconds: float) -> None:
    await redis.flush()


async def _emptied(redis: Redis, seconds: float) -> None:
    redis.kill()
    await asyncio.sleep(seconds / 2)
    await redis.start()


async def _locked(redis: Redis, seconds: float) -> None:
    redis.kill()
    await redis.start(password="another")
    await asyncio.sleep(seconds)
    redis.kill()
    await redis.start()


FAULT = Fault(
    "redis-away",
    "Redis stopped {seconds:g} s, FLUSHALL, restarted empty, wrong password",
    "{transitions:,} transitions, {subscribers} subscribers",
    full=Size(transitions=100_000, subscribers=200, seconds=10.0),
    short=Size(transitions=100, subscribers=20, seconds=0.5),
    run=run,
)
