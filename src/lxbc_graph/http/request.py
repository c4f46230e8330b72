"""The request as every transport carries it: a JSON object with ``query`` and what belongs to it."""

from typing import Any

import orjson

from lxbc_graph.schema.execute import Request

from .rejected import Rejected

JsonObject = dict[str, Any]


class Malformed(Rejected):
    """What the protocol does not have; the text says what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BAD_REQUEST", message)


def parse_json(text: str | bytes, name: str) -> Any:
    """Return what the text stands for; raises Malformed, also for lone surrogates and 1,024 levels."""
    try:
        return orjson.loads(text)
    except ValueError:
        raise Malformed(f"{name} is not valid JSON") from None


def parse_request(found: Any) -> Request:
    """Return the request that a JSON value is; raises Malformed."""
    if not isinstance(found, dict):
        raise Malformed("A request is an object")
    if not isinstance(query := found.get("query"), str):
        raise Malformed("'query' is missing or not a string")
    name = found.get("operationName")
    if name is not None and not isinstance(name, str):
        raise Malformed("'operationName' is not a string")
    return Request(query, name, object_in(found, "variables"), object_in(found, "extensions"))


def object_in(holder: JsonObject, key: str) -> JsonObject | None:
    """Return an optional object in an object; raises Malformed."""
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"'{key}' is not an object")
    return value
