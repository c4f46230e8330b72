"""The ladder against a real database and a clock that the test moves: each rung once, at its time, or after it."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.outages import end_connections
from tests.test_commands import (
    BUREAU_B,
    CADRE,
    CITY,
    COUNTY_B,
    HELPER,
    TOWN_B,
    VILLAGE_B,
    House,
    hand_over,
    judge,
    path_columns,
    seed,
)

from lxbc_graph.domain.deadlines import SHANGHAI, weekdays
from lxbc_graph.domain.rules import LADDER
from lxbc_graph.domain.words import Source
from lxbc_graph.live.ladder import LADDER_LOCK, Ladder
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.store.outage import AWAY
from lxbc_graph.write import AcceptAssignment, ReopenIssue, ReportIssue, ReportProgress

pytestmark = pytest.mark.anyio

PATIENCE = 20.0  # seconds until a test is given up; nothing is measured by it
ALWAYS = {"opens": "00:00:00", "closes": "23:59:59.999999"}
RUNGS = [rung.kind.value for rung in LADDER]
NAMES = ("ARRANGE", "PROGRESS", "SOLVE", "TRACK")


def there(
    month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0, year: int = 2024
) -> datetime:
    """What a clock in Shanghai shows."""
    return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).astimezone(UTC)


@pytest.fixture
async def house(database: Database) -> House:
    """Its clock begins on Wednesday, 31 January 2024, at 10:00 in Shanghai."""
    async with database.engine.begin() as connection:
        for statement in seed():
            await connection.execute(statement)
    return House(database)


async def set_rule(house: House, unit: int, **settings: Any) -> None:
    """Let what is reported from now on begin under this rule."""
    path = {"unit_id": unit, **path_columns(unit)}
    names, places = ", ".join(path), ", ".join(f"${place}" for place in range(2, len(path) + 2))
    await house.database.pool.execute(
        f"insert into rule ({names}, version, name, valid_from, settings, author_name, created_at)"
        f" values ({places}, 1, 'r', '2020-01-01', $1, 'a', now())",
        json.dumps(settings),
        *path.values(),
    )


async def without_rest(house: House) -> None:
    """Let people work day and night."""
    await set_rule(house, CITY, **ALWAYS)
    await house.database.pool.execute(
        "insert into calendar_day select day, true from generate_series(date '2024-01-01', '2024-12-31', '1 day') day"
    )


async def climb(house: House, at: datetime) -> int:
    """Make one pass of a new process at the time."""
    async with house.database.pool.acquire() as connection:
        return await Ladder(house.database.pool, now=lambda: at).climb(connection)


async def alerts(house: House, **where: object) -> list[dict[str, Any]]:
    """Return what was written, in order: the data of each alert, with its assignment and its issue."""
    rows = await house.rows("select * from event where kind = 'ALERTED' order by id")
    told = [
        json.loads(row["data"]) | {name: row[name] for name in ("issue_id", "assignment_id", "at")}
        for row in rows
    ]
    return [one for one in told if all(one[name] == value for name, value in where.items())]


async def climbed(house: House) -> list[tuple[int, str, str]]:
    return [(one["assignment_id"], one["clock"], one["rung"]) for one in await alerts(house)]


async def clocks(house: House) -> dict[tuple[int, str], datetime]:
    rows = await house.rows("select assignment_id, kind, due_at from clock where running")
    return {(row["assignment_id"], row["kind"]): row["due_at"] for row in rows}


def expected(due: dict[tuple[int, str], datetime], at: datetime) -> set[tuple[int, str, str]]:
    """What DOMAIN 5 says must have been written by then."""
    return {
        (assignment, clock, rung.kind.value)
        for (assignment, clock), due_at in due.items()
        for rung in LADDER
        if due_at + timedelta(hours=rung.after_hours) <= at
    }


async def multiply(house: House, issue: int, times: int) -> None:
    """Make so many more issues like this one, with assignments like its own."""
    of_issue = [column.name for column in tables.issue.c if column.name not in {"id", "number"}]
    of_assignment = [column.name for column in tables.assignment.c if column.name not in {"id", "issue_id"}]
    await house.database.pool.execute(
        f"""with made as (
            insert into issue (number, {", ".join(of_issue)})
            select gen_random_uuid(), {", ".join(f"i.{name}" for name in of_issue)}
            from issue i, generate_series(1, $2) n where i.id = $1 returning id
        )
        insert into assignment (issue_id, {", ".join(of_assignment)})
        select made.id, {", ".join(f"a.{name}" for name in of_assignment)} from made, assignment a
        where a.issue_id = $1""",
        issue,
        times,
    )


# --- when


async def test_each_rung_is_written_at_its_moment_and_not_before(house: House) -> None:
    await without_rest(house)
    await house.at("ASSIGNED")
    due = await clocks(house)
    assert len(due) == 2 * len(NAMES)
    second = timedelta(seconds=1)
    moments = {due_at + timedelta(hours=rung.after_hours) for due_at in due.values() for rung in LADDER}
    seen: set[tuple[int, str, str]] = set()
    for at in sorted(moments | {moment - second for moment in moments}):
        written = await climb(house, at)
        now = set(await climbed(house))
        assert now == expected(due, at)
        assert written == len(now) - len(seen)
        assert await climb(house, at) == 0
        seen = now
    assert len(await climbed(house)) == len(seen) == len(due) * len(LADDER)


async def test_an_alert_says_what_it_is_and_touches_nothing_else(house: House) -> None:
    issue = await house.at("RECTIFYING")
    territory, _ = await house.assignments(issue)
    before = await house.issue(issue)
    await climb(house, there(3, 7))  # all that is due, at once
    assert await house.issue(issue) == before
    event, *_ = await house.rows(
        "select * from event where assignment_id = $1 and data->>'rung' = 'REMINDER_LETTER' order by id",
        territory,
    )
    assert (event["from_state"], event["to_state"]) == ("RECTIFYING", "RECTIFYING")
    assert event["actor_name"] == "系统"
    assert {event["actor_id"], event["account_id"], event["posting_id"], event["reason"], event["seq"]} == {
        None
    }
    assert all(event[name] == before[name] for name in ("unit_id", *tables.ANCESTORS))
    assert event["at"] == there(3, 7)
    assert json.loads(event["data"]) == {
        "rung": "REMINDER_LETTER",
        "clock": "PROGRESS",
        "dueAt": "2024-02-03T15:59:59+00:00",
        "proposal": True,
        "replyDueAt": "2024-03-10T15:59:59+00:00",
        "to": "干部34",
    }
    assert {one["to"] for one in await alerts(house)} == {"干部34", "干部31"}
    proposals = {one["rung"] for one in await alerts(house) if one["proposal"]}
    assert proposals == {"REMINDER_LETTER", "BULLETIN"}


async def test_before_anybody_is_responsible_a_side_is_addressed_and_no_name_told(house: House) -> None:
    await house.at("ASSIGNED")
    await climb(house, there(2, 2))
    assert {one["to"] for one in await alerts(house)} == {"属地单位", "责任单位"}


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        (there(2, 3, 3), there(2, 4, 8)),  # Saturday night; Sunday is a make-up day
        (there(2, 2, 19), there(2, 4, 8)),  # Friday evening
        (there(2, 2, 7, 59, 59), there(2, 2, 8)),
        (there(2, 2, 18), there(2, 4, 8)),
        (there(2, 12), there(2, 18, 8)),  # Spring Festival
        (there(10, 1), there(10, 8, 8)),  # National Day
        (there(10, 1, year=2021), None),  # before anything was handed over
    ],
)
async def test_outside_working_hours_nothing_is_sent_and_at_the_next_opening_all_of_it(
    house: House, at: datetime, opening: datetime | None
) -> None:
    await house.at("ASSIGNED")
    due = await clocks(house)
    assert await climb(house, at) == 0
    if opening is None:
        return
    assert expected(due, at)
    assert await climb(house, opening - timedelta(seconds=1)) == 0
    await climb(house, opening)
    assert set(await climbed(house)) == expected(due, opening)


async def test_a_pass_stops_when_working_hours_end_and_goes_on_at_the_next_opening(house: House) -> None:
    issue = await house.at("ASSIGNED")
    await multiply(house, issue, 500)
    times = iter([*[there(2, 2, 17, 59)] * 6, *[there(2, 2, 18)] * 100])
    async with house.database.pool.acquire() as connection:
        written = await Ladder(house.database.pool, now=lambda: next(times)).climb(connection)
    assert 0 < written < 501 * 4  # reminder and urge of two clocks
    assert {one["at"] for one in await alerts(house)} == {there(2, 2, 17, 59)}
    await climb(house, there(2, 4, 8))
    assert set(await climbed(house)) == expected(await clocks(house), there(2, 4, 8))


async def test_after_downtime_each_missed_rung_is_written_once_in_the_order_of_the_ladder(
    house: House,
) -> None:
    await house.at("ASSIGNED")
    due = await clocks(house)
    at = there(3, 12)
    await climb(house, at)
    told = await climbed(house)
    assert set(told) == expected(due, at)
    for assignment, clock in due:
        assert [rung for *whose, rung in told if whose == [assignment, clock]] == RUNGS
    moments = [
        due[whose, clock] + timedelta(hours=LADDER[RUNGS.index(rung)].after_hours)
        for whose, clock, rung in told
    ]
    assert moments == sorted(moments)


# --- by what rule


async def test_a_working_day_rule_counts_them_for_the_clocks_and_for_the_reply(house: House) -> None:
    await set_rule(house, CITY, days="WORKING")
    await house.at("ASSIGNED")
    due = await clocks(house)
    assert {clock: at for (_, clock), at in due.items()} == {
        "ARRANGE": there(2, 1, 23, 59, 59),
        "PROGRESS": there(2, 4, 23, 59, 59),  # Sunday, made up for
        "SOLVE": there(2, 8, 23, 59, 59),
        "TRACK": there(2, 29, 23, 59, 59),
    }
    await climb(house, there(2, 9))
    letters = await alerts(house, rung="REMINDER_LETTER")
    assert {(one["clock"], one["replyDueAt"]) for one in letters} == {
        ("ARRANGE", "2024-02-20T15:59:59+00:00"),  # Sunday the 18th is the first
        ("PROGRESS", "2024-02-20T15:59:59+00:00"),
    }


async def test_a_county_climbs_its_own_ladder_and_the_others_the_city_s(house: House) -> None:
    ladder = [
        {"kind": "URGE", "afterHours": -48, "clocks": ["SOLVE"]},
        {"kind": "URGE", "afterHours": 30, "clocks": ["SOLVE", "ARRANGE"]},
    ]
    await set_rule(house, COUNTY_B, ladder=ladder, opens="13:00:00")
    here = await house.at("ASSIGNED")
    report = ReportIssue(VILLAGE_B, "缺少劳力", "无劳力种麦", Source.VISIT)
    elsewhere = await house.well("town_b", report)
    await house.well("office_b", judge(elsewhere))
    await house.well("office_b", hand_over(elsewhere, TOWN_B, BUREAU_B))
    await climb(house, there(2, 6, 12))
    assert await alerts(house, issue_id=elsewhere) == []
    assert {one["rung"] for one in await alerts(house, issue_id=here)} == {*RUNGS[:4]}
    await climb(house, there(2, 6, 13))
    told = [(one["clock"], one["rung"]) for one in await alerts(house, issue_id=elsewhere)]
    assert told == [("ARRANGE", "URGE")] * 2 + [("SOLVE", "URGE")] * 2
    await climb(house, there(2, 9, 13))
    assert len(await alerts(house, issue_id=elsewhere)) == 6  # the same rung again, later


async def test_clocks_of_an_issue_itself_climb_where_a_rung_names_them(house: House) -> None:
    letter = {"kind": "REMINDER_LETTER", "afterHours": 24, "clocks": ["LOOK_BACK"], "replyDays": 2}
    await set_rule(house, CITY, lookBackDays=7, ladder=[letter])
    await house.at("RECTIFIED")
    await climb(house, there(2, 8))
    assert await alerts(house) == []
    await climb(house, there(2, 9))
    (told,) = await alerts(house)
    assert (told["clock"], told["assignment_id"], told["to"]) == ("LOOK_BACK", None, "回访人")


async def test_rules_that_make_none_together_keep_only_their_own_issues_from_climbing(house: House) -> None:
    await set_rule(house, COUNTY_B, opens="19:00:00")
    await house.at("ASSIGNED")
    other = await house.at("ASSIGNED")
    await house.database.pool.execute(
        "update issue set rules = array(select id from rule) where id = $1", other
    )
    await climb(house, there(2, 2))
    assert {one["issue_id"] for one in await alerts(house)} == {other - 1}


# --- once


async def test_what_is_stopped_climbs_no_further_and_what_starts_anew_climbs_anew(house: House) -> None:
    issue = await house.at("CLOSED")
    await climb(house, there(3, 12))
    assert await alerts(house) == []
    house.clock.append(there(4, 8))
    await house.well("inspector", ReopenIssue(issue, "又缺劳力"))
    first = await clocks(house)
    await climb(house, there(4, 30))
    assert set(await climbed(house)) == expected(first, there(4, 30))
    before = len(await alerts(house))
    await house.database.pool.execute("update assignment set solve_due_at = solve_due_at + interval '1 day'")
    await climb(house, there(4, 30))
    again = (await alerts(house))[before:]
    assert [(one["clock"], one["rung"]) for one in again] == [
        ("SOLVE", rung) for rung in RUNGS for _ in range(2)
    ]


@pytest.mark.parametrize("chance", [random.Random(seed) for seed in range(3)])  # noqa: S311
async def test_two_at_once_killed_over_and_over_write_each_rung_once(
    house: House, database_url: str, chance: random.Random
) -> None:
    issue = await house.at("ASSIGNED")
    await multiply(house, issue, 300)
    due, at = await clocks(house), there(2, 8)

    async def climb_until_killed() -> None:
        connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
        try:
            async with asyncio.timeout(chance.random() * 0.3):
                await Ladder(house.database.pool, now=lambda: at).climb(connection)
        except TimeoutError:
            pass
        finally:
            connection.terminate()

    for _ in range(6):
        await asyncio.gather(climb_until_killed(), climb_until_killed())
    await asyncio.gather(climb(house, at), climb(house, at))
    await climb(house, at)
    told = await climbed(house)
    assert len(told) == len(set(told))
    assert set(told) == expected(due, at)


async def test_ten_thousand_overdue_issues_are_written_in_small_transactions(house: House) -> None:
    issue = await house.at("RECTIFYING")
    await multiply(house, issue, 9_999)
    at = there(2, 8)
    woken: list[None] = []
    async with house.database.pool.acquire() as connection:
        ladder = Ladder(house.database.pool, lambda: woken.append(None), now=lambda: at)
        assert await ladder.climb(connection) == 10_000 * 2 * 6  # four rungs of PROGRESS, two of SOLVE
        assert await ladder.climb(connection) == 0
    [batches] = await house.rows(
        "select max(n) as most, count(*) as number"
        " from (select count(*) as n from event where kind = 'ALERTED' group by xmin::text) batch"
    )
    assert batches["most"] <= 500
    assert len(woken) == batches["number"]


async def test_a_command_on_the_issue_keeps_the_ladder_waiting_no_more_than_it_waits(
    house: House, database_url: str
) -> None:
    issue = await house.at("ASSIGNED")
    command, pass_ = [await asyncpg.connect(database_url) for _ in range(2)]
    async with asyncio.timeout(PATIENCE):
        async with command.transaction():
            await command.execute("select from issue where id = $1 for no key update", issue)
            await command.execute("update issue set version = version + 1 where id = $1", issue)
            async with pass_.transaction():  # as if it took long
                assert await Ladder(house.database.pool, now=lambda: there(2, 2)).climb(pass_)
                await command.execute("update assignment set urged_count = 1 where issue_id = $1", issue)
    await command.close()
    await pass_.close()


# --- letters


async def working(house: House) -> tuple[int, int]:
    """Return the assignments of an issue whose parties have accepted, under CADRE at the department."""
    issue = await house.at("RECTIFYING")
    return await house.assignments(issue)


async def test_two_unanswered_letters_make_one_proposal(house: House) -> None:
    await house.database.pool.execute("update cadre set managed_by_id = $1", CITY)
    _, department = await working(house)
    for day in range(1, 29):
        if weekdays(date(2024, 2, day)):
            await climb(house, there(2, day))
    letters = await alerts(house, rung="REMINDER_LETTER", assignment_id=department)
    # PROGRESS is due on the 3rd and SOLVE on the 7th, when the holidays are near: the second is sent after them.
    assert [(one["clock"], one["replyDueAt"][:10]) for one in letters] == [
        ("PROGRESS", "2024-02-10"),
        ("SOLVE", "2024-02-22"),
    ]
    (proposal,) = await alerts(house, rung="ACCOUNTABILITY_PROPOSAL", assignment_id=department)
    assert proposal["at"] == there(2, 23)
    assert (proposal["proposal"], proposal["clock"]) == (True, "SOLVE")
    assert "letters" not in proposal, "some of them may be another county's"
    assert "managedBy" not in proposal
    assert proposal["to"] == "干部管理单位"


async def test_an_answer_in_time_counts_and_a_late_one_does_not(house: House) -> None:
    territory, department = await working(house)
    await climb(house, there(2, 7))  # the letters of PROGRESS, to be answered by the 10th
    house.clock.append(there(2, 9))
    await house.well("bureau", ReportProgress(department, "已联系"))
    house.clock.append(there(2, 11))
    await house.well("town", ReportProgress(territory, "已联系"))
    await climb(house, there(2, 19))  # those of SOLVE, by the 22nd
    assert len(await alerts(house, rung="REMINDER_LETTER")) == 4
    await climb(house, there(2, 23))
    (proposal,) = await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")
    assert proposal["assignment_id"] == territory


async def test_letters_of_several_issues_to_one_cadre_count_together_and_each_once(house: House) -> None:
    for _ in range(5):
        issue = await house.at("ASSIGNED")
        territory, department = await house.assignments(issue)
        await house.well("town", AcceptAssignment(territory, HELPER, "开沟"))
        await house.well("town", ReportProgress(territory, "已联系"))
        await house.well("bureau", AcceptAssignment(department, CADRE, "装泵"))
    await climb(house, there(2, 7))
    assert len(await alerts(house, rung="REMINDER_LETTER")) == 5
    for at in (there(2, 8), there(2, 9), there(2, 18), there(2, 18), there(2, 19)):
        await climb(house, at)
    proposals = await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")
    assert [one["at"] for one in proposals] == [there(2, 18)] * 2
    await climb(house, there(2, 23))  # the fifth, and five more
    assert len(await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")) > 2
    counted = await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")
    letters = [one for one in await alerts(house, rung="REMINDER_LETTER") if one["replyDueAt"] < "2024-02-23"]
    by_cadre = {"HELPER": 5, "CADRE": 10}
    assert len(letters) == sum(by_cadre.values())
    assert len(counted) == sum(number // 2 for number in by_cadre.values())


async def test_letters_too_far_apart_are_no_set_and_a_rule_says_how_many_make_one(house: House) -> None:
    await set_rule(house, CITY, letters=2, letterDays=3)
    await working(house)
    for day in range(1, 29):
        await climb(house, there(2, day))
    assert await alerts(house, rung="REMINDER_LETTER")
    assert await alerts(house, rung="ACCOUNTABILITY_PROPOSAL") == []


@pytest.mark.parametrize(("days", "proposals"), [(12, 2), (11, 0)])
async def test_letters_are_counted_together_up_to_the_last_day_of_the_period(
    house: House, days: int, proposals: int
) -> None:
    await set_rule(house, CITY, letterDays=days)
    await working(house)
    for day in (7, 19, 23):  # the letters, twelve days apart, and when the second was left unanswered
        await climb(house, there(2, day))
    assert len(await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")) == proposals


async def test_a_proposal_waits_for_working_hours(house: House) -> None:
    await working(house)
    await climb(house, there(2, 7))
    await climb(house, there(2, 19))
    ladder_at = [there(2, 23, 7)]
    ladder = Ladder(house.database.pool, now=lambda: ladder_at[0])
    async with house.database.pool.acquire() as connection:
        await ladder.climb(connection)
        assert await alerts(house, rung="ACCOUNTABILITY_PROPOSAL") == []
        ladder_at[0] = there(2, 23, 8)
        await ladder.climb(connection)
        assert len(await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")) == 2
        await ladder.climb(connection)
    assert len(await alerts(house, rung="ACCOUNTABILITY_PROPOSAL")) == 2


# --- who


async def until_alerts(house: House, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(await alerts(house)) < number:  # noqa: ASYNC110 - the table is all there is to watch
            await asyncio.sleep(0.01)
    assert len(await alerts(house)) == number


async def until_back(house: House) -> None:
    """Wait until the pool has seen which of its connections are gone."""
    async with asyncio.timeout(PATIENCE):
        well = 0
        while well <= house.database.pool.get_max_size():
            try:
                await house.database.pool.fetchval("select 1")
                well += 1
            except AWAY:
                well = 0


async def test_one_of_two_climbs_and_it_rides_out_the_loss_of_every_connection(
    house: House, database_url: str
) -> None:
    issue = await house.at("ASSIGNED")
    ladders = [Ladder(house.database.pool, now=lambda: there(2, 2), poll_seconds=0.01) for _ in range(2)]
    tasks = [asyncio.create_task(ladder.run()) for ladder in ladders]
    try:
        await until_alerts(house, 4)
        assert sorted(ladder.elected for ladder in ladders) == [False, True]
        end_connections(database_url)
        await until_back(house)
        await multiply(house, issue, 1)
        await until_alerts(house, 8)
        first = 0 if ladders[0].elected else 1
        tasks[first].cancel()
        await asyncio.wait({tasks[first]})
        await multiply(house, issue, 1)
        await until_alerts(house, 12)
        assert [ladder.elected for ladder in ladders] == [place != first for place in range(2)]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Process:
    """A real `lxbc-graph relay`, and what it has said so far."""

    def __init__(self, database_url: str) -> None:
        rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
        settings = {"LXBC_DATABASE_URL": database_url, "LXBC_LADDER_POLL_SECONDS": "0.05"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lxbc_graph", "relay"],
            stderr=subprocess.PIPE,
            text=True,
            env=rest | settings,
        )
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(iter(self._process.stderr.readline, ""))

    async def says(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not any(text in line for line in self._said):
                assert self._process.poll() is None, self._said
                await asyncio.sleep(0.01)

    def end(self, number: signal.Signals) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        status = self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return status


@contextmanager
def relaying(database_url: str) -> Iterator[Process]:
    process = Process(database_url)
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


async def test_the_one_that_stands_by_takes_over_from_the_one_that_is_killed(
    house: House, database_url: str
) -> None:
    """Whatever day it is: everybody works always, and all of it is long overdue."""
    await set_rule(house, CITY, **ALWAYS)
    await house.database.pool.execute(
        "insert into calendar_day select current_date + day, true from generate_series(-2, 2) day"
    )
    issue = await house.at("ASSIGNED")
    everything = 2 * len(NAMES) * len(LADDER)
    with relaying(database_url) as first:
        await first.says("ladder elected")
        await first.says(f'"alerts": {everything}')
        await until_numbered(house)
        with relaying(database_url) as second:
            await second.says("ladder stands by")
            await second.says("relay stands by")
            assert first.end(signal.SIGKILL) == -signal.SIGKILL
            await multiply(house, issue, 1)
            await second.says("ladder elected")
            await until_alerts(house, 2 * everything)
            await until_numbered(house)
            assert second.end(signal.SIGTERM) == 0
    assert len(set(await climbed(house))) == 2 * everything
    assert (
        await house.rows(
            "select from pg_locks where locktype = 'advisory' and objid = $1", LADDER_LOCK & 0xFFFFFFFF
        )
        == []
    )


async def until_numbered(house: House) -> None:
    async with asyncio.timeout(PATIENCE):
        while await house.rows("select from event where seq is null limit 1"):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
