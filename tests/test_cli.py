"""The command line as a newcomer meets it: what it prints can be typed, and no refusal is a traceback."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from sqlalchemy import make_url
from tests.conftest import url_of

from lxbc_graph.cli.demo import typed
from lxbc_graph.demo.build import ACCOUNTS
from lxbc_graph.domain.words import Role
from lxbc_graph.resources import POLICIES
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

ISSUES = 7


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LXBC_")}
    return {**rest, "LXBC_DATA_DIR": str(data_dir), "LXBC_PORT": "0", **settings}


async def run(*arguments: str | Path, data_dir: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; whatever it says, it is no traceback."""
    done = await anyio.run_process(
        [sys.executable, "-m", "lxbc_graph", *map(str, arguments)],
        env=environment(data_dir, **settings),
        check=False,
    )
    told = done.stderr.decode()
    assert "Traceback" not in told, told
    return subprocess.CompletedProcess(arguments, done.returncode, done.stdout.decode(), told)


@asynccontextmanager
async def demo(*arguments: str, data_dir: Path, **settings: str) -> AsyncIterator[tuple[str, str]]:
    """Serve the demo for the length of the block; gives its URL and all that it said until then."""
    async with await anyio.open_process(
        [sys.executable, "-m", "lxbc_graph", "demo", *arguments],
        env=environment(data_dir, **settings),
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.stderr is not None
        said = ""
        async for text in TextReceiveStream(process.stderr):
            said += text
            if served := re.search(r"^Serving (http://\S+) ", said, re.MULTILINE):
                yield served[1], said
                break
        else:
            pytest.fail(said)
        process.terminate()
        rest = [text async for text in TextReceiveStream(process.stderr)]
        assert await process.wait() == 0, rest


async def ask(url: str, query: str, token: str | None = None, **variables: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        response = await client.post(url, json={"query": query, "variables": variables})
    return response.json()["data"]


# ── the demo ─────────────────────────────────────────────────────────────────────────────────────────────────


class Demo(NamedTuple):
    """A demo that serves: its data directory, its URL, and what it said until it did."""

    data_dir: Path
    url: str
    said: str


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Demo]:
    """A small demo, in a directory that a shell must be told in quotes."""
    # Not pytest's own directory, which it closes again to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="lxbc-cli-") as folder:
        data_dir = Path(folder) / "许昌's demo"
        async with demo("--issues", str(ISSUES), data_dir=data_dir) as (url, said):
            yield Demo(data_dir, url, said)


LOGIN = """mutation($account: String!, $password: String!) {
  login(account: $account, password: $password) { accessToken errors { message } }
}"""
VIEWER = "{ viewer { account } }"
NAMED = {
    *("city_office", "city_leader", "county_office-411024", "portal-411024", "portal-411082", "screen-4110"),
    *("screen-411024", "township_office-411024104", "village_official-411024104226"),
}


async def test_each_printed_account_signs_in_with_the_printed_password(served: Demo) -> None:
    rows = re.findall(r"^  (\S+) {2,}(\S+) {2,}(\S+) *$", served.said, re.MULTILINE)
    assert rows == [("account", "role", "where"), *ACCOUNTS]
    (password,) = re.findall(r"for the mutation login: (\S+)", served.said)
    names = {name for name, _, _ in ACCOUNTS}
    assert names >= NAMED
    assert {name.partition("-")[0] for name in names} >= {role.value for role in Role}
    for name in names:
        answer = await ask(served.url, LOGIN, account=name, password=password)
        token = answer["login"]["accessToken"]
        assert await ask(served.url, VIEWER, token) == {"viewer": {"account": name}}


async def test_the_printed_hint_for_a_token_works_when_typed_anywhere(served: Demo, tmp_path: Path) -> None:
    (hint,) = re.findall(r"^For a token: (.*) ACCOUNT; ", served.said, re.MULTILINE)
    done = await anyio.run_process(f"{hint} portal-411024 --ttl 60", env={"PATH": os.defpath}, cwd=tmp_path)
    token = done.stdout.decode().strip()
    assert await ask(served.url, VIEWER, token) == {"viewer": {"account": "portal-411024"}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--issues", "5"), f"Serving the {ISSUES} issues that are there already, not 5; "),
        (("--issues", "9"), f"Serving the {ISSUES} issues that are there already, not 9; "),
        ((), f"Serving the {ISSUES} issues that are there already, not 4,730; "),
        (("--issues", str(ISSUES)), None),
    ],
)
async def test_a_demo_of_another_size_is_told_and_served(
    served: Demo, arguments: tuple[str, ...], said: str | None
) -> None:
    async with demo(*arguments, data_dir=served.data_dir) as (url, told):
        assert (said or "Opening") in told
        assert ("already" in told) == (said is not None)
        assert await ask(url, "{ __typename }") == {"__typename": "Query"}


