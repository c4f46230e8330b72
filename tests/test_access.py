"""Who lost access gets nothing that was committed afterwards, whatever else goes on; who gained it misses nothing.

Writers commit events beside those who take rights away and give them. In its transaction, each event's writer looks
who has still access: whoever it finds without had lost it before the event was committed, and must not be sent it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import asyncpg
import orjson
import pytest
from tests.conftest import World
from tests.serving import PATIENCE

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.http import operation
from lxbc_graph.live import event_group
from lxbc_graph.live.broker import Topic
from lxbc_graph.live.fanout import Fanout
from lxbc_graph.live.feed import EventFeed, Feed
from lxbc_graph.live.frame import CLOSED, EXPIRED, REVOKED, Ending, Frame
from lxbc_graph.live.log import EventHead
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.policy.actions import Action
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

HERE, THERE = "411024", "411082"
WITNESS, BY_CADRE, NEIGHBOUR = "witness", "by cadre", "neighbour"
LOSERS = [f"loser {number}" for number in range(6)]
LOSER = LOSERS[0]
NEWCOMERS = [f"newcomer {number}" for number in range(40)]
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", HERE, THERE)],
    "cadres": [{"code": BY_CADRE, "postings": [{"role": "portal", "unit": HERE}]}],
    "accounts": [
        {"name": WITNESS, "postings": [{"role": "county_office", "unit": HERE}]},
        *({"name": name, "postings": [{"role": "portal", "unit": HERE}]} for name in (*LOSERS, *NEWCOMERS)),
        {"name": BY_CADRE, "cadre": BY_CADRE},
        {"name": NEIGHBOUR, "postings": [{"role": "portal", "unit": THERE}]},
    ],
    "issues": [{"unit": code} for code in (HERE, THERE)],
}
EVENTS = "subscription($after: String) { issueEvents(after: $after) { event { id } } }"
FIGURES = f'subscription {{ metricsChanged(unit: "{HERE}", minIntervalSeconds: 1) {{ unit {{ name }} }} }}'
HAPPEN = """
insert into event (issue_id, kind, from_state, to_state, actor_name, at, unit_id, city_id, county_id)
select i.id, 'URGED', state, state, 'writer', now(), i.unit_id, i.city_id, i.county_id
from issue i join unit u on u.id = i.unit_id, generate_series(1, $2) where u.code = $1 returning id
"""
WITH_ACCESS = """
select a.name, p.role from account a join posting p on p.account_id = a.id or p.cadre_id = a.cadre_id
where p.unit_id = (select id from unit where code = $1)
  and (p.valid_to is null or clock_timestamp() < p.valid_to)
  and (a.disabled_at is null or clock_timestamp() < a.disabled_at)
"""

UNNUMBERED = "select exists (select from event where seq is null)"


class Screen:
    """A sink that remembers what it was sent; it may look away, for which only a replay waits."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.frames = 0
        self.position = 0
        self.late = 0
        self.ending: Ending | None = None
        self.looks = asyncio.Event()
        self.looks.set()
        self.is_waited_for = False
        self.on_frame: Callable[[], object] = lambda: None

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.frames += 1
            self.position = frame.seq
            self.late += self.ending is not None
            (payload,) = orjson.loads(bytes(frame))["data"].values()
            if "event" in payload:
                self.seen.append(int(payload["event"]["id"].partition(":")[2]))
            self.on_frame()

    async def ready(self) -> None:
        self.is_waited_for = not self.looks.is_set()
        await self.looks.wait()

    def end(self, ending: Ending) -> None:
        assert self.ending is None
        self.ending = ending

    async def ended(self) -> Ending:
        await until(lambda: self.ending is not None)
        assert self.ending is not None
        return self.ending

    async def looked_away(self) -> None:
        """Look away, until something has come that waits."""
        self.looks.clear()
        self.is_waited_for = False
        await until(lambda: self.is_waited_for)


def chances() -> random.Random:
    """Return the same moments in every run, as far as that goes."""
    return random.Random(20211011)  # noqa: S311 - no secrets


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is watched announces nothing
            await asyncio.sleep(0.005)


