"""Random trees, postings and policies: lists, nodes, counts and permissions are those of the oracle."""

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.reference.agreement import parse
from tests.reference.rows import Row, Rows, posting_of, principal_of, random_rows, write
from tests.reference.served import executor_on
from tests.reference.sight import READS, Sight

from lxbc_graph.domain.errors import Forbidden, NotFound
from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.policy import rows as rules
from lxbc_graph.policy.actions import Action, ScopeKind
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.rows import RowRule
from lxbc_graph.policy.scope import Scope, scope_of
from lxbc_graph.policy.source import MODEL, ROWS
from lxbc_graph.read.runner import Reader
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database
from lxbc_graph.write import scoped
from lxbc_graph.write.unit_of_work import UnitOfWork

pytestmark = pytest.mark.anyio

WORLDS = int(os.environ.get("LXBC_TEST_WORLDS", "1000"))
TOGETHER = 50
"""Worlds in one database: each is hidden from all others as well."""
VIEWERS = 2

LISTS = ("unit", "department", "cadre", "posting", "category", "rule", "issue", "assignment", "event")
PLURAL = {"category": "categories"}
ASKED = (
    "query ($ids: [ID!]!, $one: ID!) {{ node(id: $one) {{ id }} nodes(ids: $ids) {{ id }} {} {} }}".format(
        " ".join(
            f"{PLURAL.get(name, f'{name}s')}(first: 100) {{ totalCount nodes {{ id }} }}" for name in LISTS
        ),
        "people: cadres(first: 100) { nodes { id phone } }",
    )
)

ACTIONS: dict[str, tuple[RowRule, tuple[str, ...]]] = {
    "unit": (rules.UNIT, ("issue:report", "rule:set")),
    "issue": (rules.ISSUE, ("issue:judge", "issue:attach", "issue:look_back_cadre", "issue:transfer")),
    "assignment": (rules.PARTY, ("issue:accept", "issue:feedback", "issue:urge")),
}
AT_HAND: dict[str, RowRule] = {"issue": rules.ISSUE, "assignment": rules.OF_ISSUE, "event": rules.EVENT}
READ_RULES: dict[str, RowRule] = {"unit": rules.UNIT, "issue": rules.ISSUE, "assignment": rules.OF_ISSUE}


def random_policy(chance: random.Random) -> list[tuple[str, str, str]]:
    """Any grants that could be written: mostly one kind of scope for an action, so that each is seen alone."""
    asked = {*READS.values(), "cadre:private", *(one for _, of in ACTIONS.values() for one in of)}
    return [
        (role.value, action, kind.value)
        for role in Role
        for action in sorted(asked)
        for kind in chance.sample(list(ScopeKind), chance.choice((0, 1, 1, 1, 2, 3)))
    ]


def enforcer_of(policy: Sequence[tuple[str, str, str]], folder: Path) -> Enforcer:
    shutil.copy(POLICIES / MODEL, folder / MODEL)
    (folder / ROWS).write_text("".join(f"p, {', '.join(row)}\n" for row in policy))
    return Enforcer(folder)


def viewers(chance: random.Random, rows: Rows, now: datetime) -> Iterator[Principal]:
    """An account as it is posted, and one that holds whatever postings in its city."""
    for turn in range(VIEWERS):
        principal = principal_of(rows, chance.choice(rows["account"]), now)
        if turn % 2:
            parties = [row["party_unit_id"] for row in rows["assignment"]]
            units = [
                row
                for row in rows["unit"]
                for _ in range(1 + parties.count(row["id"]))  # rather where there is something to see
                if row["city_id"] == principal.city_id
            ]
            departments = [row["id"] for row in rows["department"] if row["city_id"] == principal.city_id]
            postings = [_posting(chance, units, departments) for _ in range(chance.randint(1, 3))]
            if (
                chance.random() < 0.25
            ):  # a department's that names none, and nothing else that could hide what it sees
                postings = [replace(postings[0], role=Role.DEPARTMENT, department_id=None)]
            principal = replace(principal, postings=tuple(postings))
        yield principal


def _posting(chance: random.Random, units: Sequence[Row], departments: Sequence[int]) -> Posting:
    department = chance.choice([None, None, *departments])
    return posting_of(
        {**chance.choice(units), "role": chance.choice(list(Role)), "department_id": department}
    )


