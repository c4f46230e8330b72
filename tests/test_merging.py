"""Fields that answer under one name: the linear rule has the verdicts of GraphQL's own rule, in less time."""

from dataclasses import dataclass, field

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from lxbc_graph.read import merging
from lxbc_graph.read.limits import Exceeded, Limits
from lxbc_graph.read.selection import fragments_of
from lxbc_graph.schema.build import build

SCHEMA: GraphQLSchema = build()._schema
FREE = Limits(fields=10**6)

Composite = GraphQLObjectType | GraphQLInterfaceType

FIELDS = {
    *(
        "id",
        "name",
        "code",
        "level",
        "validFrom",
        "validTo",
        "aliases",
        "title",
        "version",
        "lookBacks",
        "state",
    ),
    *(
        "unit",
        "parent",
        "city",
        "county",
        "successor",
        "issue",
        "node",
        "nodes",
        "edges",
        "metrics",
        "red",
        "rate",
    ),
    *("children", "counties", "townships", "issues", "assignments", "totalCount", "numerator", "denominator"),
}
"""Enough for every kind of conflict; the fewer, the oftener they meet."""

ARGUMENTS = {
    "code": ('"4110"', '"411024"', "$code"),
    "id": ('"Unit:1"', '"Unit:2"'),
    "first": ("1", "2", "$first", "null"),
    "filter": (
        '{search: "x", unit: "4110"}',
        '{unit: "4110", search: "x"}',
        '{search: "x"}',
        "{unit: $code}",
    ),
    "orderBy": ("{field: CODE}", "{field: NAME}", "{field: CODE, direction: ASC}"),
}


@dataclass
class Writer:
    """Writes a random document in which names meet."""

    draw: DrawFn
    fragments: list[tuple[str, Composite, str]] = field(default_factory=list)
    written: int = 0

    def selection(self, type_: Composite, depth: int) -> str:
        return "{ " + " ".join(self.part(type_, depth) for _ in range(self.draw(st.integers(1, 3)))) + " }"

    def part(self, type_: Composite, depth: int) -> str:
        kind = self.draw(st.sampled_from(("field", "inline", "inline", "fragment", "again")))
        if kind == "field" or depth == 0:
            return self.field(type_, depth)
        on = self.draw(st.sampled_from(overlapping(type_)))
        if kind == "inline":
            return f"... on {on.name} {self.selection(on, depth - 1)}"
        known = [name for name, of, _ in self.fragments if of in overlapping(type_)]
        if kind == "again" and known:
            return f"...{self.draw(st.sampled_from(known))}"
        text = self.selection(on, depth - 1)
        name = f"F{len(self.fragments)}"
        self.fragments.append((name, on, text))
        return f"...{name}"

    def field(self, type_: Composite, depth: int) -> str:
        names = [
            name
            for name, spec in sorted(type_.fields.items())
            if name in FIELDS and (depth > 0 or is_leaf_type(get_named_type(spec.type)))
        ]
        name = self.draw(st.sampled_from(names)) if names else "__typename"
        alias = self.draw(st.sampled_from(("", "a: ", "name: ")))
        if name == "__typename":
            return f"{alias}{name}"
        spec = type_.fields[name]
        given = [
            f"{argument}: {self.draw(st.sampled_from(values))}"
            for argument, values in ARGUMENTS.items()
            if argument in spec.args and (argument in {"code", "id"} or self.draw(st.integers(0, 4)) == 0)
        ]
        if self.draw(st.booleans()):
            given.reverse()
        text = f"{alias}{name}" + (f"({', '.join(given)})" if given else "")
        inner = get_named_type(spec.type)
        if isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
            text += f" {self.selection(inner, depth - 1)}"
        return text


def overlapping(type_: Composite) -> list[Composite]:
    found = {type_, *type_.interfaces}
    if isinstance(type_, GraphQLInterfaceType):
        found |= {one for one in SCHEMA.get_possible_types(type_) if one.name in UNITS or one.name == "Issue"}
    return sorted(found, key=lambda one: one.name)


UNITS = {"City", "County", "Township", "Village"}


