"""The root of writing: every command of ``write/`` as a mutation, its input derived from its fields."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import strawberry
from strawberry.types import Info

from lxbc_graph.domain.errors import CommandError, ErrorCode
from lxbc_graph.policy.sign_in import TooManyAttempts
from lxbc_graph.policy.tokens import InvalidToken, TokenPair
from lxbc_graph.read import ids
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    AssignIssue,
    DecideExclusion,
    EndPosting,
    GrantPosting,
    InspectIssue,
    JudgeIssue,
    LookBack,
    MergeIssue,
    PartyInput,
    PlanStepInput,
    ProposePlan,
    ReopenIssue,
    ReportIssue,
    ReportProgress,
    RequestVerification,
    ReturnAssignment,
    SendBack,
    SetRule,
    SubmitFeedback,
    SuperviseIssue,
    TransferIssue,
    UrgeIssue,
    VerifyIssue,
    WithdrawIssue,
)

from .context import Context
from .declare import camel
from .names import NAMES, argument, field, make

COMMANDS: dict[str, tuple[type, str]] = {
    "reportIssue": (ReportIssue, "Report a problem found in a unit (上报问题)."),
    "requestVerification": (RequestVerification, "Have a named cadre verify a report by a day (提请核实)."),
    "verifyIssue": (VerifyIssue, "Say, as the named verifier, whether a report is so (核实)."),
    "judgeIssue": (JudgeIssue, "Take a reported issue up, or dismiss it with a reason (问题研判)."),
    "mergeIssue": (MergeIssue, "Put an issue together with another that says the same (合并)."),
    "withdrawIssue": (WithdrawIssue, "Take back an issue that one found oneself (撤回)."),
    "transferIssue": (TransferIssue, "Give an issue to another unit; both see that it went or came (转办)."),
    "assignIssue": (AssignIssue, "Hand an issue over to the territory and to a department at once (双交办)."),
    "acceptAssignment": (AcceptAssignment, "Accept what was handed over, naming who is responsible (签收)."),
    "returnAssignment": (ReturnAssignment, "Return what was handed over to the wrong party (退单)."),
    "arbitrateAssignment": (
        ArbitrateAssignment,
        "Insist on a returned assignment, or give it to another party (裁定退单).",
    ),
    "reportProgress": (ReportProgress, "Say how far an assignment has come (进展)."),
    "proposePlan": (ProposePlan, "Propose dated steps for a complex issue (提出整改方案)."),
    "approvePlan": (ApprovePlan, "Decide about a proposed plan, which sets the due time (审定整改方案)."),
    "superviseIssue": (SuperviseIssue, "Demand of a party that it gets on (督办)."),
    "urgeIssue": (UrgeIssue, "Remind a party of its assignment (催办)."),
    "submitFeedback": (
        SubmitFeedback,
        "Report an assignment done; the issue advances when all required parties have (双反馈).",
    ),
    "inspectIssue": (InspectIssue, "Check on the spot what the parties reported (核验)."),
    "lookBack": (LookBack, "Ask the people afterwards, and close the issue or send it back (回头看)."),
    "decideExclusion": (
        DecideExclusion,
        "Decide whether an answer is left out of the satisfaction figure (审定不计入申请).",
    ),
    "sendBack": (SendBack, "Send an issue back to be put right (退回整改)."),
    "reopenIssue": (ReopenIssue, "Reopen a closed issue (重新打开)."),
    "setRule": (
        SetRule,
        "Say how a unit works from a day on, where it differs from what holds above it; issues keep the rules that they began under. expectedVersion is that of the unit's newest rule, 0 where it has none (设定规则).",
    ),
    "grantPosting": (
        GrantPosting,
        "Let a cadre or an account be something at a unit or a department, from now on: nobody grants more than they hold (授予岗位).",
    ),
    "endPosting": (EndPosting, "End a posting; what it granted ends within a second (终止岗位)."),
}

SHOWS = {"setRule": "Rule", "grantPosting": "Posting", "endPosting": "Posting"}
"""What the payload of a command shows, where it is not an issue."""

ID_TYPES = {
    "issue_id": "Issue",
    "duplicate_of_id": "Issue",
    "into_id": "Issue",
    "unit_id": "Unit",
    "department_id": "Department",
    "category_id": "Category",
    "work_content_id": "Category",
    "assignment_id": "Assignment",
    "responsible_id": "Cadre",
    "verifier_id": "Cadre",
    "sponsor_id": "Cadre",
    "cadre_id": "Cadre",
    "posting_id": "Posting",
    "attachment_ids": "Attachment",
}

INPUTS = {
    "issue_id": "The issue (问题).",
    "duplicate_of_id": "For DUPLICATE: the issue that says it already (重复于).",
    "into_id": "The issue that goes on (合并到).",
    "unit_id": "The unit: where it was found, or goes to, or the territory as a party, or whose rule it is, or where one is posted (单位).",
    "department_id": "The department, for a party of that kind or a posting of that role (责任单位).",
    "category_id": "Class of the issue, of scheme ISSUE_CLASS (问题类别).",
    "work_content_id": "Item of work, of scheme WORK_CONTENT (工作内容).",
    "assignment_id": "The assignment (交办).",
    "responsible_id": "The cadre who is responsible (责任人).",
    "verifier_id": "The cadre who is to verify; not who found it (核实人).",
    "sponsor_id": "The city leader or county-level cadre who sponsors the issue, where the rule wants one (包案领导).",
    "attachment_ids": "Evidence: attachments of the issue that one has uploaded oneself (佐证材料).",
    "title": "What it is, in a line of at most 200 characters (标题).",
    "description": "What was found, at most 10,000 characters (问题描述).",
    "source": "How it was found (发现方式).",
    "subject": "Whose problem it is (对象).",
    "mass_interest": "Touches many people (涉众).",
    "post_disaster": "Part of post-disaster work (灾后重建).",
    "villager_name": "Name of the villager whom it concerns, told only to who is to meet them; leave it out of title and description (涉及群众姓名).",
    "villager_phone": "Telephone of the villager, told to the same (涉及群众电话).",
    "complexity": "General: 7 days; complex: one calendar month, unless the rule says otherwise (一般、复杂).",
    "city_identified": "Identified by the city (市级认定).",
    "multi_department": "Needs several departments (多部门).",
    "dismissal": "Why it is not taken up; then a reason is needed (不予纳入原因).",
    "reason": "Why, at most 2,000 characters (理由).",
    "confirmed": "Whether it is so; if not, the issue is dismissed as not true (是否属实).",
    "finding": "What the verifier found, at most 10,000 characters (核实情况).",
    "due_on": "Day, in Shanghai, by whose end it is due (期限).",
    "parties": "To whom it is handed over: a required party of each kind, all distinct (承办单位).",
    "party": "Who is to take it, of the same kind; left out, the office insists (改派单位).",
    "kind": "Which side the party is (类型).",
    "part": "Leads or assists (牵头、配合).",
    "required": "Whether the issue waits for its feedback (必办).",
    "measure": "What is to be done (整改措施).",
    "plan_due": "Day, in Shanghai, by whose end the party plans to be done (计划完成日期).",
    "steps": "The steps of the plan, in the order of their days; the last one is when it is due (步骤).",
    "text": "What is said, at most 10,000 characters, 2,000 for a step (内容).",
    "how": "In which way it is supervised (督办方式).",
    "level": "Which inspection it is (核验层级).",
    "passed": "Whether it passes; if not, a reason is needed (是否通过).",
    "approved": "Whether it is approved; if not, a reason is needed (是否同意).",
    "on_site": "Record of the visit on the spot, which must-see issues need to pass (现场核验记录).",
    "satisfaction": "What the people said; DISSATISFIED sends the issue back. A pass needs it, but for the office reviewing the file after others (群众满意度).",
    "contacts": "Whom the look-back met face to face; the rule may name some (面对面).",
    "unannounced": "Whether nobody was told before; issues drawn by lot need it (不打招呼).",
    "exclusion": "Why the answer should be left out of the figure; the office decides (不计入理由).",
    "name": "What the rule is called, at most 200 characters (名称).",
    "settings": "What differs from above, by the names in docs/rules.md; null where none shall hold (规则内容).",
    "valid_from": "First day, in Shanghai, on which it holds: today, if left out, or later (生效日期).",
    "cadre_id": "The cadre who is posted; or else an account (干部).",
    "account": "Name of the account that is posted; or else a cadre (账号).",
    "role": "What the holder is there (角色).",
    "lead": "Whether the holder leads those posted there (牵头).",
    "posting_id": "The posting (岗位).",
    "expected_version": "The version that the client has read; another one is a CONFLICT (期望版本).",
}


@strawberry.type(name="UserError", description="Why nothing was changed (错误).")
class UserError:
    """One reason for a refusal, as data."""

    code: ErrorCode = strawberry.field(description="What kind of error; branch on this (错误码).")
    message: str = strawberry.field(description="What is wrong, in English (英文说明).")
    message_zh: str = strawberry.field(description="What is wrong, in Chinese (中文说明).")
    field: list[str] = strawberry.field(description="Path into the input, empty for all of it (字段路径).")


@strawberry.type(name="SessionPayload", description="Tokens, or why there are none (登录结果).")
class SessionPayload:
    """What ``login`` and ``refresh`` answer."""

    access_token: str | None = strawberry.field(description="Bearer token for requests (访问令牌).")
    refresh_token: str | None = strawberry.field(description="Good once, for the next pair (刷新令牌).")
    expires_at: datetime | None = strawberry.field(description="When the access token ends (过期时间).")
    retry_after: int | None = strawberry.field(
        description="For TOO_MANY_ATTEMPTS: in how many seconds another one is looked at (重试等待秒数)."
    )
    errors: list[UserError] = strawberry.field(description="Why there are no tokens (错误).")


@strawberry.type(name="LogoutPayload", description="That it is over (退出结果).")
class LogoutPayload:
    """What ``logout`` answers."""

    errors: list[UserError] = strawberry.field(description="Always empty: what is over stays so (错误).")


def _refused(
    code: ErrorCode, message: str, message_zh: str, retry_after: int | None = None
) -> SessionPayload:
    error = UserError(code=code, message=message, message_zh=message_zh, field=[])
    return SessionPayload(
        access_token=None, refresh_token=None, expires_at=None, retry_after=retry_after, errors=[error]
    )


_REFUSED = _refused(
    ErrorCode.UNAUTHENTICATED, "The account, password or token is not valid.", "账号、密码或令牌无效。"
)


def declare_mutation() -> None:
    """Enter ``Mutation`` and its inputs and payloads among the names."""
    NAMES["UserError"] = UserError
    NAMES["SessionPayload"] = SessionPayload
    NAMES["LogoutPayload"] = LogoutPayload
    _declare_payload("Issue", "问题")
    _declare_payload("Rule", "规则")
    _declare_payload("Posting", "岗位")
    _declare_input(PartyInput, "A party that an issue is handed to (承办单位).")
    _declare_input(PlanStepInput, "A step of a plan (步骤).")
    roots: dict[str, tuple[Any, Any]] = {}
    for name, (command, description) in COMMANDS.items():
        input_name = f"{name[0].upper()}{name[1:]}Input"
        _declare_input(command, f"Input of {name} (输入).", name=input_name, keyed=True)
        given = argument("input", input_name, "What to do (输入).")
        roots[name] = (f"{shown(name)}Payload | None", field(name, description, [given]))
    roots["login"] = (
        SessionPayload,
        strawberry.field(resolver=_login, description="Exchange a password for tokens (登录)."),
    )
    roots["refresh"] = (
        SessionPayload,
        strawberry.field(
            resolver=_refresh, description="Exchange a refresh token for the next pair (刷新令牌)."
        ),
    )
    roots["logout"] = (
        LogoutPayload,
        strawberry.field(
            resolver=_logout,
            description="End all that follows from one sign-in: no token is renewed any more; an access token lasts"
            " until it ends (退出).",
        ),
    )
    make("Mutation", "What can be done; each either done whole or not at all (操作).", roots)


def shown(name: str) -> str:
    """Return the entity that the payload of a command shows, under its own name in lower case."""
    return SHOWS.get(name, "Issue")


def command_of(name: str, given: Mapping[str, Any]) -> Any:
    """Return the command of a mutation from its coerced input; an id that names nothing becomes 0."""
    return _structure(COMMANDS[name][0], given)


def user_error(error: CommandError) -> dict[str, Any]:
    """Return a command's error as a ``UserError``."""
    return {
        "code": error.code.value,
        "message": error.message,
        "messageZh": error.message_zh,
        "field": list(error.field),
    }


