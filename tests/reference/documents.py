"""Random valid documents, written from the schema: whatever it comes to declare is asked for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from .rows import TABLES, Rows, type_of

ABSENT = object()

_HIDDEN = {"__schema", "__type"}
_PRIVATE = {"phone"}
"""Filters that some are refused."""
_MAX_FIELDS = 30
_MAX_LEVEL = 8

Composite = GraphQLObjectType | GraphQLInterfaceType


@dataclass(frozen=True)
class Hints:
    """Values that mean something in one world, among some that mean nothing anywhere."""

    codes: Sequence[str]
    ids: Sequence[str]
    words: Sequence[str]
    times: Sequence[str]

    @classmethod
    def of(cls, rows: Rows) -> "Hints":
        ids = [f"{type_of(name)}:{row['id']}" for name in TABLES for row in rows[name]]
        times = sorted(
            {row[name].isoformat() for row in rows["issue"] for name in ("reported_at", "updated_at")}
        )
        return cls(
            codes=[*(row["code"] for row in rows["unit"]), "41", "4199", "411024x", "", "4110241042260"],
            ids=[
                *ids,
                "Issue:99999",
                "Issue:0",
                "Issue:01",
                "Issue",
                "Nothing:1",
                "",
                "Unit:9223372036854775808",
            ],
            words=["村", "ROAD", "%", "_", "\\", '"', "1", "n", "", "nowhere", "{"],
            times=[
                *times,
                "2021-07-01T08:00:00+08:00",
                "2021-07-02T00:00:00Z",
                "1999-12-31T23:59:59.5-05:00",
            ],
        )


@dataclass(frozen=True)
class Variable:
    """A variable of a document: its type, and what its values are drawn like."""

    name: str
    type: GraphQLInputType
    hint: str
    optional: bool
    """Whether it may be left out."""


@dataclass(frozen=True)
class Paged:
    """A connection that is asked to start from cursors, by the alias that it answers under."""

    alias: str
    after: str | None
    before: str | None


@dataclass(frozen=True)
class Document:
    text: str
    variables: tuple[Variable, ...]
    paged: tuple[Paged, ...]


@st.composite
def documents(draw: DrawFn, schema: GraphQLSchema, hints: Hints, depth: int = 3) -> Document:
    """A query over the schema, with the variables that it wants."""
    assert schema.query_type is not None
    writer = _Writer(draw, schema, hints)
    selection = writer.selection(schema.query_type, depth, shared=False)
    definitions = ", ".join(writer.definitions)
    head = f"query Q({definitions})" if definitions else draw(st.sampled_from(("", "query ", "query Q")))
    text = "\n".join([f"{head} {selection}", *writer.fragments.values()])
    return Document(text, tuple(writer.variables), tuple(writer.paged))


@st.composite
def values(draw: DrawFn, document: Document, hints: Hints) -> dict[str, Any]:
    """Values for the variables of a document, as JSON."""
    found = {}
    for variable in document.variables:
        if not (variable.optional and draw(st.integers(0, 4)) == 0):
            found[variable.name] = _plain(draw(value_of(variable.type, variable.hint, hints)))
    return found


@dataclass(frozen=True)
class _Enum:
    """An enum value, which a literal writes without quotes."""

    name: str


@st.composite
def value_of(draw: DrawFn, type_: GraphQLInputType, hint: str, hints: Hints) -> Any:
    """A value of an input type."""
    if not isinstance(type_, GraphQLNonNull):
        if draw(st.integers(0, 7)) == 7:
            return None
    else:
        type_ = type_.of_type
    if isinstance(type_, GraphQLList):
        return draw(st.lists(value_of(type_.of_type, hint, hints), max_size=4))
    if isinstance(type_, GraphQLInputObjectType):
        chosen = _chosen(draw, type_)
        return {
            name: draw(value_of(spec.type, name, hints))
            for name, spec in type_.fields.items()
            if _required(spec) or name in chosen
        }
    if isinstance(type_, GraphQLEnumType):
        return _Enum(draw(st.sampled_from(sorted(type_.values))))
    match get_named_type(type_).name:
        case "Int":
            return draw(st.integers(0, 4))
        case "Boolean":
            return draw(st.booleans())
        case "ID":
            return draw(st.sampled_from(hints.ids))
        case "DateTime":
            return draw(st.sampled_from(hints.times))
    return draw(st.sampled_from(_texts(hint, hints)))


def _chosen(draw: DrawFn, type_: GraphQLInputObjectType) -> list[str]:
    # Few at once, or nothing would be left; "unit" more often, since scope is what it meets.
    names = sorted(type_.fields.keys() - _PRIVATE)
    if len(names) < 4:
        return [name for name in names if draw(st.booleans())]
    found = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    return [*found, "unit"] if draw(st.integers(0, 3)) == 3 else found


def _texts(hint: str, hints: Hints) -> Sequence[str]:
    match hint:
        case "code" | "unit":
            return hints.codes
        case "line":
            return ("水利", "交通", "other")
        case "search":
            return hints.words
    raise AssertionError(f"no values for {hint}: a new argument needs a line here")


def _required(spec: GraphQLArgument | GraphQLInputField) -> bool:
    return is_required_argument(spec) if isinstance(spec, GraphQLArgument) else is_required_input_field(spec)


def _has_default(spec: GraphQLArgument | GraphQLInputField) -> bool:
    return isinstance(spec.type, GraphQLNonNull) and not _required(spec)


def _plain(value: Any) -> Any:
    if isinstance(value, _Enum):
        return value.name
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _literal(value: Any) -> str:
    if isinstance(value, _Enum):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@dataclass
class _Writer:
    draw: DrawFn
    schema: GraphQLSchema
    hints: Hints
    definitions: list[str] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    fragments: dict[str, str] = field(default_factory=dict)
    paged: list[Paged] = field(default_factory=list)
    _spread: list[tuple[str, GraphQLNamedType]] = field(default_factory=list)
    _aliases: int = 0
    _fields: int = 0
    _level: int = 0

    def selection(self, type_: Composite, depth: int, *, shared: bool) -> str:
        """Write a selection set; ``shared`` where types that disagree about a name may answer together."""
        self._level += 1
        most = max(1, 5 - self._level)
        parts = [self._part(type_, depth, shared=shared) for _ in range(self.draw(st.integers(1, most)))]
        self._level -= 1
        return "{ " + " ".join(parts) + " }"

    def _part(self, type_: Composite, depth: int, *, shared: bool) -> str:
        kinds = ["field"] * 7 + ["inline", "fragment", "__typename"]
        kind = self.draw(st.sampled_from(kinds)) if self._fields < _MAX_FIELDS else "__typename"
        if kind in {"inline", "fragment"} and self._level > _MAX_LEVEL:
            kind = "field"
        if kind == "field" and (names := self._choices(type_, depth)):
            return self._field(type_, self.draw(st.sampled_from(names)), depth, shared=shared)
        if kind == "inline":
            return self._inline(type_, depth, shared=shared)
        if kind == "fragment":
            return self._fragment(type_, depth, shared=shared)
        return f"__typename{self._directives()}"

    def _choices(self, type_: Composite, depth: int) -> list[str]:
        leaves = [name for name, spec in type_.fields.items() if is_leaf_type(get_named_type(spec.type))]
        if depth == 0:
            return leaves
        others = [name for name in type_.fields if name not in leaves and name not in _HIDDEN]
        if not leaves or not others:
            return leaves or others
        return others if self._flip() else leaves

    def _inline(self, type_: Composite, depth: int, *, shared: bool) -> str:
        narrower = self._overlapping(type_)
        on = self.draw(st.sampled_from([None, *narrower]))
        inner = type_ if on is None else on
        selection = self.selection(inner, depth, shared=shared)
        return f"...{f' on {on.name}' if on else ''}{self._directives()} {selection}"

    def _fragment(self, type_: Composite, depth: int, *, shared: bool) -> str:
        known = [name for name, on in self._spread if on is type_ and not shared]
        if known and self._flip():
            return f"...{self.draw(st.sampled_from(known))}{self._directives()}"
        on = self.draw(st.sampled_from(self._overlapping(type_)))
        selection = self.selection(on, depth, shared=shared)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = f"fragment {name} on {on.name} {selection}"
        if not shared:
            self._spread.append((name, on))
        return f"...{name}{self._directives()}"

    def _overlapping(self, type_: Composite) -> list[Composite]:
        if isinstance(type_, GraphQLObjectType):
            return [type_, *type_.interfaces]
        possible = self.schema.get_possible_types(type_)
        wider = [other for one in possible for other in one.interfaces]
        return sorted({*possible, *wider}, key=lambda one: one.name)

    def _field(self, type_: Composite, name: str, depth: int, *, shared: bool) -> str:
        self._fields += 1
        spec = type_.fields[name]
        inner = get_named_type(spec.type)
        given = self._arguments(spec)
        paged = ""
        shared = shared or type_.name == "Node"
        alias = ""
        if spec.args or shared or self.draw(st.integers(0, 5)) == 5:
            self._aliases += 1
            alias = f"a{self._aliases}"
        if "after" in spec.args and self._flip():
            given += self._from_cursors(alias)
            paged = " edges { cursor }"
        head = f"{alias}: {name}" if alias else name
        head += f"({', '.join(given)})" if given else ""
        if not isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
            return head + self._directives()
        deeper = depth - bool(inner.interfaces or isinstance(inner, GraphQLInterfaceType))  # rows
        below = inner.name == "Node"
        text = head + self._directives() + self._with(self.selection(inner, deeper, shared=below), paged)
        if self.draw(st.integers(0, 6)) == 6:  # fields of one response key are merged
            text += f" {head}{self._directives()} {self.selection(inner, deeper, shared=below)}"
        return text

    def _with(self, selection: str, more: str) -> str:
        return f" {selection[:-2]}{more} }}"

    def _from_cursors(self, alias: str) -> list[str]:
        after, before = f"{alias}_after", f"{alias}_before"
        which = self.draw(st.sampled_from(((after, None), (None, before), (after, before))))
        names = [name for name in which if name]
        self.definitions += [f"${name}: String" for name in names]
        self.paged.append(Paged(alias, *which))
        return [f"{name.rpartition('_')[2]}: ${name}" for name in names]

    def _arguments(self, spec: GraphQLField) -> list[str]:
        names = [name for name in spec.args if name not in {"after", "before"}]
        if "first" in names:  # not both
            names.remove(self.draw(st.sampled_from(("first", "last"))))
        return [
            f"{name}: {self._argument(spec.args[name].type, name, spec.args[name])}"
            for name in names
            if _required(spec.args[name]) or self._flip()
        ]

    def _argument(
        self, type_: GraphQLInputType, hint: str, spec: GraphQLArgument | GraphQLInputField | None
    ) -> str:
        """Write a value: as a variable, as a literal, or as a literal with variables inside."""
        how = self.draw(st.sampled_from(("literal", "variable", "mixed")))
        if how == "variable":
            return self._variable(type_, hint, spec)
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if how == "mixed" and isinstance(inner, GraphQLInputObjectType):
            chosen = _chosen(self.draw, inner)
            fields = [
                f"{name}: {self._argument(one.type, name, one)}"
                for name, one in inner.fields.items()
                if _required(one) or name in chosen
            ]
            return "{" + ", ".join(fields) + "}"
        if how == "mixed" and isinstance(inner, GraphQLList):
            count = self.draw(st.integers(0, 3))
            return "[" + ", ".join(self._argument(inner.of_type, hint, None) for _ in range(count)) + "]"
        value = self.draw(value_of(type_, hint, self.hints))
        if isinstance(value, list) and len(value) == 1 and self._flip():
            return _literal(value[0])  # a list of one may be written without brackets
        return _literal(value)

    def _variable(
        self, type_: GraphQLInputType, hint: str, spec: GraphQLArgument | GraphQLInputField | None
    ) -> str:
        name = f"v{len(self.variables)}"
        default = ""
        written = type_
        if isinstance(type_, GraphQLNonNull):
            if spec is not None and _has_default(spec):  # then the variable may be left out
                written = type_.of_type
        elif self._flip():
            written = type_ = GraphQLNonNull(type_)
        if self.draw(st.integers(0, 3)) == 3:
            default = f" = {_literal(self.draw(value_of(type_, hint, self.hints)))}"
        self.definitions.append(f"${name}: {written}{default}")
        optional = bool(default) or not isinstance(written, GraphQLNonNull)
        self.variables.append(Variable(name, type_, hint, optional))
        return f"${name}"

    def _directives(self) -> str:
        if self.draw(st.integers(0, 5)) < 5:
            return ""
        kind = self.draw(st.sampled_from(("skip", "include")))
        condition = self.draw(st.sampled_from(("true", "false", "")))
        if not condition:
            condition = self._variable(GraphQLNonNull(GraphQLBoolean), "if", None)
        return f" @{kind}(if: {condition})"

    def _flip(self) -> bool:
        return self.draw(st.booleans())
