"""Which rows a scope covers, as an SQL predicate; the one place where scope becomes SQL.

Each kind of row has its rule, named at the end. ``bind`` turns a field of the scope into a placeholder, so that the
text depends on the scope's shape alone and the ids are parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from lxbc_graph.store.tables import ANCESTOR

from .scope import SUBTREES, Scope

Bind = Callable[[str, bool], str]
"""(name of a Scope field, whether as one bigint, not an array of them) -> placeholder with its cast."""

NOTHING = "false"

_HELD = "(select * from assignment where state <> 'REASSIGNED') held"
"""Whose assignment went to another is no party any more."""

_WITHIN = {field: ANCESTOR[level] for level, field in SUBTREES.items()}


class RowRule(Protocol):
    """Says which rows of one table, seen under ``alias``, a scope covers."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Return a boolean SQL expression over ``alias``; ``false`` where the scope covers nothing."""
        ...


def _compare(column: str, field: str, scope: Scope, bind: Bind) -> str | None:
    ids = getattr(scope, field)
    if not ids:
        return None
    if len(ids) == 1:
        return f"{column} = {bind(field, True)}"
    return f"{column} = any({bind(field, False)})"


def _any_of(terms: list[str | None]) -> str:
    present = [term for term in terms if term is not None]
    if not present:
        return NOTHING
    return present[0] if len(present) == 1 else "(" + " or ".join(present) + ")"


@dataclass(frozen=True, slots=True)
class ByUnit:
    """The row carries its unit and that unit's ancestors."""

    unit_column: str = "unit_id"

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare each kind of root with the ancestor that the row carries."""
        return _any_of(
            [_compare(f"{alias}.{column}", field, scope, bind) for field, column in _WITHIN.items()]
            + [_compare(f"{alias}.{self.unit_column}", "units", scope, bind)]
        )


@dataclass(frozen=True, slots=True)
class ByIssue:
    """An issue: by its unit, by who found, verifies or handles it, by who is a party to it.

    What is reached by a person or a party is, together with what a unit gives, spelled as one set of ids: each
    part comes from its own index. An ``or`` would have to be tried on every row of the table (docs/adr/0007);
    of rows that are at hand, ``each`` is asked by it.
    """

    each: bool = field(default=False, repr=False)

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare ancestors where they are all there is; otherwise gather ids."""
        row = alias if self.each else "issue"
        own = [
            term
            for column, field in (
                ("finder_id", "own_cadres"),
                ("finder_account_id", "own_accounts"),
                ("verifier_id", "own_cadres"),
            )
            if (term := _compare(f"{row}.{column}", field, scope, bind)) is not None
        ]
        parts = [
            (table, term)
            for table, column, field in (
                ("assignment", "responsible_id", "own_cadres"),
                (_HELD, "party_unit_id", "party_units"),
                (_HELD, "department_id", "party_departments"),
            )
            if (term := _compare(column, field, scope, bind)) is not None
        ]
        if not own and not parts:
            return ByUnit().predicate(scope, alias, bind)
        unit = ByUnit().predicate(scope, row, bind)
        if unit != NOTHING:
            own.append(unit)
        if self.each:
            return _any_of([*own, *(_some(table, f"issue_id = {alias}.id", term) for table, term in parts)])
        sets = [f"select issue_id from {table} where {term}" for table, term in parts]
        sets += [f"select id from issue where {term}" for term in own]
        return f"{alias}.id in ({' union all '.join(sets)})"


def _some(table: str, of_row: str, term: str) -> str:
    """Say whether a row's few rows of a table hold one of which the term is true.

    Offset keeps PostgreSQL from reaching them by the term, for whose every row it would then look.
    """
    return f"exists (select from (select * from {table} where {of_row} offset 0) few where {term})"


