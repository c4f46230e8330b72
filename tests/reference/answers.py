"""A GraphQL document answered by graphql-core's own executor, one obvious line for each field."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    print_schema,
)

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.principal import Principal

from .offers import Offers
from .rows import Row, Rows, ancestors, type_of
from .sight import Sight
from .small import METRICS, Small

TENTH = Decimal("0.1")
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """A row that exists for the viewer."""

    table: str
    row: Row


@dataclass(frozen=True)
class Position:
    """Where a row stands in an order; what a cursor means."""

    key: Any
    id: int


class Cursor(str):
    """What a cursor is bound to, as text; the server's own text for it may be any other."""

    __slots__ = ("position",)
    position: Position


Cursors = Mapping[str, Position]
"""Cursors that the server gave before, and what they mean."""

ONE = {
    ("unit", "parent"): ("unit", "parent_id"),
    ("unit", "successor"): ("unit", "successor_id"),
    ("unit", "city"): ("unit", "city_id"),
    ("unit", "county"): ("unit", "county_id"),
    ("unit", "township"): ("unit", "township_id"),
    ("department", "unit"): ("unit", "unit_id"),
    ("cadre", "unit"): ("unit", "unit_id"),
    ("cadre", "department"): ("department", "department_id"),
    ("cadre", "managedBy"): ("unit", "managed_by_id"),
    ("account", "cadre"): ("cadre", "cadre_id"),
    ("account", "city"): ("unit", "city_id"),
    ("posting", "cadre"): ("cadre", "cadre_id"),
    ("posting", "unit"): ("unit", "unit_id"),
    ("posting", "department"): ("department", "department_id"),
    ("category", "parent"): ("category", "parent_id"),
    ("rule", "unit"): ("unit", "unit_id"),
    ("issue", "unit"): ("unit", "unit_id"),
    ("issue", "finder"): ("cadre", "finder_id"),
    ("issue", "verifier"): ("cadre", "verifier_id"),
    ("issue", "sponsor"): ("cadre", "sponsor_id"),
    ("issue", "category"): ("category", "category_id"),
    ("issue", "workContent"): ("category", "work_content_id"),
    ("issue", "duplicateOf"): ("issue", "duplicate_of_id"),
    ("assignment", "issue"): ("issue", "issue_id"),
    ("assignment", "unit"): ("unit", "party_unit_id"),
    ("assignment", "department"): ("department", "department_id"),
    ("assignment", "responsible"): ("cadre", "responsible_id"),
    ("clock", "issue"): ("issue", "issue_id"),
    ("clock", "assignment"): ("assignment", "assignment_id"),
    ("event", "issue"): ("issue", "issue_id"),
    ("event", "assignment"): ("assignment", "assignment_id"),
    ("event", "actor"): ("cadre", "actor_id"),
    ("event", "unit"): ("unit", "unit_id"),
    ("attachment", "issue"): ("issue", "issue_id"),
    ("attachment", "event"): ("event", "event_id"),
    ("attachment", "uploader"): ("cadre", "uploader_id"),
}

Related = Callable[["Reference", Row, Row], bool]

