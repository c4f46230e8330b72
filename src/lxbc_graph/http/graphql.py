"""GraphQL over HTTP, as its specification says: POST and GET at ``/graphql``, JSON or an event stream.

A browser that asks for HTML gets GraphiQL. Every refusal is a GraphQL error in JSON.
"""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import orjson
from graphql import OperationType
from starlette.requests import Request as HttpRequest
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.schema.execute import Executor, Request

from . import pages
from .authenticate import Authenticator, Unauthenticated
from .sse import EventStream, resumed, wants_events

MAX_BODY = 256 * 1024
GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"


class Rejected(Exception):
    """A request that HTTP itself refuses: a status, a code, why, and headers."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})


class GraphQLOverHttp:
    """The ASGI endpoint of ``/graphql`` for everything but WebSockets."""

    def __init__(self, executor: Executor, authenticator: Authenticator) -> None:
        self._executor = executor
        self._authenticator = authenticator

    def routes(self) -> list[BaseRoute]:
        """Return the routes; all methods, so that the endpoint itself says which it allows."""
        return [Route("/graphql", self)]

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name: value.decode("latin-1") for name, value in asgi_scope["headers"]}
        media_type = PLAIN_JSON
        try:
            method = asgi_scope["method"]
            if method not in {"GET", "HEAD", "POST"}:
                raise _not_allowed("Use POST or GET.", "GET, HEAD, POST")
            if method != "POST" and pages.wanted(HttpRequest(asgi_scope)):
                await pages.graphiql()(asgi_scope, receive, send)
                return
            accept = headers.get(b"accept", "")
            streaming = wants_events(accept)
            media_type = PLAIN_JSON if streaming else _media_type(accept)
            if method == "POST":
                request = _posted(headers, await _body(headers, receive))
            else:
                request = _asked(asgi_scope["query_string"])
                if self._executor.kind(request) is OperationType.MUTATION:
                    raise _not_allowed("A mutation needs POST.", "POST")
            principal = await self._authenticator(headers.get(b"authorization"))
            if streaming:
                request = resumed(request, headers.get(b"last-event-id"))
                await EventStream(self._executor, request, principal)(asgi_scope, receive, send)
                return
            response = await self._executor.execute(request, principal)
        except Rejected as rejected:
            await _send(send, rejected.status, media_type, rejected.body, rejected.headers)
        except Unauthenticated as error:
            body = orjson.dumps(
                {"errors": [{"message": error.message, "extensions": {"code": error.code.value}}]}
            )
            await _send(send, error.status, media_type, body, error.headers)
        else:
            # Clients of application/json of old take 200 alone for an answer of GraphQL.
            refused = response.status == HTTPStatus.BAD_REQUEST
            status = HTTPStatus.OK if refused and media_type == PLAIN_JSON else response.status
            unknown = response.status == HTTPStatus.UNAUTHORIZED
            challenge = {"WWW-Authenticate": 'Bearer realm="lxbc-graph"'} if unknown else {}
            await _send(send, status, media_type, response.body, challenge)


def _not_allowed(message: str, allowed: str) -> Rejected:
    return Rejected(HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message, {"Allow": allowed})


def _too_large() -> Rejected:
    return Rejected(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE", f"A request holds at most {MAX_BODY} bytes."
    )


@lru_cache(maxsize=128)  # clients repeat themselves
def _media_type(accept: str) -> str:
    """Return the JSON media type that the client prefers; raises Rejected 406 if it takes none."""
    if not accept or accept == "*/*":
        return PLAIN_JSON
    asked = _asked_for(accept)
    best, chosen = 0.0, None
    for name in asked:
        for offered in _OFFERED.get(name, ()):
            # What names the type itself says more about it than a range does.
            quality = next(asked[said] for said in (offered, "application/*", "*/*") if said in asked)
            if quality > best:
                best, chosen = quality, offered
    if chosen is None:
        raise Rejected(406, "NOT_ACCEPTABLE", f"This server answers {GRAPHQL_JSON} or {PLAIN_JSON}.")
    return chosen


def _asked_for(accept: str) -> dict[str, float]:
    """Return the media ranges of an ``Accept`` header, in its order, with their qualities."""
    asked: dict[str, float] = {}
    for choice in accept.lower().split(","):
        name, *parameters = (part.strip() for part in choice.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            elif key == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
                quality = 0.0
        asked[name] = max(asked.get(name, 0.0), quality)
    return asked


_OFFERED = {
    GRAPHQL_JSON: (GRAPHQL_JSON,),
    PLAIN_JSON: (PLAIN_JSON,),
    "application/*": (PLAIN_JSON, GRAPHQL_JSON),
    "*/*": (PLAIN_JSON, GRAPHQL_JSON),
}


async def _body(headers: Mapping[bytes, str], receive: Receive) -> bytes:
    length = headers.get(b"content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise _too_large()
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Rejected(400, "BAD_REQUEST", "The client left.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _posted(headers: Mapping[bytes, str], body: bytes) -> Request:
    content_type = headers.get(b"content-type", "")
    name, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if name.strip().lower() != PLAIN_JSON or charset not in {"", "utf-8", "utf8"}:
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", f"Post {PLAIN_JSON} in UTF-8.")
    try:
        found = orjson.loads(body)
    except (ValueError, RecursionError):
        raise Rejected(400, "BAD_REQUEST", "The body is not JSON.") from None
    return _request(found)


def _asked(query_string: bytes) -> Request:
    found: dict[str, Any] = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    for name in ("variables", "extensions"):
        if name in found:
            try:
                found[name] = orjson.loads(found[name]) if found[name] else None
            except (ValueError, RecursionError):
                raise Rejected(400, "BAD_REQUEST", f"{name} is not JSON.") from None
    return _request(found)


def _request(found: Any) -> Request:
    if not isinstance(found, dict):
        raise Rejected(400, "BAD_REQUEST", "A request is a JSON object.")
    query, name = found.get("query"), found.get("operationName")
    variables, extensions = found.get("variables"), found.get("extensions")
    if not isinstance(query, str) or not query:
        raise Rejected(400, "BAD_REQUEST", "query is missing or not a string.")
    if name is not None and not isinstance(name, str):
        raise Rejected(400, "BAD_REQUEST", "operationName is not a string.")
    if variables is not None and not isinstance(variables, dict):
        raise Rejected(400, "BAD_REQUEST", "variables is not an object.")
    if extensions is not None and not isinstance(extensions, dict):
        raise Rejected(400, "BAD_REQUEST", "extensions is not an object.")
    return Request(query, name, variables, extensions)


async def _send(send: Send, status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> None:
    content_type = f"{media_type}; charset=utf-8".encode()
    raw = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"accept"),
        *((name.lower().encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
