"""The Chinese terms of the words that a refusal names."""

from enum import StrEnum

from .words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    CategoryScheme,
    ContactKind,
    IssueState,
    LookBackStep,
    Verb,
)

Word = (
    IssueState
    | AssignmentState
    | AssignmentKind
    | AssignmentPart
    | CategoryScheme
    | ContactKind
    | LookBackStep
    | Verb
)


def term(word: Word) -> str:
    """Return what people call it."""
    return TERMS[type(word)][word.value]


# Not by the word alone: equal texts of two vocabularies are equal.
TERMS: dict[type[StrEnum], dict[str, str]] = {
    IssueState: {
        "REPORTED": "已上报",
        "VERIFYING": "待核实",
        "ACCEPTED": "已研判",
        "ASSIGNED": "已交办",
        "RECTIFYING": "整改中",
        "FEEDBACK": "待核验",
        "RECTIFIED": "已整改",
        "CLOSED": "已销号",
        "DISMISSED": "不予纳入",
    },
    AssignmentState: {
        "PENDING": "待签收",
        "RETURNED": "已退单",
        "ACCEPTED": "办理中",
        "FEEDBACK": "已反馈",
        "REASSIGNED": "已改派",
    },
    AssignmentKind: {"TERRITORIAL": "属地单位", "DEPARTMENT": "责任单位"},
    AssignmentPart: {"LEAD": "牵头（领办）", "ASSIST": "配合（协办）"},
    CategoryScheme: {"ISSUE_CLASS": "五大类", "WORK_CONTENT": "工作内容", "TOPIC": "中心工作"},
    ContactKind: {"LOCAL_CADRES": "村镇干部", "VILLAGERS": "群众", "DEPARTMENT": "责任单位"},
    LookBackStep: {"CADRE": "帮联干部", "INSPECTOR": "督导组", "OFFICE": "活动办"},
    Verb: {
        "REQUEST_VERIFICATION": "提请核实",
        "VERIFY_ISSUE": "核实",
        "JUDGE_ISSUE": "研判",
        "ASSIGN_ISSUE": "交办",
        "ACCEPT_ASSIGNMENT": "签收",
        "RETURN_ASSIGNMENT": "退单",
        "ARBITRATE_ASSIGNMENT": "裁定退单",
        "REPORT_PROGRESS": "报告进展",
        "PROPOSE_PLAN": "提出整改方案",
        "APPROVE_PLAN": "审定整改方案",
        "SUBMIT_FEEDBACK": "反馈",
        "SUPERVISE_ISSUE": "督办",
        "URGE_ISSUE": "催办",
        "INSPECT_ISSUE": "核验",
        "LOOK_BACK": "回头看",
        "DECIDE_EXCLUSION": "审定不计入申请",
        "SEND_BACK": "退回整改",
        "REOPEN_ISSUE": "重新打开",
        "MERGE_ISSUE": "合并",
        "WITHDRAW_ISSUE": "撤回",
        "TRANSFER_ISSUE": "转办",
    },
}
