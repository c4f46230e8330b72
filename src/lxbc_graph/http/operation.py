"""Any operation, for the transports that carry all three kinds."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from graphql import OperationType

from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Executor, Request, Response, fault


def failed(error: Exception) -> Response:
    """Return the answer to a request that ended in an exception: a fault of ours, or an outage."""
    told = fault(error).formatted
    status = 500 if told["extensions"]["code"] == "INTERNAL" else 503
    return Response(orjson.dumps({"errors": [told]}), ok=False, status=status)


async def payloads(
    executor: Executor, request: Request, principal: Principal | None
) -> AsyncGenerator[bytes | Response]:
    """Give the response of a query or mutation, or of what is refused; else the frames of a subscription.

    Whatever goes wrong, it ends this operation alone.
    """
    try:
        if executor.kind(request) is not OperationType.SUBSCRIPTION:
            yield await executor.execute(request, principal)
            return
        result = await executor.subscribe(request, principal)
        if isinstance(result, Response):
            yield result
            return
        async with aclosing(result) as frames:
            async for frame in frames:
                yield frame
    except Exception as error:  # noqa: BLE001 - whatever it is
        yield failed(error)
