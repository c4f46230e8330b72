"""What uvicorn's connections leave open: how much costs a client nothing, and how streams end."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

MAX_HEAD = 64 * 1024
MAX_FRAGMENTS = 1024


class Connection(HttpToolsProtocol):
    """Knows the request under way, where uvicorn only knows the last of those that were sent ahead."""

    _under_way: RequestResponseCycle | None = None
    _unread = 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way too, or it would go on for nobody."""
        if self._under_way is not None:
            self._under_way.disconnected = True
            self._under_way.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Wait for an answer, but neither for a stream, which has no end, nor for an upload."""
        cycle = self._under_way
        if cycle is not None and (cycle.response_started or cycle.more_body):
            self.transport.close()
        else:
            super().shutdown()

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


class Socket(WebSocketsSansIOProtocol):
    """Has an end for what is no message yet, and for what is no message at all."""

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
