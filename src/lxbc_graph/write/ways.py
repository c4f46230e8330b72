"""Every verb with the ways to do it: what the policy must grant, and what the machine's guard must let pass.

A command takes the first way that is open to one of the principal's postings; a viewer is offered a verb exactly when
there is one.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import TRANSITIONS, Actor, IssueFacts, guards
from lxbc_graph.domain.machine.guards import Guard
from lxbc_graph.domain.words import InspectionLevel, IssueState, LookBackStep, Verb
from lxbc_graph.policy.actions import Action


class Way(NamedTuple):
    """One way to do a verb; ``level`` and ``by`` say as what, where that makes a difference."""

    action: Action
    guard: Guard
    level: InspectionLevel | None = None
    by: LookBackStep | None = None


def _inspecting(level: InspectionLevel, action: Action) -> Way:
    return Way(action, guards.may_inspect(level), level=level)


def _looking_back(by: LookBackStep, action: Action) -> Way:
    return Way(action, guards.may_look_back(by), by=by)


def _simple(verb: Verb, action: Action) -> tuple[Way, ...]:
    return (Way(action, guards.of_state(verb)),)


_LOOK_BACK = {
    LookBackStep.CADRE: Action.ISSUE_LOOK_BACK_CADRE,
    LookBackStep.INSPECTOR: Action.ISSUE_LOOK_BACK_INSPECTOR,
    LookBackStep.OFFICE: Action.ISSUE_LOOK_BACK_OFFICE,
}
_INSPECT = {
    InspectionLevel.OFFICE: Action.ISSUE_INSPECT_OFFICE,
    InspectionLevel.TOWNSHIP: Action.ISSUE_INSPECT_TOWNSHIP,
}

ON_ISSUE: Mapping[Verb, tuple[Way, ...]] = MappingProxyType(
    {
        Verb.REQUEST_VERIFICATION: _simple(Verb.REQUEST_VERIFICATION, Action.ISSUE_REQUEST_VERIFICATION),
        Verb.VERIFY_ISSUE: (Way(Action.ISSUE_VERIFY, guards.may_verify),),
        Verb.JUDGE_ISSUE: _simple(Verb.JUDGE_ISSUE, Action.ISSUE_JUDGE),
        Verb.ASSIGN_ISSUE: _simple(Verb.ASSIGN_ISSUE, Action.ISSUE_ASSIGN),
        Verb.INSPECT_ISSUE: tuple(_inspecting(level, action) for level, action in _INSPECT.items()),
        Verb.LOOK_BACK: tuple(_looking_back(by, action) for by, action in _LOOK_BACK.items()),
        Verb.DECIDE_EXCLUSION: (Way(Action.ISSUE_DECIDE_EXCLUSION, guards.may_decide_exclusion),),
        # Who may fail an issue in its present state may send it back.
        Verb.SEND_BACK: (
            *(Way(action, guards.may_send_back(IssueState.FEEDBACK)) for action in _INSPECT.values()),
            *(Way(action, guards.may_send_back(IssueState.RECTIFIED)) for action in _LOOK_BACK.values()),
        ),
        Verb.REOPEN_ISSUE: _simple(Verb.REOPEN_ISSUE, Action.ISSUE_REOPEN),
        Verb.MERGE_ISSUE: _simple(Verb.MERGE_ISSUE, Action.ISSUE_MERGE),
        Verb.WITHDRAW_ISSUE: (Way(Action.ISSUE_WITHDRAW, guards.may_withdraw),),
        Verb.TRANSFER_ISSUE: _simple(Verb.TRANSFER_ISSUE, Action.ISSUE_TRANSFER),
    }
)
"""Verbs on an issue."""

ON_ASSIGNMENT: Mapping[Verb, tuple[Way, ...]] = MappingProxyType(
    {
        Verb.ACCEPT_ASSIGNMENT: (Way(Action.ISSUE_ACCEPT, guards.may_accept),),
        Verb.RETURN_ASSIGNMENT: (Way(Action.ISSUE_RETURN, guards.may_return),),
        Verb.ARBITRATE_ASSIGNMENT: (Way(Action.ISSUE_ARBITRATE, guards.may_arbitrate),),
        Verb.REPORT_PROGRESS: (Way(Action.ISSUE_PROGRESS, guards.may_progress),),
        Verb.PROPOSE_PLAN: (Way(Action.ISSUE_PROPOSE_PLAN, guards.may_propose_plan),),
        Verb.APPROVE_PLAN: (Way(Action.ISSUE_APPROVE_PLAN, guards.may_approve_plan),),
        Verb.SUBMIT_FEEDBACK: (Way(Action.ISSUE_FEEDBACK, guards.may_feed_back),),
        Verb.SUPERVISE_ISSUE: (Way(Action.ISSUE_SUPERVISE, guards.may_supervise),),
        Verb.URGE_ISSUE: (Way(Action.ISSUE_URGE, guards.may_urge),),
    }
)
"""Verbs on one of its assignments."""


def actions_of(verbs: Mapping[Verb, tuple[Way, ...]]) -> tuple[Action, ...]:
    """Return the actions that the ways of the verbs need, each once."""
    return tuple(dict.fromkeys(way.action for ways in verbs.values() for way in ways))


def is_open(way: Way, facts: IssueFacts, actor: Actor, position: int | None) -> bool:
    """Say whether the machine would let the actor go this way."""
    try:
        way.guard(facts, actor, position)
    except Refused:
        return False
    return True


def offered(
    verbs: Mapping[Verb, tuple[Way, ...]],
    facts: IssueFacts,
    actor: Actor,
    granted: Collection[Action],
    position: int | None = None,
) -> list[Verb]:
    """Return the verbs that the actor may do now, to whom the policy grants the actions on this very row."""
    return [
        verb
        for verb, ways in verbs.items()
        # Every guard asks this first: most verbs are out before one is asked.
        if (facts.state, verb) in TRANSITIONS
        and any(way.action in granted and is_open(way, facts, actor, position) for way in ways)
    ]
