"""What uvicorn's connections leave open: how much costs a client nothing, who is waited for, and how they end."""

from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from dataclasses import dataclass
from fcntl import ioctl
from http import HTTPStatus
from math import inf
from struct import Struct
from termios import TIOCOUTQ
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.typing import StatusLike

from lxbc_graph.telemetry import Drop

from . import accept
from .crowd import Crowd
from .envelope import GUARDED, REQUEST_ID, new_id
from .rejected import Rejected

MAX_HEAD = 64 * 1024
MAX_HEADERS = 100
NO_PONG = 4290
"""Close code; clients of graphql-transport-ws give up after 1011, which uvicorn would say."""
_TEXT = 0x81  # a whole text message in one frame
_SHORT, _MEDIUM = 126, 1 << 16
_INT = Struct("i")
_HEAD_16, _HEAD_64 = Struct("!BBH"), Struct("!BBQ")
MAX_FRAGMENTS = 1024
WIRE = "lxbc_graph.wire"
"""Key among the ASGI extensions: the ``Connection`` of a request, or the ``Socket`` of a WebSocket."""
_CLOSE_SECONDS = 5.0  # how long a client that does not read may keep us from going
_LAST_SECONDS = 1  # for a last request, which may be on its way
_FLUSH_SECONDS = 1  # for who does not read the last they are sent


