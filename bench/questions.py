"""The four questions: as GraphQL for this server and its peer, as one SQL statement for the limit."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg

_FOLDER = Path(__file__).with_name("queries")


@dataclass(frozen=True, slots=True)
class Question:
    """A question of at most one text variable, asked of each of the ``values`` in turn."""

    title: str
    document: str
    sql: str
    """A statement that answers with the whole response as JSON; ``$1`` is the variable."""
    variable: str | None = None
    values: str = "select null"
    """SQL that lists values of the variable."""


def _question(name: str, title: str, variable: str | None = None, values: str = "select null") -> Question:
    document, sql = ((_FOLDER / f"{name}.{kind}").read_text("utf-8") for kind in ("graphql", "sql"))
    return Question(title, document, sql, variable, values)


QUESTIONS = {
    "Q1": _question(
        "Q1",
        "first 50 issues of a county, newest first, with unit › parent › parent and finder › unit",
        "unit",
        "select code from unit where level = 'COUNTY' order by code",
    ),
    "Q2": _question("Q2", "city › counties › townships › villages"),
    "Q3": _question("Q3", "every county with total, rectified, overdue and rate, counted live"),
    "Q4": _question(
        "Q4",
        "one issue with its events and their actors",
        "id",
        "select 'Issue:' || id from issue where id % (select max(id) / 100 from issue) = 1",
    ),
}


async def values(url: str) -> dict[str, list[str | None]]:
    """Return the values of each question's variable; one None where it has none."""
    connection = await asyncpg.connect(url)
    try:
        return {
            name: [row[0] for row in await connection.fetch(one.values)] for name, one in QUESTIONS.items()
        }
    finally:
        await connection.close()
