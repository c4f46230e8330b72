"""Whatever is done to an issue, by whom and when, the program answers and keeps what the programme's model does."""

import os
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.languages import check_languages
from tests.workflow import dues, may, model
from tests.workflow.counties import (
    ALL_COUNTIES,
    CITY,
    CITY_BUREAU,
    CLASS,
    CLASS_OLD,
    CONTENT,
    NOBODY,
    NOWHERE,
    PATHS,
    PEOPLE,
    County,
)
from tests.workflow.house import House, Newest, Seen
from tests.workflow.issue import Ask, Errors, Issue, Part, Refused, clocks

from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentPart,
    Complexity,
    ContactKind,
    Dismissal,
    InspectionLevel,
    Satisfaction,
    Source,
    Supervision,
)
from lxbc_graph.write import (
    AcceptAssignment,
    ApprovePlan,
    ArbitrateAssignment,
    AssignIssue,
    Command,
    DecideExclusion,
    InspectIssue,
    JudgeIssue,
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
    SendBack,
    SubmitFeedback,
    SuperviseIssue,
    TransferIssue,
    UrgeIssue,
    VerifyIssue,
    WithdrawIssue,
)

SEQUENCES = int(os.environ.get("LXBC_TEST_SEQUENCES", "2000"))
SEED = int(os.environ.get("LXBC_TEST_SEED", "0"))
"""Another one makes other sequences; the same one makes the same again."""
SHARDS = 8
STEPS = 10
"""Commands after the ones that bring an issue to where a sequence begins, of which there are up to twelve."""

BEGINNINGS: tuple[str, ...] = (
    "REPORTED",
    "VERIFYING",
    "ACCEPTED",
    "ASSIGNED",
    "RETURNED",
    "RECTIFYING",
    "PLANNED",
    "FEEDBACK",
)
BEGINNINGS += ("RECTIFIED", "EXCLUDING", "CLOSED")
"""How far an issue has come when a sequence begins; most are states of it (``Workflow.WAYS``)."""

_F = TypeVar("_F", bound=Callable[..., None])

# --- who, and with what

NEAR: tuple[str, ...] = (
    "office",
    "town",
    "bureau",
    "idle",
    "official",
    "hamlet",
    "helper",
    "inspector",
    "double",
)
NEAR += ("leader", "assessor", "screen", "portal")
CITYWIDE = ("city_office", "service_group", "city_leader", "city_bureau", "admin")
EVERYONE = (*NEAR, *CITYWIDE, "party", "far office", "far official", "far bureau", "far helper")


def by(*right: str) -> st.SearchStrategy[str]:
    """Mostly somebody who may."""
    return st.one_of(*[st.sampled_from(right)] * 5, st.sampled_from(EVERYONE))


OFFICES = by("office", "city_office")
JUDGES = by("office", "service_group", "city_office")
PARTY = by("party")
OVERSEERS = by("inspector", "office", "service_group", "double")
VERSION = st.sampled_from((*("read",) * 8, "unasked", "stale"))
TEXT = st.sampled_from(("因",) * 15 + (" ",))
MAYBE_TEXT = TEXT | st.none()
DAYS_AHEAD = st.sampled_from((5, 20, 0, 40, 1, 2, 7, 300, -1, 2000))
CADRES = st.sampled_from(
    ("clerk", "helper", "bureau", "inspector", "double", "leader", "far helper", "nobody")
)
VERIFIERS = st.sampled_from(
    ("inspector", "helper", "double", "leader", "inspector", "clerk", "far helper", "nobody")
)
NEARBY = (
    ("town", "bureau"),
    ("village", "bureau"),
    ("town", "bureau", "city_bureau optional"),
    ("county", "idle"),
)
PARTIES = st.sampled_from(
    (
        *(tuple(f"{one} ASSIST" if at == 1 else one for at, one in enumerate(parties)) for parties in NEARBY),
        *NEARBY,
        ("bureau", "city_bureau"),
        ("town",),
        ("town optional", "bureau optional"),
        ("town", "bureau", "bureau"),
        ("hamlet", "bureau"),
        ("far town", "bureau"),
        ("town", "far bureau"),
        ("town", "nowhere"),
    )
)
UNITS = st.sampled_from(("hamlet", "village", "town", "county", "far village", "city", "nowhere"))


