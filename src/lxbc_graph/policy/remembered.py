"""Answers that are remembered for a moment, and loaded once for all who want one at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 16_384


class Remembered(Generic[K, V]):
    """Loads what belongs to a key, at most once in ``ttl_seconds``; a failure is not remembered."""

    def __init__(self, load: Callable[[K], Awaitable[V]], ttl_seconds: float) -> None:
        self._load = load
        self._ttl_seconds = ttl_seconds
        self._loads: dict[K, tuple[float, asyncio.Task[V]]] = {}

    def __len__(self) -> int:
        return len(self._loads)

    async def __call__(self, key: K) -> V:
        """Join the load that is under way or still good; start one otherwise."""
        now = time.monotonic()
        good_until, load = self._loads.get(key, (now, None))
        if load is None or good_until <= now:
            load = asyncio.create_task(self._loaded(key))
            load.add_done_callback(lambda done: self._drop_failed(key, done))
            self._loads.pop(key, None)
            self._loads[key] = (now + self._ttl_seconds, load)
            if len(self._loads) > MOST:
                del self._loads[next(iter(self._loads))]
        # Shielded: one caller that hangs up must not take the answer from the others.
        return load.result() if load.done() else await asyncio.shield(load)

    async def _loaded(self, key: K) -> V:
        return await self._load(key)

    def _drop_failed(self, key: K, load: "asyncio.Task[V]") -> None:
        failed = load.cancelled() or load.exception() is not None
        if failed and (found := self._loads.get(key)) is not None and found[1] is load:
            del self._loads[key]
