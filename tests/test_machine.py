"""The machine against the table of the programme, written down a second time here."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import SHANGHAI, end_of_day
from lxbc_graph.domain.errors import Forbidden, IllegalTransition, InvalidInput, Refused
from lxbc_graph.domain.machine import Actor, IssueFacts, Party, PlanStep, Step, guards
from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    ClockKind,
    Complexity,
    ContactKind,
    DayKind,
    Dismissal,
    EventKind,
    ExclusionState,
    Flag,
    InspectionLevel,
    IssueState,
    LookBackStep,
    PlanState,
    Satisfaction,
    Supervision,
    Verb,
)

S, A = IssueState, AssignmentState
AT = datetime(2021, 7, 1, 4, tzinfo=UTC)
DUE_ON = date(2021, 7, 5)
OFFICE = Actor(1, "活动办", None, 10)
TOWN = Actor(2, "乡镇", None, 20)
BUREAU = Actor(3, "水利局", 30, 30)
FINDER = Actor(4, "发现人", 40, 40)
LOOKER = Actor(5, "回访人", 60, 60)
VERIFIER = Actor(6, "核实人", 70, 70)
PARTIES = (
    Party(AssignmentKind.TERRITORIAL, party_unit_id=7),
    Party(AssignmentKind.DEPARTMENT, department_id=8),
)
TERRITORY, DEPARTMENT = 0, 1
TOWNSHIP, LAST = InspectionLevel.TOWNSHIP, InspectionLevel.OFFICE


def last_second(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 23, 59, 59, tzinfo=SHANGHAI)


def reported(rule: Rule = DEFAULT) -> IssueFacts:
    return machine.report(FINDER, AT, rule=rule)[0]


def verifying(rule: Rule = DEFAULT) -> IssueFacts:
    return machine.request_verification(
        reported(rule), OFFICE, AT, verifier_id=70, due_on=DUE_ON, matter="是否属实"
    )[0]


def accepted(rule: Rule = DEFAULT, complexity: Complexity = Complexity.COMPLEX) -> IssueFacts:
    return machine.accept(reported(rule), OFFICE, AT, category_id=5, complexity=complexity)[0]


def assigned(rule: Rule = DEFAULT, complexity: Complexity = Complexity.COMPLEX) -> IssueFacts:
    return machine.assign(accepted(rule, complexity), OFFICE, AT, parties=PARTIES, sponsor_id=90)[0]


def taken(issue: IssueFacts, which: int, actor: Actor) -> IssueFacts:
    return machine.accept_assignment(
        issue, actor, AT, which, responsible_id=50 + which, responsible_name="某"
    )[0]


def rectifying(rule: Rule = DEFAULT, complexity: Complexity = Complexity.COMPLEX) -> IssueFacts:
    return taken(taken(assigned(rule, complexity), TERRITORY, TOWN), DEPARTMENT, BUREAU)


def fed_back(issue: IssueFacts) -> IssueFacts:
    issue = machine.feed_back(issue, TOWN, AT, TERRITORY, text="已办", evidence=1)[0]
    return machine.feed_back(issue, BUREAU, AT, DEPARTMENT, text="已办", evidence=1)[0]


def feedback(rule: Rule = DEFAULT, complexity: Complexity = Complexity.COMPLEX) -> IssueFacts:
    return fed_back(rectifying(rule, complexity))


def rectified(rule: Rule = DEFAULT, *, drawn: bool = False) -> IssueFacts:
    issue = feedback(rule)
    for level in rule.inspection_levels:
        issue = machine.inspect(issue, OFFICE, AT, level=level, passed=True, on_site="到场核验", drawn=drawn)[
            0
        ]
    return issue


def closed() -> IssueFacts:
    return machine.look_back(rectified(), LOOKER, AT, passed=True, satisfaction=Satisfaction.SATISFIED)[0]


def dismissed() -> IssueFacts:
    return machine.dismiss(reported(), OFFICE, AT, dismissal=Dismissal.NOT_TRUE, reason="不属实")[0]


def excluding(issue: IssueFacts, satisfaction: Satisfaction = Satisfaction.DISSATISFIED) -> IssueFacts:
    return machine.look_back(
        issue, LOOKER, AT, passed=True, satisfaction=satisfaction, exclusion="与本事项无关"
    )[0]


IN_STATE: dict[IssueState, Callable[[], IssueFacts]] = {
    S.REPORTED: reported,
    S.VERIFYING: verifying,
    S.ACCEPTED: accepted,
    S.ASSIGNED: assigned,
    S.RECTIFYING: rectifying,
    S.FEEDBACK: feedback,
    S.RECTIFIED: rectified,
    S.CLOSED: closed,
    S.DISMISSED: dismissed,
}


def parties_in(issue: IssueFacts, state: AssignmentState, **more: Any) -> IssueFacts:
    """Put the parties into a state: then only the issue's own can be in the way, or the other way round."""
    parties = issue.assignments or assigned().assignments
    return issue._replace(assignments=tuple(one._replace(state=state, **more) for one in parties))


def with_plan(issue: IssueFacts, state: PlanState = PlanState.PROPOSED) -> IssueFacts:
    plan = [{"text": "招标", "dueOn": "2021-08-20"}, {"text": "施工", "dueOn": "2021-09-30"}]
    return parties_in(issue, A.ACCEPTED, plan=plan, plan_state=state)


def _excluded(issue: IssueFacts) -> Step:
    return machine.look_back(
        issue, LOOKER, AT, passed=True, satisfaction=Satisfaction.DISSATISFIED, exclusion="无关"
    )


