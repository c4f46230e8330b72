"""A process is up soon: it imports what it works with, and nothing else."""

import subprocess
import sys

import pytest

RARE = ("alembic", "mako", "lxbc_graph.demo", "lxbc_graph.reports", "s3fs", "aiobotocore", "botocore")
"""What few commands need."""
SERVING = ("lxbc_graph.http", "lxbc_graph.schema", "lxbc_graph.read", "lxbc_graph.write", "lxbc_graph.app")
HEAVY = ("graphql", "strawberry", "starlette", "uvicorn", "casbin", "jwt", "fsspec")

_TELL = """
import sys
from lxbc_graph.__main__ import cli
try:
    cli([{command!r}, "--help"])
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""


def imported(command: str) -> set[str]:
    """All that a process has imported when it knows what to do."""
    done = subprocess.run(
        [sys.executable, "-c", _TELL.format(command=command)], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_a_process_that_serves_imports_nothing_that_only_other_commands_need() -> None:
    found = imported("serve")
    assert {"lxbc_graph.cli.serve", "lxbc_graph.app"} <= found, "or the others would say nothing"
    assert found.isdisjoint(RARE)


def test_a_relay_imports_nothing_of_what_only_answers_need() -> None:
    found = imported("relay")
    assert {"lxbc_graph.cli.relay", "lxbc_graph.relaying"} <= found
    assert found.isdisjoint((*RARE, *SERVING, *HEAVY))


@pytest.mark.parametrize("command", ["migrate", "accounts"])
def test_other_commands_do_not_import_what_serves(command: str) -> None:
    assert imported(command).isdisjoint(("strawberry", "starlette", "uvicorn", "lxbc_graph.app"))
