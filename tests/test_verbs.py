"""What the commands between a report and a closed issue write: rows, events, and what they ask of other ids."""

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from tests.test_commands import (
    BUREAU,
    BUREAU_B,
    CADRE,
    CADRE_2,
    CADRE_B,
    CITY,
    COUNTY,
    COUNTY_B,
    HELPER,
    IDLE_BUREAU,
    LOOKER,
    NOWHERE,
    REPORT,
    TOWN,
    TOWN_B,
    VERIFIER,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_B,
    House,
    built,
    duplicate,
    hand_over,
    judge,
    plan,
)

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.words import (
    AssignmentKind,
    Complexity,
    ContactKind,
    InspectionLevel,
    Satisfaction,
    Source,
    Supervision,
)
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    Command,
    DecideExclusion,
    InspectIssue,
    LookBack,
    MergeIssue,
    PartyInput,
    PlanStepInput,
    ProposePlan,
    ReopenIssue,
    ReportIssue,
    ReportProgress,
    RequestVerification,
    ReturnAssignment,
    SubmitFeedback,
    SuperviseIssue,
    TransferIssue,
    UrgeIssue,
    VerifyIssue,
    WithdrawIssue,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await built(database)


def last_second(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 23, 59, 59, tzinfo=SHANGHAI)


async def told(house: House, who: str, command: Command) -> tuple[ErrorCode, tuple[str, ...]]:
    error = await house.refused(who, command)
    return error.code, error.field


async def rule(house: House, unit: int = COUNTY, **settings: Any) -> None:
    """Let a rule hold for what is reported from here on."""
    await house.database.pool.execute(
        "insert into rule (unit_id, city_id, county_id, version, name, valid_from, settings, author_name,"
        " created_at) values ($1, $2, $3, 1, '规则', '2000-01-01', $4::text::jsonb, '活动办', now())",
        unit,
        CITY,
        unit if unit != CITY else None,
        json.dumps(settings),
    )


async def last(house: House, issue: int) -> dict[str, Any]:
    return (await house.events(issue))[-1]


# --- verification


def verification(issue: int, verifier: int = VERIFIER, due: date = date(2024, 2, 5)) -> RequestVerification:
    return RequestVerification(issue, verifier, due, "是否属实")


async def test_a_named_verifier_sees_the_issue_and_answers(house: House) -> None:
    issue = await house.at("REPORTED")
    verdict = VerifyIssue(issue, confirmed=True, finding="属实")
    assert await told(house, "verifier", verdict) == (ErrorCode.NOT_FOUND, ("issueId",))
    await house.well("office", verification(issue))
    row = await house.issue(issue)
    assert (row["state"], row["verifier_id"]) == ("VERIFYING", VERIFIER)
    assert row["verify_due_at"] == row["next_due_at"] == last_second(2024, 2, 5)
    event = await last(house, issue)
    assert (event["kind"], event["reason"]) == ("VERIFICATION_REQUESTED", "是否属实")
    await house.well("verifier", verdict)
    row = await house.issue(issue)
    assert (row["state"], row["next_due_at"]) == ("REPORTED", None)
    event = await last(house, issue)
    assert (event["kind"], event["actor_id"]) == ("VERIFIED", VERIFIER)
    assert event["data"] == {"confirmed": True, "finding": "属实"}
    assert row["verified_at"] == event["at"]


async def test_what_is_not_so_ends_there(house: House) -> None:
    issue = await house.at("VERIFYING")
    await house.well("verifier", VerifyIssue(issue, confirmed=False, finding="不实"))
    row = await house.issue(issue)
    assert (row["state"], row["dismissal"], row["next_due_at"]) == ("DISMISSED", "NOT_TRUE", None)
    assert (await house.refused("office", judge(issue))).code is ErrorCode.ILLEGAL_TRANSITION


async def test_nobody_but_the_named_verifier_verifies_and_never_the_finder(house: House) -> None:
    issue = await house.at("VERIFYING")
    verdict = VerifyIssue(issue, confirmed=True, finding="属实")
    for who in ("official", "looker", "office", "city_office", "inspector", "town"):
        assert (await house.refused(who, verdict)).code is ErrorCode.FORBIDDEN
    found = await house.well("looker", ReportIssue(VILLAGE, "题", "文", Source.VISIT))
    assert await told(house, "office", verification(found, LOOKER)) == (
        ErrorCode.INVALID_INPUT,
        ("verifierId",),
    )
    await house.database.pool.execute("update issue set verifier_id = $1 where id = $2", LOOKER, found)
    await house.database.pool.execute("update issue set state = 'VERIFYING' where id = $1", found)
    error = await house.refused("looker", replace(verdict, issue_id=found))
    assert (error.code, "found" in error.message) == (ErrorCode.FORBIDDEN, True)


