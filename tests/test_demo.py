"""The demo is the published programme: its figures are counted in the rows, and it is the same each time."""

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url
from tests.conftest import url_of

from lxbc_graph.app import open_service
from lxbc_graph.demo.build import ACCOUNTS, Excerpt, build
from lxbc_graph.demo.cast import gather
from lxbc_graph.demo.moulds import ISSUE, Life, Moulds, play
from lxbc_graph.demo.people import PASSWORD
from lxbc_graph.demo.schedule import BEGIN, PRESENT, slots
from lxbc_graph.demo.stories import STORIES
from lxbc_graph.demo.telling import Teller
from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.machine import TRANSITIONS
from lxbc_graph.domain.words import IssueState, Level, Role
from lxbc_graph.live.relay import RELAY_LOCK
from lxbc_graph.policy.passwords import matches
from lxbc_graph.reports.units import Listed, apply_edition
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def fresh(server_url: str, template: str, name: str) -> AsyncIterator[Database]:
    admin = await asyncpg.connect(server_url)
    name = f"{name}_{admin.get_server_pid()}"
    await admin.execute(f"create database {name} template {template}")
    opened = await Database.open(
        make_url(server_url).set(database=name).render_as_string(hide_password=False), pool_size=2
    )
    try:
        yield opened
    finally:
        await opened.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


@pytest.fixture(scope="module")
async def demo(server_url: str, template: str) -> AsyncIterator[Database]:
    """A database with the whole demo, built once and only read."""
    async with fresh(server_url, template, "demo") as opened:
        await build(opened)
        yield opened


async def one(database: Database, sql: str, *values: Any) -> Any:
    return await database.pool.fetchval(sql, *values)


async def row_of(database: Database, sql: str, *values: Any) -> asyncpg.Record:
    row = await database.pool.fetchrow(sql, *values)
    assert row is not None
    return row


async def none(database: Database, sql: str) -> None:
    assert await database.pool.fetch(f"{sql} limit 5") == []


@pytest.mark.parametrize(
    ("figure", "sql"),
    [
        (2737, "select count(*) from cadre"),
        (2737, "select count(*) from posting where cadre_id is not null"),
        (2737, "select count(distinct cadre_id) from posting where valid_to is null"),
        (337, ("select count(*) from posting p join unit u on u.id = p.county_id"
              " where cadre_id is not null and u.code = '411024'")),
        (4730, "select count(*) from issue where handed_over_at is not null"),
        (4730, "select count(*) from issue"),
        (3717, "select count(*) from issue where state in ('RECTIFIED', 'CLOSED')"),
        (3712, "select count(*) from issue where state = 'CLOSED'"),
        (1013, "select count(*) from issue where state in ('ASSIGNED', 'RECTIFYING', 'FEEDBACK')"),
        (105, "select count(*) from unit where level = 'TOWNSHIP' and valid_to is null"),
        (2505, "select count(*) from unit where level = 'VILLAGE' and valid_to is null"),
        (63, "select count(*) from unit where aliases <> '{}'"),
        (5, "select count(*) from category where scheme = 'ISSUE_CLASS'"),
        (15, "select count(*) from category where scheme = 'WORK_CONTENT' and parent_id is null"),
        (50, "select count(*) from category where scheme = 'WORK_CONTENT' and parent_id is not null"),
        (9460, "select count(*) from assignment where state <> 'REASSIGNED'"),
    ],
)  # fmt: skip
async def test_a_published_figure_is_counted_in_the_rows(demo: Database, figure: int, sql: str) -> None:
    assert await one(demo, sql) == figure


async def test_every_township_and_village_has_its_cadre(demo: Database) -> None:
    """Yanling has fewer cadres than villages: there the cadre of the township serves some of its communities."""
    await none(
        demo,
        "select code from unit u where level = 'TOWNSHIP' and valid_to is null"
        " and not exists (select from posting where cadre_id is not null and unit_id = u.id)",
    )
    uncovered = await demo.pool.fetch(
        "select code from unit u where level = 'VILLAGE' and valid_to is null"
        " and not exists (select from posting where cadre_id is not null and unit_id = u.id)"
    )
    assert len(uncovered) == 71
    assert {row["code"][:6] for row in uncovered} == {"411024"}