@st.composite
def documents(draw: DrawFn) -> str:
    writer = Writer(draw)
    root = draw(st.sampled_from(("Query", "Unit", "Unit")))
    type_ = SCHEMA.get_type(root)
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    text = writer.selection(type_, draw(st.integers(2, 4)))
    if root == "Unit":  # where types and interfaces meet most
        text = f"{{ unit(code: $code) {text} }}"
    parts = (f"fragment {name} on {on.name} {inner}" for name, on, inner in writer.fragments)
    return "\n".join([f"query($code: String!, $first: Int) {text}", *parts])


def verdicts(text: str, limits: Limits = FREE) -> tuple[bool, bool]:
    """Whether there is a conflict: by this rule, and by that of graphql-core."""
    document = parse(text)
    ours = merging.conflicts(SCHEMA, document, limits, 20)
    theirs = validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule])
    assert not any(error.message == "Validation aborted." for error in theirs)
    return bool(ours), bool(theirs)


@given(documents())
@settings(max_examples=500, derandomize=True)
def test_it_refuses_what_graphql_refuses_and_nothing_else(text: str) -> None:
    note(text)
    ours, theirs = verdicts(text)
    event(f"conflict: {theirs}")
    assert ours is theirs


PAIRS = {
    "{ city { name name } }": False,
    "{ city { a: name a: name } }": False,
    "{ city { a: name a: code } }": True,
    "{ city { name: code name } }": True,
    "{ city { a: level ...F } } fragment F on Unit { a: level }": False,
    "{ city { a: level ...F } } fragment F on City { a: name }": True,
    '{ unit(code: "1") { name } unit(code: "1") { code } }': False,
    '{ unit(code: "1") { name } unit(code: "2") { name } }': True,
    'query($c: String!) { unit(code: "c") { name } unit(code: $c) { name } }': True,
    '{ unit(code: "1") { name } unit(code: """1""") { name } }': True,
    "{ city { children { totalCount } children(first: 1) { totalCount } } }": True,
    "{ city { children(first: 1, last: null) { totalCount } children(last: null, first: 1) { totalCount } } }": False,
    '{ units(filter: {unit: "1", search: "x"}) { totalCount } units(filter: {search: "x", unit: "1"}) { edges'
    " { cursor } } }": False,
    "{ issues(filter: {state: [CLOSED, ASSIGNED]}) { totalCount } issues(filter: {state: [ASSIGNED, CLOSED]})"
    " { totalCount } }": True,
    # what answers for different types may differ, but not in shape
    '{ unit(code: "1") { ... on City { a: name } ... on County { a: code } } }': False,
    '{ unit(code: "1") { ... on City { a: name } ... on Unit { a: code } } }': True,
    '{ unit(code: "1") { ... on City { a: name } ... on County { a: level } } }': True,
    '{ unit(code: "1") { ... on City { a: validFrom } ... on County { a: validTo } } }': True,
    '{ unit(code: "1") { ... on City { a: name } ... on County { a: aliases } } }': True,
    '{ unit(code: "1") { ... on City { a: counties { totalCount } } ... on County { a: townships { totalCount } } } }'
    "": False,
    '{ unit(code: "1") { ... on City { a: parent { b: name } } ... on County { a: city { b: code } } } }': False,
    '{ unit(code: "1") { ... on City { a: parent { b: name } } ... on County { a: city { b: level } } } }': True,
    '{ unit(code: "1") { ... on City { a: parent { b: name } } ... on County { a: city { b: parent { id } } } } }'
    " # a leaf and an object": True,
    '{ unit(code: "1") { ... on City { a: name } ... on County { a: name } ... on Unit { a: code } } }': True,
    '{ unit(code: "1") { ... on City { a: name } ... on County { a: code } ... on Unit { a: code } } }': True,
    '{ unit(code: "1") { ... on City { parent { a: id } } ... on County { parent { b: id } } parent { b: name } } }'
    "": True,
    '{ unit(code: "1") { ... on City { parent { a: id } } ... on County { parent { b: id } } parent { c: name } } }'
    "": False,
    # exclusive above, so exclusive below, whatever the types there
    '{ unit(code: "1") { ... on City { parent { a: name } } ... on County { parent { a: code } } } }': False,
    '{ unit(code: "1") { ... on City { parent { a: name } } ... on Unit { parent { a: code } } } }': True,
    '{ unit(code: "1") { ... on City { parent { ...F } } ... on County { parent { ...F } } } }'
    " fragment F on Unit { a: name ... on City { a: code } }": True,
    '{ node(id: "1") { ... on Issue { a: title } ... on Unit { a: name } } }': True,
    '{ node(id: "1") { ... on Issue { a: title } ... on City { a: name } } }': False,
    "{ issues { nodes { a: id } edges { node { a: title } } } }": False,
    "{ issues { nodes { unit { a: id } } } ...F }"
    " fragment F on Query { issues { nodes { unit { a: name } } } }": True,
}


