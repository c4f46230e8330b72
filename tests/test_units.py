"""Editions of units: every bad line is told, and nothing is lost between one edition and the next."""

import csv
import string
from collections.abc import Callable
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.demo.world import load
from lxbc_graph.reports.csv_rows import BadRows
from lxbc_graph.reports.units import (
    OlderEdition,
    Summary,
    UnknownEdition,
    clear_successors,
    import_units,
    parse,
)
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

with as_file(files("lxbc_graph") / "demo" / "data") as data:
    EDITIONS = {year: data / f"xuchang_units_{year}.csv" for year in (2021, 2023)}

HEADER = "code,name,level,parent_code\n"
Row = dict[str, Any]


def listed(year: int) -> dict[str, str]:
    with EDITIONS[year].open(newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


async def units(database: Database, where: str = "true") -> list[Row]:
    rows = await database.pool.fetch(f"select * from unit where {where} order by code")
    return [dict(row) for row in rows]


def problems(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadRows) as refusal:
        parse(text if isinstance(text, bytes) else text.encode())
    return refusal.value.problems


async def test_an_edition_becomes_the_tree_that_it_lists(database: Database) -> None:
    summary = await import_units(database, EDITIONS[2023])
    assert summary == Summary(edition=2023, opened=2618)
    rows = {row["code"]: row for row in await units(database)}
    assert {code: row["name"] for code, row in rows.items()} == listed(2023)
    by_id = {row["id"]: row for row in rows.values()}
    for code, row in rows.items():
        path = [row[f"{level}_id"] for level in ("city", "county", "township", "village")]
        codes = [by_id[id_]["code"] for id_ in path if id_ is not None]
        assert codes == [code[:digits] for digits in (4, 6, 9, 12) if digits <= len(code)]
        assert row["parent_id"] == (None if len(codes) == 1 else rows[codes[-2]]["id"])
        assert row["valid_from"] == date(2023, 1, 1)
        assert row["valid_to"] is None


async def test_the_next_edition_renames_closes_and_opens(database: Database) -> None:
    await import_units(database, EDITIONS[2021])
    ids = {row["code"]: row["id"] for row in await units(database)}
    summary = await import_units(database, EDITIONS[2023])
    old, new = listed(2021), listed(2023)
    both = old.keys() & new.keys()
    renamed = {code for code in both if old[code] != new[code]}
    assert (len(old.keys() - new.keys()), len(new.keys() - old.keys()), len(renamed)) == (107, 120, 63)
    assert (summary.closed, summary.opened, summary.renamed) == (107, 120, 63)
    rows = {row["code"]: row for row in await units(database)}
    assert {code: rows[code]["id"] for code in ids} == ids
    for code, row in rows.items():
        assert row["name"] == new.get(code, old.get(code))
        assert row["aliases"] == ([old[code]] if code in renamed else [])
        assert row["valid_from"] == date(2021 if code in old else 2023, 1, 1)
        assert row["valid_to"] == (None if code in new else date(2023, 1, 1))
        assert row["successor_id"] is None or code not in new
    opened = {row["id"] for row in rows.values() if row["code"] not in old}
    successors = [row["successor_id"] for row in rows.values() if row["successor_id"]]
    assert len(successors) == len(set(successors)) == summary.succeeded == 104
    assert set(successors) <= opened
    assert rows["411003202"]["successor_id"] == rows["411003005"]["id"], "小召乡 became 小召街道"
    assert rows["411003202018"]["successor_id"] is None, "戴庄 and 代庄 are alike only to people"


@pytest.mark.parametrize("years", [(2021, 2021), (2023, 2023), (2021, 2023, 2023)])
async def test_the_same_edition_again_changes_nothing(database: Database, years: tuple[int, ...]) -> None:
    for year in years[:-1]:
        await import_units(database, EDITIONS[year])
    before = await units(database)
    summary = await import_units(database, EDITIONS[years[-1]])
    assert await units(database) == before
    assert summary == Summary(edition=years[-1], unchanged=len(listed(years[-1])))


async def test_an_older_edition_is_refused(database: Database) -> None:
    await import_units(database, EDITIONS[2023])
    before = await units(database)
    with pytest.raises(OlderEdition):
        await import_units(database, EDITIONS[2021])
    assert await units(database) == before


async def test_a_stated_year_outweighs_the_name_of_the_file(database: Database) -> None:
    await import_units(database, EDITIONS[2021], edition=2019)
    assert (await units(database))[0]["valid_from"] == date(2019, 1, 1)


async def test_an_edition_of_no_year_is_refused_after_its_bad_rows(
    database: Database, tmp_path: Path
) -> None:
    """A guessed year would close and open units at the wrong time."""
    path = tmp_path / "units.csv"
    path.write_text(HEADER + "4110,许昌市,CITY,\n4110,许昌市,CITY,\n")
    with pytest.raises(BadRows):
        await import_units(database, path)
    path.write_text(HEADER + "4110,许昌市,CITY,\n")
    with pytest.raises(UnknownEdition, match=r"units\.csv"):
        await import_units(database, path)
    assert await units(database) == []
    assert (await import_units(database, path, edition=2022)).edition == 2022


async def test_no_issue_loses_its_unit(database: Database) -> None:
    await import_units(database, EDITIONS[2021])
    closing = sorted(listed(2021).keys() - listed(2023).keys())
    await load(database, {"issues": [{"unit": code} for code in closing]})
    where = "select i.id, i.unit_id, u.code from issue i join unit u on u.id = i.unit_id order by i.id"
    before = await database.pool.fetch(where)
    await import_units(database, EDITIONS[2023])
    assert await database.pool.fetch(where) == before
    assert len(before) == 107


async def test_another_city_is_untouched(database: Database) -> None:
    await load(
        database, {"units": [{"code": "4101", "name": "郑州市"}, {"code": "410102", "name": "中原区"}]}
    )
    await import_units(database, EDITIONS[2021])
    await import_units(database, EDITIONS[2023])
    rows = await units(database, "code like '4101%'")
    assert [(row["name"], row["valid_to"], row["aliases"]) for row in rows] == [
        ("郑州市", None, []),
        ("中原区", None, []),
    ]


async def test_a_code_that_comes_back_opens_its_unit_again(database: Database, tmp_path: Path) -> None:
    def edition(year: int, text: str) -> Path:
        path = tmp_path / f"units_{year}.csv"
        path.write_text(HEADER + text)
        return path

    city, county = "4110,许昌市,CITY,\n", "411024,鄢陵县,COUNTY,4110\n"
    for year, text in ((2020, city + county), (2021, city), (2022, city + county.replace("县", "市"))):
        await import_units(database, edition(year, text))
    (row,) = await units(database, "code = '411024'")
    assert (row["name"], row["valid_to"], row["aliases"]) == ("鄢陵市", None, ["鄢陵县"])


async def test_bad_rows_are_all_told_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "bad_2023.csv"
    path.write_bytes(
        HEADER.encode()
        + "4110,许昌市,CITY,\n".encode()
        + "411099,某县,COUNTY,4119\n".encode()
        + "4110,许昌市,CITY,\n".encode()
        + "411024,鄢陵县,VILLAGE,4110\n".encode()
        + b"411025,\xc3\x28,COUNTY,4110\n"
        + "411081,禹州市,COUNTY\n".encode()
        + "41108a,长葛市,COUNTY,4110\n".encode()
        + b"411002,  ,COUNTY,4110\n"
        + b"411003,a\x00b,COUNTY,4110\n"
        + f"411071,{'长' * 101},COUNTY,4110\n".encode()
        + '411082,"长葛,COUNTY,4110\n'.encode()
        + "411002001001,某村,VILLAGE,411002001\n".encode()
    )
    with pytest.raises(BadRows) as refusal:
        await import_units(database, path)
    assert sorted({line for line, _ in refusal.value.problems}) == list(range(3, 14))
    assert await units(database) == []


def break_line(kind: str, line: str) -> bytes:
    code, name, level, parent = line.split(",")
    match kind:
        case "utf8":
            return line.encode() + b"\xff"
        case "columns":
            return (line + ",").encode()
        case "level":
            return f"{code},{name},{'CITY' if level != 'CITY' else 'VILLAGE'},{parent}".encode()
        case "parent":
            return f"{code},{name},{level},9999".encode()
        case "blank":
            return f"{code},,{level},{parent}".encode()
        case _:
            return f"{code}x,{name},{level},{parent}".encode()


@given(
    broken=st.dictionaries(
        st.integers(2, 60),
        st.sampled_from(["utf8", "columns", "level", "parent", "blank", "code"]),
        min_size=1,
    )
)
def test_exactly_the_broken_lines_are_told(broken: dict[int, str]) -> None:
    lines = EDITIONS[2023].read_text().splitlines()[:60]
    content = [
        break_line(broken[number], line) if number in broken else line.encode()
        for number, line in enumerate(lines, start=1)
    ]
    # A row with another code is unknown to its children, who then say so.
    unreadable = {lines[number - 1].split(",")[0] for number, kind in broken.items() if kind == "code"}
    orphans = {number for number, line in enumerate(lines, start=1) if line.split(",")[3] in unreadable}
    told = {line for line, _ in problems(b"\n".join(content))}
    assert told == broken.keys() | orphans


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_reader(content: bytes) -> None:
    with pytest.raises(BadRows):
        parse(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n \r\n",
        HEADER.encode(),
        f"{HEADER}\n\n".encode(),
        "4110,许昌市,CITY,\n".encode(),
        b"\xff",
        b'"',
    ],
)
def test_a_file_without_header_or_rows_is_refused_once_on_its_first_line(content: bytes) -> None:
    assert [line for line, _ in problems(content)] == [1]


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_welcome(prefix: bytes, newline: str) -> None:
    text = (HEADER + '4110,"许昌市",CITY,\n\n').replace("\n", newline)
    assert [one.code for one in parse(prefix + text.encode())] == ["4110"]


def test_children_may_stand_before_their_parents() -> None:
    rows = parse((HEADER + "411024,鄢陵县,COUNTY,4110\n4110,许昌市,CITY,\n").encode())
    assert [one.code for one in rows] == ["4110", "411024"]


NAMES = st.sampled_from(["东", "西", "南"]).flatmap(
    lambda stem: st.sampled_from([f"{stem}村委会", f"{stem}居委会", f"{stem}社区居民委员会"])
)
CODES = st.text(alphabet=string.digits[:2], min_size=9, max_size=9).map(lambda tail: f"411{tail}")
PAIRS: Callable[[], st.SearchStrategy[dict[str, str]]] = lambda: st.dictionaries(CODES, NAMES, max_size=8)  # noqa: E731


@given(gone=PAIRS(), new=PAIRS())
def test_a_successor_is_of_the_same_county_and_nobody_elses(
    gone: dict[str, str], new: dict[str, str]
) -> None:
    found = clear_successors(gone.items(), new.items())
    assert len(set(found.values())) == len(found)
    for old, successor in found.items():
        assert old in gone
        assert successor in new
        assert old[:6] == successor[:6]
        assert gone[old][0] == new[successor][0]
