"""Who acts in the demo: the loaded people, found by the unit or department that they stand for."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.machine import Actor
from lxbc_graph.domain.words import CategoryScheme, Rank
from lxbc_graph.reports.units import stem
from lxbc_graph.store import calendar, rules
from lxbc_graph.store.copying import Connection

from .lives import Law
from .people import CITY
from .schedule import BEGIN


class Unit(NamedTuple):
    """A unit that is in force, with its path as the columns of a scoped row want it."""

    id: int
    code: str
    name: str
    level: str
    city_id: int
    county_id: int | None
    township_id: int | None
    village_id: int | None

    @property
    def spoken(self) -> str:
        """The name as people say it: 新色村, not 新色村委会."""
        if len(self.code) < 12:  # noqa: PLR2004 - only a village is called after its committee
            return self.name
        return stem(self.name).removesuffix("村") + ("社区" if self.code[9] == "0" else "村")


class Person(NamedTuple):
    """A posted cadre, and where."""

    actor: Actor
    rank: str
    unit: Unit
    from_city: bool


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who can act, in the order of their codes."""

    units: dict[str, Unit]
    finders: list[Person]
    staff_in: dict[str, list[Person]]
    """By the code of the township that they are posted in."""
    staff_of: dict[str, list[Person]]
    """By the code of the department that is their home."""
    departments: dict[str, int]
    """Id by code."""
    accounts: dict[str, Actor]
    categories: dict[tuple[str, str], int]
    """Id by scheme and code."""
    law: Law
    """The city's rule at the launch, which all issues keep: rules of counties come after the demo's present."""


async def gather(connection: Connection) -> Cast:
    """Read the cast from the database; issues are found only in units that existed at the launch."""
    rows = await connection.fetch(_UNITS, CITY)
    units = {row["code"]: Unit(*(row[name] for name in Unit._fields)) for row in rows}
    of_old = {row["code"] for row in rows if row["of_old"]} or units.keys()
    people: dict[str, list[Person]] = defaultdict(list)
    staff_in: dict[str, list[Person]] = defaultdict(list)
    staff_of: dict[str, list[Person]] = defaultdict(list)
    for row in await connection.fetch(_CADRES, CITY):
        if (unit := units.get(row["unit"])) is None:
            continue
        actor = Actor(row["account_id"], row["name"], row["id"], row["posting_id"])
        person = Person(actor, row["rank"], unit, row["home"] == CITY)
        people[unit.code].append(person)
        if row["rank"] == Rank.STAFF:
            staff_in[unit.code[:9]].append(person)
            staff_of[row["department"]].append(person)
    departments = await connection.fetch("select id, code from department where code like $1", f"{CITY}%")
    accounts = await connection.fetch(_ACCOUNTS, CITY)
    categories = await connection.fetch(_CATEGORIES, CITY)
    return Cast(
        units,
        [person for code in sorted(people) if code in of_old for person in people[code]],
        staff_in,
        staff_of,
        {row["code"]: row["id"] for row in departments},
        {row["name"]: Actor(row["id"], row["display_name"], None, row["posting_id"]) for row in accounts},
        {(CategoryScheme(row["scheme"]).value, row["code"]): row["id"] for row in categories},
        await _law(connection, units[CITY].id),
    )


async def _law(connection: Connection, city_id: int) -> Law:
    ids = await connection.fetchval(rules.IN_FORCE, [city_id], shanghai_date(BEGIN))
    return Law(await rules.fetch(connection, ids), tuple(ids), await calendar.fetch(connection))


_UNITS = """
select u.id, u.code, u.name, u.level, u.city_id, u.county_id, u.township_id, u.village_id,
       u.valid_from <= date '2021-07-01' as of_old
from unit u join unit city on city.id = u.city_id
where city.code = $1 and u.valid_to is null order by u.code
"""
_CADRES = """
select c.id, c.name, c.rank, home.code as home, d.code as department, p.id as posting_id, u.code as unit,
       a.id as account_id
from cadre c
join unit city on city.id = c.city_id and city.code = $1
join posting p on p.cadre_id = c.id
join unit u on u.id = p.unit_id
join unit home on home.id = c.unit_id
left join department d on d.id = c.department_id
left join account a on a.cadre_id = c.id
order by c.code
"""
_ACCOUNTS = """
select a.id, a.name, a.display_name, p.id as posting_id
from account a join unit city on city.id = a.city_id and city.code = $1 join posting p on p.account_id = a.id
"""
_CATEGORIES = """
select g.id, g.scheme, g.code from category g join unit city on city.id = g.city_id and city.code = $1
"""
