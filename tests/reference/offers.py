"""What a principal may do now: the machine's guards over facts that are put together row by row."""

from typing import Any

from lxbc_graph.domain.machine import Actor, AssignmentFacts, IssueFacts, names
from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import (
    AssignmentState,
    Complexity,
    ExclusionState,
    IssueState,
    LookBackStep,
    PlanState,
)
from lxbc_graph.store.rules import rule_of
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE, is_open

from .rows import Row, Rows
from .sight import Sight

_HANDLING = {
    "ASSIGNMENT_ACCEPTED",
    "ASSIGNMENT_RETURNED",
    "PROGRESS_REPORTED",
    "PLAN_PROPOSED",
    "FEEDBACK_SUBMITTED",
}


class Offers:
    """The verbs that some posting allows on a row and that no guard forbids."""

    def __init__(self, rows: Rows, sight: Sight, principal: Principal) -> None:
        self._rows = rows
        self._sight = sight
        self._actor = Actor(principal.account_id, principal.display_name, principal.cadre_id)

    def of(self, table: str, row: Row) -> list[str]:
        """Return the names of the verbs."""
        position = None
        issue = row
        if table == "assignment":
            issue = next(one for one in self._rows["issue"] if one["id"] == row["issue_id"])
            position = self._shares(issue).index(row)
        facts = self._facts(issue)
        return [
            verb.value
            for verb, ways in (ON_ISSUE if table == "issue" else ON_ASSIGNMENT).items()
            if any(
                self._sight.may(way.action, table, row) and is_open(way, facts, self._actor, position)
                for way in ways
            )
        ]

    def _shares(self, issue: Row) -> list[Row]:
        shares = [row for row in self._rows["assignment"] if row["issue_id"] == issue["id"]]
        return sorted(shares, key=lambda row: row["id"])

    def _facts(self, issue: Row) -> IssueFacts:
        shares = self._shares(issue)
        handlers = {("cadre", share["responsible_id"]) for share in shares}
        for event in self._rows["event"]:
            if event["issue_id"] == issue["id"] and event["kind"] in _HANDLING:
                handlers |= {("account", event["account_id"]), ("cadre", event["actor_id"])}
        rules = {rule["id"]: rule for rule in self._rows.get("rule", ())}
        settings: dict[str, Any] = {}
        for id_ in issue["rules"]:
            settings |= rules[id_]["settings"]
        return IssueFacts(
            state=IssueState(issue["state"]),
            reported_at=issue["reported_at"],
            updated_at=issue["updated_at"],
            complexity=issue["complexity"] and Complexity(issue["complexity"]),
            verifier_id=issue["verifier_id"],
            township_passed_at=issue["township_passed_at"],
            look_backs=tuple(map(LookBackStep, issue["look_backs"])),
            exclusion=issue["exclusion"] and ExclusionState(issue["exclusion"]),
            assignments=tuple(
                AssignmentFacts(
                    kind=share["kind"],
                    department_id=share["department_id"],
                    party_unit_id=share["party_unit_id"],
                    part=share["part"],
                    required=share["required"],
                    assigned_at=share["assigned_at"],
                    state=AssignmentState(share["state"]),
                    insisted=share["insisted"],
                    plan_state=share["plan_state"] and PlanState(share["plan_state"]),
                )
                for share in shares
            ),
            handlers=frozenset((kind, id_) for kind, id_ in handlers if id_ is not None),
            finders=names(Actor(issue["finder_account_id"], "", issue["finder_id"])),
            rule=rule_of(settings),
        )
