"""The limit: one statement per question, its bytes passed through a bare ASGI application."""

from typing import Any

import asyncpg
import orjson

from .questions import QUESTIONS

_CONTENT_TYPE = (b"content-type", b"application/json")
_STATEMENTS = {
    question.document: f"select convert_to(({question.sql})::text, 'UTF8')" for question in QUESTIONS.values()
}
"""Answered as bytes, which nobody decodes on the way."""


class Limit:
    """Answers the four documents, and nothing else, with what PostgreSQL says."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, asgi_scope: Any, receive: Any, send: Any) -> None:
        if asgi_scope["type"] == "lifespan":
            await receive()
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=10,
                reset=_nothing,
                server_settings=SESSION | {"application_name": "limit"},
            )
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        asked = orjson.loads((await receive())["body"])
        async with self._pool.acquire() as connection:
            body = await connection.fetchval(_STATEMENTS[asked["query"]], *asked["variables"].values())
        headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


SESSION = {"timezone": "UTC", "jit": "off", "random_page_cost": "1.1"}
"""As this server's own, so that all plan alike."""


async def _nothing(_connection: asyncpg.Connection) -> None:
    pass
