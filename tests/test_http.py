"""GraphQL over HTTP to the letter, asked of the whole application."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.routing import Router
from structlog.testing import capture_logs
from tests.conftest import fresh_database
from tests.serving import INTERNAL, NO_REQUESTS, SECRET, ScriptedExecutor, scripted_authenticator

from lxbc_graph.app import create_app
from lxbc_graph.demo.world import load
from lxbc_graph.http.graphql import MAX_BODY, GraphQLOverHttp
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database
from lxbc_graph.telemetry import Telemetry

pytestmark = pytest.mark.anyio

PLAIN = "application/json"
GRAPHQL = "application/graphql-response+json"

WORLD = {
    "units": [
        {"code": "4110", "name": "许昌市"},
        {"code": "411024", "name": "鄢陵县"},
        {"code": "411024104"},
        {"code": "411024104226"},
    ],
    "accounts": [{"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]}],
    "issues": [{"unit": "411024104226", "title": "机井损坏", "state": "CLOSED"}],
}

REPORT = """
mutation($title: String! = "x", $text: String! = "x", $key: String) {
  reportIssue(input: {
    unitId: "Unit:4", title: $title, description: $text, source: VISIT, idempotencyKey: $key
  }) { issue { title } errors { code field } }
}
"""


class Api:
    """The application as one account's client sees it; nothing that it answers may be a fault of its own."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._token = token

    async def send(
        self,
        method: str,
        *,
        content: Any = None,
        params: Any = None,
        known: bool = True,
        **headers: str | None,
    ) -> httpx.Response:
        given = {"authorization": f"Bearer {self._token}" if known else None, **headers}
        request = self._client.build_request(method, "/graphql", content=content, params=params)
        for name in ("accept", "content-type"):
            request.headers.pop(name, None)
        for name, value in given.items():
            if value is not None:
                request.headers[name.replace("_", "-")] = value
        response = await self._client.send(request)
        assert response.status_code < 500, response.text
        assert "INTERNAL" not in response.text
        assert "Traceback" not in response.text
        return response

    async def post(self, content: Any, **given: Any) -> httpx.Response:
        return await self.send("POST", content=content, **{"content_type": PLAIN, **given})

    async def ask(
        self, query: Any, *, name: Any = None, variables: Any = None, **given: Any
    ) -> httpx.Response:
        body = {"query": query, "operationName": name, "variables": variables}
        return await self.post(json.dumps(body), **{"accept": GRAPHQL, **given})


@pytest.fixture(scope="module")
async def api(server_url: str, template: str) -> AsyncIterator[Api]:
    async with fresh_database(server_url, template) as url:
        settings = Settings(database_url=url, pool_size=3)
        database = await Database.open(url, pool_size=2)
        await load(database, WORLD)
        token = (await Tokens.open(database.pool, settings)).access("city", 3600)
        await database.close()
        app = create_app(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client,
        ):
            yield Api(client, token)


def told(response: httpx.Response) -> set[str]:
    """Return the codes of a refusal, which is a well-formed GraphQL response that has only errors."""
    assert response.headers["content-type"] in {f"{PLAIN}; charset=utf-8", f"{GRAPHQL}; charset=utf-8"}
    assert int(response.headers["content-length"]) == len(response.content)
    body = response.json()
    assert set(body) == {"errors"}, body
    assert body["errors"]
    assert all(error["message"] for error in body["errors"])
    return {error["extensions"]["code"] for error in body["errors"]}