@dataclass(frozen=True, slots=True)
class ByParty:
    """An assignment to act on: by its issue's unit, or because *its* party or responsible cadre is mine."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare the issue's unit, then the parties of the row itself."""
        wide = Through("issue", "issue_id", ByUnit()).predicate(scope, alias, bind)
        return _any_of(
            [
                None if wide == NOTHING else wide,
                _compare(f"{alias}.responsible_id", "own_cadres", scope, bind),
                self._party(alias, "party_unit_id", "party_units", scope, bind),
                self._party(alias, "department_id", "party_departments", scope, bind),
            ]
        )

    def _party(self, alias: str, column: str, field: str, scope: Scope, bind: Bind) -> str | None:
        term = _compare(f"{alias}.{column}", field, scope, bind)
        return None if term is None else f"({term} and {alias}.state <> 'REASSIGNED')"


@dataclass(frozen=True, slots=True)
class ByReach:
    """A person: by any unit on the path of the home or of a posting, or because it is oneself.

    A single unit reaches those at home in it: ``reach`` could not tell it from all that lies below.
    """

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Ask whether a root is among the units that the row reaches."""
        return _any_of(
            [
                # The tenant is the row's own, wherever a posting may lead.
                _compare(f"{alias}.city_id", "cities", scope, bind),
                *(
                    f"{alias}.reach && {bind(field, False)}"
                    if len(getattr(scope, field)) > 1
                    else f"{alias}.reach @> array[{bind(field, True)}]"
                    for field in _WITHIN
                    if field != "cities" and getattr(scope, field)
                ),
                _compare(f"{alias}.unit_id", "units", scope, bind),
                _compare(f"{alias}.id", "own_cadres", scope, bind),
            ]
        )


@dataclass(frozen=True, slots=True)
class BySeat:
    """A person's private side: by the home unit or by a posting in force; one that ended opens it no longer."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Ask the home unit, then the postings, then whether it is oneself."""
        home = ByUnit("id").predicate(scope, "home", bind)
        seat = ByUnit().predicate(scope, "seat", bind)
        in_force = "seat.valid_from <= now() and (seat.valid_to is null or seat.valid_to > now())"
        return _any_of(
            [
                *(
                    None if inner == NOTHING else f"exists (select 1 from {rows} and {inner})"
                    for inner, rows in (
                        (home, f"unit home where home.id = {alias}.unit_id"),
                        (seat, f"posting seat where seat.cadre_id = {alias}.id and {in_force}"),
                    )
                ),
                _compare(f"{alias}.id", "own_cadres", scope, bind),
            ]
        )


@dataclass(frozen=True, slots=True)
class ByRule:
    """A rule: by the unit that it is of, or because it binds from above what the scope reaches."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare the unit, then those above."""
        wide = ByUnit().predicate(scope, alias, bind)
        if wide == NOTHING:
            return NOTHING
        return _any_of([wide, _compare(f"{alias}.unit_id", "above", scope, bind)])


@dataclass(frozen=True, slots=True)
class ByCity:
    """Shared by everyone of a city."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare the tenant; nothing narrower is shared."""
        return _compare(f"{alias}.city_id", "cities", scope, bind) or NOTHING


@dataclass(frozen=True, slots=True)
class Through:
    """A part of another entity: visible exactly when the whole is."""

    table: str
    foreign_key: str
    rule: RowRule
    each: bool = field(default=False, repr=False)
    """Whether rows are at hand: the whole is then found by its id, and by nothing else."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Ask the whole, under an alias of its own."""
        whole = f"{alias}_{self.table}"
        inner = self.rule.predicate(scope, whole, bind)
        if inner == NOTHING:
            return NOTHING
        of_row = f"{whole}.id = {alias}.{self.foreign_key}"
        if self.each:
            return f"(select {inner} from {self.table} {whole} where {of_row})"
        return f"exists (select 1 from {self.table} {whole} where {of_row} and {inner})"


