"""A connection that need not ask the server what the others have been told."""

from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg

_FIRST_NOT_BUILT_IN = 16_384
"""Types below are PostgreSQL's own: they are the same in every database."""


class TypedConnection(asyncpg.Connection):
    """Asks once per process what an array of a built-in type is.

    asyncpg asks over every connection: 12 ms of the server's time, times all those of a process that has just started
    and is wanted at once.
    """

    _known: ClassVar[dict[frozenset[int], Any]] = {}

    async def _introspect_types(self, typeoids: Sequence[int], *rest: Any) -> Any:
        asked = frozenset(typeoids)
        if max(asked) >= _FIRST_NOT_BUILT_IN:
            return await super()._introspect_types(typeoids, *rest)  # type: ignore[misc]
        if asked not in self._known:
            self._known[asked] = await super()._introspect_types(typeoids, *rest)  # type: ignore[misc]
        return self._known[asked]
