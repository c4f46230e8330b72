"""A load of some connections that each ask again as soon as they are answered."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

HEAD_END = b"\r\n\r\n"


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return a whole HTTP request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEAD_END + body


@dataclass(slots=True)
class Measured:
    """What one load found: seconds that each answer took, over how many seconds of wall clock."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0


async def ask(port: int, message: bytes) -> bytes:
    """Return the body of one answer; raises ValueError unless it is 200."""
    connection = await _open(port)
    try:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        connection.ask(message, answer)
        return await answer
    finally:
        connection.close()


async def load(port: int, messages: Sequence[bytes], connections: int, seconds: float) -> Measured:
    """Send the messages in turn over so many connections for so long, then let the last answers come."""
    found = Measured()
    source = cycle(messages)
    opened = [await _open(port) for _ in range(connections)]
    started = time.perf_counter()

    async def run(connection: "_Connection") -> None:
        loop = asyncio.get_running_loop()
        while (sent_at := time.perf_counter()) - started < seconds:
            answer: asyncio.Future[bytes] = loop.create_future()
            connection.ask(next(source), answer)
            await answer
            found.latencies.append(time.perf_counter() - sent_at)

    try:
        await asyncio.gather(*map(run, opened))
    finally:
        for connection in opened:
            connection.close()
    found.seconds = time.perf_counter() - started
    return found


async def _open(port: int) -> "_Connection":
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


class _Connection(asyncio.Protocol):
    """One request at a time, answered with a Content-Length."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._chunks: list[bytes] = []
        self._missing: int | None = None

    def ask(self, message: bytes, answer: "asyncio.Future[bytes]") -> None:
        self._answer = answer
        self._transport.write(message)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._missing is None:
            data = b"".join((*self._chunks, data))
            self._chunks.clear()
            head, separator, body = data.partition(HEAD_END)
            if not separator:
                self._chunks.append(data)
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self._answer.set_exception(ValueError(data.decode(errors="replace")))
                return
            at = head.lower().index(b"content-length:") + 15
            self._missing = int(head[at:].partition(b"\r\n")[0])
            data = body
        self._chunks.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            body = b"".join(self._chunks)
            self._chunks.clear()
            self._missing = None
            self._answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        answer = getattr(self, "_answer", None)
        if answer is not None and not answer.done():
            answer.set_exception(error or ConnectionResetError("the server hung up"))
