"""The policy is changed in its folder while the application runs: what is granted changes with it, for everybody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tests.conftest import World
from tests.serving import PATIENCE

from lxbc_graph.app import create_app
from lxbc_graph.domain.words import Role
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.source import Source
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.resources import POLICIES
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "office", "postings": [{"role": "city_office", "unit": "4110"}]}],
    "issues": [{"unit": "411024104226"}],
}
READ = "p, city_office, issue:read, ALL"
JUDGE = "p, city_office, issue:judge, ALL"

ISSUES = "{ issues { totalCount nodes { viewerActions } } }"
DISMISS = """mutation {
  judgeIssue(input: {issueId: "Issue:1", dismissal: OUT_OF_SCOPE, reason: "因"}) { errors { code } }
}"""


class Policy:
    """The files of a policy that a test may change, how often they were looked at, and what the log says of it."""

    def __init__(self, folder: Path, log: list[EventDict]) -> None:
        self.folder = folder
        self.rows = folder / "policy.csv"
        self.looks: list[Source] = []
        self._log = log

    def replace(self, old: str, new: str) -> None:
        text = self.rows.read_text()
        assert old in text
        self.rows.write_text(text.replace(old, new))

    @property
    def told(self) -> list[str]:
        return [entry["event"] for entry in self._log if "policy" in entry["event"]]

    @property
    def problems(self) -> list[list[str]]:
        return [entry["problems"] for entry in self._log if "problems" in entry]

    async def until_told(self, times: int) -> None:
        """Wait until so much was told, and look a few times more: then nothing else is."""
        await until(lambda: len(self.told) >= times)
        await self.looked_at()
        assert len(self.told) == times

    async def looked_at(self, times: int = 4) -> None:
        """Wait until the files were looked at so often from now on."""
        before = len(self.looks)
        await until(lambda: len(self.looks) >= before + times)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Policy]:
    read = Source.read
    with capture_logs() as log:
        changed = Policy(copytree(POLICIES, tmp_path / "policies"), log)

        def look(folder: Path) -> Source:
            changed.looks.append(read(folder))
            return changed.looks[-1]

        monkeypatch.setattr(Source, "read", look)
        yield changed


Ask = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def ask(database: Database, database_url: str, world: World, policy: Policy) -> AsyncIterator[Ask]:
    """The running application, asked by the city's office."""
    await world(WORLD)
    settings = Settings(database_url=database_url, policies=policy.folder)
    headers = {
        "Authorization": f"Bearer {(await Tokens.open(database.pool, settings)).access('office', 600)}"
    }
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://server", headers=headers
        ) as client,
    ):

        async def post(query: str) -> Any:
            answer = await client.post("/graphql", json={"query": query})
            return answer.json()["data"]

        yield post


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Enforcer]:
    """An enforcer that follows the folder for the length of the block."""
    enforcer = Enforcer(folder)
    watching = asyncio.create_task(enforcer.watch(folder))
    try:
        yield enforcer
        assert not watching.done()
    finally:
        watching.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - files announce nothing
            await asyncio.sleep(0.01)


async def answered(ask: Ask, query: str, answer: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while await ask(query) != answer:
            pass


NOTHING = {"issues": {"totalCount": 0, "nodes": []}}


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer["judgeIssue"]["errors"]]


async def test_a_role_that_loses_reading_finds_nothing_any_more_until_it_is_given_back(
    ask: Ask, policy: Policy
) -> None:
    before = await ask(ISSUES)
    assert before["issues"]["totalCount"] == 1
    policy.replace(READ, f"# {READ}")
    await answered(ask, ISSUES, NOTHING)
    assert codes(await ask(DISMISS)) == ["NOT_FOUND"]
    policy.replace(f"# {READ}", READ)
    await answered(ask, ISSUES, before)
    assert codes(await ask(DISMISS)) == []


async def test_a_role_that_loses_a_verb_is_offered_it_no_more_and_refused(ask: Ask, policy: Policy) -> None:
    before = await ask(ISSUES)
    (issue,) = before["issues"]["nodes"]
    assert "JUDGE_ISSUE" in issue["viewerActions"]
    issue["viewerActions"].remove("JUDGE_ISSUE")
    policy.replace(JUDGE, f"# {JUDGE}")
    await answered(ask, ISSUES, before)
    assert codes(await ask(DISMISS)) == ["FORBIDDEN"]


@pytest.mark.parametrize("file", ["policy.csv", "model.conf"])
async def test_a_policy_that_must_not_be_loaded_is_told_once_and_changes_nothing(
    ask: Ask, policy: Policy, file: str
) -> None:
    path = policy.folder / file
    good = path.read_text()
    before = await ask(ISSUES)
    bad = f"{good.replace('issue:read', 'issue:raed').replace('r.scope == p.scope', 'true')}\n"
    path.write_text(bad)
    await policy.until_told(1)
    path.write_text(f"{bad}nonsense\n")
    await policy.until_told(2)
    once, twice = policy.problems
    assert all(problem.startswith(f"{file}:") for problem in once + twice)
    assert ("nonsense" in str(once), "nonsense" in str(twice)) == (False, True)
    assert await ask(ISSUES) == before
    path.write_text(f"{good}\n# mended\n")
    await policy.until_told(3)
    assert policy.told[2] == "policy loaded"
    policy.replace(READ, "")
    await answered(ask, ISSUES, NOTHING)


async def test_files_that_are_gone_change_nothing_until_they_are_back(ask: Ask, policy: Policy) -> None:
    before = await ask(ISSUES)
    aside = policy.folder.with_name("aside")
    policy.folder.rename(aside)
    await policy.until_told(1)
    assert policy.problems == [[f"{policy.folder / 'model.conf'}: No such file or directory"]]
    assert await ask(ISSUES) == before
    (aside / "policy.csv").write_text("p, city_office, unit:read, ALL\n")
    aside.rename(policy.folder)
    await answered(ask, ISSUES, NOTHING)


async def test_a_file_that_was_only_touched_is_no_change(policy: Policy) -> None:
    async with watched(policy.folder) as enforcer:
        version = enforcer.version
        policy.rows.touch()
        policy.rows.write_bytes(policy.rows.read_bytes())
        await policy.looked_at()
        assert policy.told == []
        policy.rows.write_text(f"{policy.rows.read_text()}# a comment grants nothing\n")
        await policy.until_told(1)
        assert enforcer.version == version


async def test_a_file_that_another_is_renamed_over_is_a_change(policy: Policy) -> None:
    async with watched(policy.folder) as enforcer:
        version = enforcer.version
        assert enforcer.scopes(Role.CITY_OFFICE, Action.ISSUE_JUDGE)
        beside = policy.folder / "policy.csv~"
        beside.write_text(policy.rows.read_text().replace(JUDGE, ""))
        beside.replace(policy.rows)
        await until(lambda: enforcer.version != version)
        assert not enforcer.scopes(Role.CITY_OFFICE, Action.ISSUE_JUDGE)
        assert ("city_office", "issue:judge", "ALL") not in enforcer.rows
        assert enforcer.version == Enforcer(policy.folder).version


async def test_a_file_that_is_empty_while_it_is_being_written_revokes_nothing(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = policy.rows.read_bytes()
    look = Source.read

    def look_and_write_on(folder: Path) -> Source:
        found = look(folder)
        policy.rows.write_bytes(text)
        return found

    monkeypatch.setattr(Source, "read", look_and_write_on)
    async with watched(policy.folder):
        policy.rows.write_bytes(b"")
        await policy.looked_at()
        assert policy.looks[1].rows == b""
        assert policy.told == []