MANY: dict[tuple[str, str], tuple[str, Related]] = {
    ("unit", "children"): ("unit", lambda _, unit, row: row["parent_id"] == unit["id"]),
    ("unit", "counties"): ("unit", lambda _, unit, row: _below(unit, row, "COUNTY")),
    ("unit", "townships"): ("unit", lambda _, unit, row: _below(unit, row, "TOWNSHIP")),
    ("unit", "villages"): ("unit", lambda _, unit, row: _below(unit, row, "VILLAGE")),
    ("unit", "departments"): ("department", lambda _, unit, row: row["unit_id"] == unit["id"]),
    ("unit", "cadres"): ("cadre", lambda all_, unit, row: unit["id"] in all_.reach(row)),
    ("unit", "postings"): ("posting", lambda _, unit, row: unit["id"] in ancestors(row)),
    ("unit", "issues"): ("issue", lambda _, unit, row: unit["id"] in ancestors(row)),
    ("unit", "rules"): ("rule", lambda _, unit, row: row["unit_id"] in ancestors(unit)),
    ("department", "assignments"): ("assignment", lambda _, dep, row: row["department_id"] == dep["id"]),
    ("cadre", "postings"): ("posting", lambda _, cadre, row: row["cadre_id"] == cadre["id"]),
    ("cadre", "foundIssues"): ("issue", lambda _, cadre, row: row["finder_id"] == cadre["id"]),
    ("account", "postings"): (
        "posting",
        lambda _, account, row: (
            row["account_id"] == account["id"] or (row["cadre_id"] == account["cadre_id"] is not None)
        ),
    ),
    ("category", "children"): ("category", lambda _, category, row: row["parent_id"] == category["id"]),
    ("issue", "assignments"): ("assignment", lambda _, issue, row: row["issue_id"] == issue["id"]),
    ("issue", "deadlines"): ("clock", lambda _, issue, row: row["issue_id"] == issue["id"]),
    ("assignment", "clocks"): ("clock", lambda _, share, row: row["assignment_id"] == share["id"]),
    ("issue", "events"): ("event", lambda _, issue, row: row["issue_id"] == issue["id"]),
    ("issue", "attachments"): ("attachment", lambda _, issue, row: row["issue_id"] == issue["id"]),
    ("event", "attachments"): ("attachment", lambda _, event, row: row["event_id"] == event["id"]),
    ("issue", "rules"): ("rule", lambda _, issue, row: row["id"] in issue["rules"]),
}

LISTS = {
    "units": "unit",
    "departments": "department",
    "cadres": "cadre",
    "postings": "posting",
    "categories": "category",
    "issues": "issue",
    "assignments": "assignment",
    "events": "event",
    "rules": "rule",
    "auditEvents": "audit_event",
}
NODES = {*LISTS.values(), "attachment"} - {"clock"}

Test = Callable[["Reference", Row, Any], bool]


def _is(of: Callable[["Reference", Row], Any]) -> Test:
    return lambda all_, row, value: bool(of(all_, row)) is value


def _in(column: str) -> Test:
    return lambda _, row, value: row[column] in value


def _within(all_: "Reference", row: Row, code: str) -> bool:
    return all_.unit_id(code) in ancestors(row)


def _between(column: str) -> Test:
    return lambda _, row, value: (
        (value.get("from") is None or (row[column] is not None and row[column] >= value["from"]))
        and (value.get("to") is None or (row[column] is not None and row[column] < value["to"]))
    )


def _contains(*columns: str) -> Test:
    return lambda _, row, words: any(words.lower() in (row[column] or "").lower() for column in columns)


def _refers(table: str, column: str) -> Test:
    return lambda all_, row, ids: any(
        seen is not None and seen.row["id"] == row[column] for seen in (all_.by_id(id_, table) for id_ in ids)
    )


def _light(due_at: datetime | None, now: datetime) -> str | None:
    if due_at is None:
        return None
    if due_at < now:
        return "RED"
    return "AMBER" if due_at - timedelta(hours=24) <= now else "GREEN"


def _overdue(all_: "Reference", row: Row) -> bool:
    working = row["state"] in {"ASSIGNED", "RECTIFYING", "FEEDBACK"}
    due_at = row.get("due_then", row["due_at"])
    return working and due_at is not None and due_at < row.get("then", all_.now)


def _happened(column: str) -> Test:
    """Whether the time is there, and had come by the moment that is asked about."""
    return _is(lambda _, row: row[column] is not None and row[column] <= row.get("then", row[column]))


