"""Checks of what a client wrote that need no database: each yields what is wrong, with its path."""

import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta

from lxbc_graph.domain.errors import CommandError, ErrorCode, InvalidInput

TITLE = 200
REASON = 2_000
BODY = 10_000
KEY = 200
FARTHEST = timedelta(days=5 * 365)

_UNSEEN = frozenset("CZM")
"""Kinds of Unicode: controls and what formats, spaces, and marks that want something to stand on."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their kind that show nothing."""


def invalid(message: str, message_zh: str, *field: str) -> CommandError:
    """Return an INVALID_INPUT error at the path."""
    return CommandError(ErrorCode.INVALID_INPUT, message, message_zh, field)


def text(value: str, limit: int, *field: str) -> Iterator[CommandError]:
    """Yield why the text is not one: nothing to see, over ``limit`` characters, or not storable as UTF-8 text."""
    if not any(map(_seen, value)):
        yield invalid("Must not be blank.", "不能为空。", *field)
    elif len(value) > limit:
        yield invalid(f"Must not be longer than {limit} characters.", f"不能超过 {limit} 个字符。", *field)
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        yield invalid("Must not hold NUL or lone surrogates.", "含有非法字符。", *field)


def _seen(character: str) -> bool:
    return unicodedata.category(character)[0] not in _UNSEEN and character not in _FILLERS


def optional_text(value: str | None, limit: int, *field: str) -> Iterator[CommandError]:
    """Like ``text``, where there is one."""
    if value is not None:
        yield from text(value, limit, *field)


def required_text(value: str | None, limit: int, *field: str) -> Iterator[CommandError]:
    """Like ``text``, where what else was given makes it necessary."""
    if value is None:
        yield invalid("Must be given.", "必须填写。", *field)
    else:
        yield from text(value, limit, *field)


def check_due(due: date, today: date, *field: str) -> None:
    """Raise InvalidInput for a day that has passed, or is more than five years ahead."""
    if due < today:
        raise InvalidInput("Must be today or later.", "期限不能早于今天。", *field)
    if due > today + FARTHEST:
        raise InvalidInput("Is due within five years.", "期限不能晚于五年之后。", *field)
