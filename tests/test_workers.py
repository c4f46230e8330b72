"""Several processes behind one address: none is missed when it dies, and nobody notices when all are replaced."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest
from tests.conftest import World
from tests.serving import PATIENCE

from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

LONG = 3 * PATIENCE  # each worker imports everything anew
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "city_office", "postings": [{"role": "city_office", "unit": "4110"}]}],
}
START = '{ eventCursor unit(code: "411024104226") { id } }'
REPORT = """mutation Report($unit: ID!) {
  reportIssue(input: {unitId: $unit, title: "t", description: "d", source: VISIT}) { errors { message } }
}"""
EVENTS = "subscription($after: String) { issueEvents(after: $after) { cursor } }"


def _works(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:  # it ended since it was listed
        return False


class Served:
    """A supervisor, what it said until its workers served, and how to ask them."""

    def __init__(self, process: asyncio.subprocess.Process, said: list[str], token: str) -> None:
        self.process = process
        self.said = said
        self.url = said[-1].split()[1]
        self.headers = {"Authorization": f"Bearer {token}"}

    def workers(self) -> set[int]:
        children = psutil.Process(self.process.pid).children()
        return {child.pid for child in children if _works(child)}

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=self.headers, timeout=LONG, verify=False)  # noqa: S501 - no TLS here

    async def ask(self, client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
        response = await client.post(self.url, json={"query": query, "variables": variables})
        assert response.status_code == 200
        return response.json()["data"]


@asynccontextmanager
async def serving(database: Database, url: str, *arguments: str, **settings: str) -> AsyncIterator[Served]:
    token = (await Tokens.open(database.pool, Settings(database_url=url))).access("city_office", 600)
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lxbc_graph", "serve", *arguments),
        env={**rest, "LXBC_DATABASE_URL": url, "LXBC_PORT": "0", "LXBC_REQUESTS_PER_MINUTE": "0", **settings},
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a process group of its own, as in a terminal
    )
    try:
        assert process.stderr is not None
        said: list[str] = []
        while (line := (await process.stderr.readline()).decode().strip()) and not line.startswith(
            "Serving "
        ):
            said.append(line)
        assert line, said
        yield Served(process, [*said, line], token)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.05)


@pytest.fixture
async def served(database: Database, database_url: str, world: World) -> AsyncIterator[Served]:
    await world(WORLD)
    async with serving(database, database_url, "--workers", "2") as served:
        yield served


async def test_any_worker_tells_the_figures_of_all(served: Served) -> None:
    for _ in range(20):  # each on a connection of its own, so that all have their share
        async with served.client() as client:
            await served.ask(client, '{ unit(code: "4110") { code } }')
    counted = 'lxbc_http_request_seconds_count{kind="query",status="200"} 20.0'
    for _ in range(6):
        async with served.client() as client:
            told = await client.get(served.url.replace("/graphql", "/metrics"))
        assert counted in told.text


async def test_no_request_fails_while_all_workers_are_replaced(served: Served) -> None:
    stop = asyncio.Event()
    answered = 0

    async def keep_asking(times: float) -> None:
        """Ask again and again, so many times on a connection."""
        nonlocal answered
        while not stop.is_set():
            async with served.client() as client:
                turn = 0
                while turn < times and not stop.is_set():
                    answer = await served.ask(client, '{ unit(code: "4110") { code } }')
                    assert answer == {"unit": {"code": "4110"}}
                    answered += 1
                    turn += 1

    async with asyncio.TaskGroup() as tasks:
        for times in (math.inf, math.inf, 1):
            tasks.create_task(keep_asking(times))
        for _ in range(2):
            before = served.workers()
            served.process.send_signal(signal.SIGHUP)
            await until(lambda: len(served.workers()) == 2 and not served.workers() & before)  # noqa: B023
            enough = answered + 100
            await until(lambda: answered >= enough)  # noqa: B023
        stop.set()


async def test_what_one_worker_commits_reaches_the_followers_of_all(served: Served) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(served.client())
        start = await served.ask(client, START)
        body = {"query": EVENTS, "variables": {"after": start["eventCursor"]}}
        streams = [
            await stack.enter_async_context(
                client.stream("POST", served.url, json=body, headers={"Accept": "text/event-stream"})
            )
            for _ in range(8)
        ]
        for _ in range(2):
            reported = await served.ask(client, REPORT, unit=start["unit"]["id"])
            assert reported == {"reportIssue": {"errors": []}}
        for stream in streams:
            lines, heard = stream.aiter_lines(), 0
            async with asyncio.timeout(LONG):
                while heard < 2:
                    heard += (await anext(lines)).startswith("data: ")


async def test_a_worker_that_is_killed_is_replaced(served: Served) -> None:
    before = served.workers()
    assert len(before) == 2
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: killed not in served.workers() and len(served.workers()) == 2)
    assert served.workers() & before == before - {killed}


@pytest.mark.parametrize("whom", ["the supervisor", "everybody"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_all_end_with_their_supervisor(served: Served, number: signal.Signals, whom: str) -> None:
    """A terminal tells everybody that Ctrl-C was typed."""
    workers = [psutil.Process(worker) for worker in served.workers()]
    if whom == "everybody":
        os.killpg(served.process.pid, number)
    else:
        served.process.send_signal(number)
    _, said = await served.process.communicate()
    assert served.process.returncode == 0
    assert [line for line in said.decode().splitlines() if '"level": "info"' not in line] == ["Stopping"]
    assert not any(worker.is_running() for worker in workers)


async def test_a_restart_that_is_under_way_does_not_hold_the_end_up(served: Served) -> None:
    served.process.send_signal(signal.SIGHUP)
    await until(lambda: len(served.workers()) == 3)
    before = served.workers()
    served.process.send_signal(signal.SIGTERM)
    everybody = before | served.workers()
    await served.process.communicate()
    assert served.process.returncode == 0
    assert everybody == before


async def test_workers_do_not_outlive_a_supervisor_that_is_killed(served: Served) -> None:
    workers = [psutil.Process(worker) for worker in served.workers()]
    assert len(workers) == 2
    served.process.kill()
    await until(lambda: not any(worker.is_running() for worker in workers))


async def test_how_many_may_be_a_setting_and_no_redis_is_told(
    served: Served, database: Database, database_url: str
) -> None:
    without = "Without LXBC_REDIS_URL the workers hear of one another's events by polling"
    assert without in served.said
    settings = {"LXBC_WORKERS": "3", "LXBC_REDIS_URL": "redis://127.0.0.1:1"}
    async with serving(database, database_url, **settings) as three:
        assert len(three.workers()) == 3
        assert without not in three.said


CANNOT_START = """
from functools import partial
from lxbc_graph.app import create_app
from lxbc_graph.http.server import bind
from lxbc_graph.http.workers import serve_by_workers
from lxbc_graph.settings import Settings

if __name__ == "__main__":
    nowhere = Settings(database_url="postgresql://127.0.0.1:1/nowhere")
    serve_by_workers(partial(create_app, nowhere), bind("127.0.0.1", 0), 2, partial(print, "ready"))
"""


async def test_workers_that_cannot_start_are_not_started_again_and_again() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CANNOT_START), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    told, said = await process.communicate()
    assert (process.returncode, told) == (3, b"")
    assert b"cannot open the database" in said
