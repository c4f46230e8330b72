"""Nobody sees across a border: every path through the schema is walked, and no row from beyond may show."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from tests.reference.agreement import parse
from tests.reference.answers import readable
from tests.reference.beyond import (
    TABLES,
    WORDS,
    add,
    added,
    change,
    changed,
    columns_shown,
    remove_all_but,
    texts_of,
)
from tests.reference.neighbours import CITY, HERE, OTHER_CITY, THERE, neighbours
from tests.reference.rows import PATH, Row, Rows, ancestors, path_of, type_of, write
from tests.reference.served import executor_on

from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Role, Subject
from lxbc_graph.policy.rows import Bind
from lxbc_graph.policy.scope import Scope
from lxbc_graph.read.catalogue import Catalogue, Column, Entity, Is, Lookup, Many, One, OneOf, Order
from lxbc_graph.read.counts import Counts
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

SCHEMA = readable(build()._schema)
ROWS = neighbours()
UNITS = {row["code"]: row for row in ROWS["unit"]}

Composite = GraphQLObjectType | GraphQLInterfaceType


@pytest.fixture
async def executor(database: Database) -> Executor:
    await write(database, ROWS)
    return await executor_on(database)


def viewer(role: Role, code: str) -> Principal:
    """The account of the unit's office, posted there in a role."""
    unit = UNITS[code]
    account = next(row for row in ROWS["account"] if row["name"] == f"office-{code}")
    posting = Posting(1, role, Path(*(unit[column] for column in PATH)))
    return Principal(
        account["id"], account["name"], account["display_name"], account["city_id"], None, (posting,)
    )


# What lies where


def within(code: str, rows: Rows = ROWS) -> Rows:
    """The rows of a unit and below it, told by where they stand alone, and the categories of its city."""
    id_ = UNITS[code]["id"]
    placed = {
        name: [row for row in rows[name] if id_ in ancestors(row)]
        for name in ("unit", "department", "posting", "issue")
    }
    issues = {row["id"] for row in placed["issue"]}
    return {
        **placed,
        "cadre": [row for row in rows["cadre"] if id_ in row["reach"]],
        "category": [row for row in rows["category"] if row["city_id"] == UNITS[code[:4]]["id"]],
        # What is said above binds here.
        "rule": [
            row for row in rows["rule"] if id_ in ancestors(row) or row["unit_id"] in ancestors(UNITS[code])
        ],
        "assignment": [row for row in rows["assignment"] if row["issue_id"] in issues],
        "event": [
            row
            for row in rows["event"]
            if row["issue_id"] in issues or (row["kind"] == "TRANSFERRED" and id_ in ancestors(row))
        ],
        "attachment": [row for row in rows["attachment"] if row["issue_id"] in issues],
        "account": [row for row in rows["account"] if row["name"] == f"office-{code}"],
        "audit_event": [row for row in rows["audit_event"] if row["city_id"] == id_],
    }


def marks(rows: Rows) -> set[str]:
    """Everything that would give a row away."""
    return {mark for name, of in rows.items() for row in of for mark in _marks(name, row)}


def _marks(name: str, row: Row) -> Iterator[str]:
    yield f"{type_of(name)}:{row['id']}"
    yield from (text for _, text in texts_of(name, row))
    if name == "assignment" and row["solve_due_at"]:
        yield row["solve_due_at"].isoformat()


def beyond(code: str) -> set[str]:
    """What gives away rows that are not within the unit."""
    return marks(ROWS) - marks(within(code))


def unshown(*, private: bool) -> set[str]:
    """The texts of columns that no field shows as they are or, ``private``, that need a permission of their own."""
    columns = columns_shown()
    return {
        text
        for name, rows in ROWS.items()
        for row in rows
        for column, text in texts_of(name, row)
        if (spec := columns.get((name, column))) is None or (private and spec.requires is not None)
    }


# Every path


@dataclass(frozen=True)
class Walk:
    """A document, and the fields of entities that it asks for."""

    text: str
    fields: frozenset[tuple[str, str]]


