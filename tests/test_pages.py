"""What the pages are served with, and what they say."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lxbc_graph.http import pages
from lxbc_graph.http.envelope import Envelope
from lxbc_graph.schema.build import build

pytestmark = pytest.mark.anyio

SOURCES = Path(__file__).parent.parent / "web" / "graphiql"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets" / "directory").mkdir(parents=True)
    (tmp_path / "graphiql.html").write_text("<!doctype html>a page")
    (tmp_path / "assets" / "editor-abc123.js").write_text("let editor;" * 1000)
    return tmp_path


@pytest.fixture
async def client(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    async def endpoint(_request: Request) -> Response:
        return pages.graphiql(built)

    app = Starlette(routes=[Route("/graphql", endpoint, methods=["GET"]), pages.assets(built)])
    transport = httpx.ASGITransport(Envelope(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client


async def test_nothing_from_elsewhere_may_be_loaded(client: httpx.AsyncClient) -> None:
    for url in ("/graphql", "/graphql/assets/editor-abc123.js"):
        headers = (await client.get(url)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        sources = {source for name in policy for source in policy[name].split()}
        assert sources <= {"'self'", "'none'", "'unsafe-inline'", "data:"}
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_assets_are_kept_and_the_page_is_asked_for_again(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql")
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["vary"] == "Accept"
    asset = await client.get("/graphql/assets/editor-abc123.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-encoding"] == "gzip"
    assert asset.text == "let editor;" * 1000


@pytest.mark.parametrize(
    "name",
    [
        "missing.js",
        "directory",
        ".",
        "%2e",
        "%2e%2e",
        "..%2fgraphiql.html",
        "..%5cgraphiql.html",
        "%2fetc%2fpasswd",
        "a%00.js",
        "%00",
        "%ff",
        "%ed%a0%80",
        "x" * 5000,
        "%E9%95%BF" * 100,
        "",
    ],
    ids=lambda name: name[:20],
)
async def test_nothing_but_assets_is_found_among_them(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/graphql/assets/{name}")).status_code == 404


async def test_where_the_page_is_not_built_it_says_how(client: httpx.AsyncClient, built: Path) -> None:
    (built / "graphiql.html").unlink()
    answer = await client.get("/graphql")
    assert answer.status_code == 503
    assert "make pages" in answer.text


def documents() -> Iterator[str]:
    for source in sorted(SOURCES.glob("*.ts")):
        yield from re.findall(r"/\* GraphQL \*/ `(.*?)`", source.read_text(encoding="utf-8"), re.DOTALL)


def test_every_document_of_the_page_is_one_of_the_schema() -> None:
    schema = build()._schema
    found = list(documents())
    assert len(found) == 4
    for document in found:
        assert validate(schema, parse(document)) == []
