"""A broker for several processes: rings travel over Redis Pub/Sub, which keeps none of them.

Nothing waits for Redis. While it is away, or stands still, everybody polls, and who comes back rings for all that
may have been missed.
"""

import asyncio
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .backoff import Backoff
from .bell import Bell
from .broker import LocalBroker, Topic

_PATIENCE_SECONDS = 1.0

_log = structlog.get_logger()


def redis_at(url: str) -> Redis:
    """Return a client that gives up at once, and leaves it to whoever uses it to try again."""
    return Redis.from_url(
        url,
        # With a timeout of its own the client loses a cancellation now and then (wait_for, Python 3.11).
        socket_timeout=None,
        socket_connect_timeout=_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


class RedisBroker(LocalBroker):
    """Rings at once in this process, and soon in every other with the same ``database`` at the same Redis.

    ``database`` is a name of the database that no other has: several may share a Redis.
    """

    def __init__(self, url: str, database: str) -> None:
        super().__init__()
        self._url = url
        self._channels = {topic: f"lxbc:{database}:{topic}".encode() for topic in Topic}
        self._topics = {channel: topic for topic, channel in self._channels.items()}
        self._sender = uuid4().bytes  # whose own rings come back to it, too late to mean anything
        self._due: set[Topic] = set()
        self._outgoing = Bell()

    def publish(self, topic: Topic) -> None:
        """Ring here, and have it carried; while one is under way the next ones become one."""
        super().publish(topic)
        self._due.add(topic)
        self._outgoing.ring()

    async def announce(self, topic: Topic) -> bool:
        """Ring in the processes that run, for one that does not; return whether Redis took it."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), redis_at(self._url) as redis:
                await redis.publish(self._channels[topic], self._sender)
        except (OSError, RedisError) as error:
            _log.warning("redis is away: it is found by polling", error=f"{type(error).__name__}: {error}")
            return False
        return True

    async def run(self) -> None:
        """Carry rings to and from the others until cancelled; says once that Redis is away, or back."""
        backoff = Backoff()
        away = False
        while True:
            try:
                async with redis_at(self._url) as redis, redis.pubsub() as inbox:
                    await self._join(redis, inbox)
                    if away:
                        _log.info("redis is back")
                    away = False
                    backoff.reset()
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._send(redis))
                        tasks.create_task(self._receive(inbox))
            except* Exception as errors:  # noqa: BLE001 - whatever it is, polling goes on and it is tried again
                if not away:
                    error = errors.exceptions[0]
                    _log.warning(
                        "redis is away: events travel by polling", error=f"{type(error).__name__}: {error}"
                    )
                away = True
            await backoff.pause()

    async def _join(self, redis: Redis, inbox: PubSub) -> None:
        """Begin to hear the others, and ring for what was not heard or carried until now."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await inbox.subscribe(*self._topics)
            for _ in Topic:
                await inbox.get_message(timeout=None)
            for topic, channel in self._channels.items():
                await redis.publish(channel, self._sender)
                super().publish(topic)

    async def _send(self, redis: Redis) -> None:
        while True:
            await self._outgoing.heard(_PATIENCE_SECONDS)
            due, self._due = self._due, set()
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for topic in due:
                    await redis.publish(self._channels[topic], self._sender)
                if not due:
                    await redis.ping()

    async def _receive(self, inbox: PubSub) -> None:
        asked = False
        while True:
            async with asyncio.timeout(2 * _PATIENCE_SECONDS):  # it may connect anew before it gives up
                message = await inbox.get_message(timeout=_PATIENCE_SECONDS)
                if message is None:
                    if asked:
                        raise TimeoutError("no answer to PING")
                    await inbox.ping()
            asked = message is None
            if message is not None and message["type"] == "message" and message["data"] != self._sender:
                super().publish(self._topics[message["channel"]])