@pytest.mark.parametrize(("text", "conflict"), PAIRS.items())
def test_one_pair(text: str, conflict: bool) -> None:
    assert verdicts(text) == (conflict, conflict)


def work(text: str) -> int:
    """How often a field is looked at."""
    left = 10**9
    document = parse(text)
    rule = merging._Merging(SCHEMA, fragments_of(document), FREE, 20)
    rule._left = left
    rule.check_operations(document)
    assert rule.errors == []
    return left - rule._left


@pytest.mark.parametrize(
    "text",
    [
        "{ city { FIELDS } }",
        "{ FIELDS }".replace("FIELDS", "city { FIELDS }"),
        "{ city { parent { FIELDS } parent { FIELDS } } }",
        "{ city { ...F ...G } } fragment F on Unit { FIELDS } fragment G on City { FIELDS }",
    ],
)
def test_the_work_grows_as_the_fields_do(text: str) -> None:
    few, many = (work(text.replace("FIELDS", "id name " * number)) for number in (100, 200))
    assert many <= 2 * few


def twisted(levels: int, width: int) -> str:
    """Types within types, in which each level is compared anew with what each type adds to it."""
    types = sorted(UNITS)[:width]

    def level(depth: int) -> str:
        if depth == 0:
            return "id"
        own = " ".join(
            f"... on {name} {{ parent {{ {'parent { ' * (depth - 1)}id{' }' * (depth - 1)} }} }}"
            for name in types
        )
        return f"parent {{ {level(depth - 1)} }} {own}"

    return f'{{ unit(code: "1") {{ {level(levels)} }} }}'


def test_what_would_be_compared_too_often_is_refused() -> None:
    assert verdicts(twisted(3, 2), Limits()) == (False, False)
    with pytest.raises(Exceeded) as exceeded:
        merging.conflicts(SCHEMA, parse(twisted(9, 4)), Limits(), 20)
    assert exceeded.value.extensions is not None
    assert exceeded.value.extensions["limit"]["name"] == "overlaps"


@pytest.mark.parametrize(
    "text",
    [
        "{ nothing { id } city { nothing } }",
        "{ city { name { id } } issues }",
        "{ ...Nothing ...F } fragment F on Nothing { id }",
        "{ ... on Nothing { id } ... on String { id } ... on IssueFilter { unit } }",
        "{ city { ...F } } fragment F on City { name } fragment F on City { code }",
        "{ city(nothing: [{a: [1]}]) { id } city(nothing: $nothing) { id } }",
    ],
)
def test_what_is_not_valid_is_passed_over(text: str) -> None:
    merging.conflicts(SCHEMA, parse(text), FREE, 20)


def test_conflicts_are_told_as_graphql_tells_them() -> None:
    for text in list(PAIRS)[:12]:
        document = parse(text)
        ours = merging.conflicts(SCHEMA, document, FREE, 20)
        theirs = validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule])
        assert [(one.message, one.locations) for one in ours] == [
            (one.message, one.locations) for one in theirs
        ]


def test_no_more_conflicts_are_told_than_asked() -> None:
    text = "{ city { " + " ".join(f"a{n}: name a{n}: code" for n in range(100)) + " } }"
    assert len(merging.conflicts(SCHEMA, parse(text), FREE, 20)) == 20
