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
from lxbc_graph.domain.words import Complexity, InspectionLevel, IssueState, Role, Satisfaction
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.execute import Executor, Request
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    Commands,
    DecideExclusion,
    InspectIssue,
    JudgeIssue,
    LookBack,
    ReopenIssue,
    SendBack,
)

pytestmark = pytest.mark.anyio

FIGURES = " ".join(f"{name} {{ numerator denominator filter numeratorFilter }}" for name in METRICS)
BY_THE_CLOCK = {"overdue", "amber", "red"}
"""Told by the clock of the database, which is not that of these tests."""
START = datetime(2021, 10, 11, tzinfo=UTC)
WORLD = {
    "units": [{"code": code} for code in ("4110", "411024", "411024104", "411024104226", "411082")],
    "categories": [{"code": "A"}],
    "cadres": [{"code": "verifier", "unit": "4110"}],
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


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.tuples(st.integers(0, 26), st.integers(0, 7)), min_size=3, max_size=12))
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
                InspectIssue(issue, InspectionLevel.OFFICE, passed=True),
                LookBack(issue, Satisfaction.DISSATISFIED, exclusion="已迁出"),
                DecideExclusion(issue, approved=True),
                DecideExclusion(issue, approved=False, reason="应计入"),
            ][verb]
        )
        now = await office.figures()
        for of_unit in now.values():
            for name in BY_THE_CLOCK:
                del of_unit[name]
        seen.append((office.now, now))
    for at, then in seen:
        again = await office.figures(at)
        for of_unit in again.values():
            for name in BY_THE_CLOCK:
                del of_unit[name]
        assert again == then


async def test_what_was_handed_over_and_then_dismissed_counts_in_no_figure(
    office: Office, database: Database
) -> None:
    """N is what was handed over and not dismissed, and an issue may be dismissed late: merging does it."""
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
            lost = (numerators.get(name, 0) * gone, (name not in {"satisfied", "excluded"}) * gone)
            assert after[code][name] == (numerator - lost[0], denominator - lost[1]), (code, name)
    for at, expected in ((dismissed_at - timedelta(seconds=1), before), (dismissed_at, after)):
        then = await office.figures(at)
        for code, figures in expected.items():
            assert then[code]["rectificationRate"] == figures["rectificationRate"]
            assert then[code]["handOverRate"] == figures["handOverRate"]


async def _issue_in(database: Database, state: IssueState) -> int:
    sql = "select i.id from issue i join unit u on u.id = i.unit_id where u.code = '411024' and i.state = $1"
    found: int = await database.pool.fetchval(sql, state.value)
    return found


async def test_an_answer_that_is_left_out_is_counted_and_shown(office: Office, database: Database) -> None:
    issue = await _issue_in(database, IssueState.RECTIFIED)

    async def answers() -> tuple[tuple[int, int], tuple[int, int]]:
        of_county = (await office.figures())["411024"]
        return of_county["satisfied"], of_county["excluded"]

    (satisfied, answered), (excluded, given) = await answers()
    assert excluded == 0
    assert given == answered
    assert await office.do(LookBack(issue, Satisfaction.DISSATISFIED, exclusion="已迁出"))
    assert await answers() == ((satisfied, answered + 1), (0, given + 1))
    decided = office.now + timedelta(hours=1)
    office.now = decided
    assert await office.do(DecideExclusion(issue, approved=True))
    assert await answers() == ((satisfied, answered), (1, given + 1))
    # What is worked on again keeps its answer, left out as it is, until somebody asks again.
    office.now += timedelta(hours=1)
    assert await office.do(ReopenIssue(issue, "反弹"))
    await database.pool.execute("update assignment set state = 'FEEDBACK' where issue_id = $1", issue)
    await database.pool.execute("update issue set state = 'FEEDBACK' where id = $1", issue)
    office.now += timedelta(hours=1)
    assert await office.do(InspectIssue(issue, InspectionLevel.OFFICE, passed=True))
    assert await answers() == ((satisfied, answered), (1, given + 1))
    assert await office.do(LookBack(issue, Satisfaction.SATISFIED))
    assert await answers() == ((satisfied + 1, answered + 1), (0, given + 1))
    then = (await office.figures(decided))["411024"]
    assert (then["satisfied"], then["excluded"]) == ((satisfied, answered), (1, given + 1))


async def test_what_was_overdue_stays_so_for_its_time_when_the_due_time_moves(
    office: Office, database: Database
) -> None:
    issue = await _issue_in(database, IssueState.RECTIFYING)
    due_at = await database.pool.fetchval("select due_at from issue where id = $1", issue)
    moments = [due_at + timedelta(days=days) for days in (-1, 1, 10, 20, 40)]

    async def overdue() -> list[int]:
        return [(await office.figures(at))["411024"]["overdue"][0] for at in moments]

    before = await overdue()
    for days, moved_to in ((5, 15), (12, 30)):  # twice: each moment has the due time of its time
        await database.pool.execute(
            """
            with moved as (
              update issue i set due_at = $2 from issue was
              where i.id = $1 and was.id = i.id returning i.*, was.due_at as due_before
            )
            insert into event
              (issue_id, kind, from_state, to_state, actor_name, at, data, unit_id, city_id, county_id)
            select id, 'PLAN_DECIDED', state, state, '活动办', $3,
              jsonb_build_object('dueBefore', due_before), unit_id, city_id, county_id from moved
            """,
            issue,
            due_at + timedelta(days=moved_to),
            due_at + timedelta(days=days),
        )
    # On the first day of the five it was overdue; then its time had been moved to the 15th, later to the 30th.
    assert [one - other for one, other in zip(before, await overdue(), strict=True)] == [0, 0, 1, 1, 0]


async def test_a_light_is_that_of_now_and_so_are_its_figures(office: Office, database: Database) -> None:
    issue = await _issue_in(database, IssueState.RECTIFYING)
    await database.pool.execute("update issue set next_due_at = null")
    for hours, lit in ((-1, "red"), (1, "amber"), (23, "amber"), (25, None)):
        await database.pool.execute(
            "update issue set next_due_at = now() + make_interval(hours => $2) where id = $1", issue, hours
        )
        for at in (None, START):
            figures = (await office.figures(at))["411024"]
            assert {name: figures[name][0] for name in ("red", "amber")} == {
                name: int(name == lit) for name in ("red", "amber")
            }
        for word in ("RED", "AMBER", "GREEN"):
            found = await office.ask(
                "query($light: [Light!]) { issues(filter: {light: $light}) { nodes { id light } } }",
                light=[word],
            )
            there = [node["id"] for node in found["issues"]["nodes"] if node["light"] == word]
            assert (f"Issue:{issue}" in there) is (word == (lit or "green").upper())
            assert len(there) == len(found["issues"]["nodes"])
