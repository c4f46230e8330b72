"""Access ends in each way there is, and something is written: who lost it is told so, and gets none of that."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from math import ceil
from pathlib import Path
from typing import NamedTuple

import aiohttp
import asyncpg
from tests.soak import volume
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.ground import POLICY
from tests.soak.latency import Spread
from tests.soak.life import Issue
from tests.soak.load import loading
from tests.soak.process import until
from tests.soak.topology import Topology, running

from lxbc_graph.policy.stored import StoredPolicies
from lxbc_graph.policy.tokens import Tokens, unverified
from lxbc_graph.settings import Settings

_AT_ONCE = 10
_PAUSE = 0.3
_LONG = 7200
_COUNTY = "411024"
_DOCUMENT = "subscription { issueEvents { event { id } } }"
_MAKE = """
with made as (
    insert into account (name, display_name, city_id)
    select $1, $1, city_id from unit where code = $2 returning id
)
insert into posting (account_id, role, unit_id, city_id, county_id, valid_from)
select made.id, 'portal', unit.id, city_id, county_id, now() - interval '1 day' from made, unit where code = $2
"""
_POSTING = "update posting set {} where account_id in (select id from account where name = any($1))"
_ACCOUNT = "update account set {} where name = any($1)"
_READ = b"p, portal, issue:read, SUBTREE\n"
_NUMBERED = "select count(seq) = count(*) from event where 'Event:' || id = any($1)"


class Size(NamedTuple):
    subscribers: int
    accounts: int
    rounds: int
    others: int
    seconds: int

    @property
    def at_once(self) -> int:
        """How many accounts lose their access at the same time."""
        return min(_AT_ONCE, self.accounts)

    @property
    def sockets(self) -> int:
        """How many an account has."""
        return self.subscribers // self.accounts


class Watcher:
    """One socket of an account: what it received, and when it was told that this is over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: set[str] = set()
        self.follows = False
        self.told_at = 0.0
        self.closed_with: int | None = None
        self._socket = socket
        self._operations = count(1)

    async def subscribe(self) -> None:
        """Subscribe under another id than before."""
        self.follows = True
        id_ = str(next(self._operations))
        await self._socket.send_json({"id": id_, "type": "subscribe", "payload": {"query": _DOCUMENT}})

    async def listen(self) -> None:
        """Take what comes, until the socket is closed."""
        async for message in self._socket:
            content = message.json()
            if content["type"] == "next":
                self.events.add(content["payload"]["data"]["issueEvents"]["event"]["id"])
            elif content["type"] == "error":
                assert content["payload"][0]["extensions"]["code"] == "ACCESS_REVOKED", content
                self._end()
        self.closed_with = self._socket.close_code
        self._end()

    def _end(self) -> None:
        self.follows, self.told_at = False, time.monotonic()

    async def close(self) -> None:
        """End it from here."""
        await self._socket.close()


class Account(NamedTuple):
    """An account, its sockets, when their token ends, and the events that they must not get."""

    name: str
    watchers: Sequence[Watcher]
    expires_at: float
    forbidden: set[str]

    def leaked(self) -> int:
        """Return how many events reached a socket that must not have."""
        return sum(len(self.forbidden & watcher.events) for watcher in self.watchers)