@dataclass
class Stage:
    """The service, its database, the rows of its policy; what was written where, and who had access to it."""

    service: Service
    pool: "asyncpg.Pool[asyncpg.Record]"
    policy: Path
    with_access: dict[int, set[str]] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)

    async def principal(self, account: str) -> Principal:
        found = await self.service.accounts.principal(account)
        assert found is not None
        return replace(found, expires_at=self.tokens.get(account))

    async def follow(self, account: str, after: str | None = None, *, text: str = EVENTS) -> Screen:
        """Begin a subscription: after the cursor, or with what is committed from now on."""
        screen = Screen()
        await self.begin(await self.principal(account), screen, after, text)
        return screen

    async def begin(
        self, principal: Principal, screen: Screen, after: str | None = None, text: str = EVENTS
    ) -> None:
        request = Request(text, variables={"after": after} if text == EVENTS else {})
        subscription = await self.service.executor.subscribe(request, principal)
        assert isinstance(subscription, Subscription), subscription
        self.subscriptions.append(subscription)
        subscription.start(screen)

    async def live(self, account: str) -> Screen:
        """Begin a subscription, and wait until it is sent what happens."""
        screen = await self.follow(account)
        await self.write()
        await until(lambda: bool(screen.seen))
        return screen

    async def write(self, place: str = HERE, times: int = 1) -> list[int]:
        """Commit events, and note who had access just before that."""
        async with self.pool.acquire() as connection, connection.transaction():
            events = [row["id"] for row in await connection.fetch(HAPPEN, place, times)]
            enforcer, now = self.service.enforcer, datetime.now(UTC)
            found = {
                row["name"]
                for row in await connection.fetch(WITH_ACCESS, place)
                if enforcer.scopes(Role(row["role"]), Action.ISSUE_READ)
                and now < self.tokens.get(row["name"], now + timedelta(1))
            }
        self.with_access |= dict.fromkeys(events, found)
        self.places |= dict.fromkeys(events, place)
        self.service.broker.publish(Topic.COMMITTED)
        return events

    async def write_until_lost(self, account: str) -> None:
        """Commit events until the account has no access to one."""
        while account in self.with_access[(await self.write())[0]]:
            pass

    @asynccontextmanager
    async def writing(self, *places: str) -> AsyncIterator[None]:
        """Commit some events at a time for the length of the block, one after the other."""
        over, chance = asyncio.Event(), chances()

        async def write() -> None:
            while not over.is_set():
                await self.write(chance.choice(places), times=chance.randint(1, 4))
                await asyncio.sleep(chance.random() / 200)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            yield
            over.set()

    async def history(self, times: int) -> str:
        """Commit so many events, and return a cursor before them once they have passed."""
        cursor = self.service.log.cursor(await self.service.log.head())
        await self.write(times=times)
        await self.order()
        head = await self.service.log.head()
        await until(lambda: self.service.log.tail >= head)
        return cursor

    async def order(self) -> list[int]:
        """Return the events that were written, in the order in which they are to arrive."""
        async with asyncio.timeout(PATIENCE):
            while await self.pool.fetchval(UNNUMBERED):  # noqa: ASYNC110 - the table is all there is to watch
                await asyncio.sleep(0.01)
        rows = await self.pool.fetch("select id from event where actor_name = 'writer' order by seq")
        return [row["id"] for row in rows]

    async def all_of(self, screen: Screen) -> list[int]:
        """Wait until a screen has seen everything that was written here, and return that."""
        order = [event for event in await self.order() if self.places[event] == HERE]
        await until(lambda: len(screen.seen) >= len(order))
        assert screen.seen == order
        return order

    async def check(self, screen: Screen, account: str) -> None:
        """See that it was sent nothing late, twice, out of order, or committed when the account had no access."""
        order = await self.order()
        assert screen.late == 0
        assert screen.seen == [event for event in order if event in screen.seen]
        assert [event for event in screen.seen if account not in self.with_access[event]] == []

    async def check_complete(self, screen: Screen, account: str) -> None:
        """Wait until it was sent all that was committed when the account had access; and see that it goes on."""
        order = await self.order()
        due = {event for event in order if account in self.with_access[event]}
        await until(lambda: due <= set(screen.seen))
        assert screen.seen == [event for event in order if event in screen.seen]
        assert (screen.late, screen.ending) == (0, None)


@pytest.fixture
async def stage(database: Database, database_url: str, world: World, tmp_path: Path) -> AsyncIterator[Stage]:
    await world(WORLD)
    policies = copytree(POLICIES, tmp_path / "policies")
    settings = Settings(database_url=database_url, policies=policies, principal_ttl_seconds=0)
    async with open_service(settings) as service, running(service):
        stage = Stage(service, database.pool, policies / "policy.csv")
        await stage.order()
        yield stage
        for subscription in stage.subscriptions:
            subscription.stop()


