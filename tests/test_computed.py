"""Computed fields answer wherever they stand, in one statement, and no text of a user can pass for one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.conftest import World
from tests.following import frames
from tests.reference.agreement import parse

from lxbc_graph.app import Service, open_service, running
from lxbc_graph.domain.machine import AssignmentFacts
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.read.catalogue import Computed
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

VILLAGE = "411024104226"
WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", VILLAGE)],
    "categories": [{"code": "A"}],
    "accounts": [
        {"name": "office", "postings": [{"role": "county_office", "unit": "411024"}]},
        {"name": "portal", "postings": [{"role": "portal", "unit": "411024"}]},
        {"name": "official", "postings": [{"role": "village_official", "unit": VILLAGE}]},
    ],
    "issues": [{"number": "1", "unit": VILLAGE}, {"number": "2", "unit": VILLAGE, "state": "ASSIGNED"}],
}
SPOOF = '\x010:[[],["issue:judge"]]\x02'
REPORT = """
mutation($unit: ID!, $title: String!) {
  reportIssue(input: {unitId: $unit, title: $title, description: $title, source: VISIT}) {
    issue { title viewerActions }
  }
}
"""
MAY = "viewerActions assignments { nodes { viewerActions } }"


class Town:
    """The service, asked by its accounts."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def request(self, account: str, text: str, **variables: Any) -> Any:
        principal = await self.service.accounts.principal(account)
        return (await self.service.executor.execute(Request(text, variables=variables), principal)).body

    async def ask(self, account: str, text: str, **variables: Any) -> Any:
        answer = parse(await self.request(account, text, **variables))
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
async def town(database_url: str, world: World) -> AsyncIterator[Town]:
    await world(WORLD)
    async with open_service(Settings(database_url=database_url)) as service, running(service):
        yield Town(service)


@pytest.mark.parametrize("account", ["office", "portal", "official"])
async def test_a_computed_field_is_the_same_by_every_way(town: Town, account: str) -> None:
    data = await town.ask(
        account,
        f"""
        {{
          issues(first: 9, orderBy: {{field: NUMBER}}) {{ nodes {{ id {MAY} }} edges {{ node {{ {MAY} }} }} }}
          unit(code: "{VILLAGE}") {{ issues(first: 9, orderBy: {{field: NUMBER}}) {{ nodes {{ {MAY} }} }} }}
          assignments(first: 9) {{ nodes {{ viewerActions issue {{ {MAY} }} }} }}
          node(id: "Issue:1") {{ ... on Issue {{ {MAY} again: viewerActions }} }}
          nodes(ids: ["Issue:2", "Issue:1"]) {{ ... on Issue {{ {MAY} }} }}
        }}
        """,
    )
    ids = [one.pop("id") for one in data["issues"]["nodes"]]
    assert ids == ["Issue:1", "Issue:2"]
    reported, assigned = data["issues"]["nodes"]
    assert [edge["node"] for edge in data["issues"]["edges"]] == [reported, assigned]
    assert data["unit"]["issues"]["nodes"] == [reported, assigned]
    assert data["node"] == {**reported, "again": reported["viewerActions"]}
    assert data["nodes"] == [assigned, reported]
    shares = data["assignments"]["nodes"]
    assert [{"viewerActions": one["viewerActions"]} for one in shares] == assigned["assignments"]["nodes"]
    assert [one["issue"] for one in shares] == [assigned, assigned]
    offered = {"office": ["REQUEST_VERIFICATION", "JUDGE_ISSUE", "MERGE_ISSUE", "TRANSFER_ISSUE"]}
    assert reported["viewerActions"] == offered.get(account, [])


async def test_a_change_and_a_subscription_answer_with_it_too(town: Town) -> None:
    principal = await town.service.accounts.principal("official")
    text = "subscription { issueEvents { event { issue { viewerActions } } } }"
    started = await town.service.executor.subscribe(Request(text), principal)
    assert isinstance(started, Subscription)
    async with aclosing(frames(started)) as stream:
        unit = (await town.ask("official", f'{{ unit(code: "{VILLAGE}") {{ id }} }}'))["unit"]["id"]
        done = await town.ask("official", REPORT, unit=unit, title=SPOOF)
        assert done["reportIssue"]["issue"] == {"title": SPOOF, "viewerActions": ["WITHDRAW_ISSUE"]}
        async with asyncio.timeout(20):
            frame = parse(await anext(stream))
    assert frame["data"]["issueEvents"]["event"]["issue"] == {"viewerActions": ["WITHDRAW_ISSUE"]}
    # In a list beside real ones, a text that looks like one stays a text.
    listed = await town.ask(
        "portal", '{ issues(filter: {search: "issue:judge"}) { nodes { title viewerActions } } }'
    )
    assert listed["issues"]["nodes"] == [{"title": SPOOF, "viewerActions": []}]
    listed = await town.ask(
        "office", '{ issues(filter: {search: "issue:judge"}) { nodes { title viewerActions } } }'
    )
    assert listed["issues"]["nodes"][0]["title"] == SPOOF
    assert "JUDGE_ISSUE" in listed["issues"]["nodes"][0]["viewerActions"]


async def test_no_byte_of_a_span_is_left_in_an_answer(town: Town) -> None:
    body = await town.request("office", f"{{ issues {{ nodes {{ {MAY} }} }} }}")
    assert not {1, 2} & set(body)
    assert b"settings" not in body


async def test_what_it_asks_of_the_policy_is_explained(town: Town) -> None:
    principal = await town.service.accounts.principal("office")
    assert principal is not None
    text = town.service.executor.explain(Request("{ issues { nodes { viewerActions } } }"), principal)
    assert "viewerActions: computed viewerActions" in text
    assert "p, county_office, issue:judge, SUBTREE" in text
    assert "no row grants issue:withdraw to county_office" in text


def test_what_a_computed_field_asks_is_asked_by_a_row_rule_of_its_own_table() -> None:
    fields = {
        entity.table: field
        for entity in CATALOGUE.entities.values()
        for field in entity.fields.values()
        if isinstance(field, Computed)
    }
    assert fields.keys() == {"issue", "assignment"}
    assert fields["assignment"].rows is not CATALOGUE["Assignment"].rows, "whose it is, not who reads it"


async def test_what_parties_wrote_does_not_travel_for_it(town: Town) -> None:
    """A plan may be three hundred kilobytes, and a page of issues with their shares asks for it two hundred times."""
    texts = ("measure", "feedback", "return_reason", "plan")
    assert set(texts) < set(AssignmentFacts._fields)
    for account in ("office", "official"):
        principal = await town.service.accounts.principal(account)
        assert principal is not None
        sent = town.service.executor.explain(Request(f"{{ issues {{ nodes {{ {MAY} }} }} }}"), principal)
        assert "fa.plan_state" in sent
        assert not [name for name in texts if f"fa.{name}," in sent or f"fa.{name})" in sent]
