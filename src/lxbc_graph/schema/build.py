"""Catalogue to Strawberry: every declared entity, its connection, edge, filter and order become types."""

from enum import Enum, StrEnum
from typing import Any

import strawberry
from graphql import GraphQLObjectType
from strawberry.schema.config import StrawberryConfig
from strawberry.schema_directive import Location
from strawberry.types.arguments import StrawberryArgument

from lxbc_graph.domain.metrics import METRICS
from lxbc_graph.read.catalogue import (
    Column,
    Computed,
    Entity,
    Field,
    FilterTerm,
    Lookup,
    Many,
    Metrics,
    NodeById,
    One,
    Private,
)
from lxbc_graph.read.limits import DEFAULT_PAGE, MAX_PAGE

from . import (  # noqa: F401 - they declare themselves
    assignment,
    attachment,
    audit_event,
    cadre,
    category,
    clock,
    department,
    event,
    issue,
    posting,
    query,
    rule,
    unit,
    viewer,
)
from .declare import CATALOGUE, DESCRIPTIONS, ID
from .explain_access import EXPLAIN_ACCESS
from .mutation import declare_mutation
from .names import NAMES, argument, field, make
from .scalars import SCALARS
from .subscription import EVENT_CURSOR, declare_subscription


@strawberry.schema_directive(
    locations=[
        Location.OBJECT,
        Location.INTERFACE,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
    ],
    name="authorized",
    description="What reading or filtering needs: an action of the policy and, for a type, the rule that says which rows (权限).",
)
class Authorized:
    """What reading needs, printed beside the type, so that a change of permission shows as a diff."""

    action: str | None = strawberry.directive_field(name="action", default=None)
    rows: str | None = strawberry.directive_field(name="rows", default=None)


