"""The program over a real database, with a clock that is set and people of every role in every county."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import uvloop
from sqlalchemy import Executable, insert
from tests.workflow.counties import (
    CATEGORIES,
    CITY,
    DEPARTMENTS,
    HOMES,
    IMPORTED_DAYS,
    PATHS,
    PEOPLE,
    REACH,
    RULES,
    Person,
)

from lxbc_graph.domain.machine import Actor
from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Role, Verb
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.rows import RowRule
from lxbc_graph.policy.scope import Scope, scope_of
from lxbc_graph.resources import POLICIES
from lxbc_graph.store import issue_facts, tables
from lxbc_graph.store.database import Database
from lxbc_graph.write import Command, Commands, Outcome
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE, actions_of, offered

ENFORCER = Enforcer(POLICIES)  # remembers what it was asked
_T = TypeVar("_T")
_ALWAYS = date(2000, 1, 1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Seen(NamedTuple):
    """An issue as the database has it, with the events that came since one looked last."""

    id: int
    unit: int
    facts: dict[str, Any]
    parts: list[dict[str, Any]]
    clocks: set[tuple[str, datetime, int | None]]
    events: list[dict[str, Any]]
    gathered: dict[str, Any]


class Newest(NamedTuple):
    """The last ids of all that a command inserts."""

    issue: int
    assignment: int | None
    event: int


@dataclass(repr=False)
class House:
    """The commands of one database, done one after the other in a loop of their own."""

    loop: asyncio.AbstractEventLoop
    database: Database
    now: datetime = _LONG_AGO
    commits: int = 0

    def __post_init__(self) -> None:
        self.commands = Commands(self.database, ENFORCER, self._committed, now=lambda: self.now)
        self.principals = {name: principal(name, person) for name, person in PEOPLE.items()}

    def _committed(self) -> None:
        self.commits += 1

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(coroutine)

    @classmethod
    def build(cls, url: str) -> "House":
        loop = uvloop.new_event_loop()
        database = loop.run_until_complete(Database.open(url, pool_size=1))
        house = cls(loop, database)
        house.run(house._seed())
        return house

    async def _seed(self) -> None:
        async with self.database.engine.begin() as connection:
            for statement in seed():
                await connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.database.close())
        self.loop.close()

    def do(self, who: str, command: Command, key: str | None = None) -> Outcome:
        return self.run(self.commands.execute(command, principal=self.principals[who], idempotency_key=key))

    def see(self, issue_ids: list[int], since: int) -> tuple[dict[int, Seen], Newest]:
        """Return the issues, with their events after the one of that id, and what came last of all."""
        found = self.run(self.database.pool.fetch(_SEEN, issue_ids, since))
        (newest,) = {Newest(row["last_issue"], row["last_assignment"], row["last_event"]) for row in found}
        return {row["id"]: _seen(row) for row in found}, newest

    def attach(self, who: str, issue_id: int) -> int:
        """Return a new attachment of the issue, uploaded by that person."""
        person = PEOPLE[who]
        values = issue_id, person.account, person.cadre, self.now
        attachment: int = self.run(self.database.pool.fetchval(_ATTACH, *values))
        return attachment

    def viewer_actions(self, who: str, seen: Seen) -> list[set[Verb]]:
        """Return what the person is offered: on the issue, then on each of its assignments."""
        facts, ids = issue_facts.found(seen.gathered)
        asked = self.principals[who]
        actor = Actor(asked.account_id, asked.display_name, asked.cadre_id)
        on_issue, on_parts = self.run(self._granted(asked, seen.id))
        return [
            set(offered(ON_ISSUE, facts, actor, on_issue)),
            *(set(offered(ON_ASSIGNMENT, facts, actor, on_parts[one], at)) for at, one in enumerate(ids)),
        ]

    async def _granted(self, asked: Principal, issue_id: int) -> tuple[set[Action], dict[int, set[Action]]]:
        """Ask the policy on the very rows, as a command does: for the issue, and for each assignment."""
        answers: list[dict[int, set[Action]]] = []
        for verbs, table, column, rule in (
            (ON_ISSUE, "issue", "id", rows.ISSUE),
            (ON_ASSIGNMENT, "assignment", "issue_id", rows.PARTY),
        ):
            by_scope: dict[Scope, set[Action]] = {}
            for action in actions_of(verbs):
                by_scope.setdefault(scope_of(ENFORCER, asked, action), set()).add(action)
            values: list[Any] = [issue_id]
            terms = [_term(rule, scope, values) for scope in by_scope]
            sql = f"select x.id, array[{', '.join(terms)}] as holds from {table} x where x.{column} = $1"
            answers.append(
                {
                    row["id"]: set().union(
                        *(
                            actions
                            for actions, holds in zip(by_scope.values(), row["holds"], strict=True)
                            if holds
                        )
                    )
                    for row in await self.database.pool.fetch(sql, *values)
                }
            )
        return answers[0][issue_id], answers[1]


def _term(rule: RowRule, scope: Scope, values: list[Any]) -> str:
    def bind(field: str, single: bool) -> str:
        ids = getattr(scope, field)
        values.append(ids[0] if single else list(ids))
        return f"${len(values)}::bigint{'' if single else '[]'}"

    return rule.predicate(scope, "x", bind)


_SEEN = f"""
select (select max(id) from issue) as last_issue, (select max(id) from assignment) as last_assignment,
    (select max(id) from event) as last_event, x.id, x.unit_id, ({issue_facts.gather("x")})::text as gathered,
    (select jsonb_agg(jsonb_build_array(c.kind, c.due_at, c.assignment_id)) from clock c
     where c.issue_id = x.id and c.running)::text as clocks,
    (select jsonb_agg(jsonb_build_object(
        'kind', e.kind, 'from', e.from_state, 'to', e.to_state, 'account', e.account_id, 'cadre', e.actor_id,
        'assignment', e.assignment_id, 'unit', e.unit_id,
        'path', array[e.city_id, e.county_id, e.township_id, e.village_id],
        'at', e.at, 'due_before', e.data ->> 'dueBefore', 'id', e.id) order by e.id)
     from event e where e.issue_id = x.id and e.id > $2)::text as events
