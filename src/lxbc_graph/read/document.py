"""Documents: within their limits, parsed and validated once, then remembered by their text."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graphql import (
    DocumentNode,
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
from graphql.validation import (
    MaxIntrospectionDepthRule,
    OverlappingFieldsCanBeMergedRule,
    specified_rules,
)

from .catalogue import Catalogue
from .cost import Cost
from .limits import ASKED, INTROSPECTION, Exceeded, Limits, check, check_text, check_variables
from .merging import conflicts
from .selection import fragments_of
from .trusted import UNTRUSTING, Trusted, TrustedError, id_of


class Refused(Exception):
    """A request that never ran: syntax, validation, operation name or variables."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


_ERRORS = 5
"""Each may cost as much as printing the document."""
_COUNTED = (OverlappingFieldsCanBeMergedRule, MaxIntrospectionDepthRule)
_RULES = tuple(rule for rule in specified_rules if rule not in _COUNTED)
"""Not one that takes longer than linear time, for which ``merging`` stands, nor one for which ``introspection``."""


def refused(message: str, code: str = "BAD_REQUEST") -> Refused:
    """Return a refusal with one error and its code."""
    return Refused([GraphQLError(message, extensions={"code": code})])


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a valid document; the home of the plans made for it."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    limits: Limits
    cost: Cost
    plans: dict[Any, Any] = field(default_factory=dict)
    variable_types: Mapping[str, GraphQLInputType] = field(init=False)
    root_names: frozenset[str] = field(init=False)
    names: frozenset[str] = field(init=False)
    """Of every field that it may ask for, at the root or below."""
    anonymous: bool = field(init=False)
    """Whether nobody needs to be signed in."""
    resolved: bool = field(init=False)
    """Whether some root field is answered by resolvers."""

    RESOLVED: ClassVar = frozenset(ASKED)
    """Root fields that the compiler does not answer."""
    ANONYMOUS: ClassVar = (RESOLVED | {"__typename"}) - {"eventCursor", "explainAccess"}

    def __post_init__(self) -> None:
        self.variable_types = {
            definition.variable.name.value: type_
            for definition in self.node.variable_definitions or ()
            if is_input_type(type_ := type_from_ast(self.schema, definition.type))
        }
        self.root_names = frozenset(self._root_names(self.node.selection_set, set()))
        self.names = frozenset(_field_names(self.node.selection_set, self.fragments))
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
        """Coerce the variables of a request and say what it costs with them; raises Refused with every problem."""
        try:
            check_variables(raw or {}, self.limits)
            values = self._coerced(raw)
            self.cost.of(values)
        except GraphQLError as error:
            raise Refused([error]) from None
        return values

    def _coerced(self, raw: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if not self.node.variable_definitions:
            return {}
        if raw is not None and all(
            _is_plain(raw.get(name), type_) for name, type_ in self.variable_types.items()
        ):
            return {name: raw[name] for name in self.variable_types}
        values = get_variable_values(
            self.schema,
            self.node.variable_definitions,
            dict(raw or {}),
            max_errors=_ERRORS,
            hide_suggestions=True,
        )
        if isinstance(values, list):
            for error in values:
                error.extensions = {"code": "BAD_USER_INPUT", **(error.extensions or {})}
            raise Refused(values)
        return values.coerced


def _field_names(
    selection: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    waiting = [selection]
    left = dict(fragments)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node.name.value
            if isinstance(node, FragmentSpreadNode) and node.name.value in left:
                waiting.append(left.pop(node.name.value).selection_set)
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                waiting.append(node.selection_set)


class Untrusted(Refused):
    """A document that was not given beforehand, where none else is taken."""

    def __init__(self) -> None:
        message = "This server takes only documents that it was given beforehand."
        super().__init__([GraphQLError(message, extensions={"code": "UNTRUSTED_DOCUMENT"})])


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _name(node: OperationDefinitionNode) -> str:
    return node.name.value if node.name else ""


def _chosen(names: Collection[str], name: str | None) -> str:
    """Return which of the operations is to run; raises Refused."""
    if name is None or name == "":
        if len(names) != 1:
            raise refused("The document holds several operations: name the one to run in operationName.")
        return next(iter(names))
    if name not in names:
        raise refused("The document holds no operation of the name in operationName.")
    return name


def _is_plain(value: Any, type_: GraphQLInputType) -> bool:
    """Whether the value is what coercing it would give: told at once for most variables of most requests."""
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return (type(value) is str and type_ in (GraphQLID, GraphQLString)) or (
        type(value) is bool and type_ is GraphQLBoolean
    )


_Read = dict[str, Operation] | list[GraphQLError]
"""The operations of a document by name, or why it is refused."""


class Documents:
    """A memory of valid documents by their text, bounded by its length; the least recently used leaves first."""

    def __init__(
        self,
        schema: GraphQLSchema,
        catalogue: Catalogue,
        limits: Limits,
        *,
        introspection: bool = True,
        suggestions: bool = False,
        automatic: bool = True,
        trusted: Trusted = UNTRUSTING,
        characters: int = 1_000_000,
    ) -> None:
        """Raises TrustedError for a trusted document that would be refused.

        ``automatic``: what was sent with its id once may be asked for by the id for as long as it is remembered.
        """
        self.schema = schema
        self._catalogue = catalogue
        self._limits = limits
        self._introspection = introspection
        self._suggestions = suggestions
        self._automatic = automatic
        self._trusted = trusted
        self._room = characters
        self._known: OrderedDict[str, dict[str, Operation]] = OrderedDict()
        self._left: dict[str, str] = {}
        """Of what is known, by id: what clients may leave out."""
        self._last: tuple[tuple[str, str | None] | None, _Read] = (None, [])
        """The last document that was not known, with the name of an operation, and what came of it."""
        for id_, text in trusted.texts.items():
            try:
                self._read(self._parsed(text))
            except Refused as refusal:
                raise TrustedError(f"the trusted document {id_} would be refused: {refusal}") from None

    def text(self, query: str, id_: str | None) -> str:
        """Return the document of a request, which may name it by its id alone; raises Refused."""
        if id_ is None:
            found: str | None = query
        elif query:
            found = query
            if id_of(query) != id_:
                raise refused("The id is not the SHA-256 of the query.")
        else:
            found = self._trusted.texts.get(id_) or self._left.get(id_)
        if found is None:
            if self._automatic or self._trusted.texts:
                raise refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
            raise refused("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        if self._trusted.only and id_of(found) not in self._trusted.texts:
            raise Untrusted
        return found

    def check_trust(self, text: str, account: str | None) -> None:
        """Raise Refused for what the account may not send, where only what is trusted is taken."""
        if self._trusted.only and not self._trusted.allows(id_of(text), account):
            raise Untrusted

    def leave(self, text: str, id_: str) -> None:
        """Let a known document be named by its id from now on."""
        if self._automatic and text in self._known:
            self._left[id_] = text

    def operation(self, text: str, name: str | None, *, keep: bool = True) -> Operation:
        """Return the operation to run; raises Refused.

        ``keep``: remember the document, which pushes others out, so not for whoever is not signed in.
        """
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
        else:
            known = self._read_once(text, name)
            if keep:
                self._remember(text, known)
        return known[_chosen(known, name)]

    def _read_once(self, text: str, name: str | None) -> dict[str, Operation]:
        """Read a document that is not known; what kind of operation it holds is asked before it runs."""
        if self._last[0] != (text, name):
            self._last = ((text, name), self._outcome(text, name))
        _, read = self._last
        if isinstance(read, list):
            raise Refused(read)
        return read

    def _outcome(self, text: str, name: str | None) -> _Read:
        try:
            document = self._parsed(text)
            if operations := _operations(document):
                _chosen([_name(node) for node in operations], name)
            return self._read(document)
        except Refused as refusal:
            return refusal.errors

    def _remember(self, text: str, operations: dict[str, Operation]) -> None:
        self._known[text] = operations
        self._room -= len(text)
        while self._room < 0:
            gone, _ = self._known.popitem(last=False)
            self._room += len(gone)
            if self._left:
                self._left.pop(id_of(gone), None)

    def _read(self, document: DocumentNode) -> dict[str, Operation]:
        """Validate a document, after what refuses it sooner."""
        fragments = fragments_of(document)
        costs = [
            (node, Cost(self.schema, self._catalogue, self._limits, node, fragments))
            for node in _operations(document)
        ]
        try:
            told = 0
            for _, cost in costs:
                told = cost.check(told)
            errors = self._problems(document)
        except GraphQLError as error:
            raise Refused([error]) from None
        if errors:
            for problem in errors:
                problem.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
            raise Refused(errors)
        return {_name(node): self._operation(node, fragments, cost) for node, cost in costs}

    def _parsed(self, text: str) -> DocumentNode:
        """Return a document within its limits, yet to be validated."""
        most = self._limits.tokens
        try:
            check_text(text, self._limits)
            document = parse(text, allow_empty_selection_sets=False, max_tokens=most)
        except Exceeded as error:
            raise Refused([error]) from None
        except GraphQLError as error:
            if "tokens. Parsing aborted" in error.message:
                raise Refused([Exceeded(self._limits, "tokens", most, most + 1)]) from None
            error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
            raise Refused([error]) from None
        try:
            check(document, self._limits)
        except GraphQLError as error:
            raise Refused([error]) from None
        return document

    def _problems(self, document: DocumentNode) -> list[GraphQLError]:
        hide = not self._suggestions
        if merged := conflicts(self.schema, document, self._limits, _ERRORS):
            return merged
        problems = validate(self.schema, document, _RULES, _ERRORS, hide_suggestions=hide)
        if hide:
            for problem in problems:  # one rule suggests whether or not it should
                problem.message = problem.message.partition(" Did you mean ")[0]
        return problems

    def _operation(
        self, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode], cost: Cost
    ) -> Operation:
        operation = Operation(self.schema, node, fragments, self._limits, cost)
        if not self._introspection and not operation.root_names.isdisjoint(INTROSPECTION):
            raise refused("This server does not tell its schema.", "INTROSPECTION_DISABLED")
        return operation
