"""Errors as every transport tells them: a code, a sentence in English and one in Chinese, the id of the request."""

import re
from typing import Any

from graphql import GraphQLError, GraphQLFormattedError

from lxbc_graph import logs
from lxbc_graph.domain.errors import CHINESE

from .chinese import in_chinese

_OF_THE_LIBRARY = {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}
_VALUE = re.compile(r"(Variable '.*?)(?:[,;] found|(?<= value)(?<! invalid value)): .*", re.DOTALL)
"""What is said of a variable, which repeats the value at its end: as Python writes it."""
_MESSAGE = 1_000  # characters


def error(code: str, message: str, request_id: str | None = None, **more: Any) -> GraphQLFormattedError:
    """Return an error; ``request_id`` is that of this task's request where none is given, ``more`` its extensions."""
    return {"message": _shortened(message), "extensions": _extensions({"code": code, **more}, request_id)}


def formatted(problem: GraphQLError, **more: Any) -> GraphQLFormattedError:
    """Return the error of an operation as it is told; ``more`` are its other parts, like ``path``."""
    told = problem.formatted
    given = told.get("extensions") or {}
    message = _shortened(problem.message)
    if given.get("code") in _OF_THE_LIBRARY:
        if (chinese := in_chinese(message)) is not None:
            given = {"messageZh": chinese, **given}
        message = _VALUE.sub(r"\1.", message).replace(" not to be None.", " not to be null.")
    return {**told, "message": message, "extensions": _extensions(given, None), **more}  # type: ignore[typeddict-item]


def _shortened(message: str) -> str:
    """Return what may repeat what was given: not a megabyte, nor half a character, which no JSON can hold."""
    return message[:_MESSAGE].encode("utf-8", "replace").decode()


def _extensions(given: dict[str, Any], request_id: str | None) -> dict[str, Any]:
    code = given.get("code", "INTERNAL")
    found = {"code": code, "messageZh": CHINESE.get(code, CHINESE["INTERNAL"]), **given}
    named = request_id or logs.request_id()
    return found if named is None else {**found, "requestId": named}