async def test_a_cadre_is_at_home_in_the_county_or_in_the_city(demo: Database) -> None:
    await none(
        demo,
        "select c.code from cadre c join unit home on home.id = c.unit_id join posting p on p.cadre_id = c.id"
        " where p.county_id is distinct from home.county_id and home.level <> 'CITY'",
    )
    await none(
        demo,
        "select c.code from cadre c join department d on d.id = c.department_id where d.unit_id <> c.unit_id",
    )
    roles = await demo.pool.fetch("select distinct role from posting where cadre_id is not null")
    assert {row["role"] for row in roles} == {"city_leader", "county_leader", "cadre"}


async def test_reach_is_the_path_of_home_and_postings(demo: Database) -> None:
    await none(
        demo,
        "select c.code from cadre c where reach <> (select array_agg(distinct id order by id) from ("
        " select unnest(array[city_id, county_id, township_id, village_id]) as id from unit where id = c.unit_id"
        " union select unnest(array[city_id, county_id, township_id, village_id]) from posting"
        " where cadre_id = c.id) path where id is not null)",
    )


async def test_every_life_is_one_that_the_machine_allows(demo: Database) -> None:
    await none(
        demo,
        "select i.id from issue i join lateral (select * from event e where e.issue_id = i.id"
        " order by id desc limit 1) last on true where last.to_state <> i.state or last.at <> i.updated_at",
    )
    await none(
        demo,
        "select id from ("
        " select id, kind, from_state, at, lag(to_state) over w as before, lag(at) over w as earlier from event"
        " window w as (partition by issue_id order by id)) e"
        " where from_state is distinct from before or at < earlier or (before is null) <> (kind = 'REPORTED')",
    )
    await none(demo, "select issue_id from event group by 1 having count(*) < 3")
    steps = await demo.pool.fetch(
        "select distinct from_state, to_state from event where from_state is not null"
    )
    allowed = {(origin, to) for (origin, _), reached in TRANSITIONS.items() for to in reached}
    assert {(IssueState(row["from_state"]), IssueState(row["to_state"])) for row in steps} <= allowed
    await none(
        demo, "select id from issue i where version <> (select count(*) from event where issue_id = i.id)"
    )


async def test_a_mould_gives_what_the_machine_gives(demo: Database) -> None:
    async with demo.pool.acquire() as connection:
        cast = await gather(connection)
    random = Random(7)  # noqa: S311
    ids = count(1)
    lives = [
        Life(next(ids), f"number {next(ids)}", tuple(islice(ids, len(tale.script.sides))), tale)
        for tale in map(Teller(cast, random).tell, slots(1500, random))
    ]
    filled = Moulds().fill(lives)
    played = [play(life) for life in lives]
    assert filled.issues == [record for one in played for record in one.issues]
    assert filled.assignments == [record for one in played for record in one.assignments]
    assert [(*record, orjson.loads(data)) for *record, data in filled.events] == [
        (*record, dict(data)) for one in played for *record, data in one.events
    ]


async def test_every_row_that_is_named_exists(demo: Database) -> None:
    """A superuser's build does not have PostgreSQL look each of them up."""
    for table in tables.metadata.sorted_tables:
        for key in table.foreign_keys:
            await none(
                demo,
                f"select * from {table.name} x where {key.parent.name} is not null and not exists"
                f" (select from {key.column.table.name} y where y.{key.column.name} = x.{key.parent.name})",
            )


async def test_what_is_due_next_is_the_first_of_the_running_clocks(demo: Database) -> None:
    await none(
        demo,
        "select i.id from issue i where next_due_at is distinct from"
        " (select min(due_at) from clock where issue_id = i.id and running)",
    )
    assert await one(demo, "select count(distinct next_due_at) from issue") > 50


@pytest.mark.parametrize(
    ("least", "sql"),
    [
        (50, "select count(*) from assignment where state = 'REASSIGNED'"),
        (3, "select count(*) from assignment where state = 'RETURNED' and arbitrate_due_at is not null"),
        (10, "select count(*) from assignment where plan_state = 'APPROVED' and jsonb_array_length(plan) = 3"),
        (100, "select count(*) from assignment where supervised_count = 1"),
        (100, "select count(*) from assignment where urged_count = 1"),
        (200, "select count(*) from event where jsonb_array_length(data->'contacts') = 3"),
        (10, "select count(*) from event where kind = 'PLAN_DECIDED' and data ? 'dueBefore'"),
    ],
)  # fmt: skip
async def test_the_demo_shows_the_whole_workflow(demo: Database, least: int, sql: str) -> None:
    assert await one(demo, sql) >= least


