"""The life of one issue, told by the state machine: a script says who and when, the machine says what follows."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import Calendar, shanghai_date, weekdays
from lxbc_graph.domain.machine import Actor, EventDraft, IssueFacts, Party, PlanStep, Step
from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import (
    Complexity,
    ContactKind,
    Dismissal,
    InspectionLevel,
    LookBackStep,
    Satisfaction,
    Supervision,
)

_TO_VERIFY = timedelta(days=7)


class Law(NamedTuple):
    """What holds for an issue: the rule that the rows with these ids make together, and the days that people work."""

    rule: Rule = DEFAULT
    ids: tuple[int, ...] = ()
    calendar: Calendar = weekdays


NO_LAW = Law()
"""What holds where no unit says anything."""


class Side(NamedTuple):
    """What one party to the hand-over does, and what others do to it; a time that is None has not come."""

    party: Party
    actor: Actor
    responsible_id: int | None = None
    responsible_name: str = ""
    measure: str | None = None
    plan_due: datetime | None = None
    progress: str = ""
    feedback: str = ""
    accepted_at: datetime | None = None
    progressed_at: datetime | None = None
    feedback_at: datetime | None = None
    again_at: datetime | None = None
    """When it fed back once more, after the issue was sent back or opened again."""
    returned_at: datetime | None = None
    return_reason: str = "不属于本单位职责，申请退单。"
    instead_of: int | None = None
    """Position of the side that returned what this one was then given, at ``given_at``."""
    given_at: datetime | None = None
    urged_at: datetime | None = None
    supervised_at: datetime | None = None
    plan: tuple[PlanStep, ...] = ()
    proposed_at: datetime | None = None
    decided_at: datetime | None = None
    """When the office approved the plan."""


class Script(NamedTuple):
    """Who does what to one issue, and when; a time that is None has not come."""

    reporter: Actor
    office: Actor
    reviewer: Actor
    reported_at: datetime
    verification_at: datetime | None = None
    """When somebody was asked to verify it, which nobody has done yet."""
    judged_at: datetime | None = None
    handed_over_at: datetime | None = None
    initially_inspected_at: datetime | None = None
    sent_back_at: datetime | None = None
    first_rectified_at: datetime | None = None
    first_closed_at: datetime | None = None
    reopened_at: datetime | None = None
    """Needs the two before it, which are then followed by a second time."""
    rectified_at: datetime | None = None
    closed_at: datetime | None = None
    inspector: Actor = Actor(None, "属地")
    """Who checks for the township."""
    supervisor: Actor = Actor(None, "督导组")
    reviewed_by: LookBackStep = LookBackStep.CADRE
    """What the reviewer is."""
    contacts: frozenset[ContactKind] = frozenset()
    """Whom the look-back met, besides those whom the rule names."""
    sides: tuple[Side, ...] = ()
    """In the order of their assignments: those who were given what others returned stand behind the others."""
    verifier_id: int | None = None
    verify_due: date | None = None
    sponsor_id: int | None = None
    category_id: int | None = None
    work_content_id: int | None = None
    complexity: Complexity = Complexity.GENERAL
    city_identified: bool = False
    multi_department: bool = False
    mass_interest: bool = False
    post_disaster: bool = False
    dismissal: Dismissal | None = None
    duplicate_of_id: int | None = None
    satisfaction: Satisfaction | None = Satisfaction.SATISFIED
    judgement: str | None = None
    handover: str | None = None
    sent_back: str = "整改不到位，退回重办。"
    reopened: str = "问题反弹，重新办理。"
    inspection: str | None = None
    on_site: str = "已到现场查看，与反馈一致。"
    visit: str | None = None


def live(script: Script, law: Law = NO_LAW) -> tuple[IssueFacts, list[EventDraft]]:
    """Play the script through the machine; raises ``domain.errors.Refused`` for what the machine forbids."""
    issue, event = report(script, law, script.reporter, script.reported_at)
    events = [event]
    for verb in _verbs(script, law):
        issue, event = verb(issue)
        events.append(event)
    return issue, events


Verb = Callable[[IssueFacts], Step]
"""A verb of the machine that waits for the issue only."""


def _verbs(script: Script, law: Law) -> list[Verb]:
    """Return the verbs in the order of the script, each waiting for the issue."""
    verbs: list[Verb] = []
    office = script.office
    if at := script.verification_at:
        verbs.append(verification(script, at))
    if at := script.judged_at:
        verbs.append(judgement(script, at))
    if at := script.handed_over_at:
        verbs.append(handover(script, law, at))
        verbs += _work(script, law)
    if at := script.initially_inspected_at:
        verbs.append(_inspection(script, law, InspectionLevel.TOWNSHIP, at))
    if at := script.sent_back_at:
        verbs.append(partial(machine.send_back, actor=office, at=at, reason=script.sent_back))
    if at := script.reopened_at:
        verbs += _clearing(script, law, script.first_rectified_at, script.first_closed_at)
        again = partial(machine.reopen, actor=office, at=at, reason=script.reopened)
        verbs.append(partial(again, calendar=law.calendar))
    verbs += _work_again(script.sides)
    verbs += _clearing(script, law, script.rectified_at, script.closed_at)
    return verbs


def report(script: Script, law: Law, actor: Actor, at: datetime) -> Step:
    """Begin; found it has the script's reporter, whoever is said to have written it down."""
    marks = {"mass_interest": script.mass_interest, "post_disaster": script.post_disaster}
    issue, event = machine.report(actor, at, rule=law.rule, **marks)
    return issue._replace(finders=machine.names(script.reporter)), event


