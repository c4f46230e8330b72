"""One subscriber: what it asked for, where it stands, and who it is; it changes groups when that changes."""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.accounts import Identity

from .feed import Feed
from .frame import CLOSED, REVOKED, Ended, Ending, Frame, Sink
from .group import Group

if TYPE_CHECKING:
    from .fanout import Fanout

Describe = Callable[[Principal], Feed]
"""What the principal gets of what was asked for; raises ``Ended`` where that is nothing."""


class Subscription:
    """Is served from ``start`` until ``stop``, or until ``end`` tells its sink that it is over."""

    __slots__ = (
        "_admission",
        "_describe",
        "_ended",
        "_fanout",
        "_group",
        "_principal",
        "after",
        "expires_at",
        "sink",
    )

    def __init__(self, fanout: "Fanout", principal: Principal, describe: Describe, after: int) -> None:
        self._fanout = fanout
        self._principal = principal
        self._describe = describe
        self._group: Group | None = None
        self._admission: asyncio.Task[None] | None = None
        self._ended = False
        self.after = after
        """The number of the last event that it needs no more; in a group, of its first to come less one."""
        self.expires_at = inf if principal.expires_at is None else principal.expires_at.timestamp()
        self.sink: Sink

    @property
    def identity(self) -> Identity:
        """Whose it is, and by what that is known."""
        return self._principal.account_id, self._principal.credential

    def lacks(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Return those of the frames that it does not have."""
        return [frame for frame in frames if frame.seq > self.after]

    def start(self, sink: Sink) -> None:
        """Begin to send to the sink."""
        self.sink = sink
        self._admission = asyncio.create_task(self._begin())

    def stop(self) -> None:
        """Send no more."""
        self._ended = True
        self._leave()
        self._fanout.access.leave(self.identity, self.changed)

    def end(self, ending: Ending) -> None:
        """Send no more, and say why."""
        if not self._ended:
            self.stop()
            self.sink.end(ending)
            if ending.code == REVOKED.code:
                self._fanout.telemetry.revocations.inc()

    def changed(self, principal: Principal | None) -> None:
        """Be somebody else from now on: whoever lost something is told so, and gets nothing more."""
        if principal is None:
            self.end(CLOSED)
            return
        lost = not set(self._principal.postings) <= set(principal.postings)
        lost = lost or principal.cadre_id != self._principal.cadre_id
        gained = principal.postings != self._principal.postings
        self._principal = principal
        if self._group is None:
            return  # it has yet to ask what it gets
        if lost:
            self.end(REVOKED)
            return
        try:
            feed = self._describe(principal)
        except Exception as error:  # noqa: BLE001 - told as what it is
            self._fail(error)
            return
        if feed.key == self._group.key:
            return
        if not gained:  # it is the policy that has changed, and nobody can tell what that took
            self.end(REVOKED)
            return
        if self in self._group.members:
            self.after = max(self.after, self._group.position)
        self._leave()
        self._admission = asyncio.create_task(self._join(feed))

    async def _begin(self) -> None:
        try:
            await self._fanout.started()
            await self._fanout.access.watch(self.identity, self.changed)
            if self._ended:
                return
            feed = self._describe(self._principal)
        except Exception as error:  # noqa: BLE001 - told as what it is
            self._fail(error)
        else:
            await self._join(feed)

    async def _join(self, feed: Feed) -> None:
        self._group = self._fanout.group(feed, self)
        try:
            await self._group.admit(self)
        except Exception as error:  # noqa: BLE001 - told as what it is
            self._fail(error)
        finally:
            if self._admission is asyncio.current_task():
                self._admission = None

    def _fail(self, error: Exception) -> None:
        self.end(error.ending if isinstance(error, Ended) else self._fanout.told(error))

    def _leave(self) -> None:
        group, self._group = self._group, None
        if group is not None:
            group.members.pop(self, None)
            self._fanout.left(group, self)
        admission, self._admission = self._admission, None
        if admission is not None and admission is not asyncio.current_task():
            admission.cancel()
