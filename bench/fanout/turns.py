"""Each server in turns, started anew for each number of subscribers, and sent as many bytes as the others."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import asyncpg

from bench.data import token
from bench.serving import Server, serving, worker

from .committing import ACCOUNT, COUNTY, committed
from .crowd import Crowd
from .measure import Load, measure
from .publishing import published
from .report import BARE, OWN, Round

NODE = "node"
SERVERS = (OWN, BARE, NODE, "strawberry")
DOCUMENT = f"""subscription {{
    issueEvents(filter: {{unit: "{COUNTY}"}}) {{
        cursor event {{ kind toState at issue {{ id number title state unit {{ name }} }} }}
    }}
}}"""
_RUN_NODE = Path(__file__).parent / "node" / "run.sh"


async def in_turns(
    url: str, sizes: Sequence[int], load: Load, rounds: int, names: Sequence[str], say: Callable[[str], None]
) -> tuple[int, dict[tuple[str, str], list[Round]]]:
    """Return how many bytes a frame has, and the rounds of each number of subscribers and server.

    Raises unless every subscriber was sent as many frames as there were events, and all the same one last.
    """
    admin = await asyncpg.connect(url)
    access = await token(url, ACCOUNT)
    frame = await _frame(url, access, admin)
    say(f"a frame has {len(frame)} bytes")
    found: dict[tuple[str, str], list[Round]] = {(f"{size:,}", name): [] for size in sizes for name in names}
    began = time.perf_counter()
    for number in range(rounds):
        for size in sizes:
            for name in names:
                with _started(name, url) as server:
                    make = (
                        await committed(server.port, access, admin)
                        if name == OWN
                        else published(server.port, frame)
                    )
                    crowd = Crowd(server.port, access, DOCUMENT)
                    found[f"{size:,}", name].append(await measure(server, crowd, make, size, load, admin))
                    crowd.leave()
        passed = time.perf_counter() - began
        say(f"round {number + 1} of {rounds}; {passed / (number + 1) * (rounds - number - 1):.0f} s to go")
    await admin.close()
    return len(frame), found


async def _frame(url: str, access: str, admin: asyncpg.Connection) -> bytes:
    """Return what this server sends for one event; the others send the same."""
    with _started(OWN, url) as server:
        crowd = Crowd(server.port, access, DOCUMENT)
        await crowd.grow(1)
        await asyncio.sleep(1)
        make = await committed(server.port, access, admin)
        crowd.expect(1)
        await make(1)
        await crowd.complete()
        crowd.check(1)
        crowd.leave()
        return crowd.text


def _started(name: str, url: str) -> AbstractContextManager[Server]:
    command = ["sh", str(_RUN_NODE)] if name == NODE else worker(name, url)
    return serving(name, name, command)
