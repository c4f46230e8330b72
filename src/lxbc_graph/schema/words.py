"""Descriptions of the closed vocabularies, value by value, for the users of the API."""

from enum import Enum

from lxbc_graph.domain import words
from lxbc_graph.domain.errors import ErrorCode

ENUMS: dict[type[Enum], tuple[str, dict[str, str]]] = {
    words.Level: (
        "Levels of the hierarchy (层级).",
        {
            "CITY": "A city (市).",
            "COUNTY": "A county, district or zone (县、市、区).",
            "TOWNSHIP": "A township, town or sub-district (乡、镇、街道).",
            "VILLAGE": "A village or community (村、社区).",
        },
    ),
    words.Role: (
        "What a posting lets its holder be (角色).",
        {
            "CITY_LEADER": "City leader (市级领导).",
            "CITY_OFFICE": "The city's activity office (市活动办).",
            "SERVICE_GROUP": "Service group (服务工作组).",
            "COUNTY_LEADER": "County-level cadre (县级干部).",
            "COUNTY_OFFICE": "A county's activity office (县活动办).",
            "DEPARTMENT": "Responsible department (责任单位).",
            "TOWNSHIP_OFFICE": "The territory's office (属地).",
            "VILLAGE_OFFICIAL": "Village official (村干部).",
            "CADRE": "Posted cadre (帮联干部).",
            "INSPECTOR": "Inspector (督导组).",
            "ASSESSOR": "Assessor (考核组).",
            "SCREEN": "Monitoring screen (监测大屏).",
            "PORTAL": "County portal (县门户).",
            "ADMIN": "Administrator of accounts (系统管理员).",
        },
    ),
    words.Rank: (
        "Rank of a cadre (职级).",
        {
            "CITY_LEADER": "City leader (市级领导).",
            "COUNTY_CADRE": "County-level cadre (县级干部).",
            "TOWNSHIP": "Township cadre (乡镇干部).",
            "VILLAGE": "Village cadre (村干部).",
            "STAFF": "Member of staff (工作人员).",
        },
    ),
    words.IssueState: (
        "States of an issue (问题状态).",
        {
            "REPORTED": "Reported, not yet judged (已上报).",
            "VERIFYING": "Being verified (待核实).",
            "ACCEPTED": "Judged to be an issue (已研判).",
            "ASSIGNED": "Handed over, not yet accepted by a party (已交办).",
            "RECTIFYING": "Being put right (整改中).",
            "FEEDBACK": "Fed back by all parties, to be inspected (待核验).",
            "RECTIFIED": "Found to be put right (已整改).",
            "CLOSED": "Closed after look-back (已销号).",
            "DISMISSED": "Not taken up (不予纳入).",
        },
    ),
    words.Dismissal: (
        "Why an issue was not taken up (不予纳入原因).",
        {
            "NOT_TRUE": "What was reported is not so (不属实).",
            "DUPLICATE": "Another issue says it already (重复).",
            "OUT_OF_SCOPE": "Not a matter of the programme (不属于受理范围).",
            "WITHDRAWN": "The finder took it back (撤回).",
        },
    ),
    words.Complexity: (
        "How long an issue may take (复杂程度).",
        {"GENERAL": "Seven days (一般问题).", "COMPLEX": "One calendar month (复杂问题)."},
    ),
    words.Subject: (
        "Whose problem it is (对象).",
        {"VILLAGE": "A village's or its people's (村).", "ENTERPRISE": "An enterprise's (企业)."},
    ),
    words.Source: (
        "How an issue was found (发现方式).",
        {
            "VISIT": "Visit to a household (走访).",
            "SYMPOSIUM": "Symposium (座谈会).",
            "ON_SITE_OFFICE": "On-site office (现场办公).",
            "SUPERVISION": "Supervision (督导).",
            "HOTLINE": "Hotline (热线).",
            "OTHER": "Another way (其他).",
        },
    ),
    words.AssignmentKind: (
        "The two sides of the dual hand-over (双交办).",
        {"TERRITORIAL": "The territory (属地单位).", "DEPARTMENT": "The responsible department (责任单位)."},
    ),
    words.AssignmentPart: (
        "The party's part (承办方式).",
        {"LEAD": "Leads (牵头).", "ASSIST": "Assists (配合)."},
    ),
    words.AssignmentState: (
        "How far a party has come (承办状态).",
        {
            "PENDING": "Not yet accepted (待签收).",
            "ACCEPTED": "Accepted, being worked on (办理中).",
            "FEEDBACK": "Fed back (已反馈).",
        },
    ),
    words.InspectionLevel: (
        "Who inspects (核验层级).",
        {"TOWNSHIP": "The township, first (镇级初验).", "OFFICE": "The activity office (活动办核验)."},
    ),
    words.Satisfaction: (
        "What the people said (群众满意度).",
        {
            "SATISFIED": "Satisfied (满意).",
            "FAIRLY_SATISFIED": "Fairly satisfied (基本满意).",
            "DISSATISFIED": "Dissatisfied: the issue goes back (不满意).",
        },
    ),
    words.EventKind: (
        "What happened (事件类型).",
        {
            "REPORTED": "Reported (上报).",
            "JUDGED": "Judged: accepted or dismissed (研判).",
            "ASSIGNED": "Handed over to both parties (双交办).",
            "ASSIGNMENT_ACCEPTED": "A party accepted (签收).",
            "PROGRESS_REPORTED": "A party reported progress (进展).",
            "FEEDBACK_SUBMITTED": "A party fed back (反馈).",
            "INSPECTED": "Inspected (核验).",
            "LOOKED_BACK": "Looked back at (回头看).",
            "SENT_BACK": "Sent back to be put right (退回整改).",
            "REOPENED": "Reopened after it was closed (重新打开).",
        },
    ),
    words.CategoryScheme: (
        "Classifications (分类体系).",
        {
            "ISSUE_CLASS": "The five classes of issues (五大类).",
            "WORK_CONTENT": "Fifteen kinds of work in fifty items (工作内容).",
            "TOPIC": "Central tasks (中心工作).",
        },
    ),
    ErrorCode: (
        "Why a change was refused (错误码).",
        {
            "NOT_FOUND": "There is no such object that the viewer may see (不存在).",
            "FORBIDDEN": "The object is visible, but the viewer may not do this (无权操作).",
            "CONFLICT": "Somebody changed it since it was read (版本冲突).",
            "ILLEGAL_TRANSITION": "This cannot follow the present state (状态不允许).",
            "INVALID_INPUT": "A value is not acceptable (输入无效).",
            "IDEMPOTENCY_MISMATCH": "The key was used for something else (幂等键冲突).",
            "UNAUTHENTICATED": "Nobody is signed in, or the sign-in failed (未认证).",
        },
    ),
}
