"""A bearer token makes a principal; anything else in the header is refused in the same way."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from lxbc_graph.domain.principal import Credential
from lxbc_graph.domain.words import Means
from lxbc_graph.http import authenticate as module
from lxbc_graph.http.authenticate import Authenticator, Unauthenticated
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.api_keys import ApiKeys
from lxbc_graph.policy.audit import Audit
from lxbc_graph.policy.tokens import Claims, Tokens, unverified
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio


class CountedTokens(Tokens):
    """Tokens that count how often a signature is checked."""

    verified = 0

    def verify(self, token: str) -> Claims:
        self.verified += 1
        return super().verify(token)


@pytest.fixture
async def tokens(database: Database) -> CountedTokens:
    city = await database.pool.fetchval(
        "insert into unit (code, name, level, city_id, valid_from)"
        " values ('4110', '许昌市', 'CITY', 1, '2021-01-01') returning id"
    )
    await database.pool.execute(
        "insert into account (name, display_name, city_id) values ('one', '壹', $1)", city
    )
    keys = (await Tokens.open(database.pool, Settings()))._keys
    return CountedTokens(database.pool, Settings(), keys)


@pytest.fixture
def authenticator(tokens: CountedTokens, database: Database) -> Authenticator:
    pool = database.pool
    return Authenticator(tokens, Accounts(pool, 0), ApiKeys(pool, 0), None, Audit(pool))


async def test_without_a_header_nobody_asks(authenticator: Authenticator) -> None:
    assert await authenticator(None) is None


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   ", " Bearer "])
async def test_a_token_makes_its_principal_until_it_ends(
    authenticator: Authenticator, tokens: Tokens, scheme: str
) -> None:
    token = tokens.access("one", 60)
    principal = await authenticator(scheme + token)
    assert principal is not None
    assert principal.account == "one"
    assert principal.expires_at == tokens.verify(token).expires_at


async def test_whatever_else_is_sent_is_a_401_that_names_the_scheme(
    authenticator: Authenticator, tokens: Tokens
) -> None:
    good = tokens.access("one", 60)
    for header in (
        "",
        "Bearer",
        "Bearer ",
        good,
        f"Basic {good}",
        f"Bearer {good} {good}",
        f"Bearer{good}",
        f'Bearer "{good}"',
        f"Bearer {good[:-5]}",
        f"Bearer {tokens.access('one', -1)}",
        f"Bearer {tokens.access('nobody', 60)}",
        "Bearer 许昌",
    ):
        with pytest.raises(Unauthenticated) as refused:
            await authenticator(header)
        assert (refused.value.status, refused.value.code) == (401, "UNAUTHENTICATED")
        value = refused.value.headers["WWW-Authenticate"]
        assert value.startswith("Bearer ")
        assert value.isascii()
        assert value.isprintable()
        assert good not in value


async def test_a_signature_is_checked_once_and_the_account_every_time(
    authenticator: Authenticator, tokens: CountedTokens, database: Database
) -> None:
    header = f"Bearer {tokens.access('one', 60)}"
    for _ in range(3):
        assert await authenticator(header) is not None
    assert tokens.verified == 1
    await database.pool.execute("update account set disabled_at = now()")
    with pytest.raises(Unauthenticated):
        await authenticator(header)


async def test_a_remembered_token_ends_when_it_ends(authenticator: Authenticator, tokens: Tokens) -> None:
    ended = tokens.access("one", -1)
    shown = Credential(Means.LOCAL, tokens._kid)
    authenticator._verified[ended] = Claims("one", datetime.now(UTC) - timedelta(seconds=1), shown)
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator(f"Bearer {ended}")


async def test_only_good_tokens_are_remembered_and_not_without_bound(
    authenticator: Authenticator, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    with pytest.raises(Unauthenticated):
        await authenticator("Bearer a.b.c")
    assert not authenticator._verified
    used = [tokens.access("one", ttl) for ttl in (60, 70, 80)]
    for token in (used[0], used[1], used[0], used[2]):
        await authenticator(f"Bearer {token}")
    assert list(authenticator._verified) == [used[0], used[2]]


async def test_a_token_has_one_text_and_an_end(authenticator: Authenticator, tokens: Tokens) -> None:
    token = tokens.access("one", 60)
    long = jwt.encode(
        {**unverified(token), "more": "x" * 20_000},
        tokens._keys[tokens._kid],
        headers={"kid": tokens._kid},
    )
    assert tokens.verify(long).account == "one"
    for text in (long, f"{token}=", f"{token[:-5]}!!!!{token[-5:]}"):
        with pytest.raises(Unauthenticated):
            await authenticator(f"Bearer {text}")
    assert not authenticator._verified


async def test_what_has_not_the_form_of_an_api_key_is_not_remembered(
    tokens: Tokens, database: Database
) -> None:
    api_keys = ApiKeys(database.pool, 60)
    authenticator = Authenticator(tokens, Accounts(database.pool, 0), api_keys, None, Audit(database.pool))
    secret = "x" * 43
    for text in (
        f"lxbc_{'a' * 200_000}_{secret}",
        f"lxbc_{'a' * 11}_{secret}",
        f"lxbc_{'a' * 13}_{secret}",
        f"lxbc_{'A' * 12}_{secret}",
        f"lxbc_{'١' * 12}_{secret}",
        f"lxbc_{'a' * 12}_{secret}x",
    ):
        assert await api_keys.key(text) is None
        with pytest.raises(Unauthenticated):
            await authenticator(f"Bearer {text}")
        assert len(api_keys._found) == 0
    with pytest.raises(Unauthenticated):
        await authenticator(f"Bearer lxbc_{'a' * 12}_{secret}")
    assert len(api_keys._found) == 1
