"""Who may do what: the rows, the model that reads them, the scope that comes out, and worlds of cases."""

import io
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree
from typing import Any, cast

import asyncpg
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.conftest import fresh_database

from lxbc_graph.demo.world import load as load_world
from lxbc_graph.domain.errors import Forbidden, NotFound
from lxbc_graph.domain.principal import Path as UnitPath
from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.policy import rows
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.actions import Action, ScopeKind
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.matrix import show
from lxbc_graph.policy.rows import ByUnit, RowRule
from lxbc_graph.policy.scope import Scope, roles_of, scope_of
from lxbc_graph.policy.source import PolicyError
from lxbc_graph.reports.rules import Listed, apply_rules
from lxbc_graph.resources import POLICIES
from lxbc_graph.store.database import Database
from lxbc_graph.write import scoped
from lxbc_graph.write.unit_of_work import UnitOfWork
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE, actions_of

ENFORCER = Enforcer(POLICIES)
CASES = sorted((POLICIES / "cases").glob("*.yaml"))

PARTY_VERBS = {
    Action.ISSUE_ACCEPT,
    Action.ISSUE_RETURN,
    Action.ISSUE_PROGRESS,
    Action.ISSUE_PROPOSE_PLAN,
    Action.ISSUE_FEEDBACK,
}
ASSIGNMENT_VERBS = {*actions_of(ON_ASSIGNMENT)}
ISSUE_VERBS = {action for action in Action if action.startswith("issue:")} - {
    Action.ISSUE_READ,
    Action.ISSUE_PRIVATE,
}


# The rows


def test_the_model_grants_what_the_rows_say_and_nothing_else() -> None:
    written = set(ENFORCER.rows)
    given = {
        (role.value, action.value, kind.value)
        for role in Role
        for action in Action
        for kind in ENFORCER.scopes(role, action)
    }
    assert given == written


def test_whoever_acts_on_an_issue_reads_it() -> None:
    wider = {
        ScopeKind.ALL: {ScopeKind.ALL},
        ScopeKind.SUBTREE: {ScopeKind.SUBTREE, ScopeKind.ALL},
        ScopeKind.UNIT: {ScopeKind.UNIT, ScopeKind.SUBTREE, ScopeKind.ALL},
        ScopeKind.ASSIGNED: {ScopeKind.ASSIGNED, ScopeKind.ALL},  # a party is of the issue's city
        ScopeKind.OWN: {ScopeKind.OWN, ScopeKind.ALL},
    }
    for role in Role:
        for action in ISSUE_VERBS:
            for kind in ENFORCER.scopes(role, action):
                assert wider[kind] & ENFORCER.scopes(role, Action.ISSUE_READ), (role, action, kind)


def test_only_parties_answer_what_was_handed_to_them() -> None:
    for role in Role:
        for action in PARTY_VERBS:
            assert ENFORCER.scopes(role, action) <= {ScopeKind.ASSIGNED}


BESIDE = {Action.ISSUE_REPORT, Action.ISSUE_ATTACH}
"""What is done to no issue that is there: the one begins it, the other lies beside it."""


def test_every_verb_of_an_issue_is_done_by_somebody_and_only_by_a_command() -> None:
    assert {*actions_of(ON_ISSUE), *actions_of(ON_ASSIGNMENT), *BESIDE} == ISSUE_VERBS
    for action in ISSUE_VERBS:
        assert any(ENFORCER.scopes(role, action) for role in Role)


def test_what_the_office_decides_no_party_decides() -> None:
    decided = {Action.ISSUE_ARBITRATE, Action.ISSUE_APPROVE_PLAN, Action.ISSUE_DECIDE_EXCLUSION}
    for action in decided:
        assert {role for role in Role if ENFORCER.scopes(role, action)} == {
            Role.CITY_OFFICE,
            Role.COUNTY_OFFICE,
        }


def test_whoever_reports_may_take_it_back() -> None:
    for role in Role:
        reach = ENFORCER.scopes(role, Action.ISSUE_WITHDRAW)
        assert bool(reach) == bool(ENFORCER.scopes(role, Action.ISSUE_REPORT))


