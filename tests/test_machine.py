"""The machine against the table of the programme, written down a second time here."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import Forbidden, IllegalTransition, InvalidInput
from lxbc_graph.domain.machine import Actor, IssueFacts, Party, Step
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentState,
    Complexity,
    Dismissal,
    InspectionLevel,
    IssueState,
    Satisfaction,
    Verb,
)

S = IssueState
AT = datetime(2021, 7, 1, 4, tzinfo=UTC)
OFFICE = Actor(1, "活动办", None, 10)
TOWN = Actor(2, "乡镇", None, 20)
BUREAU = Actor(3, "水利局", 30, 30)
LOOKER = Actor(4, "回访人", 40, 40)
PARTIES = (
    Party(AssignmentKind.TERRITORIAL, party_unit_id=7),
    Party(AssignmentKind.DEPARTMENT, department_id=8),
)
TERRITORY, DEPARTMENT = 0, 1


def reported() -> IssueFacts:
    return machine.report(LOOKER, AT)[0]


def accepted() -> IssueFacts:
    return machine.accept(reported(), OFFICE, AT, category_id=5, complexity=Complexity.GENERAL)[0]


def assigned() -> IssueFacts:
    return machine.assign(accepted(), OFFICE, AT, parties=PARTIES)[0]


def taken(issue: IssueFacts, which: int, actor: Actor) -> IssueFacts:
    return machine.accept_assignment(
        issue, actor, AT, which, responsible_id=50 + which, responsible_name="某"
    )[0]


def rectifying() -> IssueFacts:
    return taken(taken(assigned(), TERRITORY, TOWN), DEPARTMENT, BUREAU)


def feedback() -> IssueFacts:
    issue = machine.feed_back(rectifying(), TOWN, AT, TERRITORY, text="已办")[0]
    return machine.feed_back(issue, BUREAU, AT, DEPARTMENT, text="已办")[0]


def rectified() -> IssueFacts:
    return machine.inspect(feedback(), OFFICE, AT, level=InspectionLevel.OFFICE, passed=True)[0]


def closed() -> IssueFacts:
    return machine.look_back(rectified(), LOOKER, AT, passed=True, satisfaction=Satisfaction.SATISFIED)[0]


def dismissed() -> IssueFacts:
    return machine.dismiss(reported(), OFFICE, AT, dismissal=Dismissal.NOT_TRUE, reason="不属实")[0]


IN_STATE: dict[IssueState, Callable[[], IssueFacts]] = {
    S.REPORTED: reported,
    S.VERIFYING: lambda: reported()._replace(state=S.VERIFYING),
    S.ACCEPTED: accepted,
    S.ASSIGNED: assigned,
    S.RECTIFYING: rectifying,
    S.FEEDBACK: feedback,
    S.RECTIFIED: rectified,
    S.CLOSED: closed,
    S.DISMISSED: dismissed,
}

# One try for each outcome of a verb: what is done, and the only states it is good for, with where it leads.
Try = tuple[Verb, Callable[[IssueFacts], Step], dict[IssueState, IssueState]]
TRIES: dict[str, Try] = {
    "accept": (
        Verb.JUDGE,
        lambda i: machine.accept(i, OFFICE, AT, category_id=5, complexity=Complexity.COMPLEX),
        {S.REPORTED: S.ACCEPTED},
    ),
    "dismiss": (
        Verb.JUDGE,
        lambda i: machine.dismiss(i, OFFICE, AT, dismissal=Dismissal.DUPLICATE, reason="重复"),
        {S.REPORTED: S.DISMISSED},
    ),
    "assign": (
        Verb.ASSIGN,
        lambda i: machine.assign(i, OFFICE, AT, parties=PARTIES),
        {S.ACCEPTED: S.ASSIGNED},
    ),
    "take the first": (
        Verb.ACCEPT,
        lambda i: machine.accept_assignment(
            _pending(i), TOWN, AT, TERRITORY, responsible_id=50, responsible_name="某"
        ),
        {S.ASSIGNED: S.RECTIFYING, S.RECTIFYING: S.RECTIFYING},
    ),
    "progress": (
        Verb.PROGRESS,
        lambda i: machine.progress(_at_work(i), BUREAU, AT, DEPARTMENT, text="已开工"),
        {S.RECTIFYING: S.RECTIFYING},
    ),
    "feed back first": (
        Verb.FEED_BACK,
        lambda i: machine.feed_back(_at_work(i), TOWN, AT, TERRITORY, text="已办"),
        {S.RECTIFYING: S.RECTIFYING},
    ),
    "inspect, passed": (
        Verb.INSPECT,
        lambda i: machine.inspect(i, OFFICE, AT, level=InspectionLevel.OFFICE, passed=True),
        {S.FEEDBACK: S.RECTIFIED},
    ),
    "inspect, township passed": (
        Verb.INSPECT,
        lambda i: machine.inspect(i, OFFICE, AT, level=InspectionLevel.TOWNSHIP, passed=True),
        {S.FEEDBACK: S.FEEDBACK},
    ),
    "inspect, failed": (
        Verb.INSPECT,
        lambda i: machine.inspect(
            i, OFFICE, AT, level=InspectionLevel.TOWNSHIP, passed=False, reason="未到位"
        ),
        {S.FEEDBACK: S.RECTIFYING},
    ),
    "look back": (
        Verb.LOOK_BACK,
        lambda i: machine.look_back(i, LOOKER, AT, passed=True, satisfaction=Satisfaction.FAIRLY_SATISFIED),
        {S.RECTIFIED: S.CLOSED},
    ),
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
    "send back": (
        Verb.SEND_BACK,
        lambda i: machine.send_back(i, OFFICE, AT, reason="重办"),
        {S.FEEDBACK: S.RECTIFYING, S.RECTIFIED: S.RECTIFYING},
    ),
    "reopen": (Verb.REOPEN, lambda i: machine.reopen(i, OFFICE, AT, reason="反弹"), {S.CLOSED: S.RECTIFYING}),
}


def _assignments(issue: IssueFacts, state: AssignmentState) -> IssueFacts:
    """Put the parties into the state that the verb needs: only the issue's own can be in the way."""
    parties = issue.assignments or assigned().assignments
    return issue._replace(assignments=tuple(one._replace(state=state) for one in parties))


