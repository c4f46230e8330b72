"""By when something is due (DOMAIN 5): days of Shanghai, natural or working ones, counted on the fingers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.workflow.counties import IMPORTED_DAYS

Rule = dict[str, Any]


def span(first: str, last: int) -> set[date]:
    """The days from the first to the one of that number in the same month."""
    day = date.fromisoformat(first)
    return {day.replace(day=number) for number in range(day.day, last + 1)}


REST = {date(2024, 1, 1), date(2024, 6, 10), date(2025, 1, 1), date(2025, 5, 31), *span("2024-02-10", 17)}
REST |= span("2024-04-04", 6) | span("2024-05-01", 5) | span("2024-09-15", 17) | span("2024-10-01", 7)
REST |= span("2025-01-28", 31) | span("2025-02-01", 4) | span("2025-04-04", 6) | span("2025-05-01", 5)
REST |= span("2025-06-01", 2) | span("2025-10-01", 8)
MADE_UP = {date(2024, 2, 4), date(2024, 2, 18), date(2024, 4, 7), date(2024, 4, 28), date(2024, 5, 11)}
MADE_UP |= {date(2024, 9, 14), date(2024, 9, 29), date(2024, 10, 12), date(2025, 1, 26), date(2025, 2, 8)}
MADE_UP |= {date(2025, 4, 27), date(2025, 9, 28), date(2025, 10, 11)}
"""What the State Council announced for the two years (调休)."""

LAST_DAY = date(2025, 12, 31)


def works(day: date) -> bool:
    assert date(2024, 1, 1) <= day <= LAST_DAY, "the table of holidays ends"
    if day in IMPORTED_DAYS:
        return IMPORTED_DAYS[day]
    return day in MADE_UP or (day.weekday() < 5 and day not in REST)


def today(now: datetime) -> date:
    return (now + timedelta(hours=8)).date()


def end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 15, 59, 59, tzinfo=UTC)


def in_days(rule: Rule, now: datetime, name: str) -> datetime:
    day, left = today(now), rule[name]
    while left:
        day += timedelta(days=1)
        if rule["days"] == "NATURAL" or works(day):
            left -= 1
    return end_of(day)


def in_months(rule: Rule, now: datetime, name: str) -> datetime:
    """The same day of that month, or its last; Open: of working days, the next that people work."""
    begin = today(now)
    months = begin.year * 12 + begin.month - 1 + rule[name]
    day = date(months // 12, months % 12 + 1, 1)
    while day.day < begin.day and (day + timedelta(days=1)).day != 1:
        day += timedelta(days=1)
    while rule["days"] == "WORKING" and not works(day):
        day += timedelta(days=1)
    return end_of(day)


def solve_due(rule: Rule, now: datetime, complexity: str) -> datetime:
    if complexity == "GENERAL":
        return in_days(rule, now, "generalDays")
    return in_months(rule, now, "complexMonths")
