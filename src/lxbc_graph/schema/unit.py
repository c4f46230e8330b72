"""The hierarchy: an interface, and one type for each level."""

from collections.abc import Callable
from datetime import date

from lxbc_graph.domain.words import Level
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import UNIT
from lxbc_graph.read.catalogue import (
    Column,
    Contains,
    FilterTerm,
    Is,
    Json,
    Many,
    Metrics,
    One,
    OneOf,
    Order,
    Within,
)
from lxbc_graph.store.tables import ANCESTOR

from .declare import entity

FILTERS: dict[str, FilterTerm] = {
    "unit": Within("Code of a unit: it and everything below it (单位代码)."),
    "level": OneOf(Level, "Levels (层级).", "{a}.level"),
    "current": Is("Whether the unit exists today (现行).", "{a}.valid_to is null"),
    "search": Contains(
        "Words in the name or a former name (名称).", ("{a}.name", r"array_to_string({a}.aliases, E'\n')")
    ),
}
ORDERS = {
    "CODE": Order("{a}.code", "By statistical code (代码).", unique=True),
    "NAME": Order("{a}.name", "By name (名称)."),
}


@entity(
    table="unit",
    rows=UNIT,
    requires=Action.UNIT_READ,
    node="Unit",
    members=("City", "County", "Township", "Village"),
    filters=FILTERS,
    orders=ORDERS,
    default_order=("CODE", False),
)
class Unit:
    """An administrative unit of the hierarchy city › county › township › village (单位)."""

    code = Column(str, "Statistical code of 4, 6, 9 or 12 digits (统计用区划代码).", form=Json.PLAIN)
    name = Column(str, "Name; never a key, since villages share names (名称).")
    level = Column(Level, "Level in the hierarchy (层级).")
    valid_from = Column(date, "First day on which the unit existed (启用日期).")
    valid_to = Column(
        date, "Day on which the unit ceased to exist; null while it exists (停用日期).", null=True
    )
    aliases = Column(str, "Former names, oldest first (曾用名).", many=True)
    parent = One("Unit", "The unit above; null at the top and where it is hidden (上级单位).", "parent_id")
    successor = One("Unit", "The unit that took this one's place (承继单位).", "successor_id")
    children = Many("Unit", "The units directly below (下级单位).", "{c}.parent_id = {p}.id")
    departments = Many("Department", "Departments of this unit itself (本级部门).", "{c}.unit_id = {p}.id")
    cadres = Many(
        "Cadre",
        "Cadres who serve in or come from this unit or below it (干部).",
        "{c}.reach @> array[{p}.id]",
    )
    postings = Many("Posting", "Postings to this unit or below it (派驻).", "{c}.{level} = {p}.id")
    issues = Many("Issue", "Issues found in this unit or below it (问题).", "{c}.{level} = {p}.id")
    rules = Many(
        "Rule",
        "Rules of this unit and those that it inherits from above, the city's first (规则).",
        "{c}.unit_id in ({p}.city_id, {p}.county_id, {p}.township_id, {p}.village_id)",
    )
    metrics = Metrics(
        "Figures over the issues in this unit and below it (指标); null where they may not be read."
    )


def _level(level: Level) -> Callable[[type], type]:
    return entity(
        table="unit",
        rows=UNIT,
        requires=Action.UNIT_READ,
        node="Unit",
        of="Unit",
        filters=FILTERS,
        orders=ORDERS,
        default_order=("CODE", False),
        discriminator=("level", level.value),
        level_column=ANCESTOR[level],
    )


@_level(Level.CITY)
class City:
    """A city that runs the programme: the top of a hierarchy, and a tenant of the API (市)."""

    counties = Many("County", "Counties, districts and zones (县、市、区).", "{c}.city_id = {p}.id")


@_level(Level.COUNTY)
class County:
    """A county, county-level city, district or development zone (县、市、区、开发区)."""

    city = One("City", "The city above (所属市).", "city_id")
    townships = Many(
        "Township", "Townships, towns and sub-districts (乡、镇、街道).", "{c}.county_id = {p}.id"
    )


@_level(Level.TOWNSHIP)
class Township:
    """A township, town or sub-district (乡、镇、街道)."""

    city = One("City", "The city above (所属市).", "city_id")
    county = One("County", "The county above (所属县).", "county_id")
    villages = Many("Village", "Villages and communities (村、社区).", "{c}.township_id = {p}.id")


@_level(Level.VILLAGE)
class Village:
    """A village or urban community (村、社区)."""

    city = One("City", "The city above (所属市).", "city_id")
    county = One("County", "The county above (所属县).", "county_id")
    township = One("Township", "The township above (所属乡镇).", "township_id")