# One try for each outcome of a verb: what is done, and the only states it is good for, with where it leads.
Try = tuple[Verb, Callable[[IssueFacts], Step], dict[IssueState, IssueState]]
STAYS = {S.ASSIGNED: S.ASSIGNED, S.RECTIFYING: S.RECTIFYING}
AT_WORK = {S.RECTIFYING: S.RECTIFYING}
TRIES: dict[str, Try] = {
    "ask to verify": (
        Verb.REQUEST_VERIFICATION,
        lambda i: machine.request_verification(i, OFFICE, AT, verifier_id=70, due_on=DUE_ON, matter="核"),
        {S.REPORTED: S.VERIFYING},
    ),
    "confirm": (
        Verb.VERIFY_ISSUE,
        lambda i: machine.verify(i._replace(verifier_id=70), VERIFIER, AT, confirmed=True, finding="属实"),
        {S.VERIFYING: S.REPORTED},
    ),
    "refute": (
        Verb.VERIFY_ISSUE,
        lambda i: machine.verify(i._replace(verifier_id=70), VERIFIER, AT, confirmed=False, finding="不实"),
        {S.VERIFYING: S.DISMISSED},
    ),
    "take up": (
        Verb.JUDGE_ISSUE,
        lambda i: machine.accept(i, OFFICE, AT, category_id=5, complexity=Complexity.COMPLEX),
        {S.REPORTED: S.ACCEPTED},
    ),
    "dismiss": (
        Verb.JUDGE_ISSUE,
        lambda i: machine.dismiss(i, OFFICE, AT, dismissal=Dismissal.DUPLICATE, reason="重复"),
        {S.REPORTED: S.DISMISSED},
    ),
    "hand over": (
        Verb.ASSIGN_ISSUE,
        lambda i: machine.assign(i, OFFICE, AT, parties=PARTIES),
        {S.ACCEPTED: S.ASSIGNED},
    ),
    "accept": (
        Verb.ACCEPT_ASSIGNMENT,
        lambda i: machine.accept_assignment(
            parties_in(i, A.PENDING), TOWN, AT, TERRITORY, responsible_id=50, responsible_name="某"
        ),
        {S.ASSIGNED: S.RECTIFYING, S.RECTIFYING: S.RECTIFYING},
    ),
    "return": (
        Verb.RETURN_ASSIGNMENT,
        lambda i: machine.return_assignment(parties_in(i, A.PENDING), TOWN, AT, TERRITORY, reason="非我"),
        STAYS,
    ),
    "insist": (
        Verb.ARBITRATE_ASSIGNMENT,
        lambda i: machine.insist(graded(parties_in(i, A.RETURNED)), OFFICE, AT, TERRITORY, reason="是你"),
        STAYS,
    ),
    "reassign": (
        Verb.ARBITRATE_ASSIGNMENT,
        lambda i: machine.reassign(
            graded(parties_in(i, A.RETURNED)),
            OFFICE,
            AT,
            TERRITORY,
            party=Party(AssignmentKind.TERRITORIAL, party_unit_id=9),
            reason="改派",
        ),
        STAYS,
    ),
    "progress": (
        Verb.REPORT_PROGRESS,
        lambda i: machine.progress(parties_in(i, A.ACCEPTED), BUREAU, AT, DEPARTMENT, text="已开工"),
        AT_WORK,
    ),
    "propose a plan": (
        Verb.PROPOSE_PLAN,
        lambda i: machine.propose_plan(
            graded(parties_in(i, A.ACCEPTED)), BUREAU, AT, DEPARTMENT, steps=[PlanStep("招标", DUE_ON)]
        ),
        AT_WORK,
    ),
    "approve a plan": (
        Verb.APPROVE_PLAN,
        lambda i: machine.decide_plan(with_plan(i), OFFICE, AT, DEPARTMENT, approved=True),
        AT_WORK,
    ),
    "reject a plan": (
        Verb.APPROVE_PLAN,
        lambda i: machine.decide_plan(with_plan(i), OFFICE, AT, DEPARTMENT, approved=False, reason="太慢"),
        AT_WORK,
    ),
    "feed back first": (
        Verb.SUBMIT_FEEDBACK,
        lambda i: machine.feed_back(parties_in(i, A.ACCEPTED), TOWN, AT, TERRITORY, text="已办"),
        AT_WORK,
    ),
    "feed back last": (
        Verb.SUBMIT_FEEDBACK,
        lambda i: machine.feed_back(_half_fed_back(i), BUREAU, AT, DEPARTMENT, text="已办"),
        {S.RECTIFYING: S.FEEDBACK},
    ),
    "supervise": (
        Verb.SUPERVISE_ISSUE,
        lambda i: machine.supervise(
            parties_in(i, A.PENDING), OFFICE, AT, TERRITORY, how=Supervision.SUPERVISION, text="加快"
        ),
        STAYS,
    ),
    "urge": (
        Verb.URGE_ISSUE,
        lambda i: machine.urge(parties_in(i, A.RETURNED), OFFICE, AT, TERRITORY, text="请办"),
        STAYS,
    ),
    "inspect, passed": (
        Verb.INSPECT_ISSUE,
        lambda i: machine.inspect(i, OFFICE, AT, level=LAST, passed=True),
        {S.FEEDBACK: S.RECTIFIED},
    ),
    "inspect, township passed": (
        Verb.INSPECT_ISSUE,
        lambda i: machine.inspect(i, OFFICE, AT, level=TOWNSHIP, passed=True),
        {S.FEEDBACK: S.FEEDBACK},
    ),
    "inspect, failed": (
        Verb.INSPECT_ISSUE,
        lambda i: machine.inspect(i, OFFICE, AT, level=TOWNSHIP, passed=False, reason="未到位"),
        {S.FEEDBACK: S.RECTIFYING},
    ),
    "look back": (
        Verb.LOOK_BACK,
        lambda i: machine.look_back(i, LOOKER, AT, passed=True, satisfaction=Satisfaction.FAIRLY_SATISFIED),
        {S.RECTIFIED: S.CLOSED},
    ),
    "look back, asking to exclude": (Verb.LOOK_BACK, _excluded, {S.RECTIFIED: S.RECTIFIED}),
    "look back, dissatisfied": (
        Verb.LOOK_BACK,
        lambda i: machine.look_back(i, LOOKER, AT, passed=True, satisfaction=Satisfaction.DISSATISFIED),
        {S.RECTIFIED: S.RECTIFYING},
    ),
    "look back, failed": (
        Verb.LOOK_BACK,
        lambda i: machine.look_back(i, LOOKER, AT, passed=False, satisfaction=None, reason="反弹"),
        {S.RECTIFIED: S.RECTIFYING},
    ),
    "exclude": (
        Verb.DECIDE_EXCLUSION,
        lambda i: machine.decide_exclusion(_waiting(i), OFFICE, AT, approved=True),
        {S.RECTIFIED: S.CLOSED},
    ),
    "exclude, of the first look-back": (
        Verb.DECIDE_EXCLUSION,
        lambda i: machine.decide_exclusion(
            _waiting(i)._replace(rule=Rule(look_back_steps=tuple(LookBackStep))), OFFICE, AT, approved=True
        ),
        {S.RECTIFIED: S.RECTIFIED},
    ),
    "do not exclude": (
        Verb.DECIDE_EXCLUSION,
        lambda i: machine.decide_exclusion(_waiting(i), OFFICE, AT, approved=False, reason="有关"),
        {S.RECTIFIED: S.RECTIFYING},
    ),
    "send back": (
        Verb.SEND_BACK,
        lambda i: machine.send_back(i, OFFICE, AT, reason="重办"),
        {S.FEEDBACK: S.RECTIFYING, S.RECTIFIED: S.RECTIFYING},
    ),
    "reopen": (
        Verb.REOPEN_ISSUE,
        lambda i: machine.reopen(graded(i), OFFICE, AT, reason="反弹"),
        {S.CLOSED: S.RECTIFYING},
    ),
    "merge": (
        Verb.MERGE_ISSUE,
        lambda i: machine.merge(i, OFFICE, AT, into_id=2, reason="同一问题"),
        dict.fromkeys((S.REPORTED, S.ACCEPTED, S.ASSIGNED, S.RECTIFYING), S.DISMISSED),
    ),
    "withdraw": (
        Verb.WITHDRAW_ISSUE,
        lambda i: machine.withdraw(i, FINDER, AT, reason="看错了"),
        dict.fromkeys((S.REPORTED, S.VERIFYING, S.ACCEPTED), S.DISMISSED),
    ),
    "transfer": (
        Verb.TRANSFER_ISSUE,
        lambda i: machine.transfer(i, OFFICE, AT, reason="非本村"),
        {S.REPORTED: S.REPORTED, S.ACCEPTED: S.ACCEPTED},
    ),
}
KINDS: dict[Verb, EventKind] = dict(
    zip(
        Verb, (kind for kind in EventKind if kind not in (EventKind.REPORTED, EventKind.ALERTED)), strict=True
    )
)


def graded(issue: IssueFacts) -> IssueFacts:
    return issue._replace(complexity=Complexity.COMPLEX)


def _half_fed_back(issue: IssueFacts) -> IssueFacts:
    at_work = parties_in(issue, A.ACCEPTED)
    first, second = at_work.assignments
    return at_work._replace(assignments=(first._replace(state=A.FEEDBACK), second))


def _waiting(issue: IssueFacts) -> IssueFacts:
    return issue._replace(
        exclusion=ExclusionState.PROPOSED,
        satisfaction=Satisfaction.DISSATISFIED,
        look_backs=(LookBackStep.CADRE,),
    )


@pytest.mark.parametrize(("state", "name"), list(product(IssueState, TRIES)))
def test_every_state_and_verb(state: IssueState, name: str) -> None:
    verb, attempt, leads = TRIES[name]
    before = IN_STATE[state]()
    assert before.state is state
    if state not in leads:
        with pytest.raises(IllegalTransition):
            attempt(before)
        return
    after, event = attempt(before)
    assert after.state is leads[state]
    assert (event.from_state, event.to_state) == (state, leads[state])
    assert event.kind is KINDS[verb]
    assert after.version == before.version + 1


