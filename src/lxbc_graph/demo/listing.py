"""A history that a file lists event by event: each is a verb for the machine, so that only what can happen did.

What an event needs besides stands in its ``data``, under the keys that the machine writes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor, EventDraft, IssueFacts, PlanStep, Step
from lxbc_graph.domain.words import (
    ContactKind,
    Dismissal,
    EventKind,
    InspectionLevel,
    IssueState,
    LookBackStep,
    Satisfaction,
    Supervision,
)

from . import lives
from .entries import EventEntry
from .lives import Law, Script, Side, Verb

_Word = TypeVar("_Word", bound=StrEnum)


class Impossible(ValueError):
    """Something that cannot have happened where it is listed; ``path`` begins at the issue."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def replay(
    script: Script, law: Law, events: Iterable[tuple[EventEntry, Actor]]
) -> tuple[IssueFacts, list[EventDraft]]:
    """Play the events, which open with a report; the script says what they leave open. Raises Impossible."""
    issue: IssueFacts | None = None
    history = []
    for position, (one, actor) in enumerate(events):
        path = f"events[{position}]"
        try:
            issue, event = _step(script, law, issue, one, actor)
        except Refused as refusal:
            raise Impossible(path, str(refusal)) from refusal
        except Impossible as wrong:
            raise Impossible(f"{path}.{wrong.path}", str(wrong)) from wrong
        history.append(event._replace(reason=one.reason or event.reason, data={**one.data, **event.data}))
    if issue is None:
        raise Impossible("events", "begin with a report")
    return issue, history


def is_reassignment(one: EventEntry) -> bool:
    """Say whether the event gives an assignment to another party."""
    return one.kind is EventKind.ASSIGNMENT_ARBITRATED and one.data.get("insisted") is False


def _step(script: Script, law: Law, issue: IssueFacts | None, one: EventEntry, actor: Actor) -> Step:
    present = issue and issue.state
    if one.from_state not in {None, present}:
        raise Impossible("from_state", f"it is {present} by then")
    if (one.kind is EventKind.REPORTED) is not (issue is None):
        raise Impossible("kind", "a history begins with its one report")
    if issue is None:
        issue, event = lives.report(script, law, actor, one.at)
    elif one.at < issue.updated_at:
        raise Impossible("at", "is before the event before it")
    else:
        issue, event = _verb(_Scene(script, law, issue, one, actor))(issue)
    if issue.state is not one.to_state:
        raise Impossible("to_state", f"this leads to {issue.state}")
    return issue, event


class _Scene(NamedTuple):
    """An event on the stage: what is listed, who does it, and what the issue is by then."""

    script: Script
    law: Law
    issue: IssueFacts
    one: EventEntry
    actor: Actor

    @property
    def acting(self) -> Script:
        """The script with the event's actor in the office, and the event's reason."""
        reason = self.one.reason
        return self.script._replace(office=self.actor, judgement=reason, handover=reason)

    @property
    def reason(self) -> str:
        return self.one.reason or "按程序办理。"

    def flag(self, key: str, usual: bool) -> bool:
        value = self.one.data.get(key, usual)
        if not isinstance(value, bool):
            raise Impossible(f"data.{key}", "must be true or false")
        return value

    def text(self, key: str) -> str | None:
        value = self.one.data.get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise Impossible(f"data.{key}", "must be text")
        return value

    def word(self, key: str, words: type[_Word], usual: _Word | None) -> _Word | None:
        value = self.one.data.get(key)
        return usual if value is None else _word(f"data.{key}", words, value)

    def words(self, key: str, words: type[_Word]) -> list[_Word]:
        return [_word(f"data.{key}[{place}]", words, value) for place, value in enumerate(self.objects(key))]

    def objects(self, key: str) -> list[Any]:
        value = self.one.data.get(key, [])
        if not isinstance(value, list):
            raise Impossible(f"data.{key}", "must be a list")
        return value


def _word(path: str, words: type[_Word], value: object) -> _Word:
    if isinstance(value, str) and value in list(words):
        return words(value)
    raise Impossible(path, f"must be one of {', '.join(words)}")


