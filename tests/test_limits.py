"""Limits of documents: what is above one is refused before it is validated, with its name, by every transport."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from graphql import execute_sync, get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doors import DOORS, Doors, codes_of, doors_of
from tests.test_http import WORLD
from tests.test_merging import twisted

from lxbc_graph.read import cost as cost_module
from lxbc_graph.read import document as document_module
from lxbc_graph.read import limits as limits_module
from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.introspection import MAX_TOLD
from lxbc_graph.read.limits import Exceeded, Limits
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
SCHEMA = build()._schema
LIMITS = Limits()


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, CATALOGUE, LIMITS)


def refused(documents: Documents, text: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the extensions of the one error that says why a document is not run."""
    with pytest.raises(Refused) as refusal:
        documents.operation(text, None).variables(variables)
    (error,) = refusal.value.errors
    assert len(error.message) < 200
    return dict(error.extensions or {})


def chain(length: int, spreads: str, last: str) -> str:
    """Fragments of which each spreads the next, so and so often."""
    links = [
        f"fragment F{place} on Unit {{ {spreads.replace('NEXT', f'F{place + 1}')} }}"
        for place in range(length)
    ]
    return " ".join(["{ city { ...F0 } }", *links, f"fragment F{length} on Unit {{ {last} }}"])


def aliases(number: int, field: str) -> str:
    return " ".join(f"a{place}: {field}" for place in range(number))


def nested(field: str, depth: int, inner: str) -> str:
    return f"{field} {{ " * depth + inner + " }" * depth


def chains(number: int, length: int) -> str:
    """A fragment F that spreads so many others, each the first of as many in one another."""
    links = [
        f"fragment C{chain}L{place} on City {{ ...C{chain}L{place + 1} }}"
        for chain in range(number)
        for place in range(length)
    ]
    ends = [f"fragment C{chain}L{length} on City {{ id }}" for chain in range(number)]
    starts = " ".join(f"...C{chain}L0" for chain in range(number))
    return " ".join([f"fragment F on City {{ {starts} }}", *links, *ends])


OPERATIONS = " ".join(f"query Q{place}($a: Boolean) {{ ...F }}" for place in range(80))
OF_EACH_TYPE = "fragment F on __Type { fields { name args { name } } }"
ALL_OF_A_NODE = f'__type(name: "Node") {{ possibleTypes {{ fields {{ {aliases(9, "args { name }")} }} }} }}'

TOO_LARGE = {
    "20,000 aliases": (f"{{ {' '.join(f'a{place}: __typename' for place in range(20_000))} }}", "bytes"),
    "100,000 tokens": ("{ " + "a " * 100_000 + "}", "bytes"),
    "100,000 braces": ("{" * 100_000, "bytes"),
    "9,000 names": ("{ " + "a " * 9_000 + "}", "tokens"),
    "9,000 values": (f"{{ a(b: [{'1 ' * 9_000}]) }}", "tokens"),
    "9,000 comments": ("#\n" * 9_000 + "{ __typename }", "tokens"),
    "directives": ("{ __typename " + "@a" * 9_000 + " }", "tokens"),
    "3,000 overlapping fields": (f"{{ city {{ {'id ' * 3_000} }} }}", "tokens"),
    "1,001 overlapping fields": (f"{{ city {{ {'id ' * 1_000} }} }}", "fields"),
    "60 x 60 aliases": (
        "{ city { "
        + " ".join(f"a{place}: parent {{ ...F }}" for place in range(60))
        + " } } fragment F on Unit { "
        + " ".join(f"b{place}: id" for place in range(60))
        + " }",
        "fields",
    ),
    "101 aliases": (f"{{ {' '.join(f'a{place}: __typename' for place in range(101))} }}", "aliases"),
    "120 aliases of a fragment": (
        f"{{ {'city { ...F } ' * 6} }} fragment F on City {{ {aliases(20, 'name')} }}",
        "aliases",
    ),
    "2^25 fields": (chain(25, "...NEXT ...NEXT", "id"), "fields"),
    "2^45 fields": (chain(45, "...NEXT ...NEXT", "id"), "fields"),
    "25 fragments deep": (chain(25, "parent { ...NEXT }", "id"), "depth"),
    "13 fields deep": (f"{{ city {{ {nested('parent', 11, 'id')} }} }}", "depth"),
    "60 inline fragments": (f"{{ {nested('...', 60, '__typename')} }}", "nesting"),
    "220 fragments one in the other": (chain(200, "...NEXT", "id"), "nesting"),
    "fragments in fields": (f"{{ {aliases(60, 'city { ...F }')} }} {chains(8, 18)}", "fields"),
    "fragments in operations": (
        " ".join(f"query Q{place} {{ city {{ ...F }} }}" for place in range(90)) + f" {chains(4, 28)}",
        "fields",
    ),
    "fragments without a name": (
        f"{{ {aliases(60, 'city { ...F }')} }} fragment F on City {{ {'... { id } ' * 20} }}",
        "fields",
    ),
    "values of a directive": (
        f"{OPERATIONS} fragment F on Query {{ __typename @include(if: [{'$a ' * 400}]) }}",
        "values",
    ),
    "values of a fragment's directive": (
        f"{OPERATIONS} fragment F on Query @include(if: [{'$a ' * 400}]) {{ __typename }}",
        "values",
    ),
    "values of a spread's directive": (
        OPERATIONS
        + f" fragment F on Query {{ ...G @include(if: [{'$a ' * 400}]) }} fragment G on Query {{ __typename }}",
        "values",
    ),
    "the schema times itself": (
        f"{{ __schema {{ types {{ {aliases(10, 'fields { type { fields { name } } }')} }} }} }}",
        "introspection",
    ),
    "the schema by a fragment": (
        f"{{ __schema {{ types {{ {aliases(60, 'fields { type { ...F } }')} }} }} }} {OF_EACH_TYPE}",
        "introspection",
    ),
    "what types are described as": (
        f"{{ __schema {{ {aliases(99, 'types { name kind }')} }} }}",
        "introspection",
    ),
    "types one by one": (f"{{ {aliases(10, ALL_OF_A_NODE)} }}", "introspection"),
    "1,001 values": (f"{{ issues(filter: {{finder: [{'1 ' * 999}]}}) {{ totalCount }} }}", "values"),
    "a number of 1,001 digits": (f"{{ issues(first: {'1' * 1_001}) {{ totalCount }} }}", "digits"),
    "values of a fragment": (
        "{ " + " ".join(f"a{place}: city {{ ...F }}" for place in range(20)) + " }"
        f" fragment F on City {{ children(filter: {{level: [{'CITY ' * 60}]}}) {{ totalCount }} }}",
        "values",
    ),
    "values by default": (f"query($a: [ID!] = [{'1 ' * 1_001}]) {{ nodes(ids: $a) {{ id }} }}", "values"),
    "overlaps": (twisted(9, 4), "overlaps"),
    "many operations": (
        " ".join(f"query Q{place} {{ ...F }}" for place in range(150))
        + f" fragment F on Query {{ city {{ {'id ' * 100} }} }}",
        "fields",
    ),
}
"""What is above which limit."""


