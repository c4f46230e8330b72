"""Headers that a request says once, at whichever door."""

import httpx
import pytest
from starlette.routing import WebSocketRoute
from tests.serving import PATIENCE, ScriptedExecutor, scripted_authenticator, serving
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from lxbc_graph.app import fronted
from lxbc_graph.http.websocket import SUBPROTOCOL, GraphQLOverWebSocket
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

TWICE = [("Authorization", "Bearer good"), ("Authorization", "Bearer other")]


async def test_a_request_is_in_the_name_of_one() -> None:
    app = fronted(())
    socket = GraphQLOverWebSocket(ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry())
    app.router.routes[:] = [WebSocketRoute("/graphql", socket)]
    async with serving(app) as address, httpx.AsyncClient(timeout=PATIENCE) as client:
        for path in ("/graphql", "/attachments", "/attachments/1", "/nothing"):
            response = await client.get(f"http://{address}{path}", headers=TWICE)
            assert response.status_code == 400, path
            assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"ws://{address}/graphql", subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=TWICE
            )
        assert refused.value.response.status_code == 400
