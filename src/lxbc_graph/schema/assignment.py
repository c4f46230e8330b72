"""Assignments: the two sides of a hand-over."""

from datetime import datetime

from strawberry.scalars import JSON

from lxbc_graph.domain.words import AssignmentKind, AssignmentPart, AssignmentState, Light, PlanState
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import OF_ISSUE
from lxbc_graph.read.catalogue import Column, Is, Json, Many, One, OneOf, Order, Refers

from .clock import light
from .declare import entity
from .viewer_actions import ON_THE_ASSIGNMENT

LIGHT = f"(select {light('min(k.due_at)')} from clock k where k.assignment_id = {{a}}.id and k.running)"


@entity(
    table="assignment",
    rows=OF_ISSUE,
    requires=Action.ISSUE_READ,
    node="Assignment",
    filters={
        "kind": OneOf(AssignmentKind, "Sides (类型).", "{a}.kind"),
        "state": OneOf(AssignmentState, "States (状态).", "{a}.state"),
        "planState": OneOf(PlanState, "States of its plan (方案状态).", "{a}.plan_state"),
        "light": OneOf(Light, "Lights, as they are now (亮灯).", LIGHT),
        "department": Refers("Department", "Departments (责任单位).", "{a}.department_id"),
        "responsible": Refers("Cadre", "Who is responsible (责任人).", "{a}.responsible_id"),
        "required": Is("Whether the issue waits for its feedback (必办).", "{a}.required"),
    },
    orders={"ID": Order("{a}.id", "In the order of hand-over (交办顺序).", "bigint", unique=True)},
    default_order=("ID", False),
)
class Assignment:
    """One party's share of an issue: the territory's or a department's (交办)."""

    kind = Column(AssignmentKind, "Which side (类型).")
    part = Column(AssignmentPart, "Leads or assists (牵头、配合).")
    required = Column(bool, "Whether the issue waits for its feedback (必办).")
    state = Column(AssignmentState, "How far the party has come (状态).")
    responsible_name = Column(str, "Name of the person responsible (责任人).", null=True)
    measure = Column(str, "What is to be done (整改措施).", null=True, long=True)
    feedback = Column(str, "What was done, as the party reports (反馈).", null=True, long=True)
    plan_due = Column(datetime, "When the party plans to be done (计划完成时间).", null=True)
    assigned_at = Column(datetime, "When it was handed over (交办时间).")
    accepted_at = Column(datetime, "When the party accepted (签收时间).", null=True)
    progressed_at = Column(datetime, "When progress was first reported (首次进展).", null=True)
    feedback_at = Column(datetime, "When the party fed back (反馈时间).", null=True)
    return_reason = Column(str, "Why the party returned it (退单理由).", null=True, long=True)
    insisted = Column(bool, "Whether the office insisted when it was returned (维持交办).")
    plan = Column(
        JSON, "Steps of the plan: a list of {text, dueOn} (整改方案).", form=Json.RAW, null=True, long=True
    )
    plan_state = Column(PlanState, "What became of the plan (方案状态).", null=True)
    supervised_count = Column(int, "How often it was supervised (督办次数).")
    urged_count = Column(int, "How often it was urged (催办次数).")
    light = Column(
        Light,
        "How that of its running clocks stands which is due first; null where none runs (亮灯).",
        sql=LIGHT,
        null=True,
    )
    viewer_actions = ON_THE_ASSIGNMENT
    clocks = Many("Clock", "Its clocks, running or not (计时).", "{c}.assignment_id = {p}.id", parts=True)
    issue = One("Issue", "The issue (问题).", "issue_id")
    unit = One("Unit", "The party, where it is the territory (属地单位).", "party_unit_id")
    department = One("Department", "The party, where it is a department (责任单位).", "department_id")
    responsible = One("Cadre", "The person responsible, where it is a cadre (责任人).", "responsible_id")
