"""What uvicorn's HTTP connections leave open: how much may be said before a body, and how they end."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 64 * 1024


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
