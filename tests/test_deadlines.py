"""Due times: natural and working days in Shanghai, to the last second."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.domain.deadlines import (
    LONGEST_REST_DAYS,
    Calendar,
    days_after,
    end_of_day,
    is_within,
    months_after,
    shanghai_date,
    weekdays,
)
from lxbc_graph.domain.words import DayKind
from lxbc_graph.store.calendar import WorkingDays

TIMES = st.datetimes(datetime(1992, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DAYS = st.dates(date(1992, 1, 1), date(2199, 1, 1))
PUBLISHED = WorkingDays()


class Pattern:
    """A calendar that repeats itself: who works on one day of it may rest on the others."""

    def __init__(self, pattern: list[bool]) -> None:
        self.pattern = pattern

    def __call__(self, day: date) -> bool:
        return self.pattern[day.toordinal() % len(self.pattern)]

    def __repr__(self) -> str:
        return f"Pattern({self.pattern})"


CALENDARS: st.SearchStrategy[Calendar] = st.one_of(
    st.just(weekdays),
    st.just(PUBLISHED),
    st.lists(st.booleans(), min_size=1, max_size=LONGEST_REST_DAYS).filter(any).map(Pattern),
)


def from_to(first: date, last: date) -> list[date]:
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def unasked(day: date) -> bool:
    raise AssertionError(day)


@given(DAYS)
def test_a_day_ends_with_its_last_second_as_the_time_zone_database_has_it(day: date) -> None:
    end = end_of_day(day).astimezone(ZoneInfo("Asia/Shanghai"))
    assert (end.date(), end.time()) == (day, time(23, 59, 59))


@given(TIMES)
def test_the_day_is_that_of_the_time_zone_database(at: datetime) -> None:
    assert shanghai_date(at) == at.astimezone(ZoneInfo("Asia/Shanghai")).date()


@given(DAYS)
def test_a_month_after_is_in_the_next_month_on_the_same_day_or_its_last(day: date) -> None:
    after = months_after(day, 1, DayKind.NATURAL, unasked)
    assert (after.year * 12 + after.month) - (day.year * 12 + day.month) == 1
    same_day = after.day == day.day
    last_day = after.day < day.day and (after + timedelta(days=1)).month != after.month
    assert same_day or last_day


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2021, 1, 31), date(2021, 2, 28)),
        (date(2024, 1, 31), date(2024, 2, 29)),
        (date(2024, 12, 31), date(2025, 1, 31)),
        (date(2021, 3, 15), date(2021, 4, 15)),
    ],
)
def test_a_month_is_clamped(day: date, after: date) -> None:
    assert months_after(day, 1, DayKind.NATURAL, unasked) == after


def test_the_day_begins_in_shanghai() -> None:
    just_before = datetime(2021, 7, 1, 15, 59, 59, tzinfo=UTC)
    assert shanghai_date(just_before) == date(2021, 7, 1)
    assert shanghai_date(just_before + timedelta(seconds=1)) == date(2021, 7, 2)


@given(DAYS)
def test_a_day_ends_before_the_next_begins(day: date) -> None:
    assert shanghai_date(end_of_day(day)) == day
    assert shanghai_date(end_of_day(day) + timedelta(seconds=1)) == day + timedelta(days=1)


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────


@given(DAYS, st.integers(0, 40), CALENDARS)
def test_so_many_working_days_lie_after_the_day_and_the_last_is_one(
    day: date, days: int, calendar: Calendar
) -> None:
    after = days_after(day, days, DayKind.WORKING, calendar)
    assert sum(map(calendar, from_to(day + timedelta(days=1), after))) == days
    assert calendar(after) or (days == 0 and after == day)


@given(DAYS, st.integers(0, 1000))
def test_natural_days_ask_no_calendar(day: date, days: int) -> None:
    assert days_after(day, days, DayKind.NATURAL, unasked) - day == timedelta(days=days)


@given(DAYS, st.integers(0, 30), st.sampled_from(DayKind), CALENDARS)
def test_one_more_day_is_later_and_a_later_start_is_no_earlier(
    day: date, days: int, kind: DayKind, calendar: Calendar
) -> None:
    after = days_after(day, days, kind, calendar)
    assert after < days_after(day, days + 1, kind, calendar)
    if days:
        assert after <= days_after(day + timedelta(days=1), days, kind, calendar)


@given(DAYS, st.sampled_from(DayKind))
def test_days_are_not_counted_backwards(day: date, kind: DayKind) -> None:
    with pytest.raises(ValueError, match="-1 days"):
        days_after(day, -1, kind, weekdays)


@given(DAYS)
def test_a_calendar_without_working_days_is_not_searched_for_ever(day: date) -> None:
    asked: list[date] = []

    def never(one: date) -> bool:
        asked.append(one)
        return False

    with pytest.raises(ValueError, match=f"no working day for {LONGEST_REST_DAYS} days"):
        days_after(day, 3, DayKind.WORKING, never)
    with pytest.raises(ValueError, match="no working day"):
        months_after(day, 1, DayKind.WORKING, never)
    assert len(asked) == 2 * (LONGEST_REST_DAYS + 1)


@pytest.mark.parametrize(
    ("day", "days", "due"),
    [
        # National Day 2021: rest from 1 to 7 October, work on Sunday 26 September and Saturday 9 October.
        (date(2021, 9, 24), 1, date(2021, 9, 26)),
        (date(2021, 9, 24), 6, date(2021, 10, 8)),
        (date(2021, 9, 30), 1, date(2021, 10, 8)),
        (date(2021, 9, 30), 2, date(2021, 10, 9)),
        (date(2021, 9, 30), 3, date(2021, 10, 11)),
        (date(2021, 10, 3), 1, date(2021, 10, 8)),
        (date(2021, 9, 26), 7, date(2021, 10, 11)),
        # Spring Festival 2024: rest from 10 to 17 February, work on the Sundays 4 and 18 February.
        (date(2024, 2, 2), 1, date(2024, 2, 4)),
        (date(2024, 2, 2), 7, date(2024, 2, 18)),
        (date(2024, 2, 9), 1, date(2024, 2, 18)),
        (date(2024, 2, 9), 2, date(2024, 2, 19)),
        (date(2024, 2, 12), 7, date(2024, 2, 26)),
        # A leap day that people work on, and a plain weekend.
        (date(2024, 2, 28), 1, date(2024, 2, 29)),
        (date(2024, 3, 1), 1, date(2024, 3, 4)),
    ],
)
def test_holidays_and_make_up_days_are_counted_as_published(day: date, days: int, due: date) -> None:
    assert days_after(day, days, DayKind.WORKING, PUBLISHED) == due


# ── months ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("year", [1900, 2000, 2021, 2023, 2024, 2096, 2100])
@pytest.mark.parametrize("months", [0, 1, 2, 11, 12, 13, 48])
def test_each_day_of_a_year_is_clamped_to_the_month_that_it_comes_to(year: int, months: int) -> None:
    for day in from_to(date(year, 1, 1), date(year, 12, 31)):
        after = months_after(day, months, DayKind.NATURAL, unasked)
        assert after.year * 12 + after.month - (day.year * 12 + day.month) == months
        if after.day != day.day:
            assert after.day < day.day
            assert (after + timedelta(days=1)).day == 1


@pytest.mark.parametrize(("year", "last"), [(1900, 28), (2000, 29), (2021, 28), (2024, 29), (2100, 28)])
def test_a_month_after_the_last_of_january_is_the_last_of_february(year: int, last: int) -> None:
    after = [months_after(date(year, 1, day), 1, DayKind.NATURAL, unasked).day for day in (28, 29, 30, 31)]
    assert after == [28, last, last, last]


@given(DAYS, st.integers(0, 24), CALENDARS)
def test_months_of_working_days_end_on_the_first_working_day_from_there(
    day: date, months: int, calendar: Calendar
) -> None:
    natural = months_after(day, months, DayKind.NATURAL, unasked)
    working = months_after(day, months, DayKind.WORKING, calendar)
    assert [one for one in from_to(natural, working) if calendar(one)] == [working]


@given(DAYS, st.integers(0, 24), st.sampled_from(DayKind), CALENDARS)
def test_a_month_handed_over_later_is_due_no_earlier(
    day: date, months: int, kind: DayKind, calendar: Calendar
) -> None:
    dues = [months_after(one, months, kind, calendar) for one in from_to(day, day + timedelta(days=40))]
    assert all(one <= other for one, other in pairwise(dues))


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2021, 8, 26), date(2021, 9, 26)),  # a Sunday, made up for
        (date(2021, 9, 1), date(2021, 10, 8)),
        (date(2021, 9, 9), date(2021, 10, 9)),
        (date(2024, 1, 10), date(2024, 2, 18)),
        (date(2024, 1, 31), date(2024, 2, 29)),
        (date(2021, 1, 31), date(2021, 3, 1)),  # clamped to Sunday 28 February, then moved on
    ],
)
def test_a_month_that_ends_on_a_holiday_ends_after_it(day: date, due: date) -> None:
    assert months_after(day, 1, DayKind.WORKING, PUBLISHED) == due


# ── working hours ────────────────────────────────────────────────────────────────────────────────────────────


@given(TIMES, st.times(), st.times(), CALENDARS)
def test_within_is_what_the_clock_on_the_wall_shows(
    at: datetime, opens: time, closes: time, calendar: Calendar
) -> None:
    wall = at.astimezone(ZoneInfo("Asia/Shanghai"))
    shown = wall.replace(tzinfo=None)
    expected = (
        datetime.combine(shown.date(), opens) <= shown < datetime.combine(shown.date(), closes)
    ) and calendar(shown.date())
    assert is_within(at, opens, closes, calendar) == expected


@pytest.mark.parametrize(
    ("at", "within"),
    [
        (datetime(2021, 10, 8, 0, 29, 59, 999_999, tzinfo=UTC), False),
        (datetime(2021, 10, 8, 0, 30, tzinfo=UTC), True),
        (datetime(2021, 10, 8, 9, 29, 59, 999_999, tzinfo=UTC), True),
        (datetime(2021, 10, 8, 9, 30, tzinfo=UTC), False),
        (datetime(2021, 10, 7, 2, tzinfo=UTC), False),  # Thursday, National Day
        (datetime(2021, 10, 9, 2, tzinfo=UTC), True),  # Saturday, made up for
        (datetime(2021, 10, 10, 2, tzinfo=UTC), False),  # Sunday
    ],
)
def test_working_hours_open_at_once_and_close_at_once_on_working_days(at: datetime, *, within: bool) -> None:
    assert is_within(at, time(8, 30), time(17, 30), PUBLISHED) == within


def test_the_working_day_is_the_one_that_it_is_in_shanghai() -> None:
    early = (time(0), time(8))
    assert is_within(datetime(2021, 10, 17, 23, tzinfo=UTC), *early, weekdays), "Monday 07:00"
    assert not is_within(datetime(2021, 10, 15, 16, 30, tzinfo=UTC), *early, weekdays), "Saturday 00:30"