@pytest.mark.parametrize(("text", "limit"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_is_refused_before_it_is_validated(
    text: str, limit: str, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def validate(*_: object, **__: object) -> None:
        pytest.fail("it was validated")

    monkeypatch.setattr(document_module, "validate", validate)
    told = refused(documents, text)
    assert told["code"] == "TOO_COMPLEX"
    assert told["limit"]["name"] == limit
    assert told["limit"]["found"] > told["limit"]["maximum"] > 0
    assert told["cost"] == {"cost": None, "limit": 10_000}
    assert json.loads(json.dumps(told)) == told


def test_the_limits_are_those_that_were_set() -> None:
    tight = Limits(bytes=300, tokens=60, depth=3, fields=10, aliases=2, values=22, cost=50, page=20)
    documents = Documents(SCHEMA, CATALOGUE, tight)
    for text, name in (
        ("#" * 300 + "\n{ __typename }", "bytes"),
        ("{ " + "id " * 60 + "}", "tokens"),
        ("{ city { parent { parent { id } } } }", "depth"),
        ("{ city { id id id id id id id id id id } }", "fields"),
        ("{ units(filter: {level: [" + "CITY " * 21 + "]}) { totalCount } }", "values"),
        ("{ a: __typename b: __typename c: __typename }", "aliases"),
        (
            "{ issues { nodes { unit { id } finder { id } verifier { id } sponsor { id } category { id } } } }",
            "depth",
        ),
        ("{ issues { nodes { viewerActions } } }", "cost"),
        ("{ issues(first: 21) { totalCount } }", "page"),
        ('{ nodes(ids: ["a"' + ', "a"' * 20 + "]) { id } }", "page"),
    ):
        limit = refused(documents, text)["limit"]
        assert (limit["name"], limit["maximum"]) == (name, getattr(tight, name)), text
    operation = documents.operation("{ issues { nodes { id } } }", None)
    assert operation.cost.of({}) == 20, "and a page whose size is not given is no larger"


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...C } fragment C on Query { ...A }",
        "{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }",
        " ".join(["{ ...F0 }", *(f"fragment F{n} on Query {{ ...F{(n + 1) % 150} }}" for n in range(150))]),
    ],
)
def test_fragments_in_a_circle_are_refused_before_they_are_validated(
    text: str, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(document_module, "validate")
    assert refused(documents, text) == {"code": "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "text",
    [
        "{ a(b: " + "[" * 300 + "]" * 300 + ") }",
        "{ a(b: " + "{c:" * 300 + "1" + "}" * 300 + ") }",
        "{ a" * 300 + "}" * 300,
        "query(" + "$a: " + "[" * 900 + "Int" + "]" * 900 + ") { a }",
        "{" * 20_000,
        "{ a(b: " + "[" * 19_000,
        "{ a(b: " + "{c:" * 6_000,
    ],
    ids=["lists", "objects", "fields", "types", "braces", "brackets", "open objects"],
)
def test_what_is_nested_beyond_what_anybody_means_is_refused(text: str, documents: Documents) -> None:
    assert refused(documents, text)["code"] in {"GRAPHQL_PARSE_FAILED", "TOO_COMPLEX"}


SOONER = {
    "cost": (
        "{ issues(first: 100) { nodes { assignments(first: 100) { nodes { id } } } } nothing }",
        "TOO_COMPLEX",
    ),
    "pages": (
        "query($n: Int) { issues(first: 101) { nodes { events(first: $n) { nothing } } } }",
        "PAGE_TOO_LARGE",
    ),
    "ids": (f"{{ nodes(ids: [{'1 ' * 101}]) {{ nothing }} }}", "PAGE_TOO_LARGE"),
    "several operations": ("query A { nothing } query B { nothing }", "BAD_REQUEST"),
    "unused": (
        "{ nothing } fragment F on Query { ...G } fragment G on Query { id }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "conflicts": ("{ nothing a: city { id } a: viewer { account } }", "GRAPHQL_VALIDATION_FAILED"),
}
"""What is refused without the walk of all rules over the whole document, and with which code."""


@pytest.mark.parametrize(("text", "code"), SOONER.values(), ids=SOONER)
def test_what_can_be_told_sooner_is_not_validated(
    text: str, code: str, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(document_module, "validate")
    assert refused(documents, text)["code"] == code


def test_an_operation_that_is_not_there_is_refused_before_the_others_are_validated(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(document_module, "validate")
    for _ in range(2):
        with pytest.raises(Refused, match="no operation of the name"):
            documents.operation("query A { nothing }", "B")
        with pytest.raises(NameError, match="validate"):
            documents.operation("query A { nothing }", "A")


def test_what_only_variables_decide_is_left_to_them(documents: Documents) -> None:
    text = """query($a: Int, $b: Int, $ids: [ID!] = []) {
      issues(first: $a, last: $b) { nodes { events(first: 100) { nodes { id } } } }
      nodes(ids: $ids) { ... on Issue { events(first: 100) { nodes { id } } } }
    }"""
    operation = documents.operation(text, None)
    assert operation.cost.of(operation.variables({"a": 1, "b": None})) == 101
    assert operation.cost.of(operation.variables({"b": 2, "ids": ["x"]})) == 202 + 101
    assert refused(documents, text, {"a": 100})["limit"]["found"] == 10_100
    assert refused(documents, text, {"a": 1, "b": 1})["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("length", [5, 50])
@pytest.mark.parametrize("spreads", ["...NEXT", "...NEXT ...NEXT ...NEXT", "...NEXT parent { ...NEXT }"])
def test_each_selection_is_counted_once_however_often_it_is_spread(
    spreads: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    count = limits_module._count

    def counting(selection: Any) -> Any:
        counted.append(selection)
        return count(selection)

    monkeypatch.setattr(limits_module, "_count", counting)
    text = chain(length, spreads, "id")
    with suppress(Exceeded):
        limits_module.check(parse(text), Limits(depth=10))
    assert len(counted) == length + 2


WHOLE = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)


def test_graphiql_and_others_may_introspect(documents: Documents) -> None:
    for text in (WHOLE, get_introspection_query()):
        assert documents.operation(text, None).cost.of({}) == 0


def told_in(answer: Any) -> int:
    """Count the fields of an answer, at every depth."""
    if isinstance(answer, list):
        return sum(map(told_in, answer))
    return sum(1 + told_in(value) for value in answer.values()) if isinstance(answer, dict) else 0


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        "{ __schema { types { fields { type { ofType { fields { name } } } } } } }",
        f"{{ __schema {{ {aliases(9, 'directives { args { name defaultValue } }')} }} }}",
        f"{{ {aliases(3, ALL_OF_A_NODE)} }}",
        "{ __schema { ...F } } fragment F on __Schema { types { ... { enumValues { name } } } }",
        '{ __schema { queryType { name } } __type(name: "Nothing") { name fields { name } } }',
        "{ __schema { description } __typename }",
    ],
)
def test_what_introspection_tells_is_known_before_it_is_told(
    text: str, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = execute_sync(SCHEMA, parse(text))
    assert answer.errors is None
    assert answer.data is not None
    number = sum(told_in(value) for value in answer.data.values())
    monkeypatch.setattr(cost_module, "MAX_TOLD", number)
    documents.operation(text, None).variables(None)
    monkeypatch.setattr(cost_module, "MAX_TOLD", number - 1)
    limit = refused(Documents(SCHEMA, CATALOGUE, LIMITS), text)["limit"] if number else {"found": 0}
    assert limit["found"] == number


def test_what_all_operations_tell_of_the_schema_is_one_sum(documents: Documents) -> None:
    """It is counted before it is known which of them runs."""
    fragment = "fragment F on Query { __schema { types { fields { type { fields { type { name } } } } } } }"
    operations = [f"query Q{place} {{ ...F }}" for place in range(124)]
    assert documents.operation(" ".join([*operations[:2], fragment]), "Q0").cost.of({}) == 0
    with pytest.raises(Refused) as refusal:
        documents.operation(" ".join([*operations, fragment]), "Q0")
    (error,) = refusal.value.errors
    assert error.extensions is not None
    assert error.extensions["limit"] == {"name": "introspection", "maximum": MAX_TOLD, "found": MAX_TOLD + 1}


def test_which_type_is_told_may_be_a_variable(documents: Documents) -> None:
    fields = aliases(70, "args { name }")
    text = f"query($of: String!) {{ __type(name: $of) {{ possibleTypes {{ fields {{ {fields} }} }} }} }}"
    for _ in range(2):
        assert refused(documents, text, {"of": "Node"})["limit"]["name"] == "introspection"
        for name in ("Issue", "Unit", "Nothing", "N" * 10_000):
            assert documents.operation(text, None).variables({"of": name}) == {"of": name}


@pytest.mark.parametrize(
    "inner",
    [
        "types { nothing }",
        "types { description { name } }",
        "types { fields { nothing } }",
        "types { fields }",
        "types { kind { a { b } } }",
        "... on __Field { type { name } args { name } }",
        "... on Query { __type(name: 1) { name } city { name } }",
        "types { ... on __Schema { types { name } } ... on __InputValue { type { name } } }",
    ],
)
def test_what_is_wrong_with_introspection_is_told(inner: str, documents: Documents) -> None:
    for text in (f"{{ __schema {{ {inner} }} }}", f"{{ a: __schema {{ {inner} }} a: __type {{ name }} }}"):
        with pytest.raises(Refused) as refusal:
            documents.operation(text, None)
        codes = [error.extensions["code"] for error in refusal.value.errors if error.extensions]
        assert set(codes) == {"GRAPHQL_VALIDATION_FAILED"}


TWICE = {
    "__schema": "{ ASKED { description } }",
    "__type": '{ ASKED(name: "Issue") { name } }',
    "eventCursor": "{ ASKED }",
    "explainAccess": '{ ASKED(id: "Issue:1", action: "issue:read") { allowed } }',
    "login": 'mutation { ASKED(account: "a", password: "b") { accessToken } }',
    "refresh": 'mutation { ASKED(token: "a") { accessToken } }',
    "logout": 'mutation { ASKED(refreshToken: "a") { __typename } }',
}


@pytest.mark.parametrize(("name", "most"), limits_module.ASKED.items())
def test_what_resolvers_answer_is_asked_for_so_often(
    name: str, most: int, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _, after = TWICE[name].partition("ASKED")
    once = f"{name}{after.removesuffix('}')}"
    documents.operation(f"{before}{aliases(most, once)} }}", None)
    monkeypatch.delattr(document_module, "validate")
    told = refused(documents, f"{before}{aliases(most + 1, once)} }}")
    assert told == {
        "code": "TOO_COMPLEX",
        "limit": {"name": name, "maximum": most, "found": most + 1},
        "cost": {"cost": None, "limit": 10_000},
    }


def test_each_limit_is_a_setting_and_told() -> None:
    clients, operating = ((DOCS / name).read_text("utf-8") for name in ("clients.md", "operating.md"))
    names = {one.name: one.name for one in fields(Limits)} | {"bytes": "query_bytes"}
    for limit, name in names.items():
        assert getattr(Settings(), f"max_{name}") == getattr(LIMITS, limit)
        assert f"`LXBC_MAX_{name.upper()}`" in clients
        assert f"`LXBC_MAX_{name.upper()}`" in operating
    for limit in limits_module._TOLD:
        assert f"`{limit}`" in clients


BY_FINDER = "query($a: [ID!]) { issues(filter: {finder: $a}) { totalCount } }"
FILTERED = "query($a: IssueFilter) { issues(filter: $a) { totalCount } }"
CHANGED = "mutation($a: SetRuleInput!) { setRule(input: $a) { errors { code } } }"
VALUES: dict[str, tuple[str, Any]] = {
    "a list": (BY_FINDER, ["Cadre:1"] * 25_000),
    "lists in a list": (BY_FINDER, [["Cadre:1"] * 100] * 10),
    "a list in a filter": (FILTERED, {"finder": ["Cadre:1"] * 1_000}),
    "no fields of a filter": (FILTERED, {f"a{place}": 1 for place in range(1_000)}),
    "the JSON of an input": (CHANGED, {"unitId": "Unit:1", "name": "a", "settings": {"a": [[1] * 9] * 100}}),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_too_many_values_of_variables_are_refused_before_they_are_looked_at(
    text: str, value: Any, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(document_module, "get_variable_values")
    told = refused(documents, text, {"a": value})
    assert told["code"] == "TOO_COMPLEX"
    assert told["limit"]["name"] == "values"
    assert told["limit"]["found"] > told["limit"]["maximum"] == 1_000


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_variables_that_are_nested_too_deeply_are_refused_before_they_are_looked_at(
    opening: str, closing: str, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(document_module, "get_variable_values")
    settings = json.loads(opening * 900 + "1" + closing * 900)
    told = refused(documents, CHANGED, {"a": {"unitId": "Unit:1", "name": "a", "settings": settings}})
    assert told["code"] == "TOO_COMPLEX"
    assert told["limit"] == {"name": "input", "maximum": 100, "found": 101}


def test_as_many_values_as_there_may_be_are_taken(documents: Documents) -> None:
    finders = ["Cadre:1"] * 999
    operation = documents.operation(BY_FINDER, None)
    assert operation.variables({"a": finders}) == {"a": finders}
    listed = documents.operation(
        f"{{ issues(filter: {{state: [{'CLOSED ' * 998}]}}) {{ totalCount }} }}", None
    )
    assert listed.variables(None) == {}


# ── by every transport ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
async def doors(server_url: str, template: str) -> AsyncIterator[Doors]:
    async with doors_of(server_url, template, WORLD) as found:
        yield found


@pytest.mark.anyio
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["9,000 names", "60 x 60 aliases", "2^25 fields", "13 fields deep"])
async def test_what_is_too_large_is_refused_by_every_transport(doors: Doors, door: str, name: str) -> None:
    text, limit = TOO_LARGE[name]
    answer = await doors.ask(door, query=text)
    assert codes_of(answer) == ["TOO_COMPLEX"]
    assert answer["errors"][0]["extensions"]["limit"]["name"] == limit
    assert "data" not in answer


@pytest.mark.anyio
@pytest.mark.parametrize("door", DOORS)
async def test_what_is_refused_is_read_once(doors: Doors, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    parsing = Documents._parsed

    def counted(documents: Documents, text: str) -> Any:
        read.append(text)
        return parsing(documents, text)

    monkeypatch.setattr(Documents, "_parsed", counted)
    texts = [f"{{ nothing }} # {door} {number}" for number in range(2)]
    for text in texts:
        assert codes_of(await doors.ask(door, query=text)) == ["GRAPHQL_VALIDATION_FAILED"]
    assert read == texts


@pytest.mark.anyio
async def test_types_of_types_are_refused_before_they_are_asked_for(doors: Doors) -> None:
    def level(depth: int) -> str:
        of_each = " ".join(f"... on {name} {{ id }}" for name in ("City", "County", "Township"))
        return "id" if depth == 0 else f"id {of_each} parent {{ {level(depth - 1)} }}"

    answer = await doors.ask("post", query=f"{{ city {{ parent {{ {level(8)} }} }} }}")
    assert codes_of(answer) == ["TOO_COMPLEX"]
    assert answer["errors"][0]["extensions"]["limit"]["name"] == "types"
    assert "data" not in answer


@pytest.mark.anyio
@pytest.mark.parametrize("door", DOORS)
async def test_what_costs_too_much_is_refused_by_every_transport(doors: Doors, door: str) -> None:
    text = "query($n: Int!) { issues(first: $n) { nodes { events(first: $n) { nodes { id } } } } }"
    told = {
        "code": "TOO_COMPLEX",
        "limit": {"name": "cost", "maximum": 10_000, "found": 10_100},
        "cost": {"cost": 10_100, "limit": 10_000},
    }
    answer = await doors.ask(door, query=text, variables={"n": 100})
    (error,) = answer["errors"]
    assert error["extensions"].items() >= told.items()
    assert "data" in await doors.ask(door, query=text, variables={"n": 99})
    if door in {"sse", "websocket"}:
        inner = "issue { events(first: 100) { nodes { attachments(first: 100) { nodes { id } } } } }"
        answer = await doors.ask(door, query=f"subscription {{ issueEvents {{ event {{ {inner} }} }} }}")
        assert codes_of(answer) == ["TOO_COMPLEX"]


@pytest.mark.anyio
@pytest.mark.parametrize("door", DOORS)
async def test_who_asks_is_told_what_it_cost(doors: Doors, door: str) -> None:
    text = "{ issues(first: 3) { nodes { unit { name } } } }"
    plain = await doors.ask(door, query=text)
    assert "extensions" not in plain
    answer = await doors.ask(door, query=text, extensions={"cost": True})
    assert answer == {**plain, "extensions": {"cost": {"cost": 6, "limit": 10_000}}}


@pytest.mark.anyio
async def test_a_change_whose_answer_cannot_be_given_is_not_made(doors: Doors) -> None:
    text = """mutation($n: Int, $skip: Boolean = false) { reportIssue(input: {
      unitId: "Unit:4", title: "题", description: "文", source: VISIT
    }) { issue { events(first: $n) { nodes { id @skip(if: $skip) } } } errors { code } } }"""
    count = "{ issues { totalCount } }"
    before = await doors.ask("post", query=count)
    for variables in ({"n": 101}, {"n": -1}, {"n": 1, "skip": None}):
        assert "errors" in await doors.ask("post", query=text, variables=variables)
    assert await doors.ask("post", query=count) == before
    answer = await doors.ask("post", query=text, variables={"n": 1})
    assert answer["data"]["reportIssue"]["errors"] == []


# ── cost ─────────────────────────────────────────────────────────────────────────────────────────────────────


WITH_CURSORS = f"edges {{ {aliases(5, 'cursor')} node {{ id }} }}"
NEW_YEAR = '"2021-01-01T00:00:00Z"'
NAMES = aliases(97, "villagerName")
PAGES_TOLD = f"pageInfo {{ {aliases(20, 'endCursor')} }}"
COSTS: list[tuple[str, int]] = [
    ("{ __typename }", 0),
    ("{ __schema { types { name } } }", 0),
    ("{ city { name } }", 1),
    ('{ unit(code: "4110") { parent { parent { name } } } }', 3),
    ("{ issues { totalCount } }", 200),
    ("{ issues(first: 2) { nodes { events { totalCount } } } }", 2 + 2 * 10),
    ("{ units(first: 2) { nodes { issues { totalCount } } } }", 2 + 2 * 200),
    ("{ issues { __typename } }", 0),
    ("{ issues { nodes { id } } }", 50),
    ("{ issues { edges { cursor } } }", 50),
    ("{ issues { pageInfo { endCursor } } }", 50),
    ("{ issues(first: 3) { totalCount nodes { id } edges { node { id } } } }", 203),
    ("{ issues(last: 7) { nodes { unit { parent { id } } } } }", 7 * 3),
    ("{ issues(first: null) { nodes { id } } }", 50),
    ("{ issues(first: 0) { nodes { unit { id } } } }", 0),
    (
        "{ issues(first: 10) { edges { node { assignments(first: 5) { nodes { unit { id } } } } } } }",
        10 * (1 + 5 * 2),
    ),
    ("{ a: city { id } b: city { id } }", 2),
    ("{ city { name } city { code } ...F } fragment F on Query { city { parent { id } } }", 2),
    ("{ city { ...F ...F } } fragment F on City { counties(first: 4) { nodes { id } } }", 1 + 4),
    ("{ city { parent { id } } } ", 2),
    ('{ node(id: "Issue:1") { id } }', 1),
    ('{ node(id: "Issue:1") { ... on Issue { unit { id } } ... on Unit { parent { id } } } }', 3),
    ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
    ('{ nodes(ids: "a") { id } }', 1),
    ('{ nodes(ids: ["a", "b", "c"]) { ... on Issue { unit { id } } } }', 6),
    ("{ city { metrics { underWay { numerator } overdue { numerator } } } }", 51),
    (f"{{ city {{ metrics(asOf: {NEW_YEAR}) {{ underWay {{ rate }} overdue {{ rate percent }} }} }} }}", 451),
    (f"{{ city {{ metrics(period: {{from: {NEW_YEAR}}}) {{ underWay {{ rate }} }} }} }}", 51),
    (f"{{ issues(first: 1, filter: {{asOf: {NEW_YEAR}, overdue: true}}) {{ nodes {{ id }} }} }}", 201),
    (
        f"{{ units(first: 2) {{ nodes {{ issues(filter: {{asOf: {NEW_YEAR}}}) {{ totalCount }} }} }} }}",
        2 + 2 * 400,
    ),
    ("{ issues(first: 1, filter: {overdue: true}) { nodes { id } } }", 1),
    ("{ issues(first: 2) { nodes { viewerActions } } }", 6),
    ("{ viewer { cadre { name } postings(first: 2) { nodes { role } } } }", 1 + 1 + 2),
    ("{ issues(first: 8) @skip(if: true) { nodes { id } } }", 8),
    ('mutation { login(account: "a", password: "b") { accessToken } }', 10),
    (
        (
            'mutation { a: withdrawIssue(input: {issueId: "x", reason: "y"}) { issue { unit { id } } } '
            'b: withdrawIssue(input: {issueId: "x", reason: "y"}) { errors { code } } }'
        ),
        22,
    ),
    ("subscription { issueEvents { cursor event { issue { id } } } }", 2),
    ('subscription { metricsChanged(unit: "4110") { unit { metrics { red { numerator } } } } }', 51),
    (f"{{ city {{ {aliases(10, 'name')} }} }}", 1),
    (f"{{ city {{ {aliases(11, 'name')} }} }}", 2),
    ("{ issues(first: 3) { nodes { id description } } }", 3 * 11),
    (f"{{ issues(first: 3) {{ nodes {{ {aliases(21, '__typename')} unit {{ name }} }} }} }}", 3 * 3 + 3),
    (f"{{ issues(first: 3) {{ nodes {{ id number title state version }} {WITH_CURSORS} }} }}", 3 * 2),
    (f"{{ issues(first: 3) {{ nodes {{ {aliases(11, 'events(first: 0) { nodes { id } }')} }} }} }}", 3 * 2),
    (f"{{ issues(first: 3) {{ nodes {{ events(first: 1) {{ {PAGES_TOLD} }} }} }} }}", 3 * 3 + 3),
    ("{ issues(first: 3) { nodes { unit { parent { parent { name } } } } } }", 3 * 4),
]


@pytest.mark.parametrize(("text", "cost"), COSTS)
def test_the_cost_of(text: str, cost: int, documents: Documents) -> None:
    operation = documents.operation(text, None)
    assert operation.cost.of(operation.variables(None)) == cost


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        (None, 1),
        ({"overdue": True}, 1),
        ({"asOf": None}, 1),
        ({"asOf": "2021-01-01T00:00:00Z", "overdue": True}, 201),
    ],
)
def test_a_list_as_of_a_moment_costs_more_when_a_variable_says_so(
    given: Any, cost: int, documents: Documents
) -> None:
    text = "query($filter: IssueFilter) { issues(first: 1, filter: $filter) { nodes { id } } }"
    operation = documents.operation(text, None)
    for variables in ({"filter": given}, {}, {"filter": given}):
        told = operation.cost.of(operation.variables(variables))
        assert told == (cost if variables else 1)


SIZED = """query($first: Int = 3, $last: Int, $ids: [ID!]! = ["a"], $id: ID = "b") {
  issues(first: $first) { nodes { assignments(last: $last) { nodes { id } } } }
  nodes(ids: $ids) { id }
  more: nodes(ids: ["x", "y"]) { id }
}"""


@pytest.mark.parametrize(
    ("variables", "cost"),
    [
        ({}, 3 + 3 * 50 + 1 + 2),
        ({"first": 2}, 2 + 2 * 50 + 1 + 2),
        ({"first": None}, 50 + 50 * 50 + 1 + 2),
        ({"first": 2, "last": 4, "ids": ["p"] * 9}, 2 + 2 * 4 + 9 + 2),
        ({"first": 0, "ids": "p"}, 1 + 2),
    ],
)
def test_the_variables_say_how_much_it_is(variables: dict[str, Any], cost: int, documents: Documents) -> None:
    operation = documents.operation(SIZED.replace(', $id: ID = "b"', ""), None)
    for _ in range(2):
        assert operation.cost.of(operation.variables(variables)) == cost
        assert operation.cost.of(operation.variables({"first": 1, "last": 1})) == 1 + 1 + 1 + 2


def test_a_document_without_a_character_is_told_what_it_lacks(documents: Documents) -> None:
    for text in ("", "{", ""):
        assert refused(documents, text)["code"] == "GRAPHQL_PARSE_FAILED"


@pytest.mark.parametrize(
    ("text", "variables", "found"),
    [
        ("{ issues(first: 100) { nodes { events(first: 100) { nodes { id } } } } }", {}, 100 + 100 * 100),
        (
            "query($n: Int) { issues(first: $n) { nodes { events(first: $n) { nodes { id } } } } }",
            {"n": 100},
            10_100,
        ),
        (
            f"{{ issues(first: 97) {{ nodes {{ unit {{ issues(first: 97) {{ nodes {{ {NAMES} }} }} }} }} }} }}",
            {},
            97 * 2 + 97 * 97 * 10,
        ),
        (
            f"{{ city {{ {nested('children(first: 100) { nodes', 5, 'id')} {'} ' * 5} }} }}",
            {},
            2**31 - 1,
        ),
    ],
)
def test_what_may_read_too_much_is_refused(
    text: str, variables: dict[str, Any], found: int, documents: Documents
) -> None:
    for _ in range(2):
        assert refused(documents, text, variables) == {
            "code": "TOO_COMPLEX",
            "limit": {"name": "cost", "maximum": 10_000, "found": found},
            "cost": {"cost": found, "limit": 10_000},
        }


PAGES: list[tuple[str, dict[str, Any], str]] = [
    ("{ issues(first: 101) { totalCount } }", {}, "PAGE_TOO_LARGE"),
    ("{ issues(last: 2147483647) { nodes { id } } }", {}, "PAGE_TOO_LARGE"),
    ("query($n: Int!) { issues(first: $n) { nodes { id } } }", {"n": 101}, "PAGE_TOO_LARGE"),
    ("query($n: Int = 101) { issues(first: $n) { nodes { id } } }", {}, "PAGE_TOO_LARGE"),
    ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["Issue:1"] * 101}, "PAGE_TOO_LARGE"),
    ("{ issues(first: -1) { nodes { id } } }", {}, "BAD_USER_INPUT"),
    ("query($n: Int) { issues(last: $n) { nodes { id } } }", {"n": -(2**31)}, "BAD_USER_INPUT"),
    ("{ issues(first: 1, last: 1) { nodes { id } } }", {}, "BAD_USER_INPUT"),
    ("query($n: Int) { issues(first: 1, last: $n) { nodes { id } } }", {"n": 1}, "BAD_USER_INPUT"),
    (
        (
            'mutation { withdrawIssue(input: {issueId: "x", reason: "y"}) {'
            " issue { assignments(first: 101) { nodes { id } } } } }"
        ),
        {},
        "PAGE_TOO_LARGE",
    ),
]


@pytest.mark.parametrize(("text", "variables", "code"), PAGES)
def test_pages_that_cannot_be_are_refused_with_their_place(
    text: str, variables: dict[str, Any], code: str, documents: Documents
) -> None:
    for _ in range(2):
        with pytest.raises(Refused) as refusal:
            documents.operation(text, None).variables(variables)
        (error,) = refusal.value.errors
        assert error.extensions is not None
        assert error.extensions["code"] == code
        if code == "PAGE_TOO_LARGE":
            assert error.extensions["limit"]["name"] == "page"
            assert error.extensions["cost"] == {"cost": None, "limit": 10_000}
        assert error.path
        assert error.path[-1] in {"issues", "nodes", "assignments"}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=4))
@settings(max_examples=50)
def test_pages_are_multiplied_down_the_path(sizes: list[int]) -> None:
    text, expected, times = "id", 0, 1
    for size in reversed(sizes):
        text = f"children(first: {size}) {{ nodes {{ {text} }} }}"
    for size in sizes:
        times *= size
        expected += times
    documents = Documents(SCHEMA, CATALOGUE, Limits(cost=10**9))
    operation = documents.operation(f"{{ city {{ {text} }} }}", None)
    assert operation.cost.of({}) == expected + 1


# ── introspection and suggestions ────────────────────────────────────────────────────────────────────────────


def test_a_server_may_keep_its_schema_to_itself() -> None:
    documents = Documents(SCHEMA, CATALOGUE, LIMITS, introspection=False)
    for text in (
        "{ __schema { description } }",
        '{ __type(name: "Issue") { name } }',
        "{ ...F } fragment F on Query { ... { __schema { description } } }",
        get_introspection_query(),
    ):
        assert refused(documents, text) == {"code": "INTROSPECTION_DISABLED"}
    assert documents.operation("{ __typename city { __typename } }", None).names == {"__typename", "city"}


def test_a_server_says_what_was_meant_if_it_is_told_to() -> None:
    for suggestions in (False, True):
        documents = Documents(SCHEMA, CATALOGUE, LIMITS, suggestions=suggestions)
        for text in ("{ cit { name } }", "{ city }"):
            with pytest.raises(Refused) as refusal:
                documents.operation(text, None)
            assert ("Did you mean" in str(refusal.value)) is suggestions


def flood() -> Iterator[str]:
    """Documents within the limits that make as many errors as they can."""
    yield "{ " + "nothing " * 990 + "}"
    yield "{ city { name(" + "a: 1 " * 600 + ") } }"
    yield "query(" + "$a: Int " * 450 + ") { city { name } }"
    yield "{ city { name " + "@skip(if: true) " * 250 + "} }"
    yield " ".join("query Q { city { name } }" for _ in range(250))
    yield "{ issues(filter: {" + " ".join(f"u{place}: 1" for place in range(490)) + "}) { totalCount } }"
    yield f"{{ {'a' * 9_000} }}"
    yield "{ city { " + " ".join(f"a: {field}" for field in ("name", "code", "id") * 33) + " } }"


@pytest.mark.parametrize("text", list(flood()))
def test_an_answer_tells_of_so_many_errors_and_no_more(text: str, documents: Documents) -> None:
    with pytest.raises(Refused) as refusal:
        documents.operation(text, "Q" if "query Q" in text else None)
    assert 1 <= len(refusal.value.errors) <= 6
    assert {error.extensions["code"] for error in refusal.value.errors if error.extensions} == {
        "GRAPHQL_VALIDATION_FAILED"
    }