# How access is lost, and given back

Act = Callable[[Stage, str], Coroutine[Any, Any, None]]


def by_sql(change: str) -> Act:
    async def act(stage: Stage, account: str) -> None:
        await stage.pool.execute(change, account)

    return act


def update(change: str) -> Act:
    """Return what changes the posting of an account."""
    return by_sql(f"update posting p set {change} from account a where a.name = $1 and p.account_id = a.id")


def post(role: str, code: str) -> Act:
    return by_sql(
        "insert into posting (account_id, role, valid_from, unit_id, city_id, county_id)"
        f" select a.id, '{role}', now(), u.id, u.city_id, u.county_id from account a, unit u"
        f" where a.name = $1 and u.code = '{code}'"
    )


def move(code: str) -> Act:
    unit = f"(select id from unit where code = '{code}')"
    return update(f"unit_id = {unit}, county_id = {unit}")


@dataclass(frozen=True)
class Way:
    """How an account loses its access, how it gets it back, and what it is told."""

    lose: Act
    regain: Act
    told: Ending = REVOKED


ENDS = Way(update("valid_to = now()"), update("valid_to = null"))
DISABLED = Way(
    by_sql("update account set disabled_at = now() where name = $1"),
    by_sql("update account set disabled_at = null where name = $1"),
    CLOSED,
)
WAYS = {
    "its posting ends": ENDS,
    "its posting ends by itself": Way(
        update("valid_to = clock_timestamp() + interval '150 ms'"), update("valid_to = null")
    ),
    "its posting is deleted": Way(
        by_sql("delete from posting p using account a where a.name = $1 and p.account_id = a.id"),
        post("portal", HERE),
    ),
    "its role becomes another": Way(update("role = 'screen'"), update("role = 'portal'")),
    "it moves to another unit": Way(move(THERE), move(HERE)),
    "it is disabled": DISABLED,
}
by_any_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@by_any_way
@pytest.mark.parametrize("text", [EVENTS, FIGURES], ids=["events", "figures"])
async def test_it_is_told_though_nothing_happens(stage: Stage, way: Way, text: str) -> None:
    screen, witness = [await stage.follow(account, text=text) for account in (LOSER, WITNESS)]
    await stage.write()
    await until(lambda: bool(screen.frames and witness.frames))
    await way.lose(stage, LOSER)
    assert await screen.ended() == way.told
    assert witness.ending is None


@by_any_way
async def test_nothing_is_sent_that_was_committed_after_it_though_both_race(stage: Stage, way: Way) -> None:
    """All are of one group, each loses at a moment of its own, and events come as fast as they can."""
    witness = await stage.live(WITNESS)
    chance = chances()

    async def lose(account: str, screen: Screen) -> None:
        await until(lambda: bool(screen.seen))
        await asyncio.sleep(chance.random() / 4)
        await way.lose(stage, account)
        assert await screen.ended() == way.told

    for _ in range(3):
        screens = {account: await stage.follow(account) for account in LOSERS}
        async with stage.writing(HERE), asyncio.TaskGroup() as tasks:
            for account, screen in screens.items():
                tasks.create_task(lose(account, screen))
        order = await stage.all_of(witness)
        for account, screen in screens.items():
            await stage.check(screen, account)
            first = order.index(screen.seen[0])  # from there, nothing is left out
            assert screen.seen == order[first : first + len(screen.seen)]
            await way.regain(stage, account)
    await stage.check(witness, WITNESS)


async def test_a_cadre_s_posting_is_its_account_s(stage: Stage) -> None:
    witness, screen = await stage.live(WITNESS), await stage.live(BY_CADRE)
    await stage.pool.execute("update posting set valid_to = now() where cadre_id is not null")
    await stage.write()
    assert await screen.ended() == REVOKED
    await stage.all_of(witness)
    await stage.check(screen, BY_CADRE)


async def revoke_portals(stage: Stage) -> None:
    version = stage.service.enforcer.version
    stage.policy.write_text(stage.policy.read_text().replace("p, portal, issue:read, SUBTREE", ""))
    await until(lambda: stage.service.enforcer.version != version)