async def test_a_verifier_is_a_cadre_in_sight_who_could_do_it_by_a_day_that_can_be(house: House) -> None:
    issue = await house.at("REPORTED")
    for cadre in (CADRE_B, CADRE_2, NOWHERE, 0):
        assert await told(house, "office", verification(issue, cadre)) == (
            ErrorCode.NOT_FOUND,
            ("verifierId",),
        )
    # At home in the county, but without any posting.
    assert await told(house, "office", verification(issue, CADRE)) == (
        ErrorCode.INVALID_INPUT,
        ("verifierId",),
    )
    for due in (date(2024, 1, 30), date.min, date.max):
        assert await told(house, "office", verification(issue, due=due)) == (
            ErrorCode.INVALID_INPUT,
            ("dueOn",),
        )
    await house.well("office", verification(issue, due=date(2024, 1, 31)))


# --- merged, withdrawn


async def test_a_merged_issue_names_the_one_that_goes_on(house: House) -> None:
    issue, other = await house.at("RECTIFYING"), await house.at("REPORTED")
    await house.well("office", MergeIssue(issue, other, "同一问题"))
    row = await house.issue(issue)
    assert (row["state"], row["dismissal"], row["duplicate_of_id"]) == ("DISMISSED", "DUPLICATE", other)
    assert row["next_due_at"] is None
    assert (await house.rows("select from clock where running and issue_id = $1", issue)) == []
    event = await last(house, issue)
    assert (event["kind"], event["reason"]) == ("MERGED", "同一问题")
    assert (await house.issue(other))["version"] == 1


async def test_an_issue_merges_into_another_that_is_in_sight_and_no_duplicate(house: House) -> None:
    issue, other, third = [await house.at("REPORTED") for _ in range(3)]
    far = await house.well("city_office", ReportIssue(VILLAGE_B, "远", "远", Source.OTHER))
    for into in (far, NOWHERE, 0):
        assert await told(house, "office", MergeIssue(issue, into, "同")) == (
            ErrorCode.NOT_FOUND,
            ("intoId",),
        )
    await house.well("office", duplicate(other, third))
    for into in (issue, other):
        assert await told(house, "office", MergeIssue(issue, into, "同")) == (
            ErrorCode.INVALID_INPUT,
            ("intoId",),
        )
    await house.well("city_office", MergeIssue(issue, far, "同"))


async def test_only_the_finder_withdraws(house: House) -> None:
    issue = await house.at("ACCEPTED")
    for who in ("helper", "town", "city_office", "county_leader", "city_leader"):
        assert (await house.refused(who, WithdrawIssue(issue, "因"))).code is ErrorCode.FORBIDDEN
    await house.well("official", WithdrawIssue(issue, "看错了"))
    row = await house.issue(issue)
    assert (row["state"], row["dismissal"]) == ("DISMISSED", "WITHDRAWN")
    event = await last(house, issue)
    assert (event["kind"], event["reason"], event["data"]) == (
        "WITHDRAWN",
        "看错了",
        {"dismissal": "WITHDRAWN"},
    )


# --- transferred


async def test_a_transfer_is_told_under_both_units_and_hides_the_issue_from_the_old_one(house: House) -> None:
    issue = await house.at("ACCEPTED")
    before = await house.issue(issue)
    await house.well("city_office", TransferIssue(issue, VILLAGE_B, "属长葛"))
    row = await house.issue(issue)
    path = ("unit_id", *tables.ANCESTORS)
    assert [row[name] for name in path] == [VILLAGE_B, CITY, COUNTY_B, TOWN_B, VILLAGE_B]
    kept = ("number", "state", "rules", "category_id", "finder_id", "unit_level")
    assert [row[name] for name in kept] == [before[name] for name in kept]
    assert row["version"] == before["version"] + 1
    gone, came = (await house.events(issue))[-2:]
    assert [gone[name] for name in path] == [before[name] for name in path]
    assert [came[name] for name in path] == [row[name] for name in path]
    assert {gone["kind"], came["kind"]} == {"TRANSFERRED"}
    assert (gone["reason"], came["reason"]) == (None, "属长葛")
    assert (gone["from_state"], gone["to_state"], gone["data"]) == ("ACCEPTED", "ACCEPTED", {"left": True})
    for who in ("office", "portal", "official", "town"):
        assert await told(house, who, judge(issue)) == (ErrorCode.NOT_FOUND, ("issueId",))
    await house.well("office_b", hand_over(issue, TOWN_B, BUREAU_B))


