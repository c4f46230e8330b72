"""The main job, end to end: a scoped hierarchy, an issue that moves, a screen that sees it move."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from tests.following import frames

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.domain.principal import Principal
from lxbc_graph.schema.execute import Request, Response
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

WORLD = {
    "units": [
        {"code": code}
        for code in ("4110", "411024", "411024104", "411024104226", "411082", "411082100", "411082100001")
    ]
    + [{"code": code} for code in ("5101", "510104", "510104001", "510104001001")],
    "departments": [{"code": "411024-water", "unit": "411024"}, {"code": "411082-water", "unit": "411082"}],
    "cadres": [
        {"code": "finder", "postings": [{"role": "cadre", "unit": "411024104226"}]},
        {"code": "looker", "postings": [{"role": "cadre", "unit": "411024104226"}]},
        {"code": "worker", "unit": "411024104"},
    ],
    "accounts": [
        {"name": "finder", "cadre": "finder"},
        {"name": "looker", "cadre": "looker"},
        {"name": "office", "postings": [{"role": "county_office", "unit": "411024"}]},
        {"name": "other_office", "postings": [{"role": "county_office", "unit": "411082"}]},
        {"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]},
        {"name": "other_city", "postings": [{"role": "city_office", "unit": "5101"}]},
        {"name": "township", "postings": [{"role": "township_office", "unit": "411024104"}]},
        {"name": "water", "postings": [{"role": "department", "department": "411024-water"}]},
        {"name": "portal", "postings": [{"role": "portal", "unit": "411024"}]},
    ],
    "categories": [{"code": "A", "city": "4110"}, {"code": "A", "city": "5101"}],
}


class Client:
    """One account at one service."""

    def __init__(self, service: Service, principal: Principal) -> None:
        self._service = service
        self._principal = principal

    async def __call__(self, query: str, **variables: Any) -> dict[str, Any]:
        response = await self._service.executor.execute(Request(query, variables=variables), self._principal)
        answer: dict[str, Any] = orjson.loads(response.body)
        assert response.ok, answer
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def do(self, mutation: str, **given: Any) -> dict[str, Any]:
        type_ = f"{mutation[0].upper()}{mutation[1:]}Input!"
        selection = (
            "issue { id state version dueAt assignments { nodes { id kind state } } } errors { code field }"
        )
        data = await self(
            f"mutation($input: {type_}) {{ {mutation}(input: $input) {{ {selection} }} }}", input=given
        )
        payload: dict[str, Any] = data[mutation]
        return payload

    async def follow(self, after: str | None = None, extra: str = "") -> AsyncIterator[bytes]:
        query = (
            "subscription($after: String) { issueEvents(after: $after) { cursor event { kind fromState toState"
            f" actorName issue {{ id state version }} {extra} }} }} }}"
        )
        stream = await self._service.executor.subscribe(
            Request(query, variables={"after": after}), self._principal
        )
        assert not isinstance(stream, Response), stream.body
        return frames(stream)


@asynccontextmanager
async def clients(database_url: str) -> AsyncIterator[Any]:
    async with open_service(Settings(database_url=database_url)) as service, running(service):

        async def as_(name: str) -> Client:
            principal = await service.accounts.principal(name)
            assert principal is not None, name
            return Client(service, principal)

        yield as_


async def next_event(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    frame = await asyncio.wait_for(anext(stream), 10)
    payload: dict[str, Any] = orjson.loads(bytes(frame))["data"]["issueEvents"]
    return payload


async def test_an_issue_lives_and_a_portal_sees_every_step_of_it(database_url: str, world: Any) -> None:
    await world(WORLD)
    async with clients(database_url) as as_:
        finder, looker, office = await as_("finder"), await as_("looker"), await as_("office")
        township, water, portal = await as_("township"), await as_("water"), await as_("portal")
        stream = await portal.follow()

        data = await finder('{ unit(code: "411024104226") { id } categories { nodes { id } } }')
        unit, category = data["unit"]["id"], data["categories"]["nodes"][0]["id"]
        made = await finder.do(
            "reportIssue", unitId=unit, title="机井损坏", description="无法灌溉", source="VISIT"
        )
        assert made["errors"] == []
        issue = made["issue"]["id"]
        assert made["issue"]["state"] == "REPORTED"

        judged = await office.do("judgeIssue", issueId=issue, categoryId=category, complexity="GENERAL")
        assert judged["issue"]["state"] == "ACCEPTED"
        data = await office(
            '{ unit(code: "411024104") { id } departments { nodes { id } }'
            ' cadres(filter: {search: "worker"}) { nodes { id } } }'
        )
        handed = await office.do(
            "assignIssue",
            issueId=issue,
            parties=[
                {"kind": "TERRITORIAL", "unitId": data["unit"]["id"]},
                {"kind": "DEPARTMENT", "departmentId": data["departments"]["nodes"][0]["id"]},
            ],
        )
        assert (handed["issue"]["state"], handed["errors"]) == ("ASSIGNED", [])
        assert handed["issue"]["dueAt"].endswith("15:59:59+00:00")  # 23:59:59 in Shanghai
        own = {node["kind"]: node["id"] for node in handed["issue"]["assignments"]["nodes"]}
        worker = data["cadres"]["nodes"][0]["id"]

        for party, kind in ((township, "TERRITORIAL"), (water, "DEPARTMENT")):
            accepted = await party.do("acceptAssignment", assignmentId=own[kind], responsibleId=worker)
            assert (accepted["issue"]["state"], accepted["errors"]) == ("RECTIFYING", [])
        progress = await township.do("reportProgress", assignmentId=own["TERRITORIAL"], text="已联系厂家")
        assert progress["errors"] == []
        first = await township.do("submitFeedback", assignmentId=own["TERRITORIAL"], text="已修复")
        assert first["issue"]["state"] == "RECTIFYING", "one party alone does not advance the issue"
        second = await water.do("submitFeedback", assignmentId=own["DEPARTMENT"], text="已验收")
        assert second["issue"]["state"] == "FEEDBACK"
        inspected = await office.do("inspectIssue", issueId=issue, level="OFFICE", passed=True)
        assert inspected["issue"]["state"] == "RECTIFIED"
        closed = await looker.do("lookBack", issueId=issue, satisfaction="SATISFIED")
        assert (closed["issue"]["state"], closed["errors"]) == ("CLOSED", [])
        reopened = await office.do("reopenIssue", issueId=issue, reason="又坏了")
        assert reopened["issue"]["state"] == "RECTIFYING"

        seen = [await next_event(stream) for _ in range(11)]
        assert [one["event"]["toState"] for one in seen] == [
            "REPORTED",
            "ACCEPTED",
            "ASSIGNED",
            "RECTIFYING",
            "RECTIFYING",
            "RECTIFYING",
            "RECTIFYING",
            "FEEDBACK",
            "RECTIFIED",
            "CLOSED",
            "RECTIFYING",
        ]
        assert {one["event"]["issue"]["id"] for one in seen} == {issue}

        def step(one: Any) -> tuple[str, str, str]:
            return tuple(one["event"][name] for name in ("kind", "fromState", "toState"))

        again = await portal.follow(after=seen[4]["cursor"])
        replayed = [await next_event(again) for _ in range(6)]
        assert list(map(step, replayed)) == list(map(step, seen[5:]))


async def test_another_county_and_another_city_see_nothing_of_it(database_url: str, world: Any) -> None:
    await world(WORLD)
    async with clients(database_url) as as_:
        finder, city = await as_("finder"), await as_("city")
        other_office, other_city = await as_("other_office"), await as_("other_city")
        streams = [await one.follow() for one in (city, other_office, other_city)]
        unit = (await finder('{ unit(code: "411024104226") { id } }'))["unit"]["id"]
        made = await finder.do("reportIssue", unitId=unit, title="一", description="二", source="VISIT")
        issue = made["issue"]["id"]
        own = (await other_city('{ unit(code: "510104001001") { id } }'))["unit"]["id"]
        assert (await next_event(streams[0]))["event"]["issue"]["id"] == issue

        for other in (other_office, other_city):
            data = await other(
                "query($id: ID!, $unit: ID!) { issue: node(id: $id) { id } unit: node(id: $unit) { id }"
                ' code: unit(code: "411024") { id } nodes(ids: [$id, $unit]) { id } issues { totalCount }'
                ' events { totalCount } units(filter: {unit: "411024"}) { totalCount } }',
                id=issue,
                unit=unit,
            )
            assert data["issue"] is data["unit"] is data["code"] is None
            assert data["nodes"] == [None, None]
            assert [data[name]["totalCount"] for name in ("issues", "events", "units")] == [0, 0, 0]
            for hidden in (issue, "Issue:999999", "nonsense"):
                refused = await other.do("reopenIssue", issueId=hidden, reason="x")
                assert refused == {"issue": None, "errors": [{"code": "NOT_FOUND", "field": ["issueId"]}]}

        # What is seen first by the other city is its own: the foreign event before it was passed over in silence.
        await other_city.do("reportIssue", unitId=own, title="三", description="四", source="VISIT")
        event = await next_event(streams[2])
        assert event["event"]["issue"]["id"] != issue


async def test_a_mutation_is_refused_as_data_and_repeats_do_nothing(database_url: str, world: Any) -> None:
    await world(WORLD)
    async with clients(database_url) as as_:
        finder, portal, office = await as_("finder"), await as_("portal"), await as_("office")
        unit = (await finder('{ unit(code: "411024104226") { id } }'))["unit"]["id"]
        given = {"unitId": unit, "title": "一", "description": "二", "source": "VISIT", "idempotencyKey": "k"}
        first, repeat = await finder.do("reportIssue", **given), await finder.do("reportIssue", **given)
        assert first == repeat
        assert (await finder("{ issues { totalCount } }"))["issues"]["totalCount"] == 1
        other = await finder.do("reportIssue", **{**given, "title": "别的"})
        assert other["errors"][0]["code"] == "IDEMPOTENCY_MISMATCH"
        issue = first["issue"]["id"]
        refusals = [
            (portal, "reopenIssue", {"issueId": issue, "reason": "x"}, "FORBIDDEN"),
            (office, "reopenIssue", {"issueId": issue, "reason": "x"}, "ILLEGAL_TRANSITION"),
            (office, "reopenIssue", {"issueId": issue, "reason": "x", "expectedVersion": 9}, "CONFLICT"),
            (office, "reopenIssue", {"issueId": issue, "reason": "a\0b"}, "INVALID_INPUT"),
            (office, "reopenIssue", {"issueId": issue, "reason": " "}, "INVALID_INPUT"),
            (
                office,
                "judgeIssue",
                {"issueId": issue, "categoryId": "Category:99", "complexity": "COMPLEX"},
                "NOT_FOUND",
            ),
        ]
        for who, mutation, input_, code in refusals:
            refused = await who.do(mutation, **input_)
            assert (refused["issue"], [error["code"] for error in refused["errors"]]) == (None, [code]), (
                input_
            )
        data = await portal(
            "query($id: ID!) { node(id: $id) { ... on Issue { version state events { totalCount } } } }",
            id=issue,
        )
        assert data["node"] == {"version": 1, "state": "REPORTED", "events": {"totalCount": 1}}
