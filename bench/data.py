"""The measured city: real units, everything else made by SQL, the same each time for the same number of issues."""

import asyncio
import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

import lxbc_graph
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.migrate import upgrade

_PACKAGE = Path(lxbc_graph.__file__).parent
_UNITS = _PACKAGE / "demo" / "data" / "xuchang_units_2023.csv"

# Nothing here is checked row by row: what is written is right by construction.
_SETTINGS = "set session_replication_role = replica; set synchronous_commit = off; select setseed(0.4730)"

_STEPS = {
    "units": """
        create temp table numbered as
            select row_number() over (order by length(code), code) as id, * from given;
        create index on numbered (code);
        insert into unit (id, code, name, level, parent_id, city_id, county_id, township_id, village_id, valid_from)
        select u.id, u.code, u.name, u.level, parent.id, city.id, county.id, township.id, village.id, '2021-01-01'
        from numbered u
        left join numbered parent on parent.code = u.parent_code
        join numbered city on city.code = left(u.code, 4)
        left join numbered county on length(u.code) >= 6 and county.code = left(u.code, 6)
        left join numbered township on length(u.code) >= 9 and township.code = left(u.code, 9)
        left join numbered village on length(u.code) = 12 and village.code = u.code;
        create temp table village as
            select row_number() over (order by code) - 1 as place, unit.* from unit where level = 'VILLAGE';
        create unique index on village (place);
        analyze village""",
    "people": """
        insert into department (code, name, line, unit_id, city_id, county_id)
        select county.code || '-' || n, county.name || '第' || n || '局', '分线', county.id, city_id, county.id
        from unit county, generate_series(1, 30) n where level = 'COUNTY' order by county.code, n;
        insert into cadre (id, code, name, rank, title, unit_id, phone, city_id, reach)
        select n, 'C' || n, '干部' || n, case when n % 10 = 0 then 'COUNTY_CADRE' else 'STAFF' end, '副科长',
               v.county_id, '138' || lpad(n::text, 8, '0'), v.city_id,
               array[v.city_id, v.county_id, v.township_id, v.village_id]
        from generate_series(1, 2737) n
        join village v on v.place = n % (select count(*) from village);
        insert into posting (cadre_id, role, unit_id, city_id, county_id, township_id, village_id, valid_from)
        select c.id, 'cadre', v.id, v.city_id, v.county_id, v.township_id, v.village_id, '2021-07-01'
        from cadre c join village v on v.place = c.id % (select count(*) from village);
        insert into account (name, display_name, city_id, cadre_id)
        select 'cadre-' || c.code, c.name, c.city_id, c.id from cadre c order by c.id;
        with made as (
            insert into account (name, display_name, city_id)
            select role || '-' || code, name, city_id
            from (values ('CITY', 'city_office'), ('COUNTY', 'county_office'), ('TOWNSHIP', 'township_office'),
                         ('VILLAGE', 'village_official')) as office(level, role)
            join unit using (level) returning id, name)
        insert into posting (account_id, role, unit_id, city_id, county_id, township_id, village_id, valid_from)
        select made.id, split_part(made.name, '-', 1), u.id, u.city_id, u.county_id, u.township_id, u.village_id,
               '2021-07-01'
        from made join unit u on u.code = split_part(made.name, '-', 2);
        with made as (
            insert into account (name, display_name, city_id)
            select 'department-' || code, name, city_id from department returning id, name)
        insert into posting (account_id, role, department_id, unit_id, city_id, county_id, valid_from)
        select made.id, 'department', d.id, d.unit_id, d.city_id, d.county_id, '2021-07-01'
        from made join department d on 'department-' || d.code = made.name""",
    "issues": """
        insert into issue (id, number, title, description, unit_id, city_id, county_id, township_id, village_id,
                           finder_id, finder_name, finder_rank, unit_level, source, complexity, state, satisfaction,
                           reported_at, judged_at, handed_over_at, due_at, rectified_at, closed_at, updated_at)
        select n, '4110-' || lpad(n::text, 8, '0'), v.name || '第' || n || '号问题：灌溉机井"水泵"损坏',
               repeat('村民反映机井损坏，秋播前需修复；水利部门已派员到场查看，待配件到货后安装。', 5),
               v.id, v.city_id, v.county_id, v.township_id, v.village_id, c.id, c.name, c.rank, 'VILLAGE',
               (array['VISIT', 'SYMPOSIUM', 'HOTLINE'])[1 + n % 3],
               case when n % 5 = 0 then 'COMPLEX' else 'GENERAL' end, state,
               case when state = 'CLOSED' then (array['SATISFIED', 'FAIRLY_SATISFIED', 'SATISFIED'])[1 + n % 3] end,
               at, at + '1 day', at + '2 days', at + '9 days',
               case when state in ('RECTIFIED', 'CLOSED') then at + '8 days' end,
               case when state = 'CLOSED' then at + '20 days' end, at + '20 days'
        from (select n, '2021-07-01'::timestamptz + floor(random() * 1.2e8) * '1 second'::interval as at,
                     1 + floor(random() * 2737)::int as finder, floor(random() * 1e6)::int as place,
                     case when random() < 0.785 then 'CLOSED' when random() < 0.02 then 'RECTIFIED'
                          when random() < 0.5 then 'RECTIFYING' else 'FEEDBACK' end as state
              from generate_series(1, {issues}) n) made
        join village v on v.place = made.place % (select count(*) from village)
        join cadre c on c.id = finder
        order by n""",
    "assignments": """
        insert into assignment (issue_id, kind, party_unit_id, department_id, responsible_id, state, assigned_at)
        select i.id, kind, case kind when 'TERRITORIAL' then i.township_id end,
               case kind when 'DEPARTMENT' then (select d.id from department d where d.county_id = i.county_id
                                                 order by d.code offset i.id % 30 limit 1) end,
               i.finder_id, 'ACCEPTED', i.handed_over_at
        from issue i, (values ('TERRITORIAL'), ('DEPARTMENT')) as side(kind) order by i.id""",
    "events": """
        insert into event (id, seq, committed_at, issue_id, kind, from_state, to_state, actor_id, actor_name, at,
                           unit_id, city_id, county_id, township_id, village_id)
        select place, place, now(), i.id, step.kind, step.from_state, step.to_state, i.finder_id, i.finder_name,
               i.reported_at + step.number * '1 day'::interval, i.unit_id, i.city_id, i.county_id, i.township_id,
               i.village_id
        from (select i.*, n, row_number() over (order by i.id, n) as place
              from issue i join generate_series(1, 5) n on n < 5 or i.state = 'CLOSED') i
        join (values (1, 'REPORTED', null, 'REPORTED'), (2, 'JUDGED', 'REPORTED', 'ACCEPTED'),
                     (3, 'ASSIGNED', 'ACCEPTED', 'ASSIGNED'),
                     (4, 'ASSIGNMENT_ACCEPTED', 'ASSIGNED', 'RECTIFYING'),
                     (5, 'LOOKED_BACK', 'RECTIFIED', 'CLOSED'))
             as step(number, kind, from_state, to_state) on step.number = n
        order by place""",
    "sequences": """
        select setval(pg_get_serial_sequence('issue', 'id'), max(id)) from issue;
        select setval(pg_get_serial_sequence('event', 'id'), max(id)) from event""",
    "statistics": "analyze",
}