async def test_a_county_gives_within_its_own_ground_only(house: House) -> None:
    issue = await house.at("REPORTED")
    for unit in (VILLAGE_B, VILLAGE_2, CITY, NOWHERE, 0):
        assert await told(house, "office", TransferIssue(issue, unit, "因")) == (
            ErrorCode.NOT_FOUND,
            ("unitId",),
        )
    assert await told(house, "office", TransferIssue(issue, VILLAGE, "因")) == (
        ErrorCode.INVALID_INPUT,
        ("unitId",),
    )
    await house.database.pool.execute("update unit set valid_to = '2023-12-31' where id = $1", TOWN)
    assert await told(house, "office", TransferIssue(issue, TOWN, "因")) == (
        ErrorCode.INVALID_INPUT,
        ("unitId",),
    )
    await house.well("office", TransferIssue(issue, COUNTY, "因"))


async def test_to_see_the_other_unit_is_not_to_give_it_an_issue(house: House) -> None:
    """An office here that is a portal there, and one of both cities: an issue stays in its own."""
    issue = await house.at("REPORTED")
    here = house.people["office"]
    house.people["office"] = replace(here, postings=(*here.postings, *house.people["portal_b"].postings))
    assert await told(house, "office", TransferIssue(issue, VILLAGE_B, "因")) == (ErrorCode.FORBIDDEN, ())
    house.people["office"] = replace(here, postings=(*here.postings, *house.people["city_office_2"].postings))
    assert await told(house, "office", TransferIssue(issue, VILLAGE_2, "因")) == (
        ErrorCode.INVALID_INPUT,
        ("unitId",),
    )


async def test_an_office_of_two_cities_merges_nothing_across_them(house: House) -> None:
    """What one tenant sees of its issue must not hang on another's."""
    issue = await house.at("REPORTED")
    far = await house.well("city_office_2", replace(REPORT, unit_id=VILLAGE_2))
    here = house.people["office"]
    house.people["office"] = replace(here, postings=(*here.postings, *house.people["city_office_2"].postings))
    for command, field in (
        (MergeIssue(issue, far, "同"), "intoId"),
        (MergeIssue(far, issue, "同"), "intoId"),
        (duplicate(issue, far), "duplicateOfId"),
    ):
        assert await told(house, "office", command) == (ErrorCode.INVALID_INPUT, (field,))


# --- sent back by a party, and decided by the office


async def test_a_returned_part_goes_to_another_party_with_clocks_of_its_own(house: House) -> None:
    issue = await house.at("ASSIGNED")
    _, department = await house.assignments(issue)
    await house.well("bureau", ReturnAssignment(department, "非我职责"))
    (row,) = await house.rows("select * from assignment where id = $1", department)
    assert (row["state"], row["return_reason"]) == ("RETURNED", "非我职责")
    assert row["arbitrate_due_at"] == last_second(2024, 2, 1)
    house.clock.append(datetime(2024, 2, 9, 2, tzinfo=SHANGHAI))
    other = PartyInput(AssignmentKind.DEPARTMENT, department_id=IDLE_BUREAU)
    assert (
        await house.refused("bureau", ArbitrateAssignment(department, "改", other))
    ).code is ErrorCode.FORBIDDEN
    await house.well("office", ArbitrateAssignment(department, "改派", other))
    event = await last(house, issue)
    assert (event["kind"], event["assignment_id"]) == ("ASSIGNMENT_ARBITRATED", department)
    assert event["data"]["insisted"] is False
    assert datetime.fromisoformat(event["data"]["dueBefore"]) == last_second(2024, 2, 7)
    _, new = await house.assignments(issue)
    (row,) = await house.rows("select * from assignment where id = $1", new)
    assert (row["state"], row["department_id"]) == ("PENDING", IDLE_BUREAU)
    assert (row["arrange_due_at"], row["solve_due_at"]) == (
        last_second(2024, 2, 10),
        last_second(2024, 2, 16),
    )
    assert (await house.issue(issue))["due_at"] == last_second(2024, 2, 16)
    for command in (
        AcceptAssignment(department, CADRE),
        ReturnAssignment(department, "因"),
        ReportProgress(department, "文"),
        SubmitFeedback(department, "文"),
    ):
        assert (await house.refused("city_office", command)).code is ErrorCode.FORBIDDEN
        assert (await house.refused("bureau", command)).code is ErrorCode.NOT_FOUND, "a party no more"
    for foreign in (AcceptAssignment(new, CADRE), ReturnAssignment(new, "因")):
        assert (await house.refused("bureau", foreign)).code is ErrorCode.NOT_FOUND
    await house.well("idle_bureau", AcceptAssignment(new, CADRE))


