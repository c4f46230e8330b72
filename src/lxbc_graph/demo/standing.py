"""What the database holds already of the things that a world names."""

from dataclasses import dataclass, field
from typing import Any

from lxbc_graph.store.copying import Connection

Row = dict[str, Any]


@dataclass(slots=True)
class Standing:
    """Rows by the key that a world names them with; the loader adds its own to them."""

    units: dict[str, Row] = field(default_factory=dict)
    departments: dict[str, Row] = field(default_factory=dict)
    cadres: dict[str, Row] = field(default_factory=dict)
    accounts: dict[str, Row] = field(default_factory=dict)
    categories: dict[tuple[int, str, str], Row] = field(default_factory=dict)
    """By city id, scheme and code."""
    issues: dict[str, Row] = field(default_factory=dict)
    rules: list[Row] = field(default_factory=list)
    """All of the cities that are named; ``settings`` are JSON text."""


async def look_up(connection: Connection, named: dict[str, set[str]]) -> Standing:
    """Read the named rows, and all departments and categories of the cities that the named units are in.

    Where no unit is named, all cities: if there is one, it goes without saying.
    """

    async def rows(sql: str, values: list[Any]) -> list[Row]:
        return [dict(row) for row in await connection.fetch(sql, values)]

    which = "code = any($1::text[]) or (level = 'CITY' and $1::text[] = '{}')"
    units = await rows(f"select * from unit where {which}", sorted(named["units"]))
    cities = sorted({row["city_id"] for row in units})
    departments = await rows(
        "select * from department where code = any($1::text[])", sorted(named["departments"])
    ) + await rows("select * from department where city_id = any($1::bigint[]) order by code", cities)
    cadres = await rows("select * from cadre where code = any($1::text[])", sorted(named["cadres"]))
    accounts = await rows("select * from account where name = any($1::text[])", sorted(named["accounts"]))
    issues = await rows(
        "select id, number, city_id, dismissal from issue where number = any($1::text[])",
        sorted(named["issues"]),
    )
    cities = sorted({row["city_id"] for row in [*units, *departments, *cadres]})
    rules = await rows("select * from rule where city_id = any($1::bigint[]) order by id", cities)
    categories = await rows("select * from category where city_id = any($1::bigint[])", cities)
    beyond = {row["unit_id"] for row in [*departments, *cadres]} - {row["id"] for row in units}
    units += await rows("select * from unit where id = any($1::bigint[])", sorted(beyond))
    return Standing(
        units={row["code"]: row for row in units},
        departments={row["code"]: row for row in departments},
        cadres={row["code"]: row for row in cadres},
        accounts={row["name"]: row for row in accounts},
        categories={(row["city_id"], row["scheme"], row["code"]): row for row in categories},
        issues={row["number"]: row for row in issues},
        rules=rules,
    )
