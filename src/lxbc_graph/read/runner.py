"""Runs plans: finds or makes the statement, fetches its parameters, asks the database once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import asyncpg
from graphql import FieldNode

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.scope import Grants, Scope, grants_of, reached_by

from .arguments import Argument, Variables, shape
from .catalogue import Catalogue, Computed
from .computed import fill_in
from .document import Operation
from .emitter import Emitter
from .explain import explain
from .planner import Item, Planner
from .sql import Request, Statement, unstorable
from .withheld import Answer, take_marks

PLANS_PER_OPERATION = 64
PRINCIPALS = 10_000


class Scopes:
    """The scopes of one principal, each worked out once: those to read with now, others when they are needed."""

    def __init__(self, enforcer: Enforcer, principal: Principal, reads: Sequence[Action], small: int) -> None:
        self.principal = principal
        self._enforcer = enforcer
        own = Scope(
            own_accounts=(principal.account_id,),
            own_cadres=() if principal.cadre_id is None else (principal.cadre_id,),
        )
        self._scopes: dict[Action | None, Scope] = {None: own}
        self._reached: dict[Grants, Scope] = {}
        self._shapes: dict[tuple[Action, ...], str] = {}
        counts_alone = not self(Action.ISSUE_READ).covers(self(Action.METRICS_READ))
        self.small = small if counts_alone else 0
        """Below which counts are hidden: those of issues that are counted and not read."""
        # As text, which remembers its hash: it is part of the key of every plan that is looked up.
        self.shape = str([self(action).shape for action in (None, *reads)] + [self.small])

    def __call__(self, action: Action | None) -> Scope:
        """Return the scope for an action; None is what an account is to itself."""
        found = self._scopes.get(action)
        if found is None:
            assert action is not None
            grants = grants_of(self._enforcer, self.principal, action)
            if grants not in self._reached:
                self._reached[grants] = reached_by(self.principal, grants)
            found = self._scopes[action] = self._reached[grants]
        return found

    def shape_with(self, actions: tuple[Action, ...]) -> str:
        """Return the shape of the scopes to read with and of those for the actions."""
        if actions not in self._shapes:
            self._shapes[actions] = self.shape + str([self(action).shape for action in actions])
        return self._shapes[actions]


class Connections(Protocol):
    """Where single statements run: lanes."""

    async def fetchval(self, sql: str, /, *parameters: Any, account: int | None = None) -> Any:
        """Return the first column of the first row, or None; raises as asyncpg does. The account is who asks."""
        ...

    async def fetch(self, sql: str, /, *parameters: Any) -> Sequence[Any]:
        """Return all rows; raises as asyncpg does."""
        ...


class Streamed(NamedTuple):
    """An event of a stream: its number, the id of the issue that left with it, and the answer to each part."""

    seq: int
    gone: int | None
    parts: list[Answer | None]


class Reader:
    """Answers selections as JSON text, with one statement for each call."""

    ACTIONS = tuple(action for action in Action if action.value.endswith((":read", ":private")))

    def __init__(
        self,
        connections: Connections,
        streams: Connections,
        catalogue: Catalogue,
        enforcer: Enforcer,
        *,
        small_count: int,
    ) -> None:
        self._connections = connections
        self._streams = streams
        self._small_count = small_count
        self._catalogue = catalogue
        self._enforcer = enforcer
        self._scopes: OrderedDict[object, Scopes] = OrderedDict()
        computed = [
            (name, field)
            for entity in catalogue.entities.values()
            for name, field in entity.fields.items()
            if isinstance(field, Computed)
        ]
        self._computed = frozenset(name for name, _ in computed)
        self._asked = tuple(dict.fromkeys(action for _, field in computed for action in field.actions))

    def scopes(self, principal: Principal) -> Scopes:
        """Return the principal's scopes, remembered for as long as its postings and the policy stay the same."""
        key = (self._enforcer.version, principal.account_id, principal.cadre_id, principal.postings)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = Scopes(self._enforcer, principal, self.ACTIONS, self._small_count)
            if len(self._scopes) > PRINCIPALS:
                self._scopes.popitem(last=False)
        return found

    def roots(
        self,
        operation: Operation,
        fields: Sequence[list[FieldNode]] | None,
        variables: Variables,
        scopes: Scopes,
    ) -> Statement:
        """Return the statement for root fields of a query; None means all of them."""
        shape = self._shape(operation, scopes)
        key = (_given(operation, variables), shape, None if fields is None else _names(fields))

        def make() -> Statement:
            plan = self._plan(operation, fields, variables)
            return Emitter(self._catalogue, scopes, small=scopes.small).statement(plan)

        return _remembered(operation, key, make)

    def _shape(self, operation: Operation, scopes: Scopes) -> str:
        """Return what of the scopes the text of a statement may depend on; few ask what one may do."""
        if operation.names.isdisjoint(self._computed):
            return scopes.shape
        return scopes.shape_with(self._asked)

    def _plan(
        self, operation: Operation, fields: Sequence[list[FieldNode]] | None, variables: Variables
    ) -> tuple[Item, ...]:
        planner = Planner(self._catalogue, operation, variables)
        if fields is None:
            fields = list(planner.collect(operation.root, [operation.node.selection_set]).values())
        return planner.roots(fields)

    def explain(self, operation: Operation, variables: Variables, principal: Principal) -> str:
        """Return what a query becomes, as text: the stages of its running, short of the database."""
        scopes = self.scopes(principal)
        statement = self.roots(operation, None, variables, scopes)
        request = Request(variables, principal, scopes)
        return explain(self._plan(operation, None, variables), statement, request, self._enforcer)

    def row(
        self,
        operation: Operation,
        entity: str,
        nodes: Sequence[FieldNode],
        variables: Variables,
        scopes: Scopes,
        filter_: Mapping[str, Argument],
    ) -> Statement:
        """Return the statement for one row of the entity, as the nodes select it; its id is the last parameter."""
        shape = self._shape(operation, scopes)
        key = (_given(operation, variables), shape, entity, tuple(id(node) for node in nodes))

        def make() -> Statement:
            planner = Planner(self._catalogue, operation, variables)
            node = planner.node(entity, nodes)
            return Emitter(self._catalogue, scopes, small=scopes.small, at_hand=True).row(
                node, lambda request: request.row_id, filter_
            )

        return _remembered(operation, key, make)

    def stream(
        self,
        operation: Operation,
        parts: Sequence[Sequence[FieldNode]],
        variables: Variables,
        scopes: Scopes,
        filter_: Mapping[str, Argument],
    ) -> Statement:
        """Return the statement for a batch of events, of each what the parts select; the request names them."""
        shape = self._shape(operation, scopes)
        key = (_given(operation, variables), shape, "stream", *(id(node) for part in parts for node in part))

        def make() -> Statement:
            planner = Planner(self._catalogue, operation, variables)
            nodes = [planner.node("Event", part) for part in parts]
            emitter = Emitter(self._catalogue, scopes, small=scopes.small, at_hand=True)
            return emitter.stream(nodes, filter_)

        return _remembered(operation, key, make)

    async def run_stream(self, statement: Statement, request: Request) -> list[Streamed]:
        """Send the statement of a stream and return what it tells; raises GraphQLError as ``run`` does."""
        rows = await self._send(self._streams.fetch, statement, request)
        return [
            Streamed(
                seq, gone, [None if part is None else _answered(part, statement, request) for part in parts]
            )
            for seq, gone, *parts in rows
        ]

    async def run(self, statement: Statement, request: Request) -> Answer | None:
        """Send the statement and return its answer; raises GraphQLError for values that PostgreSQL refuses."""
        ask = partial(self._connections.fetchval, account=request.principal.account_id)
        found: bytes | None = await self._send(ask, statement, request)
        return None if found is None else _answered(found, statement, request)

    async def _send(self, ask: Callable[..., Awaitable[Any]], statement: Statement, request: Request) -> Any:
        try:
            return await ask(statement.sql, *statement.parameters(request))
        except (asyncpg.DataError, UnicodeEncodeError):
            raise unstorable() from None


def _answered(found: bytes, statement: Statement, request: Request) -> Answer:
    if statement.computed:
        found = fill_in(found, statement.computed, request.principal.viewer)
    return take_marks(found) if statement.private else Answer(found)


def _given(operation: Operation, variables: Variables) -> Any:
    if not variables:
        return ()
    types = operation.variable_types
    return tuple((name, shape(value, types[name])) for name, value in variables.items())


def _names(fields: Sequence[list[FieldNode]]) -> tuple[int, ...]:
    return tuple(id(nodes[0]) for nodes in fields)


def _remembered(operation: Operation, key: Any, make: Any) -> Statement:
    found: Statement | None = operation.plans.get(key)
    if found is None:
        found = make()
        if len(operation.plans) >= PLANS_PER_OPERATION:
            operation.plans.pop(next(iter(operation.plans)))
        operation.plans[key] = found
    return found
