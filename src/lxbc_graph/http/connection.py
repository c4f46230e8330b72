"""What uvicorn's connections leave open: how much costs a client nothing, and how they end."""

from struct import Struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from lxbc_graph.telemetry import Drop

MAX_HEAD = 64 * 1024
NO_PONG = 4290
"""Close code; clients of graphql-transport-ws give up after 1011, which uvicorn would say."""
_TEXT = 0x81  # a whole text message in one frame
_SHORT, _MEDIUM = 126, 1 << 16
_HEAD_16, _HEAD_64 = Struct("!BBH"), Struct("!BBQ")
MAX_FRAGMENTS = 1024
WIRE = "lxbc_graph.wire"
"""Key among the ASGI extensions: the ``Connection`` of a request, or the ``Socket`` of a WebSocket."""
_CLOSE_SECONDS = 5.0  # how long a client that does not read may keep us from going
_LAST_SECONDS = 1  # for a last request, which may be on its way
_FLUSH_SECONDS = 1  # for who does not read the last they are sent


class Connection(HttpToolsProtocol):
    """Knows the request under way, where uvicorn only knows the last of those that were sent ahead."""

    _under_way: RequestResponseCycle | None = None
    _unread = 0
    _ending = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        cast("dict[str, Any]", cycle.scope)["extensions"] = {WIRE: self}
        if self._ending:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to read."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """Break the answer under way off, as a network does; a client that does not read is not waited for."""
        if not self.transport.is_closing():
            self._lose()
            self._end()

    def handle_websocket_upgrade(self) -> None:
        """Begin no socket any more that nobody would end."""
        if self._ending:
            self._end()
        else:
            super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way too, or it would go on for nobody."""
        self._lose()
        super().connection_lost(exc)

    def _lose(self) -> None:
        if self._under_way is not None:
            self._under_way.disconnected = True
            self._under_way.message_event.set()

    def shutdown(self) -> None:
        """Give the answers under way, and one more that says so, but do not wait for a stream: it has no end."""
        self._ending = True
        last: RequestResponseCycle | None = self.cycle
        if last is not None and not last.response_started:
            last.keep_alive = False
        if self._streams():
            self._end()
        else:
            self.loop.call_later(_LAST_SECONDS, self._end_unless_busy)

    def _streams(self) -> bool:
        cycle = self._under_way
        return cycle is not None and not cycle.response_complete and bool(cycle.chunked_encoding)

    def _end_unless_busy(self) -> None:
        last: RequestResponseCycle | None = self.cycle
        waits = last is None or last.response_complete or last.more_body
        if waits or self._streams():
            self._end()
        elif not self.transport.is_closing():
            self.loop.call_later(_LAST_SECONDS, self._end_unless_busy)

    def _end(self) -> None:
        self.transport.close()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Leave who does not read the last answer."""
        super().on_response_complete()
        if self._ending and self.transport.is_closing():
            self._end()

    def data_received(self, data: bytes) -> None:
        """Refuse headers, and trailers, that have no end: they are kept in memory."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("Headers too large.")

    def on_body(self, body: bytes) -> None:
        """Bodies are limited by who reads them."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew."""
        self._unread = 0
        super().on_message_complete()


_REASON_BYTES = 123  # what a close frame holds


class Socket(WebSocketsSansIOProtocol):
    """Has an end for what is no message yet, and for what is no message at all.

    It is written to directly, too: one text for thousands of clients must not pass through a task of each.
    """

    drop: Drop | None = None
    """Why its client was cut off, if it was and may come back."""
    _written = 0

    def handle_connect(self, event: Request) -> None:
        """Offer itself to the application."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            cast("dict[str, Any]", self.scope["extensions"])[WIRE] = self

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to read."""
        return self.transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """How many bytes of messages have left."""
        return self._written - self.unsent

    def write(self, *parts: bytes) -> None:
        """Send one text message, now or as soon as the client reads; nothing on a socket that closes."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        length = sum(map(len, parts))
        if length < _SHORT:
            head = bytes((_TEXT, length))
        elif length < _MEDIUM:
            head = _HEAD_16.pack(_TEXT, _SHORT, length)
        else:
            head = _HEAD_64.pack(_TEXT, _SHORT + 1, length)
        frame = b"".join((head, *parts))
        self._written += len(frame)
        self.transport.write(frame)

    def part(self, code: int, reason: str, drop: Drop | None = None) -> None:
        """Close with a code; a client that does not read is not waited for."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.drop = drop
        self.conn.send_close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._abandon_soon()

    def _abandon_soon(self) -> None:
        """Wait no longer than that for a client to read what was sent, and to say that it goes, too."""
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        """Do not wait for ever for a client that goes without reading what was sent."""
        super().handle_close(event)
        self._abandon_soon()

    def handle_parser_exception(self) -> None:
        """The same for one whose frames are none."""
        super().handle_parser_exception()
        self._abandon_soon()

    def start_keepalive(self) -> None:
        """Forget the handshake, now that it is over: it took as much memory as all that follows."""
        super().start_keepalive()
        del self.request, self.response

    def keepalive_timeout(self) -> None:
        """Part from who does not answer a ping so that, if it is there after all, it comes back."""
        self.pong_timer = None
        self.part(NO_PONG, "no answer to a ping: resume from the last cursor", "no_pong")

    def connection_lost(self, exc: Exception | None) -> None:
        """Count whom the kernel has given up: a client that stands still may be cut off before a ping is missed."""
        if isinstance(exc, TimeoutError) and self.drop is None:
            self.drop = "timed_out"
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Leave who does not read that this is the end."""
        super().shutdown()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Part from who does not even shake hands."""
        super().data_received(data)
        if self.conn.handshake_exc is not None:
            self.transport.close()

    def handle_ping(self) -> None:
        """Leave who does not read without pongs: they are kept in memory."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Refuse a message of fragments without end: empty ones have no size."""
        super().handle_cont(event)
        if len(self.frames) == MAX_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Refuse what is not UTF-8 without a traceback in the log: it is no fault of ours."""
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            self.conn.fail(CloseCode.INVALID_DATA, "not UTF-8")
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()
