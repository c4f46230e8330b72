"""Programs of tests/clients, run by Node, and the projects there as a client has them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

from graphql import parse

FOLDER = Path(__file__).parent / "clients"
SCHEMA = FOLDER.parent.parent / "schema"
PACKAGES = FOLDER / "node_modules"
# What Node has to say about a tool's own code is nothing about ours.
ENVIRONMENT = {**os.environ, "VENV_PYTHON": sys.executable, "NO_COLOR": "1", "NODE_NO_WARNINGS": "1"}


def command(program: Path, *arguments: str) -> list[str]:
    """What runs the program; it takes the environment above."""
    assert PACKAGES.is_dir(), "this test needs the clients, which `make test` installs"
    return ["sh", str(FOLDER / "run.sh"), str(program), *arguments]


def project(folder: Path, name: str) -> Path:
    """Lay out a project: what is its own, the schema with its operations, and the packages."""
    copytree(FOLDER / name, folder, dirs_exist_ok=True)
    copytree(SCHEMA, folder / "schema")
    (folder / "node_modules").symlink_to(PACKAGES)
    return folder


def tool(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool of the packages in a project, with what it says on both channels together."""
    name, *arguments = line.split()
    return subprocess.run(
        command(PACKAGES / ".bin" / name, *arguments),
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def relay_project(folder: Path) -> Path:
    """Lay out the project of Relay's compiler, which finds documents in modules only, one to a tag.

    It is told not to ask for its own `@alias` in them: no other client knows that.
    """
    project(folder, "relay")
    for file in (folder / "schema" / "operations").rglob("*.graphql"):
        text = file.read_text("utf-8")
        spans = [definition.loc for definition in parse(text).definitions]
        tags = [f"graphql`{text[span.start : span.end]}`;\n" for span in spans if span]
        (folder / "src" / f"{file.stem}.ts").write_text("".join(tags), "utf-8")
    (folder / "documents.json").write_text("{}", "utf-8")  # the compiler adds to it
    return folder


def persisted(folder: Path) -> dict[str, str]:
    """The texts that Relay's compiler has made, by the names of their operations."""
    texts: dict[str, str] = json.loads((folder / "documents.json").read_text("utf-8"))
    return {text.split("(")[0].split()[1]: text for text in texts.values()}
