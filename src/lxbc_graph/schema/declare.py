"""How a noun is declared: a class whose attributes are columns and relations becomes an entity of the catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import RowRule
from lxbc_graph.read.catalogue import (
    Catalogue,
    CatalogueError,
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
    Order,
)

CATALOGUE = Catalogue()
DESCRIPTIONS: dict[str, str] = {}
ID = Column(str, "Global id, opaque (全局标识).", sql="{a}.id")


def camel(name: str) -> str:
    """Return the GraphQL spelling of a Python name."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def entity(
    *,
    table: str,
    rows: RowRule,
    requires: Action | None,
    node: str | None = None,
    filters: Mapping[str, FilterTerm] | None = None,
    orders: Mapping[str, Order] | None = None,
    default_order: tuple[str, bool] = ("", False),
    members: tuple[str, ...] = (),
    of: str | None = None,
    discriminator: tuple[str, str] | None = None,
    level_column: str | None = None,
) -> Callable[[type], type]:
    """Declare an entity; ``of`` names the interface that it is a member of and whose fields it has too."""

    def declare(cls: type) -> type:
        inherited = CATALOGUE[of].fields if of else {"id": ID} if node else {}
        own = {camel(name): _field(name, spec, cls) for name, spec in vars(cls).items() if name[0] != "_"}
        DESCRIPTIONS[cls.__name__] = " ".join((cls.__doc__ or "").split())
        if not DESCRIPTIONS[cls.__name__]:
            raise CatalogueError(f"{cls.__name__} has no docstring to describe it")
        CATALOGUE.add(
            Entity(
                name=cls.__name__,
                table=table,
                rows=rows,
                requires=requires,
                fields={**inherited, **own},
                filters=filters or {},
                orders=orders or {},
                default_order=default_order,
                node=node,
                discriminator=discriminator,
                members=members,
                level_column=level_column,
            )
        )
        return cls

    return declare


def _field(name: str, spec: object, cls: type) -> Field:
    if not isinstance(spec, Column | Computed | One | Many | Metrics | Lookup | NodeById):
        raise CatalogueError(
            f"{cls.__name__}.{name} is a {type(spec).__name__}: the compiler runs no resolvers, declare a column "
            "or a relation"
        )
    if isinstance(spec, Column) and spec.sql is None:
        return replace(spec, sql="{a}." + name)
    return spec
