"""Subscriptions for Apollo's clients, byte by byte. What they share with other streams is in test_stream.py."""

import json
from collections.abc import AsyncIterator
from email.parser import BytesParser
from typing import Any

import httpx
import pytest
from graphql import GraphQLFormattedError
from starlette.routing import Router
from tests.serving import ENDED, INTERNAL, PATIENCE, ScriptedExecutor, scripted_authenticator, serving

from lxbc_graph.http.graphql import GraphQLOverHttp
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

ACCEPT = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
CONTENT_TYPE = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
BEGINNING = "\r\n--graphql"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    endpoint = GraphQLOverHttp(ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry())
    headers = {"Accept": f"{ACCEPT}, application/json", "Authorization": "Bearer good"}
    async with (
        serving(Router(endpoint.routes())) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=headers, timeout=PATIENCE) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


def part(body: Any) -> str:
    """A part, and the boundary that says that it is whole."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return f"\r\nContent-Type: application/json\r\n\r\n{text}\r\n--graphql"


def ended(error: GraphQLFormattedError) -> str:
    return part({"payload": None, "errors": [error]}) + "--\r\n"


OVER = ended(ENDED)


async def test_each_response_is_the_payload_of_a_part(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription count", to=2)
    assert response.status_code == 200
    assert response.headers["content-type"] == CONTENT_TYPE
    parts = [part({"payload": {"data": {"count": number, "pad": ""}}}) for number in (1, 2)]
    assert response.text == BEGINNING + part({}) + "".join(parts) + OVER


async def test_a_part_is_whole_when_it_arrives(client: httpx.AsyncClient) -> None:
    """Apollo's client waits for the boundary after it; here nothing comes for ever."""
    received = ""
    async with client.stream("POST", "/graphql", json={"query": "subscription forever"}) as response:
        async for text in response.aiter_text():
            received += text
            if '"count":1' in received:
                break
    assert received == BEGINNING + part({}) + (
        '\r\nContent-Type: application/json\r\n\r\n{"payload":{\n"data":\r\n{"count":1}}}\r\n--graphql'
    )


async def test_it_is_multipart_to_whoever_reads_that(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription count", to=3)
    read = BytesParser().parsebytes(f"Content-Type: {CONTENT_TYPE}\r\n\r\n".encode() + response.content)
    assert read.defects == []
    first, *bodies, last = [json.loads(str(one.get_payload())) for one in read.walk() if one is not read]
    assert first == {}
    assert [body["payload"]["data"]["count"] for body in bodies] == [1, 2, 3]
    assert last["payload"] is None


async def test_a_subscription_that_fails_midway_says_so_and_ends(client: httpx.AsyncClient) -> None:
    response = await ask(client, "subscription crash")
    assert response.text.endswith(ended(INTERNAL))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("rest", "media_type"),
    [
        ("", "application/json"),
        (",application/json", "application/json"),
        (",application/graphql-response+json,application/json;q=0.9", "application/graphql-response+json"),
    ],
)
async def test_what_is_no_stream_is_json(
    client: httpx.AsyncClient, method: str, rest: str, media_type: str
) -> None:
    client.headers["Accept"] = ACCEPT + rest
    sent: dict[str, Any] = {"params": {"query": "query"}} if method == "GET" else {"json": {"query": "query"}}
    response = await client.request(method, "/graphql", **sent)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.json()["data"]["who"] == "li"


async def test_a_mutation_is_json(client: httpx.AsyncClient) -> None:
    response = await ask(client, "mutation")
    assert response.json()["data"]["query"] == "mutation"


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("refused", f"{ACCEPT}, application/json", 200),
        ("refused", f"{ACCEPT}, application/graphql-response+json", 400),
        ("crash", f"{ACCEPT}, application/json", 500),
    ],
)
async def test_what_never_ran_is_json(
    client: httpx.AsyncClient, query: str, accept: str, status: int
) -> None:
    client.headers["Accept"] = accept
    response = await ask(client, query)
    assert response.status_code == status
    assert "data" not in response.json()


async def test_a_subscription_that_is_refused_is_json(client: httpx.AsyncClient) -> None:
    del client.headers["Authorization"]
    response = await ask(client, "subscription count", to=1)
    assert response.status_code == 401
    assert response.json() == {"errors": [{"message": "who are you"}]}


async def test_a_subscription_asked_for_by_get_is_a_stream_too(client: httpx.AsyncClient) -> None:
    parameters = {"query": "subscription count", "variables": '{"to":0}'}
    response = await client.get("/graphql", params=parameters)
    assert response.text == BEGINNING + part({}) + OVER


@pytest.mark.parametrize("other", ["", ";deferSpec=20220824", ";subscriptionSpec=2.0", ";boundary=graphql"])
async def test_other_parts_are_not_to_be_had(client: httpx.AsyncClient, other: str) -> None:
    client.headers["Accept"] = f"multipart/mixed{other}"
    response = await ask(client, "subscription count", to=1)
    assert response.status_code == 406
