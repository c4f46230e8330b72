"""The schema as text: what is in ``schema/schema.graphql``, and whether it still says what the code declares."""

from pathlib import Path

from .build import build


def printed() -> str:
    """Return the schema in the schema definition language, with its directives, ending in a line break."""
    return build().as_str().rstrip() + "\n"


def write(folder: Path) -> Path:
    """Write ``schema.graphql`` into the folder and return its path."""
    path = folder / "schema.graphql"
    path.write_text(printed(), encoding="utf-8")
    return path


def is_current(folder: Path) -> bool:
    """Say whether the folder's ``schema.graphql`` is what the code declares."""
    path = folder / "schema.graphql"
    return path.is_file() and path.read_text(encoding="utf-8") == printed()
