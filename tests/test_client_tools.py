"""The tools that people build clients with take the schema and its operations as they are, without a warning."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.node import persisted, project, relay_project, tool

from lxbc_graph.read.trusted import id_of

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "lint": partial(project, name="lint"),
    "relay": relay_project,
    "typed": partial(project, name="typed"),
}
TOOLS = {
    "lint": ["eslint --max-warnings 0 schema"],
    "relay": ["relay-compiler"],
    "typed": ["graphql-codegen", "tsc"],
}
WARNING = re.compile("warn|error|deprecat", re.IGNORECASE)


def said(name: str, folder: Path) -> list[str]:
    """Run the tools of the project, up to the first that fails; gives what they say when they are not content."""
    for line in TOOLS[name]:
        done = tool(folder, line)
        if done.returncode or WARNING.search(done.stdout):
            return [line, done.stdout]
    return []


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_content(name: str, tmp_path: Path) -> None:
    assert said(name, LAYOUTS[name](tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "was", "becomes", "told"),
    [
        ("lint", "  hasNextPage: Boolean!", "  hasNextPage: Boolean", "relay-page-info"),
        ("lint", '"""A day as RFC 3339 writes it (日期)."""\n', "", "require-description"),
        ("relay", "  pageInfo: PageInfo!", "  page: PageInfo!", "pageInfo"),
        ("relay", "JSON", "Json", "Json"),
        ("typed", "  title: String!\n", "  title: String\n", r"portal\.ts"),
        ("typed", "JSON", "Json", "Json"),
    ],
)
def test_a_tool_would_say_so(name: str, was: str, becomes: str, told: str, tmp_path: Path) -> None:
    folder = LAYOUTS[name](tmp_path)
    file = folder / "schema" / "schema.graphql"
    text = file.read_text("utf-8")
    assert was in text
    file.write_text(text.replace(was, becomes), "utf-8")
    assert re.search(told, said(name, folder)[1])


def test_relay_names_its_documents_as_the_server_does(tmp_path: Path) -> None:
    """A build that persists its documents by SHA-256 has what a request says as ``documentId``."""
    folder = relay_project(tmp_path)
    assert said("relay", folder) == []
    module = (folder / "src" / "__generated__" / "HomeQuery.graphql.ts").read_text("utf-8")
    assert f'"id": "{id_of(persisted(folder)["HomeQuery"]).removeprefix("sha256:")}"' in module
