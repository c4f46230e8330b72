"""The fan-out: finds the group of each subscriber, and keeps a group for as long as somebody needs it."""

import asyncio
from collections.abc import Callable, Hashable

from lxbc_graph.domain.principal import Principal
from lxbc_graph.telemetry import Telemetry

from .access import Access
from .event_group import EventGroup, Replays
from .feed import EventFeed, Feed
from .figure_group import FigureGroup
from .frame import Ended, Ending
from .group import Group
from .log import Log
from .shared import Shared
from .subscription import Describe, Subscription

_REPLAYS = 4
"""Batches that are made for those who catch up, at a time: the others must not wait long behind them."""


class Fanout:
    """All subscriptions of one process."""

    def __init__(
        self, log: Log, access: Access, telemetry: Telemetry, told: Callable[[Exception], Ending]
    ) -> None:
        self.access = access
        self.telemetry = telemetry
        self.told = told
        """What a subscriber is told of an error."""
        self.started = log.started
        self._log = log
        self._replays: Replays = Shared(_REPLAYS)
        self._groups: dict[Hashable, _Served] = {}
        self._served: dict[Group, _Served] = {}

    def subscription(self, principal: Principal, describe: Describe, after: int) -> Subscription:
        """Return a subscription of the principal, yet to be started."""
        return Subscription(self, principal, describe, after)

    def group(self, feed: Feed, subscription: Subscription) -> Group:
        """Return the group that gets the feed, made for the first who needs it."""
        served = self._groups.get(feed.key)
        if served is None:
            served = self._groups[feed.key] = _Served(self, self._made(feed))
            self._served[served.group] = served
            self.telemetry.groups.labels(served.group.kind).inc()
        served.users.add(subscription)
        self.telemetry.subscriptions.labels(served.group.kind).inc()
        return served.group

    def left(self, group: Group, subscription: Subscription) -> None:
        """Take note that somebody needs the group no more."""
        served = self._served.get(group)
        if served is not None:
            served.users.remove(subscription)
            self.telemetry.subscriptions.labels(group.kind).dec()
            if not served.users:
                self.drop(served)

    def drop(self, served: "_Served") -> None:
        """Forget a group."""
        if self._served.pop(served.group, None) is None:
            return
        self.telemetry.groups.labels(served.group.kind).dec()
        self.telemetry.subscriptions.labels(served.group.kind).dec(len(served.users))
        if self._groups.get(served.group.key) is served:
            del self._groups[served.group.key]
        served.task.cancel()

    def _made(self, feed: Feed) -> Group:
        if isinstance(feed, EventFeed):
            return EventGroup(feed, self._log, self.access, self.telemetry, self._replays)
        return FigureGroup(feed, self._log, self.access, self.telemetry)


class _Served:
    """A group, its users and the task that serves them."""

    def __init__(self, fanout: Fanout, group: Group) -> None:
        self.group = group
        self.users: set[Subscription] = set()
        self._fanout = fanout
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await self.group.serve()
        except Ended as ended:
            ending = ended.ending
        except Exception as error:  # noqa: BLE001 - told as what it is
            ending = self._fanout.told(error)
        self._fanout.drop(self)
        for subscription in tuple(self.users):
            subscription.end(ending)