def _verb(scene: _Scene) -> Verb:
    one = scene.one
    if on_assignment := _ON_ASSIGNMENT.get(one.kind):
        if one.assignment is None or one.assignment >= len(scene.issue.assignments):
            raise Impossible("assignment", f"must name one of {len(scene.issue.assignments)}")
        side = scene.script.sides[one.assignment]._replace(actor=scene.actor)
        return on_assignment(scene, side, one.assignment)
    if one.assignment is not None:
        raise Impossible("assignment", "goes with the work on one, no other event")
    if on_issue := _ON_ISSUE.get(one.kind):
        return on_issue(scene)
    raise Impossible("kind", "cannot be told in a file")


# ── events of the issue ──────────────────────────────────────────────────────────────────────────────────────


def _requested(scene: _Scene) -> Verb:
    if scene.script.verifier_id is None:
        raise Impossible("kind", "the issue needs a verifier")
    return lives.verification(scene.acting, scene.one.at)


def _verified(scene: _Scene) -> Verb:
    confirmed = scene.one.to_state is not IssueState.DISMISSED
    finding = scene.text("finding") or scene.reason
    return partial(machine.verify, actor=scene.actor, at=scene.one.at, confirmed=confirmed, finding=finding)


def _judged(scene: _Scene) -> Verb:
    usual = scene.script.dismissal or Dismissal.NOT_TRUE
    dismissal = usual if scene.one.to_state is IssueState.DISMISSED else None
    if dismissal is Dismissal.WITHDRAWN:
        raise Impossible("kind", "an issue is withdrawn by its finder, with WITHDRAWN")
    return lives.judgement(scene.acting._replace(dismissal=dismissal), scene.one.at)


def _merged(scene: _Scene) -> Verb:
    """What it goes into is named once all issues are drafted."""
    return partial(
        machine.merge,
        actor=scene.actor,
        at=scene.one.at,
        into_id=0,
        reason=scene.one.reason or "问题重复，合并办理。",
    )


def _withdrawn(scene: _Scene) -> Verb:
    return partial(machine.withdraw, actor=scene.actor, at=scene.one.at, reason=scene.reason)


def _assigned(scene: _Scene) -> Verb:
    return lives.handover(scene.acting, scene.law, scene.one.at)


def _inspected(scene: _Scene) -> Verb:
    levels = scene.law.rule.inspection_levels
    usual = InspectionLevel.TOWNSHIP if scene.one.to_state is IssueState.FEEDBACK else levels[-1]
    return partial(
        machine.inspect,
        actor=scene.actor,
        at=scene.one.at,
        level=scene.word("level", InspectionLevel, usual) or usual,
        passed=scene.one.to_state is not IssueState.RECTIFYING,
        on_site=scene.text("onSite"),
        calendar=scene.law.calendar,
    )


def _looked_back(scene: _Scene) -> Verb:
    steps = scene.law.rule.look_back_steps
    done = len(scene.issue.look_backs)
    usual = steps[done] if done < len(steps) else LookBackStep.CADRE
    passed = scene.one.to_state is not IssueState.RECTIFYING
    said = scene.script.satisfaction if passed else None
    return partial(
        machine.look_back,
        actor=scene.actor,
        at=scene.one.at,
        passed=passed,
        satisfaction=scene.word("satisfaction", Satisfaction, said),
        by=scene.word("by", LookBackStep, usual) or usual,
        contacts=frozenset(scene.words("contacts", ContactKind)),
        unannounced=scene.flag("unannounced", usual=False),
        exclusion=scene.text("exclusion"),
    )


def _exclusion_decided(scene: _Scene) -> Verb:
    approved = scene.flag("approved", usual=True)
    return partial(machine.decide_exclusion, actor=scene.actor, at=scene.one.at, approved=approved)


def _sent_back(scene: _Scene) -> Verb:
    reason = scene.one.reason or scene.script.sent_back
    return partial(machine.send_back, actor=scene.actor, at=scene.one.at, reason=reason)


def _reopened(scene: _Scene) -> Verb:
    reason = scene.one.reason or scene.script.reopened
    reopen = partial(machine.reopen, actor=scene.actor, at=scene.one.at, reason=reason)
    return partial(reopen, calendar=scene.law.calendar)


_ON_ISSUE: Mapping[EventKind, Callable[[_Scene], Verb]] = MappingProxyType(
    {
        EventKind.VERIFICATION_REQUESTED: _requested,
        EventKind.VERIFIED: _verified,
        EventKind.JUDGED: _judged,
        EventKind.MERGED: _merged,
        EventKind.WITHDRAWN: _withdrawn,
        EventKind.ASSIGNED: _assigned,
        EventKind.INSPECTED: _inspected,
        EventKind.LOOKED_BACK: _looked_back,
        EventKind.EXCLUSION_DECIDED: _exclusion_decided,
        EventKind.SENT_BACK: _sent_back,
        EventKind.REOPENED: _reopened,
    }
)


