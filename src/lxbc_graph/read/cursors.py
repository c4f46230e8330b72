"""Key-set cursors: where a row stands in an order, bound to the viewer, the connection, the filter and the order."""

import hashlib
from base64 import urlsafe_b64decode
from datetime import date, datetime
from typing import Any

import orjson
from graphql import GraphQLError

BINDING_LENGTH = 16


def binding(account_id: int, identity: str, order: tuple[str, bool], filter_: Any) -> str:
    """Return what a cursor begins with: a digest of all that it is valid for."""
    source = orjson.dumps([account_id, identity, order, filter_], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2s(source, digest_size=BINDING_LENGTH // 2).hexdigest()


def emit(binding_sql: str, key_sql: str, id_sql: str) -> str:
    """Return the SQL expression of a cursor as JSON text."""
    payload = f"{binding_sql} || to_json(array[({key_sql})::text, {id_sql}::text])::text"
    encoded = f"translate(encode(convert_to({payload}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"
    return f"'\"' || {encoded} || '\"'"


def parse(cursor: Any, expected: str, cast: str) -> tuple[str, int]:
    """Return the order's key, as text, and the id; raises a typed error for any other cursor."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        found, values = text[:BINDING_LENGTH], orjson.loads(text[BINDING_LENGTH:])
        key, id_ = values
        number = int(id_)
        _PARSE[cast](key)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise _invalid("The cursor is not one that this server gave.") from None
    if found != expected:
        raise _invalid("The cursor belongs to another viewer, connection, filter or order.")
    if not 0 < number < 2**63:
        raise _invalid("The cursor is not one that this server gave.")
    return key, number


def _text(value: str) -> None:
    if "\0" in value:
        raise ValueError


def _bigint(value: str) -> None:
    if not -(2**63) <= int(value) < 2**63:
        raise ValueError


def _timestamp(value: str) -> None:
    if value != "infinity":
        datetime.fromisoformat(value)


_PARSE = {"text": _text, "bigint": _bigint, "timestamptz": _timestamp, "date": date.fromisoformat}


def _invalid(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "INVALID_CURSOR"})
