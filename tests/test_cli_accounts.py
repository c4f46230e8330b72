"""The command line of whoever looks after access: accounts, postings, keys, and what the audit says of all of it."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import anyio
import httpx
import jwt
import pytest
from tests.conftest import World
from tests.serving import PATIENCE, serving
from tests.test_cli import environment, run
from typer.testing import CliRunner

from lxbc_graph.__main__ import cli
from lxbc_graph.app import create_app
from lxbc_graph.cli.refusals import REFUSALS
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "4111", "411121")],
    "departments": [{"code": "water", "unit": "411024"}],
    "cadres": [{"code": "C1", "name": "周一", "unit": "411024"}, {"code": "C2", "unit": "411121"}],
    "accounts": [{"name": "portal", "postings": [{"role": "portal", "unit": "411024"}]}],
}
VIEWER = "{ viewer { account displayName postings { nodes { role unit { code } validTo } } } }"


@dataclass(frozen=True)
class Shell:
    """Runs commands on the test's database, which is served meanwhile."""

    settings: dict[str, Any]
    url: str

    async def __call__(self, *arguments: str, stdin: str | None = None) -> "CompletedProcess[str]":
        if stdin is None:
            return await run(*arguments, **self.settings)
        environ = environment(**self.settings)
        command = [sys.executable, "-m", "lxbc_graph", *arguments]
        done = await anyio.run_process(command, input=stdin.encode(), env=environ, check=False)
        assert b"Traceback" not in done.stderr
        return CompletedProcess(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())

    async def well(self, *arguments: str, stdin: str | None = None) -> str:
        done = await self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async def refused(self, *arguments: str, stdin: str | None = None) -> str:
        done = await self(*arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, ""), done
        return done.stderr.strip()

    async def viewer(self, token: str) -> Any:
        async with httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        ) as client:
            answer = await client.post(f"http://{self.url}/graphql", json={"query": VIEWER})
        return answer.json()["data"]["viewer"] if answer.status_code == 200 else None

    async def login(self, account: str, password: str) -> str | None:
        query = "mutation($a: String!, $p: String!) { login(account: $a, password: $p) { accessToken } }"
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            variables = {"a": account, "p": password}
            answer = await client.post(
                f"http://{self.url}/graphql", json={"query": query, "variables": variables}
            )
        token: str | None = answer.json()["data"]["login"]["accessToken"]
        return token


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - what is watched announces nothing
            await asyncio.sleep(0.1)


@pytest.fixture
async def shell(database_url: str, world: World, tmp_path: Path) -> AsyncIterator[Shell]:
    await world(WORLD)
    async with serving(create_app(Settings(database_url=database_url)), lifespan=True) as url:
        yield Shell({"data_dir": tmp_path, "LXBC_DATABASE_URL": database_url}, url)


async def test_an_account_from_its_creation_to_its_end(shell: Shell, database: Database) -> None:
    assert (
        await shell.well("accounts", "create", "li", "--cadre", "C1", "--password-stdin", stdin="a secret\n")
        == ""
    )
    token = await shell.login("li", "a secret")
    assert token is not None
    assert (await shell.viewer(token))["displayName"] == "周一"
    posting = await shell.well("postings", "grant", "--cadre", "C1", "cadre", "411024104", "--lead")

    async def is_posted() -> bool:  # who somebody is may be known for a second
        return bool((await shell.viewer(token))["postings"]["nodes"])

    await until(is_posted)
    (held,) = (await shell.viewer(token))["postings"]["nodes"]
    assert held == {"role": "CADRE", "unit": {"code": "411024104"}, "validTo": None}
    assert await database.pool.fetchval("select lead from posting where id = $1", int(posting))
    listing = await shell.well("accounts", "list")
    assert re.search(r"^ ?li +周一 +4110 +C1 +open +password +cadre@411024104 *$", listing, re.MULTILINE), (
        listing
    )
    assert posting in await shell.well("postings", "list", "--holder", "C1")

    assert await shell.well("postings", "end", posting) == ""
    assert await shell.refused("postings", "end", posting) == "The posting has ended already."
    assert posting not in await shell.well("postings", "list", "--holder", "C1")
    assert posting in await shell.well("postings", "list", "--holder", "C1", "--ended")

    await shell.well("accounts", "password", "li", "--password-stdin", stdin="another one\r\n")
    assert await shell.login("li", "a secret") is None
    assert await shell.login("li", "another one") is not None
    assert (await shell("accounts", "sign-out", "li")).stderr == "Ended 1 sign-ins of li\n"

    await shell.well("accounts", "disable", "li")

    async def is_out() -> bool:
        return await shell.viewer(token) is None

    await until(is_out)
    assert await shell.login("li", "another one") is None
    assert " disabled " in await shell.well("accounts", "list")
    await shell.well("accounts", "enable", "li")
    assert await shell.login("li", "another one") is not None

    noted = [
        json.loads(line) for line in (await shell.well("audit", "--json", "--limit", "100")).splitlines()
    ]
    kinds = [one["kind"] for one in reversed(noted)]
    assert [kind for kind in kinds if not kind.startswith("SIGN_IN_")] == [
        *("ACCOUNT_CREATED", "SIGNED_IN", "POSTING_GRANTED", "POSTING_ENDED", "PASSWORD_SET", "SIGNED_IN"),
        *("SIGNED_OUT", "ACCOUNT_DISABLED", "TOKEN_REFUSED", "ACCOUNT_ENABLED", "SIGNED_IN"),
    ]
    assert kinds.count("SIGN_IN_REFUSED") == 2
    assert "secret" not in json.dumps(noted)
    only = await shell.well("audit", "--kind", "SIGN_IN_REFUSED", "--account", "li")
    assert only.count("SIGN_IN_REFUSED") == 2
    assert "ACCOUNT" not in only


