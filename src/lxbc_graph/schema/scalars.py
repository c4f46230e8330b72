"""Scalars that are stricter than the library's: a time has an offset, or it is refused."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime

import strawberry
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _parse_date_time(value: object) -> datetime:
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        with suppress(ValueError, OverflowError):  # their texts are of Python
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    raise ValueError("A DateTime is written as RFC 3339 says, with its offset: 2021-11-30T08:00:00+08:00.")


def _parse_date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):  # Python would read weeks as well
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("A Date is written as RFC 3339 says: 2021-11-30.")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 writes it; answers are in UTC, input needs an offset (时间).",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=datetime.isoformat,
        parse_value=_parse_date_time,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value (JSON 值).",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day as RFC 3339 writes it (日期).",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=date.isoformat,
        parse_value=_parse_date,
    ),
}
