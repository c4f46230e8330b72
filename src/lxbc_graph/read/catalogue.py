"""The catalogue: everything that the compiler knows about the entities of the schema."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Any, Literal

from lxbc_graph.domain.principal import Viewer
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import RowRule


class CatalogueError(TypeError):
    """A declaration that must not build, because the compiler would have to guess."""


class Json(StrEnum):
    """How a value of a column is written as JSON; ``{}`` stands for the SQL expression of a non-null value."""

    TEXT = "to_json({})::text"
    PLAIN = "'\"' || {} || '\"'"  # text that needs no escaping: codes and enum values
    NUMBER = "({})::text"
    BOOLEAN = "case when {} then 'true' else 'false' end"
    TIME = "to_json({})::text"  # RFC 3339; sessions run in UTC
    RAW = "({})::text"  # JSON already


_FORMS: dict[type, Json] = {
    str: Json.TEXT,
    int: Json.NUMBER,
    float: Json.NUMBER,
    bool: Json.BOOLEAN,
    datetime: Json.TIME,
    date: Json.TIME,
}


def form_of(type_: type) -> Json:
    """Return the JSON form of a Python type."""
    if issubclass(type_, Enum):
        return Json.PLAIN
    return _FORMS[type_]


@dataclass(frozen=True, slots=True)
class Column:
    """A scalar of the row. ``sql`` may use ``{a}`` for the row's alias; without it, it names a column."""

    type: type
    description: str
    sql: str | None = None
    null: bool = False
    many: bool = False
    form: Json | None = None
    long: bool = False
    """Whether it may hold thousands of characters."""
    requires: Action | None = None
    """A permission of its own: the value is null for rows that this action does not reach."""
    rows: RowRule | None = None
    """Which rows that action reaches, where it is not the entity's rule."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A list of words that Python works out from facts of the row, which the one statement gathers."""

    type: type[Enum]
    description: str
    facts: str
    """SQL over ``{a}`` of a JSON value."""
    actions: tuple[Action, ...]
    """What the policy is asked about the row, by the rule ``rows``."""
    rows: RowRule
    compute: Callable[[Any, Collection[Action], Viewer], Sequence[str]]
    """(the facts, those of the actions that reach the row, who asks) -> the words."""


@dataclass(frozen=True, slots=True)
class One:
    """A relation to at most one entity; always nullable in the API, since the other side may be hidden."""

    entity: str
    description: str
    key: str
    """The column of this row that holds the id of the other."""


@dataclass(frozen=True, slots=True)
class Many:
    """A connection to the rows of ``entity`` for which ``link`` holds.

    ``link`` is SQL over ``{c}`` (the child), ``{p}`` (this row) and ``{level}`` (this entity's ancestor column).
    """

    entity: str
    description: str
    link: str
    parts: bool = False
    """The children are parts of this row (``Through`` it), so that seeing this row is seeing them."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures over the issues below this unit: each a pair of issue filters, counted in one pass."""

    description: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A root field that finds one row: ``sql`` over ``{c}``, the arguments by name, ``{city}`` and ``{account}``."""

    entity: str
    description: str
    sql: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Name → description; each a required text."""


@dataclass(frozen=True, slots=True)
class NodeById:
    """The root field ``node`` or, with ``many``, ``nodes``."""

    description: str
    many: bool = False


Field = Column | Computed | One | Many | Metrics | Lookup | NodeById


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison that holds for every row with one of the values, and that an index serves."""

    sql: str
    """Over ``{a}`` and ``{most}``, the largest number of the values that were given."""
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column is one of the values."""

    type: type | str
    description: str
    sql: str
    cast: str = "text[]"
    then: str | None = None
    """How it was at an earlier moment ``{at}``, where that can be told; for a filter with an ``AsOf``."""
    bound: Bound | None = None

    @property
    def graphql(self) -> str:
        """The type of the term in the filter."""
        name = self.type if isinstance(self.type, str) else self.type.__name__
        return f"list[{name}]"


@dataclass(frozen=True, slots=True)
class Is:
    """A yes-or-no expression has this value."""

    description: str
    sql: str
    graphql: str = "bool"
    then: str | None = None
    """How it was at an earlier moment ``{at}``, where that can be told; for a filter with an ``AsOf``."""


@dataclass(frozen=True, slots=True)
class Between:
    """A time lies in the half-open interval."""

    description: str
    sql: str
    graphql: str = "DateTimeRange"


@dataclass(frozen=True, slots=True)
class Within:
    """The row's unit is this one or below it; named by its code, whose length says its level.

    ``sql`` is over ``{a}``, ``{level}`` (the ancestor column of that level) and ``{unit}`` (its id).
    """

    description: str
    sql: str = "{a}.{level} = {unit}"
    graphql: str = "str"


