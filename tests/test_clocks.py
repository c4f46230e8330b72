"""The view of the clocks and the machine say the same of every life."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from sqlalchemy import insert

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor, IssueFacts, Party, PlanStep, Step
from lxbc_graph.domain.rules import Rule
from lxbc_graph.domain.words import (
    AssignmentKind,
    ClockKind,
    Complexity,
    Dismissal,
    InspectionLevel,
    LookBackStep,
    Satisfaction,
)
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.store.issue_facts import ISSUE_COLUMNS

pytestmark = pytest.mark.anyio

LIVES = 400
START = datetime(2021, 7, 1, 4, tzinfo=UTC)
UNIT, CADRE, CATEGORY = 1, 2, 3
BUREAUS = (11, 12, 13)
OFFICE, PARTY, LOOKER = Actor(1, "活动办"), Actor(2, "承办单位"), Actor(3, "核实人", CADRE)
RULES = (
    Rule(),
    Rule(look_back_days=7, inspection_levels=(InspectionLevel.TOWNSHIP, InspectionLevel.OFFICE)),
    Rule(look_back_days=0, look_back_steps=(LookBackStep.INSPECTOR, LookBackStep.CADRE)),
)


class Walk:
    """One random life: whatever the machine lets happen next, at times that only go on."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.at = START + timedelta(hours=chance.randint(0, 999))
        self.issue = machine.report(OFFICE, self.at, rule=chance.choice(RULES))[0]

    def go(self, steps: int) -> IssueFacts:
        """Take up to so many steps that the machine does not refuse."""
        for _ in range(steps):
            self.at += timedelta(hours=self._chance.choice((1, 5, 30, 200)))
            # Well on the way, nearly all verbs are refused: try until one is not.
            verbs = self._verbs()
            self._chance.shuffle(verbs)
            for step in verbs:
                try:
                    self.issue = step()[0]
                except Refused:
                    continue
                break
        return self.issue

    def _verbs(self) -> list[Callable[[], Step]]:
        issue, at, chance = self.issue, self.at, self._chance
        day = at.date() + timedelta(days=chance.randint(1, 60))
        flip = chance.random() < 0.5
        steps: list[Callable[[], Step]] = [
            lambda: machine.request_verification(
                issue, OFFICE, at, verifier_id=CADRE, due_on=day, matter="?"
            ),
            lambda: machine.verify(issue, LOOKER, at, confirmed=True, finding="属实"),
            lambda: machine.accept(
                issue, OFFICE, at, category_id=CATEGORY, complexity=chance.choice(list(Complexity))
            ),
            lambda: machine.assign(issue, OFFICE, at, parties=_parties()),
            lambda: machine.inspect(
                issue, OFFICE, at, level=chance.choice(list(InspectionLevel)), passed=chance.random() < 0.8
            ),
            lambda: machine.look_back(
                issue,
                LOOKER,
                at,
                by=chance.choice(list(LookBackStep)),
                passed=True,
                satisfaction=chance.choice(list(Satisfaction)),
                exclusion="已迁出" if flip else None,
            ),
            lambda: machine.decide_exclusion(issue, OFFICE, at, approved=flip),
            lambda: machine.send_back(issue, OFFICE, at, reason="不到位"),
            lambda: machine.reopen(issue, OFFICE, at, reason="反弹"),
        ]
        if chance.random() < 0.05:  # the end of it
            steps += [
                lambda: machine.dismiss(issue, OFFICE, at, dismissal=Dismissal.OUT_OF_SCOPE, reason="不属于"),
                lambda: machine.withdraw(issue, OFFICE, at, reason="误报"),
                lambda: machine.merge(issue, OFFICE, at, into_id=1, reason="重复"),
            ]
        for place in range(len(issue.assignments)):
            steps += self._on(place, day, approved=flip)
        return steps

    def _on(self, place: int, day: date, *, approved: bool) -> list[Callable[[], Step]]:
        issue, at = self.issue, self.at
        bureau = Party(AssignmentKind.DEPARTMENT, department_id=self._chance.choice(BUREAUS))
        return [
            lambda: machine.accept_assignment(
                issue, PARTY, at, place, responsible_id=None, responsible_name="某"
            ),
            lambda: machine.return_assignment(issue, PARTY, at, place, reason="不属本单位"),
            lambda: machine.insist(issue, OFFICE, at, place, reason="维持"),
            lambda: machine.reassign(issue, OFFICE, at, place, party=bureau, reason="改派"),
            lambda: machine.progress(issue, PARTY, at, place, text="正在办"),
            lambda: machine.propose_plan(issue, PARTY, at, place, steps=[PlanStep("开沟", day)]),
            lambda: machine.decide_plan(issue, OFFICE, at, place, approved=approved),
            lambda: machine.feed_back(issue, PARTY, at, place, text="已办"),
        ]


