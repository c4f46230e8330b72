"""A network between the subscribers and the API that can be cut: what is sent is lost, and nobody is told."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Protocol

import psutil

from .topology import LOOPBACK, Topology

_CHUNK = 2**16


class Network(Protocol):
    """Where the API is to listen, how subscribers come to it, and what may happen on the way."""

    host: str
    within: Sequence[str]
    """The command that starts a process where the subscribers are."""

    async def addresses(self, topology: Topology) -> list[str]:
        """Return where the API is for them."""
        ...

    def flows(self, topology: Topology) -> int:
        """Return how many connections of theirs stand, as far as the side of the API knows."""
        ...

    def cut(self) -> None:
        """Let nothing pass."""
        ...

    def mend(self) -> None:
        """Let everything pass again."""
        ...


class Namespaces:
    """A real one: a router in a network namespace of its own, and behind it another one for the subscribers."""

    def __init__(self, stack: ExitStack) -> None:
        """Make them; needs root, and ``ip`` of iproute2. They end with the stack."""
        number = os.getpid()
        self._router, far, link = f"lxbc-router-{number}", f"lxbc-far-{number}", f"lxbc{number}"
        net = f"198.18.{number % 256}"  # set aside for tests of networks
        self.host, self._far = f"{net}.1", f"{net}.6"
        self.within: Sequence[str] = ("ip", "netns", "exec", far)
        for name in (self._router, far):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
        _ip("link", "add", link, "type", "veth", "peer", "name", "near", "netns", self._router)
        _ip("-n", far, "link", "add", "far", "type", "veth", "peer", "name", "far", "netns", self._router)
        for place, device, address in (
            ((), link, self.host),
            (("-n", self._router), "near", f"{net}.2"),
            (("-n", self._router), "far", f"{net}.5"),
            (("-n", far), "far", self._far),
        ):
            _ip(*place, "address", "add", f"{address}/30", "dev", device)
            _ip(*place, "link", "set", device, "up")
        _ip("route", "add", f"{net}.4/30", "via", f"{net}.2")
        _ip("-n", far, "route", "add", "default", "via", f"{net}.5")
        self.mend()

    async def addresses(self, topology: Topology) -> list[str]:
        return topology.addresses

    def flows(self, topology: Topology) -> int:
        return sum(
            found.status == psutil.CONN_ESTABLISHED and found.raddr.ip == self._far
            for api in topology.apis
            for found in psutil.Process(api.pid).net_connections("tcp")
        )

    def cut(self) -> None:
        self._forward(0)

    def mend(self) -> None:
        self._forward(1)

    def _forward(self, value: int) -> None:
        setting = "/proc/sys/net/ipv4/ip_forward"
        _ip("netns", "exec", self._router, "sh", "-c", f"echo {value} > {setting}")


def _ip(*words: str) -> None:
    program = shutil.which("ip")
    if program is None:
        raise RuntimeError("network namespaces take ip of iproute2")
    subprocess.run([program, *words], check=True)


class Gate:
    """One for who may make no namespaces: while it is cut it holds back what comes, ends of connections too.

    Who passed before a cut that lasted is forgotten by it: the client is told so then, and the API is not.
    """

    host: str = LOOPBACK
    within: Sequence[str] = ()
    _REMEMBERS = 0.5  # seconds

    def __init__(self, stack: ExitStack) -> None:
        """Make it; it is gone with the stack."""
        self._stack = stack
        self._open = asyncio.Event()
        self._open.set()
        self._cut_at = 0.0
        self._passing: dict[tuple[asyncio.Task[None], ...], asyncio.StreamWriter] = {}
        self._forgotten: list[asyncio.StreamWriter] = []
        stack.callback(self._close)

    async def addresses(self, topology: Topology) -> list[str]:
        return [await self._leading_to(*address.split(":")) for address in topology.addresses]

    async def _leading_to(self, host: str, port: str) -> str:
        async def take(from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            await self._open.wait()
            with suppress(OSError):
                from_api, to_api = await asyncio.open_connection(host, int(port))
                carried = (
                    asyncio.create_task(self._carry(from_client, to_api)),
                    asyncio.create_task(self._carry(from_api, to_client)),
                )
                self._passing[carried] = to_api
                await asyncio.wait(carried)
                if self._passing.pop(carried, None) is not None:
                    to_api.transport.abort()
            to_client.transport.abort()

        server = await asyncio.start_server(take, LOOPBACK, 0)
        self._stack.callback(server.close)
        return f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        await self._open.wait()
        writer.close()

    def flows(self, _topology: Topology) -> int:
        return len(self._passing)

    def cut(self) -> None:
        self._open.clear()
        self._cut_at = time.monotonic()

    def mend(self) -> None:
        if time.monotonic() - self._cut_at > self._REMEMBERS:
            for carried, to_api in self._passing.items():
                self._forgotten.append(to_api)
                for task in carried:
                    task.cancel()
            self._passing.clear()
        self._open.set()

    def _close(self) -> None:
        for to_api in (*self._passing.values(), *self._forgotten):
            to_api.transport.abort()


@contextmanager
def network(*, real: bool) -> Iterator[Network]:
    """Give one: of namespaces, for which it takes a Linux, root and iproute2, or a gate that stands in for it."""
    with ExitStack() as stack:
        yield Namespaces(stack) if real else Gate(stack)
