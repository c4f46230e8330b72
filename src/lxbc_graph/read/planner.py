"""Selection to plan: what is asked for, decided before any SQL is written and without asking who asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
)

from .arguments import Argument, Value, Variables, arguments
from .catalogue import Catalogue, Column, Computed, Entity, Lookup, Many, Metrics, NodeById, One
from .document import Operation
from .limits import Exceeded

_ITEMS = 2
"""How many may be planned for each field that a document may have: each type of an interface is planned by itself."""


@dataclass(frozen=True, slots=True)
class Typename:
    """The name of the concrete type."""

    key: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar of the row."""

    key: str
    name: str
    column: Column


@dataclass(frozen=True, slots=True)
class Computation:
    """A value that is filled in after the round trip."""

    key: str
    name: str
    field: Computed


@dataclass(frozen=True, slots=True)
class ToOne:
    """What is asked of the entity at the other end of a relation."""

    key: str
    relation: One
    target: "Node"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a connection: ``size`` rows from the front or, ``backward``, from the back."""

    size: int
    backward: bool
    after: Value | None
    before: Value | None


@dataclass(frozen=True, slots=True)
class Edge:
    """What is asked of an edge: response key → the node, or ``cursor`` or ``__typename``."""

    items: tuple[tuple[str, "Node | str"], ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """One page of rows, and what is asked of it."""

    key: str
    identity: str
    """Where in the schema it stands, ``County.issues``; part of what a cursor is bound to."""
    relation: Many
    entity: Entity
    filter: dict[str, Argument]
    order: tuple[str, bool]
    page: Page
    parts: tuple[tuple[str, "str | Node | Edge | tuple[tuple[str, str], ...]"], ...]
    """Response key → ``totalCount``, ``__typename``, the nodes, an edge, or the fields of ``pageInfo``."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The metrics asked of a unit: response key → metric → (response key, field of it)."""

    key: str
    given: dict[str, Argument]
    """``period`` and ``asOf``, where they were given."""
    metrics: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Find:
    """A root field that finds one row by its arguments."""

    key: str
    lookup: Lookup
    arguments: dict[str, Argument]
    target: "Node"


@dataclass(frozen=True, slots=True)
class Fetch:
    """``node`` or ``nodes``: ids → for each type that they name, what is asked of it."""

    key: str
    ids: Value
    many: bool
    targets: dict[str, "Node"]


Item = Typename | Leaf | Computation | ToOne | Connection | Figures | Find | Fetch


@dataclass(frozen=True, slots=True)
class Node:
    """What is asked of a row: items for each concrete type that it can have, or once for their interface."""

    entity: Entity
    variants: dict[str, tuple[Item, ...]]


