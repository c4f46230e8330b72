"""The calendar: what is imported outweighs what was published, and every bad line of a file is told."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.domain.deadlines import weekdays
from lxbc_graph.reports.calendar import Listed, Summary, import_calendar, parse
from lxbc_graph.reports.csv_rows import BadRows
from lxbc_graph.store.calendar import WorkingDays, fetch, load
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

HEADER = "day,working,name\n"
OPERATING = Path(__file__).parents[1] / "docs" / "operating.md"

DATES = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def file(folder: Path, text: str | bytes) -> Path:
    path = folder / "days.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


async def days(database: Database) -> list[tuple[date, bool, str]]:
    return [tuple(row) for row in await database.pool.fetch("select * from calendar_day order by day")]


def problems(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadRows) as refusal:
        parse(text if isinstance(text, bytes) else text.encode())
    return refusal.value.problems


# ── which days people work ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2021, 9, 26), True),
        (date(2021, 10, 1), False),
        (date(2021, 10, 7), False),
        (date(2021, 10, 9), True),
        (date(2021, 10, 10), False),
        (date(2024, 2, 4), True),
        (date(2024, 2, 12), False),
        (date(2024, 2, 18), True),
        (date(2024, 2, 19), True),
    ],
)
def test_holidays_and_make_up_days_are_known_without_an_import(day: date, *, working: bool) -> None:
    assert WorkingDays()(day) is working


@given(st.dates(date(1900, 1, 1), date(2003, 12, 31)) | st.dates(date(2100, 1, 1), date(2200, 12, 31)))
def test_years_that_were_never_published_have_weekdays(day: date) -> None:
    assert WorkingDays()(day) is weekdays(day)


@given(st.dictionaries(DATES, st.booleans()), DATES)
def test_what_is_imported_holds_and_nothing_else_changes(imported: dict[date, bool], other: date) -> None:
    calendar = WorkingDays(imported.items())
    assert {day: calendar(day) for day in imported} == imported
    if other not in imported:
        assert calendar(other) is WorkingDays()(other)


async def test_an_imported_day_outweighs_the_published_one_by_either_way_to_the_database(
    database: Database, tmp_path: Path
) -> None:
    await import_calendar(database, file(tmp_path, HEADER + "2021-10-09,false,\n2100-01-02,true,调休\n"))
    async with database.engine.connect() as connection:
        loaded = await load(connection)
    async with database.pool.acquire() as borrowed:
        calendars = [loaded, await fetch(borrowed), await fetch(database.pool)]
    for calendar in calendars:
        assert not calendar(date(2021, 10, 9)), "published as a make-up day"
        assert calendar(date(2021, 9, 26)), "published, and not imported"
        assert calendar(date(2100, 1, 2)), "a Saturday of a year that nobody has published"
        assert not calendar(date(2100, 1, 3)), "the Sunday after it"


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_adds_and_replaces_what_it_lists_and_leaves_the_rest(
    database: Database, tmp_path: Path
) -> None:
    first = file(tmp_path, HEADER + "2025-10-11,true,国庆调休\n2025-10-01,false,国庆节\n2025-10-02,false,\n")
    assert await import_calendar(database, first) == Summary(listed=3, added=3)
    assert await import_calendar(database, first) == Summary(listed=3, unchanged=3)
    second = (
        HEADER + "2025-10-11,false,\n2025-10-02,false,国庆节\n2025-10-01,false,国庆节\n2025-10-03,false,\n"
    )
    summary = await import_calendar(database, file(tmp_path, second))
    assert summary == Summary(listed=4, added=1, changed=2, unchanged=1)
    third = file(tmp_path, HEADER + "2026-01-01,false,元旦\n")
    assert await import_calendar(database, third) == Summary(listed=1, added=1)
    assert await days(database) == [
        (date(2025, 10, 1), False, "国庆节"),
        (date(2025, 10, 2), False, "国庆节"),
        (date(2025, 10, 3), False, ""),
        (date(2025, 10, 11), False, ""),
        (date(2026, 1, 1), False, "元旦"),
    ]


async def test_bad_rows_are_all_told_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        HEADER.encode()
        + "2025-10-11,true,国庆调休\n".encode()
        + b"2025-02-29,true,\n"
        + b"2025-10-12,yes,\n"
        + b"2025-10-11,true,\n"
        + b"2025-10-13,true\n"
        + b"2025-10-14,true,\xc3\x28\n"
        + b"2025-10-15,true,a\x00b\n"
        + f"2025-10-16,true,{'调' * 101}\n".encode()
        + b'2025-10-17,true,"a\n'
        + b"\n"
        + b"1899-12-31,TRUE,\n"
        + b"2025-10-18,true, \n",
    )
    with pytest.raises(BadRows) as refusal:
        await import_calendar(database, path)
    assert refusal.value.problems == [
        (3, "day '2025-02-29' is no date of the form 2025-10-11"),
        (4, "working 'yes' is neither true nor false"),
        (5, "day 2025-10-11 is on line 2 already"),
        (6, "has 2 columns, not 3"),
        (7, "is not UTF-8: byte 0xc3 at column 17"),
        (8, "the name has a control character"),
        (9, "the name has 101 characters, more than 100"),
        (10, "is not a CSV row: a quote is open or misplaced"),
        (11, "has 1 columns, not 3"),
        (12, "day 1899-12-31 is not within the years 1900 to 2200"),
        (12, "working 'TRUE' is neither true nor false"),
        (13, "the name is blank"),
    ]
    assert await days(database) == []


@pytest.mark.parametrize(
    "day",
    [
        "20251011",
        "2025-W41-6",
        "2025-10-11T00:00:00",
        "2025-10-1",
        " 2025-10-11",
        "２０２５-10-11",
        "0000-01-01",
        "",
    ],
)
def test_a_day_is_written_in_one_way(day: str) -> None:
    assert problems(f"{HEADER}{day},true,\n") == [(2, f"day {day!r} is no date of the form 2025-10-11")]


def break_line(kind: str, day: date) -> bytes:
    match kind:
        case "utf8":
            return f"{day},true,".encode() + b"\xff"
        case "columns":
            return f"{day},true".encode()
        case "day":
            return f"{day:%Y/%m/%d},true,".encode()
        case "year":
            return f"{day.replace(year=2201)},true,".encode()
        case "working":
            return f"{day},1,".encode()
        case _:
            return f"{day},true,{'长' * 101}".encode()


@given(
    broken=st.dictionaries(
        st.integers(0, 40), st.sampled_from(["utf8", "columns", "day", "year", "working", "name"]), min_size=1
    )
)
def test_exactly_the_broken_lines_are_told(broken: dict[int, str]) -> None:
    first = date(2025, 10, 1)
    listed = [first + timedelta(days=number) for number in range(41)]
    lines = [
        break_line(broken[number], day) if number in broken else f"{day},true,".encode()
        for number, day in enumerate(listed)
    ]
    told = {line - 2 for line, _ in problems(HEADER.encode() + b"\n".join(lines))}
    assert told == broken.keys()


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_reader(content: bytes) -> None:
    with pytest.raises(BadRows):
        parse(content)
    with pytest.raises(BadRows):
        parse(HEADER.encode() + content)


@given(st.dictionaries(DATES, st.tuples(st.booleans(), st.sampled_from(["", "国庆节", "调休"]))))
def test_what_is_written_is_read(wanted: dict[date, tuple[bool, str]]) -> None:
    lines = [f"{day},{str(working).lower()},{name}\n" for day, (working, name) in wanted.items()]
    content = (HEADER + "".join(lines)).encode()
    if wanted:
        assert parse(content) == [Listed(day, *rest) for day, rest in wanted.items()]
    else:
        assert problems(content) == [(1, "the file lists no day")]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", HEADER.encode(), b"2025-10-11,true,\n", b"\xff"])
def test_a_file_without_header_or_rows_is_refused_once_on_its_first_line(content: bytes) -> None:
    assert [line for line, _ in problems(content)] == [1]


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_welcome(prefix: bytes, newline: str) -> None:
    text = (HEADER + '2025-10-11,true,"国庆节, 调休"\n\n').replace("\n", newline)
    assert parse(prefix + text.encode()) == [Listed(date(2025, 10, 11), working=True, name="国庆节, 调休")]


def test_the_example_for_operators_can_be_imported_and_says_what_was_published() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", OPERATING.read_text(encoding="utf-8"), re.DOTALL)
    listed = parse(example.encode())
    assert all(WorkingDays()(one.day) is one.working for one in listed)
    assert {one.working for one in listed} == {True, False}
