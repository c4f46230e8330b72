"""A history that a file lists event by event: each is a verb for the machine, so that only what can happen did."""

from collections.abc import Iterable
from functools import partial

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor, EventDraft, IssueFacts, Step
from lxbc_graph.domain.words import Dismissal, EventKind, InspectionLevel, IssueState, Satisfaction

from . import lives
from .entries import EventEntry
from .lives import Script, Verb

_WORK = {
    EventKind.ASSIGNMENT_ACCEPTED: lives.acceptance,
    EventKind.PROGRESS_REPORTED: lives.progress,
    EventKind.FEEDBACK_SUBMITTED: lives.feedback,
}


class Impossible(ValueError):
    """Something that cannot have happened where it is listed; ``path`` begins at the issue."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def replay(script: Script, events: Iterable[tuple[EventEntry, Actor]]) -> tuple[IssueFacts, list[EventDraft]]:
    """Play the events, which open with a report; the script says what they leave open. Raises Impossible."""
    issue: IssueFacts | None = None
    history = []
    for position, (one, actor) in enumerate(events):
        path = f"events[{position}]"
        try:
            issue, event = _step(script, issue, one, actor)
        except Refused as refusal:
            raise Impossible(path, str(refusal)) from refusal
        except Impossible as wrong:
            raise Impossible(f"{path}.{wrong.path}", str(wrong)) from wrong
        history.append(event._replace(reason=one.reason or event.reason, data={**event.data, **one.data}))
    if issue is None:
        raise Impossible("events", "begin with a report")
    return issue, history


def _step(script: Script, issue: IssueFacts | None, one: EventEntry, actor: Actor) -> Step:
    present = issue and issue.state
    if one.from_state not in {None, present}:
        raise Impossible("from_state", f"it is {present} by then")
    if (one.kind is EventKind.REPORTED) is not (issue is None):
        raise Impossible("kind", "a history begins with its one report")
    if issue is None:
        issue, event = machine.report(actor, one.at)
    elif one.at < issue.updated_at:
        raise Impossible("at", "is before the event before it")
    else:
        issue, event = _verb(script, issue, one, actor)(issue)
    if issue.state is not one.to_state:
        raise Impossible("to_state", f"this leads to {issue.state}")
    return issue, event


def _verb(script: Script, issue: IssueFacts, one: EventEntry, actor: Actor) -> Verb:
    at, reason = one.at, one.reason
    closes = one.to_state is IssueState.CLOSED
    if work := _WORK.get(one.kind):
        if one.assignment is None or one.assignment >= len(issue.assignments):
            raise Impossible("assignment", f"must name one of {len(issue.assignments)}")
        return work(script.sides[one.assignment]._replace(actor=actor), one.assignment, at)
    if one.assignment is not None:
        raise Impossible("assignment", "goes with the work on one, no other event")
    match one.kind:
        case EventKind.JUDGED:
            dismissal = script.dismissal or Dismissal.NOT_TRUE
            dismissed = dismissal if one.to_state is IssueState.DISMISSED else None
            judged = script._replace(office=actor, judgement=reason, dismissal=dismissed)
            return lives.judgement(judged, at)
        case EventKind.ASSIGNED:
            return lives.handover(script._replace(office=actor, handover=reason), at)
        case EventKind.INSPECTED:
            final = one.to_state is not IssueState.FEEDBACK
            level = InspectionLevel.OFFICE if final else InspectionLevel.TOWNSHIP
            passed = one.to_state is not IssueState.RECTIFYING
            return partial(machine.inspect, actor=actor, at=at, level=level, passed=passed)
        case EventKind.LOOKED_BACK:
            said = one.data.get("satisfaction", script.satisfaction if closes else None)
            satisfaction = Satisfaction(said) if said in list(Satisfaction) else None
            return partial(machine.look_back, actor=actor, at=at, passed=closes, satisfaction=satisfaction)
        case EventKind.SENT_BACK:
            return partial(machine.send_back, actor=actor, at=at, reason=reason or script.sent_back)
        case _:
            return partial(machine.reopen, actor=actor, at=at, reason=reason or script.reopened)
