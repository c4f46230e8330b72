"""The API processes are restarted by turns, as for a new version: no request that one has taken fails."""

from pathlib import Path
from typing import NamedTuple

from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.latency import first_after_reconnect
from tests.soak.load import loading
from tests.soak.topology import running

_NOT_TAKEN = "ClientConnectorError"
"""What a client hears of an address at which nobody listens; it then asks at the other one."""
_TOLD = ("Cut: close code 1012", "Cut: the stream ended", "ClientPayloadError")
"""How a subscription ends when the server goes: a socket with its code, a stream in the middle of its body."""


class Size(NamedTuple):
    transitions: int
    rate: int
    subscribers: int
    restarts: int
    seconds: float


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Stop one by SIGTERM while the other serves; start it again, and wait until it does, before the next."""
    statuses = []
    async with running(directory) as topology, following(topology, size.subscribers) as crowd:
        async with loading(topology, size.transitions, progress, rate=size.rate) as load:
            async for turn in load.turns(size.restarts, size.seconds):
                api = topology.apis[turn % len(topology.apis)]
                statuses.append(await api.stopped())
                api.start()
                await api.healthy()
        evidence = await conclude(topology, crowd)
    failed = [entry for entry in evidence.failed if not entry.why.startswith(_NOT_TAKEN)]
    ends = [entry.why for entry in evidence.ended]
    others = [why for why in ends if not why.startswith(_TOLD)]
    first = first_after_reconnect(evidence)
    return [
        exact(evidence),
        Goal(
            "0 requests fail that were taken",
            f"{len(failed)} of {len(evidence.written):,}" + "".join(f"\n{one.why}" for one in failed[:3]),
            not failed,
        ),
        Goal(
            "every subscriber is told that the server goes, and every process ends well",
            f"{len(ends) - len(others):,} of {len(ends):,} told; statuses {sorted(set(statuses))}"
            + "".join(f"\n{why}" for why in others[:3]),
            bool(ends) and not others and set(statuses) == {0},
        ),
        Goal("first event after reconnect p99 < 2 s", f"{first}", first.p99 < 2, timed=True),
    ]


FAULT = Fault(
    "rolling-restart",
    "SIGTERM to one of two API processes after the other, {restarts} times",
    "{transitions:,} transitions, {rate} a second, {subscribers} resuming subscribers",
    full=Size(transitions=20_000, rate=60, subscribers=200, restarts=20, seconds=2.0),
    short=Size(transitions=100, rate=60, subscribers=20, restarts=2, seconds=0.2),
    run=run,
)
