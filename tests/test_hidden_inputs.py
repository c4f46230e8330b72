"""What a change names beyond the border answers as what does not exist, to the byte and the statement.

Mutations and their inputs are found in the schema: a new one that names rows fails here until it has a case.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, cast

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
)
from sqlalchemy import event
from tests.reference.agreement import parse
from tests.reference.rows import Row, Rows, read
from tests.reference.served import POLICY, Statements, executor_on
from tests.reference.sight import Sight
from tests.test_commands import (
    BUREAU,
    BUREAU_B,
    CADRE,
    CADRE_B,
    COUNTY,
    COUNTY_B,
    HELPER,
    IDLE_BUREAU,
    TOWN,
    TOWN_B,
    VILLAGE,
    VILLAGE_B,
    House,
    _principal,
    built,
    duplicate,
    judge,
)
from tests.test_every_command import CASES, Scene, scene
from tests.test_isolation import SCHEMA, _fully, _onward, leaks, marks

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import AssignmentKind, Role, Source
from lxbc_graph.read import ids
from lxbc_graph.schema.declare import camel
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.schema.mutation import ID_TYPES
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    ArbitrateAssignment,
    AssignIssue,
    Command,
    EndPosting,
    GrantPosting,
    PartyInput,
    ReportIssue,
    SetRule,
)

pytestmark = pytest.mark.anyio

Path = tuple[str, ...]
Make = Callable[[Scene], Command | dict[str, Any]]

NOTHING = 99_999
EVIDENCE = 71
SELECTION = "errors { code message messageZh field }"


# Every id and every text that the input of a change takes


def inputs(type_: GraphQLInputType, *leaves: str, path: Path = ()) -> Iterator[Path]:
    """The paths to such leaves within an input; a list is passed over, so that all its items have one path."""
    inner = get_named_type(type_)
    if isinstance(inner, GraphQLInputObjectType):
        for name, spec in inner.fields.items():
            yield from inputs(spec.type, *leaves, path=(*path, name))
    elif inner.name in leaves:
        yield path


def scoped() -> dict[str, GraphQLField]:
    """The changes that name rows by their ids or show any; the others are of whoever signs in."""
    assert SCHEMA.mutation_type is not None
    return {
        name: spec
        for name, spec in SCHEMA.mutation_type.fields.items()
        if any([*inputs(one.type, "ID")] for one in spec.args.values()) or [*shown(spec)]
    }


def shown(spec: GraphQLField) -> Iterator[tuple[str, GraphQLObjectType | GraphQLInterfaceType]]:
    """The fields of a payload that show rows."""
    payload = get_named_type(spec.type)
    assert isinstance(payload, GraphQLObjectType)
    for name, part in payload.fields.items():
        inner = get_named_type(part.type)
        if name != "errors" and isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
            yield name, inner


def mutations() -> dict[str, GraphQLInputType]:
    """The changes, each with what it takes."""
    return {name: spec.args["input"].type for name, spec in scoped().items() if "input" in spec.args}


@dataclass(frozen=True)
class Case:
    """A change that is right, besides those of ``CASES``: who makes it, where, with what."""

    make: Make
    who: str
    situation: str


def _with_evidence(make: Make) -> Make:
    def more(at: Scene) -> Command:
        return cast("Command", replace(cast("Any", make(at)), attachment_ids=(EVIDENCE,)))

    return more


def _parties(at: Scene) -> AssignIssue:
    parties = (
        PartyInput(AssignmentKind.TERRITORIAL, unit_id=TOWN),
        PartyInput(AssignmentKind.DEPARTMENT, department_id=BUREAU),
    )
    return AssignIssue(at.issue, parties, sponsor_id=CADRE)


MORE: dict[str, tuple[Case, ...]] = {
    "judgeIssue": (Case(lambda s: duplicate(s.issue, s.other), "office", "REPORTED"),),
    "assignIssue": (Case(_parties, "office", "ACCEPTED"),),
    "arbitrateAssignment": (
        Case(
            lambda s: ArbitrateAssignment(
                s.territory, "改派", PartyInput(AssignmentKind.TERRITORIAL, VILLAGE)
            ),
            "office",
            "RETURNED",
        ),
        Case(
            lambda s: ArbitrateAssignment(
                s.department, "改派", PartyInput(AssignmentKind.DEPARTMENT, department_id=IDLE_BUREAU)
            ),
            "office",
            "BUREAU_RETURNED",
        ),
    ),
    "setRule": (Case(lambda _: SetRule(COUNTY, "规则", {}), "office", "REPORTED"),),
    "grantPosting": (
        Case(
            lambda _: GrantPosting(Role.VILLAGE_OFFICIAL, cadre_id=CADRE, unit_id=VILLAGE),
            "office",
            "REPORTED",
        ),
        Case(
            lambda _: GrantPosting(Role.DEPARTMENT, cadre_id=CADRE, department_id=IDLE_BUREAU),
            "office",
            "REPORTED",
        ),
        Case(
            lambda _: GrantPosting(Role.PORTAL, account="portal", unit_id=TOWN),
            "office",
            "REPORTED",
        ),
    ),
    "endPosting": (Case(lambda _: EndPosting(_principal("town").postings[0].id), "office", "REPORTED"),),
}
"""Inputs that ``CASES`` leaves out."""
MORE |= {
    name: (*MORE.get(name, ()), Case(_with_evidence(case.make), case.may[0], case.good_in[0]))
    for name, case in CASES.items()
    if "attachment_ids" in cast("Any", case.make(Scene(1, 2, 3, 4))).__dataclass_fields__
}


def cases_of(name: str) -> list[Case]:
    usual = CASES.get(name)
    first = [] if usual is None else [Case(usual.make, usual.may[0], usual.good_in[0])]
    return [*first, *MORE.get(name, ())]


def as_input(command: Any) -> dict[str, Any]:
    """The command as a client writes it; what is no command is given so already."""
    if isinstance(command, dict):
        return command
    return {
        camel(spec.name): _as_value(value, ID_TYPES.get(spec.name))
        for spec in fields(command)
        if (value := getattr(command, spec.name)) is not None
    }


def _as_value(value: Any, node: str | None) -> Any:
    if isinstance(value, tuple):
        return [_as_value(item, node) for item in value]
    if node is not None:
        return ids.write(node, value)
    if is_dataclass(value):
        return as_input(value)
    if isinstance(value, Enum):
        return value.name
    return value.isoformat() if isinstance(value, date) else value


def places(given: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """Where ids of the path stand in an input: what holds each, and by which key."""
    name, *rest = path
    value = given.get(name)
    if isinstance(value, list) and rest:
        for item in value:
            yield from places(item, tuple(rest))
    elif isinstance(value, list):
        yield from ((value, at) for at in range(len(value)))
    elif value is not None:
        yield from places(value, tuple(rest)) if rest else [(given, name)]


BY_TEXT: dict[tuple[str, Path], str] = {("grantPosting", ("account",)): "account"}
"""Texts that name rows, and of which table: by their name."""
SAYS = {
    *("reason", "text", "title", "description", "finding", "measure", "exclusion", "onSite"),
    *("villagerName", "villagerPhone", "setRule.name", "setRule.settings"),
}
"""Texts that say something and name nothing."""
KEY = ("idempotencyKey",)
SIGNING_IN = {"login", "refresh", "logout"}
"""Changes of whoever signs in, which name an account by what nobody else has: test_sign_in.py, test_tokens.py."""

IDS = [(name, path) for name, type_ in mutations().items() for path in inputs(type_, "ID")]
NAMED = [*IDS, *BY_TEXT]


def test_every_text_that_a_change_takes_names_rows_or_says_something() -> None:
    scalars = {leaf for leaf, type_ in SCHEMA.type_map.items() if isinstance(type_, GraphQLScalarType)}
    texts = scalars - {"ID", "Boolean", "Int", "Float", "Date"}
    found = {(name, path) for name, type_ in mutations().items() for path in inputs(type_, *texts)}
    said = {(name, path) for name, path in found if SAYS & {path[-1], f"{name}.{path[-1]}"}}
    assert found - said == {*BY_TEXT, *((name, KEY) for name in mutations())}
    assert SCHEMA.mutation_type is not None
    assert {*SCHEMA.mutation_type.fields} == {*mutations()} | SIGNING_IN


@pytest.mark.parametrize(
    ("name", "path"), NAMED, ids=lambda one: one if isinstance(one, str) else ".".join(one)
)
def test_what_a_change_names_has_a_case(name: str, path: Path) -> None:
    assert any([*places(as_input(case.make(Scene(1, 2, 3, 4))), path)] for case in cases_of(name)), (
        f"{name}: no case gives {'.'.join(path)}; MORE needs a line"
    )


# Two counties, whose issues are bound to each other in every way


@pytest.fixture
async def house(database: Database) -> House:
    return await built(database)


class Border:
    """A scene of a change on this side, and on the other one an issue that is tied to it in every way."""

    def __init__(self, house: House, executor: Executor, principal: Principal, rows: Rows) -> None:
        sight = Sight(rows, POLICY, principal, house.clock[-1])
        self._house = house
        self._executor = executor
        self._principal = principal
        tables = {name: of for name, of in rows.items() if name != "account"}
        self.hidden = {name: [row for row in of if not sight.sees(name, row)] for name, of in tables.items()}
        seen = {name: [row for row in of if sight.sees(name, row)] for name, of in tables.items()}
        self.marks = marks(self.hidden) - marks(seen)
        self.hidden["account"] = [row for row in rows["account"] if not self._is_known(sight, row)]

    @classmethod
    async def of(cls, house: House, case: Case) -> tuple["Border", Scene]:
        returned = case.situation == "BUREAU_RETURNED"
        at = await scene(house, "ASSIGNED" if returned else case.situation)
        who = house.people[case.who]
        execute = house.database.pool.execute
        if returned:
            await execute("update assignment set state = 'RETURNED' where id = $1", at.department)
        beyond = await _handed_over_beyond(house)
        await _attach(house, EVIDENCE, at.issue, who)
        await _attach(house, EVIDENCE + 1, beyond, house.people["office_b"])
        # Ties across the border, each of which a relation could follow.
        for issue in (at.issue, at.other):
            await execute(
                "update issue set sponsor_id = $2, duplicate_of_id = $3 where id = $1", issue, CADRE_B, beyond
            )
            await execute("update event set actor_id = $2 where issue_id = $1", issue, CADRE_B)
        await execute("update attachment set uploader_id = $1", CADRE_B)
        await execute("update cadre set managed_by_id = $1 where id = any($2)", COUNTY_B, [CADRE, HELPER])
        # What was written of a person then stays, whoever may see the person now.
        await execute("update cadre set name = '现名' || name")
        await execute("update unit set successor_id = $1 where id = $2", VILLAGE_B, VILLAGE)
        executor = await executor_on(house.database)
        executor._commands = house.commands  # with its clock
        return cls(house, executor, who, await read(house.database.pool)), at

    @staticmethod
    def _is_known(sight: Sight, account: Row) -> bool:
        """By its cadre, by where it is posted, or because it is posted nowhere."""
        posted = [row for row in sight.rows["posting"] if row["account_id"] == account["id"]]
        cadre = [row for row in sight.rows["cadre"] if row["id"] == account["cadre_id"]]
        return account["city_id"] == sight.principal.city_id and (
            any(sight.sees("posting", row) for row in posted)
            or any(sight.sees("cadre", row) for row in cadre)
            or not (posted or cadre)
        )

    def named(self, name: str, path: Path, id_: str) -> tuple[str, list[str]]:
        """What stands for nothing where the input has the id or name, and all that names what is hidden there."""
        if table := BY_TEXT.get((name, path)):
            return "nobody", [row["name"] for row in self.hidden[table]]
        kind = ids.name_of(id_)
        return ids.write(kind, NOTHING), [
            ids.write(kind, row["id"]) for row in self.hidden.get(kind.lower(), ())
        ]

    async def ask(self, name: str, given: Mapping[str, Any], selection: str = SELECTION) -> bytes:
        type_ = get_named_type(mutations()[name]).name
        text = f"mutation($input: {type_}!) {{ {name}(input: $input) {{ {selection} }} }}"
        return (await self._executor.execute(Request(text, variables={"input": given}), self._principal)).body


def _handed(unit: int, department: int) -> tuple[PartyInput, ...]:
    return (
        PartyInput(AssignmentKind.TERRITORIAL, unit_id=unit),
        PartyInput(AssignmentKind.DEPARTMENT, department_id=department),
    )


async def _handed_over_beyond(house: House) -> int:
    issue = await house.well("city_office", ReportIssue(TOWN_B, "邻县的题", "邻县的文", Source.VISIT))
    await house.well("city_office", judge(issue))
    await house.well("city_office", AssignIssue(issue, _handed(COUNTY_B, BUREAU_B)))
    await house.well("office_b", SetRule(COUNTY_B, "邻县的规则", {}), key="theirs")
    return issue


async def _attach(house: House, id_: int, issue: int, who: Principal) -> None:
    await house.database.pool.execute(
        "insert into attachment"
        " (id, issue_id, name, media_type, size, sha256, account_id, uploader_name, uploaded_at)"
        " values ($1, $2, $3, 'image/jpeg', 1, $4, $5, '某人', now())",
        id_,
        issue,
        f"现场照片{id_}.jpg",
        f"{id_:064x}",
        who.account_id,
    )


class Sent:
    """Every statement of the write side and of the read side since the last look."""

    def __init__(self, database: Database) -> None:
        self._read = Statements.of(database)
        self._written: list[str] = []
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self._written.append(statement)

    async def taken(self) -> list[str]:
        found = [*self._written, *await self._read.settled()]
        self._written.clear()
        self._read.clear()
        return found


def _put(given: Any, path: Path) -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Each place of the path in the input: what it names, and the input with something else there."""
    for at, (holder, key) in enumerate([*places(given, path)]):

        def with_id(id_: str, at: int = at) -> Any:
            changed = deepcopy(given)
            where, name = [*places(changed, path)][at]
            where[name] = id_
            return changed

        yield holder[key], with_id