def verification(script: Script, at: datetime) -> Verb:
    """The office asks the script's verifier; it must name one."""
    return partial(
        machine.request_verification,
        actor=script.office,
        at=at,
        verifier_id=script.verifier_id or 0,
        due_on=script.verify_due or shanghai_date(at + _TO_VERIFY),
        matter=script.judgement or "请核实所反映的情况是否属实。",
    )


def judgement(script: Script, at: datetime) -> Verb:
    """The office takes the issue up, or dismisses it, unless its finder takes it back."""
    if script.dismissal is Dismissal.WITHDRAWN:
        reason = script.judgement or "经与群众核对，问题已自行解决。"
        return partial(machine.withdraw, actor=script.reporter, at=at, reason=reason)
    if script.dismissal is not None:
        return partial(
            machine.dismiss,
            actor=script.office,
            at=at,
            dismissal=script.dismissal,
            reason=script.judgement or "经研判，不予纳入。",
            duplicate_of_id=script.duplicate_of_id,
        )
    return partial(
        machine.accept,
        actor=script.office,
        at=at,
        category_id=script.category_id,
        complexity=script.complexity,
        work_content_id=script.work_content_id,
        city_identified=script.city_identified,
        multi_department=script.multi_department,
        reason=script.judgement,
    )


def handover(script: Script, law: Law, at: datetime) -> Verb:
    """The office hands the issue over to all sides but those who were only given it later."""
    parties = tuple(side.party for side in script.sides if side.instead_of is None)
    handed = partial(machine.assign, actor=script.office, at=at, parties=parties, reason=script.handover)
    return partial(handed, sponsor_id=script.sponsor_id, calendar=law.calendar)


# ── the work on one assignment ───────────────────────────────────────────────────────────────────────────────


def acceptance(side: Side, position: int, at: datetime) -> Verb:
    """The side takes on its part."""
    return partial(
        machine.accept_assignment,
        actor=side.actor,
        at=at,
        assignment=position,
        responsible_id=side.responsible_id,
        responsible_name=side.responsible_name or side.actor.name,
        measure=side.measure,
        plan_due=side.plan_due,
    )


def refusal(side: Side, law: Law, position: int, at: datetime) -> Verb:
    """The side says that it is not for it."""
    returned = partial(machine.return_assignment, actor=side.actor, at=at, assignment=position)
    return partial(returned, reason=side.return_reason, calendar=law.calendar)


def reassignment(side: Side, law: Law, position: int, office: Actor, at: datetime) -> Verb:
    """The office gives to the side what the one at the position returned."""
    given = partial(machine.reassign, actor=office, at=at, assignment=position, party=side.party)
    return partial(given, reason="职责属于该单位，改派办理。", calendar=law.calendar)


def progress(side: Side, law: Law, position: int, at: datetime) -> Verb:
    """The side tells how far it has come."""
    told = partial(machine.progress, actor=side.actor, at=at, assignment=position, text=side.progress)
    return partial(told, calendar=law.calendar)


