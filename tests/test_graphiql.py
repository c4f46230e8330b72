"""A real browser opens the page that the real server serves, and talks to nobody else."""

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, WebSocket, async_playwright, expect
from tests.serving import serving

from lxbc_graph.app import create_app
from lxbc_graph.http.pages import BUILT
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio
expect.set_options(timeout=60_000)  # a busy machine is no failure

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "vegetables grow"
WORLD: dict[str, Any] = {
    "units": [
        {"code": "4110", "name": "许昌市"},
        {"code": "411024", "name": "鄢陵县"},
        {"code": "411082", "name": "长葛市"},
        {"code": "411024104", "name": "望田镇"},
        {"code": "411024104226", "name": "新色村"},
    ],
    "departments": [{"code": "411024-agriculture", "name": "鄢陵县农业农村局", "unit": "411024"}],
    "categories": [{"code": "1", "name": "生产"}],
    "accounts": [
        {
            "name": "city_office",
            "display_name": "许昌市活动办",
            "password": PASSWORD,
            "postings": [{"role": "city_office", "unit": "4110"}],
        },
        {
            "name": "portal-411024",
            "display_name": "鄢陵县门户",
            "password": PASSWORD,
            "postings": [{"role": "portal", "unit": "411024"}],
        },
    ],
    "issues": [
        {"unit": "411024104226", "title": "小麦无人播种", "state": "CLOSED"},
        {"unit": "411024104226", "title": "村道积水", "state": "RECTIFYING"},
    ],
}
SUBSCRIPTION = """subscription Replayed {
  issueEvents(after: "%s") { event { kind issue { title } } }
}"""
LOG_IN = """mutation LogIn($password: String!) {
  login(account: "city_office", password: $password) { accessToken }
}"""
REPORT = """mutation Report($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: "田间", source: VISIT}) { errors { message } }
}"""


@pytest.fixture
async def origin(database_url: str, world: Callable[[dict[str, Any]], Awaitable[None]]) -> AsyncIterator[str]:
    """The address of the real application over a small world."""
    await world(WORLD)
    async with serving(create_app(Settings(database_url=database_url)), lifespan=True) as address:
        yield f"http://{address}"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    places = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    installed = [
        shutil.which(name, path=places) for name in ("chromium", "chromium-browser", "google-chrome")
    ]
    program = next((path for path in installed if path is not None), None)
    assert program is not None, "this test needs a browser: install chromium or google-chrome"
    assert (BUILT / "graphiql.html").is_file(), "this test needs the page: make pages"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=60_000)
        yield browser
        await browser.close()