EACH = pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name}-{at}")
        for name in mutations()
        for at, case in enumerate(cases_of(name))
    ],
)


@EACH
async def test_what_is_hidden_is_unknown_to_a_change(house: House, name: str, case: Case) -> None:
    sent = Sent(house.database)
    border, at = await Border.of(house, case)
    given = as_input(case.make(at))
    before = await house.everything()
    for path in (path for of, path in NAMED if of == name):
        for place, (there, with_id) in enumerate(_put(given, path)):
            about = f"{name}({'.'.join(path)}, place {place})"
            unknown, hidden = border.named(name, path, there)
            assert hidden, f"{about}: nothing like {there} lies beyond the border"
            await sent.taken()
            answer = await border.ask(name, with_id(unknown))
            statements = await sent.taken()
            (error,) = parse(answer)["data"][name]["errors"]
            assert error["code"] == "NOT_FOUND", f"{about}: an unknown id is {error}"
            assert [word for word in error["field"] if not word.isdigit()] == list(path), about
            for id_ in hidden:
                told = await border.ask(name, with_id(id_))
                assert told == answer, f"{about}: {id_} is hidden, and told apart: {told.decode()}"
                assert await sent.taken() == statements, f"{about}: {id_} is hidden, and asked for otherwise"
    assert await house.everything() == before, f"{name}: refused, and yet something was changed"


