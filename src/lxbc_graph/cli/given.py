"""What is given to a command: files, and JSON."""

import json
from pathlib import Path
from typing import Any

import typer

from .running import Failure


def file_argument(name: str, help_: str) -> Any:
    """Return an argument that is a file which can be read."""
    return typer.Argument(exists=True, dir_okay=False, readable=True, metavar=name, help=help_)


def text_of(file: Path) -> str:
    """Return the text of a file; raises Failure."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(
            f"{file}: is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}"
        ) from error


def json_object(text: str, where: str) -> dict[str, Any]:
    """Return the JSON object that a text is; raises Failure, which says where the text is from."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{where}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise Failure(f"{where}: must be a JSON object, in braces")
    return content
