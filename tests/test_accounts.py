"""An account is what its postings in force make it."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from lxbc_graph.domain.principal import Path, Posting
from lxbc_graph.domain.words import Role
from lxbc_graph.policy import passwords, remembered
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

FOREVER = 1e9
DAY = timedelta(days=1)


async def a_unit(pool: asyncpg.Pool, code: str, level: str, *above: int) -> int:
    """Return the id of a new unit below the given ones."""
    id_: int = await pool.fetchval("select nextval(pg_get_serial_sequence('unit', 'id'))")
    path = [*above, id_]
    await pool.execute(
        "insert into unit (id, code, name, level, valid_from, city_id, county_id)"
        " overriding system value values ($1, $2, $2, $3, '2021-01-01', $4, $5)",
        id_,
        code,
        level,
        path[0],
        path[1] if len(path) > 1 else None,
    )
    return id_


async def a_cadre(pool: asyncpg.Pool, city: int) -> int:
    return int(
        await pool.fetchval(
            "insert into cadre (code, name, rank, unit_id, city_id, reach)"
            " values ('c', '周', 'STAFF', $1::bigint, $1::bigint, array[$1::bigint]) returning id",
            city,
        )
    )


async def post(
    pool: asyncpg.Pool,
    role: str,
    *path: int,
    account: int | None = None,
    cadre: int | None = None,
    after: timedelta = -DAY,
    until: timedelta | None = None,
) -> int:
    """Return the id of a new posting, in force from ``after`` to ``until``, counted from now."""
    return int(
        await pool.fetchval(
            "insert into posting"
            " (account_id, cadre_id, role, unit_id, city_id, county_id, valid_from, valid_to)"
            " values ($1, $2, $3, $4, $5, $6, now() + $7::interval, now() + $8::interval) returning id",
            account,
            cadre,
            role,
            path[-1],
            path[0],
            path[1] if len(path) > 1 else None,
            after,
            until,
        )
    )


async def an_account(
    pool: asyncpg.Pool, city: int, name: str = "one", *, cadre: int | None = None, password: str | None = None
) -> int:
    return int(
        await pool.fetchval(
            "insert into account (name, display_name, city_id, cadre_id, password_hash)"
            " values ($1, '某', $2, $3, $4) returning id",
            name,
            city,
            cadre,
            None if password is None else passwords.hash_password(password),
        )
    )


@pytest.fixture
async def city(database: Database) -> int:
    return await a_unit(database.pool, "4110", "CITY")


async def test_a_principal_has_its_own_postings_and_its_cadres_and_no_other(
    database: Database, city: int
) -> None:
    pool = database.pool
    county = await a_unit(pool, "411024", "COUNTY", city)
    cadre = await a_cadre(pool, city)
    accounts = Accounts(pool, 0)
    one = await an_account(pool, city, cadre=cadre)
    two = await an_account(pool, city, "two")
    own = await post(pool, "inspector", city, county, account=one)
    as_cadre = await post(pool, "cadre", city, county, cadre=cadre)
    other = await post(pool, "screen", city, account=two)
    county_path = Path(city, county)

    principal = await accounts.principal("one")
    assert principal is not None
    assert (principal.account_id, principal.display_name, principal.cadre_id) == (one, "某", cadre)
    assert principal.postings == (
        Posting(own, Role.INSPECTOR, county_path),
        Posting(as_cadre, Role.CADRE, county_path),
    )
    assert await accounts.principal_by_id(one) == principal
    second = await accounts.principal("two")
    assert second is not None
    assert [posting.id for posting in second.postings] == [other]


@pytest.mark.parametrize("name", ["", "nobody", "one ", "ONE", "o\0ne", "\ud800", "x" * 100_000])
async def test_nobody_of_another_name_is_found(database: Database, city: int, name: str) -> None:
    accounts = Accounts(database.pool, 0)
    one = await an_account(database.pool, city)
    assert await accounts.principal(name) is None
    assert await accounts.principal_by_id(one + 1) is None


async def test_postings_hold_from_their_first_moment_until_before_their_last(
    database: Database, city: int
) -> None:
    accounts = Accounts(database.pool, 0)
    one = await an_account(database.pool, city)
    expected = []
    for after in range(-2, 3):
        for until in (None, *range(-2, 3)):
            id_ = await post(
                database.pool,
                "cadre",
                city,
                account=one,
                after=after * DAY,
                until=None if until is None else until * DAY,
            )
            # 0 is the moment of the insertion: it has come, whoever reads later.
            if after <= 0 and (until is None or until > 0):
                expected.append(id_)
    principal = await accounts.principal("one")
    assert principal is not None
    assert [posting.id for posting in principal.postings] == expected


async def test_a_posting_of_another_city_or_of_an_unknown_role_grants_nothing(
    database: Database, city: int
) -> None:
    elsewhere = await a_unit(database.pool, "4101", "CITY")
    accounts = Accounts(database.pool, 0)
    one = await an_account(database.pool, city)
    await post(database.pool, "city_office", elsewhere, account=one)
    await post(database.pool, "emperor", city, account=one)
    principal = await accounts.principal("one")
    assert principal is not None
    assert principal.postings == ()


async def test_a_principal_is_remembered_for_its_time(database: Database, city: int) -> None:
    remembering, fresh = Accounts(database.pool, FOREVER), Accounts(database.pool, 0)
    one = await an_account(database.pool, city)
    await post(database.pool, "cadre", city, account=one)
    before = await remembering.principal("one")
    assert before is not None
    assert len(before.postings) == 1

    await database.pool.execute("update posting set valid_to = now()")
    assert await remembering.principal("one") is before
    after = await fresh.principal("one")
    assert after is not None
    assert after.postings == ()

    await database.pool.execute("update account set disabled_at = now()")
    assert await remembering.principal("one") is before
    assert await fresh.principal("one") is None
    assert await fresh.principal_by_id(one) is None


class Counted:
    """The pool, counting the statements that go through it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.statements = 0

    async def fetch(self, *query: Any) -> list[asyncpg.Record]:
        self.statements += 1
        return await self.pool.fetch(*query)


async def test_many_at_once_cost_one_statement_even_if_the_first_hangs_up(
    database: Database, city: int
) -> None:
    await an_account(database.pool, city)
    pool: Any = Counted(database.pool)
    accounts = Accounts(pool, FOREVER)
    first, *rest = [asyncio.create_task(accounts.principal("one")) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    answers = await asyncio.gather(*rest)
    assert first.cancelled()
    assert answers[0] is not None
    assert all(answer is answers[0] for answer in answers)
    assert pool.statements == 1


async def test_a_failure_is_not_remembered(database: Database, city: int) -> None:
    accounts = Accounts(database.pool, FOREVER)
    await an_account(database.pool, city)
    await database.pool.execute("alter table posting rename to away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await accounts.principal("one")
    await database.pool.execute("alter table away rename to posting")
    assert await accounts.principal("one") is not None


async def test_strangers_cannot_fill_the_memory(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    accounts = Accounts(database.pool, FOREVER)
    for number in range(10):
        assert await accounts.principal(f"stranger {number}") is None
    assert len(accounts._remembered) == 3