@dataclass(frozen=True, slots=True)
class ByEvent:
    """An event: with its issue, and by its own unit where it says that the issue left it for another of the city.

    For a county each row is asked, so that a page can stop early; for less the issues are gathered first. A plain
    ``or`` would hash every visible issue for a page of 50. Of rows that are at hand, ``each`` is asked, too.
    """

    each: bool = field(default=False, repr=False)

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Ask the unit of the event, then its issue; where no unit is reached, nothing has left one."""
        left = self._left(scope, alias, bind)
        issue = ByIssue(self.each)
        if left == NOTHING:
            return Through("issue", "issue_id", issue, self.each).predicate(scope, alias, bind)
        whole, gone = f"{alias}_issue", f"{alias}_gone"
        seen = issue.predicate(scope, whole, bind)
        of_row = f"{whole}.id = {alias}.issue_id"
        each = f"case when {left} then true else (select {seen} from issue {whole} where {of_row}) end"
        if self.each or scope.counties:
            return each
        sets = (
            f"select {whole}.id from issue {whole} where {seen}",
            f"select {gone}.issue_id from event {gone} where {self._left(scope, gone, bind)}",
        )
        return f"({alias}.issue_id in ({' union all '.join(sets)}) and {each})"

    def _left(self, scope: Scope, alias: str, bind: Bind) -> str:
        unit = ByUnit().predicate(replace(scope, cities=()), alias, bind)
        return (
            NOTHING
            if unit == NOTHING
            else f"{alias}.kind = 'TRANSFERRED' and {alias}.data ? 'left' and {unit}"
        )


@dataclass(frozen=True, slots=True)
class ByDeparture:
    """An event with which its issue may have left the scope: for another unit, party or verifier."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Ask by what the scope reached the issue just before; whether it still does is another question.

        Who lost it earlier must not be told: that would say that something happened since.
        """
        unit = ByUnit().predicate(scope, alias, bind)
        over, before, since = f"{alias}_over", f"{alias}_before", f"{alias}_since"
        party = _any_of(
            [
                _compare(f"{over}.party_unit_id", "party_units", scope, bind),
                _compare(f"{over}.department_id", "party_departments", scope, bind),
            ]
        )
        verifier = _compare(f"{before}.actor_id", "own_cadres", scope, bind)
        return _any_of(
            [
                None
                if unit == NOTHING
                else f"({alias}.kind = 'TRANSFERRED' and {alias}.data ? 'left' and {unit})",
                None
                if party == NOTHING
                else f"({alias}.kind = 'ASSIGNMENT_ARBITRATED' and {alias}.data ->> 'insisted' = 'false'"
                f" and exists (select 1 from assignment {over}"
                f" where {over}.id = {alias}.assignment_id and {over}.state = 'REASSIGNED' and {party}))",
                None
                if verifier is None
                else f"({alias}.kind = 'VERIFICATION_REQUESTED' and exists (select 1 from event {before}"
                f" where {before}.issue_id = {alias}.issue_id and {before}.id < {alias}.id"
                f" and {before}.kind = 'VERIFIED' and {verifier} and not exists (select 1 from event {since}"
                f" where {since}.issue_id = {alias}.issue_id and {since}.id > {before}.id and {since}.id < {alias}.id"
                f" and {since}.kind in ('VERIFIED', 'VERIFICATION_REQUESTED'))))",
            ]
        )


@dataclass(frozen=True, slots=True)
class Self:
    """The account itself."""

    def predicate(self, scope: Scope, alias: str, bind: Bind) -> str:
        """Compare the account; no unit reaches one."""
        return _compare(f"{alias}.id", "own_accounts", scope, bind) or NOTHING


UNIT = ByUnit(unit_column="id")
DEPARTMENT = POSTING = ByUnit()
CADRE = ByReach()
SEAT = BySeat()
"""Cadres: their private side."""
CATEGORY = ByCity()
RULE = ByRule()
ISSUE = ByIssue()
OF_ISSUE = Through("issue", "issue_id", ISSUE)
"""Assignments, clocks and an issue's own events: to read."""
EVENT = ByEvent()
DEPARTURE = ByDeparture()
PARTY = ByParty()
"""Assignments: to act on."""
ACCOUNT = Self()
AUDIT = ByCity()

_EACH: Mapping[RowRule, RowRule] = {
    ISSUE: ByIssue(each=True),
    OF_ISSUE: Through("issue", "issue_id", ByIssue(each=True), each=True),
    EVENT: ByEvent(each=True),
}


def each(rule: RowRule) -> RowRule:
    """Return the rule of the same rows where those in question are few and at hand: it asks one after another."""
    return _EACH.get(rule, rule)
