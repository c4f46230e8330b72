"""The rows that the issues of a world become: a history that the machine plays, and what the file states besides."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from lxbc_graph.domain import machine
from lxbc_graph.domain.codes import path_of
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor, AssignmentFacts, EventDraft, IssueFacts, Party
from lxbc_graph.domain.words import (
    LEADERS,
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    CategoryScheme,
    Complexity,
    Dismissal,
    EventKind,
    IssueState,
    LookBackStep,
    Rank,
    Role,
    Satisfaction,
)
from lxbc_graph.store.issue_facts import ISSUE_COLUMNS
from lxbc_graph.write.numbers import NUMBER

from .draft import Draft, id_of, path_ids, place
from .entries import AssignmentEntry, EventEntry, IssueEntry
from .listing import Impossible, is_reassignment, replay
from .lives import Script, Side, live
from .standing import Row

_DAY = timedelta(days=1)
_JUDGED = frozenset(IssueState) - {IssueState.REPORTED, IssueState.VERIFYING}
_HANDED_OVER = _JUDGED - {IssueState.DISMISSED, IssueState.ACCEPTED}
_RECTIFIED = frozenset({IssueState.RECTIFIED, IssueState.CLOSED})
_PARTY_STATE = {
    IssueState.ASSIGNED: AssignmentState.PENDING,
    IssueState.RECTIFYING: AssignmentState.ACCEPTED,
}
_OFFICES = (Role.COUNTY_OFFICE, Role.CITY_OFFICE, Role.SERVICE_GROUP)

_WORK = ("accepted_at", "progressed_at", "feedback_at")
_AS_GIVEN = ("due_at", "updated_at", "version", "reopened_count", "sent_back_count")
"""What the file may state otherwise than the history says."""


def issues(draft: Draft) -> None:
    """Draft all issues with their assignments and events."""
    listed = list(draft.kept["issues"].entries.items())
    for path, entry in listed:
        _IssueDraft(draft, path, entry).write()
    for path, entry in listed:
        _name_original(draft, path, entry)


def _name_original(draft: Draft, path: str, entry: IssueEntry) -> None:
    """Once all issues are drafted: a file may list them in any order."""
    own = draft.standing.issues.get(entry.number or path)
    path = f"{path}.duplicate_of"
    original = draft.find("issues", path, entry.duplicate_of)
    if own is None or original is None or not draft.one_city(path, original, own["city_id"]):
        return
    if original["dismissal"] == Dismissal.DUPLICATE:
        draft.problem(path, "is a duplicate itself")
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
        number = NUMBER.fullmatch(entry.number or "")
        if number and number["city"] != city["code"]:
            self._problem("number", f"is one of {number['city']}, the issue is of {city['code']}")
        self.finder = self._of_this_city("cadres", "finder", entry.finder)
        self.account = self._of_this_city("accounts", "finder_account", entry.finder_account)
        self.category = self._category(CategoryScheme.ISSUE_CLASS, "category", entry.category)
        self.work_content = self._category(CategoryScheme.WORK_CONTENT, "work_content", entry.work_content)
        self.sponsor = self._of_this_city("cadres", "sponsor", entry.sponsor)
        self.verifier = self._verifier()
        begun_at = entry.events[0].at if entry.events else entry.reported_at
        self.law = draft.law(unit, shanghai_date(begun_at))
        self.parties = self._parties()
        script = self._script()
        events = [(one, self._actor(f"events[{n}]", one)) for n, one in enumerate(entry.events)]
        if len(draft.problems) > before:
            return
        try:
            facts, history = replay(script, self.law, events) if events else live(script, self.law)
        except Refused as refusal:
            draft.problem(path, str(refusal))
        except Impossible as wrong:
            self._problem(wrong.path, str(wrong))
        else:
            self._compare(facts, history)
            if len(draft.problems) == before:
                self._rows(facts, history)

    def _problem(self, key: str, message: str) -> None:
        self.draft.problem(f"{self.path}.{key}", message)

    def _names_only(self) -> None:
        """Report names that lead nowhere, though there is no unit to compare their city with."""
        self.draft.find("cadres", f"{self.path}.finder", self.entry.finder)
        self.draft.find("accounts", f"{self.path}.finder_account", self.entry.finder_account)

    def _of_this_city(self, plural: str, key: str, name: str | None) -> Row | None:
        row = self.draft.find(plural, f"{self.path}.{key}", name)
        return row if self.draft.one_city(f"{self.path}.{key}", row, self.city_id) else None

    def _verifier(self) -> Row | None:
        """The one who is named, or of what must be verified, anybody of the file but its finder."""
        if self.entry.verifier is not None or self.entry.state is not IssueState.VERIFYING:
            return self._of_this_city("cadres", "verifier", self.entry.verifier)
        for row in self.draft.rows["cadre"]:
            if row["city_id"] == self.city_id and row is not self.finder:
                return row
        self._problem("verifier", "must be named: no cadre of the file but the finder is of this city")
        return None

    def _sponsor_id(self) -> int | None:
        """Of the one who is named, or where the rule wants somebody, of a leader of the file."""
        if self.sponsor is None and self.law.rule.sponsor_required and self.handed_over:
            for row in self.draft.rows["cadre"]:
                if row["city_id"] == self.city_id and row["rank"] in LEADERS:
                    return id_of(row)
            self._problem("sponsor", "the rule wants one: name a cadre")
        if self.sponsor is not None and self.sponsor["rank"] not in LEADERS:
            self._problem("sponsor", "is no city leader and no county-level cadre")
        return id_of(self.sponsor)

    def _category(self, scheme: CategoryScheme, key: str, code: str | None) -> Row | None:
        return self.draft.find_category(f"{self.path}.{key}", self.city, scheme.value, code)

    # ── the parties ──────────────────────────────────────────────────────────────────────────────────────

    def _parties(self) -> list[tuple[AssignmentEntry, Side]]:
        """The sides to the hand-over, not saying yet what they did when; last those who were given it later."""
        entry = self.entry
        told = any(one.kind is EventKind.ASSIGNED for one in entry.events)
        self.handed_over = told if entry.events else entry.state in _HANDED_OVER
        if not self.handed_over:
            if entry.assignments:
                self._problem("assignments", f"an issue that is {entry.state} was not handed over")
            return []
        stated = entry.assignments or self._usual_parties()
        first = len(stated) - sum(map(is_reassignment, entry.events))
        return [
            (one, self._party(f"assignments[{n}]", one)._replace(instead_of=0 if n >= first else None))
            for n, one in enumerate(stated)
        ]

    def _usual_parties(self) -> list[AssignmentEntry]:
        """The township, or what there is above it, and the first department of the county or else of the city."""
        codes = path_of(self.unit["code"])
        near = [self.draft.standing.units[code]["id"] for code in reversed(codes[:2])]
        departments = sorted(
            (row for row in self.draft.standing.departments.values() if row["unit_id"] in near),
            key=lambda row: (near.index(row["unit_id"]), row["code"]),
        )
        if self.law.rule.line_required:
            departments.sort(key=lambda row: row["line"] is None)
        department = departments[0] if departments else self.draft.make_department(codes[:2][-1])
        assists = AssignmentPart.ASSIST in self.law.rule.required_parts
        part = AssignmentPart.ASSIST if assists else AssignmentPart.LEAD
        return [
            AssignmentEntry(kind=AssignmentKind.TERRITORIAL, unit=codes[:3][-1]),
            AssignmentEntry(kind=AssignmentKind.DEPARTMENT, department=department["code"], part=part),
        ]

    def _party(self, path: str, one: AssignmentEntry) -> Side:
        unit = self._of_this_city("units", f"{path}.unit", one.unit)
        department = self._of_this_city("departments", f"{path}.department", one.department)
        responsible = self._of_this_city("cadres", f"{path}.responsible", one.responsible)
        for key, kind in (("unit", AssignmentKind.TERRITORIAL), ("department", AssignmentKind.DEPARTMENT)):
            named = getattr(one, key) is not None
            if named and kind is not one.kind:
                self._problem(f"{path}.{key}", f"does not go with {one.kind}")
            if not named and kind is one.kind:
                self._problem(path, f"needs a {key} as its party")
        if unit and unit["id"] not in path_ids(self.unit):
            self._problem(f"{path}.unit", f"{self.entry.unit} does not lie in {one.unit}")
        if department and department["county_id"] not in {None, self.unit["county_id"]}:
            self._problem(f"{path}.department", f"is of another county than {self.entry.unit}")
        line = department["line"] if department else None
        party = Party(one.kind, id_of(department), id_of(unit), one.part, one.required, line)
        name = one.responsible_name or (responsible or unit or department or {"name": ""})["name"]
        return Side(
            party,
            Actor(None, name, id_of(responsible)),
            responsible_id=id_of(responsible),
            responsible_name=name,
            measure=one.measure or "现场核实，限期整改。",
            plan_due=one.plan_due,
            progress="正在整改。",
            feedback=one.feedback or "已整改到位。",
            return_reason=one.return_reason or "不属于本单位职责，申请退单。",
        )

    # ── the script ───────────────────────────────────────────────────────────────────────────────────────

    def _script(self) -> Script:
        entry = self.entry
        self._check_order()
        ends = (entry.rectified_at, entry.closed_at)
        work = [getattr(one, key) for one, _ in self.parties for key in _WORK]
        judged_at = entry.judged_at or _soon(entry.reported_at + _DAY, entry.handed_over_at, *work, *ends)
        handed_over_at = entry.handed_over_at or _soon(judged_at + _DAY, *work, *ends)
        sides = [
            self._timed(one, side, handed_over_at, timedelta(hours=4 * place))
            for place, (one, side) in enumerate(self.parties, start=1)
        ]
        latest = max((side.feedback_at for side in sides if side.feedback_at), default=handed_over_at)
        rectified_at = entry.rectified_at or _soon(latest + _DAY, entry.closed_at)
        closed_at = entry.closed_at or rectified_at + 7 * _DAY
        reporter, office = self._reporter(), self._office()
        handles = reporter.cadre_id is not None and reporter.cadre_id in {
            side.responsible_id for side in sides
        }
        usual = Dismissal.DUPLICATE if entry.duplicate_of else Dismissal.NOT_TRUE
        return Script(
            reporter=reporter,
            office=office,
            reviewer=office if handles else reporter,
            reviewed_by=LookBackStep.OFFICE if handles else LookBackStep.CADRE,
            reported_at=entry.reported_at,
            verification_at=judged_at if entry.state is IssueState.VERIFYING else None,
            judged_at=judged_at if entry.state in _JUDGED else None,
            handed_over_at=handed_over_at if entry.state in _HANDED_OVER else None,
            rectified_at=rectified_at if entry.state in _RECTIFIED else None,
            closed_at=closed_at if entry.state is IssueState.CLOSED else None,
            sides=tuple(sides),
            complexity=entry.complexity or Complexity.GENERAL,
            city_identified=entry.city_identified,
            multi_department=entry.multi_department,
            mass_interest=entry.mass_interest,
            post_disaster=entry.post_disaster,
            verifier_id=id_of(self.verifier),
            verify_due=entry.verify_due,
            sponsor_id=self._sponsor_id(),
            dismissal=(entry.dismissal or usual) if entry.state is IssueState.DISMISSED else None,
            satisfaction=entry.satisfaction or Satisfaction.SATISFIED,
            category_id=id_of(self.category),
            work_content_id=id_of(self.work_content),
        )

    def _timed(self, one: AssignmentEntry, side: Side, handed_over_at: datetime, later: timedelta) -> Side:
        state = one.state or _PARTY_STATE.get(self.entry.state, AssignmentState.FEEDBACK)
        if state in {AssignmentState.PENDING, AssignmentState.REASSIGNED}:
            return side
        if state is AssignmentState.RETURNED:
            return side._replace(returned_at=handed_over_at + later)
        ends = (one.feedback_at, self.entry.rectified_at, self.entry.closed_at)
        accepted_at = one.accepted_at or _soon(handed_over_at + later, one.progressed_at, *ends)
        progressed_at = one.progressed_at or _soon(accepted_at + 2 * _DAY, *ends)
        feedback_at = one.feedback_at or _soon(progressed_at + 2 * _DAY, *ends)
        return side._replace(
            accepted_at=accepted_at,
            progressed_at=progressed_at,
            feedback_at=feedback_at if state is AssignmentState.FEEDBACK else None,
        )

    def _check_order(self) -> None:
        """Of the stated times, each must not be before the one before it."""
        entry = self.entry
        works = [
            [(f"assignments[{n}].{key}", getattr(one, key)) for key in _WORK]
            for n, (one, _) in enumerate(self.parties)
        ]
        for work in works or [[]]:
            steps = [(key, getattr(entry, key)) for key in ("reported_at", "judged_at", "handed_over_at")]
            steps += [*work, ("rectified_at", entry.rectified_at), ("closed_at", entry.closed_at)]
            for (earlier, before), (later, at) in pairwise((key, at) for key, at in steps if at):
                if at < before:
                    self._problem(later, f"is before {earlier}")

    def _reporter(self) -> Actor:
        entry = self.entry
        named = self.finder["name"] if self.finder else self.account and self.account["display_name"]
        return Actor(id_of(self.account), entry.finder_name or named or "帮联干部", id_of(self.finder))

    def _office(self) -> Actor:
        """Return the world's nearest office account for the unit, or an office without a name of its own."""
        above = path_ids(self.unit)
        for role in _OFFICES:
            for posting in self.draft.rows["posting"]:
                if posting["role"] == role and posting["account_id"] and posting["unit_id"] in above:
                    account = next(
                        row for row in self.draft.rows["account"] if row["id"] == posting["account_id"]
                    )
                    return Actor(account["id"], account["display_name"], None, posting["id"])
        return Actor(None, "活动办")

    # ── the listed events ────────────────────────────────────────────────────────────────────────────────

    def _actor(self, path: str, one: EventEntry) -> Actor:
        self._check_data(f"{path}.data", one.data)
        actor = self._of_this_city("cadres", f"{path}.actor", one.actor)
        account = self._of_this_city("accounts", f"{path}.account", one.account)
        named = actor["name"] if actor else account and account["display_name"]
        return Actor(id_of(account), one.actor_name or named or "活动办", id_of(actor))

    def _check_data(self, path: str, data: dict[str, Any]) -> None:
        """PostgreSQL must be able to hold the data as JSON."""
        try:
            text = _json(data)
            text.encode()
        except (ValueError, RecursionError) as error:
            self._problem(path, f"is not JSON: {error}")
        else:
            if "\\u0000" in text:
                self._problem(path, "must not hold NUL")

    # ── the history against what is stated besides ───────────────────────────────────────────────────────

    def _compare(self, facts: IssueFacts, history: list[EventDraft]) -> None:
        entry = self.entry
        if facts.state is not entry.state:
            self._problem("state", f"what the entry says leads to {facts.state}, not to {entry.state}")
            return
        self._compare_stated("", entry, facts, [key for key in ISSUE_COLUMNS if key not in _AS_GIVEN])
        self._compare_names(facts)
        self._compare_verification(facts, history)
        if facts.handed_over_at is None:
            for key in ("due_at", "reopened_count", "sent_back_count"):
                if getattr(entry, key):
                    self._problem(key, "the history says no such thing")
        elif entry.due_at and entry.due_at < facts.handed_over_at:
            self._problem("due_at", "is before handed_over_at")
        if entry.updated_at and entry.updated_at < facts.updated_at:
            self._problem("updated_at", f"the last event was at {facts.updated_at.isoformat()}")
        for n, ((one, _), told) in enumerate(zip(self.parties, facts.assignments, strict=True)):
            self._compare_assignment(f"assignments[{n}].", one, told)

    def _compare_names(self, facts: IssueFacts) -> None:
        if _is_over(self.unit, facts.reported_at):
            self._problem("unit", f"was closed on {self.unit['valid_to']}")
        for key, row in (("category", self.category), ("work_content", self.work_content)):
            if row and getattr(facts, f"{key}_id") is None:
                self._problem(key, "the history says no such thing")
            elif row and facts.judged_at and _is_over(row, facts.judged_at):
                self._problem(key, f"was in use until {row['valid_to']}")
        if (facts.dismissal is Dismissal.DUPLICATE) is not (self.entry.duplicate_of is not None):
            self._problem("duplicate_of", "goes with the dismissal DUPLICATE, and that with it")

    def _compare_verification(self, facts: IssueFacts, history: list[EventDraft]) -> None:
        if facts.verifier_id is None:
            for key in ("verifier", "verify_due"):
                if getattr(self.entry, key):
                    self._problem(key, "the history says no such thing")
        elif ("cadre", facts.verifier_id) in facts.finders:
            self._problem("verifier", "is the finder")
        asked = [event.at for event in history if event.kind is EventKind.VERIFICATION_REQUESTED]
        if asked and self.entry.verify_due and self.entry.verify_due < shanghai_date(asked[-1]):
            self._problem("verify_due", "is before it was asked")
        if self.sponsor and facts.sponsor_id is None:
            self._problem("sponsor", "the history says no such thing")

    def _compare_assignment(self, path: str, one: AssignmentEntry, told: AssignmentFacts) -> None:
        stated = ("state", "responsible_name", "measure", "plan_due", "feedback", "return_reason", *_WORK)
        self._compare_stated(path, one, told, stated)
        if one.responsible and told.responsible_id is None:
            self._problem(f"{path}responsible", "the history says no such thing")
        if told.plan_due and told.accepted_at and told.plan_due < told.accepted_at:
            self._problem(f"{path}plan_due", "is before accepted_at")

    def _compare_stated(
        self,
        path: str,
        entry: IssueEntry | AssignmentEntry,
        facts: IssueFacts | AssignmentFacts,
        keys: Iterable[str],
    ) -> None:
        for key in keys:
            stated = getattr(entry, key, None) if key in entry.model_fields_set else None
            told = getattr(facts, key)
            if stated is not None and stated != told:
                says = told.isoformat() if isinstance(told, datetime) else told
                self._problem(f"{path}{key}", f"the history says {'no such thing' if says is None else says}")

    # ── the rows ─────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, facts: IssueFacts, history: list[EventDraft]) -> None:
        entry, draft = self.entry, self.draft
        reporter = self._reporter()
        rank = self.finder["rank"] if self.finder else Rank.STAFF
        title = entry.title or f"{self.unit['name']}的问题"
        row: Row = {"id": draft.next_id("issue"), "number": entry.number, "title": title}
        row |= {"description": entry.description or title} | place(self.unit)
        row |= {"villager_name": entry.villager_name, "villager_phone": entry.villager_phone}
        row |= {"subject": entry.subject, "source": entry.source}
        row |= {"finder_id": reporter.cadre_id, "finder_account_id": reporter.account_id}
        row |= {"finder_name": reporter.name, "finder_rank": entry.finder_rank or rank}
        row |= {"unit_level": entry.unit_level or self.unit["level"]}
        if entry.due_at is not None:
            facts = _due(facts, entry.due_at)
        row |= {name: getattr(facts, name) for name in ISSUE_COLUMNS} | {"rules": self.law.ids}
        row["duplicate_of_id"] = None
        row |= {name: value for name in _AS_GIVEN if (value := getattr(entry, name)) is not None}
        if not draft.add("issues", self.path, entry.number or self.path, row):
            return
        draft.rows["issue"].append(row)
        assignments: list[Row] = [
            {"id": draft.next_id("assignment"), "issue_id": row["id"], **told._asdict()}
            for told in facts.assignments
        ]
        for one in assignments:
            one["plan"] = None if one["plan"] is None else _json(one["plan"])
        draft.rows["assignment"] += assignments
        ids = [one["id"] for one in assignments]
        draft.rows["event"] += [self._event(row["id"], event, ids) for event in history]

    def _event(self, issue_id: int, event: EventDraft, assignment_ids: list[int]) -> Row:
        row = {"issue_id": issue_id, "kind": event.kind}
        row["assignment_id"] = None if event.assignment is None else assignment_ids[event.assignment]
        row |= {"from_state": event.from_state, "to_state": event.to_state, "actor_id": event.actor.cadre_id}
        row |= {"account_id": event.actor.account_id, "actor_name": event.actor.name}
        row |= {"posting_id": event.actor.posting_id, "reason": event.reason, "at": event.at}
        return row | {"data": _json(dict(event.data))} | place(self.unit)


def _soon(usual: datetime, *stated: datetime | None) -> datetime:
    """Return the usual time of a step, or the first stated time of one after it, if that is earlier."""
    return min(usual, *(at for at in stated if at is not None), usual)


def _due(facts: IssueFacts, at: datetime) -> IssueFacts:
    """Return the facts with the given due time, which the clocks of those who are to solve it follow."""
    assignments = tuple(
        one if one.state is AssignmentState.REASSIGNED else one._replace(solve_due_at=at)
        for one in facts.assignments
    )
    moved = facts._replace(due_at=at, assignments=assignments)
    return moved._replace(next_due_at=machine.next_due(moved))


def _is_over(row: Row, at: datetime) -> bool:
    return row["valid_to"] is not None and bool(row["valid_to"] <= shanghai_date(at))


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)
