"""The ground that issues arise on: one city, counties with different rules, people of every role in each."""

from dataclasses import dataclass
from datetime import date
from typing import Any

CITY = 1
CITY_BUREAU = 10
CITY_LEADER = 20
CLASS, CONTENT, CLASS_OLD = 1, 2, 3
NOBODY = NOWHERE = 999_999

COUNTIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "two_level": {
        "inspectionLevels": ["TOWNSHIP", "OFFICE"],
        "mustSee": ["CITY_IDENTIFIED", "MASS_INTEREST"],
    },
    "three_step": {
        "lookBackSteps": ["CADRE", "INSPECTOR", "OFFICE"],
        "requiredParts": ["LEAD", "ASSIST"],
        "arbitrateDays": 2,
    },
    "contacts": {
        "contacts": ["LOCAL_CADRES", "VILLAGERS", "DEPARTMENT"],
        "samplePercent": 100,
        "lookBackDays": 30,
    },
    "sponsor": {"sponsorRequired": True, "evidenceRequired": True, "inspectionLevels": ["TOWNSHIP"]},
    "lines": {"lineRequired": True, "requiredKinds": ["DEPARTMENT"], "generalDays": 5, "complexMonths": 2},
    "two_way": {"twoWaySupervision": True, "supervisions": ["SUPERVISION", "ON_SITE_OFFICE"]},
    "working": {"days": "WORKING", "lookBackDays": 3, "progressDays": 2},
}
"""Each county and the settings of its rule, as they are written."""

IMPORTED_DAYS = {date(2024, 3, 15): False, date(2024, 3, 16): True, date(2025, 3, 8): True}
"""What the city decided otherwise than the national calendar: day -> whether people work."""


@dataclass(frozen=True)
class Seat:
    role: str
    unit: int
    department: int | None = None


@dataclass(frozen=True)
class Person:
    account: int
    cadre: int | None
    seats: tuple[Seat, ...]


PATHS: dict[int, tuple[int, ...]] = {CITY: (CITY,)}
"""Unit -> the units that it lies in, from the city down to itself."""
RULES: dict[int, dict[str, Any]] = {}
"""Unit -> what its rule says otherwise than those above it."""
DEPARTMENTS: dict[int, tuple[int, str | None]] = {CITY_BUREAU: (CITY, "农业")}
"""Department -> its unit, its line."""
HOMES: dict[int, int] = {CITY_LEADER: CITY}
"""Cadre -> home unit."""
PEOPLE: dict[str, Person] = {}
"""Everybody; those of a county are named ``county/who``."""
CATEGORIES: dict[int, tuple[str, date | None]] = {
    CLASS: ("ISSUE_CLASS", None),
    CONTENT: ("WORK_CONTENT", None),
    CLASS_OLD: ("ISSUE_CLASS", date(2021, 1, 1)),
}
"""Category -> its scheme, and since when it is out of use."""


def _seat(name: str, cadre: int | None, *seats: Seat) -> None:
    PEOPLE[name] = Person(1000 + len(PEOPLE), cadre, seats)


@dataclass(frozen=True)
class County:
    """Ids of what stands in a county; the two villages lie in its one township."""

    name: str
    unit: int

    @property
    def town(self) -> int:
        return self.unit + 1

    @property
    def village(self) -> int:
        return self.unit + 2

    @property
    def hamlet(self) -> int:
        return self.unit + 3

    @property
    def bureau(self) -> int:
        return self.unit + 10

    @property
    def idle(self) -> int:
        """A department that belongs to no line."""
        return self.unit + 11

    @property
    def cadres(self) -> dict[str, int]:
        names = ("helper", "inspector", "leader", "double", "bureau", "clerk")
        return {name: self.unit + 20 + index for index, name in enumerate(names)}


def _settle(county: County) -> None:
    of_county = (CITY, county.unit)
    PATHS[county.unit] = of_county
    PATHS[county.town] = (*of_county, county.town)
    for village in (county.village, county.hamlet):
        PATHS[village] = (*of_county, county.town, village)
    DEPARTMENTS[county.bureau] = county.unit, "水利"
    DEPARTMENTS[county.idle] = county.unit, None
    cadres = county.cadres
    homes = {"helper": county.village, "double": county.village, "clerk": county.town}
    for who, cadre in cadres.items():
        HOMES[cadre] = homes.get(who, county.unit)
    for who, *seats in (
        ("leader", Seat("county_leader", county.unit)),
        ("office", Seat("county_office", county.unit)),
        ("town", Seat("township_office", county.town)),
        ("bureau", Seat("department", county.unit, county.bureau)),
        ("idle", Seat("department", county.unit, county.idle)),
        ("official", Seat("village_official", county.village)),
        ("hamlet", Seat("village_official", county.hamlet)),
        ("helper", Seat("cadre", county.village)),
        ("inspector", Seat("inspector", county.unit)),
        ("double", Seat("cadre", county.village), Seat("inspector", county.unit)),
        ("assessor", Seat("assessor", county.unit)),
        ("screen", Seat("screen", county.unit)),
        ("portal", Seat("portal", county.unit)),
    ):
        _seat(f"{county.name}/{who}", cadres.get(who), *seats)


_seat("city_leader", CITY_LEADER, Seat("city_leader", CITY))
_seat("city_office", None, Seat("city_office", CITY))
_seat("service_group", None, Seat("service_group", CITY))
_seat("city_bureau", None, Seat("department", CITY, CITY_BUREAU))
_seat("admin", None, Seat("admin", CITY))
ALL_COUNTIES = {name: County(name, 100 * (index + 1)) for index, name in enumerate(COUNTIES)}
for _county in ALL_COUNTIES.values():
    _settle(_county)
    if COUNTIES[_county.name]:
        RULES[_county.unit] = COUNTIES[_county.name]
RULES[ALL_COUNTIES["working"].town] = {"progressDays": 3, "generalDays": 6}

REACH = {cadre: set(PATHS[home]) for cadre, home in HOMES.items()}
"""Cadre -> every unit on the path of the home or of a posting."""
for _person in PEOPLE.values():
    if _person.cadre is not None:
        REACH[_person.cadre].update(unit for seat in _person.seats for unit in PATHS[seat.unit])
