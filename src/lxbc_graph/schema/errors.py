"""Errors as every transport tells them: a code, a sentence in English and one in Chinese, the id of the request."""

from typing import Any

from graphql import GraphQLError, GraphQLFormattedError

from lxbc_graph import logs
from lxbc_graph.domain.errors import CHINESE


def error(code: str, message: str, request_id: str | None = None, **more: Any) -> GraphQLFormattedError:
    """Return an error; ``request_id`` is that of this task's request where none is given, ``more`` its extensions."""
    return {"message": message, "extensions": _extensions({"code": code, **more}, request_id)}


def formatted(problem: GraphQLError, **more: Any) -> GraphQLFormattedError:
    """Return the error of an operation as it is told; ``more`` are its other parts, like ``path``."""
    told = problem.formatted
    told["extensions"] = _extensions(told.get("extensions") or {}, None)
    return {**told, **more}  # type: ignore[typeddict-item]


def _extensions(given: dict[str, Any], request_id: str | None) -> dict[str, Any]:
    code = given.get("code", "INTERNAL")
    found = {"code": code, "messageZh": CHINESE.get(code, CHINESE["INTERNAL"]), **given}
    named = request_id or logs.request_id()
    return found if named is None else {**found, "requestId": named}
