"""What can be wrong with a command: data for the client, and the exception that carries it."""

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
