"""Documents: parsed and validated once, then remembered by their text."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_input_type,
    parse,
    type_from_ast,
    validate,
)
from graphql.execution.values import get_variable_values

MAX_CHARACTERS = 20_000
MAX_TOKENS = 2_000
MAX_TYPES = 10
"""How often one operation may ask for ``__type``; for other fields that resolvers answer, once: they cost more than
it takes to ask for them."""


class Refused(Exception):
    """A request that never ran: syntax, validation, operation name or variables."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


_MESSAGE = 1_000  # characters


def refused(message: str, code: str = "BAD_REQUEST") -> Refused:
    """Return a refusal with one error and its code."""
    return Refused([GraphQLError(message, extensions={"code": code})])


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a valid document; the home of the plans made for it."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    plans: dict[Any, Any] = field(default_factory=dict)
    variable_types: Mapping[str, GraphQLInputType] = field(init=False)
    root_names: frozenset[str] = field(init=False)
    names: frozenset[str] = field(init=False)
    """Of every field that it may ask for, at the root or below."""
    anonymous: bool = field(init=False)
    """Whether nobody needs to be signed in."""
    resolved: bool = field(init=False)
    """Whether some root field is answered by resolvers."""

    RESOLVED: ClassVar = frozenset({"__schema", "__type", "eventCursor", "login", "refresh", "logout"})
    """Root fields that the compiler does not answer; they hold no scoped data."""
    ANONYMOUS: ClassVar = (RESOLVED | {"__typename"}) - {"eventCursor"}

    def __post_init__(self) -> None:
        self.variable_types = {
            definition.variable.name.value: type_
            for definition in self.node.variable_definitions or ()
            if is_input_type(type_ := type_from_ast(self.schema, definition.type))
        }
        self.root_names = frozenset(self._root_names(self.node.selection_set, set()))
        fragments = (fragment.selection_set for fragment in self.fragments.values())
        self.names = frozenset(_field_names([self.node.selection_set, *fragments]))
        self.anonymous = self.root_names <= self.ANONYMOUS
        self.resolved = not self.root_names.isdisjoint(self.RESOLVED)

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @property
    def root(self) -> GraphQLObjectType:
        """The root type that the operation selects from."""
        root = self.schema.get_root_type(self.node.operation)
        assert root is not None  # validated
        return root

    def _root_names(self, selection: SelectionSetNode, visited: set[str]) -> Iterator[str]:
        for node in selection.selections:
            if isinstance(node, FieldNode):
                yield node.name.value
            elif isinstance(node, InlineFragmentNode):
                yield from self._root_names(node.selection_set, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                yield from self._root_names(self.fragments[node.name.value].selection_set, visited)

    def variables(self, raw: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Coerce the variables of a request; raises Refused with every problem."""
        if not self.node.variable_definitions:
            return {}
        if raw is not None and all(
            _is_plain(raw.get(name), type_) for name, type_ in self.variable_types.items()
        ):
            return {name: raw[name] for name in self.variable_types}
        values = get_variable_values(
            self.schema, self.node.variable_definitions, dict(raw or {}), max_errors=20, hide_suggestions=True
        )
        if isinstance(values, list):
            for error in values:
                error.extensions = {"code": "BAD_USER_INPUT", **(error.extensions or {})}
                # It repeats what was given: not a megabyte of it, nor half a character, which no JSON can hold.
                error.message = error.message[:_MESSAGE].encode("utf-8", "replace").decode()
            raise Refused(values)
        return values.coerced


def _field_names(selections: Iterable[SelectionSetNode]) -> Iterator[str]:
    waiting = list(selections)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node.name.value
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                waiting.append(node.selection_set)


def _is_plain(value: Any, type_: GraphQLInputType) -> bool:
    """Whether the value is what coercing it would give: told at once for most variables of most requests."""
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return (type(value) is str and type_ in (GraphQLID, GraphQLString)) or (
        type(value) is bool and type_ is GraphQLBoolean
    )


class Documents:
    """A memory of valid documents by their text, bounded by its length; the least recently used leaves first."""

    def __init__(self, schema: GraphQLSchema, characters: int = 1_000_000) -> None:
        self._schema = schema
        self._room = characters
        self._known: OrderedDict[str, dict[str, Operation]] = OrderedDict()

    def operation(self, text: str, name: str | None) -> Operation:
        """Return the operation to run; raises Refused."""
        known = self._known.get(text)
        if known is None:
            known = self._remember(text, self._read(text))
        else:
            self._known.move_to_end(text)
        if name is None or name == "":
            if len(known) != 1:
                raise refused("The document holds several operations: name the one to run in operationName.")
            return next(iter(known.values()))
        try:
            return known[name]
        except KeyError:
            raise refused(f"The document holds no operation named {name!r}.") from None

    def _remember(self, text: str, operations: dict[str, Operation]) -> dict[str, Operation]:
        self._known[text] = operations
        self._room -= len(text)
        while self._room < 0:
            gone, _ = self._known.popitem(last=False)
            self._room += len(gone)
        return operations

    def _read(self, text: str) -> dict[str, Operation]:
        if len(text) > MAX_CHARACTERS:
            raise refused(f"A document holds at most {MAX_CHARACTERS} characters.", "TOO_COMPLEX")
        try:
            document = parse(text, allow_empty_selection_sets=False, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
            raise Refused([error]) from None
        except RecursionError:
            raise refused("The document is nested too deeply.", "GRAPHQL_PARSE_FAILED") from None
        try:
            errors = validate(self._schema, document, max_errors=20, hide_suggestions=True)
        except RecursionError:
            raise refused("The document is nested too deeply.", "GRAPHQL_VALIDATION_FAILED") from None
        if errors:
            for problem in errors:
                problem.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
            raise Refused(errors)
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        return {
            node.name.value if node.name else "": Operation(self._schema, node, fragments)
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
