"""What a graphql-transport-ws client may say, parsed strictly."""

from dataclasses import dataclass
from typing import Any

import orjson

from lxbc_graph.schema.execute import Request

JsonObject = dict[str, Any]


class Malformed(ValueError):
    """A message that the protocol does not have; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The client introduces itself; an absent payload is an empty one."""

    payload: JsonObject


@dataclass(frozen=True, slots=True)
class Ping:
    """The client asks for a pong with the same payload."""

    payload: JsonObject | None


@dataclass(frozen=True, slots=True)
class Pong:
    """The client answers a ping, or says unasked that it is there."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The client starts an operation of any kind."""

    id: str
    request: Request


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


Message = ConnectionInit | Ping | Pong | Subscribe | Complete


def parse_message(text: str | None) -> Message:
    """Return the message in one text frame (None: a binary one); raises ``Malformed`` for everything else."""
    if text is None:
        raise Malformed("Message is binary")
    try:
        message = orjson.loads(text)
    except (ValueError, RecursionError):  # also lone surrogates, and nesting beyond 1,024 levels
        raise Malformed("Message is not valid JSON") from None
    if not isinstance(message, dict):
        raise Malformed("Message is not an object")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_object(message, "payload") or {})
        case "ping":
            return Ping(_object(message, "payload"))
        case "pong":
            _object(message, "payload")
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), _request(_object(message, "payload")))
        case "complete":
            return Complete(_id(message))
    raise Malformed("Message has no type that a client may send")


def _object(holder: JsonObject, key: str) -> JsonObject | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"'{key}' is not an object")
    return value


def _id(message: JsonObject) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not value:
        raise Malformed("'id' is not a non-empty string")
    return value


def _request(payload: JsonObject | None) -> Request:
    if payload is None:
        raise Malformed("'payload' is missing")
    query, name = payload.get("query"), payload.get("operationName")
    if not isinstance(query, str):
        raise Malformed("'query' is not a string")
    if name is not None and not isinstance(name, str):
        raise Malformed("'operationName' is not a string")
    return Request(
        query=query,
        operation_name=name,
        variables=_object(payload, "variables"),
        extensions=_object(payload, "extensions"),
    )