async def test_explain_takes_one_operation_of_several(served: Demo, tmp_path: Path) -> None:
    document = tmp_path / "several.graphql"
    document.write_text("query City { city { name } }\nquery Me { viewer { account } }", encoding="utf-8-sig")
    as_portal = ("explain", document, "--as", "portal-411024")
    which = await run(*as_portal, data_dir=served.data_dir)
    assert (which.returncode, which.stdout) == (1, "")
    assert which.stderr.startswith(f"{document}: The document holds several operations")
    one = await run(*as_portal, "--operation", "City", data_dir=served.data_dir)
    assert one.stdout.startswith("plan\n  city: find City\n    name: column name\n\nsql\n")
    unknown = await run(*as_portal, "--operation", "None", data_dir=served.data_dir)
    assert unknown.stderr == f"{document}: The document holds no operation of the name in operationName.\n"


async def test_the_policy_is_that_of_the_folder_that_is_named(served: Demo, tmp_path: Path) -> None:
    folder = copytree(POLICIES, tmp_path / "policies")
    (folder / "policy.csv").write_text("p, portal, unit:read, SUBTREE\n")
    document = tmp_path / "issues.graphql"
    document.write_text("{ units { totalCount } issues { totalCount } }")
    settings: dict[str, Any] = {"data_dir": served.data_dir, "LXBC_POLICIES": str(folder)}
    shown = await run("policy", **settings)
    assert (shown.returncode, shown.stdout.splitlines()[-1]) == (0, "1 rows; what is empty is refused.")
    told = await run("explain", document, "--as", "portal-411024", **settings)
    assert told.stdout.endswith(
        "policy\n  p, portal, unit:read, SUBTREE\n  no row grants issue:read to portal\n"
    )


async def test_a_policy_is_stored_in_the_database_shown_from_there_and_explained(
    served: Demo, tmp_path: Path
) -> None:
    folder = copytree(POLICIES, tmp_path / "policies")
    stored: dict[str, Any] = {"data_dir": served.data_dir, "LXBC_POLICIES": "database"}
    none = await run("policy", **stored)
    assert (none.returncode, none.stdout) == (1, "")
    assert "lxbc-graph policy load FOLDER" in none.stderr
    (folder / "policy.csv").write_text("p, portal, issue:raed, SUBTREE\n")
    bad = await run("policy", "load", folder, data_dir=served.data_dir)
    assert (bad.returncode, bad.stderr.splitlines()[-1]) == (
        1,
        "policy.csv:1: unknown action 'issue:raed': p, portal, issue:raed, SUBTREE",
    )
    (folder / "policy.csv").write_text("p, portal, unit:read, SUBTREE\n")
    assert (await run("policy", "load", folder, data_dir=served.data_dir)).stderr == "Stored: version 1\n"
    shown = await run("policy", **stored)
    assert shown.stdout.splitlines()[-1] == "1 rows; what is empty is refused."

    unit = (await run("policy", "explain", "portal-411024", "Unit:1", "unit:read", **stored)).stderr
    assert unit == "there is no Unit:1 that portal-411024 may see\n"
    explain = ("policy", "explain", "city_office")
    allowed = await run(*explain, "Unit:1", "rule:set", data_dir=served.data_dir)
    assert allowed.stdout.splitlines()[0] == "allowed"
    assert re.fullmatch(
        r"  p, city_office, rule:set, ALL by Posting:\d+ at 4110", allowed.stdout.splitlines()[1]
    )
    refused = await run(*explain, "Issue:1", "issue:look_back_cadre", data_dir=served.data_dir)
    assert refused.stdout.splitlines() == [
        "refused",
        "  what would allow it, where it reaches:",
        "  p, cadre, issue:look_back_cadre, UNIT",
    ]
    unknown = await run(*explain, "Issue:1", "issue:eat", data_dir=served.data_dir)
    assert (unknown.returncode, unknown.stderr) == (1, "There is no action 'issue:eat'.\n")


