"""A database that goes away: its connections end, and its door may be shut."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import asyncpg
from sqlalchemy import make_url


def end_connections(url: str) -> None:
    """End every other connection to the database while the loop that asks stands still and sees nothing of it."""
    thread = Thread(target=asyncio.run, args=[_end_connections(url)])
    thread.start()
    thread.join()


async def _end_connections(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await admin.close()


class Door:
    """A second way to the socket of the server; shut, it is as if there were no server."""

    def __init__(self, url: str, directory: Path) -> None:
        self._straight = url
        self._link = directory / ".s.PGSQL.5432"
        self._socket = Path(str(make_url(url).query["host"])) / self._link.name
        self.url = make_url(url).update_query_dict({"host": str(directory)}).render_as_string(False)
        self.open()

    def open(self) -> None:
        self._link.symlink_to(self._socket)

    def shut(self) -> None:
        """Let nobody in, and end the connections of who is."""
        self._link.unlink()
        end_connections(self._straight)


@contextmanager
def door(url: str) -> Iterator[Door]:
    # The path of a socket is short.
    with TemporaryDirectory(prefix="lxbc-") as directory:
        yield Door(url, Path(directory))


class Host:
    """The server at a TCP address, as if on a host of its own, which may vanish without a word."""

    def __init__(self, url: str) -> None:
        self._socket = Path(str(make_url(url).query["host"])) / ".s.PGSQL.5432"
        self._there = True
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_server = await asyncio.open_unix_connection(self._socket)
        self._writers += [writer, from_server]
        for pipe in (self._pass(reader, from_server), self._pass(to_server, writer)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            if not self._there:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()
        if self._there:
            writer.close()

    def vanish(self) -> None:
        """Answer nothing any more, neither to who is connected nor to who comes."""
        self._there = False

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def host(url: str) -> "AsyncIterator[tuple[str, Host]]":
    """Give the URL of the database there, and the host."""
    made = Host(url)
    async with await asyncio.start_server(made.connected, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        parsed = make_url(url).set(host="127.0.0.1", port=port, query={})
        try:
            yield parsed.render_as_string(hide_password=False), made
        finally:
            made.close()