class Planner:
    """Plans the selections of one request; ``variables`` decide only what :func:`arguments.shape` shows."""

    def __init__(self, catalogue: Catalogue, operation: Operation, variables: Variables) -> None:
        self._catalogue = catalogue
        self._operation = operation
        self._variables = variables
        self._items = 0

    def roots(self, fields: Sequence[list[FieldNode]]) -> tuple[Item, ...]:
        """Plan root fields, each given by all its nodes."""
        root = self._operation.root
        entity = self._catalogue[root.name]
        return tuple(self._item(entity, root, nodes) for nodes in fields)

    def node(self, entity_name: str, nodes: Sequence[FieldNode]) -> Node:
        """Plan what the nodes select from an entity."""
        entity = self._catalogue[entity_name]
        sets = _sets(nodes)
        groups = {name: self.collect(self._object(name), sets) for name in entity.members or (entity.name,)}
        if entity.members and _alike(entity, list(groups.values())):
            # Nothing depends on the concrete type: plan the interface once, or depth would multiply the members.
            groups = {entity.name: next(iter(groups.values()))}
        return Node(
            entity,
            {
                name: tuple(
                    self._item(
                        self._catalogue[name],
                        self._object(name if name != entity.name else (entity.members or (name,))[0]),
                        group,
                    )
                    for group in found.values()
                )
                for name, found in groups.items()
            },
        )

    def select(self, type_name: str, nodes: Sequence[FieldNode]) -> dict[str, list[FieldNode]]:
        """Return what the nodes select from an object that is no entity, by response key."""
        return self.collect(self._object(type_name), _sets(nodes))

    def collect(
        self, concrete: GraphQLObjectType, sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Return the fields that a concrete type answers, by response key, in order."""
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for node in (node for selection in sets for node in self._fields(concrete, selection, visited)):
            self._items += 1
            if self._items > (most := _ITEMS * self._operation.limits.fields):
                raise Exceeded(self._operation.limits, "types", most, self._items)
            found.setdefault(_key(node), []).append(node)
        return found

    def _fields(
        self, concrete: GraphQLObjectType, selection: SelectionSetNode, visited: set[str]
    ) -> Iterator[FieldNode]:
        for node in selection.selections:
            if not self._included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, concrete):
                    yield from self._fields(concrete, node.selection_set, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self._operation.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, concrete):
                    yield from self._fields(concrete, fragment.selection_set, visited)

    def _applies(self, condition: str, concrete: GraphQLObjectType) -> bool:
        if condition == concrete.name:
            return True
        type_ = self._operation.schema.get_type(condition)
        return isinstance(type_, GraphQLInterfaceType) and type_ in concrete.interfaces

    def _included(self, directives: Sequence[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name in {"skip", "include"} and directive.arguments:
                node = directive.arguments[0].value
                value = (
                    self._variables.get(node.name.value)
                    if isinstance(node, VariableNode)
                    else getattr(node, "value", None)
                )
                if value is None:
                    raise GraphQLError(
                        f"@{name} wants true or false.", node, extensions={"code": "BAD_USER_INPUT"}
                    )
                if value is (name == "skip"):
                    return False
        return True

    def _item(self, entity: Entity, type_: GraphQLObjectType, nodes: list[FieldNode]) -> Item:
        node = nodes[0]
        name, key = node.name.value, _key(node)
        if name == "__typename":
            return Typename(key)
        given = arguments(type_.fields[name], node, self._variables)
        match entity.fields[name]:
            case Column() as column:
                return Leaf(key, name, column)
            case Computed() as field:
                return Computation(key, name, field)
            case One() as relation:
                return ToOne(key, relation, self.node(relation.entity, nodes))
            case Many() as relation:
                # Members of an interface share what they inherit, cursors too.
                identity = f"{entity.node or entity.name}.{name}"
                return self._connection(key, identity, relation, nodes, given)
            case Metrics():
                return self._figures(key, nodes, given)
            case Lookup() as lookup:
                return Find(key, lookup, given, self.node(lookup.entity, nodes))
            case NodeById(many=many):
                return self._fetch(key, nodes, given["ids" if many else "id"], many)

    def _connection(
        self,
        key: str,
        identity: str,
        relation: Many,
        nodes: list[FieldNode],
        given: dict[str, Argument],
    ) -> Connection:
        entity = self._catalogue[relation.entity]
        parts: list[tuple[str, str | Node | Edge | tuple[tuple[str, str], ...]]] = []
        for part_key, group in self.select(f"{entity.name}Connection", nodes).items():
            match group[0].name.value:
                case "nodes":
                    parts.append((part_key, self.node(entity.name, group)))
                case "edges":
                    parts.append(
                        (
                            part_key,
                            Edge(
                                tuple(
                                    (
                                        edge_key,
                                        self.node(entity.name, edge_nodes)
                                        if edge_nodes[0].name.value == "node"
                                        else edge_nodes[0].name.value,
                                    )
                                    for edge_key, edge_nodes in self.select(
                                        f"{entity.name}Edge", group
                                    ).items()
                                )
                            ),
                        )
                    )
                case "pageInfo":
                    info = self.select("PageInfo", group)
                    parts.append((part_key, tuple((k, n[0].name.value) for k, n in info.items())))
                case other:
                    parts.append((part_key, other))
        filter_ = given.get("filter", {})
        assert isinstance(filter_, dict)
        return Connection(
            key, identity, relation, entity, filter_, _order(entity, given), self._page(given), tuple(parts)
        )

    def _page(self, given: dict[str, Argument]) -> Page:
        found = {name: value for name, value in given.items() if isinstance(value, Value)}
        asked = found.get("first") or found.get("last")
        size = self._operation.limits.default_page if asked is None else asked.now
        return Page(size, "last" in found, found.get("after"), found.get("before"))

    def _figures(self, key: str, nodes: list[FieldNode], given: dict[str, Argument]) -> Figures:
        return Figures(
            key,
            given,
            tuple(
                (
                    metric_key,
                    group[0].name.value,
                    tuple((k, n[0].name.value) for k, n in self.select("Metric", group).items()),
                )
                for metric_key, group in self.select("UnitMetrics", nodes).items()
            ),
        )

    def _fetch(self, key: str, nodes: list[FieldNode], ids: Argument, many: bool) -> Fetch:
        assert isinstance(ids, Value)
        targets = {}
        for id_ in ids.now if many else [ids.now]:
            name = id_.partition(":")[0]
            entity = self._catalogue.by_node(name)
            if entity is not None and name not in targets:
                targets[name] = self.node(entity.name, nodes)
        return Fetch(key, ids, many, targets)

    def _object(self, name: str) -> GraphQLObjectType:
        type_ = self._operation.schema.get_type(name)
        assert isinstance(type_, GraphQLObjectType)
        return type_


def _alike(entity: Entity, groups: Sequence[dict[str, list[FieldNode]]]) -> bool:
    """Whether all members were asked for the same fields, and none of these is found by the member's level."""
    first = groups[0]
    return all(group == first for group in groups) and not any(
        isinstance(spec, Metrics) or (isinstance(spec, Many) and "{level}" in spec.link)
        for nodes in first.values()
        if (spec := entity.fields.get(nodes[0].name.value)) is not None
    )


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _sets(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _order(entity: Entity, given: dict[str, Argument]) -> tuple[str, bool]:
    order = given.get("orderBy")
    if not isinstance(order, dict):
        return entity.default_order
    name, direction = order["field"], order.get("direction")
    assert isinstance(name, Value)
    return str(name.now), isinstance(direction, Value) and direction.now == "DESC"
