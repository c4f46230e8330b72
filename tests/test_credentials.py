"""What an account showed lets it in, over every transport, for as long as it holds and not a moment longer.

Through the real application; whatever is revoked ends what is open by itself, without a request that would notice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from tests.conftest import World
from tests.serving import PATIENCE, serving
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from lxbc_graph.app import create_app
from lxbc_graph.domain.words import Role
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.policy import administration, api_keys, passwords, signing_keys
from lxbc_graph.policy.api_keys import KeyScope, NoKey
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

PORTAL, OFFICE, COUNTY, TOWNSHIP = "portal", "office", "411024", "411024104"
PASSWORD = "lxbc-demo"
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", COUNTY, TOWNSHIP, "411024104226")],
    "cadres": [{"code": "zhou", "unit": COUNTY}],
    "accounts": [
        {"name": OFFICE, "postings": [{"role": "county_office", "unit": COUNTY}], "password": PASSWORD},
        {"name": PORTAL, "postings": [{"role": "portal", "unit": COUNTY}]},
        {"name": "zhou", "cadre": "zhou"},
    ],
    "issues": [{"number": "ONE", "unit": TOWNSHIP}],
}
EVENTS = "subscription { issueEvents { event { kind issue { number viewerActions } } } }"
VIEWER = "{ viewer { account } issues { nodes { number viewerActions } } }"
JUDGE = """mutation($issue: ID!) {
  judgeIssue(input: {issueId: $issue, dismissal: OUT_OF_SCOPE, reason: "因"}) { errors { code message } }
}"""


@dataclass(frozen=True)
class Service:
    """The running application and its database; tokens for it as another process would sign them."""

    url: str
    pool: "asyncpg.Pool[asyncpg.Record]"
    tokens: Tokens

    async def done(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do what the command line does."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await work(connection)

    async def key(
        self, account: str = PORTAL, scope: KeyScope = KeyScope.READ, lasts: timedelta | None = None
    ) -> api_keys.Made:
        account_id = await self.pool.fetchval("select id from account where name = $1", account)
        expires_at = None if lasts is None else datetime.now(UTC) + lasts
        made: api_keys.Made = await self.done(
            lambda c: api_keys.create(c, account_id, "test", scope, expires_at)
        )
        return made

    async def answer(self, shown: str, query: str = VIEWER, **variables: Any) -> tuple[int, Any]:
        async with httpx.AsyncClient(
            headers={"Authorization": f"Bearer {shown}"}, timeout=PATIENCE
        ) as client:
            answer = await client.post(
                f"http://{self.url}/graphql", json={"query": query, "variables": variables}
            )
        return answer.status_code, answer.json()

    async def until_refused(self, shown: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.answer(shown))[0] != 401:  # noqa: ASYNC110 - it is told to nobody
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def following(self, shown: str) -> AsyncIterator[ClientConnection]:
        """A socket that follows events, and has been sent one."""
        subprotocol = Subprotocol(SUBPROTOCOL)
        async with connect(f"ws://{self.url}/graphql", subprotocols=[subprotocol]) as socket:
            await socket.send(orjson.dumps({"type": "connection_init", "payload": {"token": shown}}).decode())
            assert orjson.loads(await socket.recv()) == {"type": "connection_ack"}
            subscribe = {"type": "subscribe", "id": "1", "payload": {"query": EVENTS}}
            await socket.send(orjson.dumps(subscribe).decode())
            await self.heard(socket)
            yield socket

    async def heard(self, socket: ClientConnection) -> Any:
        """Let something happen until the socket hears of it, and return what."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await self.pool.execute(HAPPEN)
                try:
                    async with asyncio.timeout(0.5):
                        return orjson.loads(await socket.recv())
                except TimeoutError:
                    continue

    async def kinds(self) -> list[str]:
        return [row["kind"] for row in await self.pool.fetch("select kind from audit_event order by id")]


HAPPEN = """
insert into event (issue_id, kind, from_state, to_state, actor_name, at, unit_id, city_id, county_id, township_id)
select id, 'URGED', state, state, 'writer', now(), unit_id, city_id, county_id, township_id from issue
"""


async def closing(socket: ClientConnection) -> int:
    """Return the code with which the socket is closed, whatever comes before."""
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionClosedError):
            async for _ in socket:
                pass
    assert socket.close_code is not None
    return socket.close_code


