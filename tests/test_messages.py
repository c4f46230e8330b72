"""Whatever is wrong, the message is a short sentence of GraphQL's, and holds no word of Python's."""

import json
import re
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.limits import Limits
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.errors import error, formatted

DOCUMENTS = Documents(build()._schema, CATALOGUE, Limits())
PYTHON = re.compile(
    r"\b(None|True|False|Undefined|Traceback|Error:)|[{\[]'|': |\b(int|float|str|dict|repr)\(|\bsys\.|<class|\\x"
)
PLACES = {
    "Int": "issues(first: VALUE) { totalCount }",
    "Boolean! = true": "city { name @skip(if: VALUE) }",
    "String!": "unit(code: VALUE) { id }",
    "ID!": "node(id: VALUE) { id }",
    "[ID!]!": "nodes(ids: VALUE) { id }",
    "[IssueState!]": "issues(filter: {state: VALUE}) { totalCount }",
    "IssueFilter": "issues(filter: VALUE) { totalCount }",
    "IssueOrder": "issues(orderBy: VALUE) { totalCount }",
    "DateTime": "city { metrics(asOf: VALUE) { red { numerator } } }",
}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text('xyz\n\0"文', max_size=9),
    st.just("it's a \" and a '"),
)
NAMES = st.sampled_from(["state", "search", "finder", "field", "from", "nothing", "stat"])
VALUES = st.recursive(
    LEAVES,
    lambda of: st.lists(of, max_size=3) | st.dictionaries(NAMES, of, max_size=3),
    max_leaves=9,
)


def literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value)


def told(text: str, variables: dict[str, Any] | None = None, name: str | None = None) -> list[str]:
    """The messages of what is refused, or none."""
    try:
        DOCUMENTS.operation(text, name).variables(variables)
    except Refused as refusal:
        return [formatted(problem)["message"] for problem in refusal.errors]
    return []


def check(messages: list[str]) -> None:
    for message in messages:
        assert not PYTHON.search(message), message
        assert len(message) <= 1_000


@given(st.sampled_from(list(PLACES)), VALUES)
def test_a_wrong_value_is_told_without_a_word_of_python(type_: str, value: Any) -> None:
    place = PLACES[type_]
    check(told(f"query($value: {type_}) {{ {place.replace('VALUE', '$value')} }}", {"value": value}))
    check(told(f"{{ {place.replace('VALUE', literal(value))} }}"))
    check(told(f"query($value: {type_.partition(' ')[0]} = {literal(value)}) {{ viewer {{ account }} }}"))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_number_of_thousands_of_digits_is_refused_as_what_it_is(place: str) -> None:
    (message,) = told(f"{{ {place.replace('VALUE', '9' * 5_000)} }}")
    assert message == "A document has at most 1000 digits in a row; this one: 5000."


def test_what_is_repeated_is_short_and_no_half_character() -> None:
    for huge in ("b" * 200_000, "\n\0<script>" * 9, "\ud800"):
        (message,) = told("query a { __typename }", name=huge)
        assert huge[:2] not in message.replace("The document holds no", "")
    for name in ("a" * 5_000, "字" * 5_000):
        (message,) = told("query($a: IssueFilter) { issues(filter: $a) { totalCount } }", {"a": {name: 1}})
        assert len(message) <= 1_000
    assert len(error("INTERNAL", "x" * 5_000)["message"]) == 1_000
    assert formatted(GraphQLError("a\ud800"))["message"] == "a?"


def test_what_is_wrong_with_a_variable_is_told_without_the_value() -> None:
    text = "query($a: IssueFilter) { issues(filter: $a) { totalCount } }"
    assert told(text, {"a": {"stat": 1}}) == [
        "Variable '$a' has invalid value: Expected value of type 'IssueFilter' not to include unknown field 'stat'."
    ]
    assert told("query($a: ID!) { node(id: $a) { id } }", {"a": None}) == [
        "Variable '$a' has invalid value: Expected value of non-null type 'ID!' not to be null."
    ]
    assert told("query($a: Int) { issues(first: $a) { totalCount } }", {"a": {"a": True}}) == [
        "Variable '$a' has invalid value: Int cannot represent non-integer value."
    ]