async def test_the_office_may_insist_and_then_it_stays(house: House) -> None:
    issue = await house.at("RETURNED")
    territory, _ = await house.assignments(issue)
    house.clock.append(datetime(2024, 2, 9, 2, tzinfo=SHANGHAI))
    await house.well("office", ArbitrateAssignment(territory, "就是你"))
    (row,) = await house.rows("select * from assignment where id = $1", territory)
    assert (row["state"], row["insisted"], row["arbitrate_due_at"]) == ("PENDING", True, None)
    assert row["arrange_due_at"] == last_second(2024, 2, 10)
    assert (await last(house, issue))["data"]["insisted"] is True
    assert (
        await house.refused("town", ReturnAssignment(territory, "仍"))
    ).code is ErrorCode.ILLEGAL_TRANSITION
    await house.well("town", AcceptAssignment(territory, HELPER))


async def test_it_is_given_to_a_party_in_sight_that_has_no_part_yet(house: House) -> None:
    issue = await house.at("ASSIGNED")
    _, department = await house.assignments(issue)
    await house.well("bureau", ReturnAssignment(department, "非我"))

    def to(party: PartyInput) -> ArbitrateAssignment:
        return ArbitrateAssignment(department, "改派", party)

    for number, code in ((NOWHERE, ErrorCode.NOT_FOUND), (BUREAU_B, ErrorCode.NOT_FOUND)):
        party = PartyInput(AssignmentKind.DEPARTMENT, department_id=number)
        assert await told(house, "office", to(party)) == (code, ("party", "departmentId"))
    again = PartyInput(AssignmentKind.DEPARTMENT, department_id=BUREAU)
    assert await told(house, "office", to(again)) == (ErrorCode.INVALID_INPUT, ("party",))
    territory = PartyInput(AssignmentKind.TERRITORIAL, unit_id=VILLAGE)
    assert await told(house, "office", to(territory)) == (ErrorCode.INVALID_INPUT, ("party",))


# --- plans, supervision


async def test_an_approved_plan_moves_the_due_time_of_the_issue(house: House) -> None:
    issue = await house.at("PLANNED", Complexity.COMPLEX)
    _, department = await house.assignments(issue)
    assert (await house.issue(issue))["due_at"] == last_second(2024, 2, 29)
    (row,) = await house.rows("select plan, plan_state from assignment where id = $1", department)
    assert row["plan_state"] == "PROPOSED"
    assert json.loads(row["plan"])[1] == {"text": "施工", "dueOn": "2024-04-30"}
    await house.well("office", ApprovePlan(department, approved=True))
    assert (await house.issue(issue))["due_at"] == last_second(2024, 4, 30)
    event = await last(house, issue)
    assert (event["kind"], event["data"]["approved"]) == ("PLAN_DECIDED", True)
    assert datetime.fromisoformat(event["data"]["dueBefore"]) == last_second(2024, 2, 29)
    assert (await house.refused("bureau", plan(department))).code is ErrorCode.ILLEGAL_TRANSITION


async def test_a_rejected_plan_moves_nothing(house: House) -> None:
    issue = await house.at("PLANNED", Complexity.COMPLEX)
    _, department = await house.assignments(issue)
    await house.well("office", ApprovePlan(department, approved=False, reason="太慢"))
    assert (await house.issue(issue))["due_at"] == last_second(2024, 2, 29)
    event = await last(house, issue)
    assert (event["reason"], event["data"]) == ("太慢", {"approved": False})
    await house.well("bureau", plan(department))


