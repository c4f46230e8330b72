"""Access tokens prove an account until they end; refresh tokens are good once."""

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.policy import signing_keys
from lxbc_graph.policy.tokens import ALGORITHM, AUDIENCE, ISSUER, SKEW, ExpiredToken, InvalidToken, Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "k" * 48


def offline(**keys: str) -> Tokens:
    """Tokens that never ask the database: signing and verifying need none."""
    pool: Any = None
    return Tokens(pool, Settings(), keys or {"old": "o" * 48, "new": SECRET})


def signed(
    secret: str = SECRET, algorithm: str | None = ALGORITHM, kid: object = "new", **claims: object
) -> str:
    now = datetime.now(UTC)
    complete = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "iat": now, "exp": now + timedelta(minutes=1)}
    kept = {name: value for name, value in (complete | claims).items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


@given(account=st.text(min_size=1).filter(lambda text: text.isprintable()), ttl=st.integers(2, 10**9))
async def test_a_token_proves_its_account_for_its_time(account: str, ttl: int) -> None:
    before = datetime.now(UTC)
    claims = offline().verify(offline().access(account, ttl))
    assert claims.account == account
    assert abs(claims.expires_at - before - timedelta(seconds=ttl)) <= timedelta(seconds=2)


@given(place=st.integers(0), letter=st.sampled_from("Ab9_"))
async def test_a_token_changed_anywhere_proves_nothing(place: int, letter: str) -> None:
    token = signed()
    place %= len(token) - 1  # the last letter carries two bits that nobody reads
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(InvalidToken):
            offline().verify(changed)


@pytest.mark.parametrize(
    "make",
    [
        lambda: signed(secret="x" * 48),
        lambda: signed(secret="", algorithm="none"),
        lambda: signed(secret=SECRET * 2, algorithm="HS512"),
        lambda: signed(algorithm="HS384"),
        lambda: signed(kid=None),
        lambda: signed(kid="elsewhere"),
        lambda: signed(kid="old"),
        lambda: signed(iss="elsewhere"),
        lambda: signed(aud="elsewhere"),
        lambda: signed(iss=None),
        lambda: signed(aud=None),
        lambda: signed(sub=None),
        lambda: signed(iat=None),
        lambda: signed(exp=None),
        lambda: signed(iat=datetime.now(UTC) + 2 * SKEW),
        lambda: signed(exp=10**15),
        lambda: "",
        lambda: "a.b.c",
        lambda: "..",
        lambda: "许昌",
        lambda: "\ud800",
        lambda: "x" * 100_000,
    ],
)
async def test_what_was_not_signed_so_by_this_server_proves_nothing(make: Callable[[], str]) -> None:
    assert offline().verify(signed()).account == "a"
    with pytest.raises(InvalidToken):
        offline().verify(make())


async def test_another_clock_may_be_ahead_a_little_but_nothing_outlives_its_end() -> None:
    assert offline().verify(signed(iat=datetime.now(UTC) + SKEW / 2)).account == "a"
    with pytest.raises(ExpiredToken):
        offline().verify(signed(exp=datetime.now(UTC) - timedelta(seconds=1)))
    with pytest.raises(ExpiredToken):
        offline().verify(offline().access("a", 0))


async def test_the_newest_key_signs_and_every_key_verifies() -> None:
    token = offline().access("a", 60)
    assert jwt.get_unverified_header(token)["kid"] == "new"
    assert offline().verify(signed(secret="o" * 48, kid="old")).account == "a"
    with pytest.raises(InvalidToken):
        offline(old="o" * 48).verify(token)


async def test_processes_that_start_together_agree_on_one_key(database: Database) -> None:
    several = await asyncio.gather(*(Tokens.open(database.pool, Settings()) for _ in range(4)))
    assert await database.pool.fetchval("select count(*) from signing_key") == 1
    token = several[0].access("a", 60)
    assert {tokens.verify(token).account for tokens in several} == {"a"}
    await database.pool.execute(
        "insert into signing_key (kid, secret, created_at) values ('later', $1, now() + interval '1 hour')",
        SECRET,
    )
    later = await Tokens.open(database.pool, Settings())
    assert jwt.get_unverified_header(later.access("a", 60))["kid"] == "later"
    assert later.verify(token).account == "a"


@pytest.fixture
async def tokens(database: Database) -> Tokens:
    return await Tokens.open(database.pool, Settings())


@pytest.fixture
async def account(database: Database) -> int:
    return await an_account(database.pool)


async def an_account(pool: asyncpg.Pool, name: str = "city_office") -> int:
    city = await pool.fetchval(
        "insert into unit (code, name, level, city_id, valid_from)"
        " values ($1, '许昌市', 'CITY', 1, '2021-01-01') returning id",
        f"city of {name}",
    )
    found: int = await pool.fetchval(
        "insert into account (name, display_name, city_id) values ($1, $1, $2) returning id", name, city
    )
    return found


async def test_a_refresh_token_renews_both_and_once(tokens: Tokens, account: int) -> None:
    pair = await tokens.refresh_pair(account)
    seen = {pair.refresh}
    for _ in range(5):
        pair = await tokens.rotate(pair.refresh)
        assert tokens.verify(pair.access).account == "city_office"
        assert tokens.verify(pair.access).expires_at == pair.expires_at.replace(microsecond=0)
        assert pair.refresh not in seen
        seen.add(pair.refresh)


async def test_a_second_use_ends_the_family_and_no_other(
    tokens: Tokens, account: int, database: Database
) -> None:
    stolen, other = await tokens.refresh_pair(account), await tokens.refresh_pair(account)
    owner = await tokens.rotate((await tokens.rotate(stolen.refresh)).refresh)
    with pytest.raises(InvalidToken):
        await tokens.rotate(stolen.refresh)
    with pytest.raises(InvalidToken):
        await tokens.rotate(owner.refresh)
    await tokens.rotate(other.refresh)
    assert await database.pool.fetchval("select count(distinct family) from refresh_token") == 1


async def test_of_many_that_use_it_at_once_one_wins_at_most_and_the_family_ends(
    tokens: Tokens, account: int, database: Database
) -> None:
    for _ in range(8):
        first = await tokens.refresh_pair(account)
        second = await tokens.rotate(first.refresh)
        # Whichever comes first, the copy must not leave a descendant of the other alive.
        answers = await asyncio.gather(
            tokens.rotate(second.refresh), tokens.rotate(first.refresh), return_exceptions=True
        )
        assert sum(not isinstance(answer, InvalidToken) for answer in answers) <= 1
        assert await database.pool.fetchval("select count(*) from refresh_token") == 0


async def test_an_ended_one_is_refused_and_swept_at_the_next_login(
    tokens: Tokens, account: int, database: Database
) -> None:
    pair = await tokens.refresh_pair(account)
    await database.pool.execute("update refresh_token set expires_at = now()")
    for _ in range(3):
        with pytest.raises(InvalidToken):
            await tokens.rotate(pair.refresh)
    rows = await database.pool.fetch("select kind, account_name from audit_event")
    assert [tuple(row) for row in rows] == [("TOKEN_REFUSED", "city_office")], "once"
    await tokens.refresh_pair(account)
    assert await database.pool.fetchval("select count(*) from refresh_token") == 1


async def test_a_closed_account_gets_no_more(tokens: Tokens, account: int, database: Database) -> None:
    pair = await tokens.refresh_pair(account)
    await database.pool.execute("update account set disabled_at = now()")
    with pytest.raises(InvalidToken):
        await tokens.rotate(pair.refresh)
    with pytest.raises(InvalidToken):
        await tokens.refresh_pair(account)
    with pytest.raises(InvalidToken):
        await tokens.refresh_pair(account + 1)


async def test_neither_token_serves_as_the_other_and_the_table_holds_no_secret(
    tokens: Tokens, account: int, database: Database
) -> None:
    pair = await tokens.refresh_pair(account)
    with pytest.raises(InvalidToken):
        tokens.verify(pair.refresh)
    with pytest.raises(InvalidToken):
        await tokens.rotate(pair.access)
    for text in ("", "\0", "\ud800", "x" * 10_000):
        with pytest.raises(InvalidToken):
            await tokens.rotate(text)
    assert pair.refresh not in str(await database.pool.fetch("select * from refresh_token"))


# --- keys that change while processes run


async def rotated(database: Database, ttl: timedelta = timedelta(hours=1)) -> str:
    async with database.pool.acquire() as connection, connection.transaction():
        return await signing_keys.rotate(connection, ttl)


async def kids(database: Database) -> list[str]:
    return [one.kid for one in await signing_keys.listed(database.pool)]


async def test_a_process_that_runs_learns_of_a_new_key_from_the_first_token_of_it(
    tokens: Tokens, database: Database
) -> None:
    old = tokens.access("a", 60)
    kid = await rotated(database)
    other = await Tokens.open(database.pool, Settings())
    new = other.access("a", 60)
    assert jwt.get_unverified_header(new)["kid"] == kid
    with pytest.raises(InvalidToken):
        tokens.verify(new)
    claims = await asyncio.gather(*(tokens.proven(new) for _ in range(20)))
    assert {one.account for one in claims} == {"a"}
    assert tokens.verify(old).account == "a"
    assert jwt.get_unverified_header(tokens.access("a", 60))["kid"] == kid, "and signs with it from then on"


async def test_forged_kids_do_not_hammer_the_database(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    async def counted(_pool: object) -> dict[str, str]:
        nonlocal reads
        reads += 1
        return dict(tokens._keys)

    monkeypatch.setattr(signing_keys, "read", counted)
    await asyncio.gather(
        *(tokens.proven(signed(kid=f"forged {number}")) for number in range(500)), return_exceptions=True
    )
    assert reads <= 2
    before = reads
    with pytest.raises(InvalidToken):
        await tokens.proven(signed(kid="forged once more"))
    assert reads == before + 1


async def test_a_look_at_the_keys_that_fails_after_who_asked_has_left_is_no_complaint(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, said: complaints.append(said))
    asked, failing = asyncio.Event(), asyncio.Event()

    async def fails(_pool: object) -> dict[str, str]:
        asked.set()
        await failing.wait()
        raise ConnectionError

    monkeypatch.setattr(signing_keys, "read", fails)
    leaving = asyncio.create_task(tokens.proven(signed(kid="forged")))
    await asked.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    failing.set()
    assert tokens._reading is not None
    await asyncio.wait([tokens._reading])
    tokens._reading = None
    del leaving
    gc.collect()
    assert complaints == []


async def test_a_revoked_key_proves_nothing_and_another_signs_in_its_place(
    tokens: Tokens, database: Database
) -> None:
    (kid,) = await kids(database)
    token = tokens.access("a", 60)
    watching = asyncio.create_task(tokens.watch())
    async with database.pool.acquire() as connection, connection.transaction():
        assert await signing_keys.revoke(connection, kid) not in (None, kid)
    while tokens.knows(kid):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.05)
    watching.cancel()
    with pytest.raises(InvalidToken):
        await tokens.proven(token)
    assert tokens.verify(tokens.access("a", 60)).account == "a"
    with pytest.raises(signing_keys.UnknownKey):
        async with database.pool.acquire() as connection, connection.transaction():
            await signing_keys.revoke(connection, kid)


async def test_a_key_is_kept_until_its_last_token_has_ended(tokens: Tokens, database: Database) -> None:
    (first,) = await kids(database)
    await tokens.lasting_access("a", 10 * 86400)
    second = await rotated(database, timedelta(0))
    third = await rotated(database, timedelta(0))
    assert await kids(database) == [first, second, third]
    await database.pool.execute("update signing_key set needed_until = needed_until - interval '2 minutes'")
    fourth = await rotated(database, timedelta(0))
    assert await kids(database) == [first, third, fourth], (
        "the second was needed for a minute, the first for days"
    )
    await database.pool.execute("update signing_key set needed_until = needed_until - interval '10 days'")
    async with database.pool.acquire() as connection:
        assert sorted(await signing_keys.prune(connection)) == sorted([first, third])
        assert await signing_keys.prune(connection) == []
    assert await kids(database) == [fourth]


@pytest.mark.usefixtures("tokens")
async def test_many_rotations_at_once_leave_one_that_signs(database: Database) -> None:
    made = await asyncio.gather(*(rotated(database) for _ in range(4)))
    listed = await signing_keys.listed(database.pool)
    assert {one.kid for one in listed} >= set(made)
    assert [one.kid for one in listed if one.signs] == [listed[-1].kid]


# --- the end of a sign-in


async def test_logging_out_ends_the_family_again_and_again_and_no_other(
    tokens: Tokens, account: int, database: Database
) -> None:
    first, other = await tokens.refresh_pair(account), await tokens.refresh_pair(account)
    newest = await tokens.rotate(first.refresh)
    await tokens.end(first.refresh)  # one that was used already names the family as well
    with pytest.raises(InvalidToken):
        await tokens.rotate(newest.refresh)
    for text in (first.refresh, newest.refresh, "", "\ud800", "x" * 10_000):
        await tokens.end(text)
    await tokens.rotate(other.refresh)
    kinds = [row["kind"] for row in await database.pool.fetch("select kind from audit_event order by id")]
    assert kinds == ["SIGNED_OUT"]


async def test_a_second_use_is_noted(tokens: Tokens, account: int, database: Database) -> None:
    pair = await tokens.refresh_pair(account)
    await tokens.rotate(pair.refresh)
    with pytest.raises(InvalidToken):
        await tokens.rotate(pair.refresh)
    row = await database.pool.fetchrow("select kind, account_name from audit_event")
    assert row is not None
    assert tuple(row) == ("TOKEN_REUSED", "city_office")


async def test_whoever_logs_out_while_renewing_is_out(
    tokens: Tokens, account: int, database: Database
) -> None:
    for _ in range(8):
        pair = await tokens.refresh_pair(account)
        await asyncio.gather(tokens.rotate(pair.refresh), tokens.end(pair.refresh), return_exceptions=True)
        assert await database.pool.fetchval("select count(*) from refresh_token") == 0
