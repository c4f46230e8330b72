"""Plan to SQL: one statement whose answer is the JSON text itself."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import NOTHING
from lxbc_graph.policy.scope import Scope

from . import computed, ids
from .arguments import Argument, Value
from .catalogue import Catalogue, Entity, Json, form_of
from .figures import write_figures
from .filters import write_filter
from .paging import Frame, write_connection
from .planner import (
    Computation,
    Connection,
    Fetch,
    Figures,
    Find,
    Item,
    Leaf,
    Node,
    ToOne,
    Typename,
)
from .small_counts import SmallCounts
from .sql import (
    NULL,
    Getter,
    Literal,
    Parameters,
    Pieces,
    Request,
    Statement,
    all_of,
    concatenate,
    quote,
    write_object,
)
from .stream import write_stream

_OF_PRINCIPAL: Mapping[str, Getter] = {
    "city": lambda request: request.principal.city_id,
    "account": lambda request: request.principal.account_id,
}


class Emitter:
    """Writes one statement for one plan and one shape of scopes; counts below ``small`` are hidden."""

    def __init__(
        self,
        catalogue: Catalogue,
        scope: Callable[[Action | None], Scope],
        *,
        small: int = 0,
        at_hand: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._parameters = Parameters(catalogue, scope, at_hand=at_hand)
        self._small = small

    def statement(self, items: Sequence[Item]) -> Statement:
        """Return the statement that answers the root items as one JSON object."""
        answer = concatenate(write_object((item.key, self._root(item)) for item in items))
        return self._parameters.statement(answer)

    def row(self, node: Node, get_id: Getter, filter_: Mapping[str, Argument]) -> Statement:
        """Return the statement that answers one row by its id, or no row where it is hidden or filtered out."""
        frame = Frame(self._parameters.alias())
        where = [
            f"{frame.alias}.id = {self._parameters.bind(('row',), get_id, 'bigint')}",
            self._parameters.visible(node.entity, frame.alias),
            *write_filter(self._parameters, node.entity, filter_, frame.alias),
        ]
        return self._parameters.statement(f"({self._select(node, frame, where)})")

    def stream(self, nodes: Sequence[Node], filter_: Mapping[str, Argument]) -> Statement:
        """Return the statement that answers, of a batch of events, what each node selects of those to be seen."""
        frame = Frame(self._parameters.alias())
        answers = [self._node(node, frame) for node in nodes]
        event = self._catalogue["Event"]
        return self._parameters.query(
            write_stream(self._parameters, event, frame.alias, frame.joins, answers, filter_)
        )

    # Roots

    def _root(self, item: Item) -> Pieces:
        match item:
            case Typename():
                return [Literal('"Query"')]
            case Find():
                return [self._find(item)]
            case Fetch():
                return [self._nodes(item) if item.many else self._node_by_id(item)]
            case Connection():
                return write_connection(self._parameters, item, self._node, None, None)
        raise AssertionError(item)

    def _find(self, item: Find) -> str:
        alias = self._parameters.alias()
        places = {"c": alias}
        for name, get in _OF_PRINCIPAL.items():
            if f"{{{name}}}" in item.lookup.sql:
                places[name] = self._parameters.bind((name,), get, "bigint")
        for name, argument in item.arguments.items():
            if isinstance(argument, Value):
                places[name] = self._parameters.value(argument, "text")
        return self._single(item.target, alias, item.lookup.sql.format(**places))

    def _node_by_id(self, item: Fetch) -> str:
        get = item.ids.get
        for name, node in item.targets.items():  # one at most

            def number(request: Request, name: str = name) -> int | None:
                return ids.parse(get(request.variables), name)

            alias = self._parameters.alias()
            id_ = self._parameters.bind(self._parameters.of(item), number, "bigint")
            return self._single(node, alias, f"{alias}.id = {id_}")
        return NULL

    def _nodes(self, item: Fetch) -> str:
        def names(request: Request) -> list[str]:
            found = (ids.name_of(id_) for id_ in item.ids.get(request.variables))
            # What names no type is not sent: PostgreSQL has no text for some of it, which would cost all others.
            return [name if name in item.targets else "" for name in found]

        def numbers(request: Request) -> list[int | None]:
            return [ids.parse(id_, ids.name_of(id_)) for id_ in item.ids.get(request.variables)]

        asked_names = self._parameters.bind(self._parameters.of(item, "names"), names, "text[]")
        asked_ids = self._parameters.bind(self._parameters.of(item, "ids"), numbers, "bigint[]")
        cases = []
        for name, node in item.targets.items():
            alias = self._parameters.alias()
            cases.append(f"when '{name}' then {self._single(node, alias, f'{alias}.id = asked.id')}")
        answer = f"case asked.name {' '.join(cases)} else {NULL} end" if cases else NULL
        return (
            f"(select coalesce('[' || string_agg({answer}, ',' order by asked.place) || ']', '[]')"
            f" from unnest({asked_names}, {asked_ids}) with ordinality as asked(name, id, place))"
        )

    def _single(self, node: Node, alias: str, condition: str) -> str:
        where = [condition, self._parameters.visible(node.entity, alias)]
        if NOTHING in where:
            return NULL
        return f"coalesce(({self._select(node, Frame(alias), where)}), {NULL})"

    def _select(self, node: Node, frame: Frame, where: Sequence[str]) -> str:
        if node.entity.discriminator is not None:
            column, value = node.entity.discriminator
            where = [*where, f"{frame.alias}.{column} = '{value}'"]
        answer = self._node(node, frame)
        rows = f"from {node.entity.table} {frame.alias}{''.join(frame.joins)}"
        return f"select {answer} {rows} where {all_of(where)}"

    # Objects

    def _node(self, node: Node, frame: Frame) -> str:
        """Write the row of the frame as the type that it is."""
        written = {
            name: concatenate(
                write_object((item.key, self._field(self._catalogue[name], item, frame)) for item in items)
            )
            for name, items in node.variants.items()
        }
        if len(written) == 1:
            return next(iter(written.values()))
        return self._by_member(node.entity, frame, written)

    def _by_member(self, entity: Entity, frame: Frame, written: Mapping[str, str]) -> str:
        cases = []
        for name in entity.members:
            discriminator = self._catalogue[name].discriminator
            assert discriminator is not None, name
            cases.append(f"when {frame.alias}.{discriminator[0]} = '{discriminator[1]}' then {written[name]}")
        return f"case {' '.join(cases)} end"

    def _field(self, entity: Entity, item: Item, frame: Frame) -> Pieces:
        match item:
            case Typename() if entity.members:
                return [self._by_member(entity, frame, {name: f"'\"{name}\"'" for name in entity.members})]
            case Typename():
                return [Literal(f'"{entity.name}"')]
            case Leaf():
                return self._leaf(entity, item, frame)
            case Computation():
                return [self._computed(item, frame)]
            case ToOne():
                return [self._to_one(item, frame)]
            case Connection():
                level = entity.level_column
                return write_connection(self._parameters, item, self._node, frame.alias, level)
            case Figures():
                return [self._figures(entity, item, frame)]
        raise AssertionError(item)

    def _figures(self, entity: Entity, item: Figures, frame: Frame) -> str:
        assert entity.level_column is not None, entity.name
        hiding = (lambda: self._small_counts) if self._small else None
        issue = self._catalogue["Issue"]
        return write_figures(self._parameters, item, issue, entity.level_column, frame.alias, hiding)

    @cached_property
    def _small_counts(self) -> SmallCounts:
        return SmallCounts(self._parameters, self._catalogue["Issue"], self._small)

    def _leaf(self, entity: Entity, item: Leaf, frame: Frame) -> Pieces:
        if item.name == "id":
            return [Literal(f'"{entity.node}:'), f"{frame.alias}.id", Literal('"')]
        column = item.column
        assert column.sql is not None, item.name
        form = column.form or (Json.TEXT if column.many else form_of(column.type))
        sql = column.sql.format(a=frame.alias)
        text = form.value.format(sql)
        if column.requires is not None:
            reached = self._parameters.rows(column.rows or entity.rows, column.requires, frame.alias)
            withheld = self._parameters.withheld(column.requires)
            if reached == NOTHING:
                return [withheld]
            return [f"case when {reached} then coalesce({text}, {NULL}) else {quote(withheld)} end"]
        if column.null:
            return [f"coalesce({text}, {NULL})"]
        return [Literal('"'), sql, Literal('"')] if form is Json.PLAIN else [f"({text})"]

    def _computed(self, item: Computation, frame: Frame) -> str:
        field = item.field
        granted = [
            (action, holds)
            for action in field.actions
            if (holds := self._parameters.rows(field.rows, action, frame.alias)) != NOTHING
        ]
        if not granted:
            return "'[]'"  # whatever the facts are
        place = self._parameters.computed(field)
        return computed.emit(place, field.facts.format(a=frame.alias), granted)

    def _to_one(self, item: ToOne, frame: Frame) -> str:
        target = item.target.entity
        inner = Frame(self._parameters.alias())
        visible = self._parameters.visible(target, inner.alias)
        if visible == NOTHING:
            return NULL
        answer = self._node(item.target, inner)
        rows, is_it = target.table, f"{inner.alias}.id = {frame.alias}.{item.relation.key}"
        if self._parameters.at_hand:
            rows = f"lateral (select * from {rows} {inner.alias} where {is_it} offset 0)"
        frame.joins.append(f" left join {rows} {inner.alias} on {is_it} and {visible}")
        frame.joins.extend(inner.joins)
        return f"case when {inner.alias}.id is null then {NULL} else {answer} end"