async def test_keys_from_creation_to_revocation(shell: Shell) -> None:
    text = await shell.well("api-keys", "create", "portal", "--name", "网站", "--days", "30")
    assert (await shell.viewer(text))["account"] == "portal"
    _, prefix, secret = text.split("_", 2)

    async def is_noted() -> bool:
        listing = await shell.well("api-keys", "list", "--account", "portal")
        return (
            re.search(rf"^ ?{prefix} +portal +网站 +read +\S+ \S+ +good +\S+ \S+ +20", listing, re.MULTILINE)
            is not None
        )

    await until(is_noted)
    assert secret not in await shell.well("api-keys", "list")
    assert (await shell("api-keys", "revoke", prefix)).stderr == f"Revoked {prefix}\n"

    async def is_refused() -> bool:
        return await shell.viewer(text) is None

    await until(is_refused)
    assert " revoked " in await shell.well("api-keys", "list")
    assert secret not in await shell.well("audit")

    token = await shell.well("token", "portal", "--ttl", "600")
    kid = await shell.well("keys", "rotate")
    old, listed = jwt.get_unverified_header(token)["kid"], await shell.well("keys", "list")
    assert re.search(rf"^ ?{old} .* verifies +20.*\n ?{kid} .* signs +– *$", listed, re.MULTILINE), listed
    assert (await shell.viewer(token))["account"] == "portal"
    assert (await shell.viewer(await shell.well("token", "portal")))["account"] == "portal"
    assert (await shell("keys", "prune")).stderr == "Dropped none\n"
    assert (await shell("keys", "revoke", old)).stderr == f"Revoked {old}\n"

    async def is_ended() -> bool:
        return await shell.viewer(token) is None

    await until(is_ended)
    assert re.fullmatch(
        rf"Revoked {kid}; \w+ signs in its place\n", (await shell("keys", "revoke", kid)).stderr
    )
    assert (await shell.viewer(await shell.well("token", "portal")))["account"] == "portal"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("accounts", "create", "portal", "--city", "4110"), None, "there is an account 'portal' already"),
        (("accounts", "create", "new"), None, "there are several cities: say which with --city"),
        (("accounts", "create", "new", "--city", "411024"), None, "there is no city '411024'"),
        (("accounts", "create", "new", "--cadre", "C9"), None, "there is no cadre 'C9'"),
        (
            ("accounts", "create", "new", "--cadre", "C1", "--city", "4110"),
            None,
            "the account of a cadre is of the cadre's city: name one of the two",
        ),
        (("accounts", "create", "", "--city", "4110"), None, "a name has 1 to 100 characters, all of which"),
        (
            ("accounts", "create", "x" * 101, "--city", "4110"),
            None,
            "a name has 1 to 100 characters, all of which",
        ),
        (
            ("accounts", "create", "new", "--city", "4110", "--display-name", "\t"),
            None,
            "a display name has 1 to",
        ),
        (
            ("accounts", "create", "new", "--city", "4110", "--password-stdin"),
            "short\n",
            "a password has at least 8 characters",
        ),
        (
            ("accounts", "create", "new", "--city", "4110", "--password-stdin"),
            "",
            "a password has at least 8",
        ),
        (
            ("accounts", "password", "portal"),
            "not asked for\n",
            "give the password on stdin, with --password-stdin",
        ),
        (
            ("accounts", "password", "nobody", "--password-stdin"),
            "long enough\n",
            "there is no account 'nobody'",
        ),
        (("accounts", "disable", "nobody"), None, "there is no account 'nobody'"),
        (("accounts", "enable", "nobody"), None, "there is no account 'nobody'"),
        (("accounts", "sign-out", "nobody"), None, "there is no account 'nobody'"),
        (("accounts", "link", "nobody", "x"), None, "there is no account 'nobody'"),
        (("postings", "grant", "nobody", "portal", "411024"), None, "there is no account 'nobody'"),
        (("postings", "grant", "--cadre", "C9", "cadre", "411024"), None, "there is no cadre 'C9'"),
        (
            ("postings", "grant", "portal", "portal", "411099"),
            None,
            "there is no unit '411099', or it is closed",
        ),
        (("postings", "grant", "portal", "portal", "411121"), None, "portal is of another city than 411121"),
        (
            ("postings", "grant", "--cadre", "C2", "cadre", "411024"),
            None,
            "C2 is of another city than 411024",
        ),
        (("postings", "grant", "portal", "portal", "411024"), None, "The holder is that there already."),
        (("postings", "grant", "portal", "department", "411024"), None, "--department is given for the role"),
        (
            ("postings", "grant", "portal", "department", "411024104", "--department", "water"),
            None,
            "there is no department 'water' of 411024104",
        ),
        (("postings", "end", "999999"), None, "there is no posting 999999"),
        (("api-keys", "create", "nobody", "--name", "x"), None, "there is no account 'nobody'"),
        (("api-keys", "create", "portal", "--name", " "), None, "--name: has characters that can be seen"),
        (("api-keys", "revoke", "nothing"), None, "there is no key 'nothing'"),
        (("keys", "revoke", "nothing"), None, "there is no key 'nothing'"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    database: Database,
    database_url: str,
    world: World,
    arguments: tuple[str, ...],
    stdin: str | None,
    said: str,
) -> None:
    await world(WORLD)
    tables = ("account", "posting", "api_key", "signing_key", "audit_event")

    async def everything() -> str:
        return repr([await database.pool.fetch(f"select * from {table} order by 1") for table in tables])

    before = await everything()
    # Without a process of its own, which costs a second; that such a failure is told is in test_cli.py.
    runner = CliRunner(env={"LXBC_DATABASE_URL": database_url})
    done = await asyncio.to_thread(runner.invoke, cli, arguments, input=stdin)
    assert isinstance(done.exception, REFUSALS), done.output
    assert str(done.exception).startswith(said)
    assert done.stdout == ""
    assert await everything() == before


async def test_an_account_is_linked_to_one_of_the_provider_and_to_no_second(shell: Shell) -> None:
    await shell.well("accounts", "create", "one", "--city", "4110", "--oidc-subject", "sub-1")
    await shell.well("accounts", "create", "two", "--city", "4110")
    taken = "another account is linked to that already"
    assert await shell.refused("accounts", "link", "two", "sub-1") == taken
    assert (
        await shell.refused("accounts", "create", "three", "--city", "4110", "--oidc-subject", "sub-1")
        == taken
    )
    assert (await shell("accounts", "link", "one")).stderr == "one is nobody at the identity provider\n"
    assert (
        await shell("accounts", "link", "two", "sub-1")
    ).stderr == "two is sub-1 at the identity provider\n"


@pytest.mark.parametrize("group", ["accounts", "postings", "api-keys", "keys", "audit"])
async def test_each_group_tells_what_it_takes(group: str, tmp_path: Path) -> None:
    done = await run(group, "--help", data_dir=tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    unknown = await run(group, "--nothing", data_dir=tmp_path)
    assert (unknown.returncode, "No such option" in unknown.stderr) == (2, True)