def feedback(side: Side, position: int, at: datetime) -> Verb:
    """The side says that its part is done, with evidence that a made life does not show."""
    fed = partial(machine.feed_back, actor=side.actor, at=at, assignment=position, text=side.feedback)
    return partial(fed, evidence=1)


def _work(script: Script, law: Law) -> list[Verb]:
    return _in_order(
        (at, verb)
        for position, side in enumerate(script.sides)
        for at, verb in _work_of(side, position, script, law)
    )


def _work_of(side: Side, position: int, script: Script, law: Law) -> Iterator[tuple[datetime, Verb]]:
    if (at := side.given_at) and side.instead_of is not None:
        yield at, reassignment(side, law, side.instead_of, script.office, at)
    if at := side.urged_at:
        urge = partial(machine.urge, actor=script.office, at=at, assignment=position)
        yield at, partial(urge, text="请抓紧部署办理。")
    if at := side.returned_at:
        yield at, refusal(side, law, position, at)
    if at := side.accepted_at:
        yield at, acceptance(side, position, at)
    if at := side.supervised_at:
        supervise = partial(machine.supervise, actor=script.supervisor, at=at, assignment=position)
        yield at, partial(supervise, how=Supervision.SUPERVISION, text="请尽快推进，及时反馈进展。")
    if at := side.proposed_at:
        propose = partial(machine.propose_plan, actor=side.actor, at=at, assignment=position)
        yield at, partial(propose, steps=side.plan)
    if at := side.decided_at:
        decide = partial(machine.decide_plan, actor=script.office, at=at, assignment=position)
        yield at, partial(decide, approved=True)
    if at := side.progressed_at:
        yield at, progress(side, law, position, at)
    if at := side.feedback_at:
        yield at, feedback(side, position, at)


def _work_again(sides: tuple[Side, ...]) -> list[Verb]:
    return _in_order(
        (at, feedback(side, position, at)) for position, side in enumerate(sides) if (at := side.again_at)
    )


def _in_order(timed: Iterable[tuple[datetime, Verb]]) -> list[Verb]:
    return [verb for _, verb in sorted(timed, key=itemgetter(0))]


# ── the checks, as the rule wants them ───────────────────────────────────────────────────────────────────────


def _clearing(
    script: Script, law: Law, rectified_at: datetime | None, closed_at: datetime | None
) -> Iterator[Verb]:
    if rectified_at:
        for level in law.rule.inspection_levels:
            yield _inspection(script, law, level, rectified_at)
    if closed_at:
        for by, actor in _reviewers(script, law.rule):
            visit = partial(machine.look_back, actor=actor, at=closed_at, passed=True, by=by)
            met = _met(script, law.rule, by)
            said = {"satisfaction": script.satisfaction, "reason": script.visit}
            yield partial(visit, contacts=met, **said)


def _inspection(script: Script, law: Law, level: InspectionLevel, at: datetime) -> Verb:
    """At all levels they saw what the rule says must be seen; at the last they say why it passes."""
    last = level is law.rule.inspection_levels[-1]
    return partial(
        _inspect,
        actor=script.inspector if level is InspectionLevel.TOWNSHIP else script.office,
        at=at,
        level=level,
        passed=True,
        reason=script.inspection if last else None,
        record=script.on_site,
        calendar=law.calendar,
    )


def _inspect(issue: IssueFacts, *, record: str, **more: object) -> Step:
    must_see = not machine.flags(issue).isdisjoint(issue.rule.must_see)
    return machine.inspect(issue, on_site=record if must_see else None, **more)  # type: ignore[arg-type]


def _reviewers(script: Script, rule: Rule) -> list[tuple[LookBackStep, Actor]]:
    """Return who looks back as what: where the rule names nobody, the reviewer alone."""
    if not rule.look_back_steps:
        return [(script.reviewed_by, script.reviewer)]
    usual = script.reviewed_by is LookBackStep.CADRE
    who = {
        LookBackStep.CADRE: script.reviewer if usual else Actor(None, "帮联干部"),
        LookBackStep.INSPECTOR: script.supervisor,
        LookBackStep.OFFICE: script.office,
    }
    return [(step, who[step]) for step in rule.look_back_steps]


def _met(script: Script, rule: Rule, by: LookBackStep) -> frozenset[ContactKind]:
    """Return whom a look-back met; one that only reviews the file, nobody."""
    if by is LookBackStep.OFFICE and rule.look_back_steps:
        return frozenset()
    return script.contacts.union(rule.contacts)
