"""Quotas of several processes: each counts for itself, and all add up what they count at a Redis, aside.

No request waits for it. What is over the limit before the others know it is let through; while Redis is away, or
stands still, each process counts alone.
"""

import asyncio
from collections.abc import Callable, Iterable
from uuid import uuid4

import structlog
from redis.asyncio import Redis

from lxbc_graph.live.backoff import Backoff
from lxbc_graph.live.bell import Bell
from lxbc_graph.live.redis_broker import redis_at

from .quotas import Count, Quotas

_REST_SECONDS = 1.0  # between two sums, unless something new is to be counted
_PAUSE_SECONDS = 0.05  # between two sums, whatever is new
_PATIENCE_SECONDS = 1.0
_ENTRANCE_SECONDS = 0.25  # what a new place waits for the sum
_REFRESH_SECONDS = 5.0  # between two sums of what has not changed
_ALIVE_SECONDS = 15  # until the places of a process that was killed are free
_WINDOW_SECONDS = 120

_log = structlog.get_logger()


class RedisQuotas(Quotas):
    """Counts with every other process that names the same ``database`` at the same Redis.

    ``pseudonym`` makes of who is counted what Redis may know.
    """

    def __init__(
        self,
        url: str,
        database: str,
        pseudonym: Callable[[str], str],
        requests_per_minute: int = 0,
        places: int = 0,
    ) -> None:
        super().__init__(requests_per_minute, places)
        self._url = url
        self._prefix = f"lxbc:{database}"
        self._pseudonym = pseudonym
        self._me = uuid4().hex
        self._due: set[str] = set()
        self._moved: set[str] = set()
        self._news = Bell()
        self._sum: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._away = False
        self._refresh_at = 0.0

    def spend(self, who: str) -> None:
        """Count a request, here at once and elsewhere soon."""
        super().spend(who)
        self._due.add(who)

    def leave(self, who: str) -> None:
        """Give a place back, and let the others know soon."""
        super().leave(who)
        self._moved.add(who)
        self._news.ring()

    async def run(self) -> None:
        """Add up with the others until cancelled; says once that Redis is away, or back."""
        backoff = Backoff()
        while True:
            try:
                async with redis_at(self._url) as redis:
                    while True:
                        async with asyncio.timeout(_PATIENCE_SECONDS):
                            await self._add_up(redis)
                        if self._away:
                            _log.info("redis is back: quotas are shared")
                        self._away = False
                        backoff.reset()
                        await asyncio.sleep(_PAUSE_SECONDS)
                        await self._news.heard(_REST_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, each counts alone and it is tried again
                if not self._away:
                    _log.warning(
                        "redis is away: quotas count alone", error=f"{type(error).__name__}: {error}"
                    )
                self._away = True
                for count in (*self._spent.values(), *self._taken.values()):
                    count.elsewhere = 0
            await backoff.pause()

    def _begin(self, who: str) -> Count:
        self._news.ring()
        return super()._begin(who)

    async def _settle(self, who: str) -> None:
        self._moved.add(who)
        if not self._away:
            self._news.ring()
            await asyncio.wait([self._sum], timeout=_ENTRANCE_SECONDS)

    async def _add_up(self, redis: Redis) -> None:
        done, self._sum = self._sum, asyncio.get_running_loop().create_future()
        try:
            await self._add_requests(redis)
            await self._add_places(redis)
        finally:
            done.set_result(None)

    async def _add_requests(self, redis: Redis) -> None:
        due, self._due = self._due, set()
        counts = [(who, count, count.here) for who in due if (count := self._spent.get(who)) is not None]
        if not counts:
            return
        pipeline = redis.pipeline(transaction=False)
        for who, count, here in counts:
            key = f"{self._prefix}:requests:{self._minute}:{self._pseudonym(who)}"
            pipeline.incrby(key, here - count.told)
            pipeline.expire(key, _WINDOW_SECONDS)
        for (_, count, here), total in zip(counts, (await pipeline.execute())[::2], strict=True):
            count.told = here
            count.elsewhere = total - here

    async def _add_places(self, redis: Redis) -> None:
        """Say how many places are taken here, and hear how many are elsewhere, by processes that are alive."""
        now = asyncio.get_running_loop().time()
        if now >= self._refresh_at:
            self._refresh_at = now + _REFRESH_SECONDS
            self._moved |= self._taken.keys()
        asked = list(self._moved)
        pipeline = redis.pipeline(transaction=False)
        pipeline.set(self._alive(self._me), 1, ex=_ALIVE_SECONDS)
        for who in asked:
            key = self._place(who)
            count = self._taken.get(who)
            if count is None:
                pipeline.hdel(key, self._me)
            else:
                pipeline.hset(key, self._me, str(count.here))
            pipeline.expire(key, _ALIVE_SECONDS)
            pipeline.hgetall(key)
        moved, self._moved = self._moved, set()
        try:
            told = await pipeline.execute()
        except BaseException:
            self._moved |= moved
            raise
        found = [{name.decode(): int(number) for name, number in held.items()} for held in told[3::3]]
        dead = await self._dead(redis, {name for held in found for name in held} - {self._me})
        for who, held in zip(asked, found, strict=True):
            if (count := self._taken.get(who)) is not None:
                count.elsewhere = sum(held[name] for name in held.keys() - dead - {self._me})
            if gone := held.keys() & dead:
                await redis.hdel(self._place(who), *gone)

    async def _dead(self, redis: Redis, others: Iterable[str]) -> set[str]:
        names = list(others)
        if not names:
            return set()
        alive = await redis.mget([self._alive(name) for name in names])
        return {name for name, sign in zip(names, alive, strict=True) if sign is None}

    def _alive(self, process: str) -> str:
        return f"{self._prefix}:alive:{process}"

    def _place(self, who: str) -> str:
        return f"{self._prefix}:places:{self._pseudonym(who)}"
