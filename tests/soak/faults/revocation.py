"""Access is taken away, and something is written right afterwards: who lost it is told so, and gets none of that."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import aiohttp
import asyncpg
from tests.soak import volume
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.latency import Spread
from tests.soak.life import Issue
from tests.soak.load import loading
from tests.soak.process import PATIENCE, until
from tests.soak.topology import Topology, running

from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings

_AT_ONCE = 8
"""Accounts that lose their access at the same time."""
_PAUSE = 0.1
_DOCUMENT = "subscription { issueEvents { event { id } } }"
_MAKE = """
with made as (
    insert into account (name, display_name, city_id)
    select $1, $1, city_id from unit where code = $2 returning id
)
insert into posting (account_id, role, unit_id, city_id, county_id, valid_from)
select made.id, 'portal', unit.id, city_id, county_id, now() - interval '1 day' from made, unit where code = $2
"""
_POSTING = "update posting set valid_to = {} where account_id = (select id from account where name = $1)"
_NUMBERED = "select seq is not null from event where 'Event:' || id = $1"
_DISABLE = "update account set disabled_at = now() where name = $1"


class Size(NamedTuple):
    subscribers: int
    accounts: int
    rounds: int


class Watcher:
    """One socket of an account: what it received, and when it was told that this is over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: set[str] = set()
        self.arrived = asyncio.Condition()
        self.told_at: float | None = None
        self.closed_with: int | None = None
        self._socket = socket
        self._operations = count(1)

    async def subscribe(self) -> None:
        """Subscribe under another id than before."""
        self.told_at = None
        id_ = str(next(self._operations))
        await self._socket.send_json({"id": id_, "type": "subscribe", "payload": {"query": _DOCUMENT}})

    async def listen(self) -> None:
        """Take what comes, until the socket is closed."""
        async for message in self._socket:
            content = message.json()
            async with self.arrived:
                if content["type"] == "next":
                    self.events.add(content["payload"]["data"]["issueEvents"]["event"]["id"])
                elif content["type"] == "error":
                    assert content["payload"][0]["extensions"]["code"] == "ACCESS_REVOKED", content
                    self.told_at = time.monotonic()
                self.arrived.notify_all()
        async with self.arrived:
            self.told_at, self.closed_with = time.monotonic(), self._socket.close_code
            self.arrived.notify_all()

    async def told(self) -> float:
        """Wait until it is told, and return when that was."""
        async with asyncio.timeout(PATIENCE), self.arrived:
            await self.arrived.wait_for(lambda: self.told_at is not None)
        assert self.told_at is not None
        return self.told_at