FILTERS: dict[tuple[str, str], Test] = {
    ("unit", "unit"): _within,
    ("unit", "level"): _in("level"),
    ("unit", "current"): _is(lambda _, row: row["valid_to"] is None),
    ("unit", "search"): lambda _, row, words: any(
        words.lower() in name.lower() for name in (row["name"], *row["aliases"])
    ),
    ("department", "unit"): _within,
    ("department", "line"): _in("line"),
    ("department", "search"): _contains("name"),
    ("cadre", "unit"): lambda all_, row, code: all_.unit_id(code) in all_.reach(row),
    ("cadre", "rank"): _in("rank"),
    ("cadre", "posted"): _is(lambda all_, row: all_.posted(row)),
    ("cadre", "search"): _contains("name"),
    ("cadre", "phone"): lambda all_, row, value: (
        all_.sight.may("cadre:private", "cadre", row) and row["phone"] in value
    ),
    ("posting", "unit"): _within,
    ("posting", "role"): lambda _, row, value: row["role"].upper() in value,
    ("posting", "current"): _is(lambda all_, row: all_.sight.in_force(row)),
    ("category", "scheme"): _in("scheme"),
    ("issue", "asOf"): lambda _, row, moment: row["reported_at"] <= moment,
    ("issue", "unit"): _within,
    ("issue", "state"): _in("state"),
    ("issue", "complexity"): _in("complexity"),
    ("issue", "subject"): _in("subject"),
    ("issue", "finderRank"): _in("finder_rank"),
    ("issue", "unitLevel"): _in("unit_level"),
    ("issue", "satisfaction"): _in("satisfaction"),
    ("issue", "exclusion"): _in("exclusion"),
    ("issue", "excluded"): _is(lambda _, row: row.get("excluded_then", row["exclusion"] == "APPROVED")),
    ("issue", "light"): lambda all_, row, value: all_.light("issue", row) in value,
    ("issue", "verifier"): _refers("cadre", "verifier_id"),
    ("issue", "nextDueAt"): _between("next_due_at"),
    ("issue", "category"): _refers("category", "category_id"),
    ("issue", "workContent"): _refers("category", "work_content_id"),
    ("issue", "finder"): _refers("cadre", "finder_id"),
    ("issue", "judged"): _happened("judged_at"),
    ("issue", "handedOver"): _happened("handed_over_at"),
    ("issue", "dismissed"): _is(lambda _, row: row["state"] == "DISMISSED"),
    ("issue", "overdue"): _is(_overdue),
    ("issue", "reopened"): _is(lambda _, row: row["reopened_count"] > 0),
    ("issue", "cityIdentified"): _is(lambda _, row: row["city_identified"]),
    ("issue", "multiDepartment"): _is(lambda _, row: row["multi_department"]),
    ("issue", "massInterest"): _is(lambda _, row: row["mass_interest"]),
    ("issue", "postDisaster"): _is(lambda _, row: row["post_disaster"]),
    ("issue", "reportedAt"): _between("reported_at"),
    ("issue", "judgedAt"): _between("judged_at"),
    ("issue", "handedOverAt"): _between("handed_over_at"),
    ("issue", "dueAt"): _between("due_at"),
    ("issue", "closedAt"): _between("closed_at"),
    ("issue", "search"): _contains("title", "number"),
    ("assignment", "kind"): _in("kind"),
    ("assignment", "state"): _in("state"),
    ("assignment", "department"): _refers("department", "department_id"),
    ("assignment", "required"): _is(lambda _, row: row["required"]),
    ("assignment", "planState"): _in("plan_state"),
    ("assignment", "light"): lambda all_, row, value: all_.light("assignment", row) in value,
    ("assignment", "responsible"): _refers("cadre", "responsible_id"),
    ("clock", "kind"): _in("kind"),
    ("clock", "running"): _is(lambda _, row: row["running"]),
    ("clock", "light"): lambda all_, row, value: all_.light("clock", row) in value,
    ("rule", "unit"): _within,
    ("rule", "inForce"): _is(lambda all_, row: all_.in_force(row)),
    ("event", "unit"): _within,
    ("event", "kind"): _in("kind"),
    ("event", "rung"): lambda _, row, rungs: _of_alert(row, "rung") in rungs,
    ("event", "toState"): _in("to_state"),
    ("event", "at"): _between("at"),
    ("audit_event", "kind"): _in("kind"),
    ("audit_event", "search"): lambda all_, row, words: (
        row["account_name"] is not None and _contains("account_name")(all_, row, words)
    ),
    ("audit_event", "at"): _between("at"),
    ("attachment", "referred"): _is(lambda _, row: row["event_id"] is not None),
    ("attachment", "uploadedAt"): _between("uploaded_at"),
}

