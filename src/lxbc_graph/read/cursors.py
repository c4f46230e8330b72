"""Key-set cursors: where a row stands in an order, bound to the viewer, the connection, the filter and the order."""

import hashlib
import re
from base64 import urlsafe_b64decode
from datetime import datetime
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


def parse(cursor: str, expected: str, cast: str) -> tuple[str, int]:
    """Return the order's key, as text, and the id; raises a typed error for any other cursor."""
    try:
        key, id_ = _decode(cursor, expected)
        _CHECKS[cast](key)
        _bigint(id_)
    except (ValueError, TypeError):
        raise GraphQLError(
            "The cursor is not one that this server gave for this viewer, connection, filter and order.",
            extensions={"code": "INVALID_CURSOR"},
        ) from None
    return key, int(id_)


def _decode(cursor: str, expected: str) -> Any:
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    if text[:BINDING_LENGTH] != expected:
        raise ValueError
    return orjson.loads(text[BINDING_LENGTH:])


# Only what PostgreSQL itself writes may pass: it will be asked to read it again.

_NUMBER = re.compile(r"-?[0-9]{1,19}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?\+00")


def _text(value: Any) -> None:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError


def _bigint(value: Any) -> None:
    if not _NUMBER.fullmatch(value) or not -(2**63) <= int(value) < 2**63:
        raise ValueError


def _timestamp(value: Any) -> None:
    if value == "infinity":
        return
    if not _TIMESTAMP.fullmatch(value):
        raise ValueError
    datetime.fromisoformat(value)


_CHECKS = {"text": _text, "bigint": _bigint, "timestamptz": _timestamp}