def walks() -> Iterator[Walk]:
    """From every root, and from every row there is along each relation, to everything that it leads on to."""
    assert SCHEMA.query_type is not None
    for name, spec in SCHEMA.query_type.fields.items():
        if name == "eventCursor":  # of no row, and sealed: test_live.py
            continue
        for given in _given(spec):
            type_ = get_named_type(spec.type)
            selections = _onward(type_) if name == "nodes" else [_fully(type_)]
            for selection, fields in selections:
                yield Walk(f"{{ {name}{given}{selection} }}", fields | {("Query", name)})


def _given(spec: GraphQLField) -> list[str]:
    """The arguments of a root field that must be given: each thing that there is, seen or not."""
    ids = [f'"{type_of(name)}:{row["id"]}"' for name, rows in ROWS.items() for row in rows]
    known = {
        "code": [f'"{code}"' for code in (HERE, THERE)],
        "id": [f'"{type_of(name)}:{rows[0]["id"]}"' for name, rows in ROWS.items()],
        "ids": [f"[{', '.join(ids[at : at + 100])}]" for at in range(0, len(ids), 100)],
    }
    required = [name for name, argument in spec.args.items() if is_required_argument(argument)]
    if required:
        assert len(required) == 1, f"{required}: a new root field needs a line here"
        return [f"({required[0]}: {value})" for value in known[required[0]]]
    return ["(first: 100)"] if "first" in spec.args else [""]


Found = tuple[str, frozenset[tuple[str, str]]]


def _onward(type_: GraphQLNamedType) -> Iterator[Found]:
    """One selection for each relation of each type that may be met; its far side is read in full."""
    inner, wrap = _row(type_)
    for member in _members(inner):
        leaves, fields = _leaves(member, figures=True)
        for name, far, given in _relations(member):
            selection, beyond_it = _fully(far)
            text = f" {{ __typename ... on {member.name} {{ {leaves} {name}{given}{selection} }} }}"
            yield wrap(text), fields | beyond_it | {(member.name, name)}


def _fully(type_: GraphQLNamedType) -> Found:
    """All leaves and all relations of a type, these with the ids that they lead to."""
    inner, wrap = _row(type_)
    text, fields = "__typename", frozenset[tuple[str, str]]()
    for place, member in enumerate(_members(inner)):
        leaves, found = _leaves(member)
        relations = []
        for name, far, given in _relations(member):
            there = "id" if "id" in _members(_row(far)[0])[0].fields else ""
            ids = _row(far)[1](f" {{ __typename {there} }}")
            relations.append(f"{name}{place}: {name}{given}{ids}")
            fields |= {(member.name, name)}
        text += f" ... on {member.name} {{ {leaves} {' '.join(relations)} }}"
        fields |= found
    return wrap(f" {{ {text} }}"), fields


def _row(type_: GraphQLNamedType) -> tuple[Composite, Callable[[str], str]]:
    """The type of the rows that a field leads to, and how to write a selection of them."""
    assert isinstance(type_, Composite)
    if type_.name.endswith("Connection"):
        return get_named_type(type_.fields["nodes"].type), (
            lambda text: f" {{ totalCount pageInfo {{ startCursor }} edges {{ node{text} }} }}"
        )
    return type_, lambda text: text


def _members(type_: Composite) -> Sequence[GraphQLObjectType]:
    return [type_] if isinstance(type_, GraphQLObjectType) else SCHEMA.get_possible_types(type_)


def _leaves(type_: GraphQLObjectType, *, figures: bool = False) -> Found:
    """All scalars of a type, under names that no other type gives to another type of scalar."""
    names, text = [], []
    for name, spec in type_.fields.items():
        inner = get_named_type(spec.type)
        if is_leaf_type(inner):
            text.append(f"{type_.name}_{name}: {name}")
        elif inner.name == "UnitMetrics" and figures:
            text.append(f"{name} {_everything(inner)}")
        else:
            continue
        names.append((type_.name, name))
    return " ".join(text), frozenset(names)


def _relations(type_: GraphQLObjectType) -> Iterator[tuple[str, GraphQLNamedType, str]]:
    for name, spec in type_.fields.items():
        inner = get_named_type(spec.type)
        if not is_leaf_type(inner) and inner.name != "UnitMetrics":
            yield name, inner, "(first: 100)" if "first" in spec.args else ""


def _everything(type_: GraphQLNamedType) -> str:
    assert isinstance(type_, GraphQLObjectType)
    fields = []
    for name, spec in type_.fields.items():
        inner = get_named_type(spec.type)
        fields.append(name if is_leaf_type(inner) else f"{name} {_everything(inner)}")
    return "{ __typename " + " ".join(fields) + " }"


