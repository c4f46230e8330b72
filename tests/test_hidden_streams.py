"""Subscriptions: what is named beyond the border is followed as what does not exist; nothing from there arrives."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from tests.conftest import World
from tests.following import frames
from tests.reference.agreement import parse
from tests.reference.rows import read
from tests.reference.served import POLICY, UNLIMITED
from tests.reference.sight import Sight
from tests.test_following import BESIDE, ELSEWHERE, PATIENCE, VILLAGE, WORLD, Town
from tests.test_isolation import SCHEMA, _fully, _onward, leaks, marks

from lxbc_graph.app import open_service, running
from lxbc_graph.live.frame import Ended
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.read.document import Documents
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Request, Response
from lxbc_graph.schema.subscription import STREAMS, Figures
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

VIEWER = "portal"
HIDDEN = {"411082": "411099", "411082100": "411099999", ELSEWHERE: "411099999999", "4110": "4199"}
"""Codes of units that the viewer does not see, each with one of nothing."""
KNOWN: dict[str, Any] = {"unit": "411024"}
NAMES_NOTHING = {"Boolean", "Int", "DateTime"}


@pytest.fixture
async def town(database_url: str, world: World) -> AsyncIterator[Town]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        service.executor.documents = Documents(build()._schema, CATALOGUE, UNLIMITED)
        yield Town(service)


def fields() -> dict[str, GraphQLField]:
    assert SCHEMA.subscription_type is not None
    return dict(SCHEMA.subscription_type.fields)


def named(type_: GraphQLInputType, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths within an argument to what may name a row."""
    inner = get_named_type(type_)
    if isinstance(inner, GraphQLInputObjectType):
        for name, spec in inner.fields.items():
            yield from named(spec.type, (*path, name))
    elif not isinstance(inner, GraphQLEnumType) and inner.name not in NAMES_NOTHING:
        yield path


NAMED = [
    (name, path)
    for name, spec in fields().items()
    for argument, given in spec.args.items()
    for path in named(given.type, (argument,))
]


def asked(name: str, values: dict[tuple[str, ...], str]) -> str:
    """The subscription with the values at their paths, and what else must be given."""
    spec = fields()[name]
    for argument, one in spec.args.items():
        if is_required_argument(one) and (argument,) not in values:
            values = {**values, (argument,): KNOWN[argument]}
    arguments = []
    for path, value in values.items():
        text = f'"{value}"'
        for key in reversed(path[1:]):
            text = f"{{{key}: {text}}}"
        arguments.append(f"{path[0]}: {text}")
    selection = " ".join(_selections(spec))
    given = f"({', '.join(arguments)})" if arguments else ""
    return f"subscription {{ {name}{given} {{ {selection} }} }}"


def _selections(spec: GraphQLField) -> Iterator[str]:
    payload = get_named_type(spec.type)
    assert isinstance(payload, GraphQLObjectType)
    for name, part in payload.fields.items():
        inner = get_named_type(part.type)
        if is_leaf_type(inner):
            yield name
        else:
            for at, (selection, _) in enumerate([_fully(inner), *_onward(inner)]):
                yield f"{name}{at}: {name}{selection}"


