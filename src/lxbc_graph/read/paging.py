"""Connections as SQL: one page of rows by key-set, aggregated into JSON, with whatever else was asked of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import cursors
from .arguments import Value, values
from .filters import write_filter
from .planner import Connection, Edge, Node
from .sql import NULL, Getter, Literal, Parameters, Pieces, Request, all_of, concatenate, select, write_object


@dataclass(slots=True)
class Frame:
    """The rows that an object is written from: an alias, and the joins that its to-one relations need."""

    alias: str
    joins: list[str] = field(default_factory=list)


WriteNode = Callable[[Node, Frame], str]


def write_connection(
    parameters: Parameters, item: Connection, write_node: WriteNode, parent: str | None, level: str | None
) -> Pieces:
    """Return the SQL of a connection below the row at alias ``parent``, or at the root without one."""
    return _Page(parameters, item, write_node).write(parent, level)


class _Page:
    """One page of one connection while it is written."""

    def __init__(self, parameters: Parameters, item: Connection, write_node: WriteNode) -> None:
        self._parameters = parameters
        self._item = item
        self._write_node = write_node
        self._frame = Frame(parameters.alias())
        self._order = item.entity.orders[item.order[0]]
        self._key = self._order.sql.format(a=self._frame.alias)
        # Only pageInfo needs to count beyond the page, and to know each row's place.
        self._numbered = any(isinstance(kind, tuple) for _, kind in item.parts)

    def write(self, parent: str | None, level: str | None) -> Pieces:
        table, alias = self._item.entity.table, self._frame.alias
        where = self._where(parent, level)
        written: list[tuple[str, Pieces]] = []
        for key, kind in self._item.parts:
            if kind == "totalCount":
                count = f"(select count(*) from {table} {alias} where {all_of(where)})"
                written.append((key, [count]))
            else:
                written.append((key, self._part(kind)))
        answer = write_object(written)
        if all(kind in ("totalCount", "__typename") for _, kind in self._item.parts):
            return answer
        reverse = self._item.page.backward
        sorting = self._sorting(reverse=reverse)
        columns = f"{alias}.*" + f", row_number() over (order by {sorting}) as place" * self._numbered
        return select(
            answer,
            f"from (select {columns} from {table} {alias}"
            f" where {all_of(where + self._bounds())} order by {sorting}"
            f" limit {self._item.page.size + self._numbered}) {alias}{''.join(self._frame.joins)}"
            " having true",  # one row, even where nothing that was asked for is an aggregate
        )

    def _where(self, parent: str | None, level: str | None) -> list[str]:
        entity, alias = self._item.entity, self._frame.alias
        where = []
        if parent is not None:
            where.append(self._item.relation.link.format(c=alias, p=parent, level=level))
        if not self._item.relation.parts:
            where.append(self._parameters.visible(entity, alias))
        if entity.discriminator is not None:
            column, value = entity.discriminator
            where.append(f"{alias}.{column} = '{value}'")
        return where + write_filter(self._parameters, entity, self._item.filter, alias)

    def _part(self, kind: "str | Node | Edge | tuple[tuple[str, str], ...]") -> Pieces:
        match kind:
            case Node():
                return self._list(self._write_node(kind, self._frame))
            case Edge():
                edge = write_object((key, self._edge_field(part)) for key, part in kind.items)
                return self._list(concatenate(edge))
            case tuple():
                return write_object((key, self._page_info(name)) for key, name in kind)
        return [Literal(f'"{self._item.entity.name}Connection"')]

    def _edge_field(self, part: Node | str) -> Pieces:
        if isinstance(part, Node):
            return [self._write_node(part, self._frame)]
        return [self._cursor()] if part == "cursor" else [Literal(f'"{self._item.entity.name}Edge"')]

    def _list(self, answer: str) -> Pieces:
        """Aggregate in the order of the connection, whichever way the page was read."""
        if self._numbered:
            place = f"{self._frame.alias}.place"
            order = place + " desc" * self._item.page.backward
            in_page = f" filter (where {place} <= {self._item.page.size})"
        else:
            order, in_page = self._sorting(reverse=False), ""
        rows = f"coalesce(string_agg({answer}, ',' order by {order}){in_page}, '')"
        return [Literal("["), rows, Literal("]")]

    def _page_info(self, name: str) -> Pieces:
        size, backward = self._item.page.size, self._item.page.backward
        # On the other side of the cursor stands at least the row that it names.
        behind = Literal(
            "true" if (self._item.page.before if backward else self._item.page.after) else "false"
        )
        beyond = f"case when count(*) > {size} then 'true' else 'false' end"
        match name:
            case "hasNextPage":
                return [behind if backward else beyond]
            case "hasPreviousPage":
                return [beyond if backward else behind]
            case "startCursor" | "endCursor":
                place = f"{self._frame.alias}.place"
                descending = " desc" * ((name == "startCursor") is backward)
                cursor = f"array_agg({self._cursor()} order by {place}{descending})"
                return [f"coalesce(({cursor} filter (where {place} <= {size}))[1], {NULL})"]
        return [Literal('"PageInfo"')]

    def _sorting(self, *, reverse: bool) -> str:
        direction = " desc" if self._item.order[1] is not reverse else ""
        tie_break = "" if self._order.unique else f", {self._frame.alias}.id{direction}"
        return f"{self._key}{direction}{tie_break}"

    # Cursors

    def _cursor(self) -> str:
        prefix = self._parameters.bind(self._parameters.of(self._item, "binding"), self._binding(), "text")
        return cursors.emit(prefix, self._key, f"{self._frame.alias}.id")

    def _binding(self) -> Getter:
        item = self._item

        def get(request: Request) -> str:
            found = values(item.filter, request.variables)
            return cursors.binding(request.principal.account_id, item.identity, item.order, found)

        return get

    def _bounds(self) -> list[str]:
        return [
            self._beyond(cursor, forward=forward)
            for cursor, forward in ((self._item.page.after, True), (self._item.page.before, False))
            if cursor is not None
        ]

    def _beyond(self, cursor: Value, *, forward: bool) -> str:
        binding, cast = self._binding(), self._order.cast

        def at(place: int) -> Getter:
            return lambda request: cursors.parse(cursor.get(request.variables), binding(request), cast)[place]

        key = self._parameters.bind(self._parameters.of(cursor, "key"), at(0), "text")
        id_ = self._parameters.bind(self._parameters.of(cursor, "id"), at(1), "bigint")
        sign = "<" if self._item.order[1] is forward else ">"
        return f"({self._key}, {self._frame.alias}.id) {sign} ({key}::{cast}, {id_})"
