"""Whoever may count issues and not read them is told no small count, however much is subtracted from what is told."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from tests.conftest import World
from tests.following import frames
from tests.reference.agreement import Agreement, parse
from tests.reference.answers import COUNTS, Reference, readable
from tests.reference.attacker import Attacker, Sum
from tests.reference.rows import PATH, Row, Rows, ancestors, path_of, read, unit, write
from tests.reference.served import POLICY, Statements, executor_on
from tests.reference.small import METRICS as PAIRS

from lxbc_graph.app import open_service, running
from lxbc_graph.domain.metrics import METRICS, Filter, split_of
from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import IssueState, Role
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.build import build
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

SCHEMA = readable(build()._schema)
NOW = datetime.now(UTC)
FIELDS = "numerator denominator rate percent suppressed filter numeratorFilter"
FIGURES = " ".join(f"{name} {{ {FIELDS} }}" for name in METRICS)
EVERY_UNIT = f"{{ units(first: 100) {{ nodes {{ id code metrics {{ {FIGURES} }} }} }} }}"

# Worlds


def random_world(seed: int) -> Rows:
    """One city, with many issues here and few there."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is what it must be
    units = [unit(1, "4110", "市", None, valid_to=None)]
    for digits, most in ((2, 4), (3, 3), (3, 4)):
        for parent in [one for one in units if len(one["code"]) == len(units[-1]["code"])]:
            for place in range(chance.randint(0, most) or 1):
                code = f"{parent['code']}{place + 1:0{digits}}"
                units.append(unit(len(units) + 1, code, code, parent, valid_to=None))
    places = [place for place in units for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 12)))]
    return {
        "unit": units,
        "account": [{"id": 1, "name": "wall", "display_name": "屏", "city_id": 1, "cadre_id": None}],
        "issue": [_issue(chance, id_, place) for id_, place in enumerate(places, start=1)],
    }


def _issue(chance: random.Random, id_: int, place: Row) -> Row:
    state = chance.choice([*IssueState, *[IssueState.CLOSED] * 6, *[IssueState.RECTIFYING] * 2])
    handed_over = state in {"ASSIGNED", "RECTIFYING", "FEEDBACK", "RECTIFIED", "CLOSED"}
    closed = state == "CLOSED"
    answered = closed or (handed_over and chance.random() < 0.4)
    return {
        "id": id_,
        "number": f"N{id_}",
        "title": "题",
        "description": "文",
        **path_of(place),
        "finder_account_id": 1,
        "finder_name": "屏",
        "finder_rank": "STAFF",
        "unit_level": place["level"],
        "source": "VISIT",
        "state": state,
        "judged_at": NOW if handed_over or state == "ACCEPTED" else None,
        "handed_over_at": NOW if handed_over else None,
        "due_at": NOW + timedelta(days=chance.choice((-1, 9))) if handed_over else None,
        "next_due_at": NOW + timedelta(hours=chance.choice((-9, 9, 99)))
        if handed_over and not closed
        else None,
        "satisfaction": chance.choice(("SATISFIED", "SATISFIED", "DISSATISFIED")) if answered else None,
        "exclusion": chance.choice((None, None, "APPROVED")) if answered else None,
        "reopened_count": chance.choice((0, 0, 1)) if answered else 0,
        "sent_back_count": 0,
        "version": 1,
        "reported_at": NOW,
        "updated_at": NOW,
    }


_DIGIT = 6


@cache
def members() -> dict[str, int]:
    """Each count as a number with a digit for each kind of issue that the workflow knows, 1 where it counts those."""
    place = unit(1, "4110", "市", None, valid_to=None)
    rows: Rows = {"unit": [place], "account": [], "issue": []}
    reference = Reference(SCHEMA, rows, POLICY, posted(place, Role.CITY_OFFICE), NOW)
    kinds = {
        tuple(reference.keeps("issue", issue, filter_) for filter_ in COUNTS.values())
        for issue in (_issue(random.Random(seed), seed, place) for seed in range(3000))  # noqa: S311 - as above
    }
    digits = [1 << _DIGIT * number for number in range(len(kinds))]
    columns = zip(*sorted(kinds), strict=True)
    return {
        count: sum(digit for digit, kept in zip(digits, column, strict=True) if kept)
        for count, column in zip(COUNTS, columns, strict=True)
    }


