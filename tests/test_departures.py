"""An issue leaves those who saw it: they are told so then, and never of what happens to it afterwards."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests.conftest import World

from lxbc_graph.app import Service, open_service
from lxbc_graph.domain.principal import Principal
from lxbc_graph.read.sql import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

ISSUES, STEPS = 6, 30
COUNTIES = ("411024", "411082")
VILLAGES = ("411024104226", "411024104227", "411082100201")
CADRES = dict(zip(("first", "second", "third"), VILLAGES, strict=True))
"""Each is posted in a village: it may keep one way to an issue and lose the other."""
BUREAUS = ("water", "roads", "power")
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", *COUNTIES, "411024104", "411082100", *VILLAGES)],
    "departments": [{"code": code, "unit": "4110"} for code in BUREAUS],
    "cadres": [
        {"code": code, "unit": "4110", "postings": [{"role": "cadre", "unit": village}]}
        for code, village in CADRES.items()
    ],
    "accounts": [
        *({"name": code, "postings": [{"role": "portal", "unit": code}]} for code in ("4110", *COUNTIES)),
        *({"name": code, "postings": [{"role": "village_official", "unit": code}]} for code in VILLAGES),
        *({"name": code, "postings": [{"role": "department", "department": code}]} for code in BUREAUS),
        *({"name": code, "cadre": code} for code in CADRES),
    ],
    "issues": [{"unit": VILLAGES[0]} for _ in range(ISSUES)],
}
HAPPEN = """
insert into event (issue_id, kind, assignment_id, actor_id, data, from_state, to_state, actor_name, at,
                   unit_id, city_id, county_id, township_id, village_id)
select id, $2, $3, (select id from cadre where code = $4), $5::text::jsonb, state, state, 'a', now(),
       unit_id, city_id, county_id, township_id, village_id
from issue where id = $1 returning id
"""
NAME = "update issue set verifier_id = cadre.id from cadre where issue.id = $1 and cadre.code = $2"
MOVE = """
update issue set unit_id = u.id, city_id = u.city_id, county_id = u.county_id, township_id = u.township_id,
                 village_id = u.village_id
