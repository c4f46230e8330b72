"""One transaction has written and is left open: what others commit meanwhile does not wait for it."""

import time
from pathlib import Path
from typing import NamedTuple

import asyncpg
from tests.soak import volume
from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.journal import Journal, Written
from tests.soak.latency import lag
from tests.soak.load import loading
from tests.soak.topology import running

_ENOUGH = 0.95
"""Of the commits that were wanted; with fewer the goal was not put to the test."""


class Size(NamedTuple):
    seconds: float
    rate: int
    subscribers: int


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Leave it open from before the first commit until after the last."""
    async with running(directory, apis=1) as topology, following(topology, size.subscribers) as crowd:
        async with loading(topology, 0, progress, writers=0) as load:
            (idle_place, idle_issue), *issues = await load.handed_over()
        with Journal(directory / "volume.jsonl") as journal:
            connection = await asyncpg.connect(topology.postgres.url)
            transaction, asked_at = connection.transaction(), time.monotonic()
            await transaction.start()
            event, version = await volume.change(connection, idle_issue)
            written = await volume.write(
                topology.postgres.url, issues, size.rate, size.seconds, journal, progress
            )
            await transaction.commit()
            place = idle_place.village
            journal.write(
                Written("idle", event, idle_issue["id"], version, place, asked_at, time.monotonic())
            )
            await connection.close()
        evidence = await conclude(topology, crowd)
    found = lag(evidence)
    return [
        exact(evidence),
        Goal(
            "lag p99 < 1 s",
            f"{found}; {written / size.seconds:,.0f} commits/s",
            found.p99 < 1 and written >= _ENOUGH * size.rate * size.seconds,
            timed=True,
        ),
    ]


FAULT = Fault(
    "idle-transaction",
    "one transaction idle for {seconds:g} s",
    "{rate} commits/s, {subscribers} subscribers",
    full=Size(seconds=60.0, rate=500, subscribers=50),
    short=Size(seconds=1.0, rate=50, subscribers=20),
    run=run,
)
