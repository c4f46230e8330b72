"""Departments: a party that issues are handed to."""

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import DEPARTMENT
from lxbc_graph.read.catalogue import Column, Contains, Many, One, OneOf, Order, Within

from .declare import entity


@entity(
    table="department",
    rows=DEPARTMENT,
    requires=Action.DEPARTMENT_READ,
    node="Department",
    filters={
        "unit": Within("Code of a unit: departments of it and of everything below it (单位代码)."),
        "line": OneOf(str, "Lines (分线).", "{a}.line"),
        "search": Contains("Words in the name (名称).", ("{a}.name",)),
    },
    orders={
        "CODE": Order("{a}.code", "By code (代码).", unique=True),
        "NAME": Order("{a}.name", "By name (名称)."),
    },
    default_order=("CODE", False),
)
class Department:
    """A department of a unit, to which issues are handed over (责任单位)."""

    code = Column(str, "Code, unique everywhere (代码).")
    name = Column(str, "Name (名称).")
    line = Column(str, "Line of work that it belongs to (分线).", null=True)
    unit = One("Unit", "The unit whose department it is (所属单位).", "unit_id")
    assignments = Many("Assignment", "What was handed over to it (承办事项).", "{c}.department_id = {p}.id")
