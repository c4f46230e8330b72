"""What one account, or one address where nobody is signed in, may take: requests a minute, and places at once.

A place is a WebSocket or a stream. What is counted here counts for this process; ``redis_quotas`` adds the others.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import time

from starlette.types import Scope as AsgiScope

from lxbc_graph.domain.principal import Principal

from .address import client_address
from .authenticate import Authenticator, Unauthenticated
from .rejected import Rejected

_MINUTE = 60
_REMEMBERED = 65_536
_ACCOUNT = "account:"


class RateLimited(Rejected):
    """Too much was asked for, until so many seconds from now: 429."""

    def __init__(self, message: str, limit: int, seconds: int) -> None:
        headers = {"Retry-After": str(seconds)}
        super().__init__(429, "RATE_LIMITED", message, headers, limit=limit, retryAfter=seconds)


@dataclass(slots=True)
class Count:
    """How much of something is taken, here and in other processes."""

    here: int = 0
    elsewhere: int = 0
    told: int = 0
    """Of what is taken here, how much the others know."""


class Quotas:
    """Counts in this process; 0 is no limit. ``limited`` is told which account is refused."""

    limited: Callable[[int], None] | None = None

    def __init__(self, requests_per_minute: int = 0, places: int = 0) -> None:
        self._requests = requests_per_minute
        self._places = places
        self._minute = 0
        self._spent: dict[str, Count] = {}
        self._taken: dict[str, Count] = {}

    def spend(self, who: str) -> None:
        """Count a request; raises RateLimited, and then does not."""
        if not self._requests:
            return
        now = time()
        if (minute := int(now) // _MINUTE) != self._minute:
            self._minute, self._spent = minute, {}
        count = self._spent.get(who) or self._begin(who)
        if count.here + count.elsewhere >= self._requests:
            message = f"At most {self._requests} requests a minute."
            raise self._refusal(who, message, self._requests, ceil(_MINUTE - now % _MINUTE))
        count.here += 1

    async def enter(self, who: str) -> None:
        """Take a place, to be given back by ``leave``; raises RateLimited, and then there is none to give back."""
        count = self._taken.setdefault(who, Count())
        count.here += 1
        if self._places:
            try:
                await self._settle(who)
            except BaseException:
                self.leave(who)
                raise
            if count.here + count.elsewhere > self._places:
                self.leave(who)
                message = f"At most {self._places} sockets and streams at once."
                raise self._refusal(who, message, self._places, _MINUTE)

    def leave(self, who: str) -> None:
        """Give a place back."""
        count = self._taken[who]
        count.here -= 1
        if not count.here:
            del self._taken[who]

    async def run(self) -> None:
        """Do nothing: there is no other process."""
        await asyncio.Event().wait()

    def _refusal(self, who: str, message: str, limit: int, seconds: int) -> RateLimited:
        if self.limited is not None and who.startswith(_ACCOUNT):
            self.limited(int(who.removeprefix(_ACCOUNT)))
        return RateLimited(message, limit, seconds)

    def _begin(self, who: str) -> Count:
        if len(self._spent) >= _REMEMBERED:
            del self._spent[next(iter(self._spent))]
        count = self._spent[who] = Count()
        return count

    async def _settle(self, who: str) -> None:
        """Learn what others have taken."""


def account(principal: Principal) -> str:
    """Return under which name an account is counted."""
    return f"{_ACCOUNT}{principal.account_id}"


def address(asgi_scope: AsgiScope) -> str:
    """Return under which name those are counted who are nobody."""
    return f"address:{client_address(asgi_scope)}"


async def counted(
    authenticator: Authenticator, quotas: Quotas, from_: str, authorization_header: str | None
) -> Principal | None:
    """Return who asks, and count the request, of nobody by its address; raises Unauthenticated and RateLimited."""
    try:
        principal = await authenticator(authorization_header)
    except Unauthenticated:
        quotas.spend(from_)
        raise
    quotas.spend(from_ if principal is None else account(principal))
    return principal
