"""A database as dictionaries: read whole, and filled with small random worlds."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import asyncpg
from sqlalchemy import insert

from lxbc_graph.domain import words
from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Level, Role
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database

Row = dict[str, Any]
Rows = dict[str, list[Row]]

TABLES = (
    *("unit", "department", "cadre", "account", "posting", "category", "rule"),
    *("issue", "assignment", "event", "attachment", "audit_event"),
)
LEVELS = (Level.CITY, Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE)
PATH = tables.ANCESTORS

_NAMES = (
    "新村",
    "新色村",
    'a "quoted" one',
    "back\\slash",
    "100%",
    "x_y",
    "O'Brien",
    "Straße",
    "𠮷野",
    "tab\tbed",
    "",
)
_WORDS = ("灌溉", "道路 Road", "ROAD", "pump_1", "50%", 'say "yes"', "line\nbreak", "")
_START = datetime(2021, 7, 1, tzinfo=UTC)


def type_of(table: str) -> str:
    """Return the name of the type whose ids the rows of the table have; a unit's is Unit."""
    return "".join(word.capitalize() for word in table.split("_"))


async def read(pool: "asyncpg.Pool[asyncpg.Record]") -> Rows:
    """Return every row of every table."""
    rows = {name: [dict(row) for row in await pool.fetch(f"select * from {name}")] for name in TABLES}
    for event in rows["event"]:
        event["data"] = json.loads(event["data"])
    for share in rows["assignment"]:
        share["plan"] = share["plan"] and json.loads(share["plan"])
    for rule in rows["rule"]:
        rule["settings"] = json.loads(rule["settings"])
    for noted in rows["audit_event"]:
        noted["detail"] = json.loads(noted["detail"])
    rows["clock"] = list(clocks(rows))
    return rows


def clocks(rows: Rows) -> Iterator[Row]:
    """Yield the clocks of all issues and of their assignments."""
    issues = {issue["id"]: issue for issue in rows["issue"]}
    for share in rows["assignment"]:
        issue = issues[share["issue_id"]]
        under_way = issue["state"] in {"ASSIGNED", "RECTIFYING"}
        for place, kind, done in (
            (0, "ARRANGE", share["accepted_at"]),
            (1, "PROGRESS", share["progressed_at"] or share["feedback_at"]),
            (2, "SOLVE", share["feedback_at"]),
            (3, "TRACK", share["feedback_at"]),
            (4, "ARBITRATE", None),
        ):
            waiting = {"RETURNED"} if kind == "ARBITRATE" else {"PENDING", "ACCEPTED"}
            yield from _clock(
                share["id"] * 8 + place, issue, share, kind, done, under_way and share["state"] in waiting
            )
    for issue in rows["issue"]:
        yield from _clock(
            issue["id"] * 8 + 6, issue, None, "VERIFY", issue["verified_at"], issue["state"] == "VERIFYING"
        )
        yield from _clock(
            issue["id"] * 8 + 7, issue, None, "LOOK_BACK", issue["closed_at"], issue["state"] == "RECTIFIED"
        )


def _clock(
    id_: int, issue: Row, share: Row | None, kind: str, stopped_at: Any, wanted: bool
) -> Iterator[Row]:
    due_at = (issue if share is None else share)[f"{kind.lower()}_due_at"]
    if due_at is not None:
        yield {
            "id": id_,
            "issue_id": issue["id"],
            "assignment_id": share and share["id"],
            "kind": kind,
            "due_at": due_at,
            "stopped_at": stopped_at,
            "running": wanted and stopped_at is None,
        }


async def write(database: Database, rows: Mapping[str, Sequence[Row]]) -> None:
    """Insert the rows, ids included."""
    async with database.engine.begin() as connection:
        for name in TABLES:
            # In their order, and many at once as long as they say the same columns.
            for _, alike in groupby(rows.get(name, ()), key=tuple):
                await connection.execute(insert(tables.metadata.tables[name]), list(alike))


def path_of(unit: Row) -> Row:
    """Return the columns by which a row of that unit is found."""
    return {"unit_id": unit["id"], **{column: unit[column] for column in PATH}}


def ancestors(row: Row) -> set[int]:
    """Return the ids of the unit of a row and of all above it."""
    return {row[column] for column in PATH if row[column] is not None}