def on(verb: str, who: st.SearchStrategy[str], **inputs: st.SearchStrategy[Any]) -> Callable[[_F], _F]:
    """Make a rule of a mutation: mostly in its time, each fourth step whenever."""

    def wrap(told: _F) -> _F:
        ready = precondition(lambda machine: machine.is_time_for(verb))
        made = rule(**{"who": who, "version": VERSION, "at": st.integers(0, 3), **inputs})(told)  # type: ignore[call-overload]
        return ready(made)  # type: ignore[no-any-return]

    return wrap


class Workflow(RuleBasedStateMachine):
    """One issue, later perhaps two, in the program and in the model."""

    house: ClassVar[House]
    sequences: ClassVar[Iterator[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.sequence = next(self.sequences)
        self.steps = 0
        self.issues: dict[int, Issue] = {}
        self.seen: dict[int, Seen] = {}
        self.fresh = False  # nothing has been done since time passed
        self.newest = Newest(0, None, 0)
        self.last: tuple[str, Command, str, Any] | None = None

    # --- the beginning

    @initialize(
        county=st.sampled_from(list(ALL_COUNTIES)),
        day=st.integers(0, 400),
        hour=st.integers(0, 23),
        finder=st.sampled_from(("official", "helper", "town")),
        flagged=st.booleans(),
        complexity=st.sampled_from(Complexity),
        pace=st.sampled_from((30, 0, 5, 24 * 6)),
        responsible=st.sampled_from(("helper", "double", "clerk")),
        until=st.sampled_from(BEGINNINGS),
    )
    def begin(
        self,
        county: str,
        day: int,
        hour: int,
        finder: str,
        flagged: bool,
        complexity: Complexity,
        pace: int,
        responsible: str,
        until: str,
    ) -> None:
        """Bring an issue somewhere, ``pace`` hours between the steps."""
        self.pace = pace
        # Who is responsible could not look back.
        self.responsible = "clerk" if until in ("EXCLUDING", "CLOSED") else responsible
        self.county = ALL_COUNTIES[county]
        self.complexity = Complexity.COMPLEX if until == "PLANNED" else complexity
        self.house.now = datetime(2024, 1, 2, tzinfo=UTC) + timedelta(days=day, hours=hour)
        self._report(finder, self.county.village, "题", flagged)
        for go in self.WAYS[until]:
            go(self, *self.issues)

    def _well(self, who: str, command: Command, part: int | None = None) -> None:
        (issue_id,) = self.issues
        self.house.now += timedelta(hours=self.pace)
        assert self._do(who, command, issue_id, part, watched=False) == frozenset()

    def _ask_verifier(self, issue_id: int) -> None:
        verifier = self.county.cadres["inspector"]
        self._well("office", RequestVerification(issue_id, verifier, self._day(30), "属实否"))

    def _judge(self, issue_id: int) -> None:
        self._well("office", JudgeIssue(issue_id, CLASS, complexity=self.complexity))

    def _hand_over(self, issue_id: int) -> None:
        parties = tuple(map(self._party, ("town", "bureau ASSIST")))
        self._well("office", AssignIssue(issue_id, parties, self.county.cadres["leader"]))

    def _return_first(self, issue_id: int) -> None:
        self._well("party", ReturnAssignment(self._assignment(issue_id, 0), "非我职责"), 0)

    def _accept_all(self, issue_id: int) -> None:
        for part in range(2):
            assignment = self._assignment(issue_id, part)
            self._well("party", AcceptAssignment(assignment, self.county.cadres[self.responsible]), part)

    def _plan_first(self, issue_id: int) -> None:
        steps = (PlanStepInput("修渠", self._day(20)), PlanStepInput("通水", self._day(50)))
        self._well("party", ProposePlan(self._assignment(issue_id, 0), steps), 0)

    def _feed_back_all(self, issue_id: int) -> None:
        for part in range(2):
            evidence = self.house.attach(self._name("party", issue_id, part), issue_id)
            self._well("party", SubmitFeedback(self._assignment(issue_id, part), "办结", (evidence,)), part)

    def _inspect(self, issue_id: int) -> None:
        for level in self.issues[issue_id].rule["inspectionLevels"]:
            self._well("city_office", InspectIssue(issue_id, InspectionLevel(level), True, on_site="看过"))

    def _exclude(self, issue_id: int) -> None:
        met = tuple(ContactKind)
        self._well(
            "double", LookBack(issue_id, Satisfaction.DISSATISFIED, True, met, True, exclusion="已搬走")
        )

    def _look_back(self, issue_id: int) -> None:
        for step in self.issues[issue_id].rule["lookBackSteps"] or ("INSPECTOR",):
            who = {"CADRE": "double", "INSPECTOR": "inspector", "OFFICE": "office"}[step]
            met = tuple(ContactKind)
            self._well(who, LookBack(issue_id, Satisfaction.SATISFIED, True, met, True))

    _RECTIFYING = (_judge, _hand_over, _accept_all)
    _RECTIFIED = (*_RECTIFYING, _feed_back_all, _inspect)
    WAYS: ClassVar[dict[str, tuple[Callable[["Workflow", int], None], ...]]] = {
        "REPORTED": (),
        "VERIFYING": (_ask_verifier,),
        "ACCEPTED": (_judge,),
        "ASSIGNED": (_judge, _hand_over),
        "RETURNED": (_judge, _hand_over, _return_first),
        "RECTIFYING": _RECTIFYING,
        "PLANNED": (*_RECTIFYING, _plan_first),
        "FEEDBACK": (*_RECTIFYING, _feed_back_all),
        "RECTIFIED": _RECTIFIED,
        "EXCLUDING": (*_RECTIFIED, _exclude),
        "CLOSED": (*_RECTIFIED, _look_back),
    }

    # --- time, and once for one key

    @precondition(lambda self: self.fresh and self.house.now < datetime(2025, 9, 1, tzinfo=UTC))
    @rule(hours=st.sampled_from((1, 9, 24, 60, 24 * 8, 24 * 31)))
    def time_passes(self, hours: int) -> None:
        self.fresh = False
        self.house.now += timedelta(hours=hours)

    @precondition(lambda self: self.fresh and self.last is not None)
    @rule(same=st.booleans())
    def use_a_key_again(self, same: bool) -> None:
        """For the same command there is the first answer, for another one a refusal, and nothing else."""
        assert self.last is not None
        self.fresh = False
        self.house.commits = 0
        name, command, key, outcome = self.last
        if same:
            assert self.house.do(name, command, key) == outcome
        else:
            other = ReportIssue(self.county.village, "别的", "文", Source.VISIT)
            refused = {("IDEMPOTENCY_MISMATCH", ("idempotencyKey",))}
            assert _errors(self.house.do(name, other, key)) == refused
        self._unchanged()

    @rule(who=st.sampled_from(EVERYONE[:-5]))
    def viewer_actions(self, who: str) -> None:
        for issue_id in self.issues:
            self._same_actions(self._name(who, issue_id, None), issue_id)

    # --- the mutations

    @precondition(lambda self: len(self.issues) < 2)
    @rule(
        who=by("official", "helper", "town", "double", "city_office"),
        unit=st.sampled_from(("village", "hamlet", "town", "county", "far village")),
        title=TEXT,
        flagged=st.booleans(),
    )
    def report_issue(self, who: str, unit: str, title: str, flagged: bool) -> None:
        self._report(who, self._unit(unit), title, flagged)

    @on("REQUEST_VERIFICATION", OFFICES, verifier=VERIFIERS, ahead=DAYS_AHEAD, reason=TEXT)
    def request_verification(
        self, who: str, version: str, at: int, verifier: str, ahead: int, reason: str
    ) -> None:
        issue_id, _ = self._target("REQUEST_VERIFICATION", at)
        command = RequestVerification(
            issue_id, self._cadre(verifier), self._day(ahead), reason, self._version(version, issue_id)
        )
        self._do(who, command, issue_id)

    @on("VERIFY_ISSUE", by("verifier"), confirmed=st.booleans(), finding=TEXT)
    def verify_issue(self, who: str, version: str, at: int, confirmed: bool, finding: str) -> None:
        issue_id, _ = self._target("VERIFY_ISSUE", at)
        command = VerifyIssue(issue_id, confirmed, finding, expected_version=self._version(version, issue_id))
        self._do(who, command, issue_id)

    @on(
        "JUDGE_ISSUE",
        JUDGES,
        verdict=st.sampled_from((*Complexity, *Complexity, *Dismissal, "NEITHER")),
        category=st.sampled_from((CLASS, CLASS, CLASS, CLASS_OLD, CONTENT, NOWHERE)),
        content=st.sampled_from((None, CONTENT, CLASS)),
        flagged=st.booleans(),
        reason=MAYBE_TEXT,
    )
    def judge_issue(
        self,
        who: str,
        version: str,
        at: int,
        verdict: str,
        category: int,
        content: int | None,
        flagged: bool,
        reason: str | None,
    ) -> None:
        issue_id, _ = self._target("JUDGE_ISSUE", at)
        expected = self._version(version, issue_id)
        if isinstance(verdict, Dismissal):
            original = self._other(issue_id, at) if verdict is Dismissal.DUPLICATE else None
            self._do(
                who,
                JudgeIssue(
                    issue_id,
                    dismissal=verdict,
                    duplicate_of_id=original,
                    reason=reason,
                    expected_version=expected,
                ),
                issue_id,
            )
            return
        complexity = verdict if isinstance(verdict, Complexity) else None
        command = JudgeIssue(
            issue_id, category, content, complexity, flagged, not flagged, None, None, reason, expected
        )
        self._do(who, command, issue_id)

    @on("MERGE_ISSUE", OFFICES, reason=TEXT)
    def merge_issue(self, who: str, version: str, at: int, reason: str) -> None:
        issue_id, _ = self._target("MERGE_ISSUE", at)
        into = self._other(issue_id, at)
        self._do(who, MergeIssue(issue_id, into, reason, self._version(version, issue_id)), issue_id)

    @on("WITHDRAW_ISSUE", by("official", "helper", "town"), reason=TEXT)
    def withdraw_issue(self, who: str, version: str, at: int, reason: str) -> None:
        issue_id, _ = self._target("WITHDRAW_ISSUE", at)
        self._do(who, WithdrawIssue(issue_id, reason, self._version(version, issue_id)), issue_id)

    @on("TRANSFER_ISSUE", OFFICES, unit=UNITS, reason=TEXT)
    def transfer_issue(self, who: str, version: str, at: int, unit: str, reason: str) -> None:
        issue_id, _ = self._target("TRANSFER_ISSUE", at)
        command = TransferIssue(issue_id, self._unit(unit), reason, self._version(version, issue_id))
        self._do(who, command, issue_id)

    @on(
        "ASSIGN_ISSUE",
        JUDGES,
        parties=PARTIES,
        sponsor=st.sampled_from(("leader", "none", "far helper")),
        reason=MAYBE_TEXT,
    )
    def assign_issue(
        self, who: str, version: str, at: int, parties: tuple[str, ...], sponsor: str, reason: str | None
    ) -> None:
        issue_id, _ = self._target("ASSIGN_ISSUE", at)
        leader = None if sponsor == "none" else self._cadre(sponsor)
        command = AssignIssue(
            issue_id, self._parties(parties), leader, reason, self._version(version, issue_id)
        )
        self._do(who, command, issue_id)

    @on("ACCEPT_ASSIGNMENT", PARTY, responsible=CADRES, measure=MAYBE_TEXT, ahead=st.none() | DAYS_AHEAD)
    def accept_assignment(
        self, who: str, version: str, at: int, responsible: str, measure: str | None, ahead: int | None
    ) -> None:
        issue_id, part = self._target("ACCEPT_ASSIGNMENT", at)
        command = AcceptAssignment(
            self._assignment(issue_id, part),
            self._cadre(responsible),
            measure,
            None if ahead is None else self._day(ahead),
            self._version(version, issue_id),
        )
        self._do(who, command, issue_id, part)

    @on("RETURN_ASSIGNMENT", PARTY, reason=TEXT)
    def return_assignment(self, who: str, version: str, at: int, reason: str) -> None:
        self._on_part("RETURN_ASSIGNMENT", ReturnAssignment, who, version, at, reason)

    @on(
        "ARBITRATE_ASSIGNMENT",
        OFFICES,
        party=st.sampled_from(
            ("none", "none", "none", "bureau", "idle", "city_bureau", "village", "county", "far bureau")
        ),
        reason=TEXT,
    )
    def arbitrate_assignment(self, who: str, version: str, at: int, party: str, reason: str) -> None:
        other = None if party == "none" else self._parties((party,))[0]
        self._on_part("ARBITRATE_ASSIGNMENT", ArbitrateAssignment, who, version, at, reason, other)

    @on("REPORT_PROGRESS", PARTY, text=TEXT)
    def report_progress(self, who: str, version: str, at: int, text: str) -> None:
        self._on_part("REPORT_PROGRESS", ReportProgress, who, version, at, text)

    @on(
        "PROPOSE_PLAN",
        PARTY,
        text=TEXT,
        ahead=st.lists(DAYS_AHEAD, max_size=2).map(sorted) | st.lists(DAYS_AHEAD, max_size=2),
    )
    def propose_plan(self, who: str, version: str, at: int, text: str, ahead: list[int]) -> None:
        steps = tuple(PlanStepInput(text, self._day(days)) for days in ahead)
        self._on_part("PROPOSE_PLAN", ProposePlan, who, version, at, steps)

    @on("APPROVE_PLAN", OFFICES, approved=st.booleans(), reason=MAYBE_TEXT)
    def approve_plan(self, who: str, version: str, at: int, approved: bool, reason: str | None) -> None:
        self._on_part("APPROVE_PLAN", ApprovePlan, who, version, at, approved, reason)

    @on("SUPERVISE_ISSUE", OVERSEERS, text=TEXT, how=st.sampled_from(Supervision))
    def supervise_issue(self, who: str, version: str, at: int, text: str, how: Supervision) -> None:
        self._on_part("SUPERVISE_ISSUE", SuperviseIssue, who, version, at, text, how)

    @on("URGE_ISSUE", OVERSEERS, text=TEXT)
    def urge_issue(self, who: str, version: str, at: int, text: str) -> None:
        self._on_part("URGE_ISSUE", UrgeIssue, who, version, at, text)

    @on("SUBMIT_FEEDBACK", PARTY, text=TEXT, attached=st.booleans())
    def submit_feedback(self, who: str, version: str, at: int, text: str, attached: bool) -> None:
        issue_id, part = self._target("SUBMIT_FEEDBACK", at)
        name = self._name(who, issue_id, part)
        evidence = (self.house.attach(name, issue_id),) if attached else ()
        self._on_part("SUBMIT_FEEDBACK", SubmitFeedback, who, version, at, text, evidence)

    @on(
        "INSPECT_ISSUE",
        by("office", "town", "city_office"),
        level=st.sampled_from(InspectionLevel),
        passed=st.booleans(),
        reason=MAYBE_TEXT,
        on_site=MAYBE_TEXT,
    )
    def inspect_issue(
        self,
        who: str,
        version: str,
        at: int,
        level: InspectionLevel,
        passed: bool,
        reason: str | None,
        on_site: str | None,
    ) -> None:
        issue_id, _ = self._target("INSPECT_ISSUE", at)
        command = InspectIssue(
            issue_id,
            level,
            passed,
            reason,
            on_site,
            expected_version=self._version(version, issue_id),
        )
        self._do(who, command, issue_id)

    @on(
        "LOOK_BACK",
        by("helper", "inspector", "office", "double", "city_office"),
        satisfaction=st.none() | st.sampled_from(Satisfaction),
        passed=st.sampled_from((True, True, False)),
        met=st.sampled_from((tuple(ContactKind), tuple(ContactKind), (ContactKind.VILLAGERS,), ())),
        unannounced=st.booleans(),
        exclusion=MAYBE_TEXT,
        reason=MAYBE_TEXT,
    )
    def look_back(
        self,
        who: str,
        version: str,
        at: int,
        satisfaction: Satisfaction | None,
        passed: bool,
        met: tuple[ContactKind, ...],
        unannounced: bool,
        exclusion: str | None,
        reason: str | None,
    ) -> None:
        issue_id, _ = self._target("LOOK_BACK", at)
        command = LookBack(
            issue_id,
            satisfaction,
            passed,
            met,
            unannounced,
            exclusion,
            reason,
            expected_version=self._version(version, issue_id),
        )
        self._do(who, command, issue_id)

    @on("DECIDE_EXCLUSION", OFFICES, approved=st.booleans(), reason=MAYBE_TEXT)
    def decide_exclusion(self, who: str, version: str, at: int, approved: bool, reason: str | None) -> None:
        issue_id, _ = self._target("DECIDE_EXCLUSION", at)
        command = DecideExclusion(issue_id, approved, reason, self._version(version, issue_id))
        self._do(who, command, issue_id)

    @on("SEND_BACK", by("office", "town", "inspector", "helper"), reason=TEXT)
    def send_back(self, who: str, version: str, at: int, reason: str) -> None:
        issue_id, _ = self._target("SEND_BACK", at)
        self._do(who, SendBack(issue_id, reason, self._version(version, issue_id)), issue_id)

    @on("REOPEN_ISSUE", by("office", "inspector", "city_office"), reason=TEXT)
    def reopen_issue(self, who: str, version: str, at: int, reason: str) -> None:
        issue_id, _ = self._target("REOPEN_ISSUE", at)
        self._do(who, ReopenIssue(issue_id, reason, self._version(version, issue_id)), issue_id)

    # --- what the names in a rule mean

    def _candidates(self, verb: str, *, timely: bool) -> list[tuple[int, int | None]]:
        """The issues, or the parts of them, that somebody may do the verb on now, or could ever."""
        return [
            (issue_id, index)
            for issue_id, issue in self.issues.items()
            for index in (range(len(issue.parts)) if verb in may.WHEN_PART else (None,))
            if not timely or self._possible(verb, issue, None if index is None else issue.parts[index])
        ]

    def _possible(self, verb: str, issue: Issue, part: Part | None) -> bool:
        ask = Ask(PEOPLE["admin"], self.house.now, issue, {})
        return any(may.is_possible(ask, verb, as_, part) for as_ in may.AS.get(verb, (verb,)))

    def is_time_for(self, verb: str) -> bool:
        timely = self.steps % 4 != 3
        if verb == "MERGE_ISSUE" and timely and len(self.issues) == 1:
            return False  # there is nothing to merge with
        return bool(self._candidates(verb, timely=timely))

    def _target(self, verb: str, at: int) -> tuple[int, int | None]:
        found = self._candidates(verb, timely=self.steps % 4 != 3)
        return found[at % len(found)]

    def _assignment(self, issue_id: int, part: int | None) -> int:
        assert part is not None
        assignment_id: int = self.seen[issue_id].parts[part]["id"]
        return assignment_id

    def _version(self, version: str, issue_id: int) -> int | None:
        present: int = self.issues[issue_id].facts["version"]
        return {"read": present, "stale": present - 1, "unasked": None}[version]

    def _other(self, issue_id: int, at: int) -> int:
        """The second issue, or itself, or one that is not there."""
        others = [one for one in self.issues if one != issue_id] * 3
        return [*others, NOWHERE, issue_id][at % (len(others) + 2)]

    def _day(self, ahead: int) -> date:
        return dues.today(self.house.now) + timedelta(days=ahead)

    def _far(self, name: str) -> tuple[County, str]:
        """The county that is meant, and who or what in it; ``far`` is the next one."""
        if not name.startswith("far "):
            return self.county, name
        counties = list(ALL_COUNTIES.values())
        return counties[(counties.index(self.county) + 1) % len(counties)], name.removeprefix("far ")

    def _unit(self, name: str) -> int:
        county, place = self._far(name)
        of = {"county": county.unit, "town": county.town, "village": county.village, "hamlet": county.hamlet}
        return {**of, "city": CITY, "nowhere": NOWHERE}[place]

    def _cadre(self, name: str) -> int:
        county, who = self._far(name)
        return {**county.cadres, "nobody": NOBODY}[who]

    def _parties(self, names: tuple[str, ...]) -> tuple[PartyInput, ...]:
        return tuple(map(self._party, names))

    def _party(self, words: str) -> PartyInput:
        required, words = not words.endswith(" optional"), words.removesuffix(" optional")
        part = AssignmentPart.ASSIST if words.endswith(" ASSIST") else AssignmentPart.LEAD
        county, name = self._far(words.removesuffix(" ASSIST"))
        departments = {"bureau": county.bureau, "idle": county.idle}
        departments |= {"city_bureau": CITY_BUREAU, "nowhere": NOWHERE}
        if name in departments:
            return PartyInput(AssignmentKind.DEPARTMENT, None, departments[name], part, required)
        unit = self._unit(words.removesuffix(" ASSIST"))
        return PartyInput(AssignmentKind.TERRITORIAL, unit, None, part, required)

    def _name(self, who: str, issue_id: int | None, part: int | None) -> str:
        """Whom a rule means: the people of the issue's own county, its party, its verifier."""
        county, name = self._far(who)
        if issue_id is not None:
            issue = self.issues[issue_id]
            if who == "party":
                return self._member(None if part is None else issue.parts[part])
            if who == "verifier":
                named = [one for one, person in PEOPLE.items() if person.cadre == issue.facts["verifier_id"]]
                return named[0] if issue.facts["verifier_id"] else f"{county.name}/helper"
            if len(issue.path) > 1 and not who.startswith("far "):
                county = next(one for one in ALL_COUNTIES.values() if one.unit == issue.path[1])
        return name if name in CITYWIDE else f"{county.name}/{'helper' if name == 'party' else name}"

    def _member(self, part: Part | None) -> str:
        if part is None:
            return f"{self.county.name}/town"
        return next(
            (
                name
                for name, person in PEOPLE.items()
                for seat in person.seats
                if may.is_party(seat, {**part, "state": "PENDING"}) and seat.role in may.PARTY
            ),
            "city_office",
        )

    # --- doing it on both sides

    def _on_part(
        self, verb: str, command: Callable[..., Command], who: str, version: str, at: int, *given: Any
    ) -> None:
        issue_id, part = self._target(verb, at)
        expected = self._version(version, issue_id)
        asked = command(self._assignment(issue_id, part), *given, expected_version=expected)
        self._do(who, asked, issue_id, part)

    def _execute(self, name: str, command: Command) -> Any:
        self.steps += 1
        self.fresh = True
        self.house.now += timedelta(minutes=1)
        self.house.commits = 0
        key = f"{self.sequence}-{self.steps}" if self.steps % 2 else None
        outcome = self.house.do(name, command, key)
        if key is not None and not any(code == "INVALID_INPUT" for code, _ in _errors(outcome)):
            self.last = name, command, key, outcome
        for error in outcome.errors:
            check_languages(error)
        note(f"{self.house.now:%F %R} {name}: {command} -> {sorted(_errors(outcome)) or 'done'}")
        return outcome

    def _report(self, who: str, unit: int, title: str, flagged: bool) -> None:
        name = self._name(who, None, None)
        command = ReportIssue(
            unit, title, "文", Source.VISIT, mass_interest=flagged, post_disaster=not flagged
        )
        outcome = self._execute(name, command)
        try:
            issue = model.begin(
                PEOPLE[name], self.house.now, unit, title, mass_interest=flagged, post_disaster=not flagged
            )
        except Refused as refused:
            expected = refused.errors
        else:
            expected = frozenset()
        assert _errors(outcome) == expected
        if expected:
            self._unchanged()
            return
        self.issues[outcome.row_id] = issue
        self._look(outcome.row_id, [self._event("REPORTED", name, issue, None, issue.unit, None, None)])

    def _do(
        self, who: str, command: Command, issue_id: int, part: int | None = None, *, watched: bool = True
    ) -> Errors:
        """Do the command; the program and the model agree on the answer, and on all that is there afterwards."""
        issue = self.issues[issue_id]
        name = self._name(who, issue_id, part)
        before, unit = dict(issue.facts), issue.unit
        given = {one.name: getattr(command, one.name) for one in fields(command)}
        of_issue = given.pop("issue_id", None)
        given.pop("assignment_id", None)
        outcome = self._execute(name, command)
        ask = Ask(
            PEOPLE[name],
            self.house.now,
            issue,
            self.issues,
            given.pop("expected_version"),
            None if of_issue else issue.parts[part],  # type: ignore[index]
        )
        expected = model.attempt(_snake(type(command).__name__), ask, given)
        assert _errors(outcome) == expected
        if expected:
            self._unchanged()
        else:
            verb = _snake(type(command).__name__).upper()
            moved = before["due_at"] if before["due_at"] not in (None, issue.facts["due_at"]) else None
            kind = may.TOLD[verb]
            told = [self._event(kind, name, issue, before["state"], issue.unit, part, moved)]
            if unit != issue.unit:
                told.insert(0, self._event(kind, name, issue, before["state"], unit, part, moved))
            self._look(issue_id, told)
        if watched:
            self._same_actions(name, issue_id)
        return expected

    def _event(
        self,
        kind: str,
        name: str,
        issue: Issue,
        before: str | None,
        unit: int,
        part: int | None,
        moved: datetime | None,
    ) -> dict[str, Any]:
        path = PATHS[unit]
        return {
            "kind": kind,
            "from": before,
            "to": issue.facts["state"],
            "account": PEOPLE[name].account,
            "cadre": PEOPLE[name].cadre,
            "part": part,
            "unit": unit,
            "path": [*path, *[None] * (4 - len(path))],
            "at": self.house.now,
            "due_before": moved,
        }

    def _unchanged(self) -> None:
        """No row came, no issue is otherwise than before, and nothing was announced."""
        assert self.house.commits == 0
        seen, newest = self.house.see(list(self.issues), self.newest.event)
        assert newest == self.newest
        assert {one: found.gathered for one, found in seen.items()} == {
            one: found.gathered for one, found in self.seen.items()
        }

    def _look(self, issue_id: int, told: list[dict[str, Any]]) -> None:
        """The issue is in the database as it is in the model, these events came, and nothing else changed."""
        found, newest = self.house.see(list(self.issues), self.newest.event)
        assert self.house.commits == 1
        for one, seen in found.items():
            issue = self.issues[one]
            assert _of(issue.facts, seen.facts) == issue.facts
            assert seen.unit == issue.unit
            assert [_of(part, row) for part, row in zip(issue.parts, seen.parts, strict=True)] == issue.parts
            assert seen.clocks == set(clocks(issue))
            if one != issue_id:
                assert seen.gathered == self.seen[one].gathered
                assert seen.events == []
        ids = [one["id"] for one in found[issue_id].parts]
        events = [
            {**_of(told[0], event), "part": event["assignment"] and ids.index(event["assignment"])}
            for event in found[issue_id].events
        ]
        assert events == told
        self.seen = found
        assert newest.event == found[issue_id].events[-1]["id"]
        self.newest = newest

    def _same_actions(self, name: str, issue_id: int) -> None:
        issue = self.issues[issue_id]
        ask = Ask(PEOPLE[name], self.house.now, issue, self.issues)
        if not may.sees(ask):
            return
        expected = [may.viewer_actions(ask), *(may.viewer_actions(ask, part) for part in issue.parts)]
        assert self.house.viewer_actions(name, self.seen[issue_id]) == expected


def _errors(outcome: Any) -> Errors:
    return frozenset((error.code.value, error.field) for error in outcome.errors)


def _of(wanted: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in wanted}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


@pytest.mark.usefixtures("anyio_backend")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_sequence_of_commands_does_what_the_model_does(shard: int, database_url: str) -> None:
    with House.build(database_url) as house:
        machine = type("Workflow", (Workflow,), {"house": house})
        run_state_machine_as_test(
            seed(SEED * SHARDS + shard)(machine),
            settings=settings(
                max_examples=max(1, SEQUENCES // SHARDS),
                stateful_step_count=STEPS,
                print_blob=True,
                phases=[Phase.reuse, Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
