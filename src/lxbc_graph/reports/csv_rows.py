"""A CSV file, read line by line, so that every bad line can be told with its number."""

import csv
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

Problem = tuple[int, str]
"""The number of a line, from 1, and what is wrong with it."""

MAX_NAME = 100
"""Characters; the longest real name of a unit has 13."""


class BadRows(ValueError):
    """A file that cannot be imported; nothing was written. ``problems`` are told in the order of their lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem[0])
        super().__init__("\n".join(f"line {line}: {message}" for line, message in self.problems))


class Read(NamedTuple):
    """What a file holds, by line, and what is wrong with it so far."""

    lines: dict[int, bytes]
    """All lines, the first one too."""
    rows: dict[int, list[str]]
    """Those after the first that are CSV, each with at least one column; how many, ``problems`` tell."""
    problems: list[Problem]


def read(content: bytes, header: list[str]) -> Read:
    """Return the rows of a CSV file that begins with the header; raise BadRows where there is nothing to read."""
    if not content.strip():
        raise BadRows([(1, "the file is empty")])
    split = content.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").split(b"\n")
    lines = dict(enumerate(split, start=1))
    rows: dict[int, list[str]] = {}
    problems: list[Problem] = []
    if not _is_header(split[0], header):
        problems.append((1, f"the header must be {','.join(header)}"))
    for line, octets in enumerate(split[1:], start=2):
        try:
            rows[line] = _columns(octets)
        except ValueError as error:
            problems.append((line, str(error)))
            continue
        if len(rows[line]) != len(header):
            problems.append((line, f"has {len(rows[line])} columns, not {len(header)}"))
    return Read(lines, rows, problems)


def _is_header(octets: bytes, header: list[str]) -> bool:
    try:
        return _columns(octets) == header
    except ValueError:
        return False


def _columns(octets: bytes) -> list[str]:
    """Return the columns of one line, at least one; raise ValueError where it is not text or not CSV."""
    try:
        rows = list(csv.reader([octets.removesuffix(b"\r").decode()], strict=True))
    except UnicodeDecodeError as error:
        found = octets[error.start]
        raise ValueError(f"is not UTF-8: byte {found:#04x} at column {error.start + 1}") from None
    except csv.Error:
        raise ValueError("is not a CSV row: a quote is open or misplaced") from None
    return (rows and rows[0]) or [""]


def wrong_name(name: str, most: int = MAX_NAME) -> Iterator[str]:
    """Yield what is wrong with a name of at most so many characters."""
    if not name.strip():
        yield "the name is blank"
    elif name != name.strip():
        yield "the name has a space before or after it"
    if len(name) > most:
        yield f"the name has {len(name)} characters, more than {most}"
    if any(unicodedata.category(character) == "Cc" for character in name):
        yield "the name has a control character"
