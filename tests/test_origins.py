"""Which pages of browsers may ask, over HTTP and as a WebSocket, and what they may read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import ValidationError
from starlette.routing import WebSocketRoute
from tests.serving import PATIENCE, ScriptedExecutor, scripted_authenticator, serving
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from lxbc_graph.app import fronted
from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.websocket import SUBPROTOCOL, GraphQLOverWebSocket
from lxbc_graph.settings import Settings
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

SCREEN = "https://screen.example"
OTHER = "https://evil.example"
GOOD = {"Authorization": "Bearer good"}


@asynccontextmanager
async def served(*allowed: str, hosts: tuple[str, ...] = ()) -> AsyncIterator[httpx.AsyncClient]:
    """The endpoints as the application has them, for pages of these origins and its own."""
    given = (ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry())
    app = fronted(allowed, hosts=hosts)
    app.router.routes[:] = [
        *GraphQLOverHttp(*given).routes(),
        WebSocketRoute("/graphql", GraphQLOverWebSocket(*given)),
    ]
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE) as client,
    ):
        yield client


def host_of(client: httpx.AsyncClient) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


async def shaken(client: httpx.AsyncClient, origin: str | None) -> int:
    """The status that a handshake is answered."""
    try:
        async with connect(
            f"ws://{host_of(client)}/graphql",
            origin=None if origin is None else Origin(origin),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
        ):
            return 101
    except InvalidStatus as refused:
        response = refused.response
    assert b'"ORIGIN_NOT_ALLOWED"' in response.body
    return response.status_code


def elsewhere(client: httpx.AsyncClient) -> list[str]:
    """Origins of pages that are not this server's."""
    host, port = client.base_url.host, client.base_url.port
    return [
        *(OTHER, "null", "", "file://", f"http://{host}", f"http://{host}:1", f"{host}:{port}"),
        *(f"http://x@{host}:{port}", f"http://{host}:{port}.example", f"http://evil.example/{host}:{port}"),
        f"chrome-extension://{host}:{port}",
    ]


async def test_a_page_from_elsewhere_gets_nowhere() -> None:
    async with served() as client:
        for origin in elsewhere(client):
            headers = {"Origin": origin, **GOOD}
            for response in (
                await client.post("/graphql", json={"query": "mutation"}, headers=headers),
                await client.get("/graphql", params={"query": "query"}, headers=headers),
                await client.get("/nothing", headers=headers),
            ):
                assert response.status_code == 403, origin
                assert response.json()["errors"][0]["extensions"]["code"] == "ORIGIN_NOT_ALLOWED"
                assert "access-control-allow-origin" not in response.headers
            assert await shaken(client, origin) == 403, origin


async def test_who_is_no_browser_and_pages_of_this_server_ask_as_before() -> None:
    async with served() as client:
        for origin in (None, f"http://{host_of(client)}", f"https://{host_of(client)}"):
            headers = GOOD | ({} if origin is None else {"Origin": origin})
            response = await client.post("/graphql", json={"query": "query"}, headers=headers)
            assert response.status_code == 200
            assert await shaken(client, origin) == 101


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("lxbc.example", "https://lxbc.example", 200),
        ("lxbc.example", "http://lxbc.example", 200),
        ("LXBC.example", "https://lxbc.EXAMPLE", 200),
        ("lxbc.example:443", "https://lxbc.example", 200),
        ("lxbc.example:8443", "https://lxbc.example:8443", 200),
        ("lxbc.example", "https://lxbc.example:8443", 403),
        ("lxbc.example:80", "https://lxbc.example", 403),
        ("lxbc.example", "https://a.lxbc.example", 403),
    ],
)
async def test_its_own_pages_are_those_at_the_host_that_was_asked(
    host: str, origin: str, status: int
) -> None:
    async with served() as client:
        response = await client.post(
            "/graphql", json={"query": "query"}, headers={"Host": host, "Origin": origin}
        )
        assert response.status_code == status