# ── what is answered, and as what ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, PLAIN),
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/*", PLAIN),
        (PLAIN, PLAIN),
        (GRAPHQL, GRAPHQL),
        ("Application/GraphQL-Response+JSON", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f'{GRAPHQL};charset="UTF-8"', GRAPHQL),
        (f"{GRAPHQL}, {PLAIN}", GRAPHQL),
        (f"{GRAPHQL}, {PLAIN};q=0.9", GRAPHQL),
        (f"{PLAIN};q=0.9, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.1,{PLAIN};q=0.2", PLAIN),
        (f"{GRAPHQL};Q=0.1, {PLAIN} ; q=0.2", PLAIN),
        (f"{GRAPHQL};q=0, {PLAIN};q=0.001", PLAIN),
        (f"{PLAIN};q=0, */*", GRAPHQL),
        (f"text/html, {GRAPHQL};q=0.5, */*;q=0.1", GRAPHQL),
        ("text/plain, */*;q=0.1", PLAIN),
        (f"{PLAIN};q=0.5, text/event-stream;q=0.4", PLAIN),
    ],
)
async def test_the_client_chooses_the_media_type(api: Api, accept: str | None, media_type: str) -> None:
    response = await api.ask("{ city { name } }", accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert "accept" in response.headers["vary"].lower()
    assert response.json() == {"data": {"city": {"name": "许昌市"}}}


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain",
        "text/html",
        "image/*",
        "application/xml",
        "application/jsonp",
        f"{PLAIN};q=0",
        f"{PLAIN};q=0, {GRAPHQL};q=0.0, */*;q=0",
        f"{PLAIN};charset=gb18030",
        f"{PLAIN};q=much",
    ],
)
async def test_a_client_that_takes_no_json_is_told_in_json(api: Api, accept: str) -> None:
    response = await api.ask("{ city { name } }", accept=accept)
    assert response.status_code == 406
    assert told(response) == {"NOT_ACCEPTABLE"}


@pytest.mark.parametrize(
    "media_type", [PLAIN, "Application/JSON", f"{PLAIN};charset=utf-8", f'{PLAIN};x=y;charset="UTF-8";']
)
@pytest.mark.parametrize("space", ["", " "])
async def test_json_in_utf_8_is_read(api: Api, media_type: str, space: str) -> None:
    content = json.dumps({"query": '{ issues(filter: {search: "机井"}) { totalCount } }'}, ensure_ascii=False)
    response = await api.post(content.encode(), content_type=media_type.replace(";", f"{space};{space}"))
    assert response.json() == {"data": {"issues": {"totalCount": 1}}}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/graphql",
        "application/jsonp",
        "application/jsonx",
        "application/json5",
        "application/graphql+json",
        "application/graphql-response+json",
        "application /json",
        "*/*",
        "application/json, application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        f"{PLAIN}; charset=gb18030",
        f"{PLAIN};charset=latin1",
        f"{PLAIN};charset=utf-16",
        f"text/plain, {PLAIN}",
    ],
)
async def test_nothing_else_is_read(api: Api, content_type: str | None) -> None:
    response = await api.post(b'{"query": "{ __typename }"}', content_type=content_type)
    assert response.status_code == 415
    assert told(response) == {"UNSUPPORTED_MEDIA_TYPE"}


# ── methods ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
async def test_other_methods_are_told_which_there_are(api: Api, method: str) -> None:
    response = await api.send(method, content=b'{"query": "{ __typename }"}', content_type=PLAIN)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert told(response) == {"METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize(
    "query", [REPORT, f"query Read {{ __typename }} {REPORT.replace('mutation', 'mutation Write')}"]
)
async def test_a_mutation_by_get_does_nothing(api: Api, query: str) -> None:
    before = await api.ask("{ issues { totalCount } }")
    params = {"query": query, **({"operationName": "Write"} if "Write" in query else {})}
    for known in (True, False):
        response = await api.send("GET", params=params, known=known)
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert told(response) == {"METHOD_NOT_ALLOWED"}
    assert (await api.ask("{ issues { totalCount } }")).json() == before.json()


async def test_a_query_by_get_has_variables_and_a_name(api: Api) -> None:
    params = {
        "query": "query A { city { code } } query B($code: String!) { unit(code: $code) { name } }",
        "operationName": "B",
        "variables": '{"code": "411024"}',
        "extensions": '{"鄢陵": [1]}',
    }
    response = await api.send("GET", params=params)
    assert response.json() == {"data": {"unit": {"name": "鄢陵县"}}}
    bare = {
        "query": '{ issues(filter: {search: "机井"}) { totalCount } }',
        "variables": "",
        "operationName": "",
    }
    assert (await api.send("GET", params=bare)).json() == {"data": {"issues": {"totalCount": 1}}}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"query": "{ __typename }", "variables": "{"},
        {"query": "{ __typename }", "variables": "[]"},
        {"query": "{ __typename }", "variables": "42"},
        {"query": "{ __typename }", "variables": "[" * 5000},
        {"query": "{ __typename }", "extensions": "null,"},
        {"query": "{ __typename }", "extensions": '"x"'},
        {"query": ["{ __typename }", "{ __typename }"]},
        {"query": ["{ __typename }", "{ city { name } }"]},
        {"query": "{ __typename }", "variables": ["{}", "{}"]},
        {"query": "{ __typename }", "operationName": ["", "A"]},
    ],
    ids=str,
)
async def test_a_malformed_get_is_refused(api: Api, params: Any) -> None:
    response = await api.send("GET", params=params)
    assert response.status_code == 400
    assert told(response) == {"BAD_REQUEST"}


