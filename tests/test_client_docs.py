"""What docs/clients.md says that a client can meet is what the source can say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.http.websocket import Code

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lxbc_graph"
DOCUMENT = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SAYING = [
    *(file for room in ("http", "live", "policy", "read") for file in (SOURCE / room).glob("*.py")),
    *(SOURCE / "schema" / name for name in ("execute.py", "following.py", "subscription.py")),
    SOURCE / "store" / "outage.py",
]
"""Where errors of GraphQL are made: all but the words of the schema and of the command line."""
CODE = re.compile(r"[A-Z_]{5,}")
BELOW = {1002, 1007, 1009, 1012}
"""Close codes that the framing uses by itself."""


def said(file: Path) -> Iterator[str]:
    """The upper-case words that are passed, defaulted, returned or called ``code``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(args=values, keywords=keywords):
                values = [*values, *(keyword.value for keyword in keywords)]
            case ast.arguments(defaults=values):
                pass
            case ast.Return(value=ast.expr() as value):
                values = [value]
            case ast.Dict(keys=keys):
                pairs = zip(keys, node.values, strict=True)
                values = [value for key, value in pairs if ast.unparse(key or value) == "'code'"]
            case _:
                continue
        for value in values:
            for choice in [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]:
                match choice:
                    case ast.Constant(value=str(word)) if CODE.fullmatch(word):
                        yield word


def table(head: str) -> set[str]:
    """The words of the first column of the table that begins so."""
    rows = DOCUMENT.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {word for row in rows for word in re.findall(r"\w+", row.split("|")[1])}


def test_every_code_of_an_error_is_told() -> None:
    found = {code for file in SAYING for code in said(file)}
    assert {
        "BAD_REQUEST",
        "PAGE_TOO_LARGE",
        "INTERNAL",
        "TIMEOUT",
        "TOKEN_EXPIRED",
    } <= found  # each way to say it
    assert table("code") == found


def test_every_code_of_a_refused_change_is_told() -> None:
    assert table("code in a payload") == set(ErrorCode)


def test_every_close_code_is_told() -> None:
    assert table("close code") == {str(int(code)) for code in {*Code, *BELOW}}


def test_the_sample_that_follows_is_the_one_that_the_tests_run() -> None:
    sample = (ROOT / "tests" / "clients" / "follow.mjs").read_text(encoding="utf-8")
    assert f"```js\n{sample}```" in DOCUMENT
