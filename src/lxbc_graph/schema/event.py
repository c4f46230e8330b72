"""Events: history, audit trail and the stream of changes in one."""

from datetime import datetime

from strawberry.scalars import JSON

from lxbc_graph.domain.words import ClockKind, EventKind, IssueState, RungKind
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import EVENT
from lxbc_graph.read.catalogue import Between, Column, Json, Many, One, OneOf, Order, Within

from .declare import entity


def _of_alert(key: str, cast: str = "text") -> str:
    """Return the SQL of what an alert says; other kinds may use the key for something else."""
    return f"case when {{a}}.kind = 'ALERTED' then ({{a}}.data->>'{key}')::{cast} end"


@entity(
    table="event",
    rows=EVENT,
    requires=Action.ISSUE_READ,
    node="Event",
    filters={
        "unit": Within("Code of a unit: events in it and in everything below it (单位代码)."),
        "kind": OneOf(EventKind, "Kinds (类型).", "{a}.kind"),
        "rung": OneOf(RungKind, "Rungs of the ladder, of alerts (预警级别).", _of_alert("rung")),
        "toState": OneOf(IssueState, "States that the issue came to (变为).", "{a}.to_state"),
        "at": Between("When it happened (时间).", "{a}.at"),
    },
    orders={
        "ID": Order(
            "{a}.id", "In the order in which they happened to an issue (先后).", "bigint", unique=True
        )
    },
    default_order=("ID", False),
)
class Event:
    """Something that happened to an issue; never changed afterwards (事件)."""

    kind = Column(EventKind, "What happened (类型).")
    from_state = Column(IssueState, "State before; null for the first (原状态).", null=True)
    to_state = Column(IssueState, "State after (现状态).")
    actor_name = Column(str, "Name of who did it, as it was then (操作人).")
    reason = Column(str, "Why, where the actor said so (理由).", null=True, long=True)
    at = Column(datetime, "When (时间).")
    data = Column(JSON, "What else was said, by kind (附加数据).", form=Json.RAW, long=True)
    rung = Column(RungKind, "Rung of the ladder, of an alert (预警级别).", sql=_of_alert("rung"), null=True)
    clock = Column(ClockKind, "The clock that an alert is about (计时).", sql=_of_alert("clock"), null=True)
    due_at = Column(
        datetime,
        "When that clock was due as it was written; the clock may have moved since (到期时间).",
        sql=_of_alert("dueAt", "timestamptz"),
        null=True,
    )
    reply_due_at = Column(
        datetime,
        "By when a reminder letter wants an answer (回复期限).",
        sql=_of_alert("replyDueAt", "timestamptz"),
        null=True,
    )
    issue = One("Issue", "The issue; null where it left what the viewer may see (问题).", "issue_id")
    assignment = One("Assignment", "The share of the issue that it was about (交办).", "assignment_id")
    actor = One("Cadre", "Who did it, where it was a cadre (操作人).", "actor_id")
    unit = One("Unit", "Where the issue stood then (所在单位).", "unit_id")
    attachments = Many("Attachment", "What it refers to (附件).", "{c}.event_id = {p}.id")
