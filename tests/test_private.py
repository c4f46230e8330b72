"""Private fields in what a change answers and a subscription says: as in any other read, withheld and told."""

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
        return answer

    async def refused(self, account: str, text: str) -> list[str]:
        """Ask for a root field that is refused whole, and return the codes."""
        principal = await self._service.accounts.principal(account)
        answer = parse((await self._service.executor.execute(Request(text), principal)).body)
        assert not any((answer["data"] or {}).values())
        return [error["extensions"]["code"] for error in answer["errors"]]

    async def change(self, account: str) -> Any:
        """Report an issue, or judge one where that is what the account may do."""
        found = await self.ask(
            account,
            f'{{ unit(code: "{VILLAGE}") {{ id issues(filter: {{state: REPORTED}}) {{ nodes {{ id }} }} }} }}',
        )
        village = found["data"]["unit"]
        if account in {"service_group", "county_office"}:
            return await self.ask(account, DISMISS, issue=village["issues"]["nodes"][0]["id"])
        return await self.ask(account, REPORT, unit=village["id"])

    async def noted(self, account: str) -> list[str]:
        """The kinds of what the audit says of the account."""
        rows = await self._service.database.pool.fetch(
            "select kind from audit_event where account_name = $1 order by id", account
        )
        return [row["kind"] for row in rows]

    async def follow(self, account: str) -> AsyncGenerator[bytes]:
        principal = await self._service.accounts.principal(account)
        started = await self._service.executor.subscribe(Request(FOLLOW), principal)
        assert isinstance(started, Subscription)
        return frames(started)

    async def forget_phone(self, cadre: str) -> None:
        await self._service.database.pool.execute("update cadre set phone = null where code = $1", cadre)

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


def nulls(value: Any, *path: str | int) -> list[tuple[str | int, ...]]:
    """Where a telephone is null."""
    if isinstance(value, list):
        return [one for place, item in enumerate(value) for one in nulls(item, *path, place)]
    if not isinstance(value, dict):
        return []
    below = [one for key, item in value.items() for one in nulls(item, *path, key)]
    return [(*path, "phone"), *below] if value.get("phone", "") is None else below


def check(account: str, answer: Any, open_to: set[str]) -> None:
    found = people(answer["data"])
    withheld = [{"path": [*path], "action": "cadre:private"} for path in nulls(answer["data"])]
    told = {"withheld": withheld, "withheldCount": len(withheld)}
    assert answer.get("extensions") == (told if withheld else None)
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


PHONES = "{ cadres { nodes { code phone } } }"


async def test_a_telephone_that_nobody_has_is_null_and_not_withheld(town: Town) -> None:
    await town.forget_phone("local")
    answer = await town.ask("city_office", PHONES)
    assert {one["code"]: one["phone"] for one in answer["data"]["cadres"]["nodes"]}["local"] is None
    assert list(answer) == ["data"]
    # To whom it is closed, it makes no difference.
    closed = await town.ask("portal", PHONES)
    assert closed["extensions"]["withheldCount"] == len(closed["data"]["cadres"]["nodes"]) == 4


async def test_no_more_than_a_hundred_places_are_told_and_how_many_there_are(town: Town) -> None:
    aliases = " ".join(f"a{place}: cadres {{ nodes {{ phone }} }}" for place in range(30))
    answer = await town.ask("portal", f"{{ {aliases} }}")
    assert answer["extensions"]["withheldCount"] == 120
    assert len(answer["extensions"]["withheld"]) == 100
    assert answer["extensions"]["withheld"][99] == {
        "path": ["a24", "nodes", 3, "phone"],
        "action": "cadre:private",
    }


async def test_a_document_with_more_than_rows_tells_it_too(town: Town) -> None:
    answer = await town.ask("portal", "{ eventCursor who: cadres(first: 1) { edges { node { p: phone } } } }")
    assert answer["data"]["who"]["edges"] == [{"node": {"p": None}}]
    assert answer["extensions"]["withheld"] == [
        {"path": ["who", "edges", 0, "node", "p"], "action": "cadre:private"}
    ]


BY_PHONE = '{ cadres(filter: {phone: ["phone of guest", "phone of gone"]}) { totalCount nodes { code } } }'


async def test_a_filter_by_telephone_finds_those_that_may_be_read_and_is_refused_to_others(
    town: Town,
) -> None:
    for account, found in (
        ("city_office", ["gone", "guest"]),
        ("county_office", ["guest"]),
        ("finder", []),
    ):
        answer = await town.ask(account, BY_PHONE)
        assert [one["code"] for one in answer["data"]["cadres"]["nodes"]] == found
        assert answer["data"]["cadres"]["totalCount"] == len(found)
    for account in ("service_group", "township_office", "village_official", "portal"):
        assert await town.refused(account, BY_PHONE) == ["FORBIDDEN"]
        # Neither where it finds nobody, nor where it stands below what is not there.
        assert await town.refused(account, BY_PHONE.replace("guest", "nobody")) == ["FORBIDDEN"]
        below = '{ unit(code: "9999") { cadres(filter: {phone: ["1"]}) { totalCount } } }'
        assert await town.refused(account, below) == ["FORBIDDEN"]
        assert await town.noted(account) == ["READ_REFUSED"], (
            "once an hour: who asks on and on fills no table"
        )


VILLAGER = """
mutation($unit: ID!) {
  reportIssue(input: {
    unitId: $unit, title: "题", description: "文", source: VISIT, villagerName: "周小胜", villagerPhone: "13800000000"
  }) { issue { id villagerName villagerPhone } errors { code } }
}
"""


async def test_a_villager_is_told_to_who_is_to_meet_them(town: Town) -> None:
    found = await town.ask("finder", f'{{ unit(code: "{VILLAGE}") {{ id }} }}')
    answer = await town.ask("finder", VILLAGER, unit=found["data"]["unit"]["id"])
    told = answer["data"]["reportIssue"]["issue"]
    named = {"villagerName": "周小胜", "villagerPhone": "13800000000"}
    assert told == {"id": told["id"], **named}
    assert list(answer) == ["data"]
    for account in ("finder", "city_office", "county_office", "township_office"):
        answer = await town.ask(account, NODE, id=told["id"])
        assert answer["data"]["node"] == named
    for account in ("village_official", "service_group", "portal"):
        answer = await town.ask(account, NODE, id=told["id"])
        assert answer["data"]["node"] == dict.fromkeys(named)
        assert answer["extensions"]["withheld"] == [
            {"path": ["node", field], "action": "issue:private"} for field in named
        ]


NODE = "query($id: ID!) { node(id: $id) { ... on Issue { villagerName villagerPhone } } }"
