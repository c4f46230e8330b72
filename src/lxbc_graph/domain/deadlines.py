"""When an issue is due: natural days in Shanghai, to the last second of the last one."""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

from .words import Complexity, DayKind

# China has kept UTC+8 without summer time since 1991; a fixed offset needs no time zone database.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

GENERAL_DAYS = 7

_LAST_SECOND = time(23, 59, 59, tzinfo=SHANGHAI)


def shanghai_date(at: datetime) -> date:
    """Return the day that it is in Shanghai at an aware time."""
    return at.astimezone(SHANGHAI).date()


def end_of_day(day: date) -> datetime:
    """Return 23:59:59 in Shanghai on the day, in UTC."""
    return datetime.combine(day, _LAST_SECOND).astimezone(UTC)


def a_month_after(day: date) -> date:
    """Return the same day of the next month, or that month's last day: 31 January gives 28 or 29 February."""
    first = day.replace(day=1) + timedelta(days=monthrange(day.year, day.month)[1])
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))


def due_at(complexity: Complexity, handed_over_at: datetime) -> datetime:
    """Return when an issue handed over then must be solved: 7 days, or one calendar month, in UTC."""
    day = shanghai_date(handed_over_at)
    if complexity is Complexity.GENERAL:
        return end_of_day(day + timedelta(days=GENERAL_DAYS))
    return end_of_day(a_month_after(day))


Calendar = Callable[[date], bool]
"""Says whether a day is a working day."""


def weekdays(day: date) -> bool:
    """Take Monday to Friday for working days."""
    return day.weekday() < 5  # noqa: PLR2004 - Saturday


def days_after(day: date, days: int, kind: DayKind, calendar: Calendar) -> date:
    """Stub until the calendar lands."""
    if kind is DayKind.NATURAL:
        return day + timedelta(days)
    while days:
        day += timedelta(1)
        days -= calendar(day)
    return day


def months_after(day: date, months: int, kind: DayKind, calendar: Calendar) -> date:
    """Stub until the calendar lands."""
    for _ in range(months):
        day = a_month_after(day)
    while kind is DayKind.WORKING and not calendar(day):
        day += timedelta(1)
    return day