class Told(list[bytes]):
    """All that one subscription was sent, frames and its ending."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def take(self, frame: bytes) -> None:
        self.append(frame)
        self._more.set()

    async def until(self, text: str = "") -> None:
        """Wait for a frame with the text in it."""
        async with asyncio.timeout(PATIENCE):
            while not any(text.encode() in frame for frame in self):
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(town: Town, account: str, text: str) -> AsyncIterator[Told]:
    """Follow for the length of the block."""
    told = Told()
    principal = await town.service.accounts.principal(account)
    started = await town.service.executor.subscribe(Request(text), principal)
    if isinstance(started, Response):
        told.take(started.body)
        yield told
        return
    assert isinstance(started, Subscription)
    stream = frames(started)

    async def listen() -> None:
        try:
            async for frame in stream:
                told.take(frame)
        except Ended as ended:
            told.take(repr(ended.ending).encode())

    task = asyncio.create_task(listen())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await stream.aclose()


async def happen(town: Town, unit: str) -> str:
    """Report an issue in the unit, hand it over where it counts, and raise an alert of it."""
    issue = await town.report(unit)
    category = await town.id("city", "categories")
    given = {"issueId": issue, "categoryId": category, "complexity": "GENERAL"}
    await town.do("city", "judgeIssue", **given)
    await town.service.database.pool.execute(
        "insert into event (issue_id, kind, from_state, to_state, actor_name, at, data,"
        " unit_id, city_id, county_id, township_id, village_id)"
        " select id, 'ALERTED', state, state, '系统', now(),"
        """ '{"rung": "REMINDER", "clock": "SOLVE", "dueAt": "2021-08-01T00:00:00+00:00"}',"""
        " unit_id, city_id, county_id, township_id, village_id from issue where id = $1",
        int(issue.partition(":")[2]),
    )
    return issue


async def hidden_marks(town: Town) -> set[str]:
    rows = await read(town.service.database.pool)
    del rows["account"]  # whoever acted is named in what one sees
    principal = await town.service.accounts.principal(VIEWER)
    assert principal is not None
    sight = Sight(rows, POLICY, principal, datetime.now(UTC))
    seen = {name: [row for row in of if sight.sees(name, row)] for name, of in rows.items()}
    return marks(rows) - marks(seen)


@pytest.mark.parametrize(
    ("name", "path"), NAMED, ids=lambda one: one if isinstance(one, str) else ".".join(one)
)
async def test_what_is_hidden_is_followed_as_what_does_not_exist(
    town: Town, name: str, path: tuple[str, ...]
) -> None:
    if path == ("after",):
        return await _follow_from_another_s_cursor(town, name)
    assert path[-1] == "unit", f"{name}({'.'.join(path)}): a new argument needs a line here"
    for hidden, unknown in HIDDEN.items():
        async with (
            listening(town, VIEWER, asked(name, {path: KNOWN["unit"]})) as control,
            listening(town, VIEWER, asked(name, {path: hidden})) as beyond,
            listening(town, VIEWER, asked(name, {path: unknown})) as nothing,
        ):
            if isinstance(STREAMS[name], Figures):
                await beyond.until()
                await nothing.until()
            else:
                await happen(town, ELSEWHERE)
                await happen(town, VILLAGE)
            await control.until()
            assert beyond == nothing, (
                f"{name}({'.'.join(path)}: {hidden}) is hidden, and told apart: {beyond}"
            )
    return None


async def _follow_from_another_s_cursor(town: Town, name: str) -> None:
    """A cursor says where the log stood, whoever read it: who resumes behind another's sees what it may see."""
    for who in ("neighbour", "city"):
        cursor = (await town.ask(who, "{ eventCursor }"))["eventCursor"]
        await happen(town, ELSEWHERE)
        here = await happen(town, VILLAGE)
        async with listening(town, VIEWER, asked(name, {("after",): cursor})) as told:
            await told.until()
        assert here.encode() in told[0]
        hidden = await hidden_marks(town)
        assert not [leak for frame in told for leak in leaks(parse(frame), hidden)]


@pytest.mark.parametrize("name", fields())
async def test_what_happens_beyond_the_border_does_not_arrive(town: Town, name: str) -> None:
    async with (
        listening(town, VIEWER, asked(name, {})) as told,
        listening(town, "city", asked(name, {})) as all_,
    ):
        if isinstance(STREAMS[name], Figures):
            await told.until()
        await happen(town, ELSEWHERE)
        left = await happen(town, BESIDE)
        elsewhere = await town.id("city", f'units(filter: {{unit: "{ELSEWHERE}"}})')
        await town.do("city", "transferIssue", issueId=left, unitId=elsewhere, reason="在河那边")
        await town.do("city", "withdrawIssue", issueId=left, reason="看错了")
        here = await happen(town, VILLAGE)
        await told.until("" if isinstance(STREAMS[name], Figures) else here)
        await all_.until("" if isinstance(STREAMS[name], Figures) else here)
    hidden = await hidden_marks(town) - {left}  # told to be gone
    for frame in told:
        found = leaks(parse(frame), hidden)
        assert not found, "\n".join([f"{name} shows what is hidden:", *found])
    if not isinstance(STREAMS[name], Figures):
        assert len(told) < len(all_), "nothing happened beyond the border"