def principal_of(rows: Rows, account: Row, now: datetime) -> Principal:
    """Return the principal of an account: what it and its cadre are posted to now, in its own city."""
    held = [
        posting
        for posting in rows["posting"]
        if (posting["account_id"] == account["id"] or posting["cadre_id"] == account["cadre_id"] is not None)
        and posting["city_id"] == account["city_id"]
        and posting["valid_from"] <= now
        and (posting["valid_to"] is None or now < posting["valid_to"])
    ]
    return Principal(
        account["id"],
        account["name"],
        account["display_name"],
        account["city_id"],
        account["cadre_id"],
        tuple(posting_of(posting) for posting in held),
    )


def posting_of(row: Row) -> Posting:
    return Posting(
        row["id"], Role(row["role"]), Path(*(row[column] for column in PATH)), row["department_id"]
    )


def unit(id_: int, code: str, name: str, parent: Row | None, **more: Any) -> Row:
    """Return a unit below its parent."""
    level = LEVELS[0 if parent is None else LEVELS.index(parent["level"]) + 1]
    above = {column: parent[column] if parent else None for column in PATH}
    return {
        "id": id_,
        "code": code,
        "name": name,
        "level": level,
        "parent_id": parent and parent["id"],
        **above,
        PATH[LEVELS.index(level)]: id_,
        "valid_from": date(2021, 1, 1),
        **more,
    }


def with_reach(rows: Rows) -> Rows:
    """Give each cadre the units on the paths of the home and of every posting."""
    units = {row["id"]: row for row in rows["unit"]}
    for cadre in rows["cadre"]:
        reach = ancestors(units[cadre["unit_id"]])
        for posting in rows["posting"]:
            if posting.get("cadre_id") == cadre["id"]:
                reach |= ancestors(posting)
        cadre["reach"] = sorted(reach)
    return rows


def random_rows(seed: int, first: int = 0, cities: Sequence[str] = ("4110", "4111")) -> Rows:
    """Return cities with everything in them, the same for the same seed but for what is due in some hours.

    Ids begin behind ``first``, so that worlds can lie side by side.
    """
    return _Maker(random.Random(seed), first).rows(cities)  # noqa: S311 - repeatable is what it must be