def test_rules_are_read_by_all_who_read_a_unit_and_set_by_the_offices() -> None:
    for role in Role:
        assert ENFORCER.scopes(role, Action.RULE_READ) == ENFORCER.scopes(role, Action.UNIT_READ)
        assert ENFORCER.scopes(role, Action.RULE_SET) <= ENFORCER.scopes(role, Action.RULE_READ)
    assert {role for role in Role if ENFORCER.scopes(role, Action.RULE_SET)} == {
        Role.CITY_OFFICE,
        Role.COUNTY_OFFICE,
    }


def test_postings_are_granted_and_ended_by_the_offices_among_those_that_they_read() -> None:
    for action in (Action.POSTING_GRANT, Action.POSTING_END):
        assert {role for role in Role if ENFORCER.scopes(role, action)} == {
            Role.CITY_OFFICE,
            Role.COUNTY_OFFICE,
        }
        for role in Role:
            assert ENFORCER.scopes(role, action) <= ENFORCER.scopes(role, Action.POSTING_READ)


def test_the_audit_is_read_by_the_city_and_by_those_who_look_after_accounts() -> None:
    assert {role for role in Role if ENFORCER.scopes(role, Action.AUDIT_READ)} == {
        Role.CITY_OFFICE,
        Role.ADMIN,
    }


def test_figures_reach_as_far_as_the_issues_they_count() -> None:
    for role in set(Role) - {Role.SCREEN}:
        assert ENFORCER.scopes(role, Action.METRICS_READ) == ENFORCER.scopes(role, Action.ISSUE_READ)
    assert not ENFORCER.scopes(Role.SCREEN, Action.ISSUE_READ)


def test_some_roles_never_see_some_things() -> None:
    assert {action for action in Action if ENFORCER.scopes(Role.ADMIN, action)} == {Action.AUDIT_READ}
    for role in (Role.PORTAL, Role.SCREEN, Role.INSPECTOR, Role.ASSESSOR, Role.DEPARTMENT):
        assert not ENFORCER.scopes(role, Action.CADRE_PRIVATE)
    for role in (Role.PORTAL, Role.SCREEN, Role.ASSESSOR):
        assert not any(ENFORCER.scopes(role, action) for action in ISSUE_VERBS)


def test_only_the_city_reaches_all() -> None:
    for role in set(Role) - {Role.CITY_LEADER, Role.CITY_OFFICE, Role.SERVICE_GROUP}:
        for action in set(Action) - {
            Action.CATEGORY_READ,
            Action.AUDIT_READ,
        }:  # shared by the city; the accounts
            assert ScopeKind.ALL not in ENFORCER.scopes(role, action)


# The files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the policy that a test may spoil."""
    return copytree(POLICIES, tmp_path / "policies")


GRANT = "p, cadre, issue:read, SUBTREE"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("p, cadre, issue:read, UNIT, deny", "can only allow"),
        ("p, cadre, issue:read, deny", "can only allow"),
        (f"{GRANT}, allow", "a row is"),
        ("p, cadre, issue:read", "a row is"),
        ("p", "a row is"),
        ("p2, cadre, issue:read, UNIT", "unknown kind of row 'p2'"),
        ("q, cadre, issue:read, UNIT", "unknown kind of row 'q'"),
        ("g, cadre, city_office", "unknown kind of row 'g'"),
        ("p cadre, issue:read, UNIT", "unknown kind of row"),
        ("p, emperor, issue:read, UNIT", "unknown role 'emperor'"),
        ("p, *, issue:read, UNIT", "unknown role '*'"),
        ("p, cadre, issue:*, UNIT", "unknown action 'issue:*'"),
        ("p, cadre, issue:raed, UNIT", "unknown action 'issue:raed'"),
        ("p, cadre, ISSUE_READ, UNIT", "unknown action"),
        ("p, cadre, issue:read, unit", "unknown scope 'unit'"),
        (f"{GRANT}  # all of it", "unknown scope"),
        ("p, cadre, , UNIT", "unknown action ''"),
        ("p, cadre, issue:read, UNIT", "the same as line"),
        ("p,cadre,issue:read,UNIT", "the same as line"),
        ("(p, cadre, issue:read, UNIT)", "unknown kind of row"),
    ],
)
def test_a_row_that_nobody_can_have_meant_stops_everything(folder: Path, line: str, problem: str) -> None:
    policy = folder / "policy.csv"
    policy.write_text(f"{policy.read_text()}{line}\n")
    with pytest.raises(PolicyError) as refused:
        Enforcer(folder)
    last = len(policy.read_text().splitlines())
    assert str(refused.value).startswith(f"policy.csv:{last}: ")
    assert problem in str(refused.value)
    assert line in str(refused.value)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    (folder / "policy.csv").write_text(
        "p, cadre, issue:eat, EVERYWHERE\n# fine\np, x, issue:read, UNIT, deny\n"
    )
    with pytest.raises(PolicyError) as refused:
        Enforcer(folder)
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == [
        "policy.csv:1:",
        "policy.csv:1:",
        "policy.csv:3:",
    ]


