"""The documents of ``schema/operations/``: each is served to whom it is for, and costs what stands beside it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse
from tests.conftest import fresh_database
from tests.test_read_cases import ROOT as CASES

from lxbc_graph.app import Service, open_service
from lxbc_graph.demo.world import load
from lxbc_graph.live.subscription import Subscription
from lxbc_graph.schema.execute import Request
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent.parent / "schema" / "operations"
COSTS: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "costs.yaml").read_text("utf-8"))
TEXTS = {
    file.relative_to(FOLDER).with_suffix("").as_posix(): file.read_text("utf-8")
    for file in sorted(FOLDER.rglob("*.graphql"))
}


@pytest.fixture(scope="module")
async def service(server_url: str, template: str) -> AsyncIterator[Service]:
    async with (
        fresh_database(server_url, template) as url,
        open_service(Settings(database_url=url, pool_size=2)) as opened,
    ):
        await load(opened.database, json.loads((CASES / "world.json").read_text()))
        yield opened


def test_every_operation_has_its_cost_and_names_of_its_own() -> None:
    assert set(TEXTS) == set(COSTS)
    names = [
        definition.name.value
        for text in TEXTS.values()
        for definition in parse(text).definitions
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode) and definition.name
    ]
    assert len(names) == len(set(names)), "a client takes all of them together"


@pytest.mark.parametrize("name", TEXTS)
async def test_an_operation_is_served_and_costs_what_stands_beside_it(name: str, service: Service) -> None:
    text, beside = TEXTS[name], COSTS[name]
    principal = await service.accounts.principal(beside["as"])
    assert principal is not None
    pool = service.database.pool
    ids = {
        "issue": await pool.fetchval("select 'Issue:' || id from issue where title = '机井损坏' order by id"),
        "unit": await pool.fetchval("select 'Unit:' || id from unit where code = '411024104226'"),
    }
    variables = json.loads(Template(json.dumps(beside["variables"], default=str)).safe_substitute(ids))
    request = Request(text, variables=variables, extensions={"cost": True})
    if "\nsubscription " in text:
        assert isinstance(await service.executor.subscribe(request, principal), Subscription)
        operation = service.executor.documents.operation(text, None)
        assert operation.cost.of(operation.variables(variables)) == beside["cost"]
        return
    answer = json.loads((await service.executor.execute(request, principal)).body)
    assert "errors" not in answer, answer
    assert all(answer["data"].values()), answer
    assert answer["extensions"]["cost"] == {"cost": beside["cost"], "limit": 10_000}
