"""Why a request is not run at all, in the terms of HTTP and in the form of an error of GraphQL."""

from collections.abc import Mapping
from typing import Any

import orjson

from lxbc_graph.schema.errors import error


class Rejected(Exception):
    """A request that the transport refuses: a status, a code, why, headers, and ``more`` extensions of the error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        message_zh: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self._more = more if message_zh is None else {"messageZh": message_zh, **more}

    def errors(self, request_id: str | None = None) -> bytes:
        """Return the errors that say so, as JSON; the id is this task's where none is given."""
        return orjson.dumps([error(self.code, self.message, request_id, **self._more)])

    @property
    def body(self) -> bytes:
        """The response that says so."""
        return b'{"errors":' + self.errors() + b"}"
