"""What the server counts of itself, for whoever watches: ``GET /metrics``, in the formats of Prometheus."""

import asyncpg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lxbc_graph.live.vitals import vitals
from lxbc_graph.telemetry import Telemetry


def exposition(telemetry: Telemetry, pool: "asyncpg.Pool[asyncpg.Record]") -> Route:
    """Return the route; without a database it tells what the processes know."""

    async def answer(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        text, media_type = telemetry.exposed(accept, await vitals(pool))
        return Response(text, headers={"content-type": media_type})

    return Route("/metrics", answer)
