"""Read cases: each folder of ``tests/cases`` is a query, who asks, and what it becomes — plan, SQL, answer.

``world.json`` is the one world that all are asked of. After a change that was meant,
``LXBC_CASES=accept pytest tests/test_read_cases.py`` writes what came out in place of what was expected; read the
diff before it is committed. A folder with only ``query.graphql`` and ``principal.txt`` is completed the same way.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.conftest import fresh_database
from tests.reference.agreement import parse

from lxbc_graph.app import Service, open_service
from lxbc_graph.demo.world import load
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent / "cases"
CASES = sorted(path for path in ROOT.iterdir() if path.is_dir())
CONNECTIONS = 2
ACCEPT = os.environ.get("LXBC_CASES") == "accept"


@dataclass(frozen=True)
class Served:
    """The service over the cases' world, and every statement that it sends."""

    service: Service
    sent: list[asyncpg.connection.LoggedQuery] = field(default_factory=list)

    async def listen(self) -> None:
        """Open every lane and every connection of the pool, and note what is sent on them."""
        database = self.service.database
        probe = "select $1::text[]::text || $2::bigint[]::text"  # asyncpg asks once what an array is
        await asyncio.gather(*(database.lanes.fetchval(probe, [], []) for _ in range(CONNECTIONS)))
        lanes = database.lanes._idle
        assert len(lanes) == CONNECTIONS
        pooled = [await database.pool.acquire() for _ in range(CONNECTIONS)]
        connections: list[Any] = [*lanes, *pooled]  # asyncpg-stubs does not know add_query_logger
        for connection in connections:
            connection.add_query_logger(self.sent.append)
        for connection in pooled:
            await database.pool.release(connection)


@pytest.fixture(scope="module")
async def served(server_url: str, template: str) -> AsyncIterator[Served]:
    async with (
        fresh_database(server_url, template) as url,
        open_service(Settings(database_url=url, pool_size=CONNECTIONS)) as service,
    ):
        await load(service.database, json.loads((ROOT / "world.json").read_text()))
        served = Served(service)
        await served.listen()
        yield served


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_read_case(folder: Path, served: Served) -> None:
    query = (folder / "query.graphql").read_text()
    assert query.startswith("# "), "the first line says what the case is about"
    variables = folder / "variables.json"
    request = Request(query, variables=json.loads(variables.read_text()) if variables.exists() else None)
    principal = await served.service.accounts.principal((folder / "principal.txt").read_text().strip())
    assert principal is not None

    await asyncio.sleep(0)  # asyncpg tells of a statement in the next turn of the loop
    served.sent.clear()
    response = await served.service.executor.execute(request, principal)
    await asyncio.sleep(0)

    assert response.ok
    assert len(served.sent) == 1, [sent.query for sent in served.sent]
    plan, _, policy = served.service.executor.explain(request, principal).split("\n\n")
    found = {
        "plan.txt": f"{plan}\n\n{policy}\n",
        "query.sql": with_parameters(broken(served.sent[0].query), served.sent[0].args),
        "answer.json": json.dumps(parse(response.body), ensure_ascii=False, indent=2) + "\n",
    }
    if ACCEPT:
        assert "CI" not in os.environ, "only a reader accepts"
        for name, text in found.items():
            (folder / name).write_text(text)
    assert {name: (folder / name).read_text() for name in found} == found


KEYWORDS = "from|left join|where|and|or|union all|order by|limit|having|when|else"


def broken(sql: str) -> str:
    """Break a statement into lines, indented by open brackets; ``re.sub(r"\\n *", " ", …)`` is the statement."""
    depth, lines = 0, []
    for line in re.split(rf" (?=(?:{KEYWORDS}|\|\|) )", sql):
        lines.append("  " * depth + line)
        depth += line.count("(") - line.count(")")
    text = "\n".join(lines)
    assert re.sub(r"\n *", " ", text) == sql
    return text


def with_parameters(sql: str, parameters: tuple[object, ...]) -> str:
    """Add what travels beside the statement."""
    return "\n".join([sql, *(f"-- ${place} = {value!r}" for place, value in enumerate(parameters, 1)), ""])