def build() -> strawberry.Schema:
    """Return the schema; raises CatalogueError for a declaration that must not build."""
    CATALOGUE.check()
    if "Query" not in NAMES:
        _declare()
    schema = strawberry.Schema(
        query=NAMES["Query"],
        mutation=NAMES["Mutation"],
        subscription=NAMES["Subscription"],
        types=[NAMES[name] for entity in CATALOGUE.entities.values() for name in entity.members],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    # Strawberry's own resolver of this field fails for lists and for what cannot be null.
    of_types = schema._schema.type_map["__Type"]  # noqa: SLF001 - Strawberry offers no other way to it
    assert isinstance(of_types, GraphQLObjectType)
    of_types.fields["isOneOf"].resolve = lambda type_, _: getattr(type_, "is_one_of", None)
    return schema


def _declare() -> None:
    make(
        "Node",
        "An object with a global id (对象).",
        {"id": ("ID", field("id", ID.description))},
        kind=strawberry.interface,
    )
    make(
        "PageInfo",
        "Where a page stands in its connection (分页信息).",
        {
            "hasNextPage": (bool, field("hasNextPage", "Whether rows follow (后页).")),
            "hasPreviousPage": (bool, field("hasPreviousPage", "Whether rows precede (前页).")),
            "startCursor": ("str | None", field("startCursor", "Cursor of the first row (首游标).")),
            "endCursor": ("str | None", field("endCursor", "Cursor of the last row (末游标).")),
        },
    )
    _declare_inputs()
    _declare_metrics()
    for entity in CATALOGUE.entities.values():
        if entity.orders:
            _declare_connection(entity)
        _declare_entity(entity)
    declare_mutation()
    declare_subscription()


def _declare_inputs() -> None:
    make(
        "DateTimeRange",
        "A half-open interval of time (时间段).",
        {
            "from": ("DateTime | None", _input("from", "From this moment on (起).")),
            "to": ("DateTime | None", _input("to", "Before this moment (止).")),
        },
        kind=strawberry.input,
    )
    direction = StrEnum("OrderDirection", {"ASC": "ASC", "DESC": "DESC"})  # type: ignore[misc] # the name is the schema's
    NAMES["OrderDirection"] = _described_enum(
        direction,
        "Direction of an order (排序方向).",
        {"ASC": "Smallest first (升序).", "DESC": "Largest first (降序)."},
    )


def _declare_metrics() -> None:
    make(
        "Metric",
        "A figure with what it was made of (指标).",
        {
            "numerator": ("int | None", field("numerator", "Issues counted; null where suppressed (分子).")),
            "denominator": (
                "int | None",
                field("denominator", "Issues that they are a part of; null where suppressed (分母)."),
            ),
            "rate": (
                "float | None",
                field(
                    "rate", "Numerator ÷ denominator; null where that is zero or one is suppressed (比率)."
                ),
            ),
            "percent": ("float | None", field("percent", "The rate in percent, to one decimal (百分比).")),
            "suppressed": (
                bool,
                field(
                    "suppressed",
                    "Whether a count is withheld because it is small, or would tell one that is: from viewers who may count these issues and not read them (小数隐去).",
                ),
            ),
            "filter": ("JSON", field("filter", "The IssueFilter that lists the denominator (分母筛选).")),
            "numeratorFilter": (
                "JSON",
                field("numeratorFilter", "The IssueFilter that lists the numerator (分子筛选)."),
            ),
        },
    )
    make(
        "UnitMetrics",
        "Figures over the issues of a unit and below it that the viewer may count (单位指标).",
        {name: ("Metric", field(name, metric.description)) for name, metric in METRICS.items()},
    )


def _declare_connection(entity: Entity) -> None:
    if entity.filters and _filter_name(entity) not in NAMES:
        make(
            _filter_name(entity),
            f"Which of them; conditions hold together, a list means any of its values (筛选). For {entity.name}.",
            {
                name: (f"{term.graphql} | None", _filter_input(name, term))
                for name, term in entity.filters.items()
            },
            kind=strawberry.input,
        )
    if _order_name(entity) not in NAMES:
        enum = StrEnum(f"{_order_name(entity)}Field", {name: name for name in entity.orders})  # type: ignore[misc] # named by the entity
        NAMES[f"{_order_name(entity)}Field"] = _described_enum(
            enum,
            "What to order by (排序字段).",
            {name: order.description for name, order in entity.orders.items()},
        )
        make(
            _order_name(entity),
            f"How to order; ties are broken by id (排序). For {entity.name}.",
            {
                "field": (
                    f"{_order_name(entity)}Field",
                    _input("field", "What to order by (字段).", required=True),
                ),
                "direction": (
                    "OrderDirection",
                    _input("direction", "Direction (方向).", NAMES["OrderDirection"].ASC),
                ),
            },
            kind=strawberry.input,
        )
    name = entity.name
    make(
        f"{name}Edge",
        f"A row of a {name}Connection (边).",
        {
            "node": (name, field("node", "The row (对象).")),
            "cursor": (str, field("cursor", "Where the row stands, for after and before (游标).")),
        },
    )
    make(
        f"{name}Connection",
        "Rows in pages, as the Relay specification says (分页列表).",
        {
            "edges": (f"list[{name}Edge]", field("edges", "The rows with their cursors (边).")),
            "nodes": (f"list[{name}]", field("nodes", "The rows alone (对象).")),
            "pageInfo": ("PageInfo", field("pageInfo", "Where the page stands (分页信息).")),
            "totalCount": (int, field("totalCount", "How many rows there are on all pages (总数).")),
        },
    )


def _declare_entity(entity: Entity) -> None:
    fields = {name: _field(name, spec) for name, spec in entity.fields.items() if spec is not ID}
    if entity.name == "Query":
        fields["eventCursor"] = EVENT_CURSOR
        fields["explainAccess"] = EXPLAIN_ACCESS
    bases: tuple[type, ...] = ()
    if entity.node is not None:
        interface = next(
            (other for other in CATALOGUE.entities.values() if entity.name in other.members), None
        )
        bases = (NAMES[interface.name],) if interface else (NAMES["Node"],)
    directives: tuple[object, ...] = ()
    if entity.requires is not None:
        directives = (Authorized(action=entity.requires.value, rows=str(entity.rows)),)
    make(
        entity.name,
        DESCRIPTIONS[entity.name],
        fields,
        kind=strawberry.interface if entity.members else strawberry.type,
        bases=bases,
        directives=directives,
    )


def _field(name: str, spec: Field) -> tuple[Any, Any]:
    match spec:
        case Column():
            type_ = NAMES.get(getattr(spec.type, "__name__", ""), spec.type)
            made = field(name, spec.description)
            if spec.requires is not None:
                made.directives = [Authorized(action=spec.requires.value)]
            hidden = spec.null or spec.requires is not None
            kind = list[type_] if spec.many else type_  # type: ignore[valid-type]
            return (kind | None if hidden and spec.type is not dict else kind), made
        case Computed():
            return f"list[{spec.type.__name__}]", field(name, spec.description)
        case One():
            return f"{spec.entity} | None", field(name, spec.description)
        case Many():
            return f"{spec.entity}Connection", field(
                name, spec.description, _page_arguments(CATALOGUE[spec.entity])
            )
        case Metrics():
            period = argument("period", "DateTimeRange | None", "Only issues handed over in it (交办时间段).")
            as_of = argument(
                "asOf", "DateTime | None", "As the events tell that it was then; left out, as it is (时点)."
            )
            return "UnitMetrics | None", field(name, spec.description, [period, as_of])
        case Lookup():
            arguments = [argument(key, str, text) for key, text in spec.arguments.items()]
            required = [_required(one) for one in arguments]
            return f"{spec.entity} | None", field(name, spec.description, required)
        case NodeById(many=True):
            ids = _required(argument("ids", "list[ID]", "Global ids (全局标识)."))
            return "list[Node | None]", field(name, spec.description, [ids])
        case NodeById():
            return "Node | None", field(
                name, spec.description, [_required(argument("id", "ID", "Global id (全局标识)."))]
            )


def _page_arguments(entity: Entity) -> list[StrawberryArgument]:
    found = [
        argument(
            "first",
            "int | None",
            f"Rows from the front, at most {MAX_PAGE}; {DEFAULT_PAGE} if left out (前若干条).",
        ),
        argument("after", "str | None", "Only rows after this cursor (游标之后)."),
        argument("last", "int | None", f"Rows from the back, at most {MAX_PAGE} (后若干条)."),
        argument("before", "str | None", "Only rows before this cursor (游标之前)."),
    ]
    if entity.filters:
        found.append(argument("filter", f"{_filter_name(entity)} | None", "Which rows (筛选)."))
    found.append(argument("orderBy", f"{_order_name(entity)} | None", "In which order (排序)."))
    return found


def _required(spec: StrawberryArgument) -> StrawberryArgument:
    return StrawberryArgument(
        spec.python_name, spec.graphql_name, spec.type_annotation, description=spec.description
    )


def _filter_name(entity: Entity) -> str:
    return f"{_family(entity)}Filter"


def _order_name(entity: Entity) -> str:
    return f"{_family(entity)}Order"


def _family(entity: Entity) -> str:
    """Members of an interface share its filter and order."""
    return entity.node or entity.name


def _input(name: str, description: str, default: Any = strawberry.UNSET, *, required: bool = False) -> Any:
    if required:
        return strawberry.field(name=name, description=description)
    return strawberry.field(name=name, description=description, default=default)


def _filter_input(name: str, term: FilterTerm) -> Any:
    found = _input(name, term.description)
    if isinstance(term, Private):
        found.directives = [Authorized(action=term.requires.value)]
    return found


def _described_enum(enum: type[Enum], description: str, values: dict[str, str]) -> Any:
    made = strawberry.enum(enum, description=description)
    for value in made.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return made
