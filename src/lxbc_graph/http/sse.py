"""GraphQL over server-sent events: graphql-sse, distinct connections mode.

Each response is an ``event: next`` whose ``id:`` is the cursor of the event it shows. A client that comes
back with ``Last-Event-ID`` continues after that event whatever ``after`` its document or variables say, because
a browser repeats the request as it was. What is refused before it runs arrives as a ``next`` with ``errors``,
as the protocol wants: an ``EventSource`` cannot read the body of a 400.
"""

from dataclasses import replace

from lxbc_graph.live.frame import LAST_EVENT_ID, Frame
from lxbc_graph.schema.execute import Request

from .accept import EVENT_STREAM
from .stream import Framing


def resumed(request: Request, last_event_id: str | None) -> Request:
    """Return the request, to continue after the last event that the client says it has."""
    if not last_event_id:
        return request
    return replace(request, extensions={**(request.extensions or {}), LAST_EVENT_ID: last_event_id})


def _event(response: bytes) -> bytes:
    """Return one ``next`` event; a line break in JSON is only ever white space, and would end the event."""
    cursor = response.cursor if isinstance(response, Frame) else None
    head = b"" if cursor is None else b"id: " + cursor.encode() + b"\n"
    return head + b"event: next\ndata: " + response.translate(None, b"\r\n") + b"\n\n"


SSE = Framing(
    content_type=f"{EVENT_STREAM}; charset=utf-8",
    answer=_event,
    refusal=_event,
    keep_alive=b":\n\n",
    complete=b"event: complete\ndata:\n\n",
)