@pytest.mark.parametrize("query", ["query=%ff%fe", "query={__typename}&variables=%7B%22x%22:%22%c3%28%22%7D"])
async def test_a_query_string_is_utf_8(api: Api, query: str) -> None:
    response = await api._client.get(f"/graphql?{query}")
    assert response.status_code == 400
    assert told(response) == {"BAD_REQUEST"}


async def test_a_get_cannot_change_anything_whatever_it_says_that_it_sends(api: Api) -> None:
    before = await api.ask("{ issues { totalCount } }")
    content = json.dumps({"query": REPORT})
    for content_type in (None, PLAIN, "text/plain", "application/x-www-form-urlencoded"):
        for params in (None, {"query": REPORT}):
            response = await api.send("GET", params=params, content=content, content_type=content_type)
            assert response.status_code == (405 if params else 400)
        response = await api.send("POST", params={"query": REPORT}, content=None, content_type=content_type)
        assert response.status_code == (400 if content_type == PLAIN else 415)
    assert (await api.ask("{ issues { totalCount } }")).json() == before.json()


# ── what is said twice, or packed ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Content-Type", "Authorization", "Idempotency-Key", "Content-Encoding"])
@pytest.mark.parametrize("second", ["", "text/plain", PLAIN])
async def test_a_header_is_not_sent_twice(api: Api, name: str, second: str) -> None:
    headers = [("Content-Type", PLAIN), ("Authorization", f"Bearer {api._token}")]
    headers += [(name, second)] * (1 if name in {"Content-Type", "Authorization"} else 2)
    response = await api._client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert response.status_code == 400
    assert told(response) == {"BAD_REQUEST"}


async def test_accept_may_be_said_in_several_lines(api: Api) -> None:
    headers = [("Accept", f"{PLAIN};q=0.1"), ("Accept", GRAPHQL), ("Content-Type", PLAIN)]
    response = await api._client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert response.headers["content-type"].startswith(GRAPHQL)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "x"])
async def test_a_body_is_not_packed(api: Api, encoding: str) -> None:
    packed = gzip.compress(b'{"query": "{ __typename }"}')
    response = await api.post(packed, content_encoding=encoding)
    assert response.status_code == 415
    assert told(response) == {"UNSUPPORTED_MEDIA_TYPE"}


async def test_a_body_may_say_that_it_is_not_packed(api: Api) -> None:
    response = await api.post(b'{"query": "{ __typename }"}', content_encoding="Identity")
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_several_requests_in_one_are_refused_and_told_so(api: Api) -> None:
    for content in (b"[]", b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]'):
        response = await api.post(content)
        assert response.status_code == 400
        assert told(response) == {"BAD_REQUEST"}
        assert "several in a list are not taken" in response.text


async def test_files_are_not_sent_here(api: Api) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query": "{ __typename }"}\r\n--b--\r\n'
    response = await api.post(form, content_type="multipart/form-data; boundary=b")
    assert response.status_code == 415
    assert told(response) == {"UNSUPPORTED_MEDIA_TYPE"}


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("accept", [PLAIN, GRAPHQL])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"NaN",
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b'{"query": "{ __typename }"} {}',
        b'{"query": "\xff\xfe"}',
        '{"query": "{ __typename }"}'.encode("utf-16"),
        b'{"query": "{ __typename } # \\ud800"}',
        b'{"query": "{ __typename }", "variables": {"x": "\\udc00"}}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"query":' * 20_000 + b"1" + b"}" * 20_000,
        b"\xef\xbb\xbf" + b'{"query": "{ __typename }"}',
        b'{"query": "{ __typename }\0"}',
        b'{"query": "{ __typename }",}',
        b"query={__typename}",
        *(json.dumps(value).encode() for value in NO_REQUESTS),
    ],
    ids=lambda content: content[:30].decode("latin-1") if len(content) < 9_000 else f"{len(content)} bytes",
)
async def test_a_malformed_request_is_refused(api: Api, content: bytes, accept: str) -> None:
    response = await api.post(content, accept=accept)
    assert response.status_code == 400
    assert told(response) == {"BAD_REQUEST"}


