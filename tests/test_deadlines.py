"""Due times: natural days in Shanghai, to the last second."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.domain.deadlines import a_month_after, due_at, end_of_day, shanghai_date
from lxbc_graph.domain.words import Complexity

TIMES = st.datetimes(datetime(1992, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DAYS = st.dates(date(1992, 1, 1), date(2199, 1, 1))


@given(TIMES, st.sampled_from(Complexity))
def test_due_is_the_last_second_of_a_day_as_the_time_zone_database_has_it(
    at: datetime, complexity: Complexity
) -> None:
    due = due_at(complexity, at).astimezone(ZoneInfo("Asia/Shanghai"))
    assert (due.hour, due.minute, due.second, due.microsecond) == (23, 59, 59, 0)


@given(TIMES)
def test_a_general_issue_has_seven_days_after_the_day_of_hand_over(at: datetime) -> None:
    handed = at.astimezone(ZoneInfo("Asia/Shanghai")).date()
    assert shanghai_date(due_at(Complexity.GENERAL, at)) - handed == timedelta(days=7)


@given(DAYS)
def test_a_month_after_is_in_the_next_month_on_the_same_day_or_its_last(day: date) -> None:
    after = a_month_after(day)
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
    assert a_month_after(day) == after


def test_the_day_begins_in_shanghai() -> None:
    just_before = datetime(2021, 7, 1, 15, 59, 59, tzinfo=UTC)
    assert due_at(Complexity.GENERAL, just_before) == datetime(2021, 7, 8, 15, 59, 59, tzinfo=UTC)
    midnight = just_before + timedelta(seconds=1)
    assert due_at(Complexity.GENERAL, midnight) == datetime(2021, 7, 9, 15, 59, 59, tzinfo=UTC)


@given(DAYS)
def test_a_day_ends_before_the_next_begins(day: date) -> None:
    assert shanghai_date(end_of_day(day)) == day
    assert shanghai_date(end_of_day(day) + timedelta(seconds=1)) == day + timedelta(days=1)