WORKED_OUT: dict[tuple[str, str], Callable[["Reference", Row], Any]] = {
    ("account", "account"): lambda _, row: row["name"],
    ("audit_event", "account"): lambda _, row: row["account_name"],
    ("posting", "role"): lambda _, row: row["role"].upper(),
    ("issue", "overdue"): _overdue,
    ("issue", "light"): lambda all_, row: all_.light("issue", row),
    ("assignment", "light"): lambda all_, row: all_.light("assignment", row),
    ("clock", "light"): lambda all_, row: all_.light("clock", row),
    ("issue", "viewerActions"): lambda all_, row: all_.offers.of("issue", row),
    ("assignment", "viewerActions"): lambda all_, row: all_.offers.of("assignment", row),
    ("attachment", "url"): lambda _, row: f"/attachments/{row['id']}",
    ("rule", "inForce"): lambda all_, row: all_.in_force(row),
    ("event", "rung"): lambda _, row: _of_alert(row, "rung"),
    ("event", "clock"): lambda _, row: _of_alert(row, "clock"),
    ("event", "dueAt"): lambda _, row: _of_alert(row, "dueAt"),
    ("event", "replyDueAt"): lambda _, row: _of_alert(row, "replyDueAt"),
}

ORDERS: dict[tuple[str, str], Callable[[Row], Any]] = {
    ("unit", "CODE"): lambda row: row["code"],
    ("unit", "NAME"): lambda row: row["name"],
    ("department", "CODE"): lambda row: row["code"],
    ("department", "NAME"): lambda row: row["name"],
    ("cadre", "CODE"): lambda row: row["code"],
    ("cadre", "NAME"): lambda row: row["name"],
    ("posting", "ID"): lambda row: row["id"],
    ("posting", "VALID_FROM"): lambda row: row["valid_from"],
    ("category", "CODE"): lambda row: row["code"],
    ("issue", "REPORTED_AT"): lambda row: row["reported_at"],
    ("issue", "UPDATED_AT"): lambda row: row["updated_at"],
    ("issue", "DUE_AT"): lambda row: row["due_at"] or FOREVER,
    ("issue", "NEXT_DUE_AT"): lambda row: row["next_due_at"] or FOREVER,
    ("issue", "NUMBER"): lambda row: row["number"],
    ("assignment", "ID"): lambda row: row["id"],
    ("clock", "DUE_AT"): lambda row: row["due_at"],
    ("clock", "ID"): lambda row: row["id"],
    ("event", "ID"): lambda row: row["id"],
    ("attachment", "ID"): lambda row: row["id"],
    ("rule", "PLACE"): lambda row: (len(ancestors(row)), row["version"]),
    ("rule", "ID"): lambda row: row["id"],
    ("audit_event", "ID"): lambda row: row["id"],
}

DEFAULT_ORDERS = {
    "unit": ("CODE", "ASC"),
    "department": ("CODE", "ASC"),
    "cadre": ("CODE", "ASC"),
    "posting": ("ID", "ASC"),
    "category": ("CODE", "ASC"),
    "issue": ("REPORTED_AT", "DESC"),
    "assignment": ("ID", "ASC"),
    "clock": ("DUE_AT", "ASC"),
    "event": ("ID", "ASC"),
    "attachment": ("ID", "ASC"),
    "rule": ("PLACE", "ASC"),
    "audit_event": ("ID", "DESC"),
}

_HANDED_OVER = {"handedOver": True, "dismissed": False}
_ANSWERED = {**_HANDED_OVER, "satisfaction": ["SATISFIED", "FAIRLY_SATISFIED", "DISSATISFIED"]}
COUNTS: dict[str, dict[str, Any]] = {
    "judged": {"judged": True, "dismissed": False},
    "handedOver": _HANDED_OVER,
    "rectified": {**_HANDED_OVER, "state": ["RECTIFIED", "CLOSED"]},
    "underWay": {**_HANDED_OVER, "state": ["ASSIGNED", "RECTIFYING", "FEEDBACK"]},
    "closed": {**_HANDED_OVER, "state": ["CLOSED"]},
    "overdue": {**_HANDED_OVER, "overdue": True},
    "answered": _ANSWERED,
    "counted": {**_ANSWERED, "excluded": False},
    "excluded": {**_ANSWERED, "excluded": True},
    "satisfied": {**_HANDED_OVER, "satisfaction": ["SATISFIED"], "excluded": False},
    "amber": {**_HANDED_OVER, "light": ["AMBER"]},
    "red": {**_HANDED_OVER, "light": ["RED"]},
    "reopened": {**_HANDED_OVER, "reopened": True},
}

