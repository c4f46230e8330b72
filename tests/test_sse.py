"""graphql-sse: what an event stream carries. What it shares with other streams is in test_stream.py."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.routing import Router
from tests.serving import ENDED, INTERNAL, PATIENCE, ScriptedExecutor, scripted_authenticator, serving

from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.http.sse import resumed
from lxbc_graph.live.frame import LAST_EVENT_ID
from lxbc_graph.schema.execute import Request
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

COMPLETE = "event: complete\ndata:\n\n"
HEADERS = {"Accept": "text/event-stream", "Authorization": "Bearer good"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole endpoint, authentication and negotiation included."""
    endpoint = GraphQLOverHttp(ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry())
    async with (
        serving(Router(endpoint.routes())) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=HEADERS, timeout=PATIENCE) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


def event(data: Any, id_: str | None = None) -> str:
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: next\ndata: {json.dumps(data, separators=(',', ':'), ensure_ascii=False)}\n\n"


OVER = event({"errors": [ENDED]})


async def test_each_response_is_an_event_with_its_cursor(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription count", to=2)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    frames = [event({"data": {"count": number, "pad": ""}}, f"e{number}") for number in (1, 2)]
    assert response.text == "".join(frames) + OVER + COMPLETE


async def test_a_client_that_comes_back_continues_after_the_last_event(client: httpx.AsyncClient) -> None:
    client.headers["Last-Event-ID"] = "e3"
    response = await ask(client, "subscription count", to=5)
    ids = [line for line in response.text.split("\n") if line.startswith("id")]
    assert ids == ["id: e4", "id: e5"]


async def test_an_event_source_asks_by_get(client: httpx.AsyncClient) -> None:
    parameters = {"query": "subscription count", "variables": '{"to":1}'}
    response = await client.get("/graphql", params=parameters)
    assert response.text == event({"data": {"count": 1, "pad": ""}}, "e1") + OVER + COMPLETE


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        (("image/png", "text/event-stream"), "text/event-stream"),
        (("text/event-stream", "image/png"), "text/event-stream"),
        (("application/json", "text/event-stream"), "application/json"),
    ],
)
async def test_what_is_accepted_may_be_said_in_several_lines(
    client: httpx.AsyncClient, accepted: tuple[str, ...], media_type: str
) -> None:
    headers = [("Host", client.base_url.host), *(("Accept", one) for one in accepted)]
    request = httpx.Request("GET", client.base_url.join("/graphql?query=query"), headers=headers)
    response = await client.send(request)
    assert response.headers["content-type"].startswith(media_type)


async def test_a_query_is_a_stream_of_one(client: httpx.AsyncClient) -> None:
    response = await ask(client, "query")
    data: dict[str, Any] = {"query": "query", "name": None, "variables": {}, "who": "li"}
    assert response.text == event({"data": data}) + COMPLETE


async def test_what_is_refused_is_an_event_that_a_browser_can_read(client: httpx.AsyncClient) -> None:
    response = await ask(client, "refused")
    assert response.status_code == 200
    assert response.text == event({"errors": [{"message": "Syntax Error"}]}) + COMPLETE


async def test_who_does_not_sign_in_is_told_in_an_event_too(client: httpx.AsyncClient) -> None:
    del client.headers["Authorization"]
    response = await ask(client, "subscription count", to=1)
    assert response.status_code == 200
    assert response.text == event({"errors": [{"message": "who are you"}]}) + COMPLETE


async def test_what_is_no_request_at_all_is_no_stream(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_line_breaks_in_json_end_neither_line_nor_event_and_a_failure_is_told(
    client: httpx.AsyncClient,
) -> None:
    response = await ask(client, "subscription crash")
    assert response.text == event({"data": {"count": 1}}) + event({"errors": [INTERNAL]}) + COMPLETE


def test_resuming_keeps_the_rest_of_the_request() -> None:
    request = Request("q", "n", {"after": "e1"}, {"a": 1})
    assert resumed(request, "e2") == Request("q", "n", {"after": "e1"}, {"a": 1, LAST_EVENT_ID: "e2"})
    assert resumed(request, None) is resumed(request, "") is request
