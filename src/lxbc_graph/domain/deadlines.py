"""When something is due: days in Shanghai, natural or working ones, to the last second of the last one."""

from calendar import SATURDAY, monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

from .words import DayKind

Calendar = Callable[[date], bool]
"""Says whether people work on a day."""

# China has kept UTC+8 without summer time since 1991; a fixed offset needs no time zone database.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

LONGEST_REST_DAYS = 60
"""No rest lasts longer: a calendar that has nobody work for so many days is wrong, and is not searched on."""

_MONTHS = 12
_LAST_SECOND = time(23, 59, 59, tzinfo=SHANGHAI)


def shanghai_date(at: datetime) -> date:
    """Return the day that it is in Shanghai at an aware time."""
    return at.astimezone(SHANGHAI).date()


def end_of_day(day: date) -> datetime:
    """Return 23:59:59 in Shanghai on the day, in UTC."""
    return datetime.combine(day, _LAST_SECOND).astimezone(UTC)


def weekdays(day: date) -> bool:
    """Return whether the day is one from Monday to Friday: the calendar of who knows no holidays."""
    return day.weekday() < SATURDAY


def days_after(day: date, days: int, kind: DayKind, calendar: Calendar) -> date:
    """Return the day so many days after the day, which itself never counts; 0 days after it is itself.

    Of working days, the first one after a day of rest is the next day that people work. Raises ValueError where
    days are negative, or the calendar has no such day.
    """
    if days < 0:
        raise ValueError(f"{days} days after a day are before it")
    if kind is DayKind.NATURAL:
        return day + timedelta(days=days)
    for _ in range(days):
        day = _working_from(day + timedelta(days=1), calendar)
    return day


def months_after(day: date, months: int, kind: DayKind, calendar: Calendar) -> date:
    """Return the same day so many months later, or that month's last day: 31 January gives 28 or 29 February.

    Of working days, it is the next one where people rest on it. Raises ValueError where the calendar has none.
    """
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    after = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return after if kind is DayKind.NATURAL else _working_from(after, calendar)


def is_within(at: datetime, opens: time, closes: time, calendar: Calendar) -> bool:
    """Return whether people work at an aware time: on that day, and from ``opens`` until before ``closes``.

    Both are what a clock in Shanghai shows, on one day.
    """
    there = at.astimezone(SHANGHAI)
    return opens <= there.time() < closes and calendar(there.date())


def _working_from(day: date, calendar: Calendar) -> date:
    """Return the day, or the first after it, that people work on."""
    for rest in range(LONGEST_REST_DAYS + 1):
        working = day + timedelta(days=rest)
        if calendar(working):
            return working
    raise ValueError(f"the calendar has no working day for {LONGEST_REST_DAYS} days from {day}")
