"""The real application behind all its transports: the same request by each, and what it answers."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tests.conftest import fresh_database
from tests.serving import PATIENCE, serving
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from lxbc_graph.app import create_app
from lxbc_graph.demo.world import load
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

DOORS = ("post", "get", "sse", "multipart", "websocket")
EVENT_SOURCE = "get sse"
"""As a browser's EventSource asks."""
_ACCEPT = {
    "sse": "text/event-stream",
    EVENT_SOURCE: "text/event-stream",
    "multipart": "multipart/mixed;subscriptionSpec=1.0, application/json",
}


class Doors:
    """Asks one application by every transport, for any account."""

    def __init__(self, address: str, tokens: Tokens) -> None:
        self._address = address
        self._tokens = tokens

    async def ask(self, door: str, *, account: str | None = "city", **request: Any) -> Any:
        """Return the first response to the request, whatever it comes in; a refusal is one with errors alone.

        Without an account nobody is signed in, for which a socket has no use.
        """
        token = "" if account is None else self._tokens.access(account, 600)
        if door == "websocket":
            return await self._by_socket(token, request)
        headers = {"Accept": _ACCEPT.get(door, "application/json")}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with httpx.AsyncClient(base_url=f"http://{self._address}", timeout=PATIENCE) as client:
            if door in ("get", EVENT_SOURCE):
                response = await client.get("/graphql", params=_in_url(request), headers=headers)
            else:
                # Escaped, as JSON from many a client is.
                content = json.dumps(request).encode()
                headers["Content-Type"] = "application/json"
                response = await client.post("/graphql", content=content, headers=headers)
        assert response.status_code < 500, response.text
        if response.headers["content-type"].startswith("text/event-stream"):
            return json.loads(response.text.partition("data: ")[2].partition("\n")[0])
        return response.json()

    async def _by_socket(self, token: str, request: Mapping[str, Any]) -> Any:
        url, protocols = f"ws://{self._address}/graphql", [Subprotocol(SUBPROTOCOL)]
        async with connect(url, subprotocols=protocols, open_timeout=PATIENCE) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"token": token}}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": request}))
            try:
                message = json.loads(await socket.recv())
            except ConnectionClosedError:
                return {"errors": [{"message": "closed", "extensions": {"code": socket.close_code}}]}
        return message["payload"] if message["type"] == "next" else {"errors": message["payload"]}


def _in_url(request: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in request.items()}


@asynccontextmanager
async def doors_of(
    server_url: str, template: str, world: dict[str, Any], **settings: Any
) -> AsyncIterator[Doors]:
    """Serve the application over a world for the length of the block."""
    async with fresh_database(server_url, template) as url:
        found = Settings(database_url=url, pool_size=2, **settings)
        database = await Database.open(url, pool_size=2)
        await load(database, world)
        tokens = await Tokens.open(database.pool, found)
        await database.close()
        async with serving(create_app(found), lifespan=True) as address:
            yield Doors(address, tokens)


def codes_of(answer: Any) -> list[str | int]:
    """Return the codes of what was refused, or of a socket's end; a fault of the server's own is none."""
    assert "INTERNAL" not in json.dumps(answer)
    return [error["extensions"]["code"] for error in answer["errors"]]