@cache
def formed() -> list[tuple[dict[str, int], int]]:
    """All counts that others make by adding and subtracting: the signs of those, and the number of it."""
    made: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for number in members().values():
        made = [((*signs, sign), value + sign * number) for signs, value in made for sign in (0, 1, -1)]
    length = max(members().values()).bit_length()
    ones = sum(1 << place for place in range(0, length, _DIGIT))
    return [
        ({name: sign for name, sign in zip(members(), signs, strict=True) if sign}, value)
        for signs, value in made
        if value >= 0 and not value & ~ones and any(signs)
    ]


def posted(unit: Row, *roles: Role, elsewhere: tuple[Role, Row] | None = None) -> Principal:
    """An account that finds nothing, posted to the unit."""
    places = [(role, unit) for role in roles] + ([elsewhere] if elsewhere else [])
    postings = (
        Posting(id_, role, Path(*(place[column] for column in PATH)))
        for id_, (role, place) in enumerate(places, start=1)
    )
    return Principal(2, "wall", "屏", 1, None, tuple(postings))


@dataclass(frozen=True)
class Wall:
    """Screens before one world, where counts below ``limit`` are small."""

    rows: Rows
    executor: Executor
    statements: Statements
    limit: int

    @classmethod
    async def before(cls, database: Database, rows: Rows, limit: int) -> "Wall":
        await write(database, rows)
        executor = await executor_on(database, small_count=limit)
        return cls(await read(database.pool), executor, Statements.of(database), limit)

    def level(self, level: str) -> list[Row]:
        return [row for row in self.rows["unit"] if row["level"] == level]

    async def told(self, text: str, principal: Principal, **variables: Any) -> Any:
        self.statements.clear()
        response = await self.executor.execute(Request(text, variables=variables), principal)
        assert len(await self.statements.settled()) == 1
        answer = parse(response.body)
        assert list(answer) == ["data"], answer
        return answer["data"]


SEEDS = range(7)


@pytest.fixture(params=SEEDS)
async def wall(request: pytest.FixtureRequest, database: Database) -> Wall:
    seed: int = request.param
    return await Wall.before(database, random_world(seed), (5, 2, 3, 10, 5)[seed % 5])


def viewers(wall: Wall) -> Iterator[Principal]:
    """A screen at each level, and an account that reads something of what it counts."""
    city = wall.rows["unit"][0]
    for level in ("CITY", "COUNTY", "TOWNSHIP", "VILLAGE"):
        yield posted(wall.level(level)[0], Role.SCREEN)
    yield posted(city, Role.SCREEN, elsewhere=(Role.PORTAL, wall.level("COUNTY")[-1]))


# What is hidden


async def test_what_is_told_is_what_the_rule_says(wall: Wall) -> None:
    hidden = set()
    for principal in viewers(wall):
        reference = Reference(SCHEMA, wall.rows, POLICY, principal, NOW, wall.limit)
        expected = reference.answer(EVERY_UNIT, {}, {})
        assert not expected.errors
        actual = await wall.told(EVERY_UNIT, principal)
        Agreement().check(expected.data, actual)
        hidden |= {
            figure["suppressed"] for node in actual["units"]["nodes"] for figure in node["metrics"].values()
        }
    assert hidden == {True, False}