async def test_issues_keep_the_rule_of_the_city(demo: Database) -> None:
    """Those of the counties hold after the demo's present."""
    kept = await demo.pool.fetch(
        "select distinct i.rules, array[r.id] as of_city from issue i join rule r on r.unit_id = i.city_id"
    )
    assert [row["rules"] for row in kept] == [row["of_city"] for row in kept]
    assert len(kept) == 1
    assert await one(demo, "select count(distinct unit_id) from rule") > 1


async def test_a_mould_gives_what_the_machine_gives_under_any_rule_of_the_city(demo: Database) -> None:
    async with demo.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        rule = await connection.fetchval(
            "insert into rule (unit_id, city_id, version, name, valid_from, settings, author_name, created_at)"
            " select id, id, 9, '', date '2021-07-01', $1, '', now() from unit where code = '4110' returning id",
            orjson.dumps(
                {"lookBackDays": 9, "days": "WORKING", "lookBackSteps": ["CADRE", "OFFICE"]}
            ).decode(),
        )
        cast = await gather(connection)
        await transaction.rollback()
    assert (cast.law.ids, cast.law.rule.look_back_days) == ((rule,), 9)
    random = Random(8)  # noqa: S311
    tales = map(Teller(cast, random).tell, slots(300, random))
    lives = [Life(1, "1", tuple(range(len(tale.script.sides))), tale) for tale in tales]
    due = ISSUE.index("look_back_due_at")
    filled, played = Moulds(cast.law).fill(lives), [play(life, cast.law) for life in lives]
    assert filled.issues == [record for one in played for record in one.issues]
    assert len({record[due] for record in filled.issues}) > 20


async def test_some_come_back_and_townships_look_first(demo: Database) -> None:
    reopened = "select count(*) from issue where reopened_count > 0"
    assert await one(demo, reopened) == await one(demo, "select count(*) from event where kind = 'REOPENED'")
    assert await one(demo, reopened) >= 20
    assert await one(demo, "select count(*) from issue where sent_back_count > 0") >= 100
    levels = await demo.pool.fetch(
        "select data->>'level' as level, count(*) as n from event where kind = 'INSPECTED' group by 1"
    )
    assert {row["level"] for row in levels if row["n"] >= 500} == {"TOWNSHIP", "OFFICE"}


async def test_rows_of_an_issue_stand_under_its_unit(demo: Database) -> None:
    for table in ("issue", "posting", "department"):
        await none(
            demo,
            f"select x.id from {table} x join unit u on u.id = x.unit_id where "
            "(x.city_id, x.county_id, x.township_id, x.village_id) is distinct from"
            " (u.city_id, u.county_id, u.township_id, u.village_id)",
        )
    await none(
        demo,
        "select e.id from event e join issue i on i.id = e.issue_id where "
        "(e.unit_id, e.city_id, e.county_id, e.township_id, e.village_id) is distinct from"
        " (i.unit_id, i.city_id, i.county_id, i.township_id, i.village_id)",
    )
    await none(
        demo,
        "select i.id from issue i join cadre c on c.id = i.finder_id join posting p on p.cadre_id = c.id"
        " where p.unit_id <> i.unit_id or c.rank <> i.finder_rank",
    )


async def test_nobody_looks_back_at_what_he_handled(demo: Database) -> None:
    await none(
        demo,
        "select e.id from event e join assignment a on a.issue_id = e.issue_id"
        " where e.kind = 'LOOKED_BACK' and e.actor_id = a.responsible_id",
    )
    await none(
        demo,
        "select checked.id from event checked join event handled using (issue_id)"
        " where checked.kind in ('INSPECTED', 'LOOKED_BACK', 'SENT_BACK')"
        " and handled.kind in ('ASSIGNMENT_ACCEPTED', 'PROGRESS_REPORTED', 'FEEDBACK_SUBMITTED')"
        " and (checked.account_id = handled.account_id or checked.actor_id = handled.actor_id)",
    )
    await none(demo, "select id from assignment where accepted_at is not null and responsible_name is null")


async def test_events_are_numbered_by_their_time_and_numbering_can_go_on(demo: Database) -> None:
    row = await row_of(demo, "select count(committed_at) as n, min(seq) as low, max(seq) as high from event")
    assert (row["low"], row["high"]) == (1, row["n"])
    await none(
        demo,
        "select id from (select id, at, lag(at) over w as earlier, lag(id) over w as prior"
        " from event window w as (order by seq)) e where at < earlier or id <= prior",
    )


