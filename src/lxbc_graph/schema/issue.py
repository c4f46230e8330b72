"""Issues."""

from datetime import datetime

from lxbc_graph.domain.words import (
    Complexity,
    Dismissal,
    ExclusionState,
    IssueState,
    Level,
    Light,
    LookBackStep,
    Rank,
    Satisfaction,
    Source,
    Subject,
)
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import ISSUE
from lxbc_graph.read.catalogue import (
    AsOf,
    Between,
    Bound,
    Column,
    Contains,
    Is,
    Many,
    One,
    OneOf,
    Order,
    Refers,
    Within,
)

from .clock import HOURS_LEFT, light
from .declare import entity
from .viewer_actions import ON_THE_ISSUE

UNDER_WAY = "in ('ASSIGNED', 'RECTIFYING', 'FEEDBACK')"
LIGHT = light("{a}.next_due_at")
OVERDUE = f"{{a}}.due_at < now() and {{a}}.state {UNDER_WAY}"

_UP_TO = "from event e where e.issue_id = {a}.id and e.at <= {at}"
# An alert takes no lock: it may tell of the state before one that was committed first.
STATE_THEN = f"(select e.to_state {_UP_TO} and e.kind <> 'ALERTED' order by e.id desc limit 1)"
SATISFACTION_THEN = (
    f"(select e.data->>'satisfaction' {_UP_TO} and e.data ? 'satisfaction' order by e.id desc limit 1)"
)
EXCLUDED_THEN = (
    f"(select e.data->>'excluded' = 'true' {_UP_TO} and e.data ? 'excluded' order by e.id desc limit 1)"
)
DUE_THEN = (
    "coalesce((select (e.data->>'dueBefore')::timestamptz from event e where e.issue_id = {a}.id and e.at > {at}"
    " and e.data ? 'dueBefore' order by e.id limit 1), {a}.due_at)"
)


