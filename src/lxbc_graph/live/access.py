"""Who the subscribers are now, and what is granted: read before anything is delivered, and several times a second."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.accounts import Accounts, Identity

from .backoff import outlast
from .shared import Shared

Changed = Callable[[Principal | None], None]
"""Told who an account is from now on; None where it was closed, or what it showed was revoked."""

Reach = Callable[[int], Awaitable[None]]
"""Returns when what is stored up to this version of the policy is in force; raises as asyncpg does."""


@dataclass(slots=True)
class _Watched:
    principal: Principal | None = None
    fingerprint: str | None = ""
    watchers: dict[Changed, None] = field(default_factory=dict)


class Access:
    """Watches the accounts of all subscribers of a process with one statement; ``run`` must run.

    ``policy`` names what is granted now; where policies are stored, the same statement looks for the newest, too.
    """

    def __init__(
        self,
        accounts: Accounts,
        policy: Callable[[], Hashable],
        reach: Reach | None = None,
        *,
        poll_seconds: float = 0.4,
    ) -> None:
        self._accounts = accounts
        self._policy = policy
        self._reach = reach
        self._known_policy = policy()
        self._poll_seconds = poll_seconds
        self._watched: dict[Identity, _Watched] = {}
        self._reads: Shared[None] = Shared(1)

    async def watch(self, identity: Identity, changed: Changed) -> None:
        """Tell it who that is, before this returns, and whenever that is so no more."""
        watched = self._watched.setdefault(identity, _Watched())
        watched.watchers[changed] = None
        if watched.principal is not None:
            changed(watched.principal)
        # By now somebody may be looking at all others for what is about to be delivered, and not at this one.
        await self.confirm()

    def leave(self, identity: Identity, changed: Changed) -> None:
        """Tell it no more."""
        watched = self._watched.get(identity)
        if watched is not None:
            watched.watchers.pop(changed, None)
            if not watched.watchers:
                del self._watched[identity]

    async def confirm(self) -> None:
        """Return when everybody has been read by a statement that began after this call; raises as asyncpg does."""
        await self._reads(None, self._read)

    async def run(self) -> None:
        """Confirm several times a second until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await outlast(self.confirm)

    async def _read(self) -> None:
        asked = dict(self._watched)  # who comes meanwhile is read by the next
        if not asked:
            return
        found, stored = await self._accounts.look(asked.keys(), policy=self._reach is not None)
        if self._reach is not None and stored is not None:
            await self._reach(stored)
        policy = self._policy()
        if policy != self._known_policy:
            self._known_policy = policy
            for held in tuple(self._watched.values()):
                if held.principal is not None:
                    _tell(held, held.principal)
        others = {id_: watched for id_, watched in asked.items() if watched.fingerprint != found.get(id_)}
        open_ = list({identity[0] for identity in others if identity in found})
        principals = await self._accounts.principals(open_) if open_ else {}
        for identity, watched in others.items():
            watched.fingerprint = found.get(identity)
            account_id, credential = identity
            principal = principals.get(account_id) if identity in found else None
            if principal is not None:
                principal = principal.showing(credential)
            if principal is None or principal != watched.principal:
                watched.principal = principal
                _tell(watched, principal)


def _tell(watched: _Watched, principal: Principal | None) -> None:
    for changed in tuple(watched.watchers):
        changed(principal)