class _Maker:
    def __init__(self, chance: random.Random, first: int) -> None:
        self._chance = chance
        self._ids = dict.fromkeys(TABLES, first)
        self._today = datetime.now(UTC)

    def rows(self, cities: Sequence[str]) -> Rows:
        found: Rows = {name: [] for name in TABLES}
        for code in cities:
            city = self._city(code)
            for name, rows in city.items():
                found[name] += rows
        return with_reach(found)

    def _city(self, code: str) -> Rows:
        units = self._units(code)
        city = units[0]
        departments = [self._department(unit) for unit in self._some(units, 6)]
        cadres = [self._cadre(units, departments) for _ in range(5)]
        accounts = [self._account(city, cadre) for cadre in [*cadres[:4], None, None, None]]
        postings = [self._posting(units, departments, cadres, accounts) for _ in range(14)]
        categories = self._categories(city)
        rules = self._rules(units)
        issues: list[Row] = []
        for _ in range(self._chance.randint(0, 16)):
            issues.append(self._issue(units, cadres, accounts, categories, rules, issues))
        assignments = [
            self._assignment(issue, units, departments, cadres)
            for issue in issues
            for _ in range(self._chance.choice((0, 1, 2, 2)))
        ]
        events = [
            self._event(issue, units, cadres, assignments)
            for issue in issues
            for _ in range(self._chance.randint(0, 3))
        ]
        attachments = [
            self._attachment(issue, cadres, accounts, events)
            for issue in issues
            for _ in range(self._chance.choice((0, 0, 1, 3)))
        ]
        return {
            "unit": units,
            "department": departments,
            "cadre": cadres,
            "account": accounts,
            "posting": postings,
            "category": categories,
            "rule": rules,
            "issue": issues,
            "assignment": assignments,
            "event": self._shuffled(events),
            "attachment": attachments,
            "audit_event": [self._audit_event(city, accounts) for city in (units[0], None) for _ in range(4)],
        }

    def _audit_event(self, city: Row | None, accounts: list[Row]) -> Row:
        account = self._chance.choice(accounts) if city else None
        return {
            "id": self._id("audit_event"),
            "at": self._time(),
            "kind": self._chance.choice(list(words.AuditKind)),
            "account_id": account and account["id"],
            "account_name": account and account["name"],
            "city_id": city and city["id"],
            "means": self._maybe(self._chance.choice(list(words.Means))),
            "api_key": self._maybe("0a1b2c"),
            "address": self._maybe("192.0.2.1"),
            "subject": self._maybe("Posting:1"),
            "detail": self._chance.choice(({}, {"role": "cadre"})),
        }

    def _id(self, table: str) -> int:
        # With gaps, and the same numbers in every table: a row taken from another is then seen.
        self._ids[table] += self._chance.choice((1, 1, 2))
        return self._ids[table]

    def _units(self, code: str) -> list[Row]:
        units = [self._unit(code, None)]
        digits = {
            Level.CITY: ("02", "24", "82"),
            Level.COUNTY: ("100", "104"),
            Level.TOWNSHIP: ("201", "226"),
        }
        for parent in units:  # grows while it is walked
            for more in digits.get(parent["level"], ()):
                if len(units) < 3 or self._chance.random() < 0.7:
                    units.append(self._unit(parent["code"] + more, parent))
        for place, gone in enumerate(units):
            if place and self._chance.random() < 0.15:
                gone["valid_to"] = date(2023, 1, 1)
                gone["successor_id"] = self._chance.choice(units[:place])["id"]
        return units

    def _unit(self, code: str, parent: Row | None) -> Row:
        aliases = self._some(_NAMES, 2) if self._chance.random() < 0.3 else []
        return unit(
            self._id("unit"), code, self._name(), parent, valid_to=None, successor_id=None, aliases=aliases
        )

    def _department(self, unit: Row) -> Row:
        id_ = self._id("department")
        return {
            "id": id_,
            "code": f"D{id_:03}",
            "name": self._name(),
            "line": self._chance.choice((None, "水利", "交通")),
            **path_of(unit),
        }

    def _cadre(self, units: list[Row], departments: list[Row]) -> Row:
        id_ = self._id("cadre")
        return {
            "id": id_,
            "code": f"C{id_:03}",
            "name": self._name(),
            "rank": self._chance.choice(list(words.Rank)),
            "title": self._maybe(self._name()),
            "unit_id": self._chance.choice(units)["id"],
            "department_id": self._maybe(self._chance.choice(departments)["id"]),
            "managed_by_id": self._maybe(self._chance.choice(units)["id"]),
            "phone": self._maybe(f"138{id_:08}"),
            "city_id": units[0]["id"],
        }

    def _account(self, city: Row, cadre: Row | None) -> Row:
        id_ = self._id("account")
        return {
            "id": id_,
            "name": f"account{id_}",
            "display_name": self._name(),
            "city_id": city["id"],
            "cadre_id": cadre and cadre["id"],
        }

    def _posting(
        self, units: list[Row], departments: list[Row], cadres: list[Row], accounts: list[Row]
    ) -> Row:
        by_cadre = self._chance.random() < 0.6
        department = self._chance.choice(departments) if self._chance.random() < 0.3 else None
        place = path_of(self._chance.choice(units))
        if department:
            place = {column: department[column] for column in place}
        start = _START + timedelta(days=self._chance.randint(0, 3))
        if self._chance.random() < 0.1:
            start = datetime(2199, 1, 1, tzinfo=UTC)
        return {
            "id": self._id("posting"),
            "cadre_id": self._chance.choice(cadres)["id"] if by_cadre else None,
            "account_id": None if by_cadre else self._chance.choice(accounts)["id"],
            "role": self._chance.choice(list(Role)),
            "department_id": department and department["id"],
            **place,
            "valid_from": start,
            "valid_to": self._chance.choice(
                (None, None, datetime(2022, 1, 1, tzinfo=UTC), datetime(2299, 1, 1, tzinfo=UTC))
            ),
            "lead": self._flip(),
        }

    def _categories(self, city: Row) -> list[Row]:
        found: list[Row] = []
        for scheme in words.CategoryScheme:
            for number in range(2):
                found.append(
                    {
                        "id": self._id("category"),
                        "city_id": city["id"],
                        "scheme": scheme,
                        "code": f"{number + 1}",
                        "name": self._name(),
                        "parent_id": found[-1]["id"] if number else None,
                        "valid_from": date(2021, 7, 1),
                        "valid_to": self._maybe(date(2022, 6, 30)),
                    }
                )
        return found

    def _rules(self, units: list[Row]) -> list[Row]:
        found: list[Row] = []
        for place in (self._chance.choice(units) for _ in range(8)):
            found.append(
                {
                    "id": self._id("rule"),
                    **path_of(place),
                    "version": 1 + sum(row["unit_id"] == place["id"] for row in found),
                    "name": self._name(),
                    "valid_from": self._chance.choice(
                        (date(2021, 7, 1), date(2021, 12, 1), date(2199, 1, 1))
                    ),
                    "settings": self._chance.choice(({}, {"arrangeDays": 2}, {"lookBackDays": None})),
                    "author_name": self._name(),
                    "created_at": self._time(),
                }
            )
        return found

    def _issue(
        self,
        units: list[Row],
        cadres: list[Row],
        accounts: list[Row],
        categories: list[Row],
        rules: list[Row],
        issues: list[Row],
    ) -> Row:
        id_ = self._id("issue")
        place = self._chance.choice(units)
        finder = self._chance.choice(cadres) if self._chance.random() < 0.7 else None
        reported = self._time()
        return {
            "id": id_,
            "number": f"N{self._chance.randint(0, 9)}-{id_}",
            "title": self._chance.choice(_WORDS),
            "description": self._chance.choice(_WORDS),
            **path_of(place),
            "rules": [row["id"] for row in self._some(rules, self._chance.randint(0, 3))],
            "subject": self._chance.choice(list(words.Subject)),
            "finder_id": finder and finder["id"],
            "finder_account_id": None if finder else self._chance.choice(accounts)["id"],
            "finder_name": self._name(),
            "finder_rank": self._chance.choice(list(words.Rank)),
            "unit_level": place["level"],
            "source": self._chance.choice(list(words.Source)),
            "category_id": self._maybe(self._chance.choice(categories)["id"]),
            "work_content_id": self._maybe(self._chance.choice(categories)["id"]),
            "complexity": self._maybe(self._chance.choice(list(words.Complexity))),
            "state": self._chance.choice(list(words.IssueState)),
            "city_identified": self._flip(),
            "multi_department": self._flip(),
            "mass_interest": self._flip(),
            "post_disaster": self._flip(),
            "dismissal": self._maybe(self._chance.choice(list(words.Dismissal))),
            "duplicate_of_id": self._maybe(self._chance.choice(issues)["id"]) if issues else None,
            "satisfaction": self._maybe(self._chance.choice(list(words.Satisfaction))),
            "reopened_count": self._chance.choice((0, 0, 1, 2)),
            "sent_back_count": self._chance.choice((0, 0, 1)),
            "version": self._chance.randint(1, 9),
            "reported_at": reported,
            "judged_at": self._maybe(self._time()),
            "handed_over_at": self._maybe(self._time()),
            "due_at": self._due(),
            "rectified_at": self._maybe(self._time()),
            "closed_at": self._maybe(self._time()),
            "updated_at": self._time(),
            "sponsor_id": self._maybe(self._chance.choice(cadres)["id"]),
            "verifier_id": self._maybe(self._chance.choice(cadres)["id"]),
            "verify_due_at": self._due(),
            "verified_at": self._maybe(self._time()),
            "township_passed_at": self._maybe(self._time()),
            "look_backs": self._some(list(words.LookBackStep), self._chance.randint(0, 2)),
            "look_back_due_at": self._due(),
            "sampled": self._flip(),
            "exclusion": self._maybe(self._chance.choice(list(words.ExclusionState))),
            "next_due_at": self._due(),
            "villager_name": self._maybe(self._name()),
            "villager_phone": self._maybe(f"139{id_:08}"),
        }

    def _assignment(self, issue: Row, units: list[Row], departments: list[Row], cadres: list[Row]) -> Row:
        territorial = self._flip()
        kinds = words.AssignmentKind
        return {
            "id": self._id("assignment"),
            "issue_id": issue["id"],
            "kind": kinds.TERRITORIAL if territorial else kinds.DEPARTMENT,
            "department_id": None if territorial else self._chance.choice(departments)["id"],
            "party_unit_id": self._chance.choice(units)["id"] if territorial else None,
            "part": self._chance.choice(list(words.AssignmentPart)),
            "required": self._flip(),
            "responsible_id": self._maybe(self._chance.choice(cadres)["id"]),
            "responsible_name": self._maybe(self._name()),
            "state": self._chance.choice(list(words.AssignmentState)),
            "measure": self._maybe(self._chance.choice(_WORDS)),
            "feedback": self._maybe(self._chance.choice(_WORDS)),
            "plan_due": self._maybe(self._time()),
            "assigned_at": self._time(),
            "accepted_at": self._maybe(self._time()),
            "progressed_at": self._maybe(self._time()),
            "feedback_at": self._maybe(self._time()),
            **{f"{clock}_due_at": self._due() for clock in ("arrange", "progress", "solve")},
            **{f"{clock}_due_at": self._due() for clock in ("track", "arbitrate")},
            "return_reason": self._maybe(self._chance.choice(_WORDS)),
            "insisted": self._flip(),
            "plan": self._maybe([{"text": self._chance.choice(_WORDS), "dueOn": "2021-08-31"}]),
            "plan_state": self._maybe(self._chance.choice(list(words.PlanState))),
            "supervised_count": self._chance.choice((0, 0, 1)),
            "urged_count": self._chance.choice((0, 0, 3)),
        }

    def _event(self, issue: Row, units: list[Row], cadres: list[Row], assignments: list[Row]) -> Row:
        shares = [row["id"] for row in assignments if row["issue_id"] == issue["id"]]
        return {
            "id": self._id("event"),
            "seq": None,
            "issue_id": issue["id"],
            "assignment_id": self._maybe(self._chance.choice(shares)) if shares else None,
            "kind": self._chance.choice(
                (*words.EventKind, *[words.EventKind.ALERTED] * 3, *[words.EventKind.TRANSFERRED] * 3)
            ),
            "from_state": self._maybe(self._chance.choice(list(words.IssueState))),
            "to_state": self._chance.choice(list(words.IssueState)),
            "actor_id": self._maybe(self._chance.choice(cadres)["id"]),
            "actor_name": self._name(),
            "reason": self._maybe(self._chance.choice(_WORDS)),
            "at": self._time(),
            "data": self._chance.choice(
                (
                    {},
                    {"部门": [1, 2.5, None, True]},
                    {"a": {'"': "\\"}},
                    {"b": _WORDS[5]},
                    *({"satisfaction": answer} for answer in (*words.Satisfaction, None)),
                    *(self._alert() for _ in range(4)),
                    *({"left": True} for _ in range(4)),
                    *({"excluded": left_out} for left_out in (True, False)),
                    {"satisfaction": "SATISFIED", "excluded": False},
                    {"dueBefore": self._time().isoformat()},
                    {"dueBefore": "2199-01-01T00:00:00+00:00"},
                )
            ),
            # An issue may have been transferred since.
            **path_of(self._chance.choice(units)),
        }

    def _attachment(self, issue: Row, cadres: list[Row], accounts: list[Row], events: list[Row]) -> Row:
        happened = [row["id"] for row in events if row["issue_id"] == issue["id"]]
        return {
            "id": self._id("attachment"),
            "issue_id": issue["id"],
            "event_id": self._maybe(self._chance.choice(happened)) if happened else None,
            "name": self._chance.choice(_WORDS),
            "media_type": self._chance.choice(("image/jpeg", "application/pdf")),
            "size": self._chance.choice((1, 2**31 - 1)),
            "sha256": f"{self._chance.getrandbits(256):064x}",
            "uploader_id": self._maybe(self._chance.choice(cadres)["id"]),
            "account_id": self._chance.choice(accounts)["id"],
            "uploader_name": self._name(),
            "uploaded_at": self._time(),
        }

    def _alert(self) -> Row:
        return {
            "rung": self._chance.choice(list(words.RungKind)),
            "clock": self._chance.choice(list(words.ClockKind)),
            "dueAt": self._time().isoformat(),
            **({"replyDueAt": self._time().isoformat()} if self._flip() else {}),
        }

    def _time(self) -> datetime:
        """Few enough that two rows often share one."""
        micros = self._chance.choice((0, 0, 500_000, 120_034))
        return _START + timedelta(hours=self._chance.randint(0, 9) * 7, microseconds=micros)

    def _due(self) -> datetime | None:
        """Over, not over for a long time, or over in some hours."""
        soon = self._today + timedelta(hours=self._chance.choice((6, 12)))
        due = self._chance.choice((self._time(), datetime(2199, 1, 1, tzinfo=UTC), soon))
        return due if self._chance.random() < 0.6 else None

    def _name(self) -> str:
        return self._chance.choice(_NAMES)

    def _flip(self) -> bool:
        return self._chance.random() < 0.5

    def _maybe(self, value: Any) -> Any:
        return value if self._chance.random() < 0.6 else None

    def _some(self, values: Sequence[Any], most: int) -> list[Any]:
        return self._chance.sample(list(values), min(most, len(values)))

    def _shuffled(self, values: Iterable[Any]) -> list[Any]:
        found = list(values)
        self._chance.shuffle(found)
        return found
