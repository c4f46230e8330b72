"""A password opens its account and no other, and only so many are looked at, however many guess at once."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.served import executor_on
from tests.test_accounts import a_unit, an_account

from lxbc_graph.policy import passwords, sign_in
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.audit import ADDRESS
from lxbc_graph.policy.sign_in import SignIns, TooManyAttempts
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

PASSWORD, WRONG = "许昌 2021", "许昌 2022"
LIMIT = 3


@pytest.fixture
async def city(database: Database) -> int:
    return await a_unit(database.pool, "4110", "CITY")


@pytest.fixture
async def one(database: Database, city: int) -> int:
    return await an_account(database.pool, city, password=PASSWORD)


async def process(database: Database, **limits: int) -> SignIns:
    """What one process on the database has; another one has another."""
    accounts = Accounts(database.pool, 0)
    given = Settings.model_validate({"login_attempts": LIMIT, "login_attempts_per_address": 1000, **limits})
    return await SignIns.open(database.pool, accounts, given)


async def tried(sign_ins: SignIns, name: str = "one", password: str = WRONG) -> str:
    try:
        principal = await sign_ins.authenticate(name, password)
    except TooManyAttempts:
        return "locked"
    return "refused" if principal is None else principal.account


async def kinds(database: Database) -> list[str]:
    return [row["kind"] for row in await database.pool.fetch("select kind from audit_event order by id")]


async def test_only_the_password_opens_an_account(database: Database, city: int, one: int) -> None:
    sign_ins = await process(database, login_attempts=100)
    await an_account(database.pool, city, "none")
    principal = await sign_ins.authenticate("one", PASSWORD)
    assert principal is not None
    assert principal.account_id == one
    for name, password in (
        ("one", WRONG),
        ("one", ""),
        ("one", "\ud800"),
        ("none", ""),
        ("none", PASSWORD),
        ("nobody", PASSWORD),
        ("o\0ne", PASSWORD),
        ("\ud800", PASSWORD),
    ):
        assert await sign_ins.authenticate(name, password) is None
    await database.pool.execute("update account set disabled_at = now()")
    assert await sign_ins.authenticate("one", PASSWORD) is None


def test_guessing_costs_the_same_whether_or_not_the_account_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.hash_password("x")
    looked_at: list[str] = []

    class Counting:
        def verify(self, hash_: str, password: bytes) -> bool:
            looked_at.append(hash_)
            return PasswordHasher().verify(hash_, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert passwords.matches(stored, "x")
    assert not passwords.matches(None, "x")
    assert not passwords.matches("no hash at all", "x")
    assert [extract_parameters(one) for one in looked_at[:2]] == [extract_parameters(stored)] * 2
    assert len(looked_at) == 3


@given(password=st.text(max_size=40), other=st.text(max_size=40))
@settings(max_examples=5)
def test_a_hash_fits_its_password_alone(password: str, other: str) -> None:
    stored = passwords.hash_password(password)
    assert passwords.matches(stored, password)
    assert passwords.matches(stored, other) == (password == other)


@pytest.mark.parametrize("name", ["one", "nobody"])
@pytest.mark.usefixtures("one")
async def test_after_so_many_wrong_ones_a_name_is_locked_whether_or_not_there_is_one(
    database: Database, name: str
) -> None:
    first, second = await process(database), await process(database)  # processes know of each other's
    answers = [await tried(sign_ins, name) for sign_ins in (first, second, first, second, first)]
    assert answers == ["refused"] * LIMIT + ["locked"] * 2
    assert await tried(await process(database), name, PASSWORD) == "locked", (
        "after a restart, and with the right one"
    )
    assert await tried(first, "somebody else") == "refused"
    # That nobody is looked at is told once for each lock, not for each who comes.
    assert await kinds(database) == ["SIGN_IN_REFUSED"] * LIMIT + ["SIGN_IN_LOCKED", "SIGN_IN_REFUSED"]


@pytest.mark.usefixtures("one")
async def test_a_lock_ends_when_the_window_has_moved_on(database: Database) -> None:
    sign_ins = await process(database, login_window_seconds=600)
    for _ in range(LIMIT):
        await tried(sign_ins)
    with pytest.raises(TooManyAttempts) as locked:
        await sign_ins.authenticate("one", PASSWORD)
    assert 0 < locked.value.retry_after_seconds <= 600
    await database.pool.execute("update audit_event set at = at - interval '590 seconds'")
    with pytest.raises(TooManyAttempts) as sooner:
        await sign_ins.authenticate("one", PASSWORD)
    assert 0 < sooner.value.retry_after_seconds <= 10
    await database.pool.execute("update audit_event set at = at - interval '10 seconds'")
    assert await tried(sign_ins, password=PASSWORD) == "one"


@pytest.mark.usefixtures("one")
async def test_who_signs_in_is_forgiven_what_was_wrong_before(database: Database) -> None:
    sign_ins = await process(database)
    for _ in range(3):
        assert [await tried(sign_ins) for _ in range(LIMIT - 1)] == ["refused"] * (LIMIT - 1)
        assert await tried(sign_ins, password=PASSWORD) == "one"


@pytest.mark.usefixtures("one")
async def test_of_a_hundred_guesses_at_once_no_more_are_looked_at_than_the_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []
    monkeypatch.setattr(sign_in, "matches", lambda _stored, guess: looked_at.append(guess))
    processes = [await process(database) for _ in range(3)]
    answers = await asyncio.gather(
        *(tried(processes[number % 3], password=f"guess {number}") for number in range(100))
    )
    assert len(looked_at) == LIMIT
    assert sorted(answers) == ["locked"] * (100 - LIMIT) + ["refused"] * LIMIT


@pytest.mark.usefixtures("one")
async def test_an_address_is_locked_for_all_names_and_no_other_address_is(database: Database) -> None:
    sign_ins = await process(database, login_attempts_per_address=4)
    token = ADDRESS.set("192.0.2.1")
    answers = [await tried(sign_ins, f"name {number}") for number in range(6)]
    assert answers == ["refused"] * 4 + ["locked"] * 2
    assert await tried(sign_ins, password=PASSWORD) == "locked"
    ADDRESS.reset(token)
    ADDRESS.set("192.0.2.2")
    assert await tried(sign_ins, password=PASSWORD) == "one"


async def test_what_is_noted_names_the_account_and_never_what_was_typed(database: Database, one: int) -> None:
    sign_ins = await process(database)
    for name in ("my secret password", "one"):
        await tried(sign_ins, name, "another secret")
    rows = await database.pool.fetch("select * from audit_event order by id")
    assert [(row["account_id"], row["account_name"]) for row in rows] == [(None, None), (one, "one")]
    assert "secret" not in repr(rows)
    assert rows[0]["tried"] != rows[1]["tried"]


LOGIN = """mutation($account: String!, $password: String!) {
  login(account: $account, password: $password) {
    accessToken retryAfter errors { code message messageZh field }
  }
}"""


@pytest.mark.usefixtures("one")
async def test_the_answer_to_a_locked_name_says_when_and_not_whether_there_is_one(database: Database) -> None:
    executor = await executor_on(database)
    executor._context.sign_ins._of_name = LIMIT

    async def answer(name: str, password: str) -> Any:
        request = Request(LOGIN, variables={"account": name, "password": password})
        return orjson.loads((await executor.execute(request, None)).body)["data"]["login"]

    for name in ("one", "nobody"):
        for _ in range(LIMIT):
            refused = await answer(name, WRONG)
            assert [error["code"] for error in refused["errors"]] == ["UNAUTHENTICATED"]
            assert refused["retryAfter"] is None
    await database.pool.execute("update audit_event set at = (select max(at) from audit_event)")
    known, unknown = await answer("one", PASSWORD), await answer("nobody", PASSWORD)
    assert [error["code"] for error in known["errors"]] == ["TOO_MANY_ATTEMPTS"]
    assert known["accessToken"] is None
    assert 0 < known["retryAfter"] <= timedelta(minutes=15).total_seconds()
    assert known["retryAfter"] - unknown["retryAfter"] in (0, 1)
    for told in (known, unknown):
        del told["retryAfter"], told["errors"][0]["message"], told["errors"][0]["messageZh"]
    assert known == unknown
