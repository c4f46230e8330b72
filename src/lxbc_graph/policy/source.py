"""A policy as written: its two files, read whole, and strictly.

Casbin's own reader passes over what it does not know — another kind of row, a word too many, a second copy —
without a sound, so the rows are read here and handed over.
"""

from pathlib import Path
from typing import NamedTuple, Self

from lxbc_graph.domain.words import Role

from .actions import Action, ScopeKind

Row = tuple[str, ...]
"""One grant as written: role, action, scope."""

VOCABULARIES = {"role": Role, "action": Action, "scope": ScopeKind}
"""What the words of a row are, in their order, and which there are."""

MODEL = "model.conf"
ROWS = "policy.csv"


class PolicyError(ValueError):
    """A policy that must not be loaded; the message has one line for each problem."""


class Source(NamedTuple):
    """What the files hold; text in place of bytes says why one of them could not be read."""

    model: bytes | str
    rows: bytes | str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read both files as they are now."""
        return cls(_content(folder / MODEL), _content(folder / ROWS))

    def parsed(self) -> tuple[str, tuple[Row, ...]]:
        """Return the text of the model and the rows; ``PolicyError`` names every line that nobody can have meant."""
        return _text(MODEL, self.model), _rows(_text(ROWS, self.rows))


def _content(path: Path) -> bytes | str:
    try:
        return path.read_bytes()
    except OSError as error:
        return f"{path}: {error.strerror}"


def _text(name: str, content: bytes | str) -> str:
    if isinstance(content, str):
        raise PolicyError(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: {error}") from None


def _rows(text: str) -> tuple[Row, ...]:
    seen: dict[Row, int] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        kind, *words = (word.strip() for word in line.split(","))
        row = tuple(words)
        found = _problems(kind, row)
        if not found and row in seen:
            found = [f"the same as line {seen[row]}"]
        seen.setdefault(row, number)
        problems += [f"{ROWS}:{number}: {problem}: {line.strip()}" for problem in found]
    if problems:
        raise PolicyError("\n".join(problems))
    return tuple(seen)


def _problems(kind: str, row: Row) -> list[str]:
    if kind != "p":
        return [f"unknown kind of row {kind!r}"]
    if "deny" in row:
        return ["a row can only allow: leave out what is not granted"]
    if len(row) != len(VOCABULARIES):
        return ["a row is: p, role, action, scope"]
    return [
        f"unknown {name} {word!r}"
        for word, (name, vocabulary) in zip(row, VOCABULARIES.items(), strict=True)
        if word not in {member.value for member in vocabulary}
    ]