@entity(
    table="issue",
    rows=ISSUE,
    requires=Action.ISSUE_READ,
    node="Issue",
    filters={
        "asOf": AsOf(
            "As the events tell that it was at this moment: state, judged, handedOver, dismissed, overdue, reopened,"
            " satisfaction and excluded mean then, and what was reported later is left out; lights are always those of"
            " now (时点).",
            "{a}.reported_at",
        ),
        "unit": Within("Code of a unit: issues in it and in everything below it (单位代码)."),
        "state": OneOf(IssueState, "States (状态).", "{a}.state", then=STATE_THEN),
        "complexity": OneOf(Complexity, "Complexities (复杂程度).", "{a}.complexity"),
        "subject": OneOf(Subject, "Subjects (对象).", "{a}.subject"),
        "finderRank": OneOf(Rank, "Ranks of the finder when it was found (发现人职级).", "{a}.finder_rank"),
        "unitLevel": OneOf(Level, "Levels of the unit when it was found (发现层级).", "{a}.unit_level"),
        "satisfaction": OneOf(
            Satisfaction,
            "What people said at the look-back (满意度).",
            "{a}.satisfaction",
            then=SATISFACTION_THEN,
        ),
        "exclusion": OneOf(ExclusionState, "What became of leaving it out (不计入).", "{a}.exclusion"),
        "excluded": Is(
            "Whether what they said is left out of the figure (不计入满意度).",
            "{a}.exclusion = 'APPROVED'",
            then=EXCLUDED_THEN,
        ),
        "light": OneOf(
            Light,
            "Lights, as they are now (亮灯).",
            f"({LIGHT})",
            bound=Bound("{a}.next_due_at <= now() + make_interval(hours => {most})", HOURS_LEFT),
        ),
        "category": Refers("Category", "Classes of issue (问题类别).", "{a}.category_id"),
        "workContent": Refers("Category", "Items of work (工作内容).", "{a}.work_content_id"),
        "finder": Refers("Cadre", "Who found it (发现人).", "{a}.finder_id"),
        "verifier": Refers("Cadre", "Who verifies it (核实人).", "{a}.verifier_id"),
        "judged": Is(
            "Whether it has been judged an issue (已研判).",
            "{a}.judged_at is not null",
            then="{a}.judged_at <= {at}",
        ),
        "handedOver": Is(
            "Whether it has been handed over (已交办).",
            "{a}.handed_over_at is not null",
            then="{a}.handed_over_at <= {at}",
        ),
        "dismissed": Is(
            "Whether it was dismissed (不予纳入).",
            "{a}.state = 'DISMISSED'",
            then=f"{STATE_THEN} = 'DISMISSED'",
        ),
        "overdue": Is(
            "Whether it is still worked on after it was due (超期).",
            OVERDUE,
            then=f"{DUE_THEN} < {{at}} and {STATE_THEN} {UNDER_WAY}",
        ),
        "reopened": Is(
            "Whether it was ever reopened (反弹).",
            "{a}.reopened_count > 0",
            then=f"exists (select 1 {_UP_TO} and e.kind = 'REOPENED')",
        ),
        "cityIdentified": Is("Flagged as identified by the city (市级认定).", "{a}.city_identified"),
        "multiDepartment": Is("Flagged as needing several departments (多部门).", "{a}.multi_department"),
        "massInterest": Is("Flagged as touching many people (涉众).", "{a}.mass_interest"),
        "postDisaster": Is("Flagged as post-disaster work (灾后重建).", "{a}.post_disaster"),
        "reportedAt": Between("When it was reported (上报时间).", "{a}.reported_at"),
        "judgedAt": Between("When it was judged (研判时间).", "{a}.judged_at"),
        "handedOverAt": Between("When it was handed over (交办时间).", "{a}.handed_over_at"),
        "dueAt": Between("When it is due (办结期限).", "{a}.due_at"),
        "nextDueAt": Between("When its first running clock is due (最近期限).", "{a}.next_due_at"),
        "closedAt": Between("When it was closed (销号时间).", "{a}.closed_at"),
        "search": Contains("Words in the title or the number (标题、编号).", ("{a}.title", "{a}.number")),
    },
    orders={
        "REPORTED_AT": Order("{a}.reported_at", "By time of report (上报时间).", "timestamptz"),
        "UPDATED_AT": Order("{a}.updated_at", "By last change (更新时间).", "timestamptz"),
        "DUE_AT": Order(
            "coalesce({a}.due_at, 'infinity')", "By due time, those without last (办结期限).", "timestamptz"
        ),
        "NEXT_DUE_AT": Order(
            "coalesce({a}.next_due_at, 'infinity')",
            "By due time of the first running clock, those without last (最近期限).",
            "timestamptz",
        ),
        "NUMBER": Order("{a}.number", "By number (编号).", unique=True),
    },
    default_order=("REPORTED_AT", True),
)
class Issue:
    """A problem found in a unit, worked on until it is closed (问题)."""

    number = Column(str, "Number that people quote (问题编号).")
    title = Column(str, "What it is, in a line (标题).")
    description = Column(str, "What was found (问题描述).", long=True)
    state = Column(IssueState, "State (状态).")
    subject = Column(Subject, "Whose problem it is (对象).")
    source = Column(Source, "How it was found (发现方式).")
    complexity = Column(Complexity, "General or complex; null until judged (一般、复杂).", null=True)
    finder_name = Column(str, "Name of who found it, as it was then (发现人姓名).")
    finder_rank = Column(Rank, "Rank of who found it, as it was then (发现人职级).")
    unit_level = Column(Level, "Level of the unit, as it was then (发现层级).")
    city_identified = Column(bool, "Identified by the city (市级认定).")
    multi_department = Column(bool, "Needs several departments (多部门).")
    mass_interest = Column(bool, "Touches many people (涉众).")
    post_disaster = Column(bool, "Part of post-disaster work (灾后重建).")
    dismissal = Column(Dismissal, "Why it was dismissed (不予纳入原因).", null=True)
    satisfaction = Column(Satisfaction, "What people said at the look-back (群众满意度).", null=True)
    reopened_count = Column(int, "How often it was reopened (反弹次数).")
    sent_back_count = Column(int, "How often it was sent back (退回次数).")
    version = Column(int, "Counts changes; give it back as expectedVersion (版本).")
    reported_at = Column(datetime, "When it was reported (上报时间).")
    judged_at = Column(datetime, "When it was judged (研判时间).", null=True)
    handed_over_at = Column(datetime, "When it was handed over (交办时间).", null=True)
    due_at = Column(datetime, "When it is due (办结期限).", null=True)
    rectified_at = Column(datetime, "When it was found rectified (整改时间).", null=True)
    closed_at = Column(datetime, "When it was closed (销号时间).", null=True)
    updated_at = Column(datetime, "When it last changed (更新时间).")
    overdue = Column(bool, "Still worked on after it was due (超期).", sql=f"({OVERDUE}) is true")
    next_due_at = Column(datetime, "When the first of its running clocks is due (最近期限).", null=True)
    light = Column(Light, "How that clock stands now; null where none runs (亮灯).", sql=LIGHT, null=True)
    verify_due_at = Column(datetime, "By when it is to be verified (核实期限).", null=True)
    verified_at = Column(datetime, "When it was verified (核实时间).", null=True)
    township_passed_at = Column(datetime, "When the township passed the feedback (初验通过时间).", null=True)
    look_back_due_at = Column(datetime, "By when somebody is to look back (回访期限).", null=True)
    look_backs = Column(LookBackStep, "Whose look-back passed, in order (已回访).", many=True)
    sampled = Column(bool, "Drawn by lot for an unannounced look-back (随机抽查).")
    exclusion = Column(ExclusionState, "What became of leaving out what people said (不计入).", null=True)
    villager_name = Column(
        str,
        "Name of the villager whom it concerns; null without the permission for private fields (涉及群众姓名).",
        null=True,
        requires=Action.ISSUE_PRIVATE,
    )
    villager_phone = Column(
        str,
        "Telephone of the villager; null without the permission for private fields (涉及群众电话).",
        null=True,
        requires=Action.ISSUE_PRIVATE,
    )
    viewer_actions = ON_THE_ISSUE
    unit = One("Unit", "Where it was found (所在单位).", "unit_id")
    finder = One("Cadre", "Who found it, where it was a cadre (发现人).", "finder_id")
    verifier = One("Cadre", "Who is to verify it, or did (核实人).", "verifier_id")
    sponsor = One("Cadre", "The leader who sponsors it (包案领导).", "sponsor_id")
    category = One("Category", "Class of the issue (问题类别).", "category_id")
    work_content = One("Category", "Item of work that it falls under (工作内容).", "work_content_id")
    duplicate_of = One("Issue", "The issue that it repeats (重复于).", "duplicate_of_id")
    assignments = Many(
        "Assignment", "To whom it was handed over (交办).", "{c}.issue_id = {p}.id", parts=True
    )
    deadlines = Many(
        "Clock", "Its clocks and those of its assignments (期限).", "{c}.issue_id = {p}.id", parts=True
    )
    events = Many("Event", "What happened to it (经过).", "{c}.issue_id = {p}.id", parts=True)
    attachments = Many("Attachment", "Its evidence (附件).", "{c}.issue_id = {p}.id", parts=True)
    rules = Many("Rule", "Rules that it began under, and keeps (适用规则).", "{c}.id = any({p}.rules)")