async def test_nothing_is_sent_that_was_committed_after_the_policy_changed(stage: Stage) -> None:
    """Of a role that loses by it: the witness has another, and is of the same group."""
    witness, screen = await stage.live(WITNESS), await stage.live(LOSER)
    async with stage.writing(HERE):
        await revoke_portals(stage)
        assert await screen.ended() == REVOKED
        await stage.write_until_lost(LOSER)
    await stage.all_of(witness)
    await stage.check(screen, LOSER)


async def test_who_loses_by_the_policy_is_told_though_nothing_happens(stage: Stage) -> None:
    witness, screen = await stage.live(WITNESS), await stage.live(LOSER)
    await revoke_portals(stage)
    assert await screen.ended() == REVOKED
    assert witness.ending is None


async def test_figures_show_nothing_that_was_committed_after_it(stage: Stage) -> None:
    stage.service.access._poll_seconds = 3600  # nobody looks but who has made the figures
    await asyncio.sleep(1)
    witness, screen = [await stage.follow(account, text=FIGURES) for account in (WITNESS, LOSER)]
    await until(lambda: bool(witness.frames and screen.frames))
    await ENDS.lose(stage, LOSER)
    await stage.pool.execute("update unit set name = 'another' where code = $1", HERE)
    await stage.write()
    await until(lambda: witness.frames == 2 and (screen.ending is not None or screen.frames == 2))
    assert (screen.frames, screen.ending) == (1, REVOKED)
    assert witness.ending is None


@by_any_way
async def test_a_replay_sends_nothing_that_was_committed_after_it(stage: Stage, way: Way) -> None:
    start = await stage.history(600)  # some batches
    witness, screen = [await stage.follow(account, start) for account in (WITNESS, LOSER)]
    await screen.looked_away()
    await way.lose(stage, LOSER)
    await stage.write_until_lost(LOSER)
    screen.looks.set()
    assert await screen.ended() == way.told
    await stage.all_of(witness)
    await stage.check(screen, LOSER)


@pytest.mark.parametrize("in_replay", [False, True], ids=["live", "in a replay"])
async def test_nothing_is_sent_that_was_committed_after_the_token_ended(
    stage: Stage, *, in_replay: bool
) -> None:
    """Though no transport looks at the clock, as each does besides."""
    start = await stage.history(3)
    stage.tokens[LOSER] = datetime.now(UTC) + timedelta(seconds=0.5)
    screen = await stage.follow(LOSER, start if in_replay else None)
    if in_replay:
        await screen.looked_away()
    await stage.write_until_lost(LOSER)
    screen.looks.set()
    assert await screen.ended() == EXPIRED
    assert not (in_replay and screen.seen)
    await stage.check(screen, LOSER)


class SlowPool:
    """A pool whose answers are old when they arrive."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", chance: random.Random) -> None:
        self._pool = pool
        self._chance = chance

    async def fetch(self, *given: Any) -> Any:
        rows = await self._pool.fetch(*given)
        await asyncio.sleep(self._chance.random() / 10)
        return rows


async def test_who_loses_access_while_it_subscribes_is_sent_nothing_that_was_committed_afterwards(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a replay nor, as one whose cursor is that of the others, with what is just being made for them."""
    start, chance = await stage.history(3), chances()
    witness = await stage.live(WITNESS)
    monkeypatch.setattr(stage.service.accounts, "_pool", SlowPool(stage.pool, chance))
    screens = {account: Screen() for account in NEWCOMERS}

    async def begin(account: str, principal: Principal) -> None:
        await asyncio.sleep(chance.random())
        after = chance.choice((start, stage.service.log.cursor(witness.position)))
        await stage.begin(principal, screens[account], after)
        assert await screens[account].ended() == CLOSED

    async def lose(account: str) -> None:
        await asyncio.sleep(chance.random())
        await DISABLED.lose(stage, account)

    # As old as one may be that is still trusted.
    principals = {account: await stage.principal(account) for account in NEWCOMERS}
    async with stage.writing(HERE), asyncio.TaskGroup() as tasks:
        for account, principal in principals.items():
            tasks.create_task(begin(account, principal))
            tasks.create_task(lose(account))
    await stage.check(witness, WITNESS)
    for account, screen in screens.items():
        await stage.check(screen, account)


# How it is gained

gain = post("portal", THERE)


async def test_what_is_gained_comes_by_itself_nothing_twice_and_nothing_lost(stage: Stage) -> None:
    screens, chance = {account: await stage.follow(account) for account in LOSERS}, chances()

    async def gain_and_see(account: str, screen: Screen) -> None:
        await asyncio.sleep(chance.random())
        await gain(stage, account)
        await until(lambda: any(stage.places.get(event) == THERE for event in screen.seen))

    async with stage.writing(HERE, THERE), asyncio.TaskGroup() as tasks:
        for account, screen in screens.items():
            tasks.create_task(gain_and_see(account, screen))
    for account, screen in screens.items():
        await stage.check_complete(screen, account)