_hints = cache(get_type_hints)


def _structure(cls: type, given: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    found = {}
    for spec in fields(cls):
        value = given.get(camel(spec.name))
        if value is not None:
            found[spec.name] = _value(_bare(hints[spec.name]), value, ID_TYPES.get(spec.name))
    return cls(**found)


def _value(type_: Any, value: Any, node: str | None) -> Any:
    """Return an input value as the command has it; ``node`` is the type that its ids name."""
    if get_origin(type_) is tuple:
        return tuple(_value(get_args(type_)[0], item, node) for item in value)
    if node is not None:
        return ids.parse(value, node) or 0
    if get_origin(type_) is dict:
        return value
    if isinstance(type_, type) and is_dataclass(type_):
        return _structure(type_, value)
    return type_(value) if issubclass(type_, Enum) else value


def _declare_payload(entity: str, term: str) -> None:
    name = entity.lower()
    make(
        f"{entity}Payload",
        f"The {name} after the change, or why nothing was changed (结果).",
        {
            name: (f"{entity} | None", field(name, f"The {name}, as the viewer may see it now ({term}).")),
            "errors": ("list[UserError]", field("errors", "Empty when it was done (错误).")),
        },
    )


def _declare_input(cls: type, description: str, *, name: str | None = None, keyed: bool = False) -> None:
    hints = get_type_hints(cls)
    specs = {camel(spec.name): _input(spec, hints[spec.name]) for spec in fields(cls)}
    if keyed:
        specs["idempotencyKey"] = (
            "str | None",
            strawberry.field(
                name="idempotencyKey",
                description="A repeat with the same key and input does nothing and answers for the same object (幂等键).",
                default=strawberry.UNSET,
            ),
        )
    make(name or cls.__name__, description, specs, kind=strawberry.input)


def _input(spec: Field[Any], hint: Any) -> tuple[Any, Any]:
    type_ = _bare(hint)
    graphql = _graphql_type(spec.name, type_)
    description = INPUTS[spec.name]
    if spec.default is MISSING:
        return graphql, strawberry.field(name=camel(spec.name), description=description)
    default = strawberry.UNSET if spec.default is None else spec.default
    if isinstance(default, tuple):
        return graphql, strawberry.field(
            name=camel(spec.name), description=description, default_factory=lambda: list(default)
        )
    kind = f"{graphql} | None" if spec.default is None else graphql
    return kind, strawberry.field(name=camel(spec.name), description=description, default=default)


def _graphql_type(name: str, type_: Any) -> str:
    if get_origin(type_) is tuple:
        return f"list[{_graphql_type(name, get_args(type_)[0])}]"
    if name in ID_TYPES:
        return "ID"
    if get_origin(type_) is dict:
        return "JSON"
    return "Date" if type_ is date else str(type_.__name__)


def _bare(hint: Any) -> Any:
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        return next(one for one in get_args(hint) if one is not NoneType)
    return hint


async def _login(
    info: Info[Context, None],
    account: Annotated[str, strawberry.argument(description="Name of the account (账号).")],
    password: Annotated[str, strawberry.argument(description="Its password (密码).")],
) -> SessionPayload:
    context = info.context
    try:
        principal = await context.sign_ins.authenticate(account, password)
        if principal is None:
            return _REFUSED
        return _tokens(await context.tokens.refresh_pair(principal.account_id))
    except TooManyAttempts as locked:
        return _refused(
            ErrorCode.TOO_MANY_ATTEMPTS,
            f"Too many attempts: try again in {locked.retry_after_seconds} seconds.",
            f"尝试次数过多，请在 {locked.retry_after_seconds} 秒后重试。",
            locked.retry_after_seconds,
        )
    except InvalidToken:  # the account was closed just now
        return _REFUSED


async def _refresh(
    info: Info[Context, None],
    token: Annotated[str, strawberry.argument(description="The refresh token, which it uses up (刷新令牌).")],
) -> SessionPayload:
    try:
        return _tokens(await info.context.tokens.rotate(token))
    except InvalidToken:
        return _REFUSED


async def _logout(
    info: Info[Context, None],
    refresh_token: Annotated[
        str, strawberry.argument(description="The newest refresh token, or one before it (刷新令牌).")
    ],
) -> LogoutPayload:
    await info.context.tokens.end(refresh_token)
    return LogoutPayload(errors=[])


def _tokens(pair: TokenPair) -> SessionPayload:
    return SessionPayload(
        access_token=pair.access,
        refresh_token=pair.refresh,
        expires_at=pair.expires_at,
        retry_after=None,
        errors=[],
    )
