"""Whether the process can do its work: ``GET /healthz``."""

import asyncio
from collections.abc import Sequence

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lxbc_graph.live.background import Job

_PATIENCE_SECONDS = 2.0


def health(pool: "asyncpg.Pool[asyncpg.Record]", jobs: Sequence[Job]) -> Route:
    """Return the route: 200 ``{"status": "ok"}``, or 503 naming what has failed.

    Healthy is a database that answers within two seconds and background jobs that do not fail.
    """

    async def answer(_request: Request) -> JSONResponse:
        failed = [job.name for job in jobs if job.failing]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await pool.fetchval("select 1")
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            failed.append("database")
        if failed:
            return JSONResponse({"status": "failed", "failed": failed}, status_code=503)
        return JSONResponse({"status": "ok"})

    return Route("/healthz", answer)
