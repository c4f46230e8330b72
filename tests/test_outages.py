"""The database goes away and comes back: what clients are told meanwhile, and that nothing else is amiss."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from tests.outages import Door, door, end_connections, host
from tests.reference.agreement import parse
from tests.reference.neighbours import CITY, HERE, neighbours
from tests.reference.rows import PATH, posting_of, write
from tests.reference.served import executor_on
from tests.serving import PATIENCE

from lxbc_graph import store
from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.schema.execute import Executor, Request, Response
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

ROWS = neighbours()
UNITS = {row["code"]: row for row in ROWS["unit"]}
OFFICE = next(row for row in ROWS["account"] if row["name"] == f"office-{CITY}")
PATH_OF_CITY = {column: UNITS[CITY][column] for column in PATH}
PRINCIPAL = Principal(
    OFFICE["id"],
    OFFICE["name"],
    OFFICE["display_name"],
    OFFICE["city_id"],
    None,
    (posting_of({**ROWS["posting"][0], **PATH_OF_CITY, "role": Role.CITY_OFFICE, "department_id": None}),),
)

READ = "{ issues { totalCount } }"
REPORT = f"""
mutation {{
  reportIssue(input: {{unitId: "Unit:{UNITS[HERE]["id"]}", title: "题", description: "文", source: VISIT}}) {{
    issue {{ state }}
    errors {{ code }}
  }}
}}
"""
LOGIN = 'mutation { login(account: "a", password: "b") { errors { code } } }'
FOLLOW = "subscription { issueEvents { cursor event { kind } } }"

MESSAGES = {
    "UNAVAILABLE": "The data is out of reach; try again.",
    "TIMEOUT": "The operation took too long.",
}


async def ask(executor: Executor, text: str) -> Any:
    return parse((await executor.execute(Request(text), PRINCIPAL)).body)


async def follow(executor: Executor) -> Any:
    """The refusal of a subscription."""
    started = await executor.subscribe(Request(FOLLOW), PRINCIPAL)
    assert isinstance(started, Response)
    return parse(started.body)


def said(answer: Any) -> str:
    """The code of an answer that is one error, and says no more than what it means."""
    (error,) = answer["errors"]
    assert error["message"] == MESSAGES[error["extensions"]["code"]]
    assert error.keys() <= {"message", "path", "extensions"}
    assert error["extensions"].keys() == {"code", "messageZh"}
    assert answer["data"] is None or set(answer["data"].values()) == {None}
    return str(error["extensions"]["code"])


@pytest.fixture
def way(database_url: str) -> Iterator[Door]:
    with door(database_url) as found:
        yield found


@pytest.fixture
async def behind(way: Door) -> AsyncIterator[Database]:
    opened = await Database.open(way.url, pool_size=4)
    await write(opened, ROWS)
    yield opened
    await opened.close()


async def test_reads_are_right_though_every_connection_has_ended(behind: Database, database_url: str) -> None:
    executor = await executor_on(behind)
    expected = await ask(executor, READ)
    for _ in range(3):
        assert await asyncio.gather(*(ask(executor, READ) for _ in range(8))) == [expected] * 8
        end_connections(database_url)
    assert expected["data"]["issues"]["totalCount"] > 0


async def test_the_first_change_after_every_connection_has_ended_is_made(
    behind: Database, database_url: str
) -> None:
    executor = await executor_on(behind)
    done = {"data": {"reportIssue": {"issue": {"state": "REPORTED"}, "errors": []}}}
    assert await ask(executor, REPORT) == done
    end_connections(database_url)
    await ask(executor, READ)  # by now the loop has seen that they ended
    assert await ask(executor, REPORT) == done


async def test_while_the_database_is_away_everybody_is_told_so(behind: Database, way: Door) -> None:
    executor = await executor_on(behind)
    expected = await ask(executor, READ)
    for _ in range(2):
        way.shut()
        for text in (READ, REPORT, LOGIN):
            assert said(await ask(executor, text)) == "UNAVAILABLE"
        assert said(await follow(executor)) == "UNAVAILABLE"
        way.open()
        assert await ask(executor, READ) == expected
        assert (await ask(executor, LOGIN))["data"]["login"]["errors"]
    answer = await ask(executor, REPORT)
    assert answer["data"]["reportIssue"]["errors"] == []
    count = await ask(executor, READ)
    assert count["data"]["issues"]["totalCount"] == expected["data"]["issues"]["totalCount"] + 1


@pytest.mark.usefixtures("behind")  # who writes the rows
async def test_what_takes_too_long_is_told_so(database_url: str) -> None:
    hasty = await Database.open(database_url, pool_size=2, statement_timeout_ms=50)
    executor = await executor_on(hasty)
    locker = await asyncpg.connect(database_url)
    async with locker.transaction():
        await locker.execute("lock table issue in access exclusive mode")
        for text in (READ, REPORT):
            assert said(await ask(executor, text)) == "TIMEOUT"
    assert "errors" not in await ask(executor, READ)
    assert "errors" not in await ask(executor, REPORT)
    await locker.close()
    await hasty.close()


@pytest.mark.usefixtures("behind")  # who writes the rows
async def test_a_database_whose_host_has_vanished_hangs_nobody(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.database, "_CONNECT_SECONDS", 2)
    async with host(database_url) as (url, there):
        database = await Database.open(url, pool_size=2, statement_timeout_ms=2000)
        executor = await executor_on(database)
        assert "errors" not in await ask(executor, READ)
        there.vanish()
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):  # on connections that were there, and on new ones
                answers = await asyncio.gather(*(ask(executor, text) for text in (READ, REPORT, LOGIN)))
                assert [said(answer) for answer in answers] == ["UNAVAILABLE"] * 3
            await database.close()


async def test_a_server_asks_whether_the_host_of_a_session_is_still_there(database: Database) -> None:
    """One that has vanished holds its locks no longer than that; over a Unix socket there is nothing to ask."""
    settings = "select name, reset_val::int from pg_settings where name ~ '^tcp_' and context = 'user'"
    asked = {name: value for name, value in await database.pool.fetch(settings)}  # noqa: C416 - records
    idle, interval, count = (asked[f"tcp_keepalives_{what}"] for what in ("idle", "interval", "count"))
    assert 0 < idle + interval * count < 20
    assert 0 < asked["tcp_user_timeout"] < 20_000
