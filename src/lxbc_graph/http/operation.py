"""Any operation, for the transports that carry all three kinds."""

from collections.abc import AsyncIterator

from graphql import OperationType

from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Executor, Request, Response


async def start(
    executor: Executor, request: Request, principal: Principal | None
) -> Response | AsyncIterator[bytes]:
    """Run a query or mutation to its response, or a subscription to its responses unless it is refused."""
    if executor.kind(request) is OperationType.SUBSCRIPTION:
        return await executor.subscribe(request, principal)
    return await executor.execute(request, principal)
