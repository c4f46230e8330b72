"""From a subscription operation to a live subscription: what it gets is read per batch and group, not per event and client."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import asyncpg
import orjson
from graphql import FieldNode, GraphQLError

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.cursors import InvalidCursor
from lxbc_graph.live.fanout import Fanout
from lxbc_graph.live.feed import EventFeed, Feed, FigureFeed
from lxbc_graph.live.frame import LAST_EVENT_ID, Ended, Ending, Frame
from lxbc_graph.live.log import CursorExpired, EventHead, Log, Route
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.scope import SUBTREES, Scope
from lxbc_graph.read import ids, sql
from lxbc_graph.read.arguments import Argument, Value, Variables, arguments
from lxbc_graph.read.document import Operation, refused
from lxbc_graph.read.planner import Planner
from lxbc_graph.read.runner import Reader, Streamed
from lxbc_graph.read.withheld import Answer, Withheld
from lxbc_graph.store.outage import outage

from .declare import CATALOGUE
from .subscription import STREAMS, Events, Figures

Nodes = Sequence[FieldNode]
_UNITS = "select id from unit where code = $1"

EXPIRED = Ending(
    "CURSOR_EXPIRED",
    "What happened since this cursor is no longer told one by one: read anew and take a new eventCursor.",
)
_NOT_FOUND = Ending("NOT_FOUND", "There is no such unit.")
_TIMEOUT = Ending("TIMEOUT", "The operation took too long.")


def ending(error: GraphQLError) -> Ending:
    """Return the ending that says an error."""
    return Ending((error.extensions or {}).get("code", "INTERNAL"), error.message)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a subscription asks for: the parts of its payload by response key, and its arguments."""

    operation: Operation
    variables: Variables
    key: str
    payload: str
    parts: Mapping[str, Nodes]
    filter: Mapping[str, Argument]
    unit_ids: tuple[int, ...] | None
    """Of the units that it is about, where it names one."""
    interval_seconds: int = 0

    def of(self, name: str) -> list[tuple[str, Nodes]]:
        """Return the parts that select this field of the payload."""
        return [(key, nodes) for key, nodes in self.parts.items() if nodes[0].name.value == name]


