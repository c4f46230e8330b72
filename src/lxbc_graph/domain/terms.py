"""The Chinese terms of the words that a refusal names."""

from enum import StrEnum

from .words import AssignmentKind, AssignmentState, CategoryScheme, IssueState, Verb


def term(word: IssueState | AssignmentState | AssignmentKind | CategoryScheme | Verb) -> str:
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
    AssignmentState: {"PENDING": "待签收", "ACCEPTED": "办理中", "FEEDBACK": "已反馈"},
    AssignmentKind: {"TERRITORIAL": "属地单位", "DEPARTMENT": "责任单位"},
    CategoryScheme: {"ISSUE_CLASS": "五大类", "WORK_CONTENT": "工作内容", "TOPIC": "中心工作"},
    Verb: {
        "JUDGE": "研判",
        "ASSIGN": "交办",
        "ACCEPT": "签收",
        "PROGRESS": "报告进展",
        "FEED_BACK": "反馈",
        "INSPECT": "核验",
        "LOOK_BACK": "回头看",
        "SEND_BACK": "退回整改",
        "REOPEN": "重新打开",
    },
}