@dataclass
class Visit:
    """A page, and everything that it asked for, said, or complained of since it was opened."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    """Frames sent over WebSockets."""

    @property
    def token(self) -> Locator:
        return self.page.get_by_label("Token / 令牌")

    @property
    def problem(self) -> Locator:
        return self.page.get_by_role("banner").get_by_role("alert")

    @property
    def answer(self) -> Locator:
        return self.page.locator(".graphiql-response")

    async def ready(self) -> None:
        await expect(self.page.locator(".graphiql-doc-explorer")).to_contain_text(
            "Mutation"
        )  # has the schema
        await expect(self.page.locator(".graphiql-editor").first).to_contain_text("{")  # has the document

    async def log_in(self, account: str, password: str) -> None:
        await self.page.get_by_label("Account / 账号").fill(account)
        await self.page.get_by_label("Password / 密码").fill(password)
        await self.page.get_by_role("button", name="Log in / 登录").click()

    async def run(self) -> None:
        await self.page.get_by_role("button", name="Execute query").click()


async def visit(browser: Browser, url: str) -> Visit:
    page = await (await browser.new_context()).new_page()
    visit = Visit(page)

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visit.complaints.append(message.text)

    def connected(socket: WebSocket) -> None:
        visit.asked.append(socket.url)
        socket.on("framesent", lambda frame: visit.sent.append(json.loads(frame)))

    page.on("request", lambda request: visit.asked.append(request.url))
    page.on("websocket", connected)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", said)
    await page.goto(url)
    await visit.ready()
    return visit


def assert_alone(visit: Visit, origin: str) -> None:
    own = (origin + "/", origin.replace("http", "ws", 1) + "/", "data:")
    assert [url for url in visit.asked if not url.startswith(own)] == []
    assert visit.complaints == []


async def test_log_in_and_run_the_first_query(browser: Browser, origin: str) -> None:
    seen = await visit(browser, f"{origin}/graphql")
    await expect(seen.token).to_be_visible()
    await expect(seen.token).to_have_value("")

    await seen.log_in("city_office", "wrong")
    await expect(seen.problem).to_have_text("The account, password or token is not valid.")
    await expect(seen.token).to_have_value("")

    await seen.log_in("city_office", PASSWORD)
    await expect(seen.page.get_by_text("city_office, until")).to_be_visible()
    await expect(seen.problem).to_be_hidden()
    await seen.run()
    for found in ("许昌市活动办", "长葛市", "鄢陵县", '"numerator": 1', '"denominator": 2', '"percent": 50'):
        await expect(seen.answer).to_contain_text(found)

    await seen.log_in("portal-411024", PASSWORD)
    await expect(seen.page.get_by_text("portal-411024, until")).to_be_visible()
    await seen.run()
    await expect(seen.answer).to_contain_text("鄢陵县门户")
    await expect(seen.answer).to_contain_text('"percent": 50')
    await expect(seen.answer).not_to_contain_text("长葛市")
    assert_alone(seen, origin)


async def test_a_pasted_token_stays_with_the_tab(browser: Browser, origin: str) -> None:
    token = await log_in(browser, origin)
    seen = await visit(browser, f"{origin}/graphql")
    await seen.token.fill(f"  Bearer {token}\n")
    await expect(seen.token).to_have_value(token)
    await seen.page.reload()
    await seen.ready()
    await expect(seen.token).to_have_value(token)

    async with seen.page.expect_request(lambda request: "Overview" in (request.post_data or "")) as sent:
        await seen.run()
    assert await (await sent.value).header_value("authorization") == f"Bearer {token}"
    await expect(seen.answer).to_contain_text("鄢陵县")

    kept = await seen.page.evaluate("JSON.stringify(Object.entries(localStorage)) + document.cookie")
    assert token not in kept
    other = await visit(browser, f"{origin}/graphql")
    await expect(other.token).to_have_value("")
    assert_alone(seen, origin)


async def test_a_subscription_shows_what_was_and_what_happens(browser: Browser, origin: str) -> None:
    token = await log_in(browser, origin)
    at = await post(browser, origin, {"Authorization": f"Bearer {token}"}, "{ eventCursor }", {})
    await report(browser, origin, token, "道路坑洼")
    document = SUBSCRIPTION % at["eventCursor"]
    seen = await visit(browser, f"{origin}/graphql?query={quote(document)}")
    await seen.token.fill(token)
    await seen.run()
    await expect(seen.answer).to_contain_text("道路坑洼")
    await report(browser, origin, token, "机井水泵损坏")
    await expect(seen.answer).to_contain_text("机井水泵损坏")
    assert seen.sent[0]["type"] == "connection_init"
    assert seen.sent[0]["payload"] == {"Authorization": f"Bearer {token}"}
    assert_alone(seen, origin)


async def log_in(browser: Browser, origin: str) -> str:
    answer = await post(browser, origin, {}, LOG_IN, {"password": PASSWORD})
    return str(answer["login"]["accessToken"])


async def report(browser: Browser, origin: str, token: str, title: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    found = await post(browser, origin, bearer, '{ unit(code: "411024104226") { id } }', {})
    answer = await post(browser, origin, bearer, REPORT, {"unit": found["unit"]["id"], "title": title})
    assert answer["reportIssue"]["errors"] == []


async def post(
    browser: Browser, origin: str, headers: dict[str, str], query: str, variables: dict[str, Any]
) -> dict[str, Any]:
    context = await browser.new_context()
    response = await context.request.post(
        f"{origin}/graphql", data={"query": query, "variables": variables}, headers=headers
    )
    data: dict[str, Any] = (await response.json())["data"]
    return data
