"""Postings: who serves where, which is also what grants access."""

from datetime import datetime

from lxbc_graph.domain.words import Role
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import POSTING
from lxbc_graph.read.catalogue import Column, Is, One, OneOf, Order, Within

from .declare import entity


@entity(
    table="posting",
    rows=POSTING,
    requires=Action.POSTING_READ,
    node="Posting",
    filters={
        "unit": Within("Code of a unit: postings to it and to everything below it (单位代码)."),
        "role": OneOf(Role, "Roles (角色).", "{a}.role"),
        "current": Is(
            "Whether the posting is in force today (现任).",
            "{a}.valid_from <= now() and ({a}.valid_to is null or {a}.valid_to > now())",
        ),
    },
    orders={
        "ID": Order("{a}.id", "In the order of entry (录入顺序).", "bigint", unique=True),
        "VALID_FROM": Order("{a}.valid_from", "By first day (开始时间).", "timestamptz"),
    },
    default_order=("ID", False),
)
class Posting:
    """A role at a unit or department for a time: the link of help and the grant of access (派驻)."""

    role = Column(Role, "What the holder is there (角色).", sql="upper({a}.role)")
    lead = Column(bool, "Whether the holder leads those posted there (牵头).")
    valid_from = Column(datetime, "Since when (开始时间).")
    valid_to = Column(datetime, "Until when; null while open (结束时间).", null=True)
    cadre = One("Cadre", "The holder, where it is a cadre (干部).", "cadre_id")
    unit = One("Unit", "The unit served (派驻单位).", "unit_id")
    department = One("Department", "The department served (派驻部门).", "department_id")