# ── the hint ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["", "bin"], ids=["elsewhere", "on the path"])
def test_the_hint_names_the_program_as_it_can_be_typed(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "lxbc-graph"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path / path))
    monkeypatch.delenv("LXBC_DATA_DIR", raising=False)
    assert typed(Settings()) == ("lxbc-graph" if path else str(program))


@pytest.mark.parametrize(
    "url",
    ["postgresql://me@db/lxbc", "postgresql://me:secret@db/lxbc", "postgresql://db/lxbc?password=secret"],
)
def test_the_hint_names_the_database_but_no_password(url: str) -> None:
    name, _, value = shlex.split(typed(Settings(database_url=url)))[0].partition("=")
    assert name == "LXBC_DATABASE_URL"
    assert make_url(value) == make_url(url.replace("secret", "***"))


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments", [("token", "x"), ("explain", __file__, "--as", "x")], ids=["token", "explain"]
)
async def test_who_only_asks_makes_no_database(
    arguments: tuple[str, ...], tmp_path: Path, server_url: str
) -> None:
    none = await run(*arguments, data_dir=tmp_path / "none")
    assert (none.returncode, none.stdout) == (1, "")
    assert none.stderr == f"there is no database in {tmp_path}/none; LXBC_DATA_DIR says where to look\n"
    assert not await anyio.Path(tmp_path / "none").exists()
    empty = await run(*arguments, data_dir=tmp_path, LXBC_DATABASE_URL=url_of(server_url, "postgres"))
    assert (empty.returncode, empty.stdout) == (1, "")
    assert empty.stderr == "the database is not at this version's tables: run `lxbc-graph migrate`\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON: "),
        (b"", "is not JSON: "),
        (b"[" * 100_000, "is not JSON: "),
        (b"\xff{}", "is not UTF-8: byte 0xff at 0"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
    ],
    ids=["broken", "empty", "deep", "bytes", "list", "null"],
)
async def test_a_file_that_is_no_world_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    world = tmp_path / "world.json"
    world.write_bytes(content)
    done = await run("load", world, data_dir=tmp_path / "none")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{world}: {said}")


async def test_a_problem_names_the_file_and_the_place_and_a_world_is_no_demo(
    database_url: str, tmp_path: Path
) -> None:
    world = tmp_path / "world.json"
    content: dict[str, Any] = {
        "units": [{"code": "4110"}],
        "issues": [{"unit": "4110", "closed_at": "2021-12-11"}],
    }
    world.write_text(json.dumps(content))
    settings: dict[str, Any] = {"data_dir": tmp_path, "LXBC_DATABASE_URL": database_url}
    bad = await run("load", world, **settings)
    assert bad.returncode == 1
    assert bad.stderr.splitlines()[-1] == f"{world}: issues[0].closed_at: the history says no such thing"
    content["issues"][0]["state"] = "CLOSED"
    world.write_text(json.dumps(content))
    good = await run("load", world, **settings)
    assert good.stderr.splitlines()[-1] == "Loaded: unit 1, department 1, issue 1, assignment 2, event 11"
    other = await run("demo", **settings)
    assert other.returncode == 1
    assert other.stderr.splitlines()[-1].startswith("this database holds something else than the demo")