class Following:
    """Opens subscriptions."""

    def __init__(
        self, reader: Reader, log: Log, fanout: Fanout, pool: "asyncpg.Pool[asyncpg.Record]"
    ) -> None:
        self._reader = reader
        self._log = log
        self._fanout = fanout
        self._pool = pool

    async def open(
        self,
        operation: Operation,
        variables: Variables,
        extensions: Mapping[str, object] | None,
        principal: Principal,
    ) -> Subscription:
        """Return the subscription, yet to be started; raises Refused, GraphQLError, or what asyncpg raises."""
        planner = Planner(CATALOGUE, operation, variables)
        fields = planner.collect(operation.root, [operation.node.selection_set])
        if len(fields) != 1:
            raise refused("A subscription selects exactly one field.")
        key, group = next(iter(fields.items()))
        if (name := group[0].name.value) == "__typename":
            raise refused("A subscription selects what is pushed, not __typename.")
        stream = STREAMS[name]
        given = arguments(operation.root.fields[name], group[0], variables)
        parts = planner.select(stream.payload, group)
        unit_ids = await self._units(stream.unit(given), variables)
        match stream:
            case Events():
                asked = _Asked(
                    operation, variables, key, stream.payload, parts, stream.filter(given), unit_ids
                )
                describe = partial(self._events, asked)
                after = await self._after(_cursor(extensions, given, variables))
            case Figures():
                interval = stream.interval_seconds(given, variables)
                asked = _Asked(operation, variables, key, stream.payload, parts, {}, unit_ids, interval)
                describe = partial(self._figures, asked)
                after = 0
        describe(principal)  # what cannot be planned is refused now
        return self._fanout.subscription(principal, describe, after)

    async def _units(self, code: Argument | None, variables: Variables) -> tuple[int, ...] | None:
        if not isinstance(code, Value):
            return None
        try:
            rows = await self._pool.fetch(_UNITS, code.get(variables))
        except (asyncpg.DataError, UnicodeEncodeError):
            return ()  # no unit has such a code
        return tuple(row[0] for row in rows)

    async def _after(self, cursor: str | None) -> int:
        try:
            return await self._log.position(cursor)
        except InvalidCursor as error:
            raise refused(f"after: {error}.", "INVALID_CURSOR") from None
        except CursorExpired:
            raise refused(EXPIRED.message, EXPIRED.code) from None

    def _events(self, asked: _Asked, principal: Principal) -> Feed:
        scopes = self._reader.scopes(principal)
        wanted = asked.of("event")
        nodes = [nodes for _, nodes in wanted]
        statement = self._reader.stream(asked.operation, nodes, asked.variables, scopes, asked.filter)
        request = sql.Request(asked.variables, principal, scopes)
        shape = tuple((key, nodes[0].name.value) for key, nodes in asked.parts.items())

        async def make(heads: Sequence[EventHead]) -> list[Frame]:
            if not heads:
                return []
            rows = [(head.seq, head.id) for head in heads]
            try:
                with _told():
                    found = await self._reader.run_stream(statement, replace(request, rows=rows))
            except Ended as ended:
                if ended.ending is not _TIMEOUT or len(heads) == 1:
                    raise
                middle = len(heads) // 2
                return [*await make(heads[:middle]), *await make(heads[middle:])]
            return [self._frame(asked, shape, one) for one in found]

        # A unit that is not there yet may come to be: until then it is looked for wherever the viewer sees.
        routes = _routes(scopes(Action.ISSUE_READ), asked.unit_ids or None)
        key = (routes, asked.key, shape, asked.payload, _key(statement, request))
        return EventFeed(key, routes, make)

    def _frame(self, asked: _Asked, shape: Sequence[tuple[str, str]], found: Streamed) -> Frame:
        cursor = self._log.cursor(found.seq)
        events = iter(found.parts)
        payload: dict[str, object] = {}
        withheld = Withheld()
        for key, name in shape:
            match name:
                case "event":
                    event = next(events)
                    payload[key] = None if event is None else orjson.Fragment(event.json)
                    withheld += Withheld() if event is None else event.withheld.below((asked.key, key))
                case "gone":
                    payload[key] = None if found.gone is None else ids.write("Issue", found.gone)
                case "cursor":
                    payload[key] = cursor
                case _:
                    payload[key] = asked.payload
        return Frame(_framed(asked, payload, withheld), found.seq, cursor)

    def _figures(self, asked: _Asked, principal: Principal) -> Feed:
        scopes = self._reader.scopes(principal)
        request = sql.Request(asked.variables, principal, scopes, next(iter(asked.unit_ids or ()), None))
        wanted = {
            key: self._reader.row(asked.operation, "Unit", nodes, asked.variables, scopes, {})
            for key, nodes in asked.of("unit") or [("", ())]
        }
        shape = tuple((key, nodes[0].name.value) for key, nodes in asked.parts.items())

        async def make() -> bytes:
            found: dict[str, Answer] = {}
            for key, statement in wanted.items():
                with _told():
                    row = await self._reader.run(statement, request)
                if row is None:
                    raise Ended(_NOT_FOUND)
                found[key] = row
            payload = {
                key: orjson.Fragment(found[key].json) if name == "unit" else asked.payload
                for key, name in shape
            }
            told = (row.withheld.below((asked.key, key)) for key, row in found.items())
            return _framed(asked, payload, sum(told, Withheld()))

        # What is hidden of a unit depends on the units beside it, too.
        routes = _routes(scopes(Action.METRICS_READ), None if scopes.small else asked.unit_ids or ())
        statements = tuple(_key(statement, request) for statement in wanted.values())
        key = (routes, asked.key, shape, asked.payload, asked.interval_seconds, statements)
        return FigureFeed(key, routes, make, asked.interval_seconds)


def _framed(asked: _Asked, payload: Mapping[str, object], withheld: Withheld) -> bytes:
    return orjson.dumps({"data": {asked.key: payload}, **withheld.extensions})


def _key(statement: sql.Statement, request: sql.Request) -> tuple[object, ...]:
    """Return what tells apart those who get different bytes: the statement, and all that is sent along with it."""
    parameters = orjson.dumps(statement.parameters(request), default=str)
    return statement.sql, parameters, request.principal.viewer if statement.computed else None


def _routes(scope: Scope, unit_ids: tuple[int, ...] | None) -> frozenset[Route]:
    """Return where to look for events: on all routes of the scope, or under the one unit that is asked for."""
    if unit_ids is not None:
        return frozenset(("u", id_) for id_ in unit_ids)
    found = {
        "u": [*(id_ for name in SUBTREES.values() for id_ in getattr(scope, name)), *scope.units],
        "p": scope.party_units,
        "d": scope.party_departments,
        "c": scope.own_cadres,
        "a": scope.own_accounts,
    }
    return frozenset((kind, id_) for kind, ids_ in found.items() for id_ in ids_)


@contextmanager
def _told() -> Iterator[None]:
    """End the subscription with what is wrong with it; an outage is waited out instead."""
    try:
        yield
    except GraphQLError as error:
        raise Ended(ending(error)) from error
    except Exception as error:
        if outage(error) == "TIMEOUT":
            raise Ended(_TIMEOUT) from error
        raise


def _cursor(
    extensions: Mapping[str, object] | None, given: Mapping[str, Argument], variables: Variables
) -> str | None:
    last = (extensions or {}).get(LAST_EVENT_ID)
    if last is not None:
        if not isinstance(last, str):
            raise refused(f"{LAST_EVENT_ID}: not a cursor of the event log.", "INVALID_CURSOR")
        return last
    after = given.get("after")
    return str(after.get(variables)) if isinstance(after, Value) else None