def url_of(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


async def prepare(server_url: str, issues: int, say: Callable[[str], None]) -> str:
    """Return the URL of a database with that many issues; made the first time, and again when its maker changed."""
    sources = [*sorted((_PACKAGE / "store" / "migrations").rglob("*.py")), Path(__file__), _UNITS]
    digest = hashlib.blake2s(b"".join(path.read_bytes() for path in sources), digest_size=4).hexdigest()
    name, building = f"bench_{issues}_{digest}", "bench_building"
    admin = await asyncpg.connect(server_url)
    try:
        found = {row[0] for row in await admin.fetch("select datname from pg_database")}
        if name not in found:
            for old in found:
                if old == building or old.startswith(f"bench_{issues}_"):
                    await admin.execute(f"drop database {old} with (force)")
            await admin.execute(f"create database {building}")
            # All work stays in the backends that are measured.
            await admin.execute(f"alter database {building} set max_parallel_workers_per_gather = 0")
            await asyncio.to_thread(upgrade, url_of(server_url, building))
            await _fill(url_of(server_url, building), issues, say)
            await admin.execute(f"alter database {building} rename to {name}")
    finally:
        await admin.close()
    return url_of(server_url, name)


async def token(url: str, account: str) -> str:
    """Return an access token of one of the accounts, good for an hour."""
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        return (await Tokens.open(pool, Settings())).access(account, ttl_seconds=3600)


async def _fill(url: str, issues: int, say: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_SETTINGS)
        await connection.execute(
            "create temp table given (code text, name text, level text, parent_code text)"
        )
        with _UNITS.open(encoding="utf-8", newline="") as file:
            rows = [[value or None for value in row] for row in list(csv.reader(file))[1:]]
        await connection.copy_records_to_table("given", records=rows)
        for step, sql in _STEPS.items():
            say(f"data: {step}")
            await connection.execute(sql.format(issues=issues))
        await connection.execute("vacuum")  # apart: not in the transaction of several statements
    finally:
        await connection.close()