PRIVATE = {
    ("cadre", "phone"): "cadre:private",
    ("issue", "villagerName"): "issue:private",
    ("issue", "villagerPhone"): "issue:private",
}


def readable(schema: GraphQLSchema) -> GraphQLSchema:
    """Return what the compiler answers of the schema, from its own text: nothing of how it was built can answer."""
    found = build_schema(print_schema(schema))
    assert found.query_type is not None
    for resolved in ("eventCursor", "explainAccess"):
        del found.query_type.fields[resolved]
    functions: dict[str, dict[str, Any]] = {
        "DateTime": {"coerce_input_value": _moment_from, "coerce_output_value": _moment},
        "Date": {"coerce_output_value": date.isoformat},
    }
    for name, replaced in functions.items():
        vars(found.type_map[name]).update(replaced)
    return found


class Reference:
    """Answers documents for one principal over all rows."""

    def __init__(
        self,
        schema: GraphQLSchema,
        rows: Rows,
        policy: Sequence[tuple[str, ...]],
        principal: Principal,
        now: datetime,
        small_count: int = 5,
    ) -> None:
        self.rows = rows
        self.now = now
        self.sight: Sight = Sight(rows, policy, principal, now)
        self.offers: Offers = Offers(rows, self.sight, principal)
        self._schema = schema
        self._principal = principal
        self._cursors: Cursors = {}
        self._small_count = small_count
        self.withheld: list[dict[str, Any]] = []
        """Where a private value was asked for that is closed, as ``extensions`` tell it."""

    def answer(self, query: str, variables: Mapping[str, Any], cursors: Cursors) -> ExecutionResult:
        """Run the document; cursors in it are looked up among those given."""
        self._cursors = cursors
        return execute_sync(
            self._schema,
            parse(query),
            variable_values=dict(variables),
            field_resolver=self._resolve,
            type_resolver=self._type_of,
        )

    # Facts about rows

    def find(self, table: str, id_: int | None) -> Seen | None:
        found = [row for row in self.rows[table] if row["id"] == id_ and self.sight.sees(table, row)]
        return Seen(table, found[0]) if found else None

    def by_id(self, id_: str, only: str | None = None) -> Seen | None:
        parts = re.fullmatch(r"([A-Z][A-Za-z]*):([1-9][0-9]*)", id_, re.ASCII)
        table = next((name for name in NODES if parts and type_of(name) == parts[1]), "")
        if parts is None or table not in NODES or only not in {None, table}:
            return None
        return self.find(table, int(parts[2]))

    def unit_id(self, code: str) -> int:
        """Return the id of the visible unit with this code; a hidden one names nothing, as an unknown."""
        found = [
            row["id"] for row in self.rows["unit"] if row["code"] == code and self.sight.sees("unit", row)
        ]
        return found[0] if found else -1

    def reach(self, cadre: Row) -> set[int]:
        units = {row["id"]: row for row in self.rows["unit"]}
        held = [row for row in self.rows["posting"] if row["cadre_id"] == cadre["id"]]
        return ancestors(units[cadre["unit_id"]]).union(*(ancestors(row) for row in held))

    def keeps(self, table: str, row: Row, filter_: Mapping[str, Any]) -> bool:
        seen = self.then(row, filter_["asOf"]) if "asOf" in filter_ else row
        return all(FILTERS[table, term](self, seen, value) for term, value in filter_.items())

    def then(self, issue: Row, moment: datetime) -> Row:
        """Return the issue as its events tell that it was."""
        history = sorted(
            (row for row in self.rows["event"] if row["issue_id"] == issue["id"]), key=lambda row: row["id"]
        )
        events = [row for row in history if row["at"] <= moment]
        moved = [
            row["data"]["dueBefore"] for row in history if row not in events and "dueBefore" in row["data"]
        ]
        left_out = [row["data"]["excluded"] for row in events if "excluded" in row["data"]]
        # An alert may tell of a state that was over when it was written.
        states = [row["to_state"] for row in events if row["kind"] != "ALERTED"]
        said = [row["data"]["satisfaction"] for row in events if "satisfaction" in row["data"]]
        return {
            **issue,
            "then": moment,
            "state": states[-1] if states else None,
            "satisfaction": said[-1] if said else None,
            "excluded_then": left_out[-1:] == [True],
            "due_then": datetime.fromisoformat(moved[0]) if moved else issue["due_at"],
            "reopened_count": sum(row["kind"] == "REOPENED" for row in events),
        }

    def light(self, table: str, row: Row) -> str | None:
        """Return how what is wanted first stands now."""
        if table == "issue":
            return _light(row["next_due_at"], self.now)
        column = "assignment_id" if table == "assignment" else "id"
        due = [one["due_at"] for one in self.rows["clock"] if one["running"] and one[column] == row["id"]]
        return _light(min(due, default=None), self.now)

    def posted(self, cadre: Row) -> bool:
        return any(
            row["cadre_id"] == cadre["id"] and self.sight.in_force(row) and self.sight.sees("posting", row)
            for row in self.rows["posting"]
        )

    def in_force(self, rule: Row) -> bool:
        today = self.now.astimezone(SHANGHAI).date()
        come = [
            row
            for row in self.rows["rule"]
            if row["unit_id"] == rule["unit_id"] and row["valid_from"] <= today
        ]
        newest = max(come, key=lambda row: (row["valid_from"], row["version"]), default=None)
        return newest is not None and newest["id"] == rule["id"]

    # Fields

    def _type_of(self, seen: Seen, *_: object) -> str:
        return type_of(seen.row["level"].lower() if seen.table == "unit" else seen.table)

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        name = info.field_name
        if source is None:
            return self._root(name, given)
        if isinstance(source, Seen):
            action = PRIVATE.get((source.table, name))
            if action is not None and not self.sight.may(action, source.table, source.row):
                self.withheld.append({"path": info.path.as_list(), "action": action})
                return None
            return self._field(source, name, given)
        value = source[name]
        return value() if callable(value) else value

    def _root(self, name: str, given: dict[str, Any]) -> Any:
        match name:
            case "viewer":
                return self.find("account", self._principal.account_id)
            case "city":
                return self.find("unit", self._principal.city_id)
            case "unit":
                return self.find("unit", self.unit_id(given["code"]))
            case "node":
                return self.by_id(given["id"])
            case "nodes":
                return [self.by_id(id_) for id_ in given["ids"]]
        return self._connection(f"Query.{name}", LISTS[name], self.rows[LISTS[name]], given)

    def _field(self, seen: Seen, name: str, given: dict[str, Any]) -> Any:
        table, row = seen.table, seen.row
        if (table, name) in ONE:
            target, column = ONE[table, name]
            return self.find(target, row[column])
        if (table, name) in MANY:
            target, related = MANY[table, name]
            rows = [child for child in self.rows[target] if related(self, row, child)]
            return self._connection(f"{table}.{name}", target, rows, given)
        match table, name:
            case _, "id":
                return f"{type_of(table)}:{row['id']}"
            case "unit", "metrics":
                return self._metrics(row, given)
        if (table, name) in WORKED_OUT:
            return WORKED_OUT[table, name](self, row)
        return row[re.sub("([A-Z])", r"_\1", name).lower()]

    # Connections

    def _connection(self, identity: str, table: str, rows: list[Row], given: dict[str, Any]) -> Any:
        filter_ = _without_nulls(given.get("filter") or {})
        order = given.get("orderBy") or {}
        name, direction = DEFAULT_ORDERS[table]
        if order:
            name, direction = order["field"], order["direction"]
        descends = direction == "DESC"

        def position(row: Row) -> Position:
            return Position(ORDERS[table, name](row), row["id"])

        def before(one: Position, other: Position) -> bool:
            lesser, greater = (other, one) if descends else (one, other)
            return (lesser.key, lesser.id) < (greater.key, greater.id)

        def cursor(row: Row) -> Cursor:
            place = position(row)
            bound = [identity, filter_, name, direction, place.key, place.id]
            found = Cursor(json.dumps(bound, default=str, sort_keys=True))
            found.position = place
            return found

        def page() -> tuple[list[Row], bool, bool]:
            found = ordered
            after, until = given.get("after"), given.get("before")
            if after is not None:
                found = [row for row in found if before(self._cursors[after], position(row))]
            if until is not None:
                found = [row for row in found if before(position(row), self._cursors[until])]
            first, last = given.get("first"), given.get("last")
            if last is not None:
                kept = found[len(found) - min(last, len(found)) :]
                return kept, len(kept) < len(found), until is not None
            kept = found[: 50 if first is None else first]
            return kept, after is not None, len(kept) < len(found)

        def page_info() -> dict[str, Any]:
            kept, previous, following = page()
            return {
                "hasPreviousPage": previous,
                "hasNextPage": following,
                "startCursor": cursor(kept[0]) if kept else None,
                "endCursor": cursor(kept[-1]) if kept else None,
            }

        chosen = [row for row in rows if self.sight.sees(table, row) and self.keeps(table, row, filter_)]
        ordered = sorted(chosen, key=lambda row: (position(row).key, row["id"]), reverse=descends)
        return {
            "totalCount": len(chosen),
            "nodes": lambda: [Seen(table, row) for row in page()[0]],
            "edges": lambda: [{"node": Seen(table, row), "cursor": cursor(row)} for row in page()[0]],
            "pageInfo": page_info,
        }

    # Metrics

    def _metrics(self, unit: Row, given: dict[str, Any]) -> dict[str, Any] | None:
        if not self.sight.may_somewhere("metrics:read"):
            return None
        period = _without_nulls(given.get("period") or {})
        moment = _without_nulls({"asOf": given.get("asOf")})
        counted = [issue for issue in self.rows["issue"] if self.sight.may("metrics:read", "issue", issue)]
        issues = [issue for issue in counted if unit["id"] in ancestors(issue)]

        unread = [issue for issue in counted if not self.sight.may("issue:read", "issue", issue)]
        kept = {
            count: [issue for issue in unread if self.keeps("issue", issue, filter_)]
            for count, filter_ in COUNTS.items()
        }
        small = Small(self.rows["unit"], kept, self._small_count)

        def metric(name: str, of_numerator: str, of_denominator: str) -> dict[str, Any]:
            numerator, denominator = COUNTS[of_numerator], COUNTS[of_denominator]
            within = {("judgedAt" if name == "handOverRate" else "handedOverAt"): period} if period else {}
            then = {} if name in {"amber", "red"} else moment
            numerator, denominator = {**within, **then, **numerator}, {**within, **then, **denominator}
            part, whole = (
                sum(self.keeps("issue", issue, filter_) for issue in issues)
                for filter_ in (numerator, denominator)
            )
            hidden = [small.hides(unit, count) for count in (of_numerator, of_denominator)]
            open_ = whole > 0 and not any(hidden)
            percent = Decimal(100 * part) / whole if open_ else None
            return {
                "numerator": None if hidden[0] else part,
                "denominator": None if hidden[1] else whole,
                "suppressed": any(hidden),
                "rate": part / whole if open_ else None,
                "percent": None
                if percent is None
                else float(percent.quantize(TENTH, rounding=ROUND_HALF_UP)),
                "filter": {"unit": unit["code"], **_written(denominator)},
                "numeratorFilter": {"unit": unit["code"], **_written(numerator)},
            }

        return {name: metric(name, *pair) for name, pair in METRICS.items()}


def _of_alert(event: Row, key: str) -> Any:
    said = event["data"].get(key) if event["kind"] == "ALERTED" else None
    return datetime.fromisoformat(said) if said is not None and key.endswith("At") else said


def _below(unit: Row, row: Row, level: str) -> bool:
    return row["level"] == level and unit["id"] in ancestors(row)


def _without_nulls(value: Any) -> Any:
    """An argument that is null is one that was not given."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def _moment_from(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment(value: datetime) -> str:
    """Write a time as PostgreSQL does: only the digits that its fraction needs."""
    text = value.astimezone(UTC).isoformat()
    whole, dot, rest = text.partition(".")
    return f"{whole}.{rest.removesuffix('+00:00').rstrip('0')}+00:00" if dot else text