async def test_a_step_of_a_plan_is_due_today_or_within_five_years(house: House) -> None:
    issue = await house.at("RECTIFYING", Complexity.COMPLEX)
    _, department = await house.assignments(issue)
    for due in (date.min, date(2024, 1, 30), date(2029, 2, 1), date.max):
        command = ProposePlan(department, (PlanStepInput("步", due),))
        assert await told(house, "bureau", command) == (ErrorCode.INVALID_INPUT, ("steps", "0", "dueOn"))
    await house.well("bureau", ProposePlan(department, (PlanStepInput("步", date(2024, 1, 31)),)))


async def test_supervising_and_urging_are_counted_and_told(house: House) -> None:
    await rule(house, twoWaySupervision=True, supervisions=["SUPERVISION"])
    issue = await house.at("RECTIFYING")
    territory, department = await house.assignments(issue)
    assert await told(house, "inspector", SuperviseIssue(territory, "现场", Supervision.ON_SITE_OFFICE)) == (
        ErrorCode.INVALID_INPUT,
        ("how",),
    )
    await house.well("group", SuperviseIssue(territory, "加快"))
    event = await last(house, issue)
    assert (event["kind"], event["reason"], event["assignment_id"]) == ("SUPERVISED", "加快", territory)
    assert event["data"] == {"kind": "SUPERVISION", "twoWay": True}
    await house.well("inspector", UrgeIssue(department, "请办"))
    rows = await house.rows(
        "select supervised_count, urged_count from assignment where issue_id = $1 order by id", issue
    )
    assert [tuple(row.values()) for row in rows] == [(1, 0), (1, 1)]


# --- checks


async def test_an_excluded_answer_closes_and_one_that_stays_sends_back(house: House) -> None:
    for approved, state in ((True, "CLOSED"), (False, "RECTIFYING")):
        issue = await house.at("EXCLUDING")
        row = await house.issue(issue)
        assert (row["state"], row["exclusion"]) == ("RECTIFIED", "PROPOSED")
        reason = None if approved else "与问题有关"
        await house.well("office", DecideExclusion(issue, approved=approved, reason=reason))
        row = await house.issue(issue)
        assert (row["state"], row["exclusion"]) == (state, "APPROVED" if approved else "REJECTED")
        event = await last(house, issue)
        assert (event["kind"], event["reason"]) == ("EXCLUSION_DECIDED", reason)
        assert event["data"] == {"approved": approved, "excluded": approved}


async def test_a_rule_of_two_levels_and_must_see_is_kept(house: House) -> None:
    await rule(house, inspectionLevels=["TOWNSHIP", "OFFICE"], mustSee=["MASS_INTEREST"])
    issue = await house.at("REPORTED")
    await house.database.pool.execute("update issue set mass_interest = true where id = $1", issue)
    await house.well("office", judge(issue))
    await house.well("office", hand_over(issue, VILLAGE))
    territory, department = await house.assignments(issue)
    for who, one in (("official", territory), ("bureau", department)):
        await house.well(who, AcceptAssignment(one, HELPER if one == territory else CADRE))
        await house.well(who, SubmitFeedback(one, "已办"))

    def inspect(level: InspectionLevel, on_site: str | None = "看过") -> InspectIssue:
        return InspectIssue(issue, level, passed=True, on_site=on_site)

    office = inspect(InspectionLevel.OFFICE)
    assert (await house.refused("office", office)).code is ErrorCode.ILLEGAL_TRANSITION
    assert await told(house, "town", inspect(InspectionLevel.TOWNSHIP, None)) == (
        ErrorCode.INVALID_INPUT,
        ("onSite",),
    )
    await house.well("town", inspect(InspectionLevel.TOWNSHIP))
    row = await house.issue(issue)
    assert (row["state"], row["township_passed_at"]) == ("FEEDBACK", row["updated_at"])
    await house.well("office", office)
    assert (await house.issue(issue))["state"] == "RECTIFIED"
    assert (await last(house, issue))["data"] == {"level": "OFFICE", "passed": True, "onSite": "看过"}