# ── events of one assignment ─────────────────────────────────────────────────────────────────────────────────


def _accepted(scene: _Scene, side: Side, position: int) -> Verb:
    side = side._replace(measure=scene.text("measure") or side.measure)
    return lives.acceptance(side, position, scene.one.at)


def _returned(scene: _Scene, side: Side, position: int) -> Verb:
    side = side._replace(return_reason=scene.one.reason or side.return_reason)
    return lives.refusal(side, scene.law, position, scene.one.at)


def _arbitrated(scene: _Scene, _side: Side, position: int) -> Verb:
    """Whoever is given it is the next of the issue's parties that has no assignment yet."""
    at, place = scene.one.at, len(scene.issue.assignments)
    if scene.flag("insisted", usual=True):
        insist = partial(machine.insist, actor=scene.actor, at=at, assignment=position)
        return partial(insist, reason=scene.reason, calendar=scene.law.calendar)
    return lives.reassignment(scene.script.sides[place], scene.law, position, scene.actor, at)


def _progressed(scene: _Scene, side: Side, position: int) -> Verb:
    side = side._replace(progress=scene.text("progress") or side.progress)
    return lives.progress(side, scene.law, position, scene.one.at)


def _plan_proposed(scene: _Scene, side: Side, position: int) -> Verb:
    steps = [_plan_step(f"data.plan[{n}]", one) for n, one in enumerate(scene.objects("plan"))]
    if not steps:
        raise Impossible("data.plan", "must list its steps")
    days = [shanghai_date(scene.one.at), *(step.due_on for step in steps)]
    for n, (before, due_on) in enumerate(pairwise(days)):
        if due_on < before:
            raise Impossible(f"data.plan[{n}].dueOn", "is before the plan, or the step before it")
    propose = partial(machine.propose_plan, actor=side.actor, at=scene.one.at, assignment=position)
    return partial(propose, steps=steps)


def _plan_step(path: str, one: object) -> PlanStep:
    match one:
        case {"text": str(text), "dueOn": str(day), **rest} if text.strip() and not rest:
            try:
                return PlanStep(text, date.fromisoformat(day))
            except ValueError:
                raise Impossible(f"{path}.dueOn", "must be a day") from None
    raise Impossible(path, "must be a text and dueOn, a day")


def _plan_decided(scene: _Scene, _side: Side, position: int) -> Verb:
    decide = partial(machine.decide_plan, actor=scene.actor, at=scene.one.at, assignment=position)
    return partial(decide, approved=scene.flag("approved", usual=True))


def _fed_back(scene: _Scene, side: Side, position: int) -> Verb:
    side = side._replace(feedback=scene.text("feedback") or side.feedback)
    return lives.feedback(side, position, scene.one.at)


def _supervised(scene: _Scene, _side: Side, position: int) -> Verb:
    how = scene.word("kind", Supervision, None) or next(
        iter(scene.law.rule.supervisions), Supervision.SUPERVISION
    )
    supervise = partial(machine.supervise, actor=scene.actor, at=scene.one.at, assignment=position)
    return partial(supervise, how=how, text=scene.reason)


def _urged(scene: _Scene, _side: Side, position: int) -> Verb:
    urge = partial(machine.urge, actor=scene.actor, at=scene.one.at, assignment=position)
    return partial(urge, text=scene.reason)


_ON_ASSIGNMENT: Mapping[EventKind, Callable[[_Scene, Side, int], Verb]] = MappingProxyType(
    {
        EventKind.ASSIGNMENT_ACCEPTED: _accepted,
        EventKind.ASSIGNMENT_RETURNED: _returned,
        EventKind.ASSIGNMENT_ARBITRATED: _arbitrated,
        EventKind.PROGRESS_REPORTED: _progressed,
        EventKind.PLAN_PROPOSED: _plan_proposed,
        EventKind.PLAN_DECIDED: _plan_decided,
        EventKind.FEEDBACK_SUBMITTED: _fed_back,
        EventKind.SUPERVISED: _supervised,
        EventKind.URGED: _urged,
    }
)
