"""What one principal may see, asked of each row on its own (DOMAIN 9), straight from the policy's rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.words import Role

from .rows import Row, Rows, ancestors

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


@dataclass(frozen=True)
class Reach:
    """By what a row is reached: each kind of scope asks for one of these, OWN for the people."""

    city: int
    within: Collection[int]
    at: Collection[int]
    cadres: Collection[int | None] = ()
    accounts: Collection[int | None] = ()
    shares: Collection[Row] = ()


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
            by, grants = self._reach(action, table, row), self._grants(action)
            self._known[key] = any(self._reaches(scope, posting, by) for scope, posting in grants)
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

    def in_force(self, posting: Row) -> bool:
        """Say whether the posting grants anything today."""
        until = posting["valid_to"]
        return bool(posting["valid_from"] <= self._now and (until is None or until > self._now))

    def _grants(self, action: str) -> list[tuple[str, Posting]]:
        return [
            (scope, posting)
            for posting in self.principal.postings
            for role, granted, scope in self._policy
            if role == posting.role and granted == action
        ]

    def _reaches(self, scope: str, posting: Posting, by: Reach) -> bool:
        me, here = self.principal, posting.path
        match scope:
            case "ALL":
                return here.city_id == by.city
            case "SUBTREE":
                return here.unit_id in by.within
            case "UNIT":
                return here.unit_id in by.at
            case "OWN":
                return me.account_id in by.accounts or (me.cadre_id is not None and me.cadre_id in by.cadres)
            case "ASSIGNED":
                return any(_is_party(posting, share) for share in by.shares)
        raise AssertionError(scope)

    def _reach(self, action: str, table: str, row: Row) -> Reach:
        match table:
            case "category" | "audit_event":  # shared by the city, and of no unit
                return Reach(row["city_id"], {row["city_id"]}, ())
            case "unit":
                return Reach(row["city_id"], ancestors(row), {row["id"]})
            case "rule":  # it binds all that lies below
                bound = {unit["id"] for unit in self.rows["unit"] if row["unit_id"] in ancestors(unit)}
                return Reach(row["city_id"], bound | ancestors(row), bound)
            case "cadre":
                return self._reach_of_cadre(row, private=action == "cadre:private")
            case "issue":
                shares = [share for share in self.rows["assignment"] if share["issue_id"] == row["id"]]
                people = [row["finder_id"], row["verifier_id"], *(one["responsible_id"] for one in shares)]
                accounts = {row["finder_account_id"]}
                return Reach(row["city_id"], ancestors(row), {row["unit_id"]}, people, accounts, shares)
            case "assignment":
                whole = self._reach(action, "issue", self._issues[row["issue_id"]])
                return replace(whole, cadres={row["responsible_id"]}, accounts=(), shares=[row])
        return Reach(row["city_id"], ancestors(row), {row["unit_id"]})

    def _reach_of_cadre(self, row: Row, *, private: bool) -> Reach:
        """Where somebody is at home and posted; a phone is open to whom they serve, not to whom they served."""
        posted = (seat for seat in self.rows["posting"] if seat["cadre_id"] == row["id"])
        seats = [seat for seat in posted if self.in_force(seat) or not private]
        within = ancestors(self._units[row["unit_id"]]).union(*map(ancestors, seats))
        at = {row["unit_id"], *(seat["unit_id"] for seat in seats if private)}
        return Reach(row["city_id"], within, at, cadres={row["id"]})


def _is_party(posting: Posting, share: Row) -> bool:
    if share["state"] == "REASSIGNED":
        return False
    if posting.department_id is not None:
        return bool(share["department_id"] == posting.department_id)
    # A department's posting that names none is a party to nothing, least of all as the territory.
    return posting.role is not Role.DEPARTMENT and share["party_unit_id"] == posting.path.unit_id
