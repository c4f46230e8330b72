"""Journals: what each side of a run has seen, a line of JSON for each thing, written by one process each.

Times are seconds of the monotonic clock, which all processes of a machine share.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import orjson


class Written(NamedTuple):
    """A change that was acknowledged: first asked for at ``asked_at``, answered at ``at``."""

    key: str
    event: str
    issue: str
    version: int
    unit: str
    asked_at: float
    at: float


class Failed(NamedTuple):
    """An attempt at a change that was not answered, or only with a fault of the server; it was made again."""

    key: str
    at: float
    why: str


class Refusal(NamedTuple):
    """A change that was refused, though nothing stood in its way as far as those knew who asked for it."""

    at: float
    why: str


class Joined(NamedTuple):
    """A subscriber, and the code of the unit up to which it sees."""

    subscriber: str
    reach: str


class Received(NamedTuple):
    """An event as it reached a subscriber, over which of its connections."""

    subscriber: str
    event: str
    cursor: str
    at: float
    connection: int


class Ended(NamedTuple):
    """A subscription that ended though nobody asked it to."""

    subscriber: str
    at: float
    connection: int
    why: str


class Numbered(NamedTuple):
    """An event of the log, as it stood there when all was over; a number that is 0 was never given."""

    number: int
    event: str
    unit: str


Entry = Written | Failed | Refusal | Joined | Received | Ended | Numbered

_KINDS: dict[str, type[Entry]] = {
    kind.__name__: kind for kind in (Written, Failed, Refusal, Joined, Received, Ended, Numbered)
}


class Journal:
    """A journal that is being written; complete once it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")

    def write(self, entry: Entry) -> None:
        """Append the entry."""
        self._file.write(orjson.dumps((type(entry).__name__, *entry)) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def read(directory: Path) -> Iterator[Entry]:
    """Yield every entry of the journals in a directory, each journal in its order."""
    for path in sorted(directory.glob("*.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                kind, *fields = orjson.loads(line)
                yield _KINDS[kind](*fields)
