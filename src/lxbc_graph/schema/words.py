"""Descriptions of the closed vocabularies, value by value, for the users of the API."""

from enum import Enum

from lxbc_graph.domain import words
from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.terms import term

from .declare import camel

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
            "RETURNED": "Returned by the party, to be decided by the office (已退单).",
            "ACCEPTED": "Accepted, being worked on (办理中).",
            "FEEDBACK": "Fed back (已反馈).",
            "REASSIGNED": "Over: another party has it (已改派).",
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
    words.PlanState: (
        "What became of a plan (方案状态).",
        {
            "PROPOSED": "Proposed, to be decided by the office (待审定).",
            "APPROVED": "Approved: its last step is when the party must be done (已审定).",
            "REJECTED": "Rejected (未通过).",
        },
    ),
    words.Flag: (
        "What marks an issue (标识).",
        {
            "CITY_IDENTIFIED": "Identified by the city (市级认定).",
            "MULTI_DEPARTMENT": "Needs several departments (多部门).",
            "MASS_INTEREST": "Touches many people (涉众).",
            "POST_DISASTER": "Part of post-disaster work (灾后重建).",
        },
    ),
    words.LookBackStep: (
        "Who looks back (回访主体).",
        {
            "CADRE": "The posted cadre (帮联干部).",
            "INSPECTOR": "The inspectors (督导组).",
            "OFFICE": "The activity office, which reviews the file (活动办备案审核).",
        },
    ),
    words.ContactKind: (
        "Whom a look-back met face to face (三个面对面).",
        {
            "LOCAL_CADRES": "Village and township cadres (村镇干部).",
            "VILLAGERS": "Villagers (群众).",
            "DEPARTMENT": "The responsible department (责任单位).",
        },
    ),
    words.ExclusionState: (
        "Whether the people's answer is left out of the satisfaction figure (不计入).",
        {
            "PROPOSED": "Proposed, to be decided by the office (待审定).",
            "APPROVED": "Left out (不计入).",
            "REJECTED": "Counted all the same (计入).",
        },
    ),
    words.Supervision: (
        "How an assignment is supervised (督办方式).",
        {
            "SUPERVISION": "By a note (督办).",
            "SPECIAL_SUPERVISION": "By a special visit (专项督导).",
            "ON_SITE_OFFICE": "By working on the spot (现场办公).",
        },
    ),
    words.DayKind: (
        "Which days a deadline counts (计日方式).",
        {"NATURAL": "Every day (自然日).", "WORKING": "Working days (工作日)."},
    ),
    words.ClockKind: (
        "Clocks: those of 13710, and three more (计时).",
        {
            "ARRANGE": "1: arranged within a day of hand-over (部署).",
            "PROGRESS": "3: first progress within three days (反馈进展).",
            "SOLVE": "7 or 1: solved within seven days or a month (办结).",
            "TRACK": "0: tracked until it is closed, with a report each month (清零跟踪).",
            "ARBITRATE": "The office decides about a returned assignment (退单裁定).",
            "VERIFY": "The verifier says whether it is so (核实).",
            "LOOK_BACK": "Somebody looks back (回访).",
        },
    ),
    words.Light: (
        "How a running clock stands (亮灯).",
        {
            "GREEN": "More than 24 hours are left (绿灯).",
            "AMBER": "The last 24 hours (黄灯).",
            "RED": "It is overdue (红灯).",
        },
    ),
    words.RungKind: (
        "What follows a deadline, step by step (预警阶梯).",
        {
            "REMINDER": "A reminder (提醒).",
            "URGE": "The party is urged (催办).",
            "DUAL_SUPERVISION": "Both sides are supervised (双督办).",
            "REMINDER_LETTER": "A reminder letter is proposed (工作提醒函).",
            "BULLETIN": "A bulletin is proposed (通报).",
            "ACCOUNTABILITY_PROPOSAL": "Accountability is proposed (问责建议).",
        },
    ),
    words.RoutineKind: (
        "What a county does regularly (例行工作).",
        {
            "WEEKLY_MEETING": "A weekly meeting (周例会).",
            "JOINT_MEETING": "A joint meeting (联席会).",
            "WEEKLY_BULLETIN": "A weekly bulletin (周通报).",
            "MONTHLY_REPORT": "A monthly report (月报告).",
            "SPECIAL_SUPERVISION": "A special supervision (专项督导).",
            "ON_SITE_OFFICE": "Working on the spot (现场办公).",
            "STUDY_TOUR": "A study tour (观摩).",
        },
    ),
    words.Verb: (
        "What can be done to an issue or an assignment, each by the mutation of its name (可办操作).",
        {verb.value: f"{camel(verb.value.lower())} ({term(verb)})." for verb in words.Verb},
    ),
    words.EventKind: (
        "What happened (事件类型).",
        {
            "REPORTED": "Reported (上报).",
            "VERIFICATION_REQUESTED": "Somebody was asked to verify it (提请核实).",
            "VERIFIED": "Verified: confirmed, or dismissed as not true (核实).",
            "JUDGED": "Judged: accepted or dismissed (研判).",
            "ASSIGNED": "Handed over to both parties (双交办).",
            "ASSIGNMENT_ACCEPTED": "A party accepted (签收).",
            "ASSIGNMENT_RETURNED": "A party returned it (退单).",
            "ASSIGNMENT_ARBITRATED": "The office insisted, or gave it to another party (裁定退单).",
            "PROGRESS_REPORTED": "A party reported progress (进展).",
            "PLAN_PROPOSED": "A party proposed a plan (提出整改方案).",
            "PLAN_DECIDED": "The office decided about a plan (审定整改方案).",
            "FEEDBACK_SUBMITTED": "A party fed back (反馈).",
            "SUPERVISED": "A party was supervised (督办).",
            "URGED": "A party was urged (催办).",
            "INSPECTED": "Inspected (核验).",
            "LOOKED_BACK": "Looked back at (回头看).",
            "EXCLUSION_DECIDED": "The office decided whether the answer counts (审定不计入申请).",
            "SENT_BACK": "Sent back to be put right (退回整改).",
            "REOPENED": "Reopened after it was closed (重新打开).",
            "MERGED": "Put together with another issue (合并).",
            "WITHDRAWN": "Taken back by who found it (撤回).",
            "TRANSFERRED": "Given to another unit: it left here, or came here (转办).",
            "ALERTED": "A deadline nears or has passed, and the ladder has a rung for it (期限预警).",
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
    words.Means: (
        "How an account was known (认证方式).",
        {
            "LOCAL": "It signed in here (本系统登录).",
            "PROVIDER": "By a token of the identity provider (统一身份认证).",
            "API_KEY": "By an API key (接口密钥).",
        },
    ),
    words.AuditKind: (
        "What was done about access, or refused (审计类型).",
        {
            "SIGNED_IN": "Somebody signed in (登录).",
            "SIGN_IN_REFUSED": "A sign-in was refused (登录失败).",
            "SIGN_IN_LOCKED": "After too many of them none is looked at for a while (登录锁定).",
            "SIGNED_OUT": "What follows from a sign-in was ended (退出).",
            "TOKEN_REFUSED": "A token or key was refused that had been good, or is the provider's of nobody here (令牌被拒).",
            "TOKEN_REUSED": "A refresh token came a second time: all that followed from it ended (刷新令牌重用).",
            "COMMAND_REFUSED": "Somebody may not do what they asked for (操作被拒).",
            "READ_REFUSED": "Somebody may not read what they asked for (读取被拒).",
            "REQUEST_REFUSED": "Somebody asks too often, or with a document that was not given beforehand (请求被拒).",
            "POSTING_GRANTED": "A posting was granted (授予岗位).",
            "POSTING_ENDED": "A posting was ended (终止岗位).",
            "ACCOUNT_CREATED": "An account was created (创建账号).",
            "ACCOUNT_DISABLED": "An account was disabled (停用账号).",
            "ACCOUNT_ENABLED": "An account was enabled again (启用账号).",
            "ACCOUNT_LINKED": "An account was linked to the identity provider, or is no longer (关联身份).",
            "PASSWORD_SET": "A password was set (设置密码).",
            "API_KEY_CREATED": "An API key was created (创建接口密钥).",
            "API_KEY_REVOKED": "An API key was revoked (撤销接口密钥).",
            "SIGNING_KEY_ROTATED": "Another key signs from then on (轮换签名密钥).",
            "SIGNING_KEY_REVOKED": "A signing key was revoked, with its tokens (撤销签名密钥).",
            "TOKEN_ISSUED": "The command line gave out an access token (签发令牌).",
            "POLICY_STORED": "The command line stored a policy for all processes (更新策略).",
            "EXPORTED": "Something left as a file (导出).",
        },
    ),
    ErrorCode: (
        "Why a change was refused (错误码).",
        {
            "NOT_FOUND": "There is no such object that the viewer may see (不存在).",
            "FORBIDDEN": "The object is visible, but the viewer may not do this (无权操作).",
            "CONFLICT": "Somebody changed it since it was read, or it is so already (版本冲突).",
            "ILLEGAL_TRANSITION": "This cannot follow the present state (状态不允许).",
            "INVALID_INPUT": "A value is not acceptable (输入无效).",
            "IDEMPOTENCY_MISMATCH": "The key was used for something else (幂等键冲突).",
            "UNAUTHENTICATED": "Nobody is signed in, or the sign-in failed (未认证).",
            "TOO_MANY_ATTEMPTS": "Too many sign-ins failed of late: wait (尝试过多).",
        },
    ),
}
