"""The ground of a run: two counties of one city, who works there, and who watches from where."""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, NamedTuple

import asyncpg

from lxbc_graph.demo.world import load
from lxbc_graph.policy.source import Source
from lxbc_graph.policy.stored import StoredPolicies
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.resources import POLICIES
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

CITY = "4110"
COUNTIES = ("411024", "411082")
TOWNSHIPS = tuple(f"{county}{place}" for county in COUNTIES for place in (101, 102))
VILLAGES = tuple(f"{township}{place}" for township in TOWNSHIPS for place in (201, 202, 203, 204))

POLICY = Source.read(POLICIES)
"""Is stored, for processes that look for it there."""

_TTL_SECONDS = 24 * 3600


class Place(NamedTuple):
    """A village, by the ids that its issues need."""

    village: str
    unit: str
    township: str
    department: str
    responsible: str
    category: str
    work_content: str

    @property
    def county_code(self) -> str:
        return self.village[:6]

    @property
    def township_code(self) -> str:
        return self.village[:9]


class Watch(NamedTuple):
    """Where somebody looks from: an account, the unit that it asks for, and the unit up to which it then sees."""

    account: str
    unit: str | None
    reach: str


class Ground(NamedTuple):
    """What stands in the database: tokens by account, and villages."""

    tokens: dict[str, str]
    places: tuple[Place, ...]


WATCHES = (
    Watch("office", None, CITY),
    *(Watch(f"portal-{county}", None, county) for county in COUNTIES),
    *(Watch("office", county, county) for county in COUNTIES),
    *(Watch(f"town-{township}", None, township) for township in TOWNSHIPS),
    *(Watch(f"portal-{township[:6]}", township, township) for township in TOWNSHIPS),
    *(Watch(f"official-{village}", None, village) for village in VILLAGES),
)
"""One of each kind: by posting alone, and by a filter below it."""


def watches(number: int) -> Iterator[Watch]:
    """Yield so many, each kind about as often."""
    return islice(cycle(WATCHES), number)


async def lay(url: str) -> Ground:
    """Load it into an empty database."""
    database = await Database.open(url, pool_size=2)
    try:
        await load(database, _world())
        await StoredPolicies(database.pool).add(POLICY)
        tokens = await Tokens.open(database.pool, Settings(database_url=url))
        names = [row["name"] for row in await database.pool.fetch("select name from account")]
        return Ground(
            {name: tokens.access(name, _TTL_SECONDS) for name in names},
            tuple([await _place(database.pool, village) for village in VILLAGES]),
        )
    finally:
        await database.close()


def _world() -> dict[str, Any]:
    def account(name: str, role: str, **where: str) -> dict[str, Any]:
        return {"name": name, "postings": [{"role": role, **where}]}

    return {
        "units": [{"code": code} for code in (CITY, *COUNTIES, *TOWNSHIPS, *VILLAGES)],
        "departments": [{"code": f"water-{county}", "unit": county} for county in COUNTIES],
        "categories": [{"code": "water"}, {"code": "repair", "scheme": "WORK_CONTENT"}],
        "cadres": [{"code": f"responsible-{township}", "unit": township} for township in TOWNSHIPS],
        "accounts": [
            account("office", "city_office", unit=CITY),
            *(account(f"portal-{county}", "portal", unit=county) for county in COUNTIES),
            *(account(f"inspector-{county}", "inspector", unit=county) for county in COUNTIES),
            *(account(f"bureau-{county}", "department", department=f"water-{county}") for county in COUNTIES),
            *(account(f"town-{township}", "township_office", unit=township) for township in TOWNSHIPS),
            *(account(f"official-{village}", "village_official", unit=village) for village in VILLAGES),
        ],
    }


_PLACE = """
select
    (select 'Unit:' || id from unit where code = $1),
    (select 'Unit:' || id from unit where code = left($1, 9)),
    (select 'Department:' || id from department where code = 'water-' || left($1, 6)),
    (select 'Cadre:' || id from cadre where code = 'responsible-' || left($1, 9)),
    (select 'Category:' || id from category where code = 'water'),
    (select 'Category:' || id from category where code = 'repair')
"""


async def _place(pool: "asyncpg.Pool[asyncpg.Record]", village: str) -> Place:
    return Place(village, *(await pool.fetchrow(_PLACE, village) or ()))
