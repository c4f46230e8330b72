"""The life of one issue, told by the state machine: a script says who and when, the machine says what follows."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from lxbc_graph.domain import machine
from lxbc_graph.domain.machine import Actor, EventDraft, IssueFacts, Party, Step
from lxbc_graph.domain.words import Complexity, Dismissal, InspectionLevel, Satisfaction


class Side(NamedTuple):
    """What one party to the hand-over does; a time that is None has not come."""

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


class Script(NamedTuple):
    """Who does what to one issue, and when; a time that is None has not come."""

    reporter: Actor
    office: Actor
    reviewer: Actor
    reported_at: datetime
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
    sides: tuple[Side, ...] = ()
    category_id: int | None = None
    work_content_id: int | None = None
    complexity: Complexity = Complexity.GENERAL
    city_identified: bool = False
    multi_department: bool = False
    dismissal: Dismissal | None = None
    duplicate_of_id: int | None = None
    satisfaction: Satisfaction | None = Satisfaction.SATISFIED
    judgement: str | None = None
    handover: str | None = None
    sent_back: str = "整改不到位，退回重办。"
    reopened: str = "问题反弹，重新办理。"
    inspection: str | None = None
    visit: str | None = None


def live(script: Script) -> tuple[IssueFacts, list[EventDraft]]:
    """Play the script through the machine; raises ``domain.errors.Refused`` for what the machine forbids."""
    issue, event = machine.report(script.reporter, script.reported_at)
    events = [event]
    for verb in _verbs(script):
        issue, event = verb(issue)
        events.append(event)
    return issue, events


Verb = Callable[[IssueFacts], Step]
"""A verb of the machine that waits for the issue only."""


def _verbs(script: Script) -> list[Verb]:
    """Return the verbs in the order of the script, each waiting for the issue."""
    verbs: list[Verb] = []
    office = script.office
    if at := script.judged_at:
        verbs.append(judgement(script, at))
    if at := script.handed_over_at:
        verbs.append(handover(script, at))
        verbs += _work(script.sides)
    if at := script.initially_inspected_at:
        initial = partial(machine.inspect, level=InspectionLevel.TOWNSHIP, passed=True)
        verbs.append(partial(initial, actor=script.inspector, at=at))
    if at := script.sent_back_at:
        verbs.append(partial(machine.send_back, actor=office, at=at, reason=script.sent_back))
    if at := script.reopened_at:
        verbs += _clearing(script, script.first_rectified_at, script.first_closed_at)
        verbs.append(partial(machine.reopen, actor=office, at=at, reason=script.reopened))
    verbs += _work_again(script.sides)
    verbs += _clearing(script, script.rectified_at, script.closed_at)
    return verbs


def _clearing(script: Script, rectified_at: datetime | None, closed_at: datetime | None) -> Iterator[Verb]:
    if rectified_at:
        final = partial(machine.inspect, level=InspectionLevel.OFFICE, passed=True, reason=script.inspection)
        yield partial(final, actor=script.office, at=rectified_at)
    if closed_at:
        visit = partial(machine.look_back, passed=True, satisfaction=script.satisfaction, reason=script.visit)
        yield partial(visit, actor=script.reviewer, at=closed_at)


def judgement(script: Script, at: datetime) -> Verb:
    """The office takes the issue up, or dismisses it."""
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


def handover(script: Script, at: datetime) -> Verb:
    """The office hands the issue over to all sides."""
    parties = tuple(side.party for side in script.sides)
    return partial(machine.assign, actor=script.office, at=at, parties=parties, reason=script.handover)


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


def progress(side: Side, position: int, at: datetime) -> Verb:
    """The side tells how far it has come."""
    return partial(machine.progress, actor=side.actor, at=at, assignment=position, text=side.progress)


def feedback(side: Side, position: int, at: datetime) -> Verb:
    """The side says that its part is done."""
    return partial(machine.feed_back, actor=side.actor, at=at, assignment=position, text=side.feedback)


def _work(sides: tuple[Side, ...]) -> list[Verb]:
    return _in_order(
        (at, verb(side, position, at))
        for position, side in enumerate(sides)
        for verb, at in (
            (acceptance, side.accepted_at),
            (progress, side.progressed_at),
            (feedback, side.feedback_at),
        )
        if at
    )


def _work_again(sides: tuple[Side, ...]) -> list[Verb]:
    return _in_order(
        (at, feedback(side, position, at)) for position, side in enumerate(sides) if (at := side.again_at)
    )


def _in_order(timed: Iterable[tuple[datetime, Verb]]) -> list[Verb]:
    return [verb for _, verb in sorted(timed, key=itemgetter(0))]
