"""Postings are granted and ended by the offices, over their own ground, and nobody grants more than they hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.languages import check_languages
from tests.reference.rows import Row, Rows, posting_of, principal_of, random_rows, read, write
from tests.reference.sight import Sight
from tests.test_commands import (
    BUREAU,
    BUREAU_B,
    CADRE,
    CADRE_2,
    CADRE_B,
    CITY,
    CITY_2,
    COUNTY,
    COUNTY_B,
    HELPER,
    LOOKER,
    NOWHERE,
    TOWN,
    VILLAGE,
    VILLAGE_B,
    House,
    built,
)
from tests.test_commands import UNITS as UNITS_OF_HOUSE
from tests.test_policy import CROWDED, ENFORCER, UNITS, postings, reaches
from tests.test_policy import principal_of as principal_with

from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.principal import Path, Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.actions import Action, ScopeKind
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.granting import BY_PERSON, LENT, excess
from lxbc_graph.store.database import Database
from lxbc_graph.write import EndPosting, GrantPosting, Outcome
from lxbc_graph.write.commands import _once, utc_now
from lxbc_graph.write.unit_of_work import UnitOfWork

pytestmark = pytest.mark.anyio

OF_THE_CITY = {Role.CITY_LEADER, Role.CITY_OFFICE, Role.SERVICE_GROUP, Role.ADMIN}


@pytest.fixture
async def house(database: Database) -> House:
    return await built(database)


def at(role: Role, unit: int = TOWN, *, cadre: int = HELPER) -> GrantPosting:
    if role is Role.DEPARTMENT:
        return GrantPosting(role, cadre_id=cadre, department_id=BUREAU)
    return GrantPosting(role, cadre_id=cadre, unit_id=unit)


# --- who may


@pytest.mark.parametrize("role", Role)
async def test_the_city_grants_every_role_and_a_county_those_that_end_in_it(house: House, role: Role) -> None:
    command = at(role, cadre=CADRE)
    posting = await house.well("office" if role not in OF_THE_CITY else "city_office", command)
    (row,) = await house.rows("select * from posting where id = $1", posting)
    assert (row["role"], row["cadre_id"], row["valid_to"]) == (role, CADRE, None)
    assert row["unit_id"] == (COUNTY if role is Role.DEPARTMENT else TOWN)
    if role in OF_THE_CITY:
        error = await house.refused("office", at(role, cadre=HELPER))
        assert (error.code, error.field) == (ErrorCode.FORBIDDEN, ("role",))
        assert (await house.refused("office", EndPosting(posting))).code is ErrorCode.FORBIDDEN
        await house.well("city_office", EndPosting(posting))
    else:
        await house.well("office", EndPosting(posting))
    (ended,) = await house.rows("select * from posting where id = $1", posting)
    assert ended == {**row, "valid_to": ended["valid_to"]}, "it stays as history"
    assert ended["valid_to"] is not None


async def test_whoever_grants_nothing_is_refused_and_what_is_hidden_does_not_exist(house: House) -> None:
    posting = await house.well("city_office", at(Role.CADRE))
    for who in house.people:
        granting, ending = await house.do(who, at(Role.CADRE, TOWN)), await house.do(who, EndPosting(posting))
        codes = {error.code for outcome in (granting, ending) for error in outcome.errors}
        if who in ("office", "city_office"):
            assert codes <= {ErrorCode.CONFLICT}, who
        else:
            assert codes <= {ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND}, who
            assert len(codes) in (1, 2), who


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (GrantPosting(Role.CADRE, cadre_id=HELPER, unit_id=VILLAGE_B), "unitId"),
        (GrantPosting(Role.COUNTY_OFFICE, cadre_id=HELPER, unit_id=CITY), "unitId"),
        (GrantPosting(Role.CADRE, cadre_id=HELPER, unit_id=CITY_2), "unitId"),
        (GrantPosting(Role.CADRE, cadre_id=HELPER, unit_id=NOWHERE), "unitId"),
        (GrantPosting(Role.DEPARTMENT, cadre_id=HELPER, department_id=BUREAU_B), "departmentId"),
        (GrantPosting(Role.CADRE, cadre_id=CADRE_B, unit_id=VILLAGE), "cadreId"),
        (GrantPosting(Role.CADRE, cadre_id=CADRE_2, unit_id=VILLAGE), "cadreId"),
        (GrantPosting(Role.CADRE, cadre_id=NOWHERE, unit_id=VILLAGE), "cadreId"),
        (GrantPosting(Role.PORTAL, account="office_b", unit_id=COUNTY), "account"),
        (GrantPosting(Role.PORTAL, account="city_office", unit_id=COUNTY), "account"),
        (GrantPosting(Role.PORTAL, account="city_office_2", unit_id=COUNTY), "account"),
        (GrantPosting(Role.PORTAL, account="nobody at all", unit_id=COUNTY), "account"),
        (EndPosting(NOWHERE), "postingId"),
    ],
)
async def test_what_lies_beyond_the_county_answers_as_what_does_not_exist(
    house: House, command: Any, field: str
) -> None:
    error = await house.refused("office", command)
    assert (error.code, error.field) == (ErrorCode.NOT_FOUND, (field,))
    assert error.message == "No such object."


async def test_a_county_ends_nothing_beside_it_nor_above_it(house: House) -> None:
    for who in ("office_b", "city_office", "city_leader", "city_office_2"):
        posting = house.people[who].postings[0].id
        assert (await house.refused("office", EndPosting(posting))).code is ErrorCode.NOT_FOUND


async def test_an_account_is_known_where_it_is_posted_or_when_it_is_posted_nowhere(house: House) -> None:
    await house.database.pool.execute(
        "insert into account (name, display_name, city_id) values ('new', '新', $1)", CITY
    )
    portal = await house.well("office", GrantPosting(Role.PORTAL, account="portal", unit_id=TOWN))
    new = await house.well("office", GrantPosting(Role.SCREEN, account="new", unit_id=TOWN))
    rows = await house.rows("select account_id, cadre_id from posting where id = any($1)", [portal, new])
    assert all(row["account_id"] is not None and row["cadre_id"] is None for row in rows)
    # The other county had none of it to see before, and has not now.
    assert (
        await house.refused("office_b", GrantPosting(Role.SCREEN, account="new", unit_id=COUNTY_B))
    ).code is ErrorCode.NOT_FOUND


# --- what follows


async def test_the_holder_reaches_what_was_granted_until_it_is_ended(house: House) -> None:
    accounts = Accounts(house.database.pool, 0)

    async def held() -> set[tuple[Role, int]]:
        principal = await accounts.principal("helper")
        assert principal is not None
        return {(posting.role, posting.path.unit_id) for posting in principal.postings}

    before = await held()
    posting = await house.well("office", at(Role.INSPECTOR, TOWN))
    assert await held() == before | {(Role.INSPECTOR, TOWN)}
    (cadre,) = await house.rows("select reach from cadre where id = $1", HELPER)
    assert {CITY, COUNTY, TOWN} <= set(cadre["reach"])
    assert cadre["reach"] == sorted(set(cadre["reach"]))
    await house.well("office", EndPosting(posting))
    assert await held() == before


async def test_one_is_something_somewhere_once_at_a_time(house: House) -> None:
    posting = await house.well("office", at(Role.INSPECTOR, TOWN))
    error = await house.refused("office", at(Role.INSPECTOR, TOWN))
    assert (error.code, error.field) == (ErrorCode.CONFLICT, ("role",))
    await house.well("office", at(Role.INSPECTOR, COUNTY))
    await house.well("office", at(Role.ASSESSOR, TOWN))
    await house.well("office", EndPosting(posting))
    error = await house.refused("office", EndPosting(posting))
    assert (error.code, error.field) == (ErrorCode.CONFLICT, ("postingId",))
    await house.well("office", at(Role.INSPECTOR, TOWN))


async def test_of_many_that_grant_the_same_at_once_one_does(house: House) -> None:
    outcomes = await asyncio.gather(*(house.do("office", at(Role.INSPECTOR, TOWN)) for _ in range(6)))
    assert sum(outcome.row_id is not None for outcome in outcomes) == 1
    assert {error.code for outcome in outcomes for error in outcome.errors} == {ErrorCode.CONFLICT}
    (posting,) = [outcome.row_id for outcome in outcomes if outcome.row_id is not None]
    endings = await asyncio.gather(*(house.do("office", EndPosting(posting)) for _ in range(6)))
    assert sum(outcome == Outcome(posting) for outcome in endings) == 1


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (GrantPosting(Role.CADRE, unit_id=TOWN), {"cadreId", "account"}),
        (GrantPosting(Role.CADRE, cadre_id=HELPER, account="portal", unit_id=TOWN), {"cadreId", "account"}),
        (GrantPosting(Role.CADRE, cadre_id=HELPER), {"unitId"}),
        (GrantPosting(Role.CADRE, cadre_id=HELPER, unit_id=TOWN, department_id=BUREAU), {"departmentId"}),
        (GrantPosting(Role.DEPARTMENT, cadre_id=HELPER, unit_id=TOWN), {"departmentId", "unitId"}),
        (GrantPosting(Role.DEPARTMENT, cadre_id=HELPER), {"departmentId"}),
        (GrantPosting(Role.CADRE, account=" ", unit_id=TOWN), {"account"}),
        (GrantPosting(Role.CADRE, account="a\0b", unit_id=TOWN), {"account"}),
    ],
)
async def test_a_posting_has_one_holder_and_one_place(
    house: House, command: GrantPosting, fields: set[str]
) -> None:
    outcome = await house.do("office", command)
    assert {error.code for error in outcome.errors} == {ErrorCode.INVALID_INPUT}
    assert {error.field[0] for error in outcome.errors} == fields


async def test_nobody_is_posted_where_a_unit_is_closed(house: House) -> None:
    await house.database.pool.execute("update unit set valid_to = '2023-01-01' where id = $1", TOWN)
    for account in ("helper", "nobody"):  # it tells of no account whether there is one
        error = await house.refused("office", GrantPosting(Role.INSPECTOR, account=account, unit_id=TOWN))
        assert (error.code, error.field) == (ErrorCode.INVALID_INPUT, ("unitId",))


# --- nobody lends to who lends


async def posted(house: House, name: str, role: Role, unit: int, cadre: int | None = None) -> None:
    """Write an account and a posting of its own, or of it and its cadre, where nobody grants what is asked."""
    path = UNITS_OF_HOUSE[unit][1]
    await house.database.pool.execute(
        """
        with new as (
            insert into account (name, display_name, city_id, cadre_id) values ($1, $1, $2, $3)
            on conflict (name) do update set display_name = excluded.display_name returning id
        )
        insert into posting (account_id, role, valid_from, unit_id, city_id, county_id, township_id, village_id)
        select id, $4, '2020-01-01', $5, $2, $6, $7, $8 from new
        """,
        *(name, path.city_id, cadre, role, unit, path.county_id, path.township_id, path.village_id),
    )


LENDING = [Role.TOWNSHIP_OFFICE, Role.VILLAGE_OFFICIAL, Role.CADRE, Role.INSPECTOR, Role.COUNTY_LEADER]


@pytest.mark.parametrize("role", [*LENDING, Role.DEPARTMENT])
async def test_an_office_is_lent_nothing_by_itself_nor_by_another_that_grants(
    house: House, role: Role
) -> None:
    await posted(house, "colleague", Role.COUNTY_OFFICE, COUNTY)
    command = at(role)
    for granter in ("office", "city_office"):
        for holder in ("office", "colleague"):
            error = await house.refused(granter, replace(command, cadre_id=None, account=holder))
            assert (error.code, error.field) == (ErrorCode.FORBIDDEN, ("role",)), (granter, holder)
    assert await house.well("office", GrantPosting(Role.PORTAL, account="office", unit_id=TOWN))


@pytest.mark.parametrize("role", [Role.TOWNSHIP_OFFICE, Role.VILLAGE_OFFICIAL, Role.DEPARTMENT])
async def test_to_do_what_is_handed_to_itself_is_not_to_do_what_is_handed_to_others(
    house: House, role: Role
) -> None:
    await posted(house, "colleague", Role.CITY_OFFICE, CITY)
    for holder in ("city_office", "colleague"):
        error = await house.refused("city_office", replace(at(role), cadre_id=None, account=holder))
        assert (error.code, error.field) == (ErrorCode.FORBIDDEN, ("role",)), holder


async def test_an_office_is_what_it_is_once_more(house: House) -> None:
    again = GrantPosting(Role.CITY_OFFICE, account="city_office", unit_id=CITY)
    outcome = await house.do("city_office", again)
    assert ErrorCode.FORBIDDEN not in {error.code for error in outcome.errors}


async def test_what_a_cadre_is_and_what_its_account_is_are_one(house: House) -> None:
    await posted(house, "helper", Role.COUNTY_OFFICE, COUNTY, HELPER)
    by_cadre = GrantPosting(Role.INSPECTOR, cadre_id=HELPER, unit_id=TOWN)
    by_account = GrantPosting(Role.INSPECTOR, account="helper", unit_id=TOWN)
    for command in (by_cadre, by_account):
        assert (await house.refused("office", command)).code is ErrorCode.FORBIDDEN


async def test_who_is_lent_something_does_not_come_to_grant_there(house: House) -> None:
    office = GrantPosting(Role.COUNTY_OFFICE, cadre_id=LOOKER, unit_id=COUNTY)
    assert (await house.refused("office", office)).code is ErrorCode.FORBIDDEN
    (helps,) = house.people["looker"].postings
    await house.well("office", EndPosting(helps.id))
    await house.well("office", office)


async def test_an_office_may_be_lent_something_where_it_grants_nothing(house: House) -> None:
    await posted(house, "colleague", Role.INSPECTOR, COUNTY_B)
    await house.well("city_office", GrantPosting(Role.COUNTY_OFFICE, account="colleague", unit_id=COUNTY))
    to_the_city = GrantPosting(Role.CITY_OFFICE, account="colleague", unit_id=CITY)
    assert (await house.refused("city_office", to_the_city)).code is ErrorCode.FORBIDDEN


# --- nobody grants more than they hold


def test_what_is_excepted_is_what_is_written_down() -> None:
    assert set(LENT) == {
        *(Action.ISSUE_REPORT, Action.ISSUE_WITHDRAW, Action.ISSUE_INSPECT_TOWNSHIP),
        *(Action.ISSUE_LOOK_BACK_CADRE, Action.ISSUE_LOOK_BACK_INSPECTOR),
    }
    assert set(LENT.values()) == {Action.UNIT_READ, Action.ISSUE_READ}
    assert {ScopeKind.OWN, ScopeKind.ASSIGNED} == BY_PERSON
    for action in LENT:
        assert not ENFORCER.scopes(Role.COUNTY_OFFICE, action), "what it has needs no exception"


class Drawn:
    """A policy that nobody would write."""

    def __init__(self, rows: frozenset[tuple[Role, Action, ScopeKind]]) -> None:
        self._rows = rows

    def scopes(self, role: Role, action: Action) -> frozenset[ScopeKind]:
        return frozenset(kind for kind in ScopeKind if (role, action, kind) in self._rows)


_FEW = (Action.UNIT_READ, Action.ISSUE_READ, Action.ISSUE_JUDGE, *LENT)
_ROLES = (Role.COUNTY_OFFICE, Role.INSPECTOR, Role.CADRE)
_rows = st.tuples(st.sampled_from(_ROLES), st.sampled_from(_FEW), st.sampled_from(ScopeKind))
policies = st.just(ENFORCER) | st.frozensets(_rows, max_size=25).map(
    lambda rows: cast("Enforcer", Drawn(rows))
)


def reached(enforcer: Enforcer, principal: Principal, action: Action, unit: Path) -> bool:
    """Whether the action reaches the unit and all that lies there, wherever that came from."""
    return any(
        reaches(kind, posting.path, unit)
        for posting in principal.postings
        for kind in enforcer.scopes(posting.role, action)
    )


@given(held=postings, role=st.sampled_from(Role), place=st.sampled_from(CROWDED), enforcer=policies)
@settings(max_examples=1000)
def test_whatever_the_policy_nothing_is_granted_that_the_granter_does_not_reach(
    held: Any, role: Role, place: Path, enforcer: Enforcer
) -> None:
    granter = principal_with(*held)
    action = excess(enforcer, granter, role, place)
    new = principal_with(replace(_ANY, role=role, path=place))
    beyond = {
        one
        for one in Action
        for unit in UNITS
        if reached(enforcer, new, one, unit) and not reached(enforcer, granter, LENT.get(one, one), unit)
    }
    if beyond:
        assert action is not None
    elif action is not None:  # it would reach what is yet to be founded, too
        assert enforcer.scopes(role, action) & {ScopeKind.SUBTREE, ScopeKind.ALL}


_ANY = posting_of(
    {"id": 1, "role": "cadre", "city_id": 1, "county_id": None, "township_id": None, "village_id": None}
    | {"department_id": None}
)


@asynccontextmanager
async def granted(
    database: Database, granter: Principal, command: GrantPosting
) -> AsyncIterator[tuple[Outcome, Row]]:
    """Do it in a transaction that is never committed; gives the row that was written."""
    async with database.engine.connect() as connection:
        work = UnitOfWork(connection, granter, ENFORCER, utc_now)
        problems = tuple(command.problems())
        outcome = Outcome(None, problems) if problems else await _once(command, work, None)
        found = await connection.exec_driver_sql(
            "select * from posting where id = $1", (outcome.row_id or 0,)
        )
        row = found.mappings().one_or_none()
        yield outcome, dict(row or {})
        await connection.rollback()


@pytest.mark.parametrize("seed", [1, 3, 11])  # in which offices grant something
async def test_through_a_new_posting_nothing_is_reached_that_the_granter_did_not_reach(
    database: Database, seed: int
) -> None:
    """Over every row of a random world, by an oracle that knows neither scopes nor SQL."""
    await write(database, random_rows(seed))
    for table in ("posting", "audit_event"):
        await database.pool.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), 1000)")
    rows: Rows = await read(database.pool)
    now = datetime.now(UTC)
    place_only = [row for row in ENFORCER.rows if ScopeKind(row[2]) not in BY_PERSON]
    done = 0
    for account in rows["account"]:
        granter = principal_of(rows, account, now)
        if not any(ENFORCER.scopes(posting.role, Action.POSTING_GRANT) for posting in granter.postings):
            continue
        before = Sight(rows, ENFORCER.rows, granter, now)
        for command in commands_of(rows):
            async with granted(database, granter, command) as (outcome, row):
                for error in outcome.errors:
                    check_languages(error)
                if outcome.row_id is None:
                    continue
                done += 1
                holder = Principal(-1, "", "", row["city_id"], row["cadre_id"], (posting_of(row),))
                after = Sight(rows, place_only, holder, now)
                for action in Action:
                    table = "posting" if action.startswith("posting:") else _table(action)
                    for one in rows[table]:
                        if after.may(action, table, one):
                            assert before.may(LENT.get(action, action), table, one), (
                                granter,
                                row,
                                action,
                                one,
                            )
    assert done


def _table(action: Action) -> str:
    if action in (Action.ISSUE_REPORT, Action.RULE_SET):
        return "unit"
    if action is Action.AUDIT_READ:
        return "audit_event"
    return "issue" if action is Action.METRICS_READ else action.split(":")[0]


def commands_of(rows: Rows) -> list[GrantPosting]:
    """Every role at every unit or department, to somebody of that city."""
    someone = {cadre["city_id"]: cadre["id"] for cadre in rows["cadre"]}
    found = [
        GrantPosting(role, cadre_id=cadre["id"], unit_id=unit["id"])
        for unit in rows["unit"]
        for role in Role
        if role is not Role.DEPARTMENT
        for cadre in rows["cadre"]
        if cadre["city_id"] == unit["city_id"] and cadre["id"] == someone[unit["city_id"]]
    ]
    return found + [
        GrantPosting(Role.DEPARTMENT, cadre_id=someone[department["city_id"]], department_id=department["id"])
        for department in rows["department"]
    ]


async def test_refusals_are_noted_though_nothing_was_changed_and_their_failure_is_nobodys(
    house: House,
) -> None:
    await house.refused("office", at(Role.CITY_LEADER))
    (row,) = await house.rows("select * from audit_event")
    assert (row["kind"], row["account_name"]) == ("COMMAND_REFUSED", "office")
    assert '"command": "GrantPosting"' in row["detail"]
    await house.database.pool.execute("alter table audit_event rename to away")
    outcome = await house.do("office", at(Role.CITY_LEADER))
    assert [error.code for error in outcome.errors] == [ErrorCode.FORBIDDEN]
    await house.database.pool.execute("alter table away rename to audit_event")
