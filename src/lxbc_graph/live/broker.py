"""The broker: tells whoever waits for the event log, or for the policy, to change that it has.

It is speed and never truth: a ring that is lost costs its hearers their polling interval, not an event. So it
carries no data, and two rings may become one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from typing import Protocol

from .bell import Bell


class Topic(StrEnum):
    """What has happened."""

    COMMITTED = "committed"
    """A command committed events: the relay has something to number."""
    NUMBERED = "numbered"
    """The relay numbered events: the readers of the log have something to read."""
    POLICY = "policy"
    """A policy was stored in the database: all processes have it to take up."""


class Broker(Protocol):
    """Between those who change the event log and those who wait for it, in whatever process."""

    def publish(self, topic: Topic) -> None:
        """Say that it has happened; waits for nothing, and never raises because nobody could be told."""
        ...

    def subscribe(self, topic: Topic) -> AbstractAsyncContextManager[Bell]:
        """Give a bell that rings after every ``publish`` of the topic from the moment of entry."""
        ...

    async def run(self) -> None:
        """Carry what is published between the processes until cancelled."""
        ...


class LocalBroker:
    """The broker of a single process."""

    def __init__(self) -> None:
        self._bells: dict[Topic, set[Bell]] = {topic: set() for topic in Topic}

    def publish(self, topic: Topic) -> None:
        """Ring every bell of the topic."""
        for bell in self._bells[topic]:
            bell.ring()

    @asynccontextmanager
    async def subscribe(self, topic: Topic) -> AsyncIterator[Bell]:
        """Give a bell for as long as the context lasts."""
        bell = Bell()
        self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            self._bells[topic].discard(bell)

    async def run(self) -> None:
        """Do nothing: there is no other process."""
        await asyncio.Event().wait()