from unit u where issue.id = $1 and u.code = $2
"""
HAND = """
insert into assignment (issue_id, kind, department_id, state, assigned_at)
select $1, 'DEPARTMENT', id, 'PENDING', now() from department where code = $2 returning id
"""
REPLACE = "update assignment set state = 'REASSIGNED' where id = $1"


class Office:
    """What is done to issues, and what each account is told of the events."""

    def __init__(self, service: Service, viewers: Mapping[str, Principal]) -> None:
        self.pool = service.database.pool
        self._reader = service.executor._reader
        self._follow = service.executor.documents.operation("subscription { issueEvents { gone } }", None)
        self.viewers = viewers

    async def happen(
        self, issue: int, kind: str, actor: str = "", data: str = "{}", assignment: int | None = None
    ) -> int:
        id_: int = await self.pool.fetchval(HAPPEN, issue, kind, assignment, actor, data)
        return id_

    async def gone(self, viewer: str, events: Sequence[int]) -> list[int]:
        """The events with which the viewer is told that the issue is gone."""
        principal = self.viewers[viewer]
        scopes = self._reader.scopes(principal)
        statement = self._reader.stream(self._follow, [], {}, scopes, {})
        request = Request({}, principal, scopes, rows=[(id_, id_) for id_ in events])
        return [
            told.seq for told in await self._reader.run_stream(statement, request) if told.gone is not None
        ]


@pytest.fixture
async def office(database_url: str, world: World) -> AsyncIterator[Office]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service:
        viewers: dict[str, Principal] = {}
        for account in WORLD["accounts"]:
            principal = await service.accounts.principal(account["name"])
            assert principal is not None
            viewers[account["name"]] = principal
        yield Office(service, viewers)


@dataclass
class Life:
    """An issue that goes from hand to hand, and who sees it by DOMAIN 9."""

    office: Office
    issue: int
    village: str = VILLAGES[0]
    verifier: str = ""
    waiting: bool = False
    """For the verifier's answer, and until then nothing else is done."""
    bureau: str = ""
    assignment: int | None = None

    def seen_by(self) -> set[str]:
        posted = {code for code, village in CADRES.items() if village == self.village}
        return {"4110", self.village[:6], self.village, self.verifier, self.bureau} | posted

    async def step(self, chance: random.Random) -> list[int]:
        """Let one thing happen that the commands allow; the events that it leaves."""
        if self.waiting:
            self.waiting = False
            return [await self.office.happen(self.issue, "VERIFIED", self.verifier)]
        return await chance.choice((self.ask, self.move, self.hand, self.urge))(chance)

    async def ask(self, chance: random.Random) -> list[int]:
        self.verifier, self.waiting = chance.choice(list(CADRES)), True
        await self.office.pool.execute(NAME, self.issue, self.verifier)
        return [await self.office.happen(self.issue, "VERIFICATION_REQUESTED")]

    async def move(self, chance: random.Random) -> list[int]:
        self.village = chance.choice([code for code in VILLAGES if code != self.village])
        left = await self.office.happen(self.issue, "TRANSFERRED", data='{"left": true}')
        await self.office.pool.execute(MOVE, self.issue, self.village)
        return [left, await self.office.happen(self.issue, "TRANSFERRED")]

    async def hand(self, chance: random.Random) -> list[int]:
        before, self.bureau = (
            self.assignment,
            chance.choice([code for code in BUREAUS if code != self.bureau]),
        )
        self.assignment = await self.office.pool.fetchval(HAND, self.issue, self.bureau)
        if before is None:
            return [await self.office.happen(self.issue, "ASSIGNED")]
        await self.office.pool.execute(REPLACE, before)
        data = '{"insisted": false}'
        return [await self.office.happen(self.issue, "ASSIGNMENT_ARBITRATED", data=data, assignment=before)]

    async def urge(self, _chance: random.Random) -> list[int]:
        return [await self.office.happen(self.issue, "URGED")]


async def test_an_issue_is_gone_for_whom_it_leaves_with_the_event_by_which_it_does(office: Office) -> None:
    chance = random.Random(15)  # noqa: S311 - repeatable is what it must be
    for row in await office.pool.fetch("select id from issue"):
        life = Life(office, row["id"])
        seen: dict[str, set[int]] = {viewer: set() for viewer in office.viewers}
        lost: dict[str, set[int]] = {viewer: set() for viewer in office.viewers}
        events: list[int] = []
        for _ in range(STEPS):
            before = life.seen_by()
            happened = await life.step(chance)
            events += happened
            for viewer in office.viewers:
                left = happened[:1] if viewer in before - life.seen_by() else []
                assert await office.gone(viewer, happened) == left, f"{viewer}: {life}"
                lost[viewer].update(left)
                seen[viewer].update(happened if viewer in before else [])
        for viewer in office.viewers:  # who resumes is told the same, or nothing if it is back
            told = set(await office.gone(viewer, events))
            if viewer in life.seen_by():
                assert not told
            else:
                assert lost[viewer] <= told <= seen[viewer], f"{viewer}: what it never saw, or what it lost"


async def test_a_verifier_is_told_once_though_others_verify_after_it(office: Office) -> None:
    issue = await office.pool.fetchval("select min(id) from issue")
    await office.pool.execute(MOVE, issue, COUNTIES[1])  # where none of them is posted
    await office.pool.execute(NAME, issue, "third")
    history = (
        ("VERIFIED", "first"),
        ("VERIFICATION_REQUESTED", ""),
        ("URGED", ""),
        ("VERIFIED", "second"),
        ("VERIFICATION_REQUESTED", ""),
        ("VERIFICATION_REQUESTED", ""),
    )
    events = [await office.happen(issue, kind, actor) for kind, actor in history]
    assert await office.gone("first", events) == [events[1]]
    assert await office.gone("second", events) == [events[4]]
    assert await office.gone("third", events) == []