@dataclass(slots=True)
class Stage:
    """Accounts that lose their access and get it back, beside guests who lose it for good."""

    size: Size
    addresses: Iterator[str]
    issues: Iterator[Issue]
    pool: asyncpg.Pool
    tokens: Tokens
    http: aiohttp.ClientSession
    tasks: asyncio.TaskGroup
    names: Iterator[str] = field(default_factory=lambda: map("watcher-{}".format, count()))
    accounts: deque[Account] = field(default_factory=deque)
    guests: list[Account] = field(default_factory=list)

    async def account(self, seconds: int = _LONG) -> Account:
        """Make one, with sockets whose token lasts so long."""
        name = next(self.names)
        await self.pool.execute(_MAKE, name, _COUNTY)
        token = self.tokens.access(name, seconds)
        watchers = await asyncio.gather(*(self._watcher(token) for _ in range(self.size.sockets)))
        expires_at = time.monotonic() + unverified(token)["exp"] - time.time()
        return Account(name, watchers, expires_at, set())

    async def _watcher(self, token: str) -> Watcher:
        socket = await self.http.ws_connect(
            f"http://{next(self.addresses)}/graphql", protocols=["graphql-transport-ws"], max_msg_size=0
        )
        await socket.send_json({"type": "connection_init", "payload": {"token": token}})
        assert (await socket.receive_json())["type"] == "connection_ack"
        watcher = Watcher(socket)
        self.tasks.create_task(watcher.listen())
        return watcher

    async def write(self) -> str:
        """Commit an event that everybody may see who has access."""
        async with self.pool.acquire() as connection:
            event, _ = await volume.change(connection, next(self.issues))
        return event

    async def follow(self) -> None:
        """Let all subscribe who do not, and wait until each is sent what happens, or is told that this is over."""
        watchers = [one for account in (*self.accounts, *self.guests) for one in account.watchers]
        had = {one: len(one.events) for one in watchers if not one.follows and one.closed_with is None}
        for watcher in had:
            await watcher.subscribe()

        async def all_have_more() -> bool:
            if not any(one.follows and len(one.events) == before for one, before in had.items()):
                return True
            await self.write()  # what happens before one has subscribed is not sent to it
            return False

        await until(all_have_more, "events to be sent", every=_PAUSE)

    async def some(self) -> Sequence[Account]:
        """Return those whose turn it is."""
        self.accounts.rotate(self.size.at_once)
        return list(islice(self.accounts, self.size.at_once))

    async def everybody(self) -> Sequence[Account]:
        """Return all who are no guests."""
        return list(self.accounts)

    async def invited(self, seconds: int = _LONG) -> Sequence[Account]:
        """Return new guests."""
        guests = [await self.account(seconds) for _ in range(self.size.at_once)]
        self.guests += guests
        return guests

    async def invited_for_a_while(self) -> Sequence[Account]:
        """Return new guests whose tokens end soon."""
        return await self.invited(self.size.seconds)

    async def lose(self, way: "Way", *, silently: bool) -> list[float]:
        """Take access away and write, at once or only when all are told; return how long each socket waited."""
        await self.follow()
        losers = await way.who(self)
        await self.follow()
        sockets = [(account, watcher) for account in losers for watcher in account.watchers]
        events: list[str] = []

        async def all_are_told() -> bool:
            return not any(watcher.follows for _, watcher in sockets)

        async def all_are_numbered() -> bool:
            return bool(await self.pool.fetchval(_NUMBERED, events))

        async with way.taking(self, losers) as lost_at:
            if not silently:
                events.append(await self.write())
            await until(all_are_told, f"all to be told ({way.what})")
            events.append(await self.write())
            for account in losers:
                account.forbidden.update(events)
            # Once the access is back, an event that is only numbered then may be seen.
            await until(all_are_numbered, "the numbering of events")
        return [watcher.told_at - min(lost_at, account.expires_at) for account, watcher in sockets]


Taking = Callable[[Stage, Sequence[Account]], AbstractAsyncContextManager[float]]
"""Takes the access of accounts away for the length of the block, and says since when; what is closed stays closed."""


def _updating(statement: str, lost: str, held: str) -> Taking:
    @asynccontextmanager
    async def taking(stage: Stage, accounts: Sequence[Account]) -> AsyncIterator[float]:
        names = [account.name for account in accounts]
        began = time.monotonic()
        await stage.pool.execute(statement.format(lost), names)
        yield began
        await stage.pool.execute(statement.format(held), names)

    return taking


@asynccontextmanager
async def _storing(stage: Stage, _: Sequence[Account]) -> AsyncIterator[float]:
    """Store a policy by which nobody here reads anything; nobody is called, so each process has to look."""
    assert isinstance(POLICY.rows, bytes)
    policies = StoredPolicies(stage.pool)
    began = time.monotonic()
    await policies.add(POLICY._replace(rows=POLICY.rows.replace(_READ, b"")))
    yield began
    await policies.add(POLICY)


@asynccontextmanager
async def _waiting(stage: Stage, accounts: Sequence[Account]) -> AsyncIterator[float]:
    """Write until the tokens have ended."""
    ends_at = max(account.expires_at for account in accounts)
    while (left := ends_at - time.monotonic()) > 0:
        await stage.write()
        await asyncio.sleep(min(left, _PAUSE))
    yield ends_at


