"""Figures name the issues that they count, and yesterday's can be had today."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.reference.served import executor_on

from lxbc_graph.domain.metrics import METRICS
from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Complexity, IssueState, Role, Satisfaction
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database
from lxbc_graph.write import Commands, JudgeIssue, LookBack, ReopenIssue, SendBack

pytestmark = pytest.mark.anyio

FIGURES = " ".join(f"{name} {{ numerator denominator filter numeratorFilter }}" for name in METRICS)
START = datetime(2021, 10, 11, tzinfo=UTC)
WORLD = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226", "411082")],
    "categories": [{"code": "A"}],
    "accounts": [{"name": "city", "postings": [{"role": "city_office", "unit": "4110"}]}],
    "issues": [
        {"unit": unit, "state": state.value, "reported_at": "2021-08-02"}
        for unit in ("411024104226", "411024", "411082")
        for state in IssueState
    ],
}


class Office:
    """The city's office, which may do most things, at a time of its choosing."""

    def __init__(
        self, database: Database, executor: Executor, city_id: int, account_id: int, posting_id: int
    ) -> None:
        posting = Posting(posting_id, Role.CITY_OFFICE, Path(city_id))
        self._principal = Principal(account_id, "city", "city", city_id, None, (posting,))
        self._executor = executor
        self.now = START
        self._commands = Commands(database, Enforcer(POLICIES), lambda: None, lambda: self.now)

    async def ask(self, query: str, **variables: Any) -> Any:
        response = await self._executor.execute(Request(query, variables=variables), self._principal)
        answer = orjson.loads(response.body)
        assert "errors" not in answer, answer
        return answer["data"]

    async def do(self, command: Any) -> bool:
        return not (await self._commands.execute(command, principal=self._principal)).errors

    async def figures(self, at: datetime | None = None) -> dict[str, Any]:
        data = await self.ask(
            f"query($at: DateTime) {{ units {{ nodes {{ code metrics(asOf: $at) {{ {FIGURES} }} }} }} }}",
            at=at and at.isoformat(),
        )
        return {
            node["code"]: {
                name: (metric["numerator"], metric["denominator"]) for name, metric in node["metrics"].items()
            }
            for node in data["units"]["nodes"]
        }


@pytest.fixture
async def office(database: Database, world: Any) -> Office:
    await world(WORLD)
    account_id, city_id, posting_id = (
        await database.pool.fetch(
            "select a.id, a.city_id, p.id from account a join posting p on p.account_id = a.id"
        )
    )[0]
    return Office(database, await executor_on(database), city_id, account_id, posting_id)


@pytest.mark.parametrize("at", [None, START - timedelta(days=60)])
async def test_each_figure_names_the_issues_that_it_counts(office: Office, at: datetime | None) -> None:
    period = {"from": "2021-08-01T00:00:00+08:00", "to": "2021-08-04T12:00:00+08:00"}
    data = await office.ask(
        "query($period: DateTimeRange, $at: DateTime) {"
        f" units {{ nodes {{ all: metrics(asOf: $at) {{ {FIGURES} }}"
        f" some: metrics(period: $period, asOf: $at) {{ {FIGURES} }} }} }} }}",
        period=period,
        at=at and at.isoformat(),
    )
    counted = 0
    for node in data["units"]["nodes"]:
        for metric in [*node["all"].values(), *node["some"].values()]:
            for part, filter_ in (("numerator", "numeratorFilter"), ("denominator", "filter")):
                listed = await office.ask(
                    "query($filter: IssueFilter) { issues(filter: $filter) { totalCount } }",
                    filter=metric[filter_],
                )
                assert listed["issues"]["totalCount"] == metric[part], metric
                counted += metric[part]
    assert counted > 0


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.tuples(st.integers(0, 26), st.integers(0, 3)), min_size=3, max_size=10))
async def test_a_figure_of_yesterday_is_what_it_was(office: Office, choices: list[tuple[int, int]]) -> None:
    nodes = await office.ask("{ issues { nodes { id } } categories { nodes { id } } }")
    issues = [int(node["id"].partition(":")[2]) for node in nodes["issues"]["nodes"]]
    category = int(nodes["categories"]["nodes"][0]["id"].partition(":")[2])
    seen = []
    for which, verb in choices:
        issue = issues[which % len(issues)]
        office.now += timedelta(hours=7)
        await office.do(
            [
                JudgeIssue(issue, category_id=category, complexity=Complexity.GENERAL),
                SendBack(issue, "不到位"),
                LookBack(
                    issue, Satisfaction.DISSATISFIED if which % 2 else Satisfaction.SATISFIED, reason="回访"
                ),
                ReopenIssue(issue, "反弹"),
            ][verb]
        )
        now = await office.figures()
        for of_unit in now.values():
            del of_unit["overdue"]  # by the clock of the database, which is not this test's
        seen.append((office.now, now))
    for at, then in seen:
        again = await office.figures(at)
        for of_unit in again.values():
            del of_unit["overdue"]
        assert again == then


async def test_what_was_handed_over_and_then_dismissed_counts_in_no_figure(
    office: Office, database: Database
) -> None:
    """No command does it yet, but an issue may be withdrawn late; N is what was handed over and not dismissed."""
    before = await office.figures()
    dismissed_at = START + timedelta(hours=1)
    await database.pool.execute(
        """
        with gone as (
          update issue set state = 'DISMISSED', dismissal = 'WITHDRAWN' from unit
          where unit.id = issue.unit_id and unit.code = '411024' and state = 'RECTIFIED' returning issue.*
        )
        insert into event (issue_id, kind, from_state, to_state, actor_name, at, unit_id, city_id, county_id)
        select id, 'JUDGED', 'RECTIFIED', 'DISMISSED', '活动办', $1, unit_id, city_id, county_id from gone
        """,
        dismissed_at,
    )
    after = await office.figures()
    numerators = {"rectificationRate": 1, "handOverRate": 1}
    for code, figures in before.items():
        gone = code in {"4110", "411024"}
        for name, (numerator, denominator) in figures.items():
            lost = (numerators.get(name, 0) * gone, (name != "satisfied") * gone)
            assert after[code][name] == (numerator - lost[0], denominator - lost[1]), (code, name)
    for at, expected in ((dismissed_at - timedelta(seconds=1), before), (dismissed_at, after)):
        then = await office.figures(at)
        for code, figures in expected.items():
            assert then[code]["rectificationRate"] == figures["rectificationRate"]
            assert then[code]["handOverRate"] == figures["handOverRate"]
