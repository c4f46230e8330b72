"""Everything that a principal may be allowed to do, and over how much of the programme."""

from enum import StrEnum


class Action(StrEnum):
    """``resource:verb``, as the rows in ``policies/policy.csv`` spell it."""

    UNIT_READ = "unit:read"
    DEPARTMENT_READ = "department:read"
    CADRE_READ = "cadre:read"
    CADRE_PRIVATE = "cadre:private"
    POSTING_READ = "posting:read"
    CATEGORY_READ = "category:read"
    METRICS_READ = "metrics:read"
    ISSUE_READ = "issue:read"
    ISSUE_REPORT = "issue:report"
    ISSUE_JUDGE = "issue:judge"
    ISSUE_ASSIGN = "issue:assign"
    ISSUE_ACCEPT = "issue:accept"
    ISSUE_PROGRESS = "issue:progress"
    ISSUE_FEEDBACK = "issue:feedback"
    ISSUE_INSPECT_TOWNSHIP = "issue:inspect_township"
    ISSUE_INSPECT_OFFICE = "issue:inspect_office"
    ISSUE_LOOK_BACK = "issue:look_back"
    ISSUE_REOPEN = "issue:reopen"
    ISSUE_ATTACH = "issue:attach"


TERMS = {
    Action.UNIT_READ: "查看单位",
    Action.DEPARTMENT_READ: "查看责任单位",
    Action.CADRE_READ: "查看干部",
    Action.CADRE_PRIVATE: "查看干部电话",
    Action.POSTING_READ: "查看岗位",
    Action.CATEGORY_READ: "查看分类",
    Action.METRICS_READ: "查看指标",
    Action.ISSUE_READ: "查看问题",
    Action.ISSUE_REPORT: "上报",
    Action.ISSUE_JUDGE: "研判",
    Action.ISSUE_ASSIGN: "交办",
    Action.ISSUE_ACCEPT: "签收",
    Action.ISSUE_PROGRESS: "报告进展",
    Action.ISSUE_FEEDBACK: "反馈",
    Action.ISSUE_INSPECT_TOWNSHIP: "镇级初验",
    Action.ISSUE_INSPECT_OFFICE: "活动办核验",
    Action.ISSUE_LOOK_BACK: "回头看",
    Action.ISSUE_REOPEN: "重新打开",
    Action.ISSUE_ATTACH: "上传附件",
}
"""What a refusal calls them in Chinese."""


class ScopeKind(StrEnum):
    """How far a grant reaches from the posting that carries it; a set, not a ladder."""

    OWN = "OWN"  # I found or handle it
    ASSIGNED = "ASSIGNED"  # my unit or department is a party
    UNIT = "UNIT"  # the posting's unit itself
    SUBTREE = "SUBTREE"  # the posting's unit and all below it
    ALL = "ALL"  # the city of the posting: tenants never mix
