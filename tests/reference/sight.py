"""What one principal may see, asked of each row on its own (DOMAIN 9), straight from the policy's rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.words import Role

from .rows import Row, Rows, ancestors

Grant = tuple[str, Posting]

READS = {
    "unit": "unit:read",
    "department": "department:read",
    "cadre": "cadre:read",
    "posting": "posting:read",
    "category": "category:read",
    "rule": "rule:read",
    "issue": "issue:read",
    "audit_event": "audit:read",
}


class Sight:
    """Rows through the eyes of a principal."""

    def __init__(
        self, rows: Rows, policy: Sequence[tuple[str, ...]], principal: Principal, now: datetime
    ) -> None:
        self.rows = rows
        self._policy = policy
        self.principal = principal
        self._now = now
        self._units = {row["id"]: row for row in rows["unit"]}
        self._issues = {row["id"]: row for row in rows["issue"]}
        self._known: dict[tuple[str, str, int], bool] = {}

    def sees(self, table: str, row: Row) -> bool:
        """Say whether the row exists for the principal."""
        if table in {"assignment", "attachment", "clock", "event"}:
            left = table == "event" and row["kind"] == "TRANSFERRED" and "left" in row["data"]
            if left and self.may("issue:read", "event", row):
                return True  # a unit that is seen, whoever sees where it went
            return self.may("issue:read", "issue", self._issues[row["issue_id"]])
        if table == "account":
            return bool(row["id"] == self.principal.account_id)
        return self.may(READS[table], table, row)

    def may(self, action: str, table: str, row: Row) -> bool:
        """Say whether some posting lets the principal do this to the row."""
        key = (action, table, row["id"])
        if key not in self._known:
            self._known[key] = any(
                self._reaches(action, scope, posting, table, row) for scope, posting in self._grants(action)
            )
        return self._known[key]

    def alone(self, posting: Posting) -> "Sight":
        """Return what the principal would see with this posting alone."""
        return Sight(self.rows, self._policy, replace(self.principal, postings=(posting,)), self._now)

    def may_somewhere(self, action: str) -> bool:
        """Say whether some posting lets the principal do this to some row, were there one."""
        return any(
            scope != "ASSIGNED" or posting.department_id or posting.role is not Role.DEPARTMENT
            for scope, posting in self._grants(action)
        )

    def _grants(self, action: str) -> list[Grant]:
        return [
            (scope, posting)
            for posting in self.principal.postings
            for role, granted, scope in self._policy
            if role == posting.role and granted == action
        ]

    def _reaches(self, action: str, scope: str, posting: Posting, table: str, row: Row) -> bool:
        unit_id = posting.path.unit_id
        if table == "assignment" and scope in {"ALL", "SUBTREE", "UNIT"}:
            return self._reaches(action, scope, posting, "issue", self._issues[row["issue_id"]])
        if table == "rule" and scope in {"SUBTREE", "UNIT"} and row["unit_id"] in _path(posting):
            return True  # it binds from above
        match scope:
            case "ALL":
                return bool(row["city_id"] == posting.path.city_id)
            case "SUBTREE":
                return unit_id in self._places(action, table, row)
            case "UNIT":
                return unit_id in self._seats(action, table, row)
            case "OWN":
                return self._mine(table, row)
            case "ASSIGNED":
                if table == "assignment":
                    return self._party(posting, row)
                return table == "issue" and any(self._party(posting, share) for share in self._shares(row))
        raise AssertionError(scope)

    def _seats(self, action: str, table: str, row: Row) -> set[int]:
        if table == "category":
            return set()  # shared by the city, and of no unit
        found = {row["id" if table == "unit" else "unit_id"]}
        if action == "cadre:private":
            mine = (one for one in self.rows["posting"] if one["cadre_id"] == row["id"])
            found |= {one["unit_id"] for one in mine if self.in_force(one)}
        return found

    def _places(self, action: str, table: str, row: Row) -> set[int]:
        if table == "category":
            return {row["city_id"]}
        if table != "cadre":
            return ancestors(row)
        places = ancestors(self._units[row["unit_id"]])
        for posting in self.rows["posting"]:
            # A phone is open to whom the cadre serves, not to whom it served.
            if posting["cadre_id"] == row["id"] and (action != "cadre:private" or self.in_force(posting)):
                places |= ancestors(posting)
        return places

    def in_force(self, posting: Row) -> bool:
        """Say whether the posting grants anything today."""
        until = posting["valid_to"]
        return bool(posting["valid_from"] <= self._now and (until is None or until > self._now))

    def _mine(self, table: str, row: Row) -> bool:
        me = self.principal
        if table == "cadre":
            return bool(row["id"] == me.cadre_id)
        if table == "assignment":
            return me.cadre_id is not None and bool(row["responsible_id"] == me.cadre_id)
        if table != "issue":
            return False
        if row["finder_account_id"] == me.account_id:
            return True
        people: list[Any] = [row["finder_id"], row["verifier_id"]]
        people += [share["responsible_id"] for share in self._shares(row)]
        return me.cadre_id is not None and me.cadre_id in people

    def _party(self, posting: Posting, share: Row) -> bool:
        if share["state"] == "REASSIGNED":
            return False
        if posting.department_id is not None:
            return bool(share["department_id"] == posting.department_id)
        # A department's posting that names none is a party to nothing, least of all as the territory.
        return posting.role is not Role.DEPARTMENT and share["party_unit_id"] == posting.path.unit_id

    def _shares(self, issue: Row) -> list[Row]:
        return [share for share in self.rows["assignment"] if share["issue_id"] == issue["id"]]


def _path(posting: Posting) -> set[int | None]:
    path = posting.path
    return {path.city_id, path.county_id, path.township_id, path.village_id}