WALKS = list(walks())


def test_every_field_of_every_entity_is_walked() -> None:
    walked = frozenset[tuple[str, str]]().union(*(walk.fields for walk in WALKS))
    declared = {
        (entity.name, name)
        for entity in CATALOGUE.entities.values()
        if not entity.members
        for name in entity.fields
    }
    assert walked == declared


# Nobody sees across


def values_of(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        for value in answer.values():
            yield from values_of(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from values_of(value)
    elif isinstance(answer, str):
        yield answer


def leaks(answer: Any, hidden: Collection[str], path: str = "") -> list[str]:
    """Where in an answer which of the hidden texts stand, one line each."""
    if isinstance(answer, dict):
        return [line for key, value in answer.items() for line in leaks(value, hidden, f"{path}.{key}")]
    if isinstance(answer, list):
        return [line for at, value in enumerate(answer) for line in leaks(value, hidden, f"{path}.{at}")]
    return [f"{path[1:]}: {answer}"] if isinstance(answer, str) and answer in hidden else []


async def answers(executor: Executor, principal: Principal) -> AsyncIterator[tuple[Walk, Any]]:
    """The answer to each walk."""
    for walk in WALKS:
        answer = parse((await executor.execute(Request(walk.text), principal)).body)
        assert "errors" not in answer, (walk.text, answer)
        yield walk, answer["data"]


async def seen_by(executor: Executor, principal: Principal, hidden: Collection[str] = ()) -> set[str]:
    """Every text that the viewer is told; says which path told something hidden."""
    seen = set[str]()
    async for walk, answer in answers(executor, principal):
        found = leaks(answer, hidden)
        assert not found, "\n".join([f"shown to {principal.account}:", *found, "by", walk.text])
        seen |= set(values_of(answer))
    return seen


@pytest.mark.parametrize(
    ("role", "code"),
    [
        (Role.PORTAL, HERE),
        (Role.COUNTY_OFFICE, THERE),
        (Role.CITY_OFFICE, CITY),
        (Role.SERVICE_GROUP, OTHER_CITY),
    ],
)
async def test_all_that_lies_within_is_seen_and_nothing_beyond(
    executor: Executor, role: Role, code: str
) -> None:
    never = unshown(private=role in {Role.PORTAL, Role.SERVICE_GROUP})
    seen = await seen_by(executor, viewer(role, code), beyond(code) | never)
    accounts = {f"Account:{row['id']}" for row in ROWS["account"]}  # no node
    audit = marks({"audit_event": ROWS["audit_event"]})
    assert not seen & audit or role is Role.CITY_OFFICE
    assert seen >= marks(within(code)) - never - accounts - (audit - seen)
    assert seen >= marks({"audit_event": within(code)["audit_event"]}) - never or role is not Role.CITY_OFFICE


class Everything:
    """A row rule that forgets to ask."""

    def predicate(self, _scope: Scope, _alias: str, _bind: Bind) -> str:
        return "true"


def _is_part(entity: Entity) -> bool:
    """Whether it is shown as part of something else alone, which was asked for it."""
    ways = [
        spec
        for other in CATALOGUE.entities.values()
        for spec in other.fields.values()
        if isinstance(spec, Many | One | Lookup) and spec.entity == entity.name
    ]
    return entity.node is None and all(isinstance(spec, Many) and spec.parts for spec in ways)


SCOPED = [
    entity for entity in CATALOGUE.entities.values() if entity.requires is not None and not _is_part(entity)
]


@pytest.mark.parametrize("name", sorted({entity.table for entity in SCOPED}))
async def test_an_entity_that_forgets_to_ask_is_noticed(database: Database, name: str) -> None:
    await write(database, ROWS)
    careless = Catalogue()
    for entity in CATALOGUE.entities.values():
        careless.add(_careless(entity) if entity.table == name else entity)
    executor = await executor_on(database, careless)
    hidden = beyond(HERE)
    async for _, answer in answers(executor, viewer(Role.PORTAL, HERE)):
        if leaks(answer, hidden):
            return
    pytest.fail("nobody noticed")


def _careless(entity: Entity) -> Entity:
    return replace(entity, rows=Everything())


@pytest.mark.parametrize("role", [Role.SCREEN, Role.ADMIN])
async def test_a_screen_has_figures_alone_and_an_administrator_the_audit(
    executor: Executor, role: Role
) -> None:
    seen = await seen_by(executor, viewer(role, CITY))
    units = {"City", "County", "Township", "Village"} if role is Role.SCREEN else set()
    categories = {"Category", "Rule"} if role is Role.SCREEN else {"AuditEvent"}
    entities = {entity.name for entity in CATALOGUE.entities.values() if entity.node}
    assert seen & entities == units | categories
    assert ("UnitMetrics" in await _typenames(executor, role)) is (role is Role.SCREEN)


async def _typenames(executor: Executor, role: Role) -> set[str]:
    text = "{ city { metrics { __typename underWay { numerator denominator } } } }"
    return set(values_of(parse((await executor.execute(Request(text), viewer(role, CITY))).body)["data"]))


# Hidden is unknown

_BY_ID = """
query ($id: ID!, $unit: String!) {
  node(id: $id) { __typename id }
  nodes(ids: [$id, "Nothing:1"]) { __typename id }
  unit(code: $unit) { id }
  found: issues(filter: {finder: [$id]}) { totalCount nodes { id } }
  classed: issues(filter: {category: [$id], workContent: [$id]}) { totalCount }
  shares: assignments(filter: {department: [$id]}) { totalCount nodes { id } }
  issues(filter: {unit: $unit}) { totalCount nodes { id } }
  events(filter: {unit: $unit}) { totalCount nodes { id } }
  cadres(filter: {unit: $unit}) { totalCount nodes { id } }
}
"""


PROBED = {"Query.node.id", "Query.nodes.ids", "Query.unit.code"}
"""Arguments that name rows, besides those of filters, and are given hidden ones in these tests."""
CURSORS = {"after", "before"}
ELSEWHERE = {
    "Query.explainAccess.id": "test_explain_access.py",
    "Query.explainAccess.action": "a word of the policy",
}


def test_every_argument_that_may_name_a_row_is_probed() -> None:
    found = {
        f"{type_.name}.{name}.{argument}"
        for type_ in build()._schema.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_.name not in {"Mutation", "Subscription"}
        for name, spec in type_.fields.items()
        for argument, one in spec.args.items()
        if get_named_type(one.type).name in {"ID", "String", "JSON"} and argument not in CURSORS
    }
    assert {one for one in found if not one.startswith("__")} == PROBED | {*ELSEWHERE}


async def test_what_is_hidden_answers_as_what_does_not_exist(executor: Executor) -> None:
    principal = viewer(Role.PORTAL, HERE)

    async def answer(id_: str, unit: str) -> bytes:
        return (await executor.execute(Request(_BY_ID, variables={"id": id_, "unit": unit}), principal)).body

    here = within(HERE)
    for name, rows in ROWS.items():
        nothing = await answer(f"{type_of(name)}:99999", "411099")
        assert b'"data"' in nothing
        for row in rows:
            if row not in here[name]:
                assert await answer(f"{type_of(name)}:{row['id']}", "411099") == nothing
    for code, unit in UNITS.items():
        if unit not in here["unit"]:
            unknown = "411099999999"[: len(code)] if len(code) > 4 else "4199"
            assert await answer("Unit:99999", code) == await answer("Unit:99999", unknown)


# Filters and orders


@dataclass(frozen=True)
class Narrowed:
    """A connection, as a root field or along a relation of a row, and what it can be narrowed and ordered by."""

    name: str
    around: str
    filter: GraphQLInputObjectType
    orders: tuple[str, ...]
    row: GraphQLNamedType

    def text(self, arguments: str) -> str:
        leaves = "__typename id" if "id" in _members(cast("Composite", self.row))[0].fields else "__typename"
        field = self.name.rpartition(".")[2]
        return self.around.replace(
            "HERE",
            f"{field}(first: 100, {arguments}) {{ totalCount edges {{ cursor }} nodes {{ {leaves} }} }}",
        )


def narrowed() -> Iterator[Narrowed]:
    assert SCHEMA.query_type is not None
    for name, spec in SCHEMA.query_type.fields.items():
        if "filter" in spec.args:
            yield _narrowed(name, "{ HERE }", spec)
    for type_ in SCHEMA.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name in {"Query", "Mutation", "Subscription"}:
            continue
        for name, spec in type_.fields.items():
            if "filter" in spec.args:
                inner = f"... on {type_.name} {{ HERE }}"
                yield _narrowed(
                    f"{type_.name}.{name}", f"{{ {_around(type_).replace('HERE', inner)} }}", spec
                )


def _around(type_: GraphQLObjectType) -> str:
    """The way from a root to rows of the type."""
    assert SCHEMA.query_type is not None
    for name, spec in SCHEMA.query_type.fields.items():
        inner = get_named_type(spec.type)
        if is_leaf_type(inner) or any(map(is_required_argument, spec.args.values())):
            continue
        row, _ = _row(inner)
        if type_ in _members(row):
            return f"{name} {{ HERE }}" if row is inner else f"{name}(first: 100) {{ nodes {{ HERE }} }}"
    raise AssertionError(f"{type_.name}: no list of the root has such rows")


def _narrowed(name: str, around: str, spec: GraphQLField) -> Narrowed:
    filter_ = get_named_type(spec.args["filter"].type)
    assert isinstance(filter_, GraphQLInputObjectType)
    order = get_named_type(spec.args["orderBy"].type)
    assert isinstance(order, GraphQLInputObjectType)
    field = get_named_type(order.fields["field"].type)
    assert isinstance(field, GraphQLEnumType)
    connection = get_named_type(spec.type)
    assert isinstance(connection, GraphQLObjectType)
    row = get_named_type(connection.fields["nodes"].type)
    return Narrowed(name, around, filter_, tuple(field.values), row)


NARROWED = list(narrowed())


def probes(type_: GraphQLNamedType, *, every: bool) -> tuple[Any, list[Any]]:
    """A value of a filter's term that names nothing anywhere, and those that name something beyond alone."""
    assert type_.name in {"ID", "String", "DateTimeRange"}, f"{type_}: a new kind of term needs a line here"
    hidden, seen = beyond(HERE), " ".join(marks(within(HERE)))
    match type_.name:
        case "ID":
            names = sorted({mark for mark in hidden if ":" in mark and mark[0].isupper()})
            return "Nothing:99999", names if every else names[::6]
        case "String":
            words = sorted(mark for mark in hidden if ":" not in mark and mark not in seen)
            return "411099", words if every else words[::9]
    moments = {
        (name, value)
        for name, rows in ROWS.items()
        for row in rows
        if row not in within(HERE)[name]
        for value in row.values()
        if isinstance(value, datetime)
    }
    here = {
        value
        for rows in within(HERE).values()
        for row in rows
        for value in row.values()
        if isinstance(value, datetime)
    }
    only = sorted({value for _, value in moments} - here)
    return _moment(datetime(2199, 1, 1, tzinfo=UTC)), [_moment(one) for one in (only if every else only[::5])]


def _moment(at: datetime) -> dict[str, str]:
    return {"from": at.isoformat(), "to": (at + timedelta(microseconds=1)).isoformat()}


def _many(type_: GraphQLInputType) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


@pytest.mark.parametrize("one", NARROWED, ids=lambda one: one.name)
async def test_a_filter_that_names_what_is_hidden_names_nothing(executor: Executor, one: Narrowed) -> None:
    principal = viewer(Role.PORTAL, HERE)
    for term, spec in one.filter.fields.items():
        type_ = get_named_type(spec.type)
        if isinstance(type_, GraphQLEnumType) or type_.name in {"Boolean", "DateTime", "Int"}:
            continue  # names no row; what it keeps of those beyond is asked below
        nothing, hidden = probes(type_, every="." not in one.name)
        text = f"query ($value: {spec.type}) " + one.text(f"filter: {{{term}: $value}}")

        async def answer(value: Any, text: str = text, many: bool = _many(spec.type)) -> bytes:
            variables = {"value": [value] if many else value}
            return (await executor.execute(Request(text, variables=variables), principal)).body

        expected = await answer(nothing)
        assert b"GRAPHQL_VALIDATION_FAILED" not in expected, expected
        for value in hidden:
            told = await answer(value)
            assert told == expected, (
                f"{one.name}(filter: {{{term}: {value}}}) tells of what is hidden: {told!r}"
            )


def _kept(one: Narrowed) -> Iterator[str]:
    """Every order, and every term of a filter that names no row, with each of its values, as it is and was."""
    for field in one.orders:
        yield from (f"orderBy: {{field: {field}, direction: {direction}}}" for direction in ("ASC", "DESC"))
    for term, spec in one.filter.fields.items():
        match get_named_type(spec.type):
            case GraphQLEnumType() as enum:
                values = [f"[{value}]" for value in enum.values]
            case type_ if type_.name == "Boolean":
                values = ["true", "false"]
            case type_ if type_.name == "DateTime":
                values = ['"2021-08-05T00:00:00Z"', '"2021-08-12T00:00:00Z"']
            case _:
                values = []
        yield from (f"filter: {{{term}: {value}}}" for value in values)
        if (
            term != "asOf" and "asOf" in one.filter.fields and "." not in one.name
        ):  # along relations it is the same
            yield from (f'filter: {{asOf: "2024-01-01T00:00:00Z", {term}: {value}}}' for value in values)


# Whatever happens beyond the border


def _hidden() -> Rows:
    here = within(HERE)
    return {name: [row for row in rows if row not in here[name]] for name, rows in ROWS.items()}


def _more() -> Rows:
    """Rows beyond the border that are not there yet."""
    rows = added(_hidden(), within(HERE), path_of(UNITS[THERE]))
    all_ = {name: [*of, *rows[name]] for name, of in ROWS.items()}
    seen = {row["id"] for of in within(HERE, all_).values() for row in of}
    return {name: [row for row in of if row.get("id") not in seen] for name, of in rows.items()}


def test_beyond_the_border_every_column_says_something_and_every_word_is_said() -> None:
    hidden, more = _hidden(), _more()
    for table in TABLES:
        rows = [*hidden.get(table.name, ()), *more[table.name]]
        for column in table.columns:
            if column.name in PATH:
                continue
            said = [row[column.name] for row in rows if row.get(column.name) is not None]
            assert said, f"{column} is empty"
            for word in WORDS.get((table.name, column.name), ()):
                assert word in said or [word] in said, f"{column} never says {word}"


async def _told(executor: Executor, texts: Sequence[str]) -> list[bytes]:
    principal = viewer(Role.COUNTY_OFFICE, HERE)  # to whom most of the county is shown, private fields too
    return [(await executor.execute(Request(text), principal)).body for text in texts]


async def noticed(executor: Executor, database: Database, texts: Sequence[str]) -> str | None:
    """Let everything happen beyond the border; return how the first answer changed that tells of it."""
    before = await _told(executor, texts)
    assert not [answer for answer in before if b'"errors"' in answer]
    for happen in (_change_and_add, _remove):
        await happen(database)
        for text, then, now in zip(texts, before, await _told(executor, texts), strict=True):
            if then != now:
                return f"tells what happened beyond the border: {text}\n{told_apart(then, now)}"
    return None


def told_apart(then: bytes, now: bytes) -> str:
    """Both answers from a little before where they part."""
    at = max(0, next((at for at, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), 0) - 80)
    return f"{then[at : at + 200].decode(errors='replace')}\n{now[at : at + 200].decode(errors='replace')}"


async def _change_and_add(database: Database) -> None:
    await change(database, changed(_hidden()))
    await add(database, _more())


async def _remove(database: Database) -> None:
    await remove_all_but(database, within(HERE))


async def test_whatever_happens_beyond_the_border_no_answer_changes(
    executor: Executor, database: Database
) -> None:
    texts = [walk.text for walk in WALKS] + [one.text(given) for one in NARROWED for given in _kept(one)]
    told = await noticed(executor, database, texts)
    assert told is None, told


# SQL that reads another row than its own must say why it may

SUBQUERIES = {
    "Assignment.fields.light": "the clocks of the assignment itself",
    "Assignment.filters.light": "the clocks of the assignment itself",
    "Assignment.fields.viewerActions": "its issue, which is seen where it is, with its shares, events and rules",
    "Issue.fields.viewerActions": "its own shares and events, and the rules that it began under",
    **dict.fromkeys(
        (
            f"Issue.filters.{term}"
            for term in ("state", "satisfaction", "excluded", "dismissed", "overdue", "reopened")
        ),
        "its own events up to a moment",
    ),
    "Rule.fields.inForce": "the rules of the same unit",
    "Rule.filters.inForce": "the rules of the same unit",
}
"""What is declared with a query inside, which no scope is put on, and why each reads nothing that is hidden."""


def queries(catalogue: Catalogue) -> set[str]:
    """The fields, filters and orders that are declared with a query inside."""
    return {
        f"{entity.name}.{part}.{name}"
        for entity in catalogue.entities.values()
        for part in ("fields", "filters", "orders")
        for name, spec in getattr(entity, part).items()
        if re.search(r"\bselect\b", repr(spec), re.IGNORECASE)
    }


def test_a_query_inside_a_declaration_is_accounted_for() -> None:
    found = queries(CATALOGUE)
    assert found - {*SUBQUERIES} == set(), (
        "no scope is put on a query inside: say in SUBQUERIES why it needs none"
    )
    assert {*SUBQUERIES} - found == set()


# The guards guarded: none of these may go unnoticed

_OTHERS = "from assignment x where x.department_id <> {a}.id"
BREACHES: dict[str, tuple[str, str, Any]] = {
    "count of issues": (
        "Department",
        "line",
        Column(int, "", sql="(select count(*) from issue x where x.city_id = {a}.city_id)"),
    ),
    "count of cadres": (
        "Department",
        "line",
        Column(int, "", sql="(select count(*) from cadre x where x.city_id = {a}.city_id)"),
    ),
    **{
        f"all {column}": (
            "Department",
            "line",
            Column(str, "", sql=f"(select string_agg(x.{column}, ',' order by x.id) {_OTHERS})", null=True),
        )
        for column in ("measure", "feedback", "responsible_name")
    },
    "what events say": (
        "Event",
        "reason",
        Column(str, "", sql="(select max(x.data::text) from event x where x.issue_id <> {a}.issue_id)"),
    ),
    "whether a table that no field shows has rows": (
        "Viewer",
        "displayName",
        Column(bool, "", sql="exists (select from api_key x where x.account_id = {a}.id)"),
    ),
    "filter by a state elsewhere": (
        "Posting",
        "current",
        Is(
            "", "exists (select from assignment x join issue i on i.id = x.issue_id"
            " where i.unit_id <> {a}.unit_id and x.state = 'RETURNED')",
        ),
    ),
    "filter by an earlier moment elsewhere": (
        "Issue",
        "subject",
        OneOf(
            Subject, "", "{a}.subject",
            then="(select max(case when e.at <= {at} then 'VILLAGE' end) from event e"
            " where e.to_state = 'DISMISSED')",
        ),
    ),
    "figure over issues elsewhere": (
        "Issue",
        "handedOver",
        Is("", "exists (select from issue x where x.county_id <> {a}.county_id and x.dismissal = 'OUT_OF_SCOPE')"),
    ),
    "order by a hidden count": (
        "Cadre",
        "NAME",
        Order("(select count(*) from issue x where x.finder_id = {a}.id)", "", "bigint"),
    ),
    "relation by way of what is hidden": (
        "Cadre",
        "foundIssues",
        Many(
            "Issue", "", "{c}.finder_id = {p}.id and exists"
            " (select from issue x where x.finder_id = {p}.id and x.state = 'DISMISSED')",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("entity", "name", "spec"), BREACHES.values(), ids=BREACHES)
async def test_a_declaration_that_reads_beyond_the_border_is_noticed(
    database: Database, entity: str, name: str, spec: Any
) -> None:
    careless = Catalogue()
    for one in CATALOGUE.entities.values():
        careless.add(_with(one, name, spec) if one.name == entity else one)
    assert len(queries(careless) - {*SUBQUERIES}) == 1
    await write(database, ROWS)
    assert await noticed(await executor_on(database, careless), database, _asking(entity, name))


def _with(entity: Entity, name: str, spec: Any) -> Entity:
    match spec:
        case Is() | OneOf():
            return replace(entity, filters={**entity.filters, name: spec})
        case Order():
            return replace(entity, orders={**entity.orders, name: spec})
    return replace(entity, fields={**entity.fields, name: spec})


def _asking(entity: str, name: str) -> list[str]:
    """Some of the documents that ask for a field, a filter or an order, the shortest first, and for figures."""
    walked = [walk.text for walk in WALKS if (entity, name) in walk.fields and "(ids:" not in walk.text]
    kept = [
        one.text(given)
        for one in NARROWED
        if one.row.name == entity
        for given in _kept(one)
        if re.search(rf"\b{name}\b", given)
    ]
    return [FIGURES, *sorted(kept, key=len)[:12], *sorted(walked, key=len)[:8]]


FIGURES = f'{{ unit(code: "{HERE}") {{ metrics {_everything(SCHEMA.type_map["UnitMetrics"])} }} }}'


async def test_a_figure_that_forgets_to_ask_is_noticed(
    executor: Executor, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = Counts.select
    monkeypatch.setattr(Counts, "select", lambda counts, _where, by="": select(counts, ["true"], by))
    assert await noticed(executor, database, [FIGURES])


# Cursors

_PAGE = """
query ($after: String, $unit: String, $order: IssueOrder) {
  issues(first: 1, after: $after, filter: {unit: $unit}, orderBy: $order) {
    nodes { number } pageInfo { endCursor }
  }
}
"""


async def page(executor: Executor, principal: Principal, **variables: Any) -> Any:
    return parse((await executor.execute(Request(_PAGE, variables=variables), principal)).body)


async def test_a_cursor_is_for_its_viewer_connection_filter_and_order(executor: Executor) -> None:
    mine, other = viewer(Role.PORTAL, HERE), viewer(Role.CITY_OFFICE, CITY)
    first = await page(executor, mine)
    cursor = first["data"]["issues"]["pageInfo"]["endCursor"]
    second = await page(executor, mine, after=cursor)
    assert second["data"]["issues"]["nodes"] != first["data"]["issues"]["nodes"]
    for answer in (
        await page(executor, other, after=cursor),
        await page(executor, mine, after=cursor, unit=HERE),
        await page(executor, mine, after=cursor, order={"field": "NUMBER"}),
        await page(executor, mine, after=cursor[:-4]),
        await page(executor, mine, after="x" + cursor),
    ):
        assert answer["data"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_CURSOR"]
    text = "query ($after: String) { events(first: 1, after: $after) { nodes { id } } }"
    elsewhere = parse((await executor.execute(Request(text, variables={"after": cursor}), mine)).body)
    assert elsewhere["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


@pytest.mark.parametrize("one", NARROWED, ids=lambda one: one.name)
async def test_a_cursor_that_was_made_by_another_viewer_is_none(executor: Executor, one: Narrowed) -> None:
    text = one.text("after: $after").replace("totalCount", "pageInfo { startCursor }")
    text = f"query ($after: String) {text}"

    async def answer(principal: Principal, after: str | None) -> bytes:
        return (await executor.execute(Request(text, variables={"after": after}), principal)).body

    mine = viewer(Role.PORTAL, HERE)
    for other in (
        viewer(Role.CITY_OFFICE, CITY),
        viewer(Role.PORTAL, THERE),
        replace(mine, account_id=99_999),
    ):
        found = _CURSOR.findall((await answer(other, None)).decode())
        refused = await answer(mine, "no cursor")
        if one.name not in CLOSED:
            assert parse(refused)["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
        for cursor in found:
            assert await answer(mine, cursor) == refused, f"{one.name}: takes the cursor of {other.account}"


CLOSED = {"auditEvents"}
"""Lists that are closed to a portal: empty, whatever is asked of them."""
_CURSOR = re.compile(r'"startCursor":"([^"]+)"')


async def test_a_cursor_serves_whatever_else_is_asked(executor: Executor) -> None:
    # The members of an interface are planned together or apart, depending on what is asked of them.
    principal = viewer(Role.CITY_OFFICE, CITY)
    alike = '{ unit(code: "4110") { children(first: 1) { nodes { code } pageInfo { endCursor } } } }'
    answer = parse((await executor.execute(Request(alike), principal)).body)["data"]["unit"]["children"]
    apart = """
    query ($after: String) {
      unit(code: "4110") {
        children(first: 1, after: $after) { nodes { code } }
        ... on City { counties { totalCount } }
      }
    }
    """
    variables = {"after": answer["pageInfo"]["endCursor"]}
    following = parse((await executor.execute(Request(apart, variables=variables), principal)).body)
    assert answer["nodes"] == [{"code": HERE}]
    assert following["data"]["unit"]["children"]["nodes"] == [{"code": THERE}]
