"""What runs beside the requests for as long as the process does: whatever becomes of a job, it is begun again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from .backoff import Backoff, heed_cancellation

_LONGEST_PAUSE_SECONDS = 1.0
_REMEMBERED_SECONDS = 3.0
"""Longer than any pause, so that what fails at once, again and again, is never taken for well in between."""

_log = structlog.get_logger()


class Job:
    """A job that is to run for ever; ``failing`` says that it ended with an error a moment ago."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._work = work
        self._failed_at = float("-inf")

    @property
    def failing(self) -> bool:
        """Whether it is not known to be well."""
        return time.monotonic() - self._failed_at < _REMEMBERED_SECONDS

    async def run(self) -> None:
        """Do it, and do it again after an error, until cancelled; what it knows must outlast that."""
        backoff = Backoff(longest=_LONGEST_PAUSE_SECONDS)
        while True:
            try:
                return await self._work()
            except Exception as error:  # noqa: BLE001 - a process without it would be deaf, or let in who was shut out
                heed_cancellation(error)
                if not self.failing:
                    backoff.reset()
                    _log.error("background task failed", task=self.name, exc_info=error)
                self._failed_at = time.monotonic()
                await backoff.pause()


@asynccontextmanager
async def kept(**jobs: Callable[[], Awaitable[None]]) -> AsyncIterator[list[Job]]:
    """Keep jobs running in the background until the block ends."""
    begun = [Job(name, work) for name, work in jobs.items()]
    tasks = [asyncio.create_task(job.run(), name=job.name) for job in begun]
    try:
        yield begun
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
