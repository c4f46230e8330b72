"""One server under one number of subscribers: what each weighs, then bursts of events, then a steady pace."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

import asyncpg

from bench.serving import Server, spent

from .crowd import Crowd
from .publishing import Make
from .report import Round

FEW = 20
"""Subscribers for whom the server loads and allocates what it needs once, before it is weighed."""
_SETTLE_SECONDS = 1.0
_KB = 1024


@dataclass(frozen=True, slots=True)
class Load:
    """So many events at once, again and again for so many seconds; then one at a time, so many a second."""

    burst: int
    seconds: float
    pace: float


async def measure(
    server: Server, crowd: Crowd, make: Make, size: int, load: Load, admin: asyncpg.Connection
) -> Round:
    """Measure a server that has just started, and its crowd that is still empty."""
    await crowd.grow(FEW)
    await asyncio.sleep(_SETTLE_SECONDS)
    for _ in range(3):
        await _burst(crowd, make, load.burst)
    events = max(2, round(load.pace * load.seconds))
    cpu = await server.cpu_seconds(admin)
    await _paced(crowd, make, events, load.pace)
    alone, _ = _split(server, cpu, await server.cpu_seconds(admin))
    before = server.memory_bytes()
    await crowd.grow(size - FEW)
    await asyncio.sleep(_SETTLE_SECONDS)
    rss, pss = (now - then for now, then in zip(server.memory_bytes(), before, strict=True))
    await _burst(crowd, make, 2)

    cpu = await server.cpu_seconds(admin)
    bursts, seconds = 0, 0.0
    while seconds < load.seconds:
        seconds += await _burst(crowd, make, load.burst)
        bursts += 1
    own, backends = _split(server, cpu, await server.cpu_seconds(admin))
    deliveries = bursts * load.burst * size

    cpu = await server.cpu_seconds(admin)
    latencies = await _paced(crowd, make, events, load.pace)
    paced_own, _ = _split(server, cpu, await server.cpu_seconds(admin))
    overall = quantiles((one for event in latencies for one in event), n=100)
    last = quantiles((max(event) for event in latencies), n=100)
    return Round(
        cpu_us=own / deliveries * 1e6,
        postgres_us=backends / deliveries * 1e6,
        deliveries_per_second=deliveries / seconds,
        paced_cpu_us=paced_own / (events * size) * 1e6,
        event_cpu_ms=alone / events * 1e3,
        p50_ms=overall[49] * 1e3,
        p99_ms=overall[98] * 1e3,
        last_p50_ms=last[49] * 1e3,
        last_p99_ms=last[98] * 1e3,
        rss_kb=rss / (size - FEW) / _KB,
        pss_kb=pss / (size - FEW) / _KB,
    )


async def _burst(crowd: Crowd, make: Make, events: int) -> float:
    """Return how many seconds so many events at once took to come to everybody."""
    crowd.expect(events)
    began = time.perf_counter()
    await asyncio.gather(make(events), crowd.complete())
    crowd.check(events)
    return max(arrivals[-1] for arrivals in crowd.arrivals) - began


async def _paced(crowd: Crowd, make: Make, events: int, pace: float) -> Sequence[Sequence[float]]:
    """Return the seconds that each event took to come to each; it is made in time, however late those before are."""
    crowd.expect(events)
    began = time.perf_counter()
    asked: list[float] = []
    making: list[asyncio.Task[None]] = []
    for number in range(events):
        await asyncio.sleep(began + number / pace - time.perf_counter())
        asked.append(time.perf_counter())
        making.append(asyncio.create_task(make(1)))
    await asyncio.gather(*making, crowd.complete())
    crowd.check(events)
    by_event = zip(*crowd.arrivals, strict=True)
    return [[one - at for one in came] for at, came in zip(asked, by_event, strict=True)]


def _split(server: Server, before: dict[int, float], after: dict[int, float]) -> tuple[float, float]:
    """Return the CPU seconds between two counts: of the server process, and of its backends."""
    own = after[server.process.pid] - before[server.process.pid]
    return own, spent(before, after) - own
