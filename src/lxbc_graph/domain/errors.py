"""What can be wrong: every code with its Chinese sentence, and what a command refuses as data and as an exception."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a request was refused; clients branch on this, never on the message."""

    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    INVALID_INPUT = "INVALID_INPUT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"


CHINESE: Mapping[str, str] = {
    "ACCESS_REVOKED": "您的查看权限已变更，请重新订阅。",
    "BAD_REQUEST": "请求格式有误。",
    "BAD_USER_INPUT": "参数值无效。",
    "BODY_TOO_LARGE": "请求或文件过大。",
    "CURSOR_EXPIRED": "游标已过期，请重新读取数据并获取新的 eventCursor。",
    "FORBIDDEN": "无权执行此操作。",
    "GRAPHQL_PARSE_FAILED": "查询文档存在语法错误。",
    "GRAPHQL_VALIDATION_FAILED": "查询文档与接口定义不符。",
    "HEADERS_TOO_LARGE": "请求头过大或过多。",
    "INTERNAL": "服务器内部错误。",
    "INTROSPECTION_DISABLED": "服务器未开放接口定义查询。",
    "INVALID_CURSOR": "游标无效。",
    "METHOD_NOT_ALLOWED": "不支持此请求方法。",
    "NOT_ACCEPTABLE": "无法按所要求的格式返回。",
    "NOT_FOUND": "对象不存在。",
    "HOST_NOT_ALLOWED": "不允许以该主机名访问。",
    "ORIGIN_NOT_ALLOWED": "不允许来自该网页来源的请求。",
    "PAGE_TOO_LARGE": "一次请求的条数过多。",
    "PERSISTED_QUERY_NOT_FOUND": "找不到该哈希值对应的查询文档，请连同文档一起发送。",
    "PERSISTED_QUERY_NOT_SUPPORTED": "服务器不保存查询文档，请直接发送文档。",
    "RATE_LIMITED": "请求过于频繁，请稍后再试。",
    "REQUEST_TIMEOUT": "请求未在规定时间内发送完毕。",
    "TIMEOUT": "操作超时。",
    "TOKEN_EXPIRED": "令牌已过期。",
    "TOO_COMPLEX": "查询过于复杂。",
    "TOO_MANY_OPERATIONS": "同一连接上的并发操作过多。",
    "UNAUTHENTICATED": "请登录后再试。",
    "UNAVAILABLE": "服务暂不可用，请稍后再试。",
    "UNSUPPORTED_MEDIA_TYPE": "不支持此内容类型。",
    "UNTRUSTED_DOCUMENT": "服务器只接受已登记的查询文档。",
}
"""What an error of GraphQL says in Chinese by its code, unless it says more itself."""


@dataclass(frozen=True, slots=True)
class CommandError:
    """One reason for a refusal; ``field`` is the path into the input in camelCase, empty for the whole."""

    code: ErrorCode
    message: str
    message_zh: str
    field: tuple[str, ...] = ()


class Refused(Exception):
    """A command that changes nothing; ``errors`` says why."""

    def __init__(self, *errors: CommandError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class _OneReason(Refused):
    """A refusal with one error of a fixed code."""

    code: ErrorCode

    def __init__(self, message: str, message_zh: str, *field: str) -> None:
        super().__init__(CommandError(self.code, message, message_zh, field))


class NotFound(_OneReason):
    """The id is unknown, or what it names is out of the viewer's scope: the answer is the same."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, *field: str) -> None:
        super().__init__("No such object.", "对象不存在。", *field)


class Forbidden(_OneReason):
    """The object is visible, but the principal may not do this to it."""

    code = ErrorCode.FORBIDDEN


class Conflict(_OneReason):
    """Somebody changed it since the client read it, or was first."""

    code = ErrorCode.CONFLICT


class IllegalTransition(_OneReason):
    """The verb does not exist in the present state of the issue, or of the assignment."""

    code = ErrorCode.ILLEGAL_TRANSITION


class InvalidInput(_OneReason):
    """A value that no state of the world would make acceptable."""

    code = ErrorCode.INVALID_INPUT


class IdempotencyMismatch(_OneReason):
    """The key was used before, for another command."""

    code = ErrorCode.IDEMPOTENCY_MISMATCH