@pytest.mark.parametrize("turn_bytes", [1, event_group._TURN_BYTES], ids=["one by one", "all at once"])
async def test_what_is_gained_between_two_frames_of_a_batch_costs_none_of_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, turn_bytes: int
) -> None:
    monkeypatch.setattr(event_group, "_TURN_BYTES", turn_bytes)
    screen = await stage.live(LOSER)
    (subscription,) = stage.subscriptions
    principal, neighbour = await stage.principal(LOSER), await stage.principal(NEIGHBOUR)
    gained = replace(principal, postings=(*principal.postings, *neighbour.postings))
    # As who watches the accounts says it, were that its moment.
    screen.on_frame = lambda: asyncio.get_running_loop().call_soon(subscription.changed, gained)
    await stage.write(times=8)
    await stage.check_complete(screen, LOSER)


@pytest.mark.parametrize("more", [1, 3])
async def test_who_has_more_than_its_group_is_sent_of_a_batch_what_it_lacks_alone(
    stage: Stage, more: int
) -> None:
    """As one that comes from a group which was told sooner."""
    screen = await stage.live(LOSER)
    (subscription,) = stage.subscriptions
    subscription.after = await stage.service.log.head() + more
    await stage.write(times=8)
    await until(lambda: screen.frames >= 9 - more)
    order = await stage.order()
    assert screen.seen == [order[0], *order[1 + more :]]


