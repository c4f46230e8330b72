"""Clocks: by when something is wanted of an issue, and how each stands."""

from datetime import datetime

from lxbc_graph.domain.words import ClockKind, Light
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import OF_ISSUE
from lxbc_graph.read.catalogue import Column, Is, One, OneOf, Order

from .declare import entity

HOURS_LEFT: dict[str, int] = {Light.RED: 0, Light.AMBER: 24, Light.GREEN: 10_000_000}
"""At most so many hours are left until what has the light is due."""


def light(due_at: str) -> str:
    """Return the SQL of how what is due then stands now; null where nothing is due."""
    soon = f"now() + interval '{HOURS_LEFT[Light.AMBER]} hours'"
    return (
        f"case when {due_at} < now() then 'RED' when {due_at} <= {soon} then 'AMBER'"
        f" when {due_at} is not null then 'GREEN' end"
    )


_LIGHT = f"case when {{a}}.running then {light('{a}.due_at')} end"


@entity(
    table="clock",
    rows=OF_ISSUE,
    requires=Action.ISSUE_READ,
    filters={
        "kind": OneOf(ClockKind, "Kinds (类型).", "{a}.kind"),
        "running": Is("Whether it runs (计时中).", "{a}.running"),
        "light": OneOf(Light, "Lights of those that run (亮灯).", f"({_LIGHT})"),
    },
    orders={
        "DUE_AT": Order("{a}.due_at", "By due time (期限).", "timestamptz"),
        "ID": Order("{a}.id", "By assignment, in the order of 13710 (交办顺序).", "bigint", unique=True),
    },
    default_order=("DUE_AT", False),
)
class Clock:
    """By when something is wanted of an issue or of one of its assignments (计时)."""

    kind = Column(ClockKind, "What is wanted (类型).")
    due_at = Column(datetime, "By when (期限).")
    stopped_at = Column(datetime, "When it was done (停表时间).", null=True)
    running = Column(bool, "Whether it is wanted now: neither done, nor put aside, nor given up (计时中).")
    light = Column(Light, "How it stands now; null where it does not run (亮灯).", sql=_LIGHT, null=True)
    issue = One("Issue", "The issue (问题).", "issue_id")
    assignment = One("Assignment", "The share of the issue, where it is one's (交办).", "assignment_id")