async def test_a_rule_of_three_look_backs_is_kept_and_an_issue_keeps_its_rule(house: House) -> None:
    await rule(house, lookBackSteps=["INSPECTOR", "CADRE", "OFFICE"], contacts=["VILLAGERS"])
    issue = await house.at("FEEDBACK")
    await house.database.pool.execute(
        "insert into rule (unit_id, city_id, county_id, version, name, valid_from, settings, author_name,"
        " created_at) select unit_id, city_id, county_id, 2, name, valid_from, '{}', author_name, now()"
        " from rule"
    )
    await house.well("office", InspectIssue(issue, InspectionLevel.OFFICE, passed=True))
    met = (ContactKind.VILLAGERS,)
    looked = LookBack(issue, Satisfaction.SATISFIED, contacts=met)
    for early in ("looker", "office"):
        assert (await house.refused(early, looked)).code is ErrorCode.ILLEGAL_TRANSITION
    assert await told(house, "inspector", LookBack(issue, Satisfaction.SATISFIED)) == (
        ErrorCode.INVALID_INPUT,
        ("contacts",),
    )
    for who in ("inspector", "looker", "office"):
        assert (await house.issue(issue))["state"] == "RECTIFIED"
        if who != "office":
            unasked = LookBack(issue, contacts=met)
            assert await told(house, who, unasked) == (ErrorCode.INVALID_INPUT, ("satisfaction",))
        await house.well(who, looked if who != "office" else LookBack(issue))
    row = await house.issue(issue)
    assert (row["state"], row["look_backs"]) == ("CLOSED", ["INSPECTOR", "CADRE", "OFFICE"])
    assert row["satisfaction"] == "SATISFIED"
    by = [e["data"]["by"] for e in await house.events(issue) if e["kind"] == "LOOKED_BACK"]
    assert by == ["INSPECTOR", "CADRE", "OFFICE"]


async def test_a_rule_may_draw_every_issue_and_none(house: House) -> None:
    await rule(house, samplePercent=100, lookBackDays=5)
    issue = await house.at("RECTIFIED")
    row = await house.issue(issue)
    assert (row["sampled"], row["next_due_at"]) == (True, last_second(2024, 2, 5))
    look_back = LookBack(issue, Satisfaction.SATISFIED)
    assert await told(house, "looker", look_back) == (ErrorCode.INVALID_INPUT, ("unannounced",))
    await house.well("looker", replace(look_back, unannounced=True))
    assert (await house.issue(issue))["next_due_at"] is None


async def test_a_rule_may_want_a_sponsor_and_a_line(house: House) -> None:
    await rule(house, sponsorRequired=True, lineRequired=True)
    issue = await house.at("ACCEPTED")
    assert await told(house, "office", hand_over(issue)) == (
        ErrorCode.INVALID_INPUT,
        ("parties", "1", "departmentId"),
    )
    await house.database.pool.execute("update department set line = '农业线' where id = $1", BUREAU)
    assert await told(house, "office", hand_over(issue)) == (ErrorCode.INVALID_INPUT, ("sponsorId",))
    for sponsor in (CADRE_B, NOWHERE):
        assert await told(house, "office", replace(hand_over(issue), sponsor_id=sponsor)) == (
            ErrorCode.NOT_FOUND,
            ("sponsorId",),
        )
    for rank in ("STAFF", "VILLAGE", "TOWNSHIP"):
        await house.database.pool.execute("update cadre set rank = $2 where id = $1", CADRE, rank)
        assert await told(house, "office", replace(hand_over(issue), sponsor_id=CADRE)) == (
            ErrorCode.INVALID_INPUT,
            ("sponsorId",),
        )
    await house.database.pool.execute("update cadre set rank = 'CITY_LEADER' where id = $1", CADRE)
    await house.well("office", replace(hand_over(issue), sponsor_id=CADRE))
    assert (await house.issue(issue))["sponsor_id"] == CADRE


async def test_a_reopened_issue_has_time_anew(house: House) -> None:
    issue = await house.at("CLOSED")
    house.clock.append(datetime(2024, 5, 1, 9, tzinfo=SHANGHAI))
    await house.well("office", ReopenIssue(issue, "反弹"))
    row = await house.issue(issue)
    assert row["due_at"] == row["next_due_at"] == last_second(2024, 5, 8)
    rows = await house.rows("select kind, due_at from clock where running and issue_id = $1", issue)
    assert sorted({row["kind"] for row in rows}) == ["SOLVE", "TRACK"]
    event = await last(house, issue)
    assert datetime.fromisoformat(event["data"]["dueBefore"]) == last_second(2024, 2, 7)