def _parties() -> tuple[Party, ...]:
    return (
        Party(AssignmentKind.TERRITORIAL, party_unit_id=UNIT),
        Party(AssignmentKind.DEPARTMENT, department_id=BUREAUS[0]),
    )


async def keep(database: Database, lives: list[IssueFacts]) -> None:
    """Write the facts as rows; an issue's number says which life it is, and the first is one to merge into."""
    place = {"unit_id": UNIT, "city_id": UNIT}
    async with database.engine.begin() as connection:

        async def put(table: Any, **columns: Any) -> None:
            await connection.execute(insert(table).values(**columns))

        await put(
            tables.unit,
            id=UNIT,
            city_id=UNIT,
            code="4110",
            name="许昌市",
            level="CITY",
            valid_from=date(2000, 1, 1),
        )
        for bureau in BUREAUS:
            await put(tables.department, id=bureau, code=str(bureau), name="局", **place)
        who = {"id": CADRE, "code": "C", "name": "核实人", "rank": "STAFF", "reach": [UNIT]}
        await put(tables.cadre, **who, **place)
        await put(
            tables.category,
            id=CATEGORY,
            city_id=UNIT,
            scheme="ISSUE_CLASS",
            code="A",
            name="类",
            valid_from=date(2000, 1, 1),
        )
        said = {"title": "问题", "description": "问题", "finder_name": "某", "finder_rank": "STAFF"}
        for number, issue in enumerate(lives, start=1):
            await put(
                tables.issue,
                id=number,
                number=str(number),
                unit_level="CITY",
                source="VISIT",
                **said,
                **place,
                **{name: getattr(issue, name) for name in ISSUE_COLUMNS},
            )
            for position, one in enumerate(issue.assignments):
                await put(tables.assignment, id=number * 100 + position, issue_id=number, **one._asdict())


@pytest.fixture
async def lives(database: Database) -> list[IssueFacts]:
    chance = Random(13710)  # noqa: S311 - repeatable is what it must be
    found = [Walk(chance).go(chance.randint(0, 40)) for _ in range(LIVES)]
    await keep(database, found)
    return found


def _told(rows: list[asyncpg.Record], number: int) -> list[tuple[str, datetime]]:
    return sorted((row["kind"], row["due_at"]) for row in rows if row["issue_id"] == number)


async def test_the_view_and_the_machine_agree_on_which_clocks_run(
    database: Database, lives: list[IssueFacts]
) -> None:
    rows = await database.pool.fetch("select * from clock where running")
    for number, issue in enumerate(lives, start=1):
        assert _told(rows, number) == sorted((kind.value, due) for kind, due in machine.running(issue)), issue
    assert {row["kind"] for row in rows} == set(ClockKind), "each of them runs somewhere"


async def test_the_next_due_time_is_that_of_the_first_running_clock(
    database: Database, lives: list[IssueFacts]
) -> None:
    rows = await database.pool.fetch(
        "select i.next_due_at, min(c.due_at) as first from issue i"
        " left join clock c on c.issue_id = i.id and c.running group by i.id order by i.id"
    )
    assert [row["next_due_at"] for row in rows] == [row["first"] for row in rows]
    assert len(rows) == len(lives)
    assert 0 < sum(row["first"] is None for row in rows) < len(rows)


async def test_a_clock_has_one_row_as_long_as_its_due_time_is_kept(
    database: Database, lives: list[IssueFacts]
) -> None:
    rows = await database.pool.fetch("select * from clock")
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["id"] > 0 for row in rows), "a cursor tells them apart"
    kept = [
        (ClockKind(name.removesuffix("_due_at").upper()), number, due)
        for number, issue in enumerate(lives, start=1)
        for facts in (issue._asdict(), *(one._asdict() for one in issue.assignments))
        for name, due in facts.items()
        if name.endswith("_due_at") and name != "next_due_at" and due is not None
    ]
    assert sorted((row["kind"], row["issue_id"], row["due_at"]) for row in rows) == sorted(
        (kind.value, number, due) for kind, number, due in kept
    )
    assert not [row for row in rows if row["running"] and row["stopped_at"] is not None]
