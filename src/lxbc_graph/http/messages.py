"""What a graphql-transport-ws client may say, parsed strictly."""

from dataclasses import dataclass

from lxbc_graph.schema.execute import Request

from .request import JsonObject, Malformed, object_in, parse_json, parse_request

MAX_ID = 256
"""Characters: the id is sent with every frame."""


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
    message = parse_json(text, "Message")
    if not isinstance(message, dict):
        raise Malformed("Message is not an object")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(object_in(message, "payload") or {})
        case "ping":
            return Ping(object_in(message, "payload"))
        case "pong":
            object_in(message, "payload")
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), parse_request(message.get("payload")))
        case "complete":
            return Complete(_id(message))
    raise Malformed("Message has no type that a client may send")


def _id(message: JsonObject) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise Malformed(f"'id' is not a string of 1 to {MAX_ID} characters")
    return value
