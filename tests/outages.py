"""A database that goes away: its connections end, and its door may be shut."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
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
