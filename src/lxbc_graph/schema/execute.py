"""One operation, whatever its kind: a query is read, a mutation written and then read, a subscription read per event.

What the compiler answers never passes a resolver. ``login``, ``refresh``, ``logout`` and the like hold no scoped data
and go through the executor of GraphQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    is_non_null_type,
)

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import AuditKind
from lxbc_graph.live.frame import Ending
from lxbc_graph.live.log import CursorExpired, Log
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.policy import audit
from lxbc_graph.policy.sign_in import SignIns
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.read import sql
from lxbc_graph.read.arguments import Argument, Variables, arguments, values
from lxbc_graph.read.document import Documents, Operation, Refused, Untrusted, refused
from lxbc_graph.read.limits import Exceeded
from lxbc_graph.read.planner import Planner
from lxbc_graph.read.runner import Reader
from lxbc_graph.read.withheld import Answer, Withheld
from lxbc_graph.store.outage import AWAY, outage
from lxbc_graph.write import Commands

from .context import Context
from .declare import CATALOGUE
from .errors import formatted
from .explain_access import Explainer
from .following import EXPIRED, Following, ending
from .introspection import introspect
from .mutation import COMMANDS, command_of, shown, user_error

_log = structlog.get_logger()

Group = list[FieldNode]


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request as a transport received it."""

    query: str
    """Empty where the document is named by its id alone."""
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None
    extensions: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    """Of the whole request, for those of its changes that bring none of their own."""
    document_id: str | None = None
    safe: bool = False
    """Whether it was sent in a way that says that it changes nothing."""


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
        documents: Documents,
        reader: Reader,
        commands: Commands,
        following: Following,
        sign_ins: SignIns,
        tokens: Tokens,
        log: Log,
        explainer: Explainer,
        audited: audit.Audit,
    ) -> None:
        self.documents = documents
        self._reader = reader
        self._commands = commands
        self._following = following
        self._audit = audited
        self._context = Context(sign_ins, tokens, log, explainer)

    async def execute(self, request: Request, principal: Principal | None) -> Response:
        """Run a query or a mutation."""
        try:
            operation = self._operation(request, principal)
            variables = operation.variables(request.variables)
            if operation.kind is OperationType.SUBSCRIPTION:
                raise refused(
                    "A subscription is served over graphql-transport-ws, as text/event-stream or as "
                    "multipart/mixed;subscriptionSpec=1.0."
                )
            if operation.kind is OperationType.MUTATION and request.safe:
                raise refused("A mutation needs POST.", "METHOD_NOT_ALLOWED")
            if principal is None and not operation.anonymous:
                raise _Anonymous
            response = await self._run(operation, variables, request, principal)
        except Refused as refusal:
            return _refusal(refusal)
        if (request.extensions or {}).get("cost") is True:
            return _with_cost(response, operation.cost.of(variables), operation.limits.cost)
        return response

    def kind(self, request: Request) -> OperationType | None:
        """Return what kind of operation the request names; None where running it will say what is wrong."""
        try:
            text = self.documents.text(request.query, request.document_id)
            return self.documents.operation(text, request.operation_name, keep=False).kind
        except Refused:
            return None

    def _operation(self, request: Request, principal: Principal | None) -> Operation:
        try:
            text = self.documents.text(request.query, request.document_id)
            self.documents.check_trust(text, None if principal is None else principal.account)
        except Untrusted:
            if principal is not None:
                self._audit.refused(principal.account_id, "UNTRUSTED_DOCUMENT")
            raise
        operation = self.documents.operation(text, request.operation_name, keep=principal is not None)
        if request.query and request.document_id is not None:
            self.documents.leave(text, request.document_id)
        return operation

    def explain(self, request: Request, principal: Principal) -> str:
        """Return the plan, the SQL and the policy rows of a query; raises Refused."""
        operation = self._operation(request, principal)
        if operation.kind is not OperationType.QUERY or operation.resolved:
            raise refused(
                "Only a query that reads data becomes a statement: leave out eventCursor, explainAccess, __schema"
                " and __type."
            )
        return self._reader.explain(operation, operation.variables(request.variables), principal)

    async def _run(
        self, operation: Operation, variables: Variables, request: Request, principal: Principal | None
    ) -> Response:
        try:
            if principal is not None and operation.kind is OperationType.QUERY and not operation.resolved:
                with _at_fault():
                    return _whole(await self._read(operation, None, variables, principal))
            return await self._run_fields(operation, variables, request, principal)
        except Refused:
            raise
        except Exceeded as error:
            raise Refused([error]) from None
        except GraphQLError as error:
            await self._note(error, principal)
            return _failure([error])
        except Exception as error:  # noqa: BLE001 - told as what it is
            return _failure([fault(error)])

    async def _read(
        self, operation: Operation, groups: Sequence[Group] | None, variables: Variables, principal: Principal
    ) -> Answer:
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
        problems = await self._problems(operation, fields, variables, principal)
        data: dict[str, Any] = dict.fromkeys(fields)
        errors = list(map(formatted, problems.values()))
        withheld = Withheld()
        reads: list[Group] = []
        for key, group in fields.items():
            name = group[0].name.value
            if key in problems:
                continue
            try:
                if name.startswith("__"):
                    data[key] = introspect(operation, planner, group, variables)
                elif name in COMMANDS:
                    assert principal is not None  # not anonymous
                    data[key], of_payload = await self._command(
                        operation, planner, group, variables, principal, _key_of(request, key)
                    )
                    withheld += of_payload.below((key,))
                elif name in operation.RESOLVED:
                    data[key] = await self._resolve(operation, group, request, principal, errors)
                else:
                    reads.append(group)
            except GraphQLError as error:
                await self._note(error, principal)
                errors.append(formatted(error, path=[key]))
            except Exception as error:  # noqa: BLE001 - told as what it is
                errors.append(formatted(fault(error), path=[key]))
        if operation.kind is OperationType.QUERY and _is_null(operation, fields, data, errors):
            return Response(orjson.dumps({"data": None, "errors": errors}))
        if reads:
            assert principal is not None  # not anonymous
            answer = await self._read(operation, reads, variables, principal)
            data |= orjson.loads(answer.json)
            withheld += answer.withheld
        return Response(_dumped(data, withheld, errors))

    async def _problems(
        self,
        operation: Operation,
        fields: Mapping[str, Group],
        variables: Variables,
        principal: Principal | None,
    ) -> dict[str, GraphQLError]:
        """Return why root fields cannot be answered, as far as it is known before anything is read.

        Raises Refused where they are changes, of which none is made then.
        """
        found: dict[str, GraphQLError] = {}
        if principal is None:
            return found
        scopes = self._reader.scopes(principal)
        request = sql.Request(variables, principal, scopes)
        planner = Planner(CATALOGUE, operation, variables)
        for key, group in fields.items():
            name = group[0].name.value
            try:
                if name in COMMANDS:
                    _input(operation, group, variables)
                    entity = shown(name)
                    for nodes in planner.select(f"{entity}Payload", group).values():
                        if nodes[0].name.value not in {"errors", "__typename"}:
                            self._reader.row(operation, entity, nodes, variables, scopes, {}).check(request)
                elif name != "__typename" and name not in operation.RESOLVED:
                    self._reader.roots(operation, [group], variables, scopes).check(request)
            except Exceeded:
                raise
            except GraphQLError as error:
                await self._note(error, principal)
                error.path = [key]
                found[key] = error
        if found and operation.kind is OperationType.MUTATION:
            raise Refused(list(found.values()))
        return found

    async def _resolve(
        self,
        operation: Operation,
        group: Group,
        request: Request,
        principal: Principal | None,
        errors: list[GraphQLFormattedError],
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
            context_value=replace(self._context, principal=principal),
            variable_values=dict(request.variables or {}),
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        for error in result.errors or ():
            if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
                raise error.original_error
            if not error.extensions:  # it is the library's: what was given could not be taken
                error.extensions = {"code": "BAD_USER_INPUT"}
            errors.append(formatted(error))
        return next(iter((result.data or {"": None}).values()))

    async def _command(
        self,
        operation: Operation,
        planner: Planner,
        group: Group,
        variables: Variables,
        principal: Principal,
        idempotency_key: str | None,
    ) -> tuple[dict[str, Any], Withheld]:
        node = group[0]
        given = _input(operation, group, variables)
        own = given.get("idempotencyKey")
        entity = shown(node.name.value)
        payload_type = f"{entity}Payload"
        asked = planner.select(payload_type, group)
        outcome = await self._commands.execute(
            command_of(node.name.value, given),
            principal=principal,
            idempotency_key=idempotency_key if own is None else own,
        )
        payload: dict[str, Any] = {}
        withheld = Withheld()
        for key, nodes in asked.items():
            match nodes[0].name.value:
                case "errors":
                    payload[key] = [
                        _pick(planner.select("UserError", nodes), user_error(error), "UserError")
                        for error in outcome.errors
                    ]
                case "__typename":
                    payload[key] = payload_type
                case _:
                    row = await self._row(operation, entity, nodes, variables, principal, outcome.row_id, {})
                    payload[key] = None if row is None else orjson.Fragment(row.json)
                    withheld += Withheld() if row is None else row.withheld.below((key,))
        return payload, withheld

    async def _row(
        self,
        operation: Operation,
        entity: str,
        nodes: Sequence[FieldNode],
        variables: Variables,
        principal: Principal,
        id_: int | None,
        filter_: Mapping[str, Argument],
    ) -> Answer | None:
        if id_ is None:
            return None
        scopes = self._reader.scopes(principal)
        statement = self._reader.row(operation, entity, nodes, variables, scopes, filter_)
        return await self._reader.run(statement, sql.Request(variables, principal, scopes, id_))

    async def subscribe(self, request: Request, principal: Principal | None) -> Subscription | Response:
        """Return the subscription, yet to be started, or the response that refuses it."""
        try:
            operation = self._operation(request, principal)
            variables = operation.variables(request.variables)
            if operation.kind is not OperationType.SUBSCRIPTION:
                raise refused("This operation is not a subscription.")
            if principal is None:
                raise _Anonymous
            return await self._following.open(operation, variables, request.extensions, principal)
        except Refused as refusal:
            return _refusal(refusal)
        except GraphQLError as error:
            await self._note(error, principal)
            return _refusal(Refused([error]))
        except AWAY as error:
            return _failure([fault(error)])

    async def _note(self, error: GraphQLError, principal: Principal | None) -> None:
        """Note that somebody may not read what they asked for."""
        if principal is not None and (error.extensions or {}).get("code") == "FORBIDDEN":
            await self._audit.note(audit.refusal(principal, AuditKind.READ_REFUSED, message=error.message))


def _input(operation: Operation, group: Group, variables: Variables) -> Any:
    node = group[0]
    return values(arguments(operation.root.fields[node.name.value], node, variables), variables)["input"]


@contextmanager
def _at_fault() -> Iterator[None]:
    """Pass over an error that one of several fields may be at fault for: run one by one they tell which."""
    try:
        yield
    except Exceeded:
        raise
    except GraphQLError:
        pass


def _key_of(request: Request, field: str) -> str | None:
    """Return the key of one change among those of a request that has one; as short as a key may be, whatever it is of."""
    if request.idempotency_key is None:
        return None
    return sha256(f"{request.idempotency_key}\n{field}".encode()).hexdigest()


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


def _with_cost(response: Response, cost: int, limit: int) -> Response:
    """Return the response with what it cost, for who asked; whoever does not gets the bytes as they came."""
    body = orjson.loads(response.body)
    extensions = {**body.get("extensions", {}), "cost": {"cost": cost, "limit": limit}}
    return replace(response, body=orjson.dumps({**body, "extensions": extensions}))


def _is_null(
    operation: Operation,
    fields: Mapping[str, Group],
    data: Mapping[str, Any],
    errors: Sequence[GraphQLFormattedError],
) -> bool:
    """Return whether an error makes all of the data null: that of a field that cannot be null itself."""
    failed = {str(error["path"][0]) for error in errors}
    names = (fields[key][0].name.value for key in failed if data[key] is None)
    asked = (operation.schema.get_field(operation.root, name) for name in names)
    return any(field is not None and is_non_null_type(field.type) for field in asked)


def _whole(answer: Answer) -> Response:
    if not answer.withheld.count:
        return Response(b"".join((b'{"data":', answer.json, b"}")))
    return Response(_dumped(orjson.Fragment(answer.json), answer.withheld))


def _dumped(data: Any, withheld: Withheld, errors: Sequence[GraphQLFormattedError] = ()) -> bytes:
    return orjson.dumps({"data": data, **({"errors": errors} if errors else {}), **withheld.extensions})


def _failure(errors: list[GraphQLError]) -> Response:
    return Response(orjson.dumps({"data": None, "errors": [formatted(error) for error in errors]}))


class _Anonymous(Refused):
    """Nobody is signed in, and what was asked needs somebody."""

    def __init__(self) -> None:
        super().__init__([_error("Send a token as Authorization: Bearer …", "UNAUTHENTICATED")])


def _refusal(refusal: Refused) -> Response:
    status = 401 if isinstance(refusal, _Anonymous) else 400
    return Response(
        orjson.dumps({"errors": [formatted(error) for error in refusal.errors]}), ok=False, status=status
    )