@pytest.mark.parametrize("accept", [PLAIN, GRAPHQL])
@pytest.mark.parametrize(
    ("query", "token", "status", "code"),
    [("crash", "good", 500, "INTERNAL"), ("query", "outage", 503, "UNAVAILABLE")],
)
async def test_a_fault_of_ours_is_told_without_its_text(
    accept: str, query: str, token: str, status: int, code: str
) -> None:
    endpoint = GraphQLOverHttp(ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry())
    transport = httpx.ASGITransport(Router(endpoint.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        headers = {"accept": accept, "authorization": f"Bearer {token}"}
        with capture_logs() as logs:
            response = await client.post("/graphql", json={"query": query}, headers=headers)
    assert response.status_code == status
    assert told(response) == {code}
    assert SECRET not in response.text
    assert (code == "INTERNAL") == (response.json() == {"errors": [INTERNAL]})
    assert len(logs) == 1


async def test_null_is_as_good_as_nothing(api: Api) -> None:
    content = (
        b'{"query": "{ __typename }", "operationName": null, "variables": null, "extensions": null, "x": 1}'
    )
    assert (await api.post(content)).json() == {"data": {"__typename": "Query"}}


async def test_a_body_has_a_limit(api: Api) -> None:
    content = b'{"query": "{ __typename }"}'.ljust(MAX_BODY)
    assert (await api.post(content)).json() == {"data": {"__typename": "Query"}}

    async def without_a_length() -> AsyncIterator[bytes]:
        yield content
        yield b" "

    for too_large in (content + b" ", b"[" * 10_000_000, without_a_length()):
        response = await api.post(too_large)
        assert response.status_code == 413
        assert told(response) == {"BODY_TOO_LARGE"}


async def test_the_operator_says_how_large_it_may_be() -> None:
    endpoint = GraphQLOverHttp(
        ScriptedExecutor().stands_in(), scripted_authenticator(), Telemetry(), max_body=2000
    )
    transport = httpx.ASGITransport(Router(endpoint.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        for size, status in ((2000, 200), (2001, 413)):
            content = b'{"query": "query"}'.ljust(size)
            response = await client.post("/graphql", content=content, headers={"Content-Type": PLAIN})
            assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["limit"] == 2000


# ── GraphQL's own refusals ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": " "}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ city { name } "}, "GRAPHQL_PARSE_FAILED"),
        ({"query": '{ unit(code: "\\uD800") { id } }'}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ \0 }"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ a" * 40_000}, "TOO_COMPLEX"),
        ({"query": "{ nowhere }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ city }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "fragment F on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ ...F } fragment F on Query { ...F }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($code: String!) { unit(code: $code) { id } }"}, "BAD_USER_INPUT"),
        (
            {"query": "query($code: String!) { unit(code: $code) { id } }", "variables": {"code": 1}},
            "BAD_USER_INPUT",
        ),
        ({"query": "query A { city { id } } query B { city { id } }"}, "BAD_REQUEST"),
        ({"query": "query A { city { id } }", "operationName": "B"}, "BAD_REQUEST"),
        ({"query": "subscription { issueEvents { cursor } }"}, "BAD_REQUEST"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_never_ran_is_400_unless_the_client_is_of_old(
    api: Api, body: dict[str, Any], code: str
) -> None:
    for accept, status in ((GRAPHQL, 400), (PLAIN, 200), (None, 200)):
        response = await api.post(json.dumps(body), accept=accept)
        assert response.status_code == status
        assert told(response) == {code}


async def test_a_subscription_by_plain_http_is_told_where_to_go(api: Api) -> None:
    query = "subscription { issueEvents { cursor } }"
    for response in (await api.ask(query), await api.send("GET", params={"query": query})):
        told(response)
        assert "graphql-transport-ws" in response.text
        assert "text/event-stream" in response.text


async def test_the_operation_that_is_named_runs(api: Api) -> None:
    query = "query A { city { name } } query B { city { code } } mutation C { __typename }"
    for name, data in (
        ("A", {"city": {"name": "许昌市"}}),
        ("B", {"city": {"code": "4110"}}),
        ("C", {"__typename": "Mutation"}),
    ):
        assert (await api.ask(query, name=name)).json() == {"data": data}


# ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("accept", [PLAIN, GRAPHQL])
@pytest.mark.parametrize("query", ["{ city { name } }", "{ viewer { account } __typename }", REPORT])
async def test_nobody_is_challenged(api: Api, query: str, accept: str) -> None:
    response = await api.ask(query, known=False, accept=accept)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert told(response) == {"UNAUTHENTICATED"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic Y2l0eTp4", "Bearer " + "x" * 9000]
)
@pytest.mark.parametrize("query", ["{ city { name } }", "{ __typename }", "{"])
async def test_a_token_that_proves_nothing_is_refused(api: Api, query: str, authorization: str) -> None:
    response = await api.ask(query, known=False, authorization=authorization)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert told(response) == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ __typename }", {"__typename": "Query"}),
        ("{ a: __typename ... { b: __typename } }", {"a": "Query", "b": "Query"}),
        ("mutation { __typename }", {"__typename": "Mutation"}),
        (
            '{ __type(name: "Query") { name } __typename }',
            {"__type": {"name": "Query"}, "__typename": "Query"},
        ),
        (
            'mutation { __typename refresh(token: "x") { accessToken } }',
            {"__typename": "Mutation", "refresh": {"accessToken": None}},
        ),
    ],
)
async def test_a_root_can_be_asked_its_name(api: Api, query: str, data: dict[str, Any], known: bool) -> None:
    response = await api.ask(query, known=known)
    assert (response.status_code, response.json()) == (200, {"data": data})


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

ISSUES = "query($value: DateTime) { issues(filter: {reportedAt: {from: $value}}) { totalCount } }"
SINCE = "{{ issues(filter: {{reportedAt: {{from: {} }}}}) {{ totalCount }} }}"
NO_TIMES = [
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-01-01T00:00Z",
    "20260101T000000Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:01Z",
    "2026-01-01T00:00:00+25:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+08:00",
    "9999-12-31T23:59:59-08:00",
    "٢٠٢٦-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\0",
    " 2026-01-01T00:00:00Z",
    "now",
    "",
    0,
    1.5,
    True,
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    {},
]


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
async def test_a_time_has_a_date_a_time_and_an_offset(api: Api, value: Any) -> None:
    response = await api.ask(ISSUES, variables={"value": value})
    assert response.status_code == 400
    assert told(response) == {"BAD_USER_INPUT"}
    assert "RFC 3339" in response.text, "and not what Python says of it"
    literal = json.dumps(value, ensure_ascii=True)
    response = await api.ask(SINCE.format(literal))
    assert response.status_code == 400
    assert "RFC 3339" in response.text
    assert told(response) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "value", ["2021-10-11T09:00:00+08:00", "2021-10-11t01:00:00z", "2021-10-11T01:00:00.000000000Z"]
)
async def test_a_time_with_an_offset_is_that_moment(api: Api, value: str) -> None:
    query = "query($value: DateTime) { issues(filter: {reportedAt: {to: $value}}) { totalCount } }"
    assert (await api.ask(query, variables={"value": value})).json() == {
        "data": {"issues": {"totalCount": 0}}
    }
    later = value.replace(":00:00", ":00:01")
    assert (await api.ask(query, variables={"value": later})).json() == {
        "data": {"issues": {"totalCount": 1}}
    }


