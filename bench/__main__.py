"""``python -m bench``: measure, print, write bench/report.json."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import asyncpg
import orjson
import typer
import uvloop
from rich.console import Console

from lxbc_graph.settings import Settings
from lxbc_graph.store.embedded import EmbeddedServer

from . import report
from .data import prepare, token
from .load import ask, load, request
from .questions import QUESTIONS, Question, values
from .report import Round
from .serving import Server, serving, spent, worker

OWN = "lxbc-graph"
SERVERS = {OWN: "lxbc-graph", "limit": "limit", "plain": "plain"}
"""Name → the application name of its backends."""
CONNECTIONS = 8
WARM_SECONDS = 0.5

console = Console(stderr=True)


def main(
    issues: Annotated[int, typer.Option(min=1000, help="How many issues the city has.")] = 200_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each slice takes.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="How many slices each cell gets.")] = 5,
    only: Annotated[str, typer.Option(help="Queries to ask, with commas.")] = ",".join(QUESTIONS),
    servers: Annotated[str, typer.Option(help="Servers to ask, with commas.")] = ",".join(SERVERS),
) -> None:
    """Measure this server, the limit and plain Strawberry in turns."""
    home = EmbeddedServer.start(Settings().data_dir / "bench")
    try:
        uvloop.run(_run(home.url, issues, seconds, rounds, only.split(","), servers.split(",")))
    finally:
        home.stop()


async def _run(
    server_url: str, issues: int, seconds: float, rounds: int, queries: list[str], names: list[str]
) -> None:
    url = await prepare(server_url, issues, _say)
    asked = await values(url)
    admin = await asyncpg.connect(url)
    access = await token(url, "city_office-4110")
    with ExitStack() as stack:
        started = [stack.enter_context(serving(name, SERVERS[name], worker(name, url))) for name in names]
        messages = {query: _messages(QUESTIONS[query], asked[query], access) for query in queries}
        for query in queries:
            await _compare(query, started, messages[query])
        found = await _measure(started, queries, messages, seconds, rounds, admin)
    await admin.close()
    settings = {"issues": issues, "seconds": seconds, "rounds": rounds, "connections": CONNECTIONS}
    report.write(Path(__file__).with_name("report.json"), found, OWN, settings)
    report.show(Console(), found, OWN)


def _messages(question: Question, values: list[str | None], token: str) -> list[bytes]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Authorization": f"Bearer {token}",
    }
    return [
        request("POST", "/graphql", headers, orjson.dumps({"query": question.document, "variables": given}))
        for given in ({question.variable: value} if question.variable else {} for value in values)
    ]


async def _compare(query: str, servers: list[Server], messages: list[bytes]) -> None:
    """End the run unless all servers answer the first, the middle and the last question alike."""
    for place in sorted({0, len(messages) // 2, len(messages) - 1}):
        answers = [await ask(one.port, messages[place]) for one in servers]
        parsed = [orjson.loads(answer) for answer in answers]
        for server, answer in zip(servers, parsed, strict=True):
            if "errors" in answer or answer != parsed[0]:
                console.print(
                    f"{query}: {server.name} answers otherwise:\n{answers[0][:600]!r}\n{orjson.dumps(answer)[:600]!r}"
                )
                sys.exit(1)
    _say(f"{query}: all answer the same, {len(answers[0]):,} bytes")


async def _measure(
    servers: list[Server],
    queries: list[str],
    messages: dict[str, list[bytes]],
    seconds: float,
    rounds: int,
    admin: asyncpg.Connection,
) -> dict[tuple[str, str], list[Round]]:
    found: dict[tuple[str, str], list[Round]] = {
        (query, server.name): [] for query in queries for server in servers
    }
    began = time.perf_counter()
    for number in range(rounds):
        for query in queries:
            for server in servers:
                asks = messages[query]
                if number == 0:
                    await load(server.port, asks, CONNECTIONS, WARM_SECONDS)
                before = await server.cpu_seconds(admin)
                measured = await load(server.port, asks, CONNECTIONS, seconds)
                cpu = spent(before, await server.cpu_seconds(admin))
                found[query, server.name].append(Round.of(measured, cpu))
        passed = time.perf_counter() - began
        _say(f"round {number + 1} of {rounds}; {passed / (number + 1) * (rounds - number - 1):.0f} s to go")
    return found


def _say(text: str) -> None:
    console.print(text, highlight=False)


if __name__ == "__main__":
    typer.run(main)