@pytest.fixture
async def service(database: Database, database_url: str, world: World) -> AsyncIterator[Service]:
    await world(WORLD)
    settings = Settings(database_url=database_url)
    async with serving(create_app(settings), lifespan=True) as url:
        yield Service(url, database.pool, await Tokens.open(database.pool, settings))


# --- API keys


async def test_a_key_is_its_account_over_http_and_in_a_socket(service: Service) -> None:
    made = await service.key()
    status, answer = await service.answer(made.text)
    assert (status, answer["data"]["viewer"]) == (200, {"account": PORTAL})
    async with service.following(made.text):
        pass
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {made.text}"}) as client:
        stream = {"Accept": "text/event-stream"}
        url = f"http://{service.url}/graphql"
        async with client.stream("GET", url, params={"query": EVENTS}, headers=stream) as answered:
            assert answered.status_code == 200


async def test_only_the_whole_key_is_one(service: Service) -> None:
    made, other = await service.key(), await service.key()
    secret = made.text.removeprefix(f"lxbc_{made.prefix}_")
    for text in (
        made.text[:-1],
        made.text + "x",
        made.text.upper(),
        f"lxbc_{other.prefix}_{secret}",
        f"lxbc_{made.prefix}_",
        f"lxbc_{made.prefix}",
        f"lxbc__{secret}",
        "lxbc_",
        "lxbc_0a1b2c3d4e5f_" + "x" * 43,
        f"lxbc_{made.prefix}_{'x' * 100_000}"[:60_000],
    ):
        status, answer = await service.answer(text)
        assert status == 401
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    rows = repr(await service.pool.fetch("select * from api_key"))
    assert secret not in rows
    assert made.prefix in rows


async def test_what_is_revoked_is_refused_and_ends_what_is_open(service: Service) -> None:
    made, other = await service.key(), await service.key()
    async with service.following(made.text) as socket, service.following(other.text) as stays:
        await service.done(lambda c: api_keys.revoke(c, made.prefix))
        assert await closing(socket) == 4403
        await service.until_refused(made.text)
        assert (await service.heard(stays))["type"] == "next", "the account itself is as it was"
    noted = await service.pool.fetchrow(
        "select kind, means, account_name, api_key from audit_event order by id desc limit 1"
    )
    assert noted is not None
    assert tuple(noted) == ("TOKEN_REFUSED", "API_KEY", PORTAL, made.prefix)
    await service.done(lambda c: api_keys.revoke(c, made.prefix))
    with pytest.raises(NoKey):
        await service.done(lambda c: api_keys.revoke(c, "nothing"))


async def test_a_key_ends_by_itself_in_the_middle_of_what_is_open(service: Service) -> None:
    made = await service.key(lasts=timedelta(seconds=4))
    async with service.following(made.text) as socket:
        assert await closing(socket) == 4403
    assert (await service.answer(made.text))[0] == 401


async def test_an_operation_on_a_socket_of_old_is_refused_once_its_key_is_revoked(service: Service) -> None:
    made = await service.key()
    async with connect(f"ws://{service.url}/graphql", subprotocols=[Subprotocol(SUBPROTOCOL)]) as socket:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": {"token": made.text}}).decode())
        await socket.recv()
        await service.done(lambda c: api_keys.revoke(c, made.prefix))
        await service.until_refused(made.text)
        ask = {"type": "subscribe", "id": "1", "payload": {"query": VIEWER}}
        await socket.send(orjson.dumps(ask).decode())
        assert await closing(socket) == 4403