async def test_a_burst_makes_nobody_who_reads_look_too_slow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an event stream would if the frames of a batch came to it at once."""
    monkeypatch.setattr(event_group, "_PORTION_BYTES", 1)
    monkeypatch.setattr(operation, "MAX_UNSENT_BYTES", 2048)
    subscription = await stage.service.executor.subscribe(Request(EVENTS), await stage.principal(LOSER))
    assert isinstance(subscription, Subscription)
    async with aclosing(operation.frames(subscription)) as frames:
        first = asyncio.ensure_future(anext(frames))
        await until(lambda: subscription._group is not None and subscription in subscription._group.members)
        await stage.write(times=200)
        async with asyncio.timeout(PATIENCE):
            await first
            for _ in range(199):
                await anext(frames)


async def test_what_is_gained_in_a_replay_costs_nothing_of_it_and_repeats_nothing(stage: Stage) -> None:
    start = await stage.history(600)
    screen = Screen()

    def look_away() -> None:
        if len(screen.seen) == 100:
            screen.looks.clear()

    screen.on_frame = look_away
    await stage.begin(await stage.principal(LOSER), screen, start)
    await until(lambda: screen.is_waited_for)
    (subscription,) = stage.subscriptions
    principal = subscription._principal
    await gain(stage, LOSER)
    await until(lambda: subscription._principal != principal)
    await stage.write(THERE)
    screen.looks.set()
    await stage.check_complete(screen, LOSER)
    assert len(screen.seen) == 601


async def test_who_is_disabled_in_the_replay_that_follows_a_gain_is_sent_no_more(stage: Stage) -> None:
    start = await stage.history(300)
    screen = await stage.follow(LOSER, start)
    await screen.looked_away()
    (subscription,) = stage.subscriptions
    principal = subscription._principal
    await gain(stage, LOSER)
    await until(lambda: subscription._principal != principal)
    await screen.looked_away()
    await DISABLED.lose(stage, LOSER)
    assert await screen.ended() == CLOSED
    screen.looks.set()
    witness = await stage.follow(WITNESS, start)
    await stage.write()
    await stage.all_of(witness)
    assert (screen.seen, screen.late) == ([], 0)


# One ends, the others go on


async def test_a_group_whose_last_member_ends_with_its_token_follows_no_more(stage: Stage) -> None:
    screen = await stage.live(LOSER)
    stage.subscriptions[0].expires_at = time.time()
    await stage.write()
    assert await screen.ended() == EXPIRED
    await until(lambda: not stage.service.log._followers)


def fanout_of(stage: Stage) -> Fanout:
    return stage.service.executor._following._fanout


async def test_a_fault_in_saying_what_one_gets_ends_that_one_alone(stage: Stage) -> None:
    screen, broken = await stage.live(LOSER), Screen()
    (subscription,) = stage.subscriptions
    answers = iter([subscription._describe(await stage.principal(LOSER))])
    head = await stage.service.log.head()
    other = fanout_of(stage).subscription(await stage.principal(LOSER), lambda _: next(answers), head)
    other.start(broken)
    await stage.write()
    await until(lambda: bool(broken.seen))
    await gain(stage, LOSER)
    assert (await broken.ended()).code == "INTERNAL"
    await stage.write(THERE)
    await stage.check_complete(screen, LOSER)


async def test_a_replay_that_nobody_waits_for_any_more_does_not_begin(stage: Stage) -> None:
    """Who subscribes and leaves, over and over, holds up nobody."""
    after = await stage.service.log.position(await stage.history(3))
    here = await stage.pool.fetchval("select id from unit where code = $1", HERE)
    principal, free = await stage.principal(LOSER), asyncio.Event()

    begun: list[str] = []

    async def make(name: str, _heads: Sequence[EventHead]) -> list[Frame]:
        begun.append(name)
        await free.wait()
        return []

    def begin(name: str) -> Subscription:
        feed: Feed = EventFeed(name, frozenset({("u", here)}), partial(make, name))
        subscription = fanout_of(stage).subscription(principal, lambda _: feed, after)
        subscription.start(Screen())
        return subscription

    replays = fanout_of(stage)._replays
    busy = [begin(f"busy {number}") for number in range(4)]
    await until(replays._free.locked)
    for number in range(20):
        left = begin(f"left {number}")
        await until(lambda: len(replays._waiting) == 1)
        left.stop()
        await until(lambda: not replays._waiting)
    last = begin("last")
    await until(lambda: len(replays._waiting) == 1)
    free.set()
    await until(lambda: "last" in begun)
    for subscription in (*busy, last):
        subscription.stop()
    assert not [name for name in begun if name.startswith("left")]


async def test_those_who_come_back_at_once_are_served_by_one_read_wherever_each_had_come_to(
    stage: Stage,
) -> None:
    """As hundreds do when another process has ended."""
    after = await stage.service.log.position(await stage.history(20))
    here = await stage.pool.fetchval("select id from unit where code = $1", HERE)
    principal, free = await stage.principal(LOSER), asyncio.Event()
    made: list[list[int]] = []

    async def make(heads: Sequence[EventHead]) -> list[Frame]:
        made.append([head.seq for head in heads])
        await free.wait()
        return [Frame(b'{"data":{"e":{"event":{"id":"Event:%d"}}}}' % head.seq, head.seq) for head in heads]

    def begin(name: str, place: int) -> Screen:
        feed: Feed = EventFeed(name, frozenset({("u", here)}), make)
        screen = Screen()
        fanout_of(stage).subscription(principal, lambda _: feed, after + place).start(screen)
        return screen

    replays = fanout_of(stage)._replays
    for number in range(4):
        begin(f"busy {number}", 0)
    await until(replays._free.locked)
    made.clear()
    screens = [begin("all", place) for place in range(20)]
    await until(lambda: sum(work.askers for work in replays._waiting.values()) == len(screens))
    free.set()
    for place, screen in enumerate(screens):
        await until(lambda: screen.seen[-1:] == [after + 20])  # noqa: B023
        assert screen.seen == list(range(after + place + 1, after + 21))
    assert len(made) == 1


async def test_who_may_still_get_a_replay_is_looked_at_after_it_was_made(stage: Stage) -> None:
    after = await stage.service.log.position(await stage.history(3))
    stage.service.access._poll_seconds = 3600  # nobody else looks meanwhile
    await asyncio.sleep(1)
    here = await stage.pool.fetchval("select id from unit where code = $1", HERE)
    principal, begun, free = await stage.principal(LOSER), asyncio.Event(), asyncio.Event()

    async def make(heads: Sequence[EventHead]) -> list[Frame]:
        begun.set()
        await free.wait()
        return [Frame(b'{"data":{"e":{"event":{"id":"Event:%d"}}}}' % head.seq, head.seq) for head in heads]

    feed: Feed = EventFeed("one", frozenset({("u", here)}), make)
    screen = Screen()
    fanout_of(stage).subscription(principal, lambda _: feed, after).start(screen)
    await begun.wait()
    await ENDS.lose(stage, LOSER)
    free.set()
    assert await screen.ended() == REVOKED
    assert screen.seen == []