def test_comments_blank_lines_and_other_line_ends_are_no_rows(folder: Path) -> None:
    (folder / "policy.csv").write_bytes(
        "\ufeff# 帮联干部\r\n\r\n   # p, cadre, issue:judge, ALL\r\n".encode() + f"  {GRANT}  \r\n".encode()
    )
    assert Enforcer(folder).rows == (("cadre", "issue:read", "SUBTREE"),)


@pytest.mark.parametrize("octets", [b"p, cadre, issue:read, \xff", None])
def test_a_file_that_cannot_be_read_is_a_policy_error(folder: Path, octets: bytes | None) -> None:
    (folder / "policy.csv").unlink()
    if octets is not None:
        (folder / "policy.csv").write_bytes(octets)
    with pytest.raises(PolicyError, match=r"policy\.csv"):
        Enforcer(folder)


MATCHER = "r.role == p.role && r.action == p.action && r.scope == p.scope"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("r = role, action, scope", "r = scope, action, role"),
        ("p = role, action, scope", "p = scope, action, role"),
        ("p = role, action, scope", "p = role, action, scope, eft"),
        ("some(where (p.eft == allow))", "!some(where (p.eft == deny))"),
        ("some(where (p.eft == allow))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))"),
        (MATCHER, "r.role == p.role && r.action == p.action"),
        (MATCHER, "r.role == p.role && r.scope == p.scope"),
        (MATCHER, "r.action == p.action && r.scope == p.scope"),
        (MATCHER, "r.role == p.scope && r.action == p.action && r.scope == p.role"),
        (MATCHER, MATCHER.replace("r.action == p.action", "keyMatch(r.action, 'issue:*')")),
        (MATCHER, "r.role != r.role"),
    ],
)
def test_a_model_that_reads_the_rows_otherwise_is_told(folder: Path, right: str, wrong: str) -> None:
    model = folder / "model.conf"
    assert right in model.read_text()
    model.write_text(model.read_text().replace(right, wrong))
    status, text = shown(folder)
    assert status == 1
    assert "model.conf" in text


def shown(folder: Path) -> tuple[int, str]:
    out = io.StringIO()
    return show(folder, Console(file=out, width=80)), out.getvalue()


def test_the_matrix_names_every_role_and_action_whole() -> None:
    status, text = shown(POLICIES)
    assert status == 0
    header, *lines = [line.split() for line in text.splitlines() if ":" in line or "cadre" in line]
    assert header == [role.value for role in Role]
    assert [line[0] for line in lines] == [action.value for action in Action]
    granted = [word for line in lines for word in line[1:]]
    assert len(granted) == len(ENFORCER.rows)
    assert set(granted) == {kind.value for kind in ScopeKind}


def test_the_matrix_is_not_shown_of_a_policy_that_must_not_be_loaded(folder: Path) -> None:
    with (folder / "policy.csv").open("a") as policy:
        policy.write("p, cadre, issue:read, ALL, deny\np, cadre, issue:eat, ALL\n")
    status, text = shown(folder)
    assert status == 1
    assert "can only allow" in text
    assert "unknown action 'issue:eat'" in text
    assert "city_office" not in text


# The scope