async def test_an_edition_of_no_year_is_asked_for(database_url: str, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("code,name,level,parent_code\n4110,许昌市,CITY,\n")
    settings: dict[str, Any] = {"data_dir": tmp_path, "LXBC_DATABASE_URL": database_url}
    unknown = await run("import", "units", units, **settings)
    assert unknown.returncode == 1
    assert unknown.stderr.endswith("Say so with --edition YEAR.\n")
    known = await run("import", "units", units, "--edition", "2023", **settings)
    assert known.stderr == "Imported: edition 2023, opened 1\n"


async def test_a_calendar_is_imported_and_its_bad_rows_are_told_by_line(
    database_url: str, tmp_path: Path
) -> None:
    days = tmp_path / "days.csv"
    settings: dict[str, Any] = {"data_dir": tmp_path, "LXBC_DATABASE_URL": database_url}
    days.write_text("day,working,name\n2025-10-11,true,国庆调休\n2025-10-32,maybe,\n")
    bad = await run("import", "calendar", days, **settings)
    assert bad.returncode == 1
    assert bad.stderr.splitlines() == [
        f"{days}:3: day '2025-10-32' is no date of the form 2025-10-11",
        f"{days}:3: working 'maybe' is neither true nor false",
    ]
    days.write_text("day,working,name\n2025-10-11,true,国庆调休\n")
    good = await run("import", "calendar", days, **settings)
    assert (good.returncode, good.stderr) == (0, "Imported: listed 1, added 1\n")
    again = await run("import", "calendar", days, **settings)
    assert (again.returncode, again.stderr) == (0, "Imported: listed 1, unchanged 1\n")


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "said"),
    [
        (("token", "x", "--ttl", str(10**12)), {}, 2, "Invalid value for '--ttl'"),
        (("token", "x"), {"LXBC_ACCESS_TTL_SECONDS": str(10**12)}, 2, "LXBC_ACCESS_TTL_SECONDS: "),
        (("token", "x"), {"LXBC_REDIS_URL": "http://:secret@x"}, 2, "LXBC_REDIS_URL: "),
        (("token", "x"), {"LXBC_REDIS_URL": "redis://:secret/@x"}, 2, "LXBC_REDIS_URL: "),
        (("token", "x"), {"LXBC_REDIS_URL": "redis://:secret@x?unknown=1"}, 2, "LXBC_REDIS_URL: "),
        (("token", "x"), {"LXBC_REDIS_URL": "redis:/secret"}, 2, "LXBC_REDIS_URL: "),
        (("serve",), {"LXBC_HOST": "no.such.host.invalid"}, 1, "cannot listen on 'no.such.host.invalid'"),
        (("serve",), {"LXBC_DATABASE_URL": "postgresql://[::1/x"}, 1, "LXBC_DATABASE_URL is not of the form"),
        (("serve",), {"LXBC_POLICIES": "/absent"}, 1, "/absent/model.conf: No such file or directory"),
        (("serve",), {"LXBC_TRUSTED_ONLY": "true"}, 1, "LXBC_TRUSTED_ONLY wants LXBC_TRUSTED_DOCUMENTS"),
        (("serve",), {"LXBC_TRUSTED_DOCUMENTS": "/absent"}, 1, "/absent: "),
        (("serve",), {"LXBC_MAX_PAGE": "101"}, 2, "LXBC_MAX_PAGE: "),
        (("migrate",), {"LXBC_DATA_DIR": "/dev/null/x"}, 1, "cannot use the data directory /dev/null/x: "),
        (("migrate",), {"LXBC_DATA_DIR": "/dev/$x"}, 1, "must have none of"),
        (("load", "/absent.json"), {}, 2, "/absent.json"),
        (
            ("explain", __file__, "--as", "x", "--variables", "[]"),
            {},
            1,
            "--variables: must be a JSON object",
        ),
    ],
)
async def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...], settings: dict[str, str], status: int, said: str, tmp_path: Path
) -> None:
    done = await run(*arguments, data_dir=tmp_path / "none", **settings)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "secret" not in done.stderr
