"""Whether the server's answer and the reference's are the same, cursors being whatever text the server gives."""

import json
from collections.abc import Iterator
from typing import Any

from .answers import Cursor


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of JSON, in which no key may stand twice."""
    found = dict(pairs)
    assert len(found) == len(pairs), f"a key stands twice: {[key for key, _ in pairs]}"
    return found


def parse(body: bytes) -> Any:
    """Return the JSON of a response, read strictly."""
    return json.loads(body, object_pairs_hook=unique)


class Agreement:
    """Compares answers and remembers which text stands for which cursor."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}
        self._texts: dict[str, str] = {}

    def check(self, expected: Any, actual: Any) -> None:
        """Fail with the first place where they differ."""
        for difference in self._differences(expected, actual, "data"):
            raise AssertionError(difference)

    def _differences(self, expected: Any, actual: Any, path: str) -> Iterator[str]:
        if isinstance(expected, Cursor):
            known = self.cursors.setdefault(actual, expected)
            text = self._texts.setdefault(expected, actual)
            if not isinstance(actual, str) or known != expected or text != actual:
                yield f"{path}: {actual} stands for {known} and for {expected}"
        elif isinstance(expected, dict):
            if not isinstance(actual, dict) or list(expected) != list(actual):
                yield f"{path}: expected {_keys(expected)}, not {_keys(actual)}"
                return
            for key, value in expected.items():
                yield from self._differences(value, actual[key], f"{path}.{key}")
        elif isinstance(expected, list):
            if not isinstance(actual, list) or len(expected) != len(actual):
                yield f"{path}: expected {_short(expected)}, not {_short(actual)}"
                return
            for place, value in enumerate(expected):
                yield from self._differences(value, actual[place], f"{path}.{place}")
        elif expected != actual or isinstance(expected, bool) is not isinstance(actual, bool):
            yield f"{path}: expected {_short(expected)}, not {_short(actual)}"


def cursors_under(alias: str, answer: Any) -> list[str]:
    """Return the cursors that connections answered under an alias gave."""
    if isinstance(answer, list):
        return [cursor for item in answer for cursor in cursors_under(alias, item)]
    if not isinstance(answer, dict):
        return []
    found = []
    for key, value in answer.items():
        if key == alias and isinstance(value, dict):
            found += [edge["cursor"] for edge in value.get("edges", ()) if "cursor" in edge]
        found += cursors_under(alias, value)
    return found


def _keys(value: Any) -> str:
    return f"an object of {list(value)}" if isinstance(value, dict) else _short(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}…"