@pytest.mark.parametrize(
    "value", [2**31, -(2**31) - 1, 2**63, 2**64, 10**30, 1.5, "1", True, "NaN", [], {}], ids=repr
)
async def test_an_int_has_32_bits(api: Api, value: Any) -> None:
    query = "query($value: Int) { issues(first: $value) { totalCount } }"
    response = await api.ask(query, variables={"value": value})
    assert response.status_code in {200, 400}
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes <= {"BAD_USER_INPUT", "BAD_REQUEST"}
    response = await api.ask(f"{{ issues(first: {json.dumps(value)}) {{ totalCount }} }}")
    assert response.status_code == 400
    assert told(response) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (None, "not to be null"),
        (True, "non-integer value."),
        ([None, True, {"a": False}, "None"], "non-integer value."),
        ("it's None", "non-integer value."),
    ],
    ids=repr,
)
async def test_a_wrong_value_of_a_variable_is_told_and_not_repeated(
    api: Api, value: Any, spelled: str
) -> None:
    response = await api.ask("query($x: Int!) { issues(first: $x) { totalCount } }", variables={"x": value})
    assert told(response) == {"BAD_USER_INPUT"}
    assert spelled in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "query",
    [
        "query($text: String!) { unit(code: $text) { id } }",
        "query($text: String!) { issues(filter: {search: $text}) { totalCount } }",
        "query($text: String!) { issues(filter: {unit: $text}) { totalCount } }",
        "query($text: String!) { issues(after: $text) { totalCount nodes { id } } }",
        "query($text: ID!) { node(id: $text) { id } }",
        "query($text: ID!) { nodes(ids: [$text]) { id } }",
        "query($text: ID!) { issues(filter: {category: [$text]}) { totalCount } }",
        REPORT.replace(
            'mutation($title: String! = "x"', 'mutation($text: String!, $title: String! = "x"'
        ).replace(', $text: String! = "x"', ""),
        REPORT.replace('$title: String! = "x"', '$title: String! = "题"').replace(
            "$key: String", '$key: String = "k"'
        ),
        "mutation($text: String!) { login(account: $text, password: $text) { errors { code } } }",
        "mutation($text: String!) { refresh(token: $text) { errors { code } } }",
        "query($text: String!) { __type(name: $text) { name } }",
    ],
    ids=lambda query: " ".join(query.split())[:70],
)
@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "𠮷" * 5000, "\ufffe\uffff", "'; drop table issue; --", "%_\\"], ids=ascii
)
async def test_any_text_is_an_answer_or_a_typed_error(api: Api, query: str, text: str) -> None:
    response = await api.ask(query, variables={"text": text})
    for error in response.json().get("errors", ()):
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "INVALID_CURSOR"}