_LINGER = 1024 * 1024  # bytes that are taken of what is not read any more
_MIN_RATE = 1024  # bytes a second: less is as good as nothing


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection is waited for, and how many connections there may be."""

    head_seconds: float = 10.0
    """From the first byte to the last of a head; and for the first byte of the first head."""
    body_seconds: float = 30.0
    """For a body, and as much again as it takes at 1 KB a second: long ones may take longer, slow ones not."""
    unread_seconds: float = 10.0
    """In which an answer is read by so much as 1 KB for each of them."""
    connections: int = 16_384


class Connection(HttpToolsProtocol):
    """Knows the request under way, where uvicorn only knows the last of those that were sent ahead.

    What is awaited has a beginning, ``_since``, and one timer looks now and then how long ago that is: what comes
    whole, as nearly every request does, starts none.
    """

    _under_way: RequestResponseCycle | None = None
    _unread = 0
    _ending = False
    _since: float | None = None
    """When what is on its way began to be awaited: a head or, where there is a body, that."""
    _taken: int | None = None
    """Bytes of the body so far; None while there is none."""
    _wrong: Rejected | None = None
    _over = False
    """Whether the last was said: what still comes is taken for a moment; an end with bytes unread is a reset."""
    _sender_watch: TimerHandle | None = None
    _reader_watch: TimerHandle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        patience: Patience = Patience(),
        crowd: Crowd | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience = patience
        self._crowd = crowd or Crowd()

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for a first request, unless there are too many who do."""
        super().connection_made(transport)
        self._counted = self._crowd.counted(self.client)
        if self._crowd.enter(self._counted):
            self._refuse(self._crowd.refusal)
        elif len(self.connections) > self._patience.connections:
            self._refuse(
                Rejected(503, "UNAVAILABLE", "Too many connections; try again.", {"Retry-After": "1"})
            )
        else:
            self._await()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        cast("dict[str, Any]", cycle.scope)["extensions"] = {WIRE: self}
        if self._ending:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    @property
    def waiting(self) -> int:
        """How many bytes the client has not taken, of which the kernel holds some."""
        return _waiting(self.transport)

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
            self._look_no_more()
            super().handle_websocket_upgrade()
            self._crowd.leave(self._counted)  # the socket has entered

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if nothing had been proposed; what follows is no request to the parser any more."""
        self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way too, or it would go on for nobody."""
        self._look_no_more()
        self._lose()
        self._crowd.leave(self._counted)
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
        if self.transport.is_closing():
            if self._ending:
                self._end()
            else:
                self._look_at_reader()

    def timeout_keep_alive_handler(self) -> None:
        """The same for one that nothing came after."""
        super().timeout_keep_alive_handler()
        self._look_at_reader()

    # ── what a client sends ──────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Refuse headers, and trailers, that have no end: they are kept in memory."""
        self._unread += len(data)
        if self._over:
            if self._unread > _LINGER:
                self.transport.abort()
            return
        super().data_received(data)
        if self._ends():
            return
        if self._unread > MAX_HEAD:
            self._refuse(_TOO_LONG)
        elif self._since is None and not self._asked():
            self._await()  # it has ended the wait for a next request, and may be no more than a line break
        elif self._since is not None:
            self._look_later()

    def _ends(self) -> bool:
        """Tell whether it hears of no request any more, since it closes or has become a WebSocket."""
        return self._over or self.transport.is_closing() or self not in self.connections

    def on_message_begin(self) -> None:
        """Await a head."""
        super().on_message_begin()
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Await a body."""
        if len(self.headers) > MAX_HEADERS or (self._unread > MAX_HEAD and self._head_bytes() > MAX_HEAD):
            self._wrong = _TOO_LONG
        elif self.parser.should_upgrade() and self.parser.get_method() not in _WITHOUT_BODY:
            self._wrong = _UPGRADES
        else:
            self._wrong = self._misframed()
        if self._wrong is not None:
            raise ValueError
        super().on_headers_complete()
        self._since = self.loop.time()
        self._taken = 0

    def _misframed(self) -> Rejected | None:
        """Return what is wrong with a head that the parser lets pass, and another reader might take otherwise."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            return _HOST
        codings = (value.lower() for name, value in self.headers if name == b"transfer-encoding")
        return None if all(coding == b"chunked" for coding in codings) else _CODED

    def on_body(self, body: bytes) -> None:
        """Bodies are limited by who reads them."""
        self._unread = 0
        if self._taken is not None:
            self._taken += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew."""
        self._unread = 0
        self._since = self._taken = None
        super().on_message_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        """Say in JSON what is wrong."""
        self._refuse(self._wrong or Rejected(400, "BAD_REQUEST", msg))

    def _await(self) -> None:
        self._since = self.loop.time()
        self._look_later()

    def _look_later(self) -> None:
        if self._sender_watch is None:
            self._sender_watch = self.loop.call_later(self._left, self._look_at_sender)

    @property
    def _left(self) -> float:
        """The seconds for what is awaited, from now on."""
        since = self.loop.time() if self._since is None else self._since
        if self._taken is None:
            seconds = self._patience.head_seconds
        elif self.cycle.response_complete:  # what nobody reads must not go on
            seconds = self._patience.body_seconds
        else:
            seconds = self._patience.body_seconds + self._taken / _MIN_RATE
        return since + seconds - self.loop.time()

    def _look_at_sender(self) -> None:
        self._sender_watch = None
        if self._since is None or self._ends():
            return
        if self.flow.read_paused or self._answers():
            self._since = self.loop.time()  # it is us who let it wait
        if self._left > 0:
            self._look_later()
        elif self._taken is None and not self._unread:
            self._end()  # it has said nothing
        else:
            self._refuse(_TOO_SLOW)

    def _asked(self) -> bool:
        """Tell whether something was asked and is not answered."""
        last: RequestResponseCycle | None = self.cycle
        return last is not None and not last.response_complete

    def _answers(self) -> bool:
        """Tell whether there is a request whose answer is not whole, but for one that is not whole itself."""
        asked = self._under_way
        return (
            asked is not None
            and not asked.response_complete
            and not (asked is self.cycle and asked.more_body)
        )

    def _refuse(self, refusal: Rejected) -> None:
        """Answer in place of the application and close, but leave what was asked before its answer."""
        asked = self._under_way
        if self._streams():
            self.cut()
        elif (
            asked is not None and not asked.response_complete and (self._answers() or asked.response_started)
        ):
            asked.keep_alive = False
            self.flow.pause_reading()
        else:
            self._lose()
            if asked is None or asked is not self.cycle or not asked.response_complete or self._taken is None:
                self.transport.write(_whole(refusal))
            self._over = True
            self.transport.write_eof()
            self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    # ── what a client reads ──────────────────────────────────────────────────────────────────────────────────

    def pause_writing(self) -> None:
        """Look whether what waits to be read is read."""
        super().pause_writing()
        self._look_at_reader()

    def resume_writing(self) -> None:
        """Look anew at what is left, if anything is."""
        super().resume_writing()
        if self._reader_watch is not None:
            self._reader_watch.cancel()
            self._reader_watch = None
        self._look_at_reader()

    def _look_at_reader(self, most: float = inf) -> None:
        """Cut who has left more than so much unread; streams look for themselves."""
        if self._reader_watch is not None and most == inf:
            return
        self._reader_watch = None
        closing = self.transport.is_closing()
        if not self.transport.get_write_buffer_size() or not (closing or self.flow.write_paused):
            return
        waiting = self.waiting
        if waiting > most and not self._streams():
            self._lose()
            self.transport.abort()
            return
        seconds = self._patience.unread_seconds
        self._reader_watch = self.loop.call_later(
            seconds, self._look_at_reader, waiting - seconds * _MIN_RATE
        )

    def _look_no_more(self) -> None:
        for watch in (self._sender_watch, self._reader_watch):
            if watch is not None:
                watch.cancel()


_TOO_LONG = Rejected(
    431, "HEADERS_TOO_LARGE", f"The head of a request has at most {MAX_HEADERS} headers and {MAX_HEAD} bytes."
)
_UPGRADES = Rejected(
    400,
    "BAD_REQUEST",
    "A request that proposes another protocol by Upgrade is read without its body: use GET.",
)
_HOST = Rejected(400, "BAD_REQUEST", "A request says once at which Host it is asked.")
_CODED = Rejected(501, "BAD_REQUEST", "Of transfer codings only chunked is understood.")
_WITHOUT_BODY = {b"GET", b"HEAD"}
_TOO_SLOW = Rejected(408, "REQUEST_TIMEOUT", "The request did not come whole in time.")


def _answer(refusal: Rejected) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the body of an answer after which the connection ends."""
    id_ = new_id()
    body = b'{"errors":' + refusal.errors(id_.decode()) + b"}"
    headers = [
        (b"content-type", accept.SENT_JSON.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (REQUEST_ID, id_),
        *GUARDED,
        *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
    ]
    return headers, body


def _whole(refusal: Rejected) -> bytes:
    headers, body = _answer(refusal)
    head = [STATUS_LINE[refusal.status], *(name + b": " + value + b"\r\n" for name, value in headers)]
    return b"".join((*head, b"\r\n", body))


def _no_handshake(status: StatusLike, _text: str) -> Response:
    """Return what is said instead of a handshake, where the library would say it in plain text."""
    status = HTTPStatus(status)
    code = "INTERNAL" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "BAD_REQUEST"
    message = "Internal server error." if code == "INTERNAL" else "This is no handshake of a WebSocket."
    headers, body = _answer(Rejected(status, code, message))
    named = Headers([(name.decode(), value.decode("latin-1")) for name, value in headers])
    return Response(status.value, status.phrase, named, body)


def _waiting(transport: Transport) -> int:
    """Return how many bytes the other end has not taken.

    The kernel holds some, where it tells: it takes a megabyte at once of what is read slowly.
    """
    unsent = transport.get_write_buffer_size()
    try:
        told = ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(_INT.size))
    except (OSError, ValueError):
        return unsent
    return unsent + int(_INT.unpack(told)[0])


