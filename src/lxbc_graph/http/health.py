"""Whether the process can do its work: ``GET /healthz``."""

import asyncio
from collections.abc import Iterable

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_PATIENCE_SECONDS = 2.0


def health(pool: "asyncpg.Pool[asyncpg.Record]", tasks: Iterable["asyncio.Task[None]"]) -> Route:
    """Return the route: 200 ``{"status": "ok"}``, or 503 naming what has failed.

    Healthy is a database that answers within two seconds and background tasks that still run.
    """
    running = tuple(tasks)

    async def answer(_request: Request) -> JSONResponse:
        failed = [task.get_name() for task in running if task.done()]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await pool.fetchval("select 1")
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            failed.append("database")
        if failed:
            return JSONResponse({"status": "failed", "failed": failed}, status_code=503)
        return JSONResponse({"status": "ok"})

    return Route("/healthz", answer)