async def test_a_key_changes_nothing_unless_that_was_given(service: Service) -> None:
    issue = f"Issue:{await service.pool.fetchval('select id from issue')}"
    reads = await service.key()
    writes = await service.key(scope=KeyScope.READ_WRITE)
    await service.pool.execute("update posting set role = 'county_office'")  # more than portals may
    await service.pool.execute("update api_key set roles = '{county_office}'")
    await asyncio.sleep(1.1)  # as long as a principal is trusted
    status, answer = await service.answer(reads.text, JUDGE, issue=issue)
    assert status == 200
    (error,) = answer["data"]["judgeIssue"]["errors"]
    assert error == {"code": "FORBIDDEN", "message": "This API key may only read."}
    noted = await service.pool.fetchrow("select kind, api_key, detail ->> 'command' from audit_event")
    assert noted is not None
    assert tuple(noted) == ("COMMAND_REFUSED", reads.prefix, "JudgeIssue")
    (seen,) = (await service.answer(reads.text))[1]["data"]["issues"]["nodes"]
    assert seen["viewerActions"] == []
    (offered,) = (await service.answer(writes.text))[1]["data"]["issues"]["nodes"]
    assert "JUDGE_ISSUE" in offered["viewerActions"]
    async with service.following(reads.text) as socket:
        told = await service.heard(socket)
        assert told["payload"]["data"]["issueEvents"]["event"]["issue"]["viewerActions"] == []
    assert await service.pool.fetchval("select state from issue") == "REPORTED"
    assert "COMMAND_REFUSED" in await service.kinds()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {reads.text}"}) as client:
        files = {"file": ("a.pdf", b"%PDF-1.4\n%%EOF", "application/pdf")}
        refused = await client.post(f"http://{service.url}/attachments", params={"issue": issue}, files=files)
    assert refused.status_code == 403
    _, done = await service.answer(writes.text, JUDGE, issue=issue)
    assert done["data"]["judgeIssue"] == {"errors": []}


async def test_a_key_opens_no_more_than_it_was_made_for_whatever_its_account_becomes(
    service: Service,
) -> None:
    made = await service.key(scope=KeyScope.READ_WRITE)
    actions = "{ issues { nodes { viewerActions } } }"
    before = await service.answer(made.text, actions)
    async with service.following(made.text) as socket:
        await service.pool.execute(
            """
            insert into posting (account_id, role, valid_from, unit_id, city_id, county_id, township_id, village_id)
            select account_id, 'county_office', valid_from, unit_id, city_id, county_id, township_id, village_id
            from posting where account_id = (select account_id from api_key)
            """
        )
        await asyncio.sleep(1.1)  # as long as a principal is trusted
        told = await service.heard(socket)
        assert told["payload"]["data"]["issueEvents"]["event"]["issue"]["viewerActions"] == []
    assert await service.answer(made.text, actions) == before
    later = await service.pool.execute("update posting set valid_to = now() where role = 'portal'")
    assert later == "UPDATE 1"
    await asyncio.sleep(1.1)
    assert (await service.answer(made.text, actions))[1]["data"]["issues"]["nodes"] == []


async def test_requests_that_are_not_looked_at_are_noted_once_an_hour_of_each_account(
    database: Database, database_url: str, world: World, tmp_path: Path
) -> None:
    await world(WORLD)
    manifest = tmp_path / "trusted.json"
    manifest.write_text("{}")
    limits: dict[str, Any] = {"requests_per_minute": 4, "trusted_documents": manifest, "trusted_only": True}
    settings = Settings(database_url=database_url, **limits)
    async with serving(create_app(settings), lifespan=True) as url:
        service = Service(url, database.pool, await Tokens.open(database.pool, settings))
        shown = service.tokens.access(PORTAL, 600)
        statuses = [(await service.answer(text))[0] for text in [shown] * 12 + ["nobody"] * 3]
    assert statuses.count(429) >= 4, "a minute may end meanwhile"
    rows = await database.pool.fetch(
        "select account_name, city_id, kind, detail from audit_event order by detail"
    )
    assert [(row["account_name"], row["kind"], orjson.loads(row["detail"])) for row in rows] == [
        (PORTAL, "REQUEST_REFUSED", {"code": code}) for code in ("RATE_LIMITED", "UNTRUSTED_DOCUMENT")
    ]
    assert all(row["city_id"] is not None for row in rows), "the city's office sees them"


async def test_the_same_command_is_noted_once_an_hour_and_for_a_key_that_reads_whatever_it_names(
    service: Service,
) -> None:
    key = (await service.key()).text
    for name in ("portal", "office"):
        token = service.tokens.access(name, 600)
        for shown in (token, token, key):
            for number in (1, 1, 2, 3):
                await service.answer(shown, JUDGE, issue=f"Issue:{number}")
    rows = await service.pool.fetch(
        "select account_name, detail from audit_event where kind = 'COMMAND_REFUSED'"
    )
    assert len(rows) == 2


