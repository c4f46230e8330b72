"""Where a request comes from is said at the door, so that nobody who notes or counts it needs to be handed it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.serving import serving
from uvicorn.middleware.proxy_headers import _TrustedHosts

from lxbc_graph.http.address import Addressed, address, as_peers
from lxbc_graph.http.crowd import Crowd
from lxbc_graph.policy.audit import ADDRESS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::%any text", "2001:db8:1:2::/64"),
        ("", None),
        ("testclient", None),
        ("192.0.2.1, 192.0.2.2", None),
    ],
)
def test_an_address_is_counted_by_what_somebody_has(host: str, counted: str | None) -> None:
    assert address(host) == counted


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        *(("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::7", True), ("192.0.2.1", True)),
        *(
            ("::ffff:192.0.2.1", True),
            ("192.0.2.2", False),
            ("::ffff:192.0.2.2", False),
            ("2001:db9::7", False),
        ),
    ],
)
def test_a_proxy_is_known_by_whichever_socket_it_comes(peer: str, trusted: bool) -> None:
    proxies = list(as_peers("10.0.0.0/8, 192.0.2.1,2001:db8::1/32"))
    assert (peer in _TrustedHosts(proxies)) is trusted
    assert (Crowd(1, proxies).counted((peer, 1)) is None) is trusted


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Asks a server where it is asked from, and is its proxy."""

    async def told(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(ADDRESS.get()))

    app = Starlette(routes=[Route("/", told)], middleware=[Middleware(Addressed)])
    async with serving(app) as url, httpx.AsyncClient(base_url=f"http://{url}") as client:
        yield client


async def test_each_request_has_its_own_and_a_proxy_on_this_machine_is_believed(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/")).text == "127.0.0.1"
    for forwarded, counted in (
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.2:50123", "192.0.2.2"),
        ("[2001:db8::1]:50123", "2001:db8::/64"),
        ("192.0.2.1, 192.0.2.2, 127.0.0.1", "192.0.2.2"),
        ("::1, 127.0.0.1", "::/64"),  # where all are trusted, the first
    ):
        answer = await client.get("/", headers={"X-Forwarded-For": forwarded})
        assert answer.text == counted
    assert ADDRESS.get() is None


async def test_all_that_is_no_address_is_counted_as_one(client: httpx.AsyncClient) -> None:
    texts = ("unknown", "_hidden", "192.0.2.1:x", "192.0.2.1, y", "z" * 20_000)
    counted = {(await client.get("/", headers={"X-Forwarded-For": text})).text for text in texts}
    assert counted == {"unknown"}