@pytest.mark.parametrize("batch", range(0, WORLDS, TOGETHER))
async def test_every_answer_is_the_oracle_s(database: Database, tmp_path: Path, batch: int) -> None:
    worlds = {
        seed: random_rows(seed, seed * 1_000, (f"{1000 + 2 * seed}", f"{1001 + 2 * seed}"))
        for seed in range(batch, batch + TOGETHER)
    }
    together = {name: [row for rows in worlds.values() for row in rows[name]] for name in worlds[batch]}
    await write(database, together)
    await database.pool.execute("analyze")
    executor = await executor_on(database)
    now = datetime.now(UTC)
    for seed, rows in worlds.items():
        chance = random.Random(seed)  # noqa: S311 - repeatable is what it must be
        policy = random_policy(chance)
        enforcer = enforcer_of(policy, tmp_path)
        executor._reader = Reader(database.lanes, database.streams, CATALOGUE, enforcer, small_count=0)
        complete = _completed(rows)
        for principal in viewers(chance, complete, now):
            sight = Sight(complete, policy, principal, now)
            others = together if seed == batch else worlds[seed - 1]
            about = f"world {seed}, {principal}"
            await _reads(executor, sight, principal, complete, _sample(chance, complete, others), about)
            await _asked_one_by_one(database, enforcer, sight, principal, about)
            await _acts(database, enforcer, sight, principal, chance, about)


def _completed(rows: Rows) -> Rows:
    """The rows with what the database gives them where they do not say it."""
    lacking = {"account_id": None, "cadre_id": None, "responsible_id": None}
    return {name: [{**lacking, **row} for row in of] for name, of in rows.items()}


def _sample(chance: random.Random, rows: Rows, others: Rows) -> list[str]:
    own = [_id(name, row) for name in LISTS for row in rows[name]]
    beside = [_id(name, row) for name in LISTS for row in others[name]]
    return chance.sample(own, min(60, len(own))) + chance.sample(beside, 20)


def _id(name: str, row: Row) -> str:
    return f"{name.capitalize()}:{row['id']}"


async def _reads(
    executor: Executor, sight: Sight, principal: Principal, rows: Rows, ids: list[str], about: str
) -> None:
    request = Request(ASKED, variables={"ids": ids, "one": ids[0]})
    answer = parse((await executor.execute(request, principal)).body)
    assert "errors" not in answer, answer
    told = answer["data"]
    seen = {name: {_id(name, row) for row in rows[name] if sight.sees(name, row)} for name in LISTS}
    for name in LISTS:
        page = told[PLURAL.get(name, f"{name}s")]
        assert sorted(one["id"] for one in page["nodes"]) == sorted(seen[name]), f"{about}: list of {name}"
        assert page["totalCount"] == len(seen[name]), f"{about}: count of {name}"
    everything = set[str]().union(*seen.values())
    expected: list[Any] = [{"id": id_} if id_ in everything else None for id_ in ids]
    assert told["nodes"] == expected, f"{about}: nodes"
    assert told["node"] == expected[0], f"{about}: node"
    phones = {
        _id("cadre", row): row["phone"] if sight.may("cadre:private", "cadre", row) else None
        for row in rows["cadre"]
        if sight.sees("cadre", row)
    }
    assert {one["id"]: one["phone"] for one in told["people"]["nodes"]} == phones, f"{about}: phones"


async def _asked_one_by_one(
    database: Database, enforcer: Enforcer, sight: Sight, principal: Principal, about: str
) -> None:
    """Streams and payloads ask of rows at hand what lists gather."""
    for name, rule in AT_HAND.items():
        scope = scope_of(enforcer, principal, Action.ISSUE_READ)
        values: list[Any] = []

        def bind(field: str, single: bool, scope: Scope = scope, values: list[Any] = values) -> str:
            found = getattr(scope, field)
            values.append(found[0] if single else found)
            return f"${len(values)}::bigint{'' if single else '[]'}"

        where = rules.each(rule).predicate(scope, "x", bind)
        found = await database.pool.fetch(f"select id from {name} x where {where}", *values)
        seen = {row["id"] for row in sight.rows[name] if sight.sees(name, row)}
        assert {row["id"] for row in found} == seen, f"{about}: each {name}"


async def _acts(
    database: Database,
    enforcer: Enforcer,
    sight: Sight,
    principal: Principal,
    chance: random.Random,
    about: str,
) -> None:
    async with database.engine.connect() as connection:
        work = UnitOfWork(connection, principal, enforcer, lambda: datetime.now(UTC))
        for table, (rule, actions) in ACTIONS.items():
            for row in chance.sample(sight.rows[table], min(2, len(sight.rows[table]))):
                action = chance.choice(actions)
                expected = _expected(sight, table, row, action)
                found = await _found(work, table, row["id"], rule, action)
                assert found == expected, f"{about}: {action} on {_id(table, row)}"


def _expected(sight: Sight, table: str, row: Row, action: str) -> Any:
    if not sight.sees(table, row):
        return NotFound
    postings = [one for one in sight.principal.postings if sight.alone(one).may(action, table, row)]
    return postings or Forbidden


async def _found(work: UnitOfWork, table: str, id_: int, rule: RowRule, action: str) -> Any:
    try:
        await scoped.visible(
            work, table, id_, Action(READS.get(table, "issue:read")), READ_RULES[table], columns="x.id"
        )
        return [posting for posting, _ in await scoped.permitted(work, table, id_, rule, Action(action))]
    except (NotFound, Forbidden) as refused:
        return type(refused)