def test_the_table_names_nothing_that_no_try_covers() -> None:
    tried = {(state, verb, to) for verb, _, leads in TRIES.values() for state, to in leads.items()}
    named = {(state, verb, to) for (state, verb), all_to in machine.TRANSITIONS.items() for to in all_to}
    assert named == tried
    assert {verb for verb, _, _ in TRIES.values()} == set(Verb)


OTHER = Party(AssignmentKind.TERRITORIAL, party_unit_id=9)
# The same on the first assignment as it is: the tries of the table put it into the right state.
ON_ASSIGNMENT: dict[str, tuple[set[AssignmentState], Callable[[IssueFacts], Step]]] = {
    "accept": (
        {A.PENDING},
        lambda i: machine.accept_assignment(i, TOWN, AT, 0, responsible_id=50, responsible_name="某"),
    ),
    "return": ({A.PENDING}, lambda i: machine.return_assignment(i, TOWN, AT, 0, reason="非我")),
    "insist": ({A.RETURNED}, lambda i: machine.insist(i, OFFICE, AT, 0, reason="是你")),
    "reassign": (
        {A.RETURNED},
        lambda i: machine.reassign(i, OFFICE, AT, 0, party=OTHER, reason="改派"),
    ),
    "progress": ({A.ACCEPTED}, lambda i: machine.progress(i, TOWN, AT, 0, text="已开工")),
    "propose a plan": (
        {A.ACCEPTED},
        lambda i: machine.propose_plan(i, TOWN, AT, 0, steps=[PlanStep("招标", DUE_ON)]),
    ),
    "approve a plan": ({A.ACCEPTED}, lambda i: machine.decide_plan(i, OFFICE, AT, 0, approved=True)),
    "feed back": ({A.ACCEPTED}, lambda i: machine.feed_back(i, TOWN, AT, 0, text="已办")),
    "supervise": (
        {A.PENDING, A.RETURNED, A.ACCEPTED},
        lambda i: machine.supervise(i, OFFICE, AT, 0, how=Supervision.SUPERVISION, text="加快"),
    ),
    "urge": (
        {A.PENDING, A.RETURNED, A.ACCEPTED},
        lambda i: machine.urge(i, OFFICE, AT, 0, text="请办"),
    ),
}


@pytest.mark.parametrize(("state", "name"), list(product(AssignmentState, ON_ASSIGNMENT)))
def test_every_state_of_an_assignment_and_verb(state: AssignmentState, name: str) -> None:
    plan_state = PlanState.PROPOSED if name == "approve a plan" else None
    before = parties_in(
        rectifying(), state, plan=[{"text": "一", "dueOn": "2021-09-30"}], plan_state=plan_state
    )
    states, attempt = ON_ASSIGNMENT[name]
    if state in states:
        after, event = attempt(before)
        assert event.assignment == 0
        assert after.assignments[1] == before.assignments[1]
        return
    with pytest.raises(IllegalTransition):
        attempt(before)


def test_a_verb_on_an_assignment_is_never_asked_without_one() -> None:
    with pytest.raises(TypeError):
        guards.may_accept(assigned(), TOWN, None)


# Verification


@pytest.mark.parametrize(
    "actor",
    [
        OFFICE,
        LOOKER,
        Actor(6, "同号", None, 70),
        Actor(6, "同号他人", 71, 70),
        FINDER,
    ],
    ids=lambda actor: actor.name,
)
def test_only_the_named_verifier_verifies(actor: Actor) -> None:
    for confirmed in (True, False):
        with pytest.raises(Forbidden):
            machine.verify(verifying(), actor, AT, confirmed=confirmed, finding="查")


@pytest.mark.parametrize(
    "actor", [Actor(4, "同号", 70, 1), Actor(99, "本人", 40, 1)], ids=lambda one: one.name
)
def test_whoever_found_it_does_not_verify_it_although_named(actor: Actor) -> None:
    issue = verifying()._replace(verifier_id=actor.cadre_id)
    with pytest.raises(Forbidden):
        machine.verify(issue, actor, AT, confirmed=True, finding="查")


def test_a_verification_has_a_clock_until_it_is_answered_and_can_be_asked_for_again() -> None:
    issue = verifying()
    assert list(machine.running(issue)) == [(ClockKind.VERIFY, last_second(2021, 7, 5))]
    issue, event = machine.verify(issue, VERIFIER, AT, confirmed=True, finding="属实")
    assert (issue.verified_at, issue.next_due_at) == (AT, None)
    assert event.data == {"confirmed": True, "finding": "属实"}
    again, _ = machine.request_verification(
        issue, OFFICE, AT, verifier_id=60, due_on=date(2021, 7, 9), matter="再核"
    )
    assert (again.verifier_id, again.verified_at) == (60, None)
    assert again.next_due_at == last_second(2021, 7, 9)


def test_what_is_not_so_is_dismissed_as_not_true() -> None:
    issue = machine.verify(verifying(), VERIFIER, AT, confirmed=False, finding="不实")[0]
    assert (issue.dismissal, issue.judged_at, issue.verified_at) == (Dismissal.NOT_TRUE, AT, AT)


# Withdrawn, merged, transferred


@pytest.mark.parametrize("actor", [OFFICE, TOWN, VERIFIER], ids=lambda actor: actor.name)
def test_only_the_finder_withdraws(actor: Actor) -> None:
    for state in (S.REPORTED, S.VERIFYING, S.ACCEPTED):
        with pytest.raises(Forbidden):
            machine.withdraw(IN_STATE[state](), actor, AT, reason="因")


@pytest.mark.parametrize("actor", [FINDER, Actor(4, "同号", None, 1), Actor(99, "本人", 40, 1)])
def test_a_finder_is_known_by_the_account_or_by_the_cadre(actor: Actor) -> None:
    issue = machine.withdraw(verifying(), actor, AT, reason="看错了")[0]
    assert (issue.dismissal, issue.next_due_at) == (Dismissal.WITHDRAWN, None)


def test_a_merged_issue_stops_its_clocks_and_names_the_other() -> None:
    issue, event = machine.merge(rectifying(), OFFICE, AT, into_id=77, reason="同一问题")
    assert (issue.dismissal, issue.duplicate_of_id, issue.next_due_at) == (Dismissal.DUPLICATE, 77, None)
    assert event.data == {"dismissal": "DUPLICATE"}


def test_a_transfer_keeps_all_but_the_version() -> None:
    for state in (S.REPORTED, S.ACCEPTED):
        before = IN_STATE[state]()
        after = machine.transfer(before, OFFICE, AT + timedelta(days=1), reason="非本村")[0]
        assert after == before._replace(version=before.version + 1, updated_at=AT + timedelta(days=1))


# The hand-over


