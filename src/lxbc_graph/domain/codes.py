"""What the digits of a unit's code say: its level, and the codes of the units above it."""

import re

from .words import Level

LENGTHS = {Level.CITY: 4, Level.COUNTY: 6, Level.TOWNSHIP: 9, Level.VILLAGE: 12}
_LEVELS = {length: level for level, length in LENGTHS.items()}
_ASCII_DIGITS = re.compile(r"[0-9]+")


def level_of(code: str) -> Level | None:
    """Return the level that the code belongs to, or None where it is no unit code."""
    return _LEVELS.get(len(code)) if _ASCII_DIGITS.fullmatch(code) else None


def path_of(code: str) -> tuple[str, ...]:
    """Return the codes from the city down to the unit itself."""
    return tuple(code[:length] for length in LENGTHS.values() if length <= len(code))


def parent_of(code: str) -> str | None:
    """Return the code of the parent, None for a city."""
    path = path_of(code)
    return path[-2] if len(path) > 1 else None
