"""PostgreSQL is restarted under everybody, in good order and as if it had crashed."""

import time
from pathlib import Path
from typing import NamedTuple

from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.load import loading
from tests.soak.topology import running

_GRACE_SECONDS = 3.0


class Size(NamedTuple):
    transitions: int
    rate: int
    subscribers: int
    restarts: int
    seconds: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Restart it fast and immediately by turns."""
    outages: list[tuple[float, float]] = []
    async with running(directory) as topology, following(topology, size.subscribers) as crowd:
        async with loading(topology, size.transitions, progress, rate=size.rate) as load:
            async for turn in load.turns(size.restarts, size.seconds):
                down_at = time.monotonic()
                await topology.postgres.restart("immediate" if turn % 2 else "fast")
                outages.append((down_at, time.monotonic()))
        evidence = await conclude(topology, crowd)
    errors = [one.at for one in evidence.failed] + [one.at for one in evidence.ended]
    late = [at for at in errors if not any(down <= at <= up + _GRACE_SECONDS for down, up in outages)]
    longest = max(up - down for down, up in outages)
    return [
        exact(evidence),
        Goal(
            "errors only while it is down + 3 s",
            f"{len(errors):,} errors, {len(late):,} of them else; {len(outages)} restarts, at most {longest:.1f} s",
            not late,
            timed=True,
        ),
    ]


FAULT = Fault(
    "postgres-restarted",
    "PostgreSQL restarted, fast and immediate, {restarts} times",
    "{transitions:,} transitions, {rate} a second, {subscribers} subscribers",
    full=Size(transitions=100_000, rate=60, subscribers=200, restarts=10, seconds=20.0),
    short=Size(transitions=100, rate=60, subscribers=20, restarts=2, seconds=0.5),
    run=run,
)
