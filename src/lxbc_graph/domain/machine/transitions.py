"""What may follow what: the table of states and verbs, and the one way to take a step."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from lxbc_graph.domain.errors import IllegalTransition
from lxbc_graph.domain.terms import term
from lxbc_graph.domain.words import AssignmentState, EventKind, IssueState, Verb

from .clocks import next_due
from .facts import Actor, AssignmentFacts, EventDraft, IssueFacts, Step

_S = IssueState

TRANSITIONS: Mapping[tuple[IssueState, Verb], frozenset[IssueState]] = MappingProxyType(
    {
        (state, verb): frozenset(states)
        for state, verbs in {
            _S.REPORTED: {
                Verb.REQUEST_VERIFICATION: {_S.VERIFYING},
                Verb.JUDGE_ISSUE: {_S.ACCEPTED, _S.DISMISSED},
                Verb.MERGE_ISSUE: {_S.DISMISSED},
                Verb.WITHDRAW_ISSUE: {_S.DISMISSED},
                Verb.TRANSFER_ISSUE: {_S.REPORTED},
            },
            _S.VERIFYING: {
                Verb.VERIFY_ISSUE: {_S.REPORTED, _S.DISMISSED},
                Verb.WITHDRAW_ISSUE: {_S.DISMISSED},
            },
            _S.ACCEPTED: {
                Verb.ASSIGN_ISSUE: {_S.ASSIGNED},
                Verb.MERGE_ISSUE: {_S.DISMISSED},
                Verb.WITHDRAW_ISSUE: {_S.DISMISSED},
                Verb.TRANSFER_ISSUE: {_S.ACCEPTED},
            },
            _S.ASSIGNED: {
                Verb.ACCEPT_ASSIGNMENT: {_S.RECTIFYING},
                Verb.RETURN_ASSIGNMENT: {_S.ASSIGNED},
                Verb.ARBITRATE_ASSIGNMENT: {_S.ASSIGNED},
                Verb.SUPERVISE_ISSUE: {_S.ASSIGNED},
                Verb.URGE_ISSUE: {_S.ASSIGNED},
                Verb.MERGE_ISSUE: {_S.DISMISSED},
            },
            _S.RECTIFYING: {
                Verb.ACCEPT_ASSIGNMENT: {_S.RECTIFYING},
                Verb.RETURN_ASSIGNMENT: {_S.RECTIFYING},
                Verb.ARBITRATE_ASSIGNMENT: {_S.RECTIFYING},
                Verb.REPORT_PROGRESS: {_S.RECTIFYING},
                Verb.PROPOSE_PLAN: {_S.RECTIFYING},
                Verb.APPROVE_PLAN: {_S.RECTIFYING},
                Verb.SUBMIT_FEEDBACK: {_S.RECTIFYING, _S.FEEDBACK},
                Verb.SUPERVISE_ISSUE: {_S.RECTIFYING},
                Verb.URGE_ISSUE: {_S.RECTIFYING},
                Verb.MERGE_ISSUE: {_S.DISMISSED},
            },
            _S.FEEDBACK: {
                Verb.INSPECT_ISSUE: {_S.RECTIFIED, _S.FEEDBACK, _S.RECTIFYING},
                Verb.SEND_BACK: {_S.RECTIFYING},
            },
            _S.RECTIFIED: {
                Verb.LOOK_BACK: {_S.CLOSED, _S.RECTIFIED, _S.RECTIFYING},
                Verb.DECIDE_EXCLUSION: {_S.CLOSED, _S.RECTIFIED, _S.RECTIFYING},
                Verb.SEND_BACK: {_S.RECTIFYING},
            },
            _S.CLOSED: {Verb.REOPEN_ISSUE: {_S.RECTIFYING}},
        }.items()
        for verb, states in verbs.items()
    }
)
"""(state, verb) -> the states that it can lead to; a pair that is missing is illegal."""


def check_state(issue: IssueFacts, verb: Verb) -> None:
    """Raise IllegalTransition where the verb does not exist in the issue's present state."""
    if (issue.state, verb) not in TRANSITIONS:
        raise IllegalTransition(
            f"{verb.value} is not possible for an issue that is {issue.state.value}.",
            f"问题当前状态为“{term(issue.state)}”，不能{term(verb)}。",
        )


def step(
    verb: Verb,
    before: IssueFacts,
    after: IssueFacts,
    kind: EventKind,
    actor: Actor,
    at: datetime,
    reason: str | None = None,
    data: Mapping[str, Any] = MappingProxyType({}),
    assignment: int | None = None,
) -> Step:
    """Return the facts after the step, one version on, and the event of it.

    A due time that moves is told in the event, so that figures of an earlier moment can be had from it.
    """
    check_state(before, verb)
    if after.state not in TRANSITIONS[before.state, verb]:
        raise AssertionError(f"{verb} leads from {before.state} to {after.state}")
    if before.due_at is not None and after.due_at != before.due_at:
        data = {**data, "dueBefore": before.due_at.isoformat()}
    moved = after._replace(version=before.version + 1, updated_at=at)
    return moved._replace(next_due_at=next_due(moved)), EventDraft(
        kind, before.state, after.state, actor, at, reason, data, assignment
    )


def with_assignment(issue: IssueFacts, position: int, **changes: Any) -> tuple[AssignmentFacts, ...]:
    """Return the assignments, the one at the position changed."""
    return tuple(
        one._replace(**changes) if index == position else one for index, one in enumerate(issue.assignments)
    )


def sent_back(issue: IssueFacts) -> IssueFacts:
    """Return the issue as its handlers get it back: what they fed back counts no more, nor do checks of it."""
    return issue._replace(
        state=IssueState.RECTIFYING,
        rectified_at=None,
        closed_at=None,
        township_passed_at=None,
        look_backs=(),
        look_back_due_at=None,
        sampled=False,
        sent_back_count=issue.sent_back_count + 1,
        assignments=tuple(
            one._replace(state=AssignmentState.ACCEPTED, feedback=None, feedback_at=None)
            if one.state is AssignmentState.FEEDBACK
            else one
            for one in issue.assignments
        ),
    )
