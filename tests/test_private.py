"""Telephones in what a change answers and in what a subscription says: as in any other read."""

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

COUNTY, TOWNSHIP, VILLAGE = "411024", "411024104", "411024104226"
ELSEWHERE = "411082"
PEOPLE: list[dict[str, Any]] = [
    {"code": "finder", "unit": TOWNSHIP, "postings": [{"role": "cadre", "unit": VILLAGE}]},
    {"code": "local", "unit": VILLAGE},
    {"code": "guest", "unit": ELSEWHERE, "postings": [{"role": "cadre", "unit": VILLAGE}]},
    {
        "code": "gone",
        "unit": ELSEWHERE,
        "postings": [
            {"role": "cadre", "unit": VILLAGE, "valid_from": "2021-07-01", "valid_to": "2021-12-31"}
        ],
    },
]
EVERYBODY = {person["code"] for person in PEOPLE}
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", COUNTY, TOWNSHIP, VILLAGE, ELSEWHERE)],
    "cadres": [{**person, "phone": f"phone of {person['code']}"} for person in PEOPLE],
    "accounts": [
        {"name": "finder", "cadre": "finder"},
        *(
            {"name": role, "postings": [{"role": role, "unit": unit}]}
            for role, unit in (
                ("city_office", "4110"),
                ("service_group", "4110"),
                ("county_office", COUNTY),
                ("township_office", TOWNSHIP),
                ("village_official", VILLAGE),
                ("portal", COUNTY),
            )
        ),
    ],
    "categories": [{"code": "A"}],
    "issues": [{"unit": VILLAGE, "finder": "finder"}] * 4,
}
OPEN = {
    "city_office": EVERYBODY,
    "county_office": EVERYBODY - {"gone"},
    "finder": {"finder"},
    "service_group": set(),
    "township_office": set(),
    "village_official": set(),
    "portal": set(),
}
"""Whose telephones each account is told, of the people who serve or served in the village."""

ISSUE = "finder { code phone } unit { cadres { nodes { code phone } } }"
REPORT = f"""
mutation($unit: ID!) {{
  reportIssue(input: {{unitId: $unit, title: "题", description: "文", source: VISIT}}) {{
    issue {{ {ISSUE} }}
  }}
}}
"""
DISMISS = f"""
mutation($issue: ID!) {{
  judgeIssue(input: {{issueId: $issue, dismissal: NOT_TRUE, reason: "查无此事"}}) {{ issue {{ {ISSUE} }} }}
}}
"""
FOLLOW = f"subscription {{ issueEvents {{ event {{ actor {{ code phone }} issue {{ {ISSUE} }} }} }} }}"


class Town:
    """The service, asked by the accounts."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ask(self, account: str, text: str, **variables: Any) -> Any:
        principal = await self._service.accounts.principal(account)
        response = await self._service.executor.execute(Request(text, variables=variables), principal)
        answer = parse(response.body)
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, account: str) -> Any:
        """Report an issue, or judge one where that is what the account may do."""
        found = await self.ask(
            account,
            f'{{ unit(code: "{VILLAGE}") {{ id issues(filter: {{state: REPORTED}}) {{ nodes {{ id }} }} }} }}',
        )
        village = found["unit"]
        if account in {"service_group", "county_office"}:
            return await self.ask(account, DISMISS, issue=village["issues"]["nodes"][0]["id"])
        return await self.ask(account, REPORT, unit=village["id"])

    async def follow(self, account: str) -> AsyncGenerator[bytes]:
        principal = await self._service.accounts.principal(account)
        started = await self._service.executor.subscribe(Request(FOLLOW), principal)
        assert isinstance(started, Subscription)
        return frames(started)

    async def end_posting(self, cadre: str) -> None:
        await self._service.database.pool.execute(
            "update posting set valid_to = now() from cadre where cadre_id = cadre.id and code = $1", cadre
        )


@pytest.fixture
async def town(database_url: str, world: World) -> AsyncIterator[Town]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        yield Town(service)


def people(answer: Any) -> list[tuple[str, str | None]]:
    """Every cadre in the answer, with the telephone."""
    if isinstance(answer, list):
        return [one for item in answer for one in people(item)]
    if not isinstance(answer, dict):
        return []
    if "phone" in answer:
        return [(answer["code"], answer["phone"])]
    return people(list(answer.values()))


def check(account: str, answer: Any, open_to: set[str]) -> None:
    found = people(answer)
    assert {code for code, _ in found} == EVERYBODY
    for code, phone in found:
        assert phone == (f"phone of {code}" if code in open_to else None), (account, code)


CHANGERS = [account for account in OPEN if account != "portal"]


async def test_a_change_answers_with_the_telephones_that_are_open_to_whoever_makes_it(town: Town) -> None:
    for account in CHANGERS:
        check(account, await town.change(account), OPEN[account])
    # Who no longer serves there is still seen to have served.
    await town.end_posting("guest")
    for account in CHANGERS:
        closed = {"guest"} if account == "county_office" else set()
        check(account, await town.change(account), OPEN[account] - closed)


async def test_a_subscription_says_the_telephones_that_are_open_to_whoever_follows(town: Town) -> None:
    async with AsyncExitStack() as stack:
        followed = {
            account: await stack.enter_async_context(aclosing(await town.follow(account))) for account in OPEN
        }

        async def check_next(without: set[str]) -> None:
            for account, stream in followed.items():
                async with asyncio.timeout(20):
                    answer = parse(await anext(stream))
                closed = without if account == "county_office" else set()
                check(account, answer, OPEN[account] - closed)

        await town.change("finder")
        await check_next(set())
        await town.end_posting("guest")
        await town.change("finder")
        await check_next({"guest"})
