"""The rows that the issues of a world become: a script for the machine, then what the file overrides."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from lxbc_graph.domain.codes import path_of
from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor, EventDraft, IssueFacts, Party
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentState,
    CategoryScheme,
    Complexity,
    Dismissal,
    IssueState,
    Level,
    Rank,
    Role,
    Satisfaction,
)

from .draft import Draft, id_of, place
from .entries import AssignmentEntry, EventEntry, IssueEntry
from .lives import Script, Side, live
from .standing import Row

_DAY = timedelta(days=1)
_REACHED = {
    IssueState.REPORTED: 0,
    IssueState.VERIFYING: 0,
    IssueState.DISMISSED: 1,
    IssueState.ACCEPTED: 1,
    IssueState.ASSIGNED: 2,
    IssueState.RECTIFYING: 3,
    IssueState.FEEDBACK: 4,
    IssueState.RECTIFIED: 5,
    IssueState.CLOSED: 6,
}
_PARTY_STATE = {
    IssueState.ASSIGNED: AssignmentState.PENDING,
    IssueState.RECTIFYING: AssignmentState.ACCEPTED,
}
_OFFICES = (Role.COUNTY_OFFICE, Role.CITY_OFFICE, Role.SERVICE_GROUP)
_OVERRIDES = (
    *("complexity", "dismissal", "satisfaction", "reopened_count", "sent_back_count", "version"),
    *("judged_at", "handed_over_at", "due_at", "rectified_at", "closed_at", "updated_at"),
)


def issues(draft: Draft) -> None:
    """Draft all issues with their assignments and events."""
    numbered = [(path, entry) for path, entry in draft.kept["issues"].entries.items()]
    for path, entry in numbered:
        _IssueDraft(draft, path, entry).write()
    for path, entry in numbered:
        own = draft.standing.issues.get(entry.number or path)
        original = draft.find("issues", f"{path}.duplicate_of", entry.duplicate_of)
        if own and original and draft.one_city(f"{path}.duplicate_of", original, own["city_id"]):
            own["duplicate_of_id"] = original["id"]


class _IssueDraft:
    """One issue on its way to rows; nothing is written where its unit is unknown."""

    def __init__(self, draft: Draft, path: str, entry: IssueEntry) -> None:
        self.draft = draft
        self.path = path
        self.entry = entry

    def write(self) -> None:
        entry, path, draft = self.entry, self.path, self.draft
        unit = draft.find("units", f"{path}.unit", entry.unit)
        if unit is None or unit["city_id"] is None or (city := draft.city(unit)) is None:
            self._names_only()
            return
        self.unit, self.city, self.city_id = unit, city, unit["city_id"]
        before = len(draft.problems)
        self.finder = self._of_this_city("cadres", "finder", entry.finder)
        self.account = self._of_this_city("accounts", "finder_account", entry.finder_account)
        script = self._script()
        if len(draft.problems) > before:
            return
        try:
            facts, events = live(script)
        except Refused as refusal:
            draft.problem(path, str(refusal))
            return
        if entry.state is IssueState.VERIFYING:
            facts = facts._replace(state=entry.state)
        if facts.state is not entry.state:
            draft.problem(
                f"{path}.state", f"what the entry says leads to {facts.state}, not to {entry.state}"
            )
            return
        self._rows(facts, events)

    def _names_only(self) -> None:
        """Report names that lead nowhere, though there is no unit to compare their city with."""
        self.draft.find("cadres", f"{self.path}.finder", self.entry.finder)
        self.draft.find("accounts", f"{self.path}.finder_account", self.entry.finder_account)

    def _of_this_city(self, plural: str, key: str, name: str | None) -> Row | None:
        row = self.draft.find(plural, f"{self.path}.{key}", name)
        self.draft.one_city(f"{self.path}.{key}", row, self.city_id)
        return row

    def _reached(self, state: IssueState) -> bool:
        return _REACHED[self.entry.state] >= _REACHED[state]

    # ── the script ───────────────────────────────────────────────────────────────────────────────────────

    def _script(self) -> Script:
        entry = self.entry
        office = self._office()
        reporter = self._reporter()
        judged_at = _at(self._reached(IssueState.ACCEPTED), entry.judged_at, entry.reported_at + _DAY)
        handed_over_at = _at(
            self._reached(IssueState.ASSIGNED), entry.handed_over_at, (judged_at or entry.reported_at) + _DAY
        )
        sides = tuple(self._sides(handed_over_at)) if handed_over_at else ()
        latest = max((side.feedback_at for side in sides if side.feedback_at), default=entry.reported_at)
        rectified_at = _at(self._reached(IssueState.RECTIFIED), entry.rectified_at, latest + _DAY)
        category = self._category(CategoryScheme.ISSUE_CLASS, "category", entry.category)
        content = self._category(CategoryScheme.WORK_CONTENT, "work_content", entry.work_content)
        self.classes = {
            "category_id": id_of(category),
            "work_content_id": id_of(content),
        }
        return Script(
            reporter=reporter,
            office=office,
            reviewer=reporter,
            reported_at=entry.reported_at,
            judged_at=judged_at,
            handed_over_at=handed_over_at,
            rectified_at=rectified_at,
            closed_at=_at(
                self._reached(IssueState.CLOSED), entry.closed_at, (rectified_at or latest) + 7 * _DAY
            ),
            sides=sides,
            complexity=entry.complexity or Complexity.GENERAL,
            city_identified=entry.city_identified,
            multi_department=entry.multi_department,
            dismissal=(entry.dismissal or Dismissal.NOT_TRUE)
            if entry.state is IssueState.DISMISSED
            else None,
            satisfaction=entry.satisfaction or Satisfaction.SATISFIED,
            category_id=id_of(category),
            work_content_id=id_of(content),
        )

    def _reporter(self) -> Actor:
        entry = self.entry
        named = self.finder["name"] if self.finder else self.account and self.account["display_name"]
        self.finder_name: str = entry.finder_name or named or "帮联干部"
        rank = self.finder["rank"] if self.finder else Rank.STAFF
        self.finder_rank: str = entry.finder_rank or rank
        return Actor(
            id_of(self.account),
            self.finder_name,
            id_of(self.finder),
        )

    def _office(self) -> Actor:
        """Return the world's nearest office account for the unit, or an office without a name of its own."""
        above = {self.unit[f"{level.lower()}_id"] for level in Level}
        for role in _OFFICES:
            for posting in self.draft.rows["posting"]:
                if posting["role"] == role and posting["account_id"] and posting["unit_id"] in above:
                    account = next(
                        row for row in self.draft.rows["account"] if row["id"] == posting["account_id"]
                    )
                    return Actor(account["id"], account["display_name"], None, posting["id"])
        return Actor(None, "活动办")

    def _category(self, scheme: CategoryScheme, key: str, code: str | None) -> Row | None:
        return self.draft.find_category(f"{self.path}.{key}", self.city, scheme.value, code)

    def _sides(self, handed_over_at: datetime) -> Iterator[Side]:
        entries = self.entry.assignments
        named = [(f"{self.path}.assignments[{n}]", one) for n, one in enumerate(entries)]
        if not entries:
            named = [(self.path, one) for one in self._usual_parties()]
        self.sides: list[AssignmentEntry] = [one for _, one in named]
        for position, (path, one) in enumerate(named):
            yield self._side(path, one, handed_over_at, timedelta(hours=4 * (position + 1)))

    def _usual_parties(self) -> list[AssignmentEntry]:
        """The township, and the first department of the county or else of the city; failing both, the county."""
        codes = path_of(self.unit["code"])
        territory = codes[min(len(codes), 3) - 1]
        departments = sorted(self.draft.standing.departments.values(), key=lambda row: str(row["code"]))
        for code in reversed(codes[:2]):
            for row in departments:
                if row["unit_id"] == self.draft.standing.units[code]["id"]:
                    return _both(territory, {"department": row["code"]})
        stand_in = codes[0] if territory in codes[:2] else codes[1]
        return _both(territory, {"unit": stand_in})

    def _side(self, path: str, one: AssignmentEntry, handed_over_at: datetime, later: timedelta) -> Side:
        draft = self.draft
        department = draft.find("departments", f"{path}.department", one.department)
        unit = draft.find("units", f"{path}.unit", one.unit)
        responsible = draft.find("cadres", f"{path}.responsible", one.responsible)
        for key, row in (("department", department), ("unit", unit), ("responsible", responsible)):
            draft.one_city(f"{path}.{key}", row, self.city_id)
        if (one.department is None) == (one.unit is None):
            draft.problem(path, "names either a department or a unit as its party")
        party = department or unit
        name = one.responsible_name or (responsible or party or {"name": ""})["name"]
        state = one.state or _PARTY_STATE.get(self.entry.state, AssignmentState.FEEDBACK)
        accepted_at = _at(state is not AssignmentState.PENDING, one.accepted_at, handed_over_at + later)
        progressed_at = _at(
            accepted_at is not None, one.progressed_at, (accepted_at or handed_over_at) + 2 * _DAY
        )
        feedback_at = _at(
            state is AssignmentState.FEEDBACK, one.feedback_at, (progressed_at or handed_over_at) + 2 * _DAY
        )
        return Side(
            Party(
                one.kind,
                id_of(department),
                None if department else id_of(unit),
                one.part,
                one.required,
            ),
            Actor(None, name, id_of(responsible)),
            responsible_id=id_of(responsible),
            responsible_name=name,
            measure=one.measure or "现场核实，限期整改。",
            plan_due=one.plan_due,
            progress="正在整改。",
            feedback=one.feedback or "已整改到位。",
            accepted_at=accepted_at,
            progressed_at=progressed_at,
            feedback_at=feedback_at,
        )

    # ── the rows ─────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, facts: IssueFacts, events: list[EventDraft]) -> None:
        entry, draft = self.entry, self.draft
        issue_id = draft.next_id("issue")
        title = entry.title or f"{self.unit['name']}的问题"
        row: Row = {"id": issue_id, "number": entry.number, "title": title}
        row |= {"description": entry.description or title} | place(self.unit)
        row |= {"subject": entry.subject, "source": entry.source}
        row |= {"finder_id": id_of(self.finder)}
        row |= {"finder_account_id": id_of(self.account)}
        row |= {"finder_name": self.finder_name, "finder_rank": self.finder_rank}
        row |= {"unit_level": entry.unit_level or self.unit["level"], **self.classes}
        row |= {name: getattr(facts, name) for name in _FACTS}
        row |= {"city_identified": entry.city_identified, "multi_department": entry.multi_department}
        row |= {"mass_interest": entry.mass_interest, "post_disaster": entry.post_disaster}
        row["duplicate_of_id"] = None
        row |= {name: value for name in _OVERRIDES if (value := getattr(entry, name)) is not None}
        if not draft.add("issues", self.path, entry.number or self.path, row):
            return
        draft.rows["issue"].append(row)
        assignments = [self._assignment(issue_id, facts, n) for n in range(len(facts.assignments))]
        draft.rows["assignment"] += assignments
        ids = [one["id"] for one in assignments]
        if entry.events:
            self._listed_events(issue_id, ids)
        else:
            draft.rows["event"] += [self._event(issue_id, one, ids) for one in events]

    def _assignment(self, issue_id: int, facts: IssueFacts, position: int) -> Row:
        one = self.sides[position]
        row = {"id": self.draft.next_id("assignment"), "issue_id": issue_id}
        row |= facts.assignments[position]._asdict()
        stated = ("measure", "feedback", "plan_due", "responsible_name")
        times = ("assigned_at", "accepted_at", "progressed_at", "feedback_at")
        return row | {key: value for key in stated + times if (value := getattr(one, key)) is not None}

    def _event(self, issue_id: int, event: EventDraft, assignment_ids: list[int]) -> Row:
        row = {"issue_id": issue_id, "kind": event.kind}
        row["assignment_id"] = None if event.assignment is None else assignment_ids[event.assignment]
        row |= {"from_state": event.from_state, "to_state": event.to_state, "actor_id": event.actor.cadre_id}
        row |= {"account_id": event.actor.account_id, "actor_name": event.actor.name}
        row |= {"posting_id": event.actor.posting_id, "reason": event.reason, "at": event.at}
        return row | {"data": json.dumps(dict(event.data), ensure_ascii=False)} | place(self.unit)

    def _listed_events(self, issue_id: int, assignment_ids: list[int]) -> None:
        for position, one in enumerate(self.entry.events):
            path = f"events[{position}]"
            actor = self._of_this_city("cadres", f"{path}.actor", one.actor)
            account = self._of_this_city("accounts", f"{path}.account", one.account)
            named = actor["name"] if actor else account and account["display_name"]
            if one.assignment is not None and one.assignment >= len(assignment_ids):
                self.draft.problem(f"{self.path}.{path}.assignment", f"there are {len(assignment_ids)}")
                continue
            event = EventDraft(
                one.kind,
                one.from_state,
                one.to_state,
                Actor(id_of(account), one.actor_name or named or "活动办", id_of(actor)),
                one.at,
                one.reason,
                self._data(f"{self.path}.{path}.data", one),
                one.assignment,
            )
            self.draft.rows["event"].append(self._event(issue_id, event, assignment_ids))

    def _data(self, path: str, one: EventEntry) -> dict[str, Any]:
        """Return the data if PostgreSQL can hold it as JSON."""
        try:
            text = json.dumps(one.data, ensure_ascii=False, allow_nan=False)
            text.encode()
        except (ValueError, TypeError) as error:
            self.draft.problem(path, f"is not JSON: {error}")
            return {}
        if "\\u0000" in text:
            self.draft.problem(path, "must not hold NUL")
            return {}
        return one.data


_FACTS = (
    *("state", "complexity", "dismissal", "satisfaction", "reopened_count", "sent_back_count", "version"),
    *("reported_at", "judged_at", "handed_over_at", "due_at", "rectified_at", "closed_at", "updated_at"),
)


def _both(territory: str, responsible: dict[str, Any]) -> list[AssignmentEntry]:
    return [
        AssignmentEntry(kind=AssignmentKind.TERRITORIAL, unit=territory),
        AssignmentEntry(kind=AssignmentKind.DEPARTMENT, **responsible),
    ]


def _at(happened: bool, stated: datetime | None, usual: datetime) -> datetime | None:
    return (stated or usual) if happened else None