def _pending(issue: IssueFacts) -> IssueFacts:
    return _assignments(issue, AssignmentState.PENDING)


def _at_work(issue: IssueFacts) -> IssueFacts:
    return _assignments(issue, AssignmentState.ACCEPTED)


@pytest.mark.parametrize(("state", "name"), list(product(IssueState, TRIES)))
def test_every_state_and_verb(state: IssueState, name: str) -> None:
    _, attempt, leads = TRIES[name]
    before = IN_STATE[state]()
    assert before.state is state
    if state not in leads:
        with pytest.raises(IllegalTransition):
            attempt(before)
        return
    after, event = attempt(before)
    assert after.state is leads[state]
    assert (event.from_state, event.to_state) == (state, leads[state])
    assert after.version == before.version + 1


def test_the_table_names_nothing_that_no_try_covers() -> None:
    tried = {(state, verb, to) for verb, _, leads in TRIES.values() for state, to in leads.items()}
    tried.add((S.RECTIFYING, Verb.FEED_BACK, S.FEEDBACK))  # the second of two; see below
    named = {(state, verb, to) for (state, verb), all_to in machine.TRANSITIONS.items() for to in all_to}
    assert named == tried


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


@pytest.mark.parametrize(
    "name", [name for name, (_, _, leads) in TRIES.items() if S.RECTIFYING in leads.values()]
)
def test_what_goes_back_returns_to_those_who_had_fed_back(name: str) -> None:
    verb, attempt, leads = TRIES[name]
    if verb in (Verb.ACCEPT, Verb.PROGRESS, Verb.FEED_BACK):
        return
    for state in leads:
        before = IN_STATE[state]()
        after, _ = attempt(before)
        assert {one.state for one in after.assignments} == {AssignmentState.ACCEPTED}
        assert all(one.feedback_at is None and one.accepted_at is not None for one in after.assignments)
        assert (after.rectified_at, after.closed_at) == (None, None)
        assert after.due_at == before.due_at
        counted = (after.sent_back_count, after.reopened_count)
        assert counted == ((0, 1) if verb is Verb.REOPEN else (1, 0))


HANDLERS = (TOWN, BUREAU, Actor(90, "他号", 50), Actor(2, "同号", 91), Actor(91, "同人", 30))


@pytest.mark.parametrize("actor", HANDLERS, ids=lambda actor: actor.name)
def test_a_handler_neither_inspects_nor_looks_back(actor: Actor) -> None:
    """By the account that acted, by the cadre behind it, and by being the responsible cadre."""
    for passed in (True, False):
        for level in InspectionLevel:
            with pytest.raises(Forbidden):
                machine.inspect(feedback(), actor, AT, level=level, passed=passed, reason="因")
        with pytest.raises(Forbidden):
            machine.look_back(
                rectified(), actor, AT, passed=passed, satisfaction=Satisfaction.SATISFIED, reason="因"
            )
    for issue in (feedback(), rectified()):
        with pytest.raises(Forbidden):
            machine.send_back(issue, actor, AT, reason="因")


def test_progress_alone_makes_a_handler() -> None:
    issue = machine.progress(rectifying(), LOOKER, AT, DEPARTMENT, text="已开工")[0]
    for which in (TERRITORY, DEPARTMENT):
        issue = machine.feed_back(issue, BUREAU, AT, which, text="已办")[0]
    with pytest.raises(Forbidden):
        machine.inspect(issue, LOOKER, AT, level=InspectionLevel.OFFICE, passed=True)


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


def test_times_are_noted_where_they_belong() -> None:
    later = AT + timedelta(days=3)
    issue = machine.inspect(feedback(), OFFICE, later, level=InspectionLevel.OFFICE, passed=True)[0]
    assert (issue.rectified_at, issue.updated_at, issue.handed_over_at) == (later, later, AT)
    done = machine.look_back(issue, LOOKER, later, passed=True, satisfaction=Satisfaction.SATISFIED)[0]
    assert (done.rectified_at, done.closed_at, done.satisfaction) == (later, later, Satisfaction.SATISFIED)
    assert issue.due_at == datetime(2021, 7, 8, 15, 59, 59, tzinfo=UTC)