def forest() -> Iterator[UnitPath]:
    """Two cities of two counties of two townships of two villages; each id once."""
    ids = iter(range(1, 1000))
    for city in (next(ids), next(ids)):
        yield UnitPath(city)
        for county in (next(ids), next(ids)):
            yield UnitPath(city, county)
            for township in (next(ids), next(ids)):
                yield UnitPath(city, county, township)
                for village in (next(ids), next(ids)):
                    yield UnitPath(city, county, township, village)


UNITS = tuple(forest())


CROWDED = (*UNITS[:5], UNITS[len(UNITS) // 2])
"""One line from a city down to two villages, so that postings fall on one another, and another city."""


def chain(path: UnitPath) -> tuple[int, ...]:
    ids = (path.city_id, path.county_id, path.township_id, path.village_id)
    return tuple(id_ for id_ in ids if id_ is not None)


def reaches(kind: ScopeKind, posting: UnitPath, unit: UnitPath) -> bool:
    """The meaning of a scope kind, said once more, slowly."""
    match kind:
        case ScopeKind.ALL:
            return chain(unit)[0] == chain(posting)[0]
        case ScopeKind.SUBTREE:
            return chain(unit)[: len(chain(posting))] == chain(posting)
        case ScopeKind.UNIT:
            return chain(unit) == chain(posting)
    return False


def covers(scope: Scope, unit: UnitPath) -> bool:
    within = (
        (scope.cities, unit.city_id),
        (scope.counties, unit.county_id),
        (scope.townships, unit.township_id),
        (scope.villages, unit.village_id),
        (scope.units, unit.unit_id),
    )
    return any(id_ in ids for ids, id_ in within)


postings = st.lists(
    st.builds(
        Posting,
        id=st.integers(1),
        role=st.sampled_from(Role),
        path=st.sampled_from(CROWDED),
        department_id=st.none() | st.integers(1, 9),
    ),
    max_size=5,
).map(tuple)


def principal_of(*of: Posting, cadre_id: int | None = 77) -> Principal:
    return Principal(7, "one", "壹", 1, cadre_id, of)


@given(postings=postings, action=st.sampled_from(Action))
@settings(max_examples=400)
def test_a_scope_covers_the_units_that_the_grants_reach_and_no_other(
    postings: tuple[Posting, ...], action: Action
) -> None:
    scope = scope_of(ENFORCER, principal_of(*postings), action)
    for unit in UNITS:
        expected = any(
            reaches(kind, posting.path, unit)
            for posting in postings
            for kind in ENFORCER.scopes(posting.role, action)
        )
        assert covers(scope, unit) == expected


@given(postings=postings, action=st.sampled_from(Action))
@settings(max_examples=400)
@example(
    postings=(Posting(1, Role.CADRE, UNITS[1]), Posting(2, Role.PORTAL, UNITS[1])), action=Action.ISSUE_READ
)
def test_a_scope_says_nothing_twice(postings: tuple[Posting, ...], action: Action) -> None:
    scope = scope_of(ENFORCER, principal_of(*postings), action)
    for field in fields(Scope):
        ids = getattr(scope, field.name)
        assert list(ids) == sorted(set(ids))
        for id_ in ids:
            if field.name in ("cities", "counties", "townships", "villages", "units"):
                less = replace(scope, **{field.name: tuple(other for other in ids if other != id_)})
                assert any(covers(scope, unit) != covers(less, unit) for unit in UNITS)


@settings(max_examples=400)
@given(postings=postings, action=st.sampled_from(Action), cadre_id=st.none() | st.just(77))
def test_what_is_ones_own_comes_from_who_asks_and_parties_from_the_posting(
    postings: tuple[Posting, ...], action: Action, cadre_id: int | None
) -> None:
    scope = scope_of(ENFORCER, principal_of(*postings, cadre_id=cadre_id), action)
    holds = [(kind, posting) for posting in postings for kind in ENFORCER.scopes(posting.role, action)]
    own = any(kind is ScopeKind.OWN for kind, _ in holds)
    assert scope.own_accounts == ((7,) if own else ())
    assert scope.own_cadres == ((77,) if own and cadre_id else ())
    parties = [posting for kind, posting in holds if kind is ScopeKind.ASSIGNED]
    assert set(scope.party_departments) == {one.department_id for one in parties} - {None}
    assert set(scope.party_units) == {
        one.path.unit_id for one in parties if one.department_id is None and one.role is not Role.DEPARTMENT
    }


def test_a_county_officer_keeps_every_village_and_does_not_gain_the_city() -> None:
    city, county = UNITS[0], UNITS[1]
    scope = scope_of(ENFORCER, principal_of(Posting(1, Role.COUNTY_OFFICE, county)), Action.ISSUE_READ)
    seen = [unit for unit in UNITS if covers(scope, unit)]
    assert seen == [unit for unit in UNITS if unit.county_id == county.county_id]
    assert len([unit for unit in seen if unit.village_id]) == 4
    assert city not in seen


# The cases: check and list, from the same facts

_HOLDER = """coalesce((select code from cadre where id = x.cadre_id),
                     (select name from account where id = x.account_id))"""
THING: dict[str, tuple[RowRule, str]] = {
    "unit": (rows.UNIT, "x.code"),
    "department": (rows.DEPARTMENT, "x.code"),
    "cadre": (rows.CADRE, "x.code"),
    "category": (rows.CATEGORY, "x.code"),
    "rule": (rows.RULE, "(select code from unit where id = x.unit_id) || '/' || x.name"),
    "issue": (rows.ISSUE, "x.number"),
    "assignment": (rows.PARTY, "(select number from issue where id = x.issue_id) || '/' || x.kind"),
    "audit_event": (rows.AUDIT, "x.subject"),
    "posting": (ByUnit(), f"{_HOLDER} || '@' || (select code from unit where id = x.unit_id)"),
}
"""Each kind of thing: the rule of its rows, and what the cases call one."""


def thing_of(action: Action) -> str:
    if action in ASSIGNMENT_VERBS:
        return "assignment"
    if action in {Action.ISSUE_REPORT, Action.RULE_SET, Action.POSTING_GRANT}:
        return "unit"
    if action is Action.AUDIT_READ:
        return "audit_event"
    return "issue" if action is Action.METRICS_READ else action.split(":")[0]


async def everything(pool: asyncpg.Pool, thing: str) -> dict[str, int]:
    found = await pool.fetch(f"select {THING[thing][1]} as key, x.id from {thing} x")
    return {row["key"]: row["id"] for row in found}


async def listed(pool: asyncpg.Pool, thing: str, rule: RowRule, scope: Scope) -> set[str]:
    """What one statement under the scope returns."""
    values: list[object] = []

    def bind(field: str, single: bool) -> str:
        ids = getattr(scope, field)
        values.append(ids[0] if single else list(ids))
        return f"${len(values)}::bigint{'' if single else '[]'}"

    where = rule.predicate(scope, "x", bind)
    return {
        key for (key,) in await pool.fetch(f"select {THING[thing][1]} from {thing} x where {where}", *values)
    }


async def answer(work: UnitOfWork, action: Action, id_: int) -> str:
    """What a command that needs the action would meet at one object: may, hidden or refused."""
    thing = thing_of(action)
    rule, _ = THING[thing]
    try:
        if action not in {*ISSUE_VERBS, Action.RULE_SET, Action.POSTING_GRANT, Action.POSTING_END}:
            await scoped.visible(work, thing, id_, action, rule, columns="x.id")
            return "may"
        if thing == "unit":
            await scoped.visible(work, thing, id_, Action.UNIT_READ, rule, columns="x.id")
        elif thing == "posting":
            await scoped.visible(work, thing, id_, Action.POSTING_READ, rule, columns="x.id")
        else:
            seen = rows.OF_ISSUE if thing == "assignment" else rule
            await scoped.visible(work, thing, id_, Action.ISSUE_READ, seen, columns="x.id")
        await scoped.permitted(work, thing, id_, rule, action)
    except NotFound:
        return "hidden"
    except Forbidden:
        return "refused"
    return "may"


def read_case(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return case


def test_the_cases_ask_for_every_role_and_every_action() -> None:
    asked: set[str] = set()
    roles: set[str] = set()
    for case in map(read_case, CASES):
        assert set(case) == {"about", "world", "asks"}
        for actions in case["asks"].values():
            asked |= set(actions)
            assert all({"list"} <= set(wanted) <= {"list", "may", "may_not"} for wanted in actions.values())
        holders = [*case["world"].get("accounts", ()), *case["world"].get("cadres", ())]
        roles |= {posting["role"] for holder in holders for posting in holder.get("postings", ())}
    assert asked == {action.value for action in Action}
    assert roles == {role.value for role in Role}


async def set_rules(pool: asyncpg.Pool, said: list[dict[str, Any]]) -> None:
    listed = [Listed(one["unit"], one["name"], date(2021, 7, 1), one["settings"]) for one in said]
    async with pool.acquire() as connection, connection.transaction():
        await apply_rules(connection, listed, datetime.now(UTC))


async def load_case(database: Database, case: dict[str, Any]) -> None:
    content = json.loads(json.dumps(case["world"]))
    said, noted = content.pop("rules", []), content.pop("audit", [])
    await load_world(database, content)
    await set_rules(database.pool, said)
    for one in noted:
        await database.pool.execute(
            "insert into audit_event (kind, subject, city_id) select 'SIGNED_IN', $1, id from unit where code = $2",
            one["subject"],
            one["city"],
        )


@pytest.mark.anyio
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
async def test_a_case_may_what_it_lists_and_lists_what_it_may(path: Path, database: Database) -> None:
    case = read_case(path)
    await load_case(database, case)
    pool = database.pool
    things = {thing: await everything(pool, thing) for thing in THING}
    accounts = Accounts(pool, 0)
    for name, actions in case["asks"].items():
        principal = await accounts.principal(name)
        assert principal is not None, name
        for action, wanted in ((Action(word), wanted) for word, wanted in actions.items()):
            thing = thing_of(action)
            asked = f"{name} {action}"
            assert {*wanted["list"], *wanted.get("may", ()), *wanted.get("may_not", ())} <= set(
                things[thing]
            ), asked
            scope = scope_of(ENFORCER, principal, action)
            assert await listed(pool, thing, THING[thing][0], scope) == set(wanted["list"]), asked
            async with database.engine.connect() as connection:
                work = UnitOfWork(connection, principal, ENFORCER, lambda: datetime.now(UTC))
                answers = {key: await answer(work, action, id_) for key, id_ in things[thing].items()}
            assert {key for key, said in answers.items() if said == "may"} == set(wanted["list"]), asked
            assert all(answers[key] == "may" for key in wanted.get("may", ())), asked
            assert all(answers[key] != "may" for key in wanted.get("may_not", ())), asked


class Without:
    """The policy without one of its rows."""

    def __init__(self, row: tuple[str, ...]) -> None:
        self._row = row

    def scopes(self, role: Role, action: Action) -> frozenset[ScopeKind]:
        return frozenset(kind for kind in ENFORCER.scopes(role, action) if (role, action, kind) != self._row)


IMPLIED = {
    ("township_office", action, "ASSIGNED")
    for action in ("issue:read", "issue:private", "issue:attach", "metrics:read")
}
"""A territory is a unit that the issue lies in, so what a township is a party to lies within its subtree."""


@pytest.mark.anyio
async def test_each_row_is_missed_by_a_case_where_it_is_left_out(server_url: str, template: str) -> None:
    missed: set[tuple[str, ...]] = set()
    for case in map(read_case, CASES):
        async with fresh_database(server_url, template) as url:
            database = await Database.open(url, pool_size=2)
            await load_case(database, case)
            accounts = Accounts(database.pool, 0)
            for name, actions in case["asks"].items():
                principal = await accounts.principal(name)
                assert principal is not None, name
                for action, wanted in ((Action(word), wanted) for word, wanted in actions.items()):
                    thing = thing_of(action)
                    for row in {
                        row for role in roles_of(principal) for row in ENFORCER.rows_for(role, action)
                    }:
                        scope = scope_of(cast("Enforcer", Without(row)), principal, action)
                        if await listed(database.pool, thing, THING[thing][0], scope) != set(wanted["list"]):
                            missed.add(row)
            await database.close()
    assert set(ENFORCER.rows) - missed == IMPLIED