@dataclass(frozen=True, slots=True)
class Contains:
    """One of the texts contains the words, without regard to case."""

    description: str
    sql: tuple[str, ...]
    graphql: str = "str"


@dataclass(frozen=True, slots=True)
class Refers:
    """The column is the id of one of these nodes."""

    entity: str
    description: str
    sql: str
    graphql: str = "list[ID]"


@dataclass(frozen=True, slots=True)
class AsOf:
    """The row was there at the moment, and the other terms mean how it was then, as far as they can tell."""

    description: str
    sql: str
    """When the row came to be."""
    graphql: str = "DateTime"


@dataclass(frozen=True, slots=True)
class Has:
    """There is a row of another entity, among those that the viewer may see.

    ``sql`` is over ``{a}`` (this row) and ``{c}`` (the other).
    """

    entity: str
    description: str
    sql: str
    graphql: str = "bool"


OpenTerm = AsOf | Has | OneOf | Is | Between | Within | Contains | Refers


@dataclass(frozen=True, slots=True)
class Private:
    """A filter over a private field: keeps of the rows that the action reaches; refused to whom it reaches none."""

    term: OpenTerm
    requires: Action
    rows: RowRule | None = None
    """Which rows that action reaches, where it is not the entity's rule."""

    @property
    def description(self) -> str:
        """What it keeps."""
        return self.term.description

    @property
    def graphql(self) -> str:
        """The type of the term in the filter."""
        return self.term.graphql


FilterTerm = OpenTerm | Private


@dataclass(frozen=True, slots=True)
class Order:
    """A key to order by, never null nor private; ties are broken by id in the same direction, unless it has none."""

    sql: str
    description: str
    cast: Literal["text", "bigint", "timestamptz"] = "text"
    unique: bool = False
    """Whether no two rows have the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One kind of row in the API.

    An interface names its ``members``; a member narrows its interface's table by ``discriminator``.
    """

    name: str
    table: str
    rows: RowRule
    requires: Action | None
    fields: Mapping[str, Field]
    filters: Mapping[str, FilterTerm] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    default_order: tuple[str, bool] = ("", False)
    """The order's name, and whether it descends."""
    node: str | None = None
    """The type name in its global ids; None where it is no node."""
    discriminator: tuple[str, str] | None = None
    members: tuple[str, ...] = ()
    level_column: str | None = None


class Catalogue:
    """All entities by their GraphQL name."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}

    def add(self, entity: Entity) -> None:
        """Register an entity; a name is given once."""
        if entity.name in self.entities:
            raise CatalogueError(f"{entity.name} is declared twice")
        self.entities[entity.name] = entity

    def __getitem__(self, name: str) -> Entity:
        return self.entities[name]

    def __contains__(self, name: object) -> bool:
        return name in self.entities

    def by_node(self, name: str) -> Entity | None:
        """Return the entity whose global ids begin with the name (the interface, where there is one)."""
        for entity in self.entities.values():
            if entity.node == name and entity.discriminator is None:
                return entity
        return None

    def check(self) -> None:
        """Refuse relations to nowhere, default orders that are not declared, and private columns that others read."""
        self._check_private()
        for entity in self.entities.values():
            for name, spec in entity.fields.items():
                if isinstance(spec, One | Many) and spec.entity not in self.entities:
                    raise CatalogueError(f"{entity.name}.{name}: no entity {spec.entity}")
                if isinstance(spec, Many) and not self.entities[spec.entity].orders:
                    raise CatalogueError(f"{entity.name}.{name}: {spec.entity} declares no order")
            if entity.orders and entity.default_order[0] not in entity.orders:
                raise CatalogueError(f"{entity.name}: no order {entity.default_order[0]}")

    def _check_private(self) -> None:
        """A filter, an order or a join over a private column would tell a value bit by bit."""
        private = {
            word: spec.requires
            for entity in self.entities.values()
            for spec in entity.fields.values()
            if isinstance(spec, Column) and spec.requires is not None
            for word in _COLUMN.findall(spec.sql or "")
        }
        for entity in self.entities.values():
            for name, spec in (*entity.fields.items(), *entity.filters.items(), *entity.orders.items()):
                for word in _words(spec) & private.keys():
                    if getattr(spec, "requires", None) is not private[word]:
                        raise CatalogueError(
                            f"{entity.name}.{name}: reads {word}, which requires {private[word]}"
                        )


_COLUMN = re.compile(r"\{a\}\.(\w+)")


def _words(spec: Field | FilterTerm | Order) -> set[str]:
    """Return the words in the SQL of a declaration."""
    declared = spec.term if isinstance(spec, Private) else spec
    texts = [getattr(declared, name, None) for name in ("sql", "then", "bound", "link", "key", "facts")]
    return {word for text in texts for word in re.findall(r"\w+", str(text))}