async def test_what_comes_after_the_bulk_load_collides_with_nothing(demo: Database) -> None:
    for table in (
        "unit",
        "department",
        "cadre",
        "account",
        "posting",
        "category",
        "issue",
        "assignment",
        "event",
    ):
        upcoming, top = await row_of(
            demo, f"select nextval(pg_get_serial_sequence('{table}', 'id')), (select max(id) from {table})"
        )
        assert upcoming > top
    assert await one(demo, "select last from issue_number where year = 2021") == 4730
    assert await one(demo, "select max(number) from issue") == "4110-2021-004730"


async def test_some_of_those_under_way_are_overdue_and_some_are_not(demo: Database) -> None:
    counts = await demo.pool.fetch(
        "select complexity, due_at < $1 as overdue, count(*) as n from issue"
        " where state in ('ASSIGNED', 'RECTIFYING', 'FEEDBACK') group by 1, 2",
        PRESENT,
    )
    assert sum(row["n"] for row in counts) == 1013
    assert len(counts) == 4
    assert all(row["n"] >= 50 for row in counts)


async def test_everything_happens_within_the_programme_and_by_day(demo: Database) -> None:
    low, high = await row_of(demo, "select min(at), max(at) from event")
    assert BEGIN <= low < high <= PRESENT
    hours = await demo.pool.fetch(
        "select distinct extract(hour from at at time zone 'Asia/Shanghai') from event"
    )
    assert {int(row[0]) for row in hours} <= set(range(8, 20))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.unit)
async def test_a_story_has_its_seven_steps(demo: Database, story: Any) -> None:
    issue = await row_of(
        demo,
        "select i.*, u.code as unit, d.code as department from issue i join unit u on u.id = i.unit_id"
        " join assignment a on a.issue_id = i.id join department d on d.id = a.department_id where i.title = $1",
        story.title,
    )
    assert (issue["unit"], issue["department"]) == (story.unit, story.department)
    assert (issue["state"], issue["subject"], issue["description"]) == (
        "CLOSED",
        story.subject,
        story.description,
    )
    events = await demo.pool.fetch("select * from event where issue_id = $1 order by id", issue["id"])
    assert Counter(event["kind"] for event in events) == {
        "REPORTED": 1,
        "JUDGED": 1,
        "ASSIGNED": 1,
        "ASSIGNMENT_ACCEPTED": 2,
        "PROGRESS_REPORTED": 2,
        "FEEDBACK_SUBMITTED": 2,
        "INSPECTED": 1,
        "LOOKED_BACK": 1,
    }
    said = "".join(f"{event['reason']}{event['data']}" for event in events)
    for words in (
        story.judgement,
        story.handover,
        *story.measures,
        *story.progress,
        *story.feedback,
        story.visit,
    ):
        assert words in said


async def test_every_role_has_an_account_that_is_listed(demo: Database) -> None:
    rows = await demo.pool.fetch(
        "select a.name, a.password_hash, array_agg(p.role) as roles from account a join posting p"
        " on p.account_id = a.id or p.cadre_id = a.cadre_id where a.name = any($1) group by 1, 2",
        [name for name, _, _ in ACCOUNTS],
    )
    assert {row["name"] for row in rows} == {name for name, _, _ in ACCOUNTS}
    assert {role for row in rows for role in row["roles"]} == {role.value for role in Role}
    assert len({row["password_hash"] for row in rows}) == 1
    assert matches(rows[0]["password_hash"], PASSWORD)


async def test_the_readme_says_what_the_demo_answers(demo: Database, server_url: str) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", readme, re.DOTALL)
    query, answer = (
        next(text for language, text in blocks if language == kind) for kind in ("graphql", "json")
    )
    office, portal = re.findall(r"^\.venv/bin/lxbc-graph token (\S+) ", readme, re.MULTILINE)
    url = url_of(server_url, await one(demo, "select current_database()"))
    async with open_service(Settings(database_url=url, pool_size=2)) as service:

        async def asked(account: str, text: str) -> Any:
            principal = await service.accounts.principal(account)
            return orjson.loads((await service.executor.execute(Request(text), principal)).body)

        assert await asked(office, query) == orjson.loads(answer)
        assert await asked(portal, query) == {"data": {"city": None}}
        counties = await asked(portal, "{ units(filter: {level: [COUNTY]}) { nodes { name } } }")
        assert counties["data"]["units"]["nodes"] == [{"name": "鄢陵县"}]


async def test_phones_exist_nowhere(demo: Database) -> None:
    await none(demo, "select phone from cadre where phone !~ '^000-0000-[0-9]{4}$'")