async def test_the_use_of_a_key_is_noted_and_not_at_every_request(service: Service) -> None:
    made = await service.key()
    await asyncio.gather(*(service.answer(made.text) for _ in range(20)))
    last = "select last_used_at from api_key"
    async with asyncio.timeout(PATIENCE):
        while (first := await service.pool.fetchval(last)) is None:  # noqa: ASYNC110 - noted beside the answer
            await asyncio.sleep(0.02)
    await asyncio.sleep(1.1)
    await service.answer(made.text)
    await asyncio.sleep(0.1)
    assert await service.pool.fetchval(last) == first
    status, _ = await service.answer(f"lxbc_{made.prefix}_{'x' * 43}")
    assert status == 401


@pytest.mark.parametrize("role", Role)
async def test_only_portals_and_screens_have_keys(database: Database, world: World, role: Role) -> None:
    await world(
        {
            "units": [{"code": "4110"}],
            "accounts": [{"name": "a", "postings": [{"role": role, "unit": "4110"}]}],
        }
    )
    account_id = await database.pool.fetchval("select id from account")
    async with database.pool.acquire() as connection:
        if role in (Role.PORTAL, Role.SCREEN):
            await api_keys.create(connection, account_id, "test", KeyScope.READ, None)
            return
        with pytest.raises(NoKey):
            await api_keys.create(connection, account_id, "test", KeyScope.READ, None)


# --- tokens of our own


async def test_a_revoked_signing_key_ends_what_is_open_and_another_does_not(service: Service) -> None:
    old = service.tokens.access(OFFICE, 600)
    (kid,) = [one.kid for one in await signing_keys.listed(service.pool)]
    await service.done(lambda c: signing_keys.rotate(c, timedelta(hours=1)))
    new = (await Tokens.open(service.pool, Settings())).access(OFFICE, 600)
    assert (await service.answer(new))[0] == 200, "of a key that the process has not heard of"
    async with service.following(old) as ends, service.following(new) as stays:
        await service.done(lambda c: signing_keys.revoke(c, kid))
        assert await closing(ends) == 4403
        await service.until_refused(old)
        assert (await service.heard(stays))["type"] == "next"
    assert (await service.answer(new))[0] == 200


LOGIN = """mutation($account: String!, $password: String!) {
  login(account: $account, password: $password) { accessToken refreshToken errors { code } }
}"""
REFRESH = "mutation($token: String!) { refresh(token: $token) { refreshToken errors { code } } }"
LOGOUT = "mutation($token: String!) { logout(refreshToken: $token) { errors { code } } }"


async def anonymously(service: Service, query: str, **variables: Any) -> Any:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        body = {"query": query, "variables": variables}
        answer = await client.post(f"http://{service.url}/graphql", json=body)
    return answer.json()["data"]


async def test_a_session_from_login_to_logout(service: Service) -> None:
    session = (await anonymously(service, LOGIN, account=OFFICE, password=PASSWORD))["login"]
    assert (await service.answer(session["accessToken"]))[0] == 200
    renewed = (await anonymously(service, REFRESH, token=session["refreshToken"]))["refresh"]
    for _ in range(2):
        told = await anonymously(service, LOGOUT, token=renewed["refreshToken"])
        assert told == {"logout": {"errors": []}}
    over = (await anonymously(service, REFRESH, token=renewed["refreshToken"]))["refresh"]
    assert over == {"refreshToken": None, "errors": [{"code": "UNAUTHENTICATED"}]}
    assert await service.kinds() == ["SIGNED_IN", "SIGNED_OUT"]
    noted = await service.pool.fetchrow("select account_name, means, address from audit_event")
    assert noted is not None
    assert tuple(noted) == (OFFICE, "LOCAL", "127.0.0.1")


