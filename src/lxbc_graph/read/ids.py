"""Global ids: ``Type:number``, opaque to clients; anything else names nothing."""

import re

_ID = re.compile(r"([A-Z][A-Za-z]*):([1-9][0-9]{0,18})", re.ASCII)


def parse(text: object, name: str) -> int | None:
    """Return the number of an id of that type, or None."""
    found = _ID.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1] != name:
        return None
    number = int(found[2])
    return number if number < 2**63 else None


def name_of(text: str) -> str:
    """Return the type that an id claims to name."""
    return text.partition(":")[0]


def write(name: str, number: int) -> str:
    """Return the global id."""
    return f"{name}:{number}"
