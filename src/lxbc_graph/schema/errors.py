"""Errors as every transport tells them: a code, a sentence in English and one in Chinese, the id of the request."""

import re
from typing import Any

from graphql import GraphQLError, GraphQLFormattedError

from lxbc_graph import logs
from lxbc_graph.domain.errors import CHINESE

from .chinese import in_chinese

_OF_THE_LIBRARY = {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}
_AS_JSON = {"None": "null", "True": "true", "False": "false"}
_VALUE = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\b(?:None|True|False)\b")
"""What a message repeats of the values of variables: GraphQL's own library spells them as Python does."""


def error(code: str, message: str, request_id: str | None = None, **more: Any) -> GraphQLFormattedError:
    """Return an error; ``request_id`` is that of this task's request where none is given, ``more`` its extensions."""
    return {"message": message, "extensions": _extensions({"code": code, **more}, request_id)}


def formatted(problem: GraphQLError, **more: Any) -> GraphQLFormattedError:
    """Return the error of an operation as it is told; ``more`` are its other parts, like ``path``."""
    told = problem.formatted
    given = told.get("extensions") or {}
    if given.get("code") in _OF_THE_LIBRARY and (chinese := in_chinese(problem.message)) is not None:
        given = {"messageZh": chinese, **given}
    extensions = told["extensions"] = _extensions(given, None)
    if extensions["code"] == "BAD_USER_INPUT":
        told["message"] = _VALUE.sub(lambda found: _AS_JSON.get(found[0], found[0]), told["message"])
    return {**told, **more}  # type: ignore[typeddict-item]


def _extensions(given: dict[str, Any], request_id: str | None) -> dict[str, Any]:
    code = given.get("code", "INTERNAL")
    found = {"code": code, "messageZh": CHINESE.get(code, CHINESE["INTERNAL"]), **given}
    named = request_id or logs.request_id()
    return found if named is None else {**found, "requestId": named}