async def test_a_proxy_that_names_no_address_lets_nobody_guess_on(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    settings = Settings(database_url=database_url, login_attempts_per_address=3)
    async with serving(create_app(settings), lifespan=True) as url, httpx.AsyncClient() as client:
        codes = []
        for number in range(5):
            body = {"query": LOGIN, "variables": {"account": f"a{number}", "password": "x"}}
            headers = {"X-Forwarded-For": f"garbage{number}"}
            answer = await client.post(f"http://{url}/graphql", json=body, headers=headers)
            codes += [error["code"] for error in answer.json()["data"]["login"]["errors"]]
    assert codes == ["UNAUTHENTICATED"] * 3 + ["TOO_MANY_ATTEMPTS"] * 2
    assert await database.pool.fetchval("select count(distinct address) from audit_event") == 1


async def test_disabling_an_account_ends_all_that_it_has(service: Service) -> None:
    session = (await anonymously(service, LOGIN, account=OFFICE, password=PASSWORD))["login"]
    async with service.following(session["accessToken"]) as socket:
        await service.done(lambda c: administration.disable(c, OFFICE))
        assert await closing(socket) == 4403
    await service.until_refused(session["accessToken"])
    await service.done(lambda c: administration.enable(c, OFFICE))
    over = (await anonymously(service, REFRESH, token=session["refreshToken"]))["refresh"]
    assert over["errors"] == [{"code": "UNAUTHENTICATED"}], "it has to sign in anew"
    again = (await anonymously(service, LOGIN, account=OFFICE, password=PASSWORD))["login"]
    assert again["errors"] == []
    # The refusal of its token is told once, however often that comes.
    assert (await service.kinds()).count("TOKEN_REFUSED") == 1


async def test_another_password_ends_the_sign_ins_with_the_old_one(service: Service) -> None:
    session = (await anonymously(service, LOGIN, account=OFFICE, password=PASSWORD))["login"]
    hashed = passwords.hash_password("another one")
    await service.done(lambda c: administration.set_password(c, OFFICE, hashed))
    over = (await anonymously(service, REFRESH, token=session["refreshToken"]))["refresh"]
    assert over["errors"] == [{"code": "UNAUTHENTICATED"}]
    for password, good in ((PASSWORD, False), ("another one", True)):
        answer = (await anonymously(service, LOGIN, account=OFFICE, password=password))["login"]
        assert (answer["errors"] == []) is good


async def test_an_expired_token_of_a_known_account_is_noted_once_and_a_forged_one_is_not(
    service: Service,
) -> None:
    ended = service.tokens.access(OFFICE, -1)
    for _ in range(3):
        assert (await service.answer(ended))[0] == 401
        assert (await service.answer(ended[:-3]))[0] == 401
        assert (await service.answer("a.b.c"))[0] == 401
    rows = await service.pool.fetch("select kind, account_name, means from audit_event")
    assert [tuple(row) for row in rows] == [("TOKEN_REFUSED", OFFICE, "LOCAL")]


# --- postings, as they are granted and ended

GRANT = """mutation($input: GrantPostingInput!) {
  grantPosting(input: $input) { posting { id role unit { code } } errors { code message field } }
}"""
END = "mutation($id: ID!) { endPosting(input: {postingId: $id}) { posting { validTo } errors { code } } }"


async def test_what_is_granted_is_told_to_who_follows_and_what_is_ended_is_taken(service: Service) -> None:
    office, zhou = service.tokens.access(OFFICE, 600), service.tokens.access("zhou", 600)
    unit = f"Unit:{await service.pool.fetchval('select id from unit where code = $1', TOWNSHIP)}"
    cadre = f"Cadre:{await service.pool.fetchval('select id from cadre')}"
    assert (await service.answer(zhou))[1]["data"]["issues"]["nodes"] == []
    given = {"role": "INSPECTOR", "cadreId": cadre, "unitId": unit, "idempotencyKey": "once"}
    _, granted = await service.answer(office, GRANT, input=given)
    assert granted["data"]["grantPosting"]["errors"] == []
    posting = granted["data"]["grantPosting"]["posting"]
    assert (posting["role"], posting["unit"]) == ("INSPECTOR", {"code": TOWNSHIP})
    assert (await service.answer(office, GRANT, input=given))[1] == granted, "once for one key"
    async with service.following(zhou) as socket:
        _, ended = await service.answer(office, END, id=posting["id"])
        assert ended["data"]["endPosting"]["errors"] == []
        assert ended["data"]["endPosting"]["posting"]["validTo"] is not None
        async with asyncio.timeout(PATIENCE):
            while (told := orjson.loads(await socket.recv()))["type"] == "next":
                pass
        assert told["payload"][0]["extensions"]["code"] == "ACCESS_REVOKED"
    assert (await service.kinds())[-2:] == ["POSTING_GRANTED", "POSTING_ENDED"]
    row = await service.pool.fetchrow("select * from audit_event where kind = 'POSTING_GRANTED'")
    assert row is not None
    assert (row["account_name"], row["means"], row["subject"]) == (OFFICE, "LOCAL", posting["id"])
