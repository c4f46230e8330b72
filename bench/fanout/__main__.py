"""``python -m bench.fanout``: measure, print, write bench/fanout.json."""

import gc
import resource
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench import report
from bench.data import prepare
from lxbc_graph.settings import Settings
from lxbc_graph.store.embedded import EmbeddedServer

from .measure import Load
from .report import OWN, show
from .turns import SERVERS, in_turns

ISSUES = 10_000
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
    frame_bytes, found = await in_turns(url, sizes, load, rounds, names, _say)
    settings = asdict(load) | {"rounds": rounds, "frame_bytes": frame_bytes}
    report.write(_FOLDER.with_suffix(".json"), found, OWN, settings)
    show(Console(width=160), found)


def _say(text: str) -> None:
    console.print(text, highlight=False)


if __name__ == "__main__":
    typer.run(main)