@EACH
async def test_a_key_that_another_account_has_used_is_a_new_one(house: House, name: str, case: Case) -> None:
    sent = Sent(house.database)
    border, at = await Border.of(house, case)
    given = as_input(case.make(at))
    path = next(path for of, path in IDS if of == name and [*places(given, path)])
    there, with_id = next(_put(given, path))
    unknown, _ = border.named(name, path, there)
    told = []
    for key in ("theirs", "nobody's"):
        await sent.taken()
        told.append((await border.ask(name, {**with_id(unknown), KEY[0]: key}), await sent.taken()))
    assert b"NOT_FOUND" in told[0][0]
    assert told[0] == told[1]


@EACH
async def test_what_a_change_answers_with_shows_nothing_beyond_the_border(
    house: House, name: str, case: Case
) -> None:
    border, at = await Border.of(house, case)
    walks = {"errors": "errors { code message messageZh field }"}
    for field, inner in shown(scoped()[name]):
        for place, (selection, _) in enumerate([_fully(inner), *_onward(inner)]):
            walks[f"{field}{place}"] = f"{field}{place}: {field}{selection}"
    answer = parse(await border.ask(name, as_input(case.make(at)), " ".join(walks.values())))
    assert "errors" not in answer, answer
    told = answer["data"][name]
    assert told["errors"] == [], f"{name}: the case is not right"
    for key, value in told.items():
        assert value is not None, f"{name}: answers with no {key}"
        found = leaks(value, border.marks)
        assert not found, "\n".join([f"{name} shows what is hidden:", *found, "by", walks[key]])
