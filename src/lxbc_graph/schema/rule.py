"""Rules: how units work, as data."""

from datetime import date, datetime

from strawberry.scalars import JSON

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import RULE
from lxbc_graph.read.catalogue import Column, Is, Json, One, Order, Within
from lxbc_graph.store.rules import IS_IN_FORCE

from .declare import entity


@entity(
    table="rule",
    rows=RULE,
    requires=Action.RULE_READ,
    node="Rule",
    filters={
        "unit": Within("Code of a unit: rules of it and of everything below it (单位代码)."),
        "inForce": Is("Whether it is the one of its unit that holds today (现行).", IS_IN_FORCE),
    },
    orders={
        "PLACE": Order(
            "({a}.version + 1000000 * num_nonnulls({a}.city_id, {a}.county_id, {a}.township_id, {a}.village_id))",
            "From the city down, each later version over the earlier (由上到下).",
            "bigint",
        ),
        "ID": Order("{a}.id", "In the order in which they were set (设定先后).", "bigint", unique=True),
    },
    default_order=("PLACE", False),
)
class Rule:
    """How a unit works, and all below it, from a day on: what it does otherwise than the units above; never changed afterwards (规则)."""

    version = Column(int, "Counts the rules of the unit, from 1 (版本).")
    name = Column(str, "What it is called (名称).")
    valid_from = Column(date, "First day, in Shanghai, on which it holds (生效日期).")
    settings = Column(
        JSON, "What differs from above, by the names in docs/rules.md (规则内容).", form=Json.RAW, long=True
    )
    author_name = Column(str, "Name of who set it, as it was then (设定人).")
    created_at = Column(datetime, "When it was set (设定时间).")
    in_force = Column(
        bool,
        "Whether it is the one of its unit that holds today; a lower unit's outweighs it there, field by field (现行).",
        sql=IS_IN_FORCE,
    )
    unit = One("Unit", "The unit whose rule it is; null where it is hidden (所属单位).", "unit_id")
