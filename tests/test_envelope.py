"""What every answer has, and what none of them says, whatever was sent: asked of the whole application."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.conftest import fresh_database
from tests.serving import PATIENCE, serving
from tests.test_client_docs import SAYING, said
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from lxbc_graph.app import create_app, fronted
from lxbc_graph.demo.world import load
from lxbc_graph.domain.errors import CHINESE, ErrorCode
from lxbc_graph.http.websocket import SUBPROTOCOL
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226")],
    "accounts": [{"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]}],
    "issues": [{"unit": "411024104226", "title": "机井损坏"}],
}

UNSAID = re.compile(
    r"Traceback|File \"|line \d+, in |object at 0x|asyncpg|psycopg|sqlalchemy|strawberry|starlette|uvicorn|pydantic"
    r"|orjson|graphql[._]core|Exception|NoneType|<class |\bNone\b|KeyError|TypeError|ValueError|AttributeError"
    r"|UnicodeDecodeError|codec can't|\bselect\b.*\bfrom\b|\binsert into\b|\bupdate\b.*\bset\b|jsonb?_build"
    r"|\brelation \"|\bcolumn \"|\bsyntax error at\b|SQLSTATE|\$\d+\b",
)
"""Of Python, of libraries, of SQL."""


@dataclass(frozen=True)
class Api:
    """A client of the application, and the token of who may see everything."""

    client: httpx.AsyncClient
    token: str

    @property
    def known(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
async def api(server_url: str, template: str) -> AsyncIterator[Api]:
    async with fresh_database(server_url, template) as url:
        given = Settings(database_url=url, pool_size=3, requests_per_minute=0)
        database = await Database.open(url, pool_size=2)
        await load(database, WORLD)
        token = (await Tokens.open(database.pool, given)).access("city", 3600)
        await database.close()
        async with (
            serving(create_app(given), given, lifespan=True) as address,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE) as client,
        ):
            yield Api(client, token)


def check(response: httpx.Response) -> None:
    """Whatever it is, it has this and says nothing of that; errors are those of GraphQL."""
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"]
    assert re.fullmatch(r"[\w.:-]{1,128}", headers["x-request-id"], re.ASCII)
    if "text/html" in headers.get("content-type", ""):
        return
    assert not (found := UNSAID.search(response.text)), (found, response.text)
    if response.status_code >= 400 and response.request.method != "HEAD":
        told = json.loads(response.text)["errors"]
        assert told
    if (
        headers.get("content-type", "").startswith(("application/json", "application/graphql"))
        and response.text
    ):
        errors = json.loads(response.text).get("errors", [])
        for error in errors:
            check_error(error, headers["x-request-id"])


def check_error(error: dict[str, Any], request_id: str) -> None:
    assert error["message"].isascii() or error["message"]
    extensions = error["extensions"]
    assert extensions["code"] in CHINESE
    assert re.search(r"[\u4e00-\u9fff]", extensions["messageZh"])
    assert extensions["requestId"] == request_id


# ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

ANSWERED = [
    ("POST", "/graphql", {"json": {"query": "{ city { name } }"}}, 200),
    ("GET", "/graphql?query={__typename}", {}, 200),
    ("HEAD", "/graphql?query={__typename}", {}, 200),
    ("GET", "/healthz", {}, 200),
    ("GET", "/metrics", {}, 200),
    ("POST", "/graphql", {"json": {"query": "{"}}, 200),
    ("POST", "/graphql", {"json": {"query": "{ nothing }"}}, 200),
    ("POST", "/graphql", {"json": []}, 400),
    (
        "POST",
        "/graphql",
        {"json": {"query": "{ __typename }"}, "headers": {"Accept": "text/event-stream"}},
        200,
    ),
    ("POST", "/graphql", {"content": b"x" * 300_000, "headers": {"Content-Type": "application/json"}}, 413),
    ("PUT", "/graphql", {}, 405),
    ("OPTIONS", "/graphql", {}, 405),
    ("POST", "/graphql", {}, 415),
    ("GET", "/graphql", {"headers": {"Accept": "image/png"}}, 406),
    ("GET", "/", {}, 404),
    ("GET", "/graphql/", {}, 404),
    ("GET", "/nothing", {"headers": {"Accept": "text/html"}}, 404),
    ("DELETE", "/nothing", {}, 404),
    ("GET", "/graphql/assets/nothing.js", {}, 404),
    ("POST", "/graphql/assets/nothing.js", {}, 405),
    ("POST", "/healthz", {}, 405),
    ("POST", "/metrics", {}, 405),
    ("GET", "/attachments", {}, 405),
    ("POST", "/attachments", {}, 400),
    ("POST", "/attachments?issue=1", {}, 404),
    ("POST", "/attachments?issue=Issue:1", {}, 415),
    ("POST", "/attachments?issue=Issue:1", {"files": {"x": b"y"}}, 400),
    ("GET", "/attachments/1", {}, 404),
    ("GET", "/attachments/%00", {}, 404),
    ("PUT", "/attachments/1", {}, 405),
]


@pytest.mark.parametrize(
    ("method", "path", "rest", "status"), ANSWERED, ids=[f"{one[0]} {one[1]} {one[3]}" for one in ANSWERED]
)
async def test_whatever_is_asked_the_answer_has_it_all(
    api: Api, method: str, path: str, rest: dict[str, Any], status: int
) -> None:
    headers = {**api.known, **rest.get("headers", {}), "X-Request-Id": "of-this.test:1"}
    response = await api.client.request(method, path, **{**rest, "headers": headers})
    assert response.status_code == status
    assert response.headers.get_list("x-request-id") == ["of-this.test:1"]
    check(response)
    if status == 405:
        assert response.headers["allow"]


async def test_what_holds_data_is_kept_by_nobody(api: Api) -> None:
    for response in (
        await api.client.post("/graphql", json={"query": "{ city { name } }"}, headers=api.known),
        await api.client.get("/graphql", params={"query": "{ city { name } }"}, headers=api.known),
        await api.client.post("/graphql", json={"query": "{"}),
        await api.client.get("/metrics"),
    ):
        assert response.headers["cache-control"] == "no-store"


async def test_the_page_has_a_strict_policy_of_its_own(api: Api) -> None:
    response = await api.client.get("/graphql", headers={"Accept": "text/html"})
    check(response)
    assert len(response.headers.get_list("content-security-policy")) == 1
    assert "sandbox" not in response.headers["content-security-policy"]


# ── the id of a request ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("id_", ["a", "0af7651916cd43dd8448eb211c80319c", "a.b:c-d_E", "x" * 128])
async def test_a_sane_id_is_kept(api: Api, id_: str) -> None:
    response = await api.client.post("/graphql", json={"query": "{"}, headers={"X-Request-Id": id_})
    assert response.headers["x-request-id"] == id_
    assert response.json()["errors"][0]["extensions"]["requestId"] == id_


@pytest.mark.parametrize("id_", ["", "a b", "x" * 129, "a\tb", "<script>", "a,b", '"', "\u00e9", "a/b"])
async def test_another_is_made_of_what_is_not(api: Api, id_: str) -> None:
    made = set()
    for _ in range(2):
        headers = {b"X-Request-Id": id_.encode("latin-1")}
        response = await api.client.post("/graphql", json={"query": "{"}, headers=headers)
        check(response)
        made.add(response.headers["x-request-id"])
    assert len(made) == 2
    assert id_ not in made
    twice = [("X-Request-Id", "a"), ("X-Request-Id", "b")]
    response = await api.client.post("/graphql", json={"query": "{"}, headers=twice)
    assert response.headers["x-request-id"] not in {"a", "b"}


async def test_over_a_socket_each_operation_has_its_own(api: Api) -> None:
    url = f"ws://{api.client.base_url.host}:{api.client.base_url.port}/graphql"
    async with connect(
        url, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers={"X-Request-Id": "of-a-socket"}
    ) as socket:
        assert socket.response is not None
        assert socket.response.headers["X-Request-Id"] == "of-a-socket"
        await socket.send(json.dumps({"type": "connection_init", "payload": {"token": api.token}}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        for number, query in enumerate(
            ["{", "{ nothing }", 'subscription { issueEvents(after: "x") { cursor } }'], 1
        ):
            message = {"type": "subscribe", "id": "a", "payload": {"query": query}}
            await socket.send(json.dumps(message))
            refused = json.loads(await socket.recv())
            assert refused["type"] == "error"
            for error in refused["payload"]:
                check_error(error, f"of-a-socket.{number}")


async def test_what_is_logged_of_a_request_has_its_id() -> None:
    async def fails(_asgi_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a secret of the server")

    app = fronted([])
    app.router.routes[:] = [Route("/fails", fails)]
    transport = httpx.ASGITransport(app)
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            response = await client.get("/fails", headers={"X-Request-Id": "of-a-fault"})
    assert response.status_code == 500
    check(response)
    assert "secret" not in response.text
    (line,) = lines
    assert (line["event"], line["request_id"]) == ("operation failed", "of-a-fault")


# ── whatever is sent ─────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_has_a_sentence_in_chinese() -> None:
    assert {code for file in SAYING for code in said(file)} <= CHINESE.keys()
    for code, sentence in CHINESE.items():
        assert re.fullmatch(r"[\u4e00-\u9fff，。、 A-Za-z]+。", sentence), code
    assert {"NOT_FOUND", "FORBIDDEN"} <= set(ErrorCode) & CHINESE.keys()


def documents() -> Iterator[str]:
    yield from ("{ city { name } }", "{", "", "{ nothing }", "query A { __typename } query B { __typename }")
    yield from (
        "subscription { issueEvents { cursor } }",
        "mutation { __typename }",
        "{ __schema { types { name } } }",
    )
    yield '{ node(id: "Issue:1") { id } nodes(ids: ["x", "Unit:99999999999999999999"]) { id } }'
    yield "query($x: DateTime) { issues(filter: {reportedAt: {from: $x}}) { totalCount } }"
    yield "query($x: Int) { issues(first: $x) { nodes { id } } }"
    yield "query($x: String) { issues(after: $x, filter: {search: $x}) { nodes { id } } }"
    yield "query($x: ID!) { node(id: $x) { id } unit(code: $x) { id } }"
    yield "query($x: [IssueState!]) { issues(filter: {state: $x}) { totalCount } }"
    yield "mutation($x: ReportIssueInput!) { reportIssue(input: $x) { errors { code } } }"
    yield "mutation($x: SetRuleInput!) { setRule(input: $x) { errors { code } } }"
    yield "mutation($x: String!) { login(account: $x, password: $x) { errors { code } } }"
    yield "mutation($x: String!) { refresh(token: $x) { errors { code } } }"
    yield "query($x: String!) { __type(name: $x) { name } }"
    yield "query($x: Boolean!) { city @include(if: $x) { name } }"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["Issue:1", "2026-01-01", "'; drop table issue; --", "\0", "%s", "{}", "4110"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
REQUESTS = st.fixed_dictionaries(
    {"query": st.sampled_from(list(documents())) | st.text(max_size=40) | VALUES},
    optional={
        "variables": st.fixed_dictionaries({"x": VALUES}) | VALUES,
        "operationName": VALUES,
        "extensions": VALUES,
    },
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(
            [
                "application/json",
                "application/graphql-response+json",
                "text/event-stream",
                "*/*",
                "text/plain",
                "q=x",
            ]
        ),
        "Content-Type": st.sampled_from(
            [
                "application/json",
                "application/json; charset=latin1",
                "application/jsonx",
                "text/plain",
                "a;;=;",
            ]
        ),
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br"]),
        "Authorization": st.sampled_from(
            ["", "Bearer", "Bearer a.b.c", "Basic eDp5", "Bearer " + "a" * 5000]
        ),
        "Idempotency-Key": st.text("ab\xe9", max_size=5),
        "Last-Event-ID": st.text("ab", max_size=5),
        "Origin": st.sampled_from(["null", "https://x.example"]),
    },
)
BODIES = (
    REQUESTS.map(lambda body: json.dumps(body).encode())
    | VALUES.map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
)
PATHS = st.sampled_from(
    ["/graphql"] * 8
    + ["/", "/attachments", "/attachments?issue=Issue:1", "/attachments/1", "/graphql/assets/x"]
)
METHODS = st.sampled_from(["POST"] * 6 + ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])


def forgotten(headers: dict[str, str], known: bool, api: Api) -> dict[str, Any]:
    given = {name: value.encode("latin-1") for name, value in headers.items()}
    if known and "Authorization" not in given:
        given["Authorization"] = api.known["Authorization"].encode()
    return {"Content-Type": b"application/json", **given}


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(METHODS, PATHS, HEADERS, BODIES, st.booleans())
async def test_no_answer_tells_what_is_behind_it(
    api: Api, method: str, path: str, headers: dict[str, str], body: bytes, known: bool
) -> None:
    with capture_logs() as told:
        response = await api.client.request(
            method, path, content=body, headers=forgotten(headers, known, api)
        )
    assert response.status_code < 500
    assert [log for log in told if log["log_level"] == "error"] == []
    check(response)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS, st.booleans())
async def test_no_query_string_does_either(api: Api, request: dict[str, Any], known: bool) -> None:
    params = {key: value if isinstance(value, str) else json.dumps(value) for key, value in request.items()}
    given = {name: value.encode("utf-8", "replace") for name, value in params.items()}
    response = await api.client.get("/graphql", params=given, headers=forgotten({}, known, api))
    assert response.status_code < 500
    check(response)