@pytest.mark.parametrize(
    "parties",
    [
        (),
        PARTIES[:1],
        PARTIES[1:],
        (PARTIES[0], PARTIES[1]._replace(required=False)),
        (*PARTIES, PARTIES[1]),
        (*PARTIES, PARTIES[0]._replace(required=False)),
    ],
)
def test_a_hand_over_needs_both_sides_and_distinct_parties(parties: tuple[Party, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        machine.assign(accepted(), OFFICE, AT, parties=parties)
    assert refused.value.errors[0].field == ("parties",)


def _refusal(rule: Rule, parties: tuple[Party, ...], sponsor_id: int | None = None) -> tuple[str, ...] | None:
    try:
        machine.assign(accepted(rule), OFFICE, AT, parties=parties, sponsor_id=sponsor_id)
    except InvalidInput as refused:
        return refused.errors[0].field
    return None


def test_a_rule_may_want_a_sponsor_a_line_and_both_parts() -> None:
    lead, assist = PARTIES
    sponsored = Rule(sponsor_required=True)
    assert _refusal(sponsored, PARTIES) == ("sponsorId",)
    assert _refusal(sponsored, PARTIES, 90) is None
    lined = Rule(line_required=True)
    assert _refusal(lined, PARTIES) == ("parties", "1", "departmentId")
    assert _refusal(lined, (lead, assist._replace(line="农业线"))) is None
    parted = Rule(required_parts=(AssignmentPart.LEAD, AssignmentPart.ASSIST))
    assert _refusal(parted, PARTIES) == ("parties",)
    assert _refusal(parted, (lead, assist._replace(part=AssignmentPart.ASSIST))) is None


@pytest.mark.parametrize("kind", AssignmentKind)
def test_a_rule_may_do_with_one_side(kind: AssignmentKind) -> None:
    rule = Rule(required_kinds=(kind,))
    (party,) = (one for one in PARTIES if one.kind is kind)
    (other,) = (one for one in PARTIES if one.kind is not kind)
    assert _refusal(rule, (party,)) is None
    assert _refusal(rule, (other,)) == ("parties",)
    assert _refusal(rule, (party._replace(required=False), other)) == ("parties",)


def test_the_clocks_of_13710_start_with_the_hand_over() -> None:
    general = assigned(complexity=Complexity.GENERAL)
    for one in general.assignments:
        assert one.arrange_due_at == last_second(2021, 7, 2)
        assert one.progress_due_at == last_second(2021, 7, 4)
        assert one.solve_due_at == last_second(2021, 7, 8)
        assert one.track_due_at == last_second(2021, 8, 1)
    assert (general.due_at, general.next_due_at) == (last_second(2021, 7, 8), last_second(2021, 7, 2))
    assert assigned(complexity=Complexity.COMPLEX).due_at == last_second(2021, 8, 1)


def test_a_rule_may_count_otherwise() -> None:
    def rests(day: date) -> bool:
        return day.day >= 5

    rule = Rule(days=DayKind.WORKING, arrange_days=2, general_days=1)
    issue = machine.assign(accepted(rule, Complexity.GENERAL), OFFICE, AT, parties=PARTIES, calendar=rests)[0]
    one = issue.assignments[0]
    assert (one.arrange_due_at, one.solve_due_at) == (last_second(2021, 7, 6), last_second(2021, 7, 5))
    assert one.track_due_at == last_second(2021, 8, 5)


# Returned and arbitrated

LATER = datetime(2021, 7, 20, 4, tzinfo=UTC)


def returned(rule: Rule = DEFAULT) -> IssueFacts:
    issue = machine.urge(assigned(rule, Complexity.GENERAL), OFFICE, AT, TERRITORY, text="请办")[0]
    return machine.return_assignment(issue, TOWN, LATER, TERRITORY, reason="非我")[0]


def test_a_returned_assignment_waits_for_the_office_and_its_own_clocks_wait() -> None:
    issue = returned()
    one = issue.assignments[TERRITORY]
    assert (one.state, one.return_reason) == (A.RETURNED, "非我")
    running = list(machine.running(issue))
    assert (ClockKind.ARBITRATE, last_second(2021, 7, 21)) in running
    assert len(running) == 1 + 4  # and those of the other party
    assert ("account", TOWN.account_id) in issue.handlers


def test_the_office_insists_and_the_clocks_start_anew() -> None:
    before = returned()
    issue, event = machine.insist(before, OFFICE, LATER, TERRITORY, reason="是你")
    one = issue.assignments[TERRITORY]
    assert (one.state, one.insisted, one.return_reason, one.urged_count) == (A.PENDING, True, "非我", 1)
    assert (one.assigned_at, one.arbitrate_due_at) == (AT, None)
    assert (one.arrange_due_at, one.solve_due_at) == (last_second(2021, 7, 21), last_second(2021, 7, 27))
    assert issue.due_at == last_second(2021, 7, 27)
    assert event.data == {"insisted": True, "dueBefore": before.due_at and before.due_at.isoformat()}
    with pytest.raises(IllegalTransition):
        machine.return_assignment(issue, TOWN, LATER, TERRITORY, reason="仍非我")
    assert taken(issue, TERRITORY, TOWN).state is S.RECTIFYING


def test_another_party_takes_it_with_clocks_of_its_own() -> None:
    party = Party(AssignmentKind.TERRITORIAL, party_unit_id=9, part=AssignmentPart.ASSIST, required=False)
    issue, event = machine.reassign(returned(), OFFICE, LATER, TERRITORY, party=party, reason="改派")
    old, other, new = issue.assignments
    assert (old.state, old.arbitrate_due_at) == (A.REASSIGNED, None)
    assert other == returned().assignments[DEPARTMENT]
    assert (new.state, new.party_unit_id, new.assigned_at) == (A.PENDING, 9, LATER)
    assert (new.part, new.required) == (AssignmentPart.LEAD, True), "as the party that it stands for"
    assert new.arrange_due_at == last_second(2021, 7, 21)
    assert issue.due_at == last_second(2021, 7, 27)
    assert (event.assignment, event.data["insisted"]) == (TERRITORY, False)
    for _, attempt in ON_ASSIGNMENT.values():
        with pytest.raises(IllegalTransition):
            attempt(issue._replace(state=S.RECTIFYING))
    issue = taken(taken(issue, 2, TOWN), DEPARTMENT, BUREAU)
    issue = machine.feed_back(issue, BUREAU, LATER, DEPARTMENT, text="已办")[0]
    issue = machine.feed_back(issue, TOWN, LATER, 2, text="已办")[0]
    assert issue.state is S.FEEDBACK, "nobody waits for what was given to another"


@pytest.mark.parametrize(
    "party",
    [
        Party(AssignmentKind.TERRITORIAL, party_unit_id=7),  # the same again
        Party(AssignmentKind.DEPARTMENT, department_id=9),  # of the other side
    ],
)
def test_it_goes_to_another_party_of_the_same_side(party: Party) -> None:
    with pytest.raises(InvalidInput) as refused:
        machine.reassign(returned(), OFFICE, LATER, TERRITORY, party=party, reason="改派")
    assert refused.value.errors[0].field == ("party",)


def test_it_goes_to_none_that_is_a_party_already() -> None:
    issue = machine.return_assignment(assigned(), BUREAU, AT, DEPARTMENT, reason="非我")[0]
    first = Party(AssignmentKind.DEPARTMENT, department_id=9)
    issue = machine.reassign(issue, OFFICE, AT, DEPARTMENT, party=first, reason="改派")[0]
    issue = machine.return_assignment(issue, BUREAU, AT, 2, reason="非我")[0]
    with pytest.raises(InvalidInput):
        machine.reassign(issue, OFFICE, AT, 2, party=first, reason="改派")
    back = Party(AssignmentKind.DEPARTMENT, department_id=8)
    issue = machine.reassign(issue, OFFICE, AT, 2, party=back, reason="还是你")[0]
    assert [one.state for one in issue.assignments] == [A.PENDING, A.REASSIGNED, A.REASSIGNED, A.PENDING]


# Work


@given(st.permutations([TERRITORY, DEPARTMENT]), st.lists(st.booleans(), min_size=1, max_size=4))
def test_the_issue_moves_when_all_required_parties_have_fed_back(order: list[int], extra: list[bool]) -> None:
    more = tuple(
        Party(AssignmentKind.DEPARTMENT, department_id=100 + index, required=required)
        for index, required in enumerate(extra)
    )
    issue = machine.assign(accepted(), OFFICE, AT, parties=(*PARTIES, *more))[0]
    for which in range(len(issue.assignments)):
        issue = taken(issue, which, BUREAU)
    required = [*order, *(2 + index for index, needed in enumerate(extra) if needed)]
    for count, which in enumerate(required, 1):
        issue, event = machine.feed_back(issue, BUREAU, AT, which, text="已办")
        assert event.assignment == which
        assert issue.state is (S.FEEDBACK if count == len(required) else S.RECTIFYING)


def test_an_issue_waits_for_a_required_party_that_has_not_begun_or_was_returned() -> None:
    half = taken(assigned(), TERRITORY, TOWN)
    for issue in (half, machine.return_assignment(half, BUREAU, AT, DEPARTMENT, reason="非我")[0]):
        assert machine.feed_back(issue, TOWN, AT, TERRITORY, text="已办")[0].state is S.RECTIFYING


def test_a_rule_may_want_evidence() -> None:
    issue = rectifying(Rule(evidence_required=True))
    with pytest.raises(InvalidInput) as refused:
        machine.feed_back(issue, TOWN, AT, TERRITORY, text="已办")
    assert refused.value.errors[0].field == ("attachmentIds",)
    machine.feed_back(issue, TOWN, AT, TERRITORY, text="已办", evidence=1)


@pytest.mark.parametrize("answer", ["none", "returned", "accepted"])
def test_no_clock_runs_in_feedback_for_a_party_that_can_do_nothing_there(answer: str) -> None:
    helper = Party(AssignmentKind.DEPARTMENT, department_id=9, required=False)
    issue = machine.assign(accepted(), OFFICE, AT, parties=(*PARTIES, helper), sponsor_id=90)[0]
    if answer == "returned":
        issue = machine.return_assignment(issue, BUREAU, AT, 2, reason="不属我局")[0]
    if answer == "accepted":
        issue = taken(issue, 2, BUREAU)
    for place, actor in ((TERRITORY, TOWN), (DEPARTMENT, BUREAU)):
        issue = machine.feed_back(taken(issue, place, actor), actor, AT, place, text="已办")[0]
    assert (issue.state, list(machine.running(issue)), issue.next_due_at) == (S.FEEDBACK, [], None)
    back = machine.send_back(issue, Actor(99, "活动办"), AT, reason="不到位")[0]
    assert back.next_due_at is not None


def test_the_first_progress_stops_its_clock_and_each_puts_off_the_next_report() -> None:
    issue = machine.progress(rectifying(), BUREAU, AT + timedelta(days=1), DEPARTMENT, text="一")[0]
    again = machine.progress(issue, BUREAU, AT + timedelta(days=40), DEPARTMENT, text="二")[0]
    one = again.assignments[DEPARTMENT]
    assert one.progressed_at == AT + timedelta(days=1)
    assert one.track_due_at == last_second(2021, 9, 10)
    kinds = [kind for kind, _ in machine.running(again)]
    assert kinds.count(ClockKind.PROGRESS) == 1  # that of the other party


def test_feedback_stops_all_the_clocks_of_a_party() -> None:
    issue = machine.feed_back(rectifying(), TOWN, AT, TERRITORY, text="已办")[0]
    assert [kind for kind, _ in machine.running(issue)] == [
        ClockKind.PROGRESS,
        ClockKind.SOLVE,
        ClockKind.TRACK,
    ]
    assert list(machine.running(feedback())) == []


STEPS = [PlanStep("招标", date(2021, 8, 20)), PlanStep("施工", date(2021, 9, 30))]


def planned() -> IssueFacts:
    return machine.propose_plan(rectifying(), BUREAU, AT, DEPARTMENT, steps=STEPS)[0]


def test_an_approved_plan_moves_the_due_time_and_tells_the_one_before() -> None:
    before = planned()
    assert before.due_at == last_second(2021, 8, 1)
    issue, event = machine.decide_plan(before, OFFICE, AT, DEPARTMENT, approved=True)
    assert issue.assignments[DEPARTMENT].solve_due_at == last_second(2021, 9, 30)
    assert issue.assignments[TERRITORY].solve_due_at == last_second(2021, 8, 1)
    assert issue.due_at == last_second(2021, 9, 30)
    assert event.data == {"approved": True, "dueBefore": end_of_day(date(2021, 8, 1)).isoformat()}
    with pytest.raises(IllegalTransition):
        machine.propose_plan(issue, BUREAU, AT, DEPARTMENT, steps=STEPS)


def test_a_rejected_plan_moves_nothing_and_may_be_proposed_anew() -> None:
    issue, event = machine.decide_plan(planned(), OFFICE, AT, DEPARTMENT, approved=False, reason="太慢")
    assert issue.due_at == last_second(2021, 8, 1)
    assert "dueBefore" not in event.data
    with pytest.raises(IllegalTransition):
        machine.decide_plan(issue, OFFICE, AT, DEPARTMENT, approved=True)
    again = machine.propose_plan(issue, BUREAU, AT, DEPARTMENT, steps=STEPS[:1])[0]
    assert again.assignments[DEPARTMENT].plan == [{"text": "招标", "dueOn": "2021-08-20"}]
    assert again.assignments[DEPARTMENT].plan_state is PlanState.PROPOSED


def test_a_general_issue_has_no_plan() -> None:
    issue = rectifying(complexity=Complexity.GENERAL)
    with pytest.raises(IllegalTransition):
        machine.propose_plan(issue, BUREAU, AT, DEPARTMENT, steps=STEPS)


@pytest.mark.parametrize(("both", "counts"), [(False, [1, 0]), (True, [1, 1])])
def test_supervision_is_of_one_party_or_both_ways(both: bool, counts: list[int]) -> None:
    issue = rectifying(Rule(two_way_supervision=both))
    issue, event = machine.supervise(
        issue, OFFICE, AT, TERRITORY, how=Supervision.ON_SITE_OFFICE, text="现场"
    )
    assert [one.supervised_count for one in issue.assignments] == counts
    assert (event.assignment, event.reason) == (TERRITORY, "现场")
    assert event.data == {"kind": "ON_SITE_OFFICE", "twoWay": both}


def test_both_ways_leaves_alone_who_is_done() -> None:
    issue = machine.feed_back(
        rectifying(Rule(two_way_supervision=True)), BUREAU, AT, DEPARTMENT, text="已办"
    )[0]
    issue = machine.supervise(issue, OFFICE, AT, TERRITORY, how=Supervision.SUPERVISION, text="快")[0]
    assert [one.supervised_count for one in issue.assignments] == [1, 0]


def test_a_rule_may_know_fewer_ways_to_supervise() -> None:
    issue = rectifying(Rule(supervisions=(Supervision.SUPERVISION,)))
    with pytest.raises(InvalidInput) as refused:
        machine.supervise(issue, OFFICE, AT, TERRITORY, how=Supervision.ON_SITE_OFFICE, text="现场")
    assert refused.value.errors[0].field == ("how",)


def test_a_rule_without_a_way_to_supervise_offers_none() -> None:
    issue = rectifying(Rule(supervisions=()))
    with pytest.raises(IllegalTransition):
        guards.may_supervise(issue, OFFICE, TERRITORY)


def test_urging_is_counted() -> None:
    issue = machine.urge(assigned(), OFFICE, AT, DEPARTMENT, text="请办")[0]
    issue = machine.urge(issue, OFFICE, AT, DEPARTMENT, text="再请")[0]
    assert [one.urged_count for one in issue.assignments] == [0, 2]


# Checks

BOTH_LEVELS = Rule(inspection_levels=(TOWNSHIP, LAST))


def test_where_the_rule_says_so_the_township_inspects_first() -> None:
    issue = feedback(BOTH_LEVELS)
    for passed in (True, False):
        with pytest.raises(IllegalTransition):
            machine.inspect(issue, OFFICE, AT, level=LAST, passed=passed, reason="因")
    issue = machine.inspect(issue, LOOKER, AT, level=TOWNSHIP, passed=True)[0]
    for passed in (True, False):
        with pytest.raises(IllegalTransition, match="already"):
            machine.inspect(issue, LOOKER, AT, level=TOWNSHIP, passed=passed, reason="因")
    assert (issue.state, issue.township_passed_at) == (S.FEEDBACK, AT)
    assert machine.inspect(issue, OFFICE, AT, level=LAST, passed=True)[0].state is S.RECTIFIED
    failed = machine.inspect(issue, OFFICE, AT, level=LAST, passed=False, reason="因")[0]
    assert (failed.state, failed.township_passed_at) == (S.RECTIFYING, None)
    with pytest.raises(IllegalTransition):
        machine.inspect(fed_back(failed), OFFICE, AT, level=LAST, passed=True)


def test_where_the_rule_says_so_the_township_decides() -> None:
    issue = feedback(Rule(inspection_levels=(TOWNSHIP,)))
    assert machine.inspect(issue, LOOKER, AT, level=TOWNSHIP, passed=True)[0].state is S.RECTIFIED
    with pytest.raises(IllegalTransition):
        machine.inspect(issue, OFFICE, AT, level=LAST, passed=True)


FLAGGED: dict[Flag, dict[str, Any]] = {
    Flag.CITY_IDENTIFIED: {"city_identified": True},
    Flag.MULTI_DEPARTMENT: {"multi_department": True},
    Flag.MASS_INTEREST: {"mass_interest": True},
    Flag.POST_DISASTER: {"post_disaster": True},
}


@pytest.mark.parametrize(("must_see", "flag"), list(product(Flag, Flag)))
def test_a_must_see_flag_demands_a_record_on_the_spot(must_see: Flag, flag: Flag) -> None:
    issue = feedback(Rule(must_see=(must_see,)))._replace(**FLAGGED[flag])
    assert machine.flags(issue) == {flag}
    machine.inspect(issue, OFFICE, AT, level=LAST, passed=False, reason="无须到场")
    seen, event = machine.inspect(issue, OFFICE, AT, level=LAST, passed=True, on_site="看过")
    assert (seen.state, event.data["onSite"]) == (S.RECTIFIED, "看过")
    if must_see is not flag:
        machine.inspect(issue, OFFICE, AT, level=LAST, passed=True)
        return
    for level in InspectionLevel:
        with pytest.raises(InvalidInput) as refused:
            machine.inspect(issue, OFFICE, AT, level=level, passed=True)
        assert refused.value.errors[0].field == ("onSite",)


def test_an_unanswered_look_back_has_a_clock_where_the_rule_gives_it_time() -> None:
    issue = rectified(Rule(look_back_days=7))
    assert list(machine.running(issue)) == [(ClockKind.LOOK_BACK, last_second(2021, 7, 8))]
    assert rectified().look_back_due_at is None
    back = machine.send_back(issue, OFFICE, AT, reason="因")[0]
    assert back.look_back_due_at is None


IN_TURN = Rule(look_back_steps=(LookBackStep.INSPECTOR, LookBackStep.CADRE, LookBackStep.OFFICE))


def _looked(issue: IssueFacts, by: LookBackStep, **more: Any) -> IssueFacts:
    given = {"passed": True, "satisfaction": Satisfaction.SATISFIED, **more}
    return machine.look_back(issue, LOOKER, AT, by=by, **given)[0]


@pytest.mark.parametrize("by", LookBackStep)
def test_anyone_may_look_back_where_the_rule_names_nobody(by: LookBackStep) -> None:
    assert _looked(rectified(), by).state is S.CLOSED


def test_they_look_back_in_the_order_of_the_rule() -> None:
    issue = rectified(IN_TURN)
    for number, wanted in enumerate(IN_TURN.look_back_steps):
        assert issue.look_backs == IN_TURN.look_back_steps[:number]
        for other in set(LookBackStep) - {wanted}:
            with pytest.raises(IllegalTransition):
                _looked(issue, other)
        issue = _looked(issue, wanted)
    assert issue.state is S.CLOSED


@pytest.mark.parametrize("fails_at", range(3))
def test_a_failure_at_any_step_begins_again_with_the_first(fails_at: int) -> None:
    issue = rectified(IN_TURN)
    for by in IN_TURN.look_back_steps[:fails_at]:
        issue = _looked(issue, by)
    issue = _looked(issue, IN_TURN.look_back_steps[fails_at], passed=False, satisfaction=None, reason="反弹")
    assert (issue.state, issue.look_backs) == (S.RECTIFYING, ())
    issue = machine.inspect(fed_back(issue), OFFICE, AT, level=LAST, passed=True)[0]
    assert _looked(issue, IN_TURN.look_back_steps[0]).look_backs == IN_TURN.look_back_steps[:1]


@given(st.sets(st.sampled_from(ContactKind)), st.sets(st.sampled_from(ContactKind)))
def test_a_look_back_that_passes_met_all_whom_the_rule_names(
    wanted: set[ContactKind], met: set[ContactKind]
) -> None:
    issue = rectified(Rule(contacts=tuple(wanted)))
    failed = _looked(issue, LookBackStep.CADRE, passed=False, reason="反弹", contacts=frozenset(met))
    assert failed.state is S.RECTIFYING
    if wanted <= met:
        assert _looked(issue, LookBackStep.CADRE, contacts=frozenset(met)).state is S.CLOSED
        return
    with pytest.raises(InvalidInput) as refused:
        _looked(issue, LookBackStep.CADRE, contacts=frozenset(met))
    assert refused.value.errors[0].field == ("contacts",)


def test_what_was_drawn_is_looked_back_at_unannounced() -> None:
    issue = rectified(drawn=True)
    with pytest.raises(InvalidInput) as refused:
        _looked(issue, LookBackStep.CADRE)
    assert refused.value.errors[0].field == ("unannounced",)
    after, event = machine.look_back(
        issue, LOOKER, AT, passed=True, satisfaction=Satisfaction.SATISFIED, unannounced=True
    )
    assert (after.state, event.data["unannounced"]) == (S.CLOSED, True)
    assert not machine.send_back(issue, OFFICE, AT, reason="因")[0].sampled


def test_the_review_of_the_file_visits_nobody() -> None:
    steps = (LookBackStep.CADRE, LookBackStep.OFFICE)
    issue = rectified(Rule(look_back_steps=steps, contacts=tuple(ContactKind)), drawn=True)
    issue = _looked(issue, LookBackStep.CADRE, contacts=frozenset(ContactKind), unannounced=True)
    assert _looked(issue, LookBackStep.OFFICE).state is S.CLOSED
    alone = rectified(Rule(contacts=tuple(ContactKind)))
    with pytest.raises(InvalidInput):
        _looked(alone, LookBackStep.OFFICE)


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("answer", [Satisfaction.DISSATISFIED, Satisfaction.FAIRLY_SATISFIED])
def test_the_review_of_the_file_asks_nobody_and_leaves_the_answer_and_its_exclusion(
    answer: Satisfaction, approved: bool
) -> None:
    rule = Rule(look_back_steps=(LookBackStep.CADRE, LookBackStep.OFFICE))
    issue = excluding(rectified(rule), answer)
    issue = machine.decide_exclusion(issue, OFFICE, AT, approved=approved, reason="因")[0]
    if issue.state is S.RECTIFYING:
        assert (answer, approved) == (Satisfaction.DISSATISFIED, False)
        return
    closed, event = machine.look_back(
        issue, LOOKER, AT, by=LookBackStep.OFFICE, passed=True, satisfaction=None
    )
    assert (closed.state, closed.satisfaction, closed.exclusion) == (S.CLOSED, answer, issue.exclusion)
    assert event.data == {"by": "OFFICE", "passed": True}


@pytest.mark.parametrize("rule", [Rule(), Rule(look_back_steps=(LookBackStep.OFFICE, LookBackStep.CADRE))])
def test_whoever_looks_back_first_brings_an_answer(rule: Rule) -> None:
    with pytest.raises(InvalidInput) as refused:
        _looked(rectified(rule), LookBackStep.OFFICE, satisfaction=None)
    assert refused.value.errors[0].field == ("satisfaction",)
    issue = _looked(rectified(rule), LookBackStep.OFFICE)
    if rule.look_back_steps:
        with pytest.raises(InvalidInput):
            _looked(issue, LookBackStep.CADRE, satisfaction=None)


def test_a_proposed_exclusion_holds_everything_up_but_the_office() -> None:
    issue, event = _excluded(rectified())
    assert (issue.state, issue.exclusion) == (S.RECTIFIED, ExclusionState.PROPOSED)
    assert event.data == {
        "by": "CADRE",
        "satisfaction": "DISSATISFIED",
        "excluded": False,
        "exclusion": "无关",
        "passed": True,
    }
    for by in LookBackStep:
        with pytest.raises(IllegalTransition):
            _looked(issue, by)
    back = machine.send_back(issue, OFFICE, AT, reason="因")[0]
    assert back.exclusion is None


@pytest.mark.parametrize(
    ("satisfaction", "approved", "state"),
    [
        (Satisfaction.DISSATISFIED, True, S.CLOSED),
        (Satisfaction.DISSATISFIED, False, S.RECTIFYING),
        (Satisfaction.SATISFIED, True, S.CLOSED),
        (Satisfaction.SATISFIED, False, S.CLOSED),
    ],
)
def test_an_answer_that_stays_in_the_figure_has_its_effect(
    satisfaction: Satisfaction,
    approved: bool,
    state: IssueState,
) -> None:
    issue, event = machine.decide_exclusion(
        excluding(rectified(), satisfaction), OFFICE, AT, approved=approved, reason="因"
    )
    assert issue.state is state
    assert issue.exclusion is (ExclusionState.APPROVED if approved else ExclusionState.REJECTED)
    assert event.data == {"approved": approved, "excluded": approved}
    assert issue.satisfaction is satisfaction
    with pytest.raises(IllegalTransition):
        machine.decide_exclusion(issue._replace(state=S.RECTIFIED), OFFICE, AT, approved=True)


def test_a_look_back_goes_on_after_an_exclusion_and_a_new_answer_counts() -> None:
    steps = (LookBackStep.CADRE, LookBackStep.INSPECTOR)
    issue = excluding(rectified(Rule(look_back_steps=steps)))
    issue = machine.decide_exclusion(issue, OFFICE, AT, approved=True)[0]
    assert (issue.state, issue.look_backs) == (S.RECTIFIED, steps[:1])
    issue = _looked(issue, LookBackStep.INSPECTOR)
    assert (issue.state, issue.exclusion, issue.satisfaction) == (S.CLOSED, None, Satisfaction.SATISFIED)


def test_a_party_feeds_back_once_and_only_what_it_accepted() -> None:
    issue = machine.feed_back(rectifying(), TOWN, AT, TERRITORY, text="已办")[0]
    with pytest.raises(IllegalTransition):
        machine.feed_back(issue, TOWN, AT, TERRITORY, text="又办")
    half = taken(assigned(), TERRITORY, TOWN)
    assert half.state is S.RECTIFYING
    with pytest.raises(IllegalTransition):
        machine.feed_back(half, BUREAU, AT, DEPARTMENT, text="未签收")
    with pytest.raises(IllegalTransition):
        taken(half, TERRITORY, TOWN)


BACK = [
    name
    for name, (verb, _, leads) in TRIES.items()
    if verb in (Verb.INSPECT_ISSUE, Verb.LOOK_BACK, Verb.DECIDE_EXCLUSION, Verb.SEND_BACK, Verb.REOPEN_ISSUE)
    and S.RECTIFYING in leads.values()
]


@pytest.mark.parametrize("name", BACK)
def test_what_goes_back_returns_to_those_who_had_fed_back(name: str) -> None:
    verb, attempt, leads = TRIES[name]
    for state in leads:
        before = IN_STATE[state]()
        after, _ = attempt(before)
        assert {one.state for one in after.assignments} == {A.ACCEPTED}
        assert all(one.feedback_at is None and one.accepted_at is not None for one in after.assignments)
        assert (after.rectified_at, after.closed_at, after.township_passed_at) == (None, None, None)
        assert (after.look_backs, after.sampled) == ((), False)
        assert after.due_at == before.due_at
        assert after.next_due_at is not None
        counted = (after.sent_back_count, after.reopened_count)
        assert counted == ((0, 1) if verb is Verb.REOPEN_ISSUE else (1, 0))


def test_a_reopened_issue_has_time_anew_and_tells_the_due_time_before() -> None:
    before = closed()
    issue, event = machine.reopen(before, OFFICE, LATER, reason="反弹")
    for one in issue.assignments:
        assert one.solve_due_at == last_second(2021, 8, 20)
        assert one.track_due_at == last_second(2021, 8, 20)
        assert (one.accepted_at, one.arrange_due_at) == (AT, last_second(2021, 7, 2))
    assert issue.due_at == last_second(2021, 8, 20)
    assert event.data == {"dueBefore": before.due_at and before.due_at.isoformat()}
    kinds = {kind for kind, _ in machine.running(issue)}
    assert kinds == {ClockKind.SOLVE, ClockKind.TRACK}, "it was arranged and begun once"


def test_who_had_not_accepted_is_asked_anew_when_it_is_reopened() -> None:
    issue = closed()
    late = issue.assignments[0]._replace(
        state=AssignmentState.PENDING, required=False, accepted_at=None, feedback_at=None, progressed_at=None
    )
    again = machine.reopen(
        issue._replace(assignments=(*issue.assignments, late)), OFFICE, LATER, reason="反弹"
    )[0]
    one = again.assignments[-1]
    assert (one.arrange_due_at, one.progress_due_at) == (last_second(2021, 7, 21), last_second(2021, 7, 23))
    assert (one.solve_due_at, one.track_due_at) == (last_second(2021, 8, 20), last_second(2021, 8, 20))
    assert again.next_due_at == last_second(2021, 7, 21)
    back = late._replace(state=AssignmentState.RETURNED, arbitrate_due_at=last_second(2021, 7, 2))
    again = machine.reopen(
        issue._replace(assignments=(*issue.assignments, back)), OFFICE, LATER, reason="反弹"
    )[0]
    assert again.next_due_at == last_second(2021, 7, 21)


def test_a_plan_ends_with_the_reopening() -> None:
    planned = closed()
    plan = [{"text": "步", "dueOn": "2021-07-05"}]
    parts = tuple(one._replace(plan=plan, plan_state=PlanState.APPROVED) for one in planned.assignments)
    again = machine.reopen(planned._replace(assignments=parts), OFFICE, LATER, reason="反弹")[0]
    assert {(one.plan_state, one.solve_due_at) for one in again.assignments} == {
        (None, last_second(2021, 8, 20))
    }


def test_what_was_fed_back_without_progress_is_not_late_with_it_when_it_comes_back() -> None:
    issue = machine.send_back(feedback(), OFFICE, LATER, reason="因")[0]
    assert {one.progressed_at for one in issue.assignments} == {AT}
    assert {kind for kind, _ in machine.running(issue)} == {ClockKind.SOLVE, ClockKind.TRACK}


HANDLERS = (TOWN, BUREAU, Actor(90, "他号", 50), Actor(2, "同号", 91), Actor(91, "同人", 30))


@pytest.mark.parametrize("actor", HANDLERS, ids=lambda actor: actor.name)
def test_a_handler_neither_inspects_nor_looks_back_nor_decides(actor: Actor) -> None:
    """By the account that acted, by the cadre behind it, and by being the responsible cadre."""
    for passed in (True, False):
        for level in InspectionLevel:
            with pytest.raises(Forbidden):
                machine.inspect(feedback(), actor, AT, level=level, passed=passed, reason="因")
        with pytest.raises(Forbidden):
            machine.look_back(
                rectified(), actor, AT, passed=passed, satisfaction=Satisfaction.SATISFIED, reason="因"
            )
        with pytest.raises(Forbidden):
            machine.decide_exclusion(excluding(rectified()), actor, AT, approved=passed, reason="因")
    for issue in (feedback(), rectified()):
        with pytest.raises(Forbidden):
            machine.send_back(issue, actor, AT, reason="因")


@pytest.mark.parametrize("name", ["return", "progress", "propose a plan", "feed back first"])
def test_each_part_of_the_work_makes_a_handler(name: str) -> None:
    _, attempt, _ = TRIES[name]
    for who in (TOWN, BUREAU):
        before = rectifying()._replace(handlers=frozenset())
        after, event = attempt(before)
        assert after.handlers == machine.names(event.actor)
        if event.actor is who:
            with pytest.raises(Forbidden):
                machine.inspect(after._replace(state=S.FEEDBACK), who, AT, level=LAST, passed=True)


def test_progress_alone_makes_a_handler() -> None:
    issue = machine.progress(rectifying(), LOOKER, AT, DEPARTMENT, text="已开工")[0]
    for which in (TERRITORY, DEPARTMENT):
        issue = machine.feed_back(issue, BUREAU, AT, which, text="已办")[0]
    with pytest.raises(Forbidden):
        machine.inspect(issue, LOOKER, AT, level=LAST, passed=True)


def test_times_are_noted_where_they_belong() -> None:
    later = AT + timedelta(days=3)
    issue = machine.inspect(feedback(complexity=Complexity.GENERAL), OFFICE, later, level=LAST, passed=True)[
        0
    ]
    assert (issue.rectified_at, issue.updated_at, issue.handed_over_at) == (later, later, AT)
    done = machine.look_back(issue, LOOKER, later, passed=True, satisfaction=Satisfaction.SATISFIED)[0]
    assert (done.rectified_at, done.closed_at, done.satisfaction) == (later, later, Satisfaction.SATISFIED)
    assert issue.due_at == datetime(2021, 7, 8, 15, 59, 59, tzinfo=UTC)


# Whatever is done

RULES = (
    DEFAULT,
    BOTH_LEVELS,
    IN_TURN,
    Rule(two_way_supervision=True, look_back_days=3, days=DayKind.WORKING),
    Rule(inspection_levels=(TOWNSHIP,), look_back_steps=(LookBackStep.CADRE,), general_days=0),
)
ACTORS = (OFFICE, TOWN, BUREAU, FINDER, LOOKER, VERIFIER)


def _moves(
    issue: IssueFacts, actor: Actor, at: datetime, which: int, yes: bool
) -> Iterator[Callable[[], Step]]:
    """All that an actor could try now, with ``yes`` for what it says and ``which`` assignment it is about."""
    day = at.astimezone(SHANGHAI).date() + timedelta(days=which * 40)
    answer = tuple(Satisfaction)[which % 3]
    yield lambda: machine.request_verification(issue, actor, at, verifier_id=70, due_on=day, matter="核")
    yield lambda: machine.verify(issue, actor, at, confirmed=yes, finding="查")
    yield lambda: machine.accept(issue, actor, at, category_id=5, complexity=tuple(Complexity)[which % 2])
    yield lambda: machine.dismiss(issue, actor, at, dismissal=Dismissal.OUT_OF_SCOPE, reason="因")
    yield lambda: machine.merge(issue, actor, at, into_id=2, reason="因")
    yield lambda: machine.withdraw(issue, actor, at, reason="因")
    yield lambda: machine.transfer(issue, actor, at, reason="因")
    yield lambda: machine.assign(issue, actor, at, parties=PARTIES, sponsor_id=90)
    for level in InspectionLevel:
        yield partial(
            machine.inspect,
            issue,
            actor,
            at,
            level=level,
            passed=yes,
            reason="因",
            on_site="看过",
            drawn=which == 0,
        )
    for by in LookBackStep:
        yield partial(
            machine.look_back,
            issue,
            actor,
            at,
            by=by,
            passed=yes,
            satisfaction=answer,
            contacts=frozenset(ContactKind),
            unannounced=True,
            exclusion="无关" if yes and which == 1 else None,
        )
    yield lambda: machine.decide_exclusion(issue, actor, at, approved=yes)
    yield lambda: machine.send_back(issue, actor, at, reason="因")
    yield lambda: machine.reopen(issue, actor, at, reason="因")
    if which < len(issue.assignments):
        kind, number = issue.assignments[which].kind, 100 + len(issue.assignments)
        other = (
            Party(kind, party_unit_id=number)
            if kind is AssignmentKind.TERRITORIAL
            else Party(kind, department_id=number)
        )
        yield lambda: machine.accept_assignment(
            issue, actor, at, which, responsible_id=50 + which, responsible_name="某"
        )
        yield lambda: machine.return_assignment(issue, actor, at, which, reason="因")
        yield lambda: machine.insist(issue, actor, at, which, reason="因")
        yield lambda: machine.reassign(issue, actor, at, which, party=other, reason="因")
        yield lambda: machine.progress(issue, actor, at, which, text="文")
        yield lambda: machine.propose_plan(issue, actor, at, which, steps=[PlanStep("步", day)])
        yield lambda: machine.decide_plan(issue, actor, at, which, approved=yes)
        yield lambda: machine.feed_back(issue, actor, at, which, text="文", evidence=1)
        yield lambda: machine.supervise(issue, actor, at, which, how=Supervision.SUPERVISION, text="文")
        yield lambda: machine.urge(issue, actor, at, which, text="文")


def _possible(issue: IssueFacts, actor: Actor, at: datetime, which: int, yes: bool) -> list[Step]:
    steps = []
    for move in _moves(issue, actor, at, which, yes):
        try:
            steps.append(move())
        except Refused:
            continue
    return steps


@given(st.sampled_from(RULES), st.data())
@settings(max_examples=150)
def test_wherever_an_issue_goes_some_things_hold(rule: Rule, data: st.DataObject) -> None:
    issue, at = machine.report(FINDER, AT, rule=rule)[0], AT
    for _ in range(data.draw(st.integers(1, 40))):
        at += timedelta(hours=data.draw(st.integers(0, 100)))
        which, yes = data.draw(st.integers(0, 3)), data.draw(st.booleans())
        steps = [step for actor in ACTORS for step in _possible(issue, actor, at, which, yes)]
        # Mostly onward: most of what is possible early on is an end.
        steps = [step for step in steps if step[0].state is not S.DISMISSED] or steps
        if not steps:
            continue
        after, event = data.draw(st.sampled_from(steps))
        assert after.version == issue.version + 1
        assert (after.updated_at, event.at) == (at, at)
        assert (event.from_state, event.to_state) == (issue.state, after.state)
        assert after.handlers >= issue.handlers
        assert (after.finders, after.reported_at, after.rule) == (issue.finders, issue.reported_at, rule)
        running = [due_at for _, due_at in machine.running(after)]
        assert after.next_due_at == min(running, default=None)
        if after.state in (S.CLOSED, S.DISMISSED, S.REPORTED, S.ACCEPTED):
            assert running == []
        if after.due_at != issue.due_at:
            told = None if issue.due_at is None else issue.due_at.isoformat()
            assert event.data.get("dueBefore") == told
        else:
            assert "dueBefore" not in event.data
        for old, new in zip(issue.assignments, after.assignments, strict=False):
            assert new.supervised_count >= old.supervised_count
            assert new.urged_count >= old.urged_count
            assert old.state is not A.REASSIGNED or new == old
        assert len(after.assignments) >= len(issue.assignments)
        assert (after.state is S.CLOSED) == (after.closed_at is not None)
        assert (after.state in (S.RECTIFIED, S.CLOSED)) == (after.rectified_at is not None)
        assert (after.state is S.DISMISSED) == (after.dismissal is not None)
        issue = after


def test_a_walk_can_come_to_every_state_and_verb() -> None:
    """What the property above walks through is all of the machine, not a corner of it."""
    verbs: dict[EventKind, Verb] = {kind: verb for verb, kind in KINDS.items()}
    done: set[tuple[IssueState, Verb]] = set()
    known, todo = {_kind_of(reported())}, [reported()]
    while todo:
        issue = todo.pop()
        for actor, which, yes in product((OFFICE, TOWN, FINDER, VERIFIER), (1, 0), (True, False)):
            for after, event in _possible(issue, actor, AT, which, yes):
                done.add((issue.state, verbs[event.kind]))
                if len(after.assignments) <= len(PARTIES) and _kind_of(after) not in known:
                    known.add(_kind_of(after))
                    todo.append(after)
    assert done == set(machine.TRANSITIONS)


def _kind_of(issue: IssueFacts) -> tuple[Any, ...]:
    parties = tuple((one.state, one.plan_state) for one in issue.assignments)
    return issue.state, issue.complexity, issue.exclusion, parties
