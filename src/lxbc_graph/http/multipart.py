"""Subscriptions as Apollo's clients ask for them over HTTP: ``multipart/mixed`` with ``subscriptionSpec=1.0``.

Each response is a part, as the ``payload`` of a JSON object; an empty object keeps the stream alive, and ``errors``
beside a ``payload`` of null end it. A client takes a part for whole when it sees the boundary after it, so each part
is sent with that boundary, and the first part, to have one before it, follows an empty line.
"""

from .stream import Framing

_BOUNDARY = b"\r\n--graphql"


def _part(body: bytes) -> bytes:
    return b"\r\nContent-Type: application/json\r\n\r\n" + body + _BOUNDARY


_HEARTBEAT = _part(b"{}")

MULTIPART = Framing(
    content_type='multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    beginning=_BOUNDARY + _HEARTBEAT,  # a body has at least one part
    answer=lambda response: _part(b'{"payload":' + response + b"}"),
    refusal=lambda response: _part(b'{"payload":null,' + response.removeprefix(b"{")),
    keep_alive=_HEARTBEAT,
    complete=b"--\r\n",
)