async def test_an_allowed_page_may_ask_and_read_whatever_the_answer_is() -> None:
    async with served(SCREEN) as client:
        for query, status in (("query", 200), ("refused", 200), ("crash", 500), ("wait?", 200)):
            headers = {"Origin": SCREEN, **GOOD}
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == SCREEN
            assert "origin" in response.headers["vary"].lower()
        for response, status in (
            (await client.post("/graphql", content=b"{", headers={"Origin": SCREEN}), 415),
            (await client.put("/graphql", headers={"Origin": SCREEN}), 405),
            (await client.get("/nothing", headers={"Origin": SCREEN}), 404),
            (
                await client.post(
                    "/graphql", json={}, headers={"Origin": SCREEN, "Authorization": "Bearer bad"}
                ),
                401,
            ),
        ):
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == SCREEN
            shown = response.headers["access-control-expose-headers"].lower().split(", ")
            assert {"retry-after", "x-request-id", "www-authenticate", "etag"} <= set(shown)
        assert await shaken(client, SCREEN) == 101
        assert await shaken(client, OTHER) == 403


async def test_what_an_allowed_page_sends_is_asked_for_first_and_allowed() -> None:
    names = "authorization, content-type, idempotency-key, last-event-id, x-request-id, if-none-match"
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    async with served(SCREEN) as client:
        response = await client.options("/graphql", headers={"Origin": SCREEN, **preflight})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == SCREEN
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in response.headers
        for wrong in ({"Origin": OTHER}, {"Access-Control-Request-Method": "PUT"}):
            refused = await client.options("/graphql", headers={"Origin": SCREEN, **preflight, **wrong})
            assert refused.status_code == 403
            assert refused.json()["errors"][0]["extensions"]["code"] == "ORIGIN_NOT_ALLOWED"
            assert "access-control-allow-origin" not in refused.headers
    async with served() as client:
        refused = await client.options("/graphql", headers={"Origin": SCREEN, **preflight})
        assert refused.status_code == 403


async def test_a_stream_of_an_allowed_page_is_not_held_back() -> None:
    async with served(SCREEN) as client:
        headers = {"Origin": SCREEN, "Accept": "text/event-stream", **GOOD}
        body = {"query": "subscription forever"}
        async with client.stream("POST", "/graphql", json=body, headers=headers) as response:
            assert response.headers["access-control-allow-origin"] == SCREEN
            assert await anext(response.aiter_lines()) == "event: next"


async def test_all_may_where_the_operator_says_so() -> None:
    async with served("*") as client:
        for origin in (OTHER, "null"):
            response = await client.post("/graphql", json={"query": "query"}, headers={"Origin": origin})
            assert response.status_code == 200
            assert response.headers["access-control-allow-origin"] == "*"
            assert await shaken(client, origin) == 101


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("https://a.example", ("https://a.example",)),
        (" https://A.example , http://b:8080,", ("https://a.example", "http://b:8080")),
        ("http://[::1]:8000", ("http://[::1]:8000",)),
        ("*", ("*",)),
    ],
)
def test_origins_are_listed_with_commas(
    given: str, origins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LXBC_CORS_ORIGINS", given)
    assert Settings().cors_origins == origins


@pytest.mark.parametrize("given", ["a.example", "https://a.example/", "https://*.example", "ftp://a", "null"])
def test_what_no_origin_can_be_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LXBC_CORS_ORIGINS", given)
    with pytest.raises(ValidationError, match="is not"):
        Settings()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("lxbc.example", 200), ("LXBC.example:8443", 200), ("localhost:8000", 200), ("127.0.0.1", 200)),
        *(("lxbc.example.", 200), ("localhost.:8000", 200), ("lxbc.example..", 421)),
        *(("[::1]:8000", 200), ("10.0.0.5", 200), ("evil.example", 421), ("a.lxbc.example", 421)),
        *(("lxbc.example.evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421), ("[", 421)),
    ],
)
async def test_a_server_that_has_names_is_asked_under_no_other(host: str, status: int) -> None:
    async with served(hosts=("lxbc.example",)) as client:
        for origin in ({}, {"Origin": f"http://{host}"}):
            headers = {"Host": host, **origin, **GOOD}
            response = await client.post("/graphql", json={"query": "query"}, headers=headers)
            if status == 200:
                assert response.status_code == 200
            else:
                assert response.status_code == 421
                assert response.json()["errors"][0]["extensions"]["code"] == "HOST_NOT_ALLOWED"


def test_names_of_hosts_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LXBC_HOSTS", " lxbc.Example , api.lxbc.example.,")
    assert Settings().hosts == ("lxbc.example", "api.lxbc.example")
    for wrong in ("https://lxbc.example", "lxbc.example:8000", "*", "a/b"):
        monkeypatch.setenv("LXBC_HOSTS", wrong)
        with pytest.raises(ValidationError, match="is not a list of names"):
            Settings()