class Way(NamedTuple):
    """A way in which access ends: what ends, how, and for whom."""

    what: str
    taking: Taking
    who: Callable[[Stage], Awaitable[Sequence[Account]]]


_BY_TURNS = (
    Way("posting", _updating(_POSTING, "valid_to = now()", "valid_to = null"), Stage.some),
    Way("role", _updating(_POSTING, "role = 'screen'", "role = 'portal'"), Stage.some),
)
_OTHERS = (
    Way("policy", _storing, Stage.everybody),
    Way("account", _updating(_ACCOUNT, "disabled_at = now()", "disabled_at = null"), Stage.invited),
    Way("token", _waiting, Stage.invited_for_a_while),
)


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Go all ways, over and over: half of the rounds with Redis, half while it is away."""
    turns = [(way, ceil(size.rounds / size.at_once / len(_BY_TURNS) / 2)) for way in _BY_TURNS]
    turns += [(way, ceil(size.others / 2)) for way in _OTHERS]
    waited: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)
    done, total = count(1), 2 * sum(times for _, times in turns)
    async with (
        running(directory, with_redis=True, given={"LXBC_POLICIES": "database"}) as topology,
        _stage(topology, size, progress) as stage,
    ):
        assert topology.redis is not None
        for away in (False, True):
            with topology.redis.away() if away else nullcontext():
                for way, times in turns:
                    for turn in range(times):
                        # By turns, and so that two rounds, one with Redis and one without, are one of each.
                        told = await stage.lose(way, silently=(turn + away) % 2 == 1)
                        waited[way.what, away].extend(told)
                        progress(next(done), total)
        await topology.postgres.numbered()
    return _goals(stage, waited)


@asynccontextmanager
async def _stage(topology: Topology, size: Size, progress: Advance) -> AsyncIterator[Stage]:
    """Give one with all accounts on it."""
    async with loading(topology, 0, progress, writers=0) as load:
        issues = [issue for place, issue in await load.handed_over() if place.county_code == _COUNTY]
    async with (
        asyncpg.create_pool(topology.postgres.url, min_size=1, max_size=2) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as tasks,
    ):
        tokens = await Tokens.open(pool, Settings(database_url=topology.postgres.url))
        stage = Stage(size, cycle(topology.addresses), cycle(issues), pool, tokens, http, tasks)
        for _ in range(size.accounts):
            stage.accounts.append(await stage.account())
        yield stage
        await asyncio.gather(*(one.close() for account in stage.accounts for one in account.watchers))


def _goals(stage: Stage, waited: Mapping[tuple[str, bool], Sequence[float]]) -> list[Goal]:
    everyone = (*stage.accounts, *stage.guests)
    lost = sum(map(len, waited.values())) // stage.size.sockets
    leaked = sum(account.leaked() for account in everyone)
    codes = Counter(watcher.closed_with for account in stage.guests for watcher in account.watchers)
    spreads = {key: Spread.of(iter(seconds)) for key, seconds in waited.items()}
    return [
        Goal(
            "0 deliveries of what was committed after a revocation",
            f"{leaked}; {lost:,} times an account of {stage.size.sockets} sockets lost its access",
            leaked == 0 and lost >= stage.size.rounds,
        ),
        Goal(
            "an account that is closed and a token that ends close their sockets with 4403",
            f"codes {dict(codes)}",
            codes.keys() == {4403},
        ),
        *(
            _told(way.what, spreads[way.what, False], spreads[way.what, True])
            for way in (*_BY_TURNS, *_OTHERS)
        ),
    ]


def _told(what: str, beside_redis: Spread, without: Spread) -> Goal:
    return Goal(
        f"told p99 < 1 s, without Redis 2 s ({what})",
        f"{beside_redis}; {beside_redis.count:,} times\nwithout {without}; {without.count:,} times",
        beside_redis.p99 < 1 and without.p99 < 2,
        timed=True,
    )


FAULT = Fault(
    "revocation",
    "a posting ends or changes its role and an event is committed, {rounds:,} times; so for policies, accounts and "
    "tokens, {others} times each; half of it while Redis is away",
    "{subscribers:,} subscribers of {accounts} accounts on 2 processes",
    full=Size(subscribers=2000, accounts=100, rounds=1000, others=20, seconds=5),
    short=Size(subscribers=40, accounts=4, rounds=16, others=2, seconds=3),
    run=run,
)
