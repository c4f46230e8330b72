"""Why a request is not run at all, in the terms of HTTP and in the form of an error of GraphQL."""

from collections.abc import Mapping

import orjson


class Rejected(Exception):
    """A request that the transport refuses: a status, a code, why (people are told in Chinese too), and headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        message_zh: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.message_zh = message_zh

    @property
    def body(self) -> bytes:
        """The response that says so."""
        extensions = {"code": self.code}
        if self.message_zh is not None:
            extensions["messageZh"] = self.message_zh
        return orjson.dumps({"errors": [{"message": self.message, "extensions": extensions}]})
