"""Many subscribers in one process, as cheap as can be: they find where frames end, and note when each came."""

import asyncio
import time
from collections.abc import Sequence

import orjson

from bench.load import HEAD_END

_UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws" + HEAD_END
)
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_AT_ONCE = 50  # handshakes
_PATIENCE_SECONDS = 120.0


class Crowd:
    """Subscribers to one server, all alike: they count together what each of them is sent."""

    def __init__(self, port: int, token: str, document: str) -> None:
        self._port = port
        self._messages = (
            _frame(_TEXT, orjson.dumps({"type": "connection_init", "payload": {"token": token}})),
            _frame(_TEXT, orjson.dumps({"type": "subscribe", "id": "1", "payload": {"query": document}})),
        )
        self._subscribers: list[_Subscriber] = []
        self._missing = 0
        self._complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost: str | None = None

    async def grow(self, more: int) -> None:
        """Connect so many more and let them subscribe; when the server has done so, it does not say."""
        connect = asyncio.get_running_loop().create_connection
        for start in range(0, more, _AT_ONCE):
            here = min(_AT_ONCE, more - start)
            self._expect(here)
            for _ in range(here):
                _, one = await connect(lambda: _Subscriber(self, *self._messages), "127.0.0.1", self._port)
                self._subscribers.append(one)
            await self.complete()

    def expect(self, frames: int) -> None:
        """Forget what came so far, and expect so many frames for each of them."""
        for one in self._subscribers:
            one.arrivals = []
        self._expect(frames * len(self._subscribers))

    def _expect(self, texts: int) -> None:
        if self._lost is not None:
            raise ConnectionError(self._lost)
        self._missing += texts
        self._complete = asyncio.get_running_loop().create_future()

    async def complete(self) -> None:
        """Wait until what is expected has come; raises where one of them was cut off, or none comes for long."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._complete

    def check(self, frames: int) -> None:
        """Raise unless each was sent so many frames, and all the same event last."""
        counts = {len(one.arrivals) for one in self._subscribers}
        texts = {one.text for one in self._subscribers}
        if counts != {frames} or len(texts) != 1 or not self.text.startswith(b'{"id":"1","type":"next",'):
            raise RuntimeError(f"expected {frames} frames for each, all alike; {counts} came, last {texts}")

    @property
    def arrivals(self) -> Sequence[Sequence[float]]:
        """When each frame came to each of them, by ``time.perf_counter``."""
        return [one.arrivals for one in self._subscribers]

    @property
    def text(self) -> bytes:
        """What one of them was sent last."""
        return self._subscribers[0].text

    def leave(self) -> None:
        """Hang up, all of them."""
        for one in self._subscribers:
            one.transport.abort()

    def received(self) -> None:
        """One of them has been sent a text."""
        self._missing -= 1
        if not self._missing:
            self._complete.set_result(None)

    def lost(self, why: str) -> None:
        """One of them was cut off, so that not everything will come."""
        self._lost = why
        if not self._complete.done():
            self._complete.set_exception(ConnectionError(why))


class _Subscriber(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, crowd: Crowd, init: bytes, subscribe: bytes) -> None:
        self._crowd = crowd
        self._init = init
        self._subscribe = subscribe
        self._rest = b""
        self._take = self._shake_hands
        self.arrivals: list[float] = []
        self.text = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(_UPGRADE)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost(f"the server hung up: {error}")

    def data_received(self, data: bytes) -> None:
        self._rest = self._take(self._rest + data)

    def _shake_hands(self, data: bytes) -> bytes:
        head, end, rest = data.partition(HEAD_END)
        if not end:
            return data
        if not head.startswith(b"HTTP/1.1 101 "):
            self._crowd.lost(head.decode(errors="replace"))
        self.transport.write(self._init)
        self._take = self._acknowledged
        return rest

    def _acknowledged(self, data: bytes) -> bytes:
        """Take the acknowledgement, the only thing sent before there is a subscription."""
        rest = self._listen(data)
        if self.arrivals:
            self.transport.write(self._subscribe)
            self._take = self._listen
        return rest

    def _listen(self, data: bytes) -> bytes:
        now = time.perf_counter()
        at, size = 0, len(data)
        while size - at >= 2:
            kind, length, start = data[at], data[at + 1], at + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start])
            end = start + length
            if size < end:
                break
            if kind == _TEXT:
                self.text = data[start:end]
                self.arrivals.append(now)
                self._crowd.received()
            elif kind == _PING:
                self.transport.write(_frame(_PONG, data[start:end]))
            else:
                self._crowd.lost(f"sent {data[at:end]!r}")
            at = end
        return data[at:]


def _frame(kind: int, payload: bytes) -> bytes:
    """Return a frame of a client, whose mask changes nothing."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes((kind,)) + length + bytes(4) + payload