OF_THE_MOMENT = {"xact_id", "password_hash", "committed_at"}


async def digest(database: Database) -> dict[str, str]:
    digests = {}
    for table in tables.metadata.sorted_tables:
        columns = [column.name for column in table.columns if column.name not in OF_THE_MOMENT]
        keys = ", ".join(column.name for column in table.primary_key)
        rows = await database.pool.fetch(f"select {', '.join(columns)} from {table.name} order by {keys}")
        digests[table.name] = hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
    return digests


async def test_two_builds_are_the_same(database: Database, server_url: str, template: str) -> None:
    told: list[tuple[str, int, int]] = []
    await build(database, 120, lambda *step: told.append(step))
    async with fresh(server_url, template, "another") as another:
        await build(another, 120)
        assert await digest(database) == await digest(another)
    assert {what for what, done, of in told if done == of} >= {"issues", "events"}


async def test_a_build_that_fails_leaves_nothing(database: Database) -> None:
    def stop(what: str, _done: int, _of: int) -> None:
        if what == "events":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await build(database, 10, stop)
    assert await one(database, "select count(*) from unit") == 0
    await build(database, 10)
    assert await one(database, "select count(*) from issue") == 10


async def test_too_few_units_are_no_ground_for_a_demo(database: Database) -> None:
    async with database.pool.acquire() as connection, connection.transaction():
        await apply_edition(connection, [Listed("4110", "许昌市", Level.CITY)], 2023)
    with pytest.raises(Excerpt, match="1 units of 4110"):
        await build(database, 10)
    assert await one(database, "select count(*) from account") == 0


async def test_who_is_no_superuser_builds_the_same(
    database: Database, server_url: str, template: str
) -> None:
    async with fresh(server_url, template, "plain") as plain:
        role = await one(plain, "select current_database()::text")
        await plain.pool.execute(
            f"create role {role} login; grant all on all tables in schema public to {role}"
        )
        await plain.pool.execute(f"grant all on all sequences in schema public to {role}")
        url = make_url(plain.url).set(username=role).render_as_string(hide_password=False)
        theirs = await Database.open(url, pool_size=2)
        try:
            assert await one(theirs, "show is_superuser") == "off"
            await build(theirs, 50)
        finally:
            await theirs.close()
            await plain.pool.execute(f"drop owned by {role}; drop role {role}")
        await build(database, 50)
        assert await digest(plain) == await digest(database)


async def test_a_relay_that_holds_the_numbering_is_not_disturbed(database: Database) -> None:
    async with database.pool.acquire() as relay:
        await relay.execute("select pg_advisory_lock($1)", RELAY_LOCK)
        await build(database, 10)
        assert await one(database, "select count(*) from event where seq is not null") == 0
        await relay.execute("select pg_advisory_unlock($1)", RELAY_LOCK)


@settings(max_examples=60)
@given(st.integers(1, 3000), st.integers())
def test_any_size_keeps_the_shares_and_the_order_of_time(issues: int, seed: int) -> None:
    made = list(slots(issues, Random(seed)))  # noqa: S311
    states = Counter(slot.state for slot in made)
    done = states[IssueState.CLOSED] + states[IssueState.RECTIFIED]
    assert len(made) == issues
    assert abs(done - issues * 3717 / 4730) <= 1
    assert abs(states[IssueState.RECTIFIED] - issues * 5 / 4730) <= 1
    assert [slot.reported_at for slot in made] == sorted(slot.reported_at for slot in made)
    for slot in made:
        steps = [
            slot.reported_at,
            slot.judged_at,
            slot.handed_over_at,
            *slot.accepted_at,
            *slot.progressed_at,
        ]
        steps += [*slot.feedback_at, slot.initially_inspected_at, slot.sent_back_at, slot.first_rectified_at]
        steps += [slot.first_closed_at, slot.reopened_at, slot.again_at, slot.rectified_at, slot.closed_at]
        asides = (slot.urged_at, slot.returned_at, slot.given_at)
        assert all(slot.handed_over_at < at for at in asides if at)
        at_work = (slot.supervised_at, slot.proposed_at, slot.decided_at)
        assert all(slot.accepted_at[1] < at < slot.progressed_at[0] for at in at_work if at)  # type: ignore[operator]
        present = [step for step in steps if step is not None]
        assert present == sorted(set(present))
        assert present[-1] <= PRESENT
        assert present[0].astimezone(SHANGHAI).date() >= BEGIN.astimezone(SHANGHAI).date()