_REASON_BYTES = 123  # what a close frame holds


class Socket(WebSocketsSansIOProtocol):
    """Has an end for what is no message yet, and for what is no message at all.

    It is written to directly, too: one text for thousands of clients must not pass through a task of each.
    """

    drop: Drop | None = None
    """Why its client was cut off, if it was and may come back."""
    _written = 0
    _taken_before = 0
    """When the ping was sent that is not answered yet, or waited for anew."""

    def __init__(self, *of: Any, crowd: Crowd | None = None, **named: Any) -> None:
        super().__init__(*of, **named)
        self._crowd = crowd or Crowd()

    def connection_made(self, transport: BaseTransport) -> None:
        """Count for its address, as the connection did that it was."""
        super().connection_made(transport)
        self._counted = self._crowd.counted(self.client)
        self._crowd.enter(self._counted)

    def handle_connect(self, event: Request) -> None:
        """Offer itself to the application."""
        self.conn.reject = _no_handshake  # type: ignore[method-assign,assignment]
        super().handle_connect(event)
        if hasattr(self, "scope"):
            cast("dict[str, Any]", self.scope["extensions"])[WIRE] = self

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to read."""
        return self.transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """How many bytes of messages the client has taken, or its machine for it."""
        return self._written - _waiting(self.transport)

    def write(self, *messages: tuple[bytes, ...]) -> None:
        """Send text messages at once, now or when the client reads; nothing on a socket that closes."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        pieces: list[bytes] = []
        for parts in messages:
            length = sum(map(len, parts))
            if length < _SHORT:
                head = bytes((_TEXT, length))
            elif length < _MEDIUM:
                head = _HEAD_16.pack(_TEXT, _SHORT, length)
            else:
                head = _HEAD_64.pack(_TEXT, _SHORT + 1, length)
            pieces += (head, *parts)
        frames = b"".join(pieces)
        self._written += len(frames)
        self.transport.write(frames)

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
        self.request.headers.clear()  # the parser keeps the request
        del self.request, self.response

    def send_keepalive_ping(self) -> None:
        """Note how far the client had come."""
        super().send_keepalive_ping()
        self._taken_before = self.taken

    def keepalive_timeout(self) -> None:
        """Part from who does not answer a ping so that, if it is there after all, it comes back.

        Who reads what was sent before the ping, and has yet to come to it, is waited for.
        """
        self.pong_timer = None
        seconds, taken = self.ping_timeout or 0.0, self.taken
        if _waiting(self.transport) and taken - self._taken_before >= seconds * _MIN_RATE:
            self._taken_before = taken
            self.pong_timer = self.loop.call_later(seconds, self.keepalive_timeout)
            return
        self.part(NO_PONG, "no answer to a ping: resume from the last cursor", "no_pong")

    def connection_lost(self, exc: Exception | None) -> None:
        """Count whom the kernel has given up: a client that stands still may be cut off before a ping is missed."""
        if isinstance(exc, TimeoutError) and self.drop is None:
            self.drop = "timed_out"
        self._crowd.leave(self._counted)
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
