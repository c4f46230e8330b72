"""The rows that a world becomes, except those of issues: names resolved to ids, defaults filled in."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from lxbc_graph.domain.codes import level_of, parent_of, path_of
from lxbc_graph.domain.deadlines import Calendar
from lxbc_graph.domain.words import Level
from lxbc_graph.store import tables
from lxbc_graph.store.rules import BadSettings, check, rule_of

from .entries import (
    LAUNCH,
    AccountEntry,
    CadreEntry,
    CategoryEntry,
    DepartmentEntry,
    PostingEntry,
    UnitEntry,
)
from .lives import Law
from .reading import Kept, Problem
from .standing import Row, Standing


class Draft:
    """Collects the rows of each table, and every reference that leads nowhere."""

    def __init__(
        self,
        kept: Mapping[str, Kept],
        standing: Standing,
        ids: Mapping[str, Iterator[int]],
        hash_of: Mapping[str, str],
        calendar: Calendar,
    ) -> None:
        self.kept = kept
        self.standing = standing
        self.problems: list[Problem] = []
        self.rows: dict[str, list[Row]] = {name: [] for name in ("unit", "department", "cadre", "account")}
        self.rows |= {name: [] for name in ("posting", "category", "rule", "issue", "assignment", "event")}
        self._ids = ids
        self._hash_of = hash_of
        self._calendar = calendar
        self._first: dict[tuple[str, object], str] = {}
        self.unit_with_id = {row["id"]: row for row in standing.units.values()}

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────

    def problem(self, path: str, message: str) -> None:
        """Remember what is wrong; drafting goes on."""
        self.problems.append((path, message))

    def find(self, plural: str, path: str, name: str | None) -> Row | None:
        """Return the row that the name stands for; None where nothing is named, or with a problem."""
        if name is None:
            return None
        row: Row | None = getattr(self.standing, plural).get(name)
        if row is None and name not in self.kept[plural].excused:
            self.problem(path, f"unknown {plural[:-1]} {name!r}")
        return row

    def find_category(self, path: str, city: Row, scheme: str, code: str | None) -> Row | None:
        """Return the city's category; None where nothing is named, or with a problem."""
        if code is None:
            return None
        row = self.standing.categories.get((city["id"], scheme, code))
        if row is None and code not in self.kept["categories"].excused:
            self.problem(path, f"unknown {scheme} {code!r} in {city['code']}")
        return row

    def add(self, plural: str, path: str, key: Any, row: Row) -> bool:
        """Give the row a name, unless another has it."""
        first = self._first.setdefault((plural, key), path)
        rows = getattr(self.standing, plural)
        if first != path:
            self.problem(path, f"the same as {first}")
        elif key in rows:
            self.problem(path, "is in the database already")
        else:
            rows[key] = row
            return True
        return False

    def next_id(self, table: str) -> int:
        """Return an id that no row has."""
        return next(self._ids[table])

    def city(self, row: Row) -> Row | None:
        """Return the city that a unit is in."""
        return self.standing.units.get(path_of(row["code"])[0])

    def one_city(self, path: str, row: Row | None, city_id: int) -> bool:
        """Say whether the row is of that city; one of another is a problem: cities never mix."""
        if row is not None and row["city_id"] != city_id:
            self.problem(path, "belongs to another city")
            return False
        return True

    @cached_property
    def _only_city(self) -> Row | None:
        """The city that goes without saying; only asked for once all units are drafted."""
        cities = [row for row in self.standing.units.values() if row["level"] == Level.CITY]
        return cities[0] if len(cities) == 1 else None

    # ── lists, in the order in which a row needs the others ──────────────────────────────────────────────

    def people_and_places(self) -> None:
        """Draft everything but the issues."""
        units = sorted(self.kept["units"].entries.items(), key=lambda pair: len(pair[1].code))
        for path, entry in units:
            self._unit(path, entry)
        for path, entry in units:
            if entry.successor is not None and (own := self.standing.units.get(entry.code)):
                successor = self.find("units", f"{path}.successor", entry.successor)
                if successor is own:
                    self.problem(f"{path}.successor", "is the unit itself")
                elif self.one_city(f"{path}.successor", successor, own["city_id"]):
                    own["successor_id"] = id_of(successor)
        for plural, draft in (
            ("departments", self._department),
            ("categories", self._category),
            ("cadres", self._cadre),
            ("accounts", self._account),
        ):
            for path, entry in self.kept[plural].entries.items():
                draft(path, entry)
        self._category_parents()

    def _unit(self, path: str, entry: UnitEntry) -> None:
        level = level_of(entry.code)
        parent_code = parent_of(entry.code)
        if entry.level not in (None, level):
            self.problem(f"{path}.level", f"a code of {len(entry.code)} digits is a {level}")
        if entry.parent not in (None, parent_code):
            self.problem(f"{path}.parent", f"{entry.code} begins with {parent_code}, its parent")
        if entry.valid_to is not None and entry.valid_to <= entry.valid_from:
            self.problem(f"{path}.valid_to", "must be after valid_from")
        parent = self.find("units", path, parent_code)
        row: Row = {"id": self.next_id("unit"), "code": entry.code, "name": entry.name or entry.code}
        row |= {"level": level, "parent_id": id_of(parent)}
        row |= {name: parent and parent[name] for name in tables.ANCESTORS}
        row[f"{level.lower()}_id" if level else "city_id"] = row["id"]
        row |= {"valid_from": entry.valid_from, "valid_to": entry.valid_to, "successor_id": None}
        row["aliases"] = entry.aliases
        if self.add("units", path, entry.code, row):
            self.rows["unit"].append(row)
            self.unit_with_id[row["id"]] = row

    def _department(self, path: str, entry: DepartmentEntry) -> None:
        unit = self.find("units", f"{path}.unit", entry.unit)
        if unit is None:
            self._excuse("departments", entry.code)
            return
        row: Row = {"id": self.next_id("department"), "code": entry.code, "name": entry.name or entry.code}
        row |= {"line": entry.line} | place(unit)
        if self.add("departments", path, entry.code, row):
            self.rows["department"].append(row)

    def make_department(self, unit_code: str) -> Row:
        """Return a department that nobody listed, of a unit that has none."""
        unit = self.standing.units[unit_code]
        row: Row = {"id": self.next_id("department"), "code": f"{unit_code}-department"}
        row |= {"name": f"{unit['name']}责任单位", "line": None} | place(unit)
        self.standing.departments[row["code"]] = row
        self.rows["department"].append(row)
        return row

    def _category(self, path: str, entry: CategoryEntry) -> None:
        city = self._city_of(path, entry.city)
        if city is None:
            self._excuse("categories", entry.code)
            return
        if entry.valid_to is not None and entry.valid_to <= entry.valid_from:
            self.problem(f"{path}.valid_to", "must be after valid_from")
        row: Row = {"id": self.next_id("category"), "city_id": city["id"], "scheme": entry.scheme}
        row |= {"code": entry.code, "name": entry.name or entry.code, "parent_id": None}
        row |= {"valid_from": entry.valid_from, "valid_to": entry.valid_to}
        if self.add("categories", path, (city["id"], entry.scheme.value, entry.code), row):
            self.rows["category"].append(row)

    def _category_parents(self) -> None:
        """Name the parents once all categories are known: a file may list them in any order."""
        with_id = {row["id"]: row for row in self.standing.categories.values()}
        for path, entry in self.kept["categories"].entries.items():
            city = self.standing.units.get(entry.city) if entry.city else self._only_city
            if entry.parent is None or city is None:
                continue
            parent = self.find_category(f"{path}.parent", city, entry.scheme.value, entry.parent)
            own = self.standing.categories.get((city["id"], entry.scheme.value, entry.code))
            above = parent
            while above is not None and above is not own:
                above = with_id.get(above["parent_id"])
            if above is not None:
                self.problem(f"{path}.parent", "is the category itself, or below it")
            elif own is not None and parent is not None:
                own["parent_id"] = parent["id"]

    def _city_of(self, path: str, code: str | None) -> Row | None:
        if code is None:
            city = self._only_city
            if city is None and not self.kept["units"].excused:
                self.problem(f"{path}.city", "must be named unless there is exactly one city")
            return city
        city = self.find("units", f"{path}.city", code)
        if city is not None and city["level"] != Level.CITY:
            self.problem(f"{path}.city", f"{code} is no city")
            return None
        return city

    def _cadre(self, path: str, entry: CadreEntry) -> None:
        department = self.find("departments", f"{path}.department", entry.department)
        targets = [self._target(f"{path}.postings[{n}]", one) for n, one in enumerate(entry.postings)]
        home = self.find("units", f"{path}.unit", entry.unit)
        if home is None and entry.unit is None:
            home = self._unit_of(department) or next((unit for unit, _ in filter(None, targets)), None)
            if home is None and entry.department is None and not entry.postings:
                self.problem(path, "needs a unit, a department or a posting to be at home in")
        if home is None:
            self._excuse("cadres", entry.code)
            return
        city_id = home["city_id"]
        manager = self.find("units", f"{path}.managed_by", entry.managed_by)
        self.one_city(f"{path}.managed_by", manager, city_id)
        self.one_city(f"{path}.department", department, city_id)
        row: Row = {"id": self.next_id("cadre"), "code": entry.code, "name": entry.name or entry.code}
        row |= {"rank": entry.rank, "title": entry.title, "unit_id": home["id"], "phone": entry.phone}
        row |= {"department_id": id_of(department), "managed_by_id": id_of(manager)}
        reach = path_ids(home).union(*(path_ids(unit) for unit, _ in filter(None, targets)))
        row |= {"city_id": city_id, "reach": sorted(reach)}
        if self.add("cadres", path, entry.code, row):
            self.rows["cadre"].append(row)
            self._postings(path, entry.postings, targets, city_id, cadre_id=row["id"])

    def _account(self, path: str, entry: AccountEntry) -> None:
        cadre = self.find("cadres", f"{path}.cadre", entry.cadre)
        targets = [self._target(f"{path}.postings[{n}]", one) for n, one in enumerate(entry.postings)]
        if not entry.name.isprintable():
            self.problem(f"{path}.name", "must be printable")
        if entry.city is None and (first := next(filter(None, targets), None)):
            city_id = first[0]["city_id"]
        elif entry.city is None and cadre is not None:
            city_id = cadre["city_id"]
        elif entry.city is None and (entry.cadre or entry.postings):
            city_id = None  # what would have said it is a problem already
        else:
            city = self._city_of(path, entry.city)
            city_id = id_of(city)
        if city_id is None:
            self._excuse("accounts", entry.name)
            return
        self.one_city(f"{path}.cadre", cadre, city_id)
        display = entry.display_name or (cadre["name"] if cadre else entry.name)
        row: Row = {"id": self.next_id("account"), "name": entry.name, "display_name": display}
        row |= {"city_id": city_id, "cadre_id": id_of(cadre)}
        row["password_hash"] = None if entry.password is None else self._hash_of[entry.password]
        row["disabled_at"] = LAUNCH if entry.disabled else None
        if self.add("accounts", path, entry.name, row):
            self.rows["account"].append(row)
            self._postings(path, entry.postings, targets, city_id, account_id=row["id"])

    def _target(self, path: str, entry: PostingEntry) -> tuple[Row, Row | None] | None:
        """Return the unit of a posting and its department."""
        department = self.find("departments", f"{path}.department", entry.department)
        unit = self.find("units", f"{path}.unit", entry.unit)
        if entry.unit is None and entry.department is None:
            self.problem(path, "needs a unit or a department")
        if unit is None and entry.unit is None:
            unit = self._unit_of(department)
        elif unit is not None and department is not None and department["unit_id"] != unit["id"]:
            self.problem(f"{path}.unit", f"{entry.department} is not a department of {entry.unit}")
        return None if unit is None else (unit, department)

    def _postings(
        self,
        path: str,
        entries: list[PostingEntry],
        targets: list[tuple[Row, Row | None] | None],
        city_id: int,
        *,
        cadre_id: int | None = None,
        account_id: int | None = None,
    ) -> None:
        for position, (entry, target) in enumerate(zip(entries, targets, strict=True)):
            if entry.valid_to is not None and entry.valid_to <= entry.valid_from:
                self.problem(f"{path}.postings[{position}].valid_to", "must be after valid_from")
            if target is None or not self.one_city(f"{path}.postings[{position}]", target[0], city_id):
                continue
            unit, department = target
            row: Row = {"id": self.next_id("posting"), "cadre_id": cadre_id, "account_id": account_id}
            row |= {"role": entry.role, "department_id": id_of(department)} | place(unit)
            row |= {"valid_from": entry.valid_from, "valid_to": entry.valid_to, "lead": entry.lead}
            self.rows["posting"].append(row)

    # ── rules ────────────────────────────────────────────────────────────────────────────────────────────────

    def rules(self) -> None:
        """Draft the rules, each one version on from the one before it of its unit; once all units are drafted."""
        written = datetime.now(UTC)
        entries = self.kept["rules"].entries
        for path, entry in entries.items():
            unit = self.find("units", f"{path}.unit", entry.unit)
            if unit is None or not self._is_rule(f"{path}.settings", entry.settings):
                continue
            versions = [row["version"] for row in self.standing.rules if row["unit_id"] == unit["id"]]
            row: Row = {"id": self.next_id("rule"), "version": max(versions, default=0) + 1} | place(unit)
            row |= {"name": entry.name or unit["name"], "valid_from": entry.valid_from}
            row |= {"settings": json.dumps(entry.settings, ensure_ascii=False)}
            row |= {"account_id": None, "author_name": "活动办", "created_at": written}
            self.standing.rules.append(row)
            self.rows["rule"].append(row)

    def _is_rule(self, path: str, settings: Mapping[str, Any]) -> bool:
        try:
            check(settings)
        except BadSettings as bad:
            for wrong in bad.problems:
                steps = (f"[{one}]" if one.isdigit() else f".{one}" for one in wrong.path)
                self.problem("".join((path, *steps)), wrong.message)
            return False
        except (TypeError, ValueError, RecursionError) as error:
            self.problem(path, f"is not JSON: {error}")
            return False
        return True

    def law(self, unit: Row, day: date) -> Law:
        """Return what holds for an issue reported in the unit on the day: of each unit above, its newest rule."""
        above = [unit[name] for name in tables.ANCESTORS if unit[name] is not None]
        newest: dict[int, Row] = {}
        for row in sorted(self.standing.rules, key=lambda row: (row["valid_from"], row["version"])):
            if row["valid_from"] <= day:
                newest[row["unit_id"]] = row
        rows = [newest[id_] for id_ in above if id_ in newest]
        merged: dict[str, Any] = {}
        for row in rows:
            merged |= json.loads(row["settings"])
        return Law(rule_of(merged), tuple(row["id"] for row in rows), self._calendar)

    def _unit_of(self, department: Row | None) -> Row | None:
        return department and self.unit_with_id[department["unit_id"]]

    def _excuse(self, plural: str, name: str) -> None:
        """Do not call unknown what is only wrong."""
        kept = self.kept[plural]
        self.kept = {**self.kept, plural: kept._replace(excused=kept.excused | {name})}


def place(unit: Row) -> Row:
    """Return the columns that say where a row belongs."""
    return {"unit_id": unit["id"]} | {name: unit[name] for name in tables.ANCESTORS}


def path_ids(unit: Row) -> set[int]:
    """Return the ids from the city down to the unit itself."""
    return {unit[name] for name in tables.ANCESTORS if unit[name] is not None}


def id_of(row: Row | None) -> int | None:
    """Return the id of the row, if there is one."""
    return None if row is None else row["id"]
