"""Why an account may do something to an object, or what is missing: as commands and lists find it, case by case."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import World
from tests.reference.agreement import parse
from tests.test_policy import CASES, ENFORCER, THING, everything, listed, load_case, read_case, thing_of

from lxbc_graph.app import Service, open_service
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.scope import scope_of
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Request
from lxbc_graph.schema.explain_access import rules_of
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

ASK = """query($id: ID!, $action: String!) {
  explainAccess(id: $id, action: $action) {
    allowed
    grants { row { role action scope } posting unit reaches }
    required { role action scope }
  }
}"""


class Asker:
    """The service, asked by its accounts."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def ask(self, account: str, id_: str, action: str, text: str = ASK) -> bytes:
        principal = await self.service.accounts.principal(account)
        request = Request(text, variables={"id": id_, "action": action})
        return (await self.service.executor.execute(request, principal)).body

    async def told(self, account: str, id_: str, action: str) -> Any:
        answer = parse(await self.ask(account, id_, action))
        assert list(answer) == ["data"], answer
        return answer["data"]["explainAccess"]


@pytest.fixture
async def asker(database_url: str) -> AsyncIterator[Asker]:
    async with open_service(Settings(database_url=database_url)) as service:
        yield Asker(service)


HIDDEN_OR_UNKNOWN = b'{"data":{"explainAccess":null}}'


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
async def test_it_says_of_every_object_of_the_cases_what_they_say(path: Path, asker: Asker) -> None:
    case = read_case(path)
    await load_case(asker.service.database, case)
    pool = asker.service.database.pool
    things = {thing: await everything(pool, thing) for thing in THING}
    for name, actions in case["asks"].items():
        principal = await asker.service.accounts.principal(name)
        assert principal is not None
        postings = {f"Posting:{posting.id}" for posting in principal.postings}
        for action, wanted in ((Action(word), wanted) for word, wanted in actions.items()):
            thing = thing_of(action)
            type_ = "".join(map(str.capitalize, thing.split("_")))
            entity = CATALOGUE[type_]
            assert entity.requires is not None
            seen = await listed(pool, thing, entity.rows, scope_of(ENFORCER, principal, entity.requires))
            for key, number in things[thing].items():
                found = await asker.told(name, f"{type_}:{number}", action)
                assert (found is None) is (key not in seen), (name, action, key)
                if found is None:
                    # A screen counts issues that are not there for it.
                    assert key not in wanted["list"] or action is Action.METRICS_READ
                    continue
                assert found["allowed"] is (key in wanted["list"]), (name, action, key)
                assert found["allowed"] is any(grant["reaches"] for grant in found["grants"])
                assert {grant["posting"] for grant in found["grants"]} <= postings
                rows = {_written(grant["row"]) for grant in found["grants"]}
                assert rows == {
                    row for row in ENFORCER.rows if row[0] in _roles(principal) and row[1] == action
                }
                required = {_written(row) for row in found["required"]}
                every = {row for row in ENFORCER.rows if row[1] == action}
                assert required == (set() if found["allowed"] else every)


def _written(row: Any) -> tuple[str, ...]:
    return row["role"].lower(), row["action"], row["scope"]


def _roles(principal: Any) -> set[str]:
    return {posting.role.value for posting in principal.postings}


async def test_it_names_the_posting_that_allows_and_those_that_do_not_reach(
    asker: Asker, world: World
) -> None:
    await world(
        {
            "units": [{"code": code} for code in ("4110", "411024", "411024104", "411082")],
            "cadres": [{"code": "finder", "unit": "4110"}],
            "accounts": [
                {
                    "name": "both",
                    "postings": [
                        {"role": "county_office", "unit": "411082"},
                        {"role": "county_office", "unit": "411024"},
                        {"role": "portal", "unit": "411024"},
                    ],
                }
            ],
            "issues": [{"unit": "411024104", "finder": "finder"}],
        }
    )
    row = {"role": "COUNTY_OFFICE", "action": "issue:judge", "scope": "SUBTREE"}
    assert await asker.told("both", "Issue:1", "issue:judge") == {
        "allowed": True,
        "grants": [
            {"row": row, "posting": "Posting:1", "unit": "411082", "reaches": False},
            {"row": row, "posting": "Posting:2", "unit": "411024", "reaches": True},
        ],
        "required": [],
    }
    merely = await asker.told("both", "Issue:1", "issue:look_back_cadre")
    assert merely == {
        "allowed": False,
        "grants": [],
        "required": [{"role": "CADRE", "action": "issue:look_back_cadre", "scope": "UNIT"}],
    }


WORLD: dict[str, Any] = {
    "units": [{"code": code} for code in ("4110", "411024", "411082")],
    "cadres": [{"code": "finder", "unit": "411082"}],
    "accounts": [
        {"name": "office", "postings": [{"role": "county_office", "unit": "411024"}]},
        {"name": "admin", "postings": [{"role": "admin", "unit": "4110"}]},
    ],
    "issues": [
        {
            "unit": "411082",
            "finder": "finder",
            "state": "ASSIGNED",
        }
    ],
}


def _questions() -> Iterator[tuple[str, Action]]:
    for entity in CATALOGUE.entities.values():
        if entity.node is not None and entity.discriminator is None:
            for action in rules_of(entity):
                yield entity.name, action


async def test_what_is_hidden_is_answered_as_what_there_is_not(asker: Asker, world: World) -> None:
    await world(WORLD)
    # Units and issues beyond the border, and everything to who sees nothing.
    hidden = [("office", "Unit:3"), ("office", "Issue:1"), ("office", "Assignment:1"), ("office", "Cadre:1")]
    hidden += [("admin", f"{name}:1") for name in {name for name, _ in _questions()}]
    for account, id_ in hidden:
        name = id_.partition(":")[0]
        for action in (action for asked, action in _questions() if asked == name):
            for other in (id_, f"{name}:999", f"{name}:0", f"{name}:x", "Nothing:1", ""):
                assert await asker.ask(account, other, action) == HIDDEN_OR_UNKNOWN


async def test_every_action_can_be_explained_of_something() -> None:
    assert {action for _, action in _questions()} == set(Action)


@pytest.mark.parametrize(
    ("id_", "action"),
    [("Issue:1", "issue:eat"), ("Issue:1", ""), ("Issue:1", "\ud800" * 9), ("Unit:3", "issue:judge")],
)
async def test_an_action_that_there_is_not_is_refused_whatever_it_is_asked_of(
    asker: Asker, world: World, id_: str, action: str
) -> None:
    await world(WORLD)
    asked = "viewer { account } explainAccess(id: $id, action: $action) { allowed }"
    text = f"query($id: ID!, $action: String!) {{ {asked} }}"
    answers = [await asker.ask("office", one, action, text) for one in (id_, id_.partition(":")[0] + ":999")]
    assert answers[0] == answers[1]
    answer = parse(answers[0])
    # One field that fails does not take the others along.
    assert answer["data"] == {"viewer": {"account": "office"}, "explainAccess": None}
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", ["explainAccess"])


async def test_it_is_asked_by_somebody_and_not_without_end(asker: Asker, world: World) -> None:
    await world(WORLD)
    request = Request(ASK, variables={"id": "Unit:1", "action": "unit:read"})
    response = await asker.service.executor.execute(request, None)
    assert parse(response.body)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    aliases = " ".join(
        f'a{place}: explainAccess(id: "Unit:1", action: "unit:read") {{ allowed }}' for place in range(11)
    )
    principal = await asker.service.accounts.principal("office")
    response = await asker.service.executor.execute(Request(f"{{ {aliases} }}"), principal)
    assert parse(response.body)["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
