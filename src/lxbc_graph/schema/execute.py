"""One operation, whatever its kind: a query is read, a mutation written and then read, a subscription read per event.

What the compiler answers never passes a resolver. Introspection, ``login``, ``refresh`` and ``logout`` hold no scoped
data and go through the executor of GraphQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLFormattedError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
)
from strawberry import Schema

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.frame import Ending
from lxbc_graph.live.log import CursorExpired, Log
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.policy.sign_in import SignIns
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.read import sql
from lxbc_graph.read.arguments import Argument, Variables, arguments, values
from lxbc_graph.read.document import MAX_TYPES, Documents, Operation, Refused, refused
from lxbc_graph.read.planner import Planner
from lxbc_graph.read.runner import Reader
from lxbc_graph.store.outage import AWAY, outage
from lxbc_graph.write import Commands

from .context import Context
from .declare import CATALOGUE
from .following import EXPIRED, Following, ending
from .mutation import COMMANDS, command_of, shown, user_error

_log = structlog.get_logger()

Group = list[FieldNode]


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request as a transport received it."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None
    extensions: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    """Of the whole request, for those of its changes that bring none of their own."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole GraphQL response as JSON; ``ok`` says that it ran, so that ``data`` is there, if only as null."""

    body: bytes
    ok: bool = True
    status: int = 200


