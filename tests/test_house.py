"""The house stands up, shares its embedded server, and leaves nothing behind however it ends."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from tests.conftest import url_of

from lxbc_graph.app import create_app
from lxbc_graph.http.health import health
from lxbc_graph.live.background import kept
from lxbc_graph.settings import Settings
from lxbc_graph.store import migrate
from lxbc_graph.store.database import DatabaseError
from lxbc_graph.store.embedded import EmbeddedServer, EmbeddedServerError

_COMMAND = [sys.executable, "-m", "lxbc_graph"]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lxbc-house-"))
    yield path
    assert _postgres_of(path) == []
    shutil.rmtree(path)


def _postgres_of(data_dir: Path) -> list[int]:
    """The running servers of a data directory."""
    pgdata = str(data_dir / "postgres")
    found = {
        process.pid: process.ppid()
        for process in psutil.process_iter(["cmdline"])
        if pgdata in (process.info["cmdline"] or []) and process.status() != psutil.STATUS_ZOMBIE
    }
    # A backend that was forked just now still has the name of its server.
    return [pid for pid, parent in found.items() if parent not in found]


def _ask(url: str, question: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


# ── the embedded server ──────────────────────────────────────────────────────────────────────────────────────


def test_rows_outlive_the_server(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)
    _ask(server.url, "create table kept as select 42 as answer")
    server.stop()
    assert _postgres_of(data_dir) == []
    server = EmbeddedServer.start(data_dir)
    assert _ask(server.url, "select answer from kept") == 42
    server.stop()


def test_the_last_of_several_users_stops_the_server(data_dir: Path) -> None:
    first, second = EmbeddedServer.start(data_dir), EmbeddedServer.start(data_dir)
    assert first.url == second.url
    first.stop()
    first.stop()
    assert _ask(second.url, "select 1") == 1
    second.stop()
    assert _postgres_of(data_dir) == []


def test_two_data_directories_are_two_servers(data_dir: Path) -> None:
    # The second one's socket would not fit below its directory.
    deep = data_dir / ("深" * 40)
    one, other = EmbeddedServer.start(data_dir), EmbeddedServer.start(deep)
    question = "select system_identifier from pg_control_system()"
    assert _ask(one.url, question) != _ask(other.url, question)
    other.stop()
    assert _postgres_of(deep) == []
    assert _ask(one.url, "select 1") == 1
    one.stop()


def test_a_first_start_that_was_cut_short_is_made_good(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer.start(data_dir)
    assert _ask(server.url, "select 1") == 1
    server.stop()


def test_a_pid_file_that_names_another_process_is_no_obstacle(data_dir: Path) -> None:
    EmbeddedServer.start(data_dir).stop()
    (data_dir / "postgres" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{data_dir}\n0\n5432\n/tmp\n\n\nready\n"
    )
    server = EmbeddedServer.start(data_dir)
    assert _ask(server.url, "select 1") == 1
    server.stop()


def test_a_directory_of_another_version_is_refused_by_name(data_dir: Path) -> None:
    EmbeddedServer.start(data_dir).stop()
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 17"):
        EmbeddedServer.start(data_dir)


def test_a_directory_that_cannot_be_used_is_named() -> None:
    with pytest.raises(EmbeddedServerError, match="cannot use the data directory /dev/null/x: "):
        EmbeddedServer.start(Path("/dev/null/x"))


def test_a_database_that_is_not_there_is_told(server_url: str) -> None:
    with pytest.raises(
        DatabaseError, match=r'^cannot migrate the database: .*database "absent" does not exist$'
    ):
        migrate.upgrade(url_of(server_url, "absent"))
    with pytest.raises(DatabaseError, match=r"^cannot migrate the database: .*Connect call failed"):
        migrate.upgrade("postgresql://127.0.0.1:1/x")


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────


def _environment(data_dir: Path, **settings: str) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    return {**rest, "LXBC_DATA_DIR": str(data_dir), "LXBC_PORT": "0", **settings}


def _start(data_dir: Path) -> "subprocess.Popen[str]":
    """A serving process, started as a shell's `&` does: with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.Popen(
            [*_COMMAND, "serve"], stderr=subprocess.PIPE, text=True, env=_environment(data_dir)
        )
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _serving(data_dir: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A serving process of its own, with the URL that it says it serves."""
    with _start(data_dir) as process:
        try:
            said = []
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if line.startswith("Serving "):
                    yield process, line.split()[1].removesuffix("/graphql")
                    break
            else:
                pytest.fail("".join(said))
        finally:
            process.terminate()
            process.communicate()


def _healthy(url: str) -> bool:
    return bool(httpx.get(f"{url}/healthz").json() == {"status": "ok"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(data_dir: Path, number: signal.Signals) -> None:
    with _serving(data_dir) as (process, url):
        assert _healthy(url)
        assert len(_postgres_of(data_dir)) == 1
        process.send_signal(number)
        assert process.wait() == 0
        assert _postgres_of(data_dir) == []


def test_a_signal_before_it_serves_ends_everything(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)

    async def interrupt_the_wait_to_migrate() -> int:
        connection = await asyncpg.connect(server.url)
        await connection.execute("select pg_advisory_lock($1)", migrate.LOCK)
        with _start(data_dir) as process:
            while not await connection.fetchval("select true from pg_locks where not granted"):
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.communicate)
        await connection.close()
        return process.returncode

    assert asyncio.run(interrupt_the_wait_to_migrate()) == 130
    server.stop()


def test_another_command_shares_the_server_and_leaves_it_running(data_dir: Path) -> None:
    with _serving(data_dir) as (process, url):
        before = _postgres_of(data_dir)
        done = subprocess.run(
            [*_COMMAND, "token", "nobody"],
            env=_environment(data_dir),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "there is no account 'nobody', or it is closed\n"
        assert _postgres_of(data_dir) == before
        assert _healthy(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_killed_process_is_no_obstacle_to_the_next(data_dir: Path) -> None:
    with _serving(data_dir) as (process, _):
        process.kill()
        process.wait()
    left = _postgres_of(data_dir)
    assert len(left) == 1
    with _serving(data_dir) as (process, url):
        assert _healthy(url)
        assert _postgres_of(data_dir) == left
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("settings", "status", "said"),
    [
        ({"LXBC_PORT": "eight"}, 2, "LXBC_PORT: "),
        (
            {"LXBC_DATABASE_URL": "mysql://127.0.0.1/x"},
            1,
            "LXBC_DATABASE_URL is not of the form postgresql://",
        ),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_a_line(
    data_dir: Path, settings: dict[str, str], status: int, said: str
) -> None:
    done = subprocess.run(
        [*_COMMAND, "serve"],
        env=_environment(data_dir, **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_before_anything_starts(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*_COMMAND, "serve"],
            env=_environment(data_dir, LXBC_PORT=str(port)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert list(data_dir.iterdir()) == []


# ── health ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_health_follows_the_application(database_url: str) -> None:
    app = create_app(Settings(database_url=database_url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.anyio
async def test_health_names_what_has_failed(database_url: str) -> None:
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ValueError

    async def go_on() -> None:
        await asyncio.Future()

    pool = await asyncpg.create_pool(database_url, min_size=1)
    await pool.close()
    async with kept(relay=fail, log=go_on) as jobs:
        await failed.wait()
        route = health(pool, jobs)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(route), base_url="http://test") as client:
            answer = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "failed": ["relay", "database"]}
