"""An issue that goes to another unit: who read the old one learns that it went, and nothing of where it is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
from tests.conftest import World
from tests.following import frames
from tests.reference.agreement import parse

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

OLD, NEW, BESIDE = "411024104226", "411082100201", "411024104227"
UNITS = ("4110", "411024", "411024104", OLD, BESIDE, "411082", "411082100", NEW)
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in UNITS],
    "accounts": [
        {"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]},
        {"name": "old county", "postings": [{"role": "portal", "unit": "411024"}]},
        {"name": "old village", "postings": [{"role": "village_official", "unit": OLD}]},
        {"name": "village beside", "postings": [{"role": "village_official", "unit": BESIDE}]},
        {"name": "new county", "postings": [{"role": "portal", "unit": "411082"}]},
        {"name": "screen", "postings": [{"role": "screen", "unit": "411024"}]},
    ],
    "issues": [{"number": "MOVED", "title": "桥面破损", "unit": OLD}],
}
EVENT = (
    "__typename id kind fromState toState actorName reason data unit { code } issue { number title unit { code } }"
    " assignment { id } actor { code }"
)
TRANSFER = """
mutation($issue: ID!, $unit: ID!, $why: String!) {
  transferIssue(input: {issueId: $issue, unitId: $unit, reason: $why}) {
    issue { unit { code } } errors { code }
  }
}
"""
WHY = "河那边的"


class City:
    """The service, and an issue that goes from one county to another."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ask(self, account: str, text: str, **variables: Any) -> Any:
        principal = await self._service.accounts.principal(account)
        response = await self._service.executor.execute(Request(text, variables=variables), principal)
        answer = parse(response.body)
        assert "errors" not in answer, answer
        return answer["data"]

    async def follow(self, account: str) -> AsyncGenerator[bytes]:
        principal = await self._service.accounts.principal(account)
        text = f"subscription {{ issueEvents {{ event {{ {EVENT} }} }} }}"
        started = await self._service.executor.subscribe(Request(text), principal)
        assert isinstance(started, Subscription)
        return frames(started)

    async def transfer(self) -> None:
        found = await self.ask("city", f'{{ unit(code: "{NEW}") {{ id }} issues {{ nodes {{ id }} }} }}')
        done = await self.ask(
            "city", TRANSFER, issue=found["issues"]["nodes"][0]["id"], unit=found["unit"]["id"], why=WHY
        )
        assert done["transferIssue"] == {"issue": {"unit": {"code": NEW}}, "errors": []}

    async def events(self, account: str, filter_: str = "{}") -> list[Any]:
        text = f"{{ events(filter: {filter_}) {{ totalCount nodes {{ {EVENT} }} }} }}"
        found = (await self.ask(account, text))["events"]
        assert found["totalCount"] == len(found["nodes"])
        nodes: list[Any] = found["nodes"]
        return nodes


@pytest.fixture
async def city(database_url: str, world: World) -> AsyncIterator[City]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        yield City(service)


def gone(id_: str) -> dict[str, Any]:
    """What is left to see of it."""
    return {
        "__typename": "Event",
        "id": id_,
        "kind": "TRANSFERRED",
        "fromState": "REPORTED",
        "toState": "REPORTED",
        "actorName": "city",
        "reason": None,
        "data": {"left": True},
        "unit": {"code": OLD},
        "issue": None,
        "assignment": None,
        "actor": None,
    }


@pytest.mark.parametrize("account", ["old county", "old village"])
async def test_the_old_unit_sees_that_it_left_and_nothing_else(city: City, account: str) -> None:
    assert [one["kind"] for one in await city.events(account)] == ["REPORTED"]
    await city.transfer()
    (event,) = await city.events(account)
    assert event == gone(event["id"])
    assert (await city.ask(account, "{ issues { totalCount } }"))["issues"]["totalCount"] == 0
    by_id = await city.ask(account, f'{{ node(id: "{event["id"]}") {{ ... on Event {{ {EVENT} }} }} }}')
    assert by_id["node"] == event
    assert await city.events(account, f'{{unit: "{OLD}"}}') == [event]
    assert await city.events(account, f'{{unit: "{NEW}"}}') == []


async def test_the_new_unit_sees_all_of_it(city: City) -> None:
    assert await city.events("new county") == []
    await city.transfer()
    told = await city.events("new county")
    assert [(one["kind"], one["unit"], one["reason"]) for one in told] == [
        ("REPORTED", None, None),
        ("TRANSFERRED", None, None),
        ("TRANSFERRED", {"code": NEW}, WHY),
    ]
    assert {one["issue"]["number"] for one in told} == {"MOVED"}


@pytest.mark.parametrize("account", ["village beside", "screen"])
async def test_who_did_not_see_it_there_sees_nothing(city: City, account: str) -> None:
    await city.transfer()
    assert await city.events(account) == []


async def test_who_follows_hears_it_leave_or_come(city: City) -> None:
    async with AsyncExitStack() as stack:
        followed = {
            account: await stack.enter_async_context(aclosing(await city.follow(account)))
            for account in ("old county", "old village", "new county", "city")
        }
        await city.transfer()

        async def heard(account: str) -> Any:
            async with asyncio.timeout(20):
                return parse(await anext(followed[account]))["data"]["issueEvents"]["event"]

        for account in ("old county", "old village"):
            event = await heard(account)
            assert event == gone(event["id"])
        for account, first in (("new county", None), ("city", {"code": OLD})):
            left, came = await heard(account), await heard(account)
            assert (left["unit"], left["reason"]) == (first, None)
            assert (came["unit"], came["reason"]) == ({"code": NEW}, WHY)
