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
    ISSUE_PRIVATE = "issue:private"
    ISSUE_REPORT = "issue:report"
    ISSUE_REQUEST_VERIFICATION = "issue:request_verification"
    ISSUE_VERIFY = "issue:verify"
    ISSUE_JUDGE = "issue:judge"
    ISSUE_ASSIGN = "issue:assign"
    ISSUE_ACCEPT = "issue:accept"
    ISSUE_RETURN = "issue:return"
    ISSUE_ARBITRATE = "issue:arbitrate"
    ISSUE_PROGRESS = "issue:progress"
    ISSUE_PROPOSE_PLAN = "issue:propose_plan"
    ISSUE_APPROVE_PLAN = "issue:approve_plan"
    ISSUE_FEEDBACK = "issue:feedback"
    ISSUE_SUPERVISE = "issue:supervise"
    ISSUE_URGE = "issue:urge"
    ISSUE_INSPECT_TOWNSHIP = "issue:inspect_township"
    ISSUE_INSPECT_OFFICE = "issue:inspect_office"
    ISSUE_LOOK_BACK_CADRE = "issue:look_back_cadre"
    ISSUE_LOOK_BACK_INSPECTOR = "issue:look_back_inspector"
    ISSUE_LOOK_BACK_OFFICE = "issue:look_back_office"
    ISSUE_DECIDE_EXCLUSION = "issue:decide_exclusion"
    ISSUE_REOPEN = "issue:reopen"
    ISSUE_MERGE = "issue:merge"
    ISSUE_WITHDRAW = "issue:withdraw"
    ISSUE_TRANSFER = "issue:transfer"
    ISSUE_ATTACH = "issue:attach"
    RULE_READ = "rule:read"
    RULE_SET = "rule:set"
    POSTING_GRANT = "posting:grant"
    POSTING_END = "posting:end"
    AUDIT_READ = "audit:read"


TERMS = {
    Action.UNIT_READ: "查看单位",
    Action.DEPARTMENT_READ: "查看责任单位",
    Action.CADRE_READ: "查看干部",
    Action.CADRE_PRIVATE: "查看干部电话",
    Action.POSTING_READ: "查看岗位",
    Action.CATEGORY_READ: "查看分类",
    Action.METRICS_READ: "查看指标",
    Action.ISSUE_READ: "查看问题",
    Action.ISSUE_PRIVATE: "查看群众姓名和电话",
    Action.ISSUE_REPORT: "上报",
    Action.ISSUE_REQUEST_VERIFICATION: "提请核实",
    Action.ISSUE_VERIFY: "核实",
    Action.ISSUE_JUDGE: "研判",
    Action.ISSUE_ASSIGN: "交办",
    Action.ISSUE_ACCEPT: "签收",
    Action.ISSUE_RETURN: "退单",
    Action.ISSUE_ARBITRATE: "裁定退单",
    Action.ISSUE_PROGRESS: "报告进展",
    Action.ISSUE_PROPOSE_PLAN: "提出整改方案",
    Action.ISSUE_APPROVE_PLAN: "审定整改方案",
    Action.ISSUE_FEEDBACK: "反馈",
    Action.ISSUE_SUPERVISE: "督办",
    Action.ISSUE_URGE: "催办",
    Action.ISSUE_INSPECT_TOWNSHIP: "镇级初验",
    Action.ISSUE_INSPECT_OFFICE: "活动办核验",
    Action.ISSUE_LOOK_BACK_CADRE: "帮联干部回头看",
    Action.ISSUE_LOOK_BACK_INSPECTOR: "督导组回头看",
    Action.ISSUE_LOOK_BACK_OFFICE: "活动办回头看",
    Action.ISSUE_DECIDE_EXCLUSION: "审定不计入申请",
    Action.ISSUE_REOPEN: "重新打开",
    Action.ISSUE_MERGE: "合并",
    Action.ISSUE_WITHDRAW: "撤回",
    Action.ISSUE_TRANSFER: "转办",
    Action.ISSUE_ATTACH: "上传附件",
    Action.RULE_READ: "查看规则",
    Action.RULE_SET: "设定规则",
    Action.POSTING_GRANT: "授予岗位",
    Action.POSTING_END: "终止岗位",
    Action.AUDIT_READ: "查看审计",
}
"""What a refusal calls them in Chinese."""


class ScopeKind(StrEnum):
    """How far a grant reaches from the posting that carries it; a set, not a ladder."""

    OWN = "OWN"  # I found, verify or handle it
    ASSIGNED = "ASSIGNED"  # my unit or department is a party
    UNIT = "UNIT"  # the posting's unit itself
    SUBTREE = "SUBTREE"  # the posting's unit and all below it
    ALL = "ALL"  # the city of the posting: tenants never mix
