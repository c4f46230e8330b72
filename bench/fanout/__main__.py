"""``python -m bench.fanout``: measure, print, write bench/fanout.json."""

import asyncio
import gc
import resource
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvloop
from rich.console import Console

from bench import report
from bench.data import prepare, token
from bench.serving import Server, serving, worker
from lxbc_graph.settings import Settings
from lxbc_graph.store.embedded import EmbeddedServer

from .committing import ACCOUNT, COUNTY, committed
from .crowd import Crowd
from .measure import Load, measure
from .publishing import published
from .report import BARE, Round, show

OWN = "lxbc-graph"
NODE = "node"
SERVERS = (OWN, BARE, NODE, "strawberry")
ISSUES = 10_000
DOCUMENT = f"""subscription {{
    issueEvents(filter: {{unit: "{COUNTY}"}}) {{
        cursor event {{ kind toState at issue {{ id number title state unit {{ name }} }} }}
    }}
}}"""
_FOLDER = Path(__file__).parent

console = Console(stderr=True)


def main(
    subscribers: Annotated[str, typer.Option(help="How many, with commas.")] = "500,2000",
    burst: Annotated[int, typer.Option(min=1, help="How many events come at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each slice takes, at least.")] = 3.0,
    pace: Annotated[float, typer.Option(min=0.1, help="How many events a second come one by one.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="How many slices each cell gets.")] = 3,
    servers: Annotated[str, typer.Option(help="Servers to measure, with commas.")] = ",".join(SERVERS),
) -> None:
    """Measure what one event sent to many costs this server, a bare socket, node and Strawberry, in turns."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()  # a collection in between would be measured as latency
    home = EmbeddedServer.start(Settings().data_dir / "bench")
    try:
        sizes = [int(size) for size in subscribers.split(",")]
        uvloop.run(_run(home.url, sizes, Load(burst, seconds, pace), rounds, servers.split(",")))
    finally:
        home.stop()


async def _run(server_url: str, sizes: list[int], load: Load, rounds: int, names: list[str]) -> None:
    url = await prepare(server_url, ISSUES, _say)
    admin = await asyncpg.connect(url)
    access = await token(url, ACCOUNT)
    frame = await _frame(url, access, admin)
    _say(f"a frame has {len(frame)} bytes")
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
        _say(f"round {number + 1} of {rounds}; {passed / (number + 1) * (rounds - number - 1):.0f} s to go")
    await admin.close()
    settings = asdict(load) | {"rounds": rounds, "frame_bytes": len(frame)}
    report.write(_FOLDER.with_suffix(".json"), found, OWN, settings)
    show(Console(width=160), found)


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
    command = ["sh", str(_FOLDER / "node" / "run.sh")] if name == NODE else worker(name, url)
    return serving(name, name, command)


def _say(text: str) -> None:
    console.print(text, highlight=False)


if __name__ == "__main__":
    typer.run(main)