from issue x where x.id = any($1)
"""
_ATTACH = """
insert into attachment (issue_id, name, media_type, size, sha256, account_id, uploader_id, uploader_name, uploaded_at)
values ($1, '照片.png', 'image/png', 1, repeat('0', 64), $2, $3, '某人', $4) returning id
"""


def _seen(row: Any) -> Seen:
    gathered = json.loads(row["gathered"])
    parts = [_times(part) for part in gathered["assignments"] or ()]
    position = {part["id"]: index for index, part in enumerate(parts)} | {None: None}
    return Seen(
        row["id"],
        row["unit_id"],
        _times(gathered["issue"]),
        parts,
        {(kind, _time(due), position[of]) for kind, due, of in json.loads(row["clocks"] or "[]")},
        [
            {
                **event,
                "at": _time(event["at"]),
                "due_before": event["due_before"] and _time(event["due_before"]),
            }
            for event in json.loads(row["events"] or "[]")
        ],
        gathered,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _times(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _time(value) if value and name.endswith(("_at", "_due")) else value
        for name, value in record.items()
    }


def principal(name: str, person: Person) -> Principal:
    postings = tuple(
        Posting(person.account * 10 + index, Role(seat.role), Path(*PATHS[seat.unit]), seat.department)
        for index, seat in enumerate(person.seats)
    )
    return Principal(person.account, name, f"{name} 的名字", CITY, person.cadre, postings)


def path_columns(unit: int) -> dict[str, int | None]:
    return {name: getattr(Path(*PATHS[unit]), name) for name in tables.ANCESTORS}


def seed() -> Iterator[Executable]:
    for unit, path in PATHS.items():
        yield insert(tables.unit).values(
            id=unit,
            code=str(unit),
            name=str(unit),
            level=Path(*path).level,
            parent_id=path[-2] if path[1:] else None,
            valid_from=_ALWAYS,
            **path_columns(unit),
        )
    for unit, settings in RULES.items():
        yield insert(tables.rule).values(
            unit_id=unit,
            version=1,
            name="规则",
            valid_from=_ALWAYS,
            settings=settings,
            author_name="活动办",
            created_at=_LONG_AGO,
            **path_columns(unit),
        )
    for day, working in IMPORTED_DAYS.items():
        yield insert(tables.calendar_day).values(day=day, working=working)
    for department, (unit, line) in DEPARTMENTS.items():
        yield insert(tables.department).values(
            id=department, code=str(department), name="局", line=line, unit_id=unit, **path_columns(unit)
        )
    for cadre, home in HOMES.items():
        yield insert(tables.cadre).values(
            id=cadre,
            code=str(cadre),
            name=f"干部{cadre}",
            rank="COUNTY_CADRE",
            unit_id=home,
            city_id=CITY,
            reach=sorted(REACH[cadre]),
        )
    for category, (scheme, valid_to) in CATEGORIES.items():
        yield insert(tables.category).values(
            id=category,
            city_id=CITY,
            scheme=scheme,
            code=str(category),
            name="类",
            valid_from=_ALWAYS,
            valid_to=valid_to,
        )
    for name, person in PEOPLE.items():
        yield insert(tables.account).values(
            id=person.account, name=name, display_name=name, city_id=CITY, cadre_id=person.cadre
        )
        for index, seat in enumerate(person.seats):
            yield insert(tables.posting).values(
                id=person.account * 10 + index,
                account_id=person.account if person.cadre is None else None,
                cadre_id=person.cadre,
                role=seat.role,
                department_id=seat.department,
                unit_id=seat.unit,
                valid_from=_LONG_AGO,
                **path_columns(seat.unit),
            )
