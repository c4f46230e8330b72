"""One of many stops reading: it is let go and comes back, the others do not notice, and the server does not grow."""

import asyncio
import re
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil
from tests.soak import volume
from tests.soak.checker import Evidence
from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import Following, gathered, present, subscriber
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.ground import CITY, VILLAGES, Watch
from tests.soak.journal import Journal
from tests.soak.latency import lag
from tests.soak.load import loading
from tests.soak.process import until
from tests.soak.topology import Topology, running

_SLOW = "slow"
_LET_GO = {"Cut: close code 4290", "Cut: close code 1006"}
"""Who reads soon enough after it was let go is told so; who does not finds the connection gone."""
_REST = 1.0  # seconds in which it reads again
_WEIGH_EVERY = 0.2
_ENOUGH = 0.95
"""Of the changes that were wanted; with fewer the goal was not put to the test."""
_MB = 1024 * 1024


class Size(NamedTuple):
    subscribers: int
    rate: int
    seconds: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Let one who sees everything read, then not, and then again; each of the others sees a village."""
    async with running(directory, apis=1) as topology:
        after, others = await present(topology), {}
        for place in range(size.subscribers - 1):
            village = VILLAGES[place % len(VILLAGES)]
            watch = Watch(f"official-{village}", None, village)
            others[subscriber(topology, f"s{place}", watch, place, after)] = village
        slow = subscriber(topology, _SLOW, Watch("office", None, CITY), 1, after)
        async with gathered(topology, others) as crowd, gathered(topology, {slow: CITY}) as one:
            async with loading(topology, 0, progress, writers=0) as load:
                issues = await load.handed_over()
            over, sizes = asyncio.Event(), list[int]()
            with Journal(directory / "volume.jsonl") as journal:
                async with asyncio.TaskGroup() as tasks:
                    url = topology.postgres.url
                    tasks.create_task(volume.write_together(url, issues, size.rate, over, journal))
                    await asyncio.sleep(size.seconds / 2)
                    began = time.monotonic()
                    weighing = tasks.create_task(_weigh(topology.apis[0].pid, sizes))
                    await _read_now_and_then(one, topology, size)
                    ended = time.monotonic()
                    weighing.cancel()
                    await asyncio.sleep(size.seconds / 2)
                    over.set()
            evidence = await conclude(topology, crowd, one)
    return _goals(evidence, size, max(sizes) - sizes[0], began, ended)


async def _read_now_and_then(one: Following, topology: Topology, size: Size) -> None:
    """Stop until let go, and come back; the first time only after a long while."""
    over_at, away = time.monotonic() + size.seconds, size.seconds / 2
    while time.monotonic() < over_at:
        drops = await _figure(topology, "drops_total")

        async def is_let_go(before: float = drops) -> bool:
            return await _figure(topology, "drops_total") > before

        async def is_back() -> bool:
            return await _figure(topology, "subscriptions") == size.subscribers

        one.send(signal.SIGSTOP)
        await until(is_let_go, "the slow one to be let go")
        await asyncio.sleep(away)
        one.send(signal.SIGCONT)
        await until(is_back, "the slow one to be back")
        await asyncio.sleep(_REST)
        away = 0


async def _figure(topology: Topology, name: str) -> float:
    async with aiohttp.request("GET", f"http://{topology.addresses[0]}/metrics") as response:
        told = await response.text()
    return sum(map(float, re.findall(rf"^lxbc_{name}\{{.*\}} (\S+)$", told, re.MULTILINE)))


async def _weigh(pid: int, sizes: list[int]) -> None:
    process = psutil.Process(pid)
    while True:
        sizes.append(process.memory_info().rss)
        await asyncio.sleep(_WEIGH_EVERY)


def _goals(evidence: Evidence, size: Size, growth: int, began: float, ended: float) -> list[Goal]:
    def while_slow(at: float) -> bool:
        return began <= at <= ended

    ends = Counter(entry.why for entry in evidence.ended if entry.subscriber == _SLOW)
    noticed = sum(entry.subscriber != _SLOW for entry in evidence.ended)
    others = replace(evidence, heard={name: of for name, of in evidence.heard.items() if name != _SLOW})
    beside, without = lag(others, while_slow), lag(others, lambda at: not while_slow(at))
    rate = sum(map(while_slow, (entry.at for entry in evidence.written))) / (ended - began)
    return [
        exact(evidence),
        Goal(
            "the slow one is let go and comes back, the others stay",
            f"{dict(ends)}; {noticed} others ended",
            bool(ends) and ends.keys() <= _LET_GO and not noticed,
        ),
        Goal("the server grows < 20 MB", f"{growth / _MB:.1f} MB", growth < 20 * _MB, timed=True),
        Goal(
            "p99 of the others within 10 % of without it",
            f"beside it {beside}\nwithout it {without}\n{rate:,.0f} changes a second beside it",
            beside.p99 <= 1.1 * without.p99 and rate >= _ENOUGH * size.rate,
            timed=True,
        ),
    ]


FAULT = Fault(
    "slow-reader",
    "1 of {subscribers} subscribers stops reading",
    "{rate:,} changes a second, {seconds:g} s, and as long without",
    full=Size(subscribers=200, rate=1000, seconds=60.0),
    short=Size(subscribers=20, rate=800, seconds=4.0),
    run=run,
)