@pytest.mark.parametrize("seed", range(8))
async def test_so_it_is_where_siblings_are_much_alike(database: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - as above
    units = [unit(1, "4110", "市", None, valid_to=None)]
    for parents, digits, number in (((1,), 2, 3), ((2, 3, 4), 3, 3)):
        for parent in (units[id_ - 1] for id_ in parents):
            for place in range(number):
                code = f"{parent['code']}{place + 1:0{digits}}"
                units.append(unit(len(units) + 1, code, code, parent, valid_to=None))
    pattern = [_issue(chance, 0, units[0]) for _ in range(4)]
    places = [place for place in units for _ in range(chance.choice((0, 3, 4, 4, 6, 7)))]
    issues = [
        {
            **chance.choice(pattern),
            **path_of(place),
            "id": id_,
            "number": f"N{id_}",
            "unit_level": place["level"],
        }
        for id_, place in enumerate(places, start=1)
    ]
    wall = await Wall.before(database, {**random_world(0), "unit": units, "issue": issues}, 3)
    principal = posted(units[0], Role.SCREEN)
    reference = Reference(SCHEMA, wall.rows, POLICY, principal, NOW, wall.limit)
    actual = await wall.told(EVERY_UNIT, principal)
    Agreement().check(reference.answer(EVERY_UNIT, {}, {}).data, actual)


@pytest.mark.parametrize(
    ("townships", "told"),
    [
        # The first of two fives would be known by its place, were the other told.
        ([(0, 5), (0, 5), (0, 1)], [(None, None)] * 3),
        # Two noughts that are told would say that only the last can have something small.
        ([(0, 5), (0, 6), (5, 1)], [(5, None), (6, None), (6, None)]),
        ([(0, 5), (5, 1), (0, 7)], [(5, None), (6, None), (7, 0)]),
    ],
)
async def test_neither_order_nor_nought_tells_what_is_small(
    database: Database, townships: list[tuple[int, int]], told: list[tuple[int | None, int | None]]
) -> None:
    units = [unit(1, "4110", "市", None, valid_to=None)]
    units.append(unit(2, "411001", "县", units[0], valid_to=None))
    issues: list[Row] = []
    for number, (rectified, under_way) in enumerate(townships, start=1):
        units.append(unit(2 + number, f"411001{number:03}", "乡", units[1], valid_to=None))
        for state in ["RECTIFIED"] * rectified + ["RECTIFYING"] * under_way:
            issue = _issue(random.Random(1), len(issues) + 1, units[-1])  # noqa: S311 - as above
            issues.append({**issue, "state": state, "judged_at": NOW, "handed_over_at": NOW})
    wall = await Wall.before(database, {**random_world(0), "unit": units, "issue": issues}, 5)
    text = "{ units(first: 100) { nodes { metrics { rectificationRate { denominator numerator } } } } }"
    nodes = (await wall.told(text, posted(units[0], Role.SCREEN)))["units"]["nodes"]
    assert [tuple(node["metrics"]["rectificationRate"].values()) for node in nodes[2:]] == told


async def test_no_small_count_can_be_worked_out(wall: Wall) -> None:
    for principal in viewers(wall):
        if len(principal.postings) > 1:
            continue  # what it reads it knows
        data = await wall.told(EVERY_UNIT, principal)
        figures = {node["code"]: node["metrics"] for node in data["units"]["nodes"]}
        units = [row for row in wall.rows["unit"] if row["code"] in figures]
        told = {
            (row["code"], count): value
            for row in units
            for count, value in _counts(figures[row["code"]]).items()
        }
        attacker = Attacker({one: value for one, value in told.items() if value is not None}, [*_sums(units)])
        true = _true(wall.rows, units)
        assert all(true[one] == value for one, value in told.items() if value is not None)
        worked_out = {one: value for one, value in true.items() if attacker.knows(one)}
        assert not {one: value for one, value in worked_out.items() if 0 < value < wall.limit}
        assert not {one for one, value in worked_out.items() if value > 0 and told.get(one, value) is None}


def test_whatever_is_told_each_count_that_it_makes_is_made_of_counts_that_are_not_small() -> None:
    number, names = members(), {repr(filter_): name for name, filter_ in COUNTS.items()}
    assert len(set(number.values())) == len(COUNTS)
    for signs, value in formed():
        told: list[Filter] = [COUNTS[name] for name in signs]
        for count in told:
            split = split_of(count)
            told += [one for one in (split.whole, *split.told) if one and one not in told]
        held = {
            number[names[repr(whole)]] - sum(number[names[repr(part)]] for part in parts)
            for split in map(split_of, told)
            for whole, parts in split.known
            if all(one in told for one in (whole, *parts))
        }
        sums = {0}
        for one in held:
            sums |= {sum_ + one for sum_ in sums if one > 0 and not sum_ & one}
        assert value in sums, signs
    assert len({value for _, value in formed()}) > 90


def _counts(figures: Any) -> dict[str, int | None]:
    """The counts that figures are made of; one that several are made of is told by all or by none."""
    found: dict[str, int | None] = {}
    for name, pair in PAIRS.items():
        for count, field in zip(pair, ("numerator", "denominator"), strict=True):
            assert found.setdefault(count, figures[name][field]) == figures[name][field], count
    return found


@cache
def splits() -> list[tuple[str, list[str], bool]]:
    """What everybody knows of the counts: each whole has these parts, and whether there is a rest."""
    found = []
    for signs, rest in formed():
        wholes = [name for name, sign in signs.items() if sign > 0]
        if len(wholes) == 1 and len(signs) > 1:
            found.append((wholes[0], [name for name, sign in signs.items() if sign < 0], rest > 0))
    return found


def _sums(units: list[Row]) -> Iterator[Sum]:
    """All that adds up: a unit's children and what stands in none of them, and the parts of each count."""
    for row in units:
        children = [child["code"] for child in units if child["parent_id"] == row["id"]]
        places = [row["code"]]
        if children:
            places.append(f"in {row['code']}")
            for count in COUNTS:
                yield (row["code"], count), [(place, count) for place in (*children, places[1])]
        for place in places:
            for whole, parts, more in splits():
                rest = [(place, f"{whole} less {parts}")] * more
                yield (place, whole), [*((place, part) for part in parts), *rest]


def _true(rows: Rows, units: list[Row]) -> dict[Any, int]:
    """How it is, of everything that a sum is made of."""
    reference = Reference(SCHEMA, rows, POLICY, posted(units[0], Role.CITY_OFFICE), NOW)
    kept = {
        count: [issue for issue in rows["issue"] if reference.keeps("issue", issue, filter_)]
        for count, filter_ in COUNTS.items()
    }
    sizes: dict[Any, int] = {}
    for row in units:
        for count, issues in kept.items():
            sizes[row["code"], count] = sum(row["id"] in ancestors(issue) for issue in issues)
            sizes[f"in {row['code']}", count] = sum(row["id"] == issue["unit_id"] for issue in issues)
    found = {}
    for whole, parts in _sums(units):
        for one in (whole, *parts):
            if one in sizes:
                found[one] = sizes[one]
        if parts[-1] not in sizes:
            found[parts[-1]] = sizes[whole] - sum(sizes[part] for part in parts[:-1])
    return found


async def test_what_is_hidden_is_so_whichever_way_it_is_asked_for(wall: Wall) -> None:
    asked = "id code metrics { rectificationRate { numerator denominator percent } overdue { numerator suppressed } }"
    for principal in (
        posted(wall.rows["unit"][0], Role.SCREEN),
        posted(wall.level("COUNTY")[0], Role.SCREEN),
    ):
        nodes = (await wall.told(f"{{ units(first: 100) {{ nodes {{ {asked} }} }} }}", principal))["units"][
            "nodes"
        ]
        by_code = {node["code"]: node for node in nodes}
        for node in nodes[:12]:
            alone = await wall.told(
                f"query($id: ID!, $code: String!) {{"
                f" node(id: $id) {{ ... on Unit {{ {asked} }} }} unit(code: $code) {{ {asked} }} }}",
                principal,
                id=node["id"],
                code=node["code"],
            )
            assert alone == {"node": node, "unit": node}
        top = nodes[0]["code"]
        nested = await wall.told(
            f"query($code: String!) {{ unit(code: $code) {{ {asked} children {{ nodes {{ {asked}"
            f" children {{ nodes {{ {asked} }} }} }} }} }} }}",
            principal,
            code=top,
        )
        below = [nested["unit"]]
        while below:
            one = below.pop()
            below += one.pop("children", {"nodes": []})["nodes"]
            assert one == by_code[one["code"]]
        if top == "4110":
            assert (await wall.told(f"{{ city {{ {asked} }} }}", principal))["city"] == by_code[top]


async def test_one_figure_alone_hides_what_it_hides_beside_the_others(wall: Wall) -> None:
    principal = posted(wall.rows["unit"][0], Role.SCREEN)
    nodes = (await wall.told(EVERY_UNIT, principal))["units"]["nodes"]
    for name in METRICS:
        for field in ("numerator", "denominator", "percent", "suppressed", "filter"):
            text = f"{{ units(first: 100) {{ nodes {{ metrics {{ {name} {{ {field} }} }} }} }} }}"
            alone = (await wall.told(text, principal))["units"]["nodes"]
            expected = [node["metrics"][name][field] for node in nodes]
            assert [node["metrics"][name][field] for node in alone] == expected


def test_of_every_count_it_is_said_what_it_is_a_part_of() -> None:
    for metric in METRICS.values():
        for count in (metric.numerator, metric.denominator):
            assert count in split_of(count).told
    with pytest.raises(LookupError):
        split_of({"handedOver": True})


# For whom, and how small


async def test_a_limit_of_one_hides_nothing(database: Database) -> None:
    wall = await Wall.before(database, random_world(0), 1)
    city = wall.rows["unit"][0]
    screen = await wall.told(EVERY_UNIT, posted(city, Role.SCREEN))
    office = await wall.told(EVERY_UNIT, posted(city, Role.CITY_OFFICE))
    assert screen == office


@pytest.mark.parametrize("role", sorted({*Role} - {Role.SCREEN, Role.ADMIN, Role.DEPARTMENT}))
async def test_whoever_may_read_what_is_counted_is_told_every_count(database: Database, role: Role) -> None:
    wall = await Wall.before(database, random_world(1), 1000)
    data = await wall.told(EVERY_UNIT, posted(wall.level("COUNTY")[0], role))
    for node in data["units"]["nodes"]:
        assert not any(figure["suppressed"] for figure in node["metrics"].values())
        assert all(isinstance(figure["numerator"], int) for figure in node["metrics"].values())


@pytest.mark.parametrize("given", ['period: {from: "2021-07-01T00:00:00Z"}', 'asOf: "2021-07-01T00:00:00Z"'])
async def test_figures_of_another_time_are_refused_to_who_could_subtract_them(
    database: Database, given: str
) -> None:
    wall = await Wall.before(database, random_world(0), 5)
    text = f"{{ city {{ metrics({given}) {{ underWay {{ numerator }} }} }} }}"
    response = await wall.executor.execute(Request(text), posted(wall.rows["unit"][0], Role.SCREEN))
    answer = parse(response.body)
    assert answer["data"] == {"city": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert await wall.told(text, posted(wall.rows["unit"][0], Role.CITY_OFFICE))


async def test_a_screen_can_count_nothing_but_units_rules_and_categories(database: Database) -> None:
    wall = await Wall.before(database, random_world(0), 5)
    query = SCHEMA.query_type
    assert query is not None
    lists = [name for name, spec in query.fields.items() if "orderBy" in spec.args]
    text = "{" + " ".join(f"{name} {{ totalCount nodes {{ __typename }} }}" for name in lists) + "}"
    data = await wall.told(text, posted(wall.rows["unit"][0], Role.SCREEN))
    assert {name for name in lists if data[name]["totalCount"] or data[name]["nodes"]} == {"units"}
    # The others are empty in this world; what leads on from them leads to these again.
    assert {*lists} - {"units", "rules", "categories"} == {
        *("departments", "cadres", "postings", "issues", "assignments", "events", "auditEvents")
    }
    counted = "issues { totalCount } cadres { totalCount } postings { totalCount } departments { totalCount }"
    units = await wall.told(
        f"{{ units {{ nodes {{ {counted} }} }} }}", posted(wall.rows["unit"][0], Role.SCREEN)
    )
    assert all(one["totalCount"] == 0 for node in units["units"]["nodes"] for one in node.values())


# As it happens


@pytest.fixture
async def changing(database_url: str, world: World) -> AsyncIterator[Any]:
    """Six issues under way in one county and nine in another, and a screen before them."""
    await world(
        {
            "units": [{"code": code} for code in ("4110", "411024", "411082")],
            "cadres": [{"code": "finder", "unit": "4110"}],
            "accounts": [{"name": "wall", "postings": [{"role": "screen", "unit": "4110"}]}],
            "issues": [
                {"unit": unit, "finder": "finder", "state": "RECTIFYING"}
                for unit, number in (("411024", 6), ("411082", 9))
                for _ in range(number)
            ],
        }
    )
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        yield service


async def test_a_screen_that_follows_one_county_is_told_when_another_hides_it(changing: Any) -> None:
    principal = await changing.accounts.principal("wall")
    text = """subscription {
      metricsChanged(unit: "411082", minIntervalSeconds: 1) {
        unit { metrics { underWay { numerator denominator suppressed } } }
      }
    }"""
    started = await changing.executor.subscribe(Request(text), principal)
    assert isinstance(started, Subscription)

    async def underway(stream: Any) -> Any:
        return parse(await anext(stream))["data"]["metricsChanged"]["unit"]["metrics"]["underWay"]

    async with aclosing(frames(started)) as stream:
        assert await underway(stream) == {"numerator": 9, "denominator": 9, "suppressed": False}
        # With two dismissed, four are left in the other county, and fifteen less nine would tell them.
        await changing.database.pool.execute(
            """
            with gone as (
              update issue set state = 'DISMISSED', dismissal = 'WITHDRAWN'
              where id in (select i.id from issue i join unit u on u.id = i.unit_id
                           where u.code = '411024' order by i.id limit 2)
              returning issue.*
            )
            insert into event (issue_id, kind, from_state, to_state, actor_name, at, unit_id, city_id, county_id)
            select id, 'WITHDRAWN', 'RECTIFYING', 'DISMISSED', '某', now(), unit_id, city_id, county_id from gone
            """
        )
        assert await underway(stream) == {"numerator": None, "denominator": None, "suppressed": True}
