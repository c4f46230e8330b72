"""The request as every transport carries it: a JSON object with ``query``, or its id, and what belongs to it."""

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
    name, variables = _text_in(found, "operationName"), object_in(found, "variables")
    extensions = object_in(found, "extensions")
    ids = {_text_in(found, "documentId"), _persisted(extensions or {})} - {None, ""}
    if len(ids) > 1:
        raise Malformed("'documentId' and 'persistedQuery' name two documents")
    id_ = next(iter(ids), None)
    query = found.get("query", "" if id_ else None)
    if not isinstance(query, str):
        raise Malformed("'query' is missing or not a string")
    return Request(query, name, variables, extensions, document_id=id_)


def _text_in(holder: JsonObject, key: str) -> str | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"'{key}' is not a string")
    return value


def _persisted(extensions: JsonObject) -> str | None:
    """Return the id that an automatic persisted query of Apollo's has."""
    asked = object_in(extensions, "persistedQuery")
    if asked is None:
        return None
    digest = asked.get("sha256Hash")
    if asked.get("version") != 1 or not isinstance(digest, str):
        raise Malformed("'persistedQuery' has no version 1 and sha256Hash")
    return f"sha256:{digest}"


def object_in(holder: JsonObject, key: str) -> JsonObject | None:
    """Return an optional object in an object; raises Malformed."""
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"'{key}' is not an object")
    return value