class Executor:
    """Executes requests of any kind for whoever asks."""

    def __init__(
        self,
        schema: Schema,
        reader: Reader,
        commands: Commands,
        following: Following,
        sign_ins: SignIns,
        tokens: Tokens,
        log: Log,
    ) -> None:
        self.documents = Documents(schema._schema)  # noqa: SLF001 - Strawberry offers no other way to it
        self._reader = reader
        self._commands = commands
        self._following = following
        self._context = Context(sign_ins, tokens, log)

    async def execute(self, request: Request, principal: Principal | None) -> Response:
        """Run a query or a mutation."""
        try:
            operation = self.documents.operation(request.query, request.operation_name)
            variables = operation.variables(request.variables)
            if operation.kind is OperationType.SUBSCRIPTION:
                raise refused(
                    "A subscription is served over graphql-transport-ws, as text/event-stream or as "
                    "multipart/mixed;subscriptionSpec=1.0."
                )
            if principal is None and not operation.anonymous:
                raise _Anonymous
            return await self._run(operation, variables, request, principal)
        except Refused as refusal:
            return _refusal(refusal)

    def kind(self, request: Request) -> OperationType | None:
        """Return what kind of operation the request names; None where running it will say what is wrong."""
        try:
            return self.documents.operation(request.query, request.operation_name).kind
        except Refused:
            return None

    def explain(self, request: Request, principal: Principal) -> str:
        """Return the plan, the SQL and the policy rows of a query; raises Refused."""
        operation = self.documents.operation(request.query, request.operation_name)
        if operation.kind is not OperationType.QUERY or operation.resolved:
            raise refused(
                "Only a query that reads data becomes a statement: leave out eventCursor, __schema and __type."
            )
        return self._reader.explain(operation, operation.variables(request.variables), principal)

    async def _run(
        self, operation: Operation, variables: Variables, request: Request, principal: Principal | None
    ) -> Response:
        try:
            if principal is not None and operation.kind is OperationType.QUERY and not operation.resolved:
                answer = await self._read(operation, None, variables, principal)
                return Response(b"".join((b'{"data":', answer, b"}")))
            return await self._run_fields(operation, variables, request, principal)
        except Refused:
            raise
        except GraphQLError as error:
            return _failure([error])
        except Exception as error:  # noqa: BLE001 - told as what it is
            return _failure([fault(error)])

    async def _read(
        self, operation: Operation, groups: Sequence[Group] | None, variables: Variables, principal: Principal
    ) -> bytes:
        scopes = self._reader.scopes(principal)
        statement = self._reader.roots(operation, groups, variables, scopes)
        answer = await self._reader.run(statement, sql.Request(variables, principal, scopes))
        assert answer is not None  # a statement without a from clause answers one row
        return answer

    async def _run_fields(
        self, operation: Operation, variables: Variables, request: Request, principal: Principal | None
    ) -> Response:
        """Run root fields one after another, each by whoever answers it; what a query reads is read at once, last."""
        planner = Planner(CATALOGUE, operation, variables)
        fields = planner.collect(operation.root, [operation.node.selection_set])
        _check_resolved([group[0].name.value for group in fields.values()])
        data: dict[str, Any] = dict.fromkeys(fields)
        errors: list[GraphQLFormattedError] = []
        reads: list[Group] = []
        for key, group in fields.items():
            name = group[0].name.value
            try:
                if name == "__typename":
                    data[key] = operation.root.name
                elif name in COMMANDS:
                    assert principal is not None  # not anonymous
                    data[key] = await self._command(
                        operation, planner, group, variables, principal, _key_of(request, key)
                    )
                elif name in operation.RESOLVED:
                    data[key] = await self._resolve(operation, group, request, errors)
                else:
                    reads.append(group)
            except GraphQLError as error:
                errors.append({**error.formatted, "path": [key]})
            except Exception as error:  # noqa: BLE001 - told as what it is
                errors.append({**fault(error).formatted, "path": [key]})
        if operation.kind is OperationType.QUERY and any(
            data[str(error["path"][0])] is None for error in errors
        ):
            return Response(orjson.dumps({"data": None, "errors": errors}))
        if reads:
            assert principal is not None  # not anonymous
            data |= orjson.loads(await self._read(operation, reads, variables, principal))
        return Response(orjson.dumps({"data": data, **({"errors": errors} if errors else {})}))

    async def _resolve(
        self, operation: Operation, group: Group, request: Request, errors: list[GraphQLFormattedError]
    ) -> Any:
        node = operation.node
        only = OperationDefinitionNode(
            operation=node.operation,
            name=node.name,
            variable_definitions=node.variable_definitions,
            directives=node.directives,
            selection_set=SelectionSetNode(selections=tuple(group)),
        )
        result = execute(
            operation.schema,
            DocumentNode(definitions=(only, *operation.fragments.values())),
            context_value=self._context,
            variable_values=dict(request.variables or {}),
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        for error in result.errors or ():
            if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
                raise error.original_error
            errors.append(error.formatted)
        return next(iter((result.data or {"": None}).values()))

    async def _command(
        self,
        operation: Operation,
        planner: Planner,
        group: Group,
        variables: Variables,
        principal: Principal,
        idempotency_key: str | None,
    ) -> dict[str, Any]:
        node = group[0]
        given = values(arguments(operation.root.fields[node.name.value], node, variables), variables)["input"]
        own = given.get("idempotencyKey")
        outcome = await self._commands.execute(
            command_of(node.name.value, given),
            principal=principal,
            idempotency_key=idempotency_key if own is None else own,
        )
        entity = shown(node.name.value)
        payload_type = f"{entity}Payload"
        payload: dict[str, Any] = {}
        for key, nodes in planner.select(payload_type, group).items():
            match nodes[0].name.value:
                case "errors":
                    payload[key] = [
                        _pick(planner.select("UserError", nodes), user_error(error), "UserError")
                        for error in outcome.errors
                    ]
                case "__typename":
                    payload[key] = payload_type
                case _:
                    payload[key] = await self._row(
                        operation, entity, nodes, variables, principal, outcome.row_id, {}
                    )
        return payload

    async def _row(
        self,
        operation: Operation,
        entity: str,
        nodes: Sequence[FieldNode],
        variables: Variables,
        principal: Principal,
        id_: int | None,
        filter_: Mapping[str, Argument],
    ) -> orjson.Fragment | None:
        if id_ is None:
            return None
        scopes = self._reader.scopes(principal)
        statement = self._reader.row(operation, entity, nodes, variables, scopes, filter_)
        row = await self._reader.run(statement, sql.Request(variables, principal, scopes, id_))
        return None if row is None else orjson.Fragment(row)

    async def subscribe(self, request: Request, principal: Principal | None) -> Subscription | Response:
        """Return the subscription, yet to be started, or the response that refuses it."""
        try:
            operation = self.documents.operation(request.query, request.operation_name)
            variables = operation.variables(request.variables)
            if operation.kind is not OperationType.SUBSCRIPTION:
                raise refused("This operation is not a subscription.")
            if principal is None:
                raise _Anonymous
            return await self._following.open(operation, variables, request.extensions, principal)
        except Refused as refusal:
            return _refusal(refusal)
        except GraphQLError as error:
            return _refusal(Refused([error]))
        except AWAY as error:
            return _failure([fault(error)])


def _key_of(request: Request, field: str) -> str | None:
    """Return the key of one change among those of a request that has one; as short as a key may be, whatever it is of."""
    if request.idempotency_key is None:
        return None
    return sha256(f"{request.idempotency_key}\n{field}".encode()).hexdigest()


def _check_resolved(names: Sequence[str]) -> None:
    for name in Operation.RESOLVED:
        most = MAX_TYPES if name == "__type" else 1
        if names.count(name) > most:
            raise refused(f"An operation asks for {name} at most {most} times.", "TOO_COMPLEX")


def _pick(fields: Mapping[str, Group], values_: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    return {key: values_.get(nodes[0].name.value, type_name) for key, nodes in fields.items()}


def _error(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def _internal() -> GraphQLError:
    return _error("Internal server error.", "INTERNAL")


def fault(error: Exception) -> GraphQLError:
    """Return what a client is told: of an outage that it passes; a fault of ours is logged, its text is not told."""
    code = outage(error)
    if code is None:
        _log.error("operation failed", exc_info=error)
        return _internal()
    _log.warning("operation failed", code=code, error=repr(error))
    return _error(_OUTAGES[code], code)


def told(error: Exception) -> Ending:
    """Return what a subscriber is told of what ends its subscription."""
    return EXPIRED if isinstance(error, CursorExpired) else ending(fault(error))


_OUTAGES = {"UNAVAILABLE": "The data is out of reach; try again.", "TIMEOUT": "The operation took too long."}


def _failure(errors: list[GraphQLError]) -> Response:
    return Response(orjson.dumps({"data": None, "errors": [error.formatted for error in errors]}))


class _Anonymous(Refused):
    """Nobody is signed in, and what was asked needs somebody."""

    def __init__(self) -> None:
        super().__init__([_error("Send a token as Authorization: Bearer …", "UNAUTHENTICATED")])


def _refusal(refusal: Refused) -> Response:
    status = 401 if isinstance(refusal, _Anonymous) else 400
    return Response(
        orjson.dumps({"errors": [error.formatted for error in refusal.errors]}), ok=False, status=status
    )
