"""GraphQL over HTTP, as its specification says: POST and GET at ``/graphql``, JSON or a stream.

A browser that asks for HTML gets GraphiQL. Every refusal is a GraphQL error in JSON.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from graphql import OperationType
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Executor, Request, Response
from lxbc_graph.telemetry import Telemetry

from . import accept, pages
from .authenticate import Authenticator
from .multipart import MULTIPART
from .operation import answered, answers, failed, frames
from .quotas import Quotas, account, address, counted
from .rejected import Rejected
from .request import Malformed, parse_json, parse_request
from .sse import SSE, resumed
from .stream import Framing, stream
from .timed import Timed

MAX_BODY = 256 * 1024

_JSON = (accept.PLAIN_JSON, accept.GRAPHQL_JSON)
_ANY = (accept.EVENT_STREAM, accept.MULTIPART, *_JSON)
_OFFERED = {"GET": (accept.HTML, *_ANY), "HEAD": (accept.HTML, *_ANY), "POST": _ANY}


class GraphQLOverHttp:
    """The ASGI endpoint of ``/graphql`` for everything but WebSockets."""

    def __init__(
        self,
        executor: Executor,
        authenticator: Authenticator,
        telemetry: Telemetry,
        *,
        quotas: Quotas | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self._executor = executor
        self._authenticator = authenticator
        self._telemetry = telemetry
        self._quotas = quotas or Quotas()
        self._max_body = max_body

    def routes(self) -> list[BaseRoute]:
        """Return the routes; all methods, so that the endpoint itself says which it allows."""
        return [Route("/graphql", self)]

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name: value.decode("latin-1") for name, value in asgi_scope["headers"]}
        authorization = headers.get(b"authorization")
        send = timed = Timed(send, self._telemetry)
        accepted = ",".join(
            value.decode("latin-1") for name, value in asgi_scope["headers"] if name == b"accept"
        )
        media_type = accept.preferred(accepted, _JSON) or accept.PLAIN_JSON  # of all that is no stream
        connection = (asgi_scope, receive, send)
        try:
            preferred = _preferred(asgi_scope["method"], accepted)
            if preferred == accept.HTML:
                timed.kind = "page"
                await pages.graphiql()(*connection)
                return
            principal = await counted(self._authenticator, self._quotas, address(asgi_scope), authorization)
            request = await self._request(asgi_scope, headers, receive)
            if preferred == accept.EVENT_STREAM:
                timed.kind = "stream"
                request = resumed(request, headers.get(b"last-event-id"))
                found = answers(self._executor, request, principal)
                await self._stream(SSE, found, principal, *connection)
                return
            if preferred == accept.MULTIPART:
                response = await answered(self._executor, request, principal)
                if not isinstance(response, Response):
                    timed.kind = "stream"
                    await self._stream(MULTIPART, frames(response), principal, *connection)
                    return
            else:
                response = await self._executor.execute(request, principal)
        except Rejected as rejected:
            await _send(send, rejected.status, media_type, rejected.body, rejected.headers)
        except Exception as error:  # noqa: BLE001 - whatever it is
            response = failed(error)
            await _send(send, response.status, media_type, response.body, {})
        else:
            if response.ok and (kind := self._executor.kind(request)) is not None:
                timed.kind = kind.value
            # Clients of application/json of old take 200 alone for an answer of GraphQL.
            refused = response.status == HTTPStatus.BAD_REQUEST
            status = HTTPStatus.OK if refused and media_type == accept.PLAIN_JSON else response.status
            unknown = response.status == HTTPStatus.UNAUTHORIZED
            challenge = {"WWW-Authenticate": 'Bearer realm="lxbc-graph"'} if unknown else {}
            await _send(send, status, media_type, response.body, challenge)

    async def _stream(
        self,
        framing: Framing,
        found: AsyncGenerator[bytes | Response],
        principal: Principal | None,
        asgi_scope: AsgiScope,
        receive: Receive,
        send: Send,
    ) -> None:
        who = address(asgi_scope) if principal is None else account(principal)
        await self._quotas.enter(who)
        try:
            with self._telemetry.streams.track_inprogress():
                if await stream(framing, found, principal, asgi_scope, receive, send):
                    self._telemetry.drops.labels("too_slow").inc()
        finally:
            self._quotas.leave(who)

    async def _request(
        self, asgi_scope: AsgiScope, headers: Mapping[bytes, str], receive: Receive
    ) -> Request:
        if asgi_scope["method"] == "POST":
            _check_encoding(headers)
            found = parse_json(await _body(receive, self._max_body), "The body")
            if isinstance(found, list):
                raise Malformed("A request is one object; several in a list are not taken")
            return replace(parse_request(found), idempotency_key=headers.get(b"idempotency-key") or None)
        request = replace(_asked(asgi_scope["query_string"]), safe=True)
        if self._executor.kind(request) is OperationType.MUTATION:
            raise _not_allowed("A mutation needs POST.", "POST")
        return request


def _preferred(method: str, accepted: str) -> str:
    if method not in _OFFERED:
        raise _not_allowed("Use POST or GET.", ", ".join(_OFFERED))
    preferred = accept.preferred(accepted, _OFFERED[method])
    if preferred is None:
        raise Rejected(406, "NOT_ACCEPTABLE", f"This server answers {' or '.join(_JSON)}.")
    return preferred


def _not_allowed(message: str, allowed: str) -> Rejected:
    return Rejected(405, "METHOD_NOT_ALLOWED", message, {"Allow": allowed})


async def _body(receive: Receive, most: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("The client left")
        body += message.get("body", b"")
        if len(body) > most:
            raise Rejected(413, "BODY_TOO_LARGE", f"A request holds at most {most} bytes.", limit=most)
        more = message.get("more_body", False)
    return bytes(body)


def _check_encoding(headers: Mapping[bytes, str]) -> None:
    media_type, parameters = accept.parse(headers.get(b"content-type", ""))
    if media_type != accept.PLAIN_JSON or not accept.is_utf_8(parameters):
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", f"Post {accept.PLAIN_JSON} in UTF-8.")
    if headers.get(b"content-encoding", "identity").strip().lower() != "identity":
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", "Post it unpacked, without a Content-Encoding.")


def _asked(query_string: bytes) -> Request:
    try:
        pairs = parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("The query string is not UTF-8") from None
    found: dict[str, Any] = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("A parameter is given several times")
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = parse_json(found[name], f"'{name}'") if found[name] else None
    return parse_request(found)


async def _send(send: Send, status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> None:
    content_type = f"{media_type}; charset=utf-8".encode()
    raw = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"vary", b"accept"),
        *((name.lower().encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
