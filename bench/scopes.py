"""``python -m bench.scopes``: how a scope should be spelled (docs/adr/0007); milliseconds for the first 50 issues."""

import time
from statistics import median
from typing import Annotated

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from lxbc_graph.settings import Settings
from lxbc_graph.store.embedded import EmbeddedServer

from .data import prepare
from .limit import SESSION

console = Console(stderr=True)

FIRST = "order by i.reported_at desc, i.id desc limit 50"
CODE = {"city": "4110", "county": "411024", "township": "411024104", "village": "411024104226"}
WITHIN = "u.code >= '{code}' and u.code < '{code}:'"
SUBTREES = {
    "no scope": f"select i.id from issue i {FIRST}",
    "join on a path range": f"select i.id from issue i join unit u on u.id = i.unit_id where {WITHIN} {FIRST}",
    "in (select …)": f"select i.id from issue i where i.unit_id in (select u.id from unit u where {WITHIN}) {FIRST}",
    "scalar sub-query": "select i.id from issue i where"
    f" (select {WITHIN} from unit u where u.id = i.unit_id) {FIRST}",
    "ancestor column": f"select i.id from issue i where i.{{level}}_id = {{unit}} {FIRST}",
}
"""Spellings of "within this unit"."""

PARTY = "select a.issue_id from assignment a where a.party_unit_id = {unit}"
MINE = (
    "select f.id from issue f where f.finder_id = {cadre}"
    " union all select a.issue_id from assignment a where a.responsible_id = {cadre}"
)
DEPARTMENT = "select a.issue_id from assignment a where a.department_id = {department}"
GRANTS = {
    "township office": ("township_id = {unit}", PARTY),
    "village official": ("village_id = {unit}", PARTY),
    "cadre": ("village_id = {unit}", MINE),
    "department": ("id is null", DEPARTMENT),
}
"""What a unit gives and what a person or a party adds."""
MIXTURES = {
    "or": f"select i.id from issue i where i.{{wide}} or i.id in ({{narrow}}) {FIRST}",
    "one set of ids": "select i.id from issue i where i.id in"
    f" ({{narrow}} union all select w.id from issue w where w.{{wide}}) {FIRST}",
    "a branch for each": f"select id from ((select i.* from issue i where i.{{wide}} {FIRST}) union all"
    f" (select i.* from issue i where i.id in ({{narrow}}) and (i.{{wide}}) is not true {FIRST})) i {FIRST}",
}
"""Spellings of "either"."""


def main(issues: Annotated[int, typer.Option(min=1000)] = 200_000) -> None:
    """Measure every spelling for every viewer."""
    home = EmbeddedServer.start(Settings().data_dir / "bench")
    try:
        uvloop.run(_run(home.url, issues))
    finally:
        home.stop()


async def _run(server_url: str, issues: int) -> None:
    url = await prepare(server_url, issues, console.print)
    connection = await asyncpg.connect(url, server_settings=SESSION)
    unit = {
        level: await connection.fetchval("select id from unit where code = $1", code)
        for level, code in CODE.items()
    }
    cadre, home = await connection.fetchrow(
        "select cadre_id, unit_id from posting where role = 'cadre' limit 1"
    )
    department = await connection.fetchval("select id from department where code = '411024-3'")

    subtrees = Table("ms", *CODE, title=f"within a unit, {issues:,} issues")
    for name, sql in SUBTREES.items():
        cells = [
            await _milliseconds(connection, sql.format(level=level, code=code, unit=unit[level]))
            for level, code in CODE.items()
        ]
        subtrees.add_row(name, *cells)
    mixtures = Table("ms", *GRANTS, title="a unit and a person or party")
    units = {"township office": unit["township"], "village official": unit["village"], "cadre": home}
    for name, sql in MIXTURES.items():
        cells = []
        for viewer, (wide, narrow) in GRANTS.items():
            places = {"unit": units.get(viewer), "cadre": cadre, "department": department}
            text = sql.format(wide=wide.format(**places), narrow=narrow.format(**places))
            cells.append(await _milliseconds(connection, text))
        mixtures.add_row(name, *cells)
    await connection.close()
    Console().print(subtrees, mixtures)


async def _milliseconds(connection: asyncpg.Connection, sql: str) -> str:
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        await connection.fetch(sql)
        taken.append(time.perf_counter() - began)
    return f"{median(taken) * 1e3:.2f}"


if __name__ == "__main__":
    typer.run(main)