# ── repeats ──────────────────────────────────────────────────────────────────────────────────────────────────

CHANGES = """
mutation($unit: ID! = "Unit:4", $key: String) {
  one: reportIssue(input: {unitId: $unit, title: "重复", description: "x", source: VISIT}) { issue { id } }
  two: reportIssue(input: {unitId: $unit, title: "重复", description: "x", source: VISIT}) { issue { id } }
  own: reportIssue(input: {
    unitId: $unit, title: "重复", description: "x", source: VISIT, idempotencyKey: $key
  }) { issue { id } }
}
"""
REPEATED = '{ issues(filter: {search: "重复"}) { totalCount } }'


async def test_the_key_of_a_request_makes_each_of_its_changes_once_and_a_change_has_its_own_before(
    api: Api,
) -> None:
    first, again, other = [
        (await api.ask(CHANGES, variables={"key": key}, idempotency_key=header)).json()["data"]
        for header, key in (("r1", None), ("r1", None), ("r2", "of one"))
    ]
    assert first == again
    assert len({change["issue"]["id"] for answer in (first, other) for change in answer.values()}) == 6
    later = (await api.ask(CHANGES, variables={"key": "of one"}, idempotency_key="r3")).json()["data"]
    assert later["own"] == other["own"]
    assert later["one"] != other["one"]
    assert (await api.ask(REPEATED)).json()["data"]["issues"]["totalCount"] == 8


@pytest.mark.parametrize("header", [None, "", "k" * 1000])
async def test_a_request_without_a_key_is_made_each_time_and_a_long_key_is_a_key(
    api: Api, header: str | None
) -> None:
    twice = [(await api.ask(CHANGES, idempotency_key=header)).json()["data"] for _ in range(2)]
    assert (twice[0] == twice[1]) == bool(header)