class Account:
    """An account with its sockets, which loses its posting and gets it back."""

    def __init__(self, name: str, watchers: Sequence[Watcher], issue: Issue) -> None:
        self.name = name
        self.watchers = watchers
        self.forbidden: set[str] = set()
        self._issue = issue

    async def follow(self, pool: asyncpg.Pool) -> None:
        """Subscribe with all sockets, and wait until each is sent what happens."""
        for watcher in self.watchers:
            await watcher.subscribe()
        before = [len(watcher.events) for watcher in self.watchers]
        async with asyncio.timeout(PATIENCE):
            # What happens before one has subscribed is not sent to it.
            while any(len(one.events) == had for one, had in zip(self.watchers, before, strict=True)):
                await self.write(pool)
                await asyncio.sleep(_PAUSE)

    async def write(self, pool: asyncpg.Pool) -> str:
        """Commit an event that the account may see while it has its posting."""
        async with pool.acquire() as connection:
            event, _ = await volume.change(connection, self._issue)
        return event

    async def lose(self, pool: asyncpg.Pool, statement: str) -> list[float]:
        """Take the access away, then write; return how long each socket waited to be told."""
        await pool.execute(statement, self.name)
        lost_at = time.monotonic()
        event = await self.write(pool)
        self.forbidden.add(event)
        told = await asyncio.gather(*(watcher.told() for watcher in self.watchers))
        # Once the access is back, an event that is only numbered then may be seen.
        await until(partial(self._is_numbered, pool, event), "the numbering of an event")
        return [at - lost_at for at in told]

    async def _is_numbered(self, pool: asyncpg.Pool, event: str) -> bool:
        return bool(await pool.fetchval(_NUMBERED, event))

    def leaked(self) -> int:
        """Return how many events reached a socket that must not have."""
        return sum(len(self.forbidden & watcher.events) for watcher in self.watchers)


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Let accounts lose their posting and have it again, over and over; at the end, close them."""
    waited: list[float] = []
    closed: list[float] = []
    done = count(1)
    free = asyncio.Semaphore(_AT_ONCE)
    async with (
        running(directory) as topology,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        async with loading(topology, 0, progress, writers=0) as load:
            issues = [issue for place, issue in await load.handed_over() if place.county_code == "411024"]
        pool = await asyncpg.create_pool(topology.postgres.url, min_size=1, max_size=_AT_ONCE)
        accounts = await _accounts(topology, http, pool, size, issues)
        listening = [asyncio.create_task(one.listen()) for account in accounts for one in account.watchers]

        async def repeat(account: Account, times: int) -> None:
            for _ in range(times):
                async with free:
                    await account.follow(pool)
                    waited.extend(await account.lose(pool, _POSTING.format("now()")))
                    await pool.execute(_POSTING.format("null"), account.name)
                    progress(next(done), size.rounds)

        async def close(account: Account) -> None:
            async with free:
                await account.follow(pool)
                closed.extend(await account.lose(pool, _DISABLE))

        async with asyncio.TaskGroup() as tasks:
            for account in accounts:
                tasks.create_task(repeat(account, size.rounds // size.accounts))
        async with asyncio.TaskGroup() as tasks:
            for account in accounts:
                tasks.create_task(close(account))
        await topology.postgres.numbered()
        await asyncio.gather(*listening)
        await pool.close()
    codes = {watcher.closed_with for account in accounts for watcher in account.watchers}
    leaked = sum(account.leaked() for account in accounts)
    rounds = sum(len(account.forbidden) for account in accounts)
    postings, closings = Spread.of(iter(waited)), Spread.of(iter(closed))
    return [
        Goal(
            "0 deliveries of what was committed after a revocation",
            f"{leaked} in {rounds:,} rounds of {size.subscribers // size.accounts} sockets each",
            leaked == 0 and rounds >= size.rounds,
        ),
        Goal("a closed account closes its sockets with 4403", f"codes {codes}", codes == {4403}),
        Goal(
            "told p99 < 1 s (posting)", f"{postings}; {postings.count:,} times", postings.p99 < 1, timed=True
        ),
        Goal(
            "told p99 < 1 s (account)", f"{closings}; {closings.count:,} times", closings.p99 < 1, timed=True
        ),
    ]


async def _accounts(
    topology: Topology,
    http: aiohttp.ClientSession,
    pool: asyncpg.Pool,
    size: Size,
    issues: Sequence[Issue],
) -> list[Account]:
    tokens = await Tokens.open(pool, Settings(database_url=topology.postgres.url))
    addresses, places = cycle(topology.addresses), cycle(issues)
    accounts = []
    for number in range(size.accounts):
        name = f"watcher-{number}"
        await pool.execute(_MAKE, name, "411024")
        watchers = []
        for _ in range(size.subscribers // size.accounts):
            socket = await http.ws_connect(
                f"http://{next(addresses)}/graphql", protocols=["graphql-transport-ws"], max_msg_size=0
            )
            init = {"type": "connection_init", "payload": {"token": tokens.access(name, 7200)}}
            await socket.send_json(init)
            assert (await socket.receive_json())["type"] == "connection_ack"
            watchers.append(Watcher(socket))
        accounts.append(Account(name, watchers, next(places)))
    return accounts


FAULT = Fault(
    "revocation",
    "a posting ends and an event is committed, {rounds:,} times; then every account is closed",
    "{subscribers:,} subscribers of {accounts} accounts on 2 processes",
    full=Size(subscribers=2000, accounts=100, rounds=1000),
    short=Size(subscribers=40, accounts=4, rounds=8),
    run=run,
)
