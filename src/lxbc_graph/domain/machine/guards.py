"""Whether an actor may do a verb now: each guard passes or raises the refusal that a command answers with.

The verbs begin with their guard, and what is offered to a viewer is what the guards let pass: there is one answer.
A guard asks the state of the issue, then of the assignment, then who acts.
"""

from collections.abc import Callable

from lxbc_graph.domain.errors import Forbidden, IllegalTransition
from lxbc_graph.domain.terms import term
from lxbc_graph.domain.words import (
    AssignmentState,
    Complexity,
    ExclusionState,
    InspectionLevel,
    IssueState,
    LookBackStep,
    PlanState,
    Verb,
)

from .facts import Actor, AssignmentFacts, IssueFacts, names
from .transitions import check_state

Guard = Callable[[IssueFacts, Actor, int | None], None]
"""(issue, actor, position of the assignment, None for a verb on the issue)."""


WANTED = frozenset({AssignmentState.PENDING, AssignmentState.RETURNED, AssignmentState.ACCEPTED})
"""States of an assignment of which something is wanted still."""


def of_state(verb: Verb) -> Guard:
    """Return the guard of a verb that asks for nothing but the issue's state."""
    return lambda issue, _actor, _position: check_state(issue, verb)


def may_verify(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
    """The named verifier, and not who found it."""
    check_state(issue, Verb.VERIFY_ISSUE)
    if actor.cadre_id is None or actor.cadre_id != issue.verifier_id:
        raise Forbidden("Only the named verifier verifies.", "只有指定的核实人可以核实。")
    if not issue.finders.isdisjoint(names(actor)):
        raise Forbidden("Whoever found an issue does not verify it.", "发现人不得核实本人上报的问题。")


def may_withdraw(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
    """Who found it."""
    check_state(issue, Verb.WITHDRAW_ISSUE)
    if issue.finders.isdisjoint(names(actor)):
        raise Forbidden("Only whoever found an issue withdraws it.", "只有发现人可以撤回问题。")


def may_accept(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """A party that has not answered yet, or whose return was refused."""
    check_state(issue, Verb.ACCEPT_ASSIGNMENT)
    _require(_at(issue, position), AssignmentState.PENDING)


def may_return(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """A party that has not answered yet; not once the office has insisted."""
    check_state(issue, Verb.RETURN_ASSIGNMENT)
    one = _at(issue, position)
    _require(one, AssignmentState.PENDING)
    if one.insisted:
        raise IllegalTransition(
            "The office has insisted on this assignment: it cannot be returned again.",
            "活动办已裁定维持交办，不能再次退单。",
        )


def may_arbitrate(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """The office, of what was returned."""
    check_state(issue, Verb.ARBITRATE_ASSIGNMENT)
    _require(_at(issue, position), AssignmentState.RETURNED)


def may_progress(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """A party at work."""
    check_state(issue, Verb.REPORT_PROGRESS)
    _require(_at(issue, position), AssignmentState.ACCEPTED)


def may_propose_plan(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """A party at work on a complex issue; an approved plan stands."""
    check_state(issue, Verb.PROPOSE_PLAN)
    one = _at(issue, position)
    _require(one, AssignmentState.ACCEPTED)
    if issue.complexity is not Complexity.COMPLEX:
        raise IllegalTransition("Only a complex issue has a plan.", "只有复杂问题可以提出整改方案。")
    if one.plan_state is PlanState.APPROVED:
        raise IllegalTransition("The plan is approved already.", "整改方案已审定。")


def may_approve_plan(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """The office, of a plan that was proposed."""
    check_state(issue, Verb.APPROVE_PLAN)
    one = _at(issue, position)
    _require(one, AssignmentState.ACCEPTED)
    if one.plan_state is not PlanState.PROPOSED:
        raise IllegalTransition("No plan waits for a decision.", "没有待审定的整改方案。")


def may_feed_back(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """A party at work."""
    check_state(issue, Verb.SUBMIT_FEEDBACK)
    _require(_at(issue, position), AssignmentState.ACCEPTED)


def may_supervise(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """Somebody over a party that is not done, where the rule knows a way."""
    check_state(issue, Verb.SUPERVISE_ISSUE)
    _require_open(_at(issue, position))
    if not issue.rule.supervisions:
        raise IllegalTransition("The rule here knows no supervision.", "本地规则没有督办方式。")


def may_urge(issue: IssueFacts, _actor: Actor, position: int | None) -> None:
    """Somebody over a party that is not done."""
    check_state(issue, Verb.URGE_ISSUE)
    _require_open(_at(issue, position))


def may_inspect(level: InspectionLevel) -> Guard:
    """Return the guard of one level: no handler, and the office after the township where the rule says so."""

    def guard(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
        check_state(issue, Verb.INSPECT_ISSUE)
        if level is InspectionLevel.TOWNSHIP and issue.township_passed_at is not None:
            raise IllegalTransition("The township has passed it already.", "镇级初验已通过。")
        first = InspectionLevel.TOWNSHIP in issue.rule.inspection_levels and issue.township_passed_at is None
        if level is InspectionLevel.OFFICE and first:
            raise IllegalTransition("The township must inspect it first.", "须先经镇级初验，再由活动办核验。")
        _not_a_handler(issue, actor, Verb.INSPECT_ISSUE)

    return guard


def may_look_back(by: LookBackStep) -> Guard:
    """Return the guard of one who looks back: no handler, and in the order that the rule names."""

    def guard(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
        check_state(issue, Verb.LOOK_BACK)
        if issue.exclusion is ExclusionState.PROPOSED:
            raise IllegalTransition(
                "The office must first decide about the exclusion.", "须先由活动办审定不计入申请。"
            )
        steps = issue.rule.look_back_steps
        if steps and by is not (wanted := steps[min(len(issue.look_backs), len(steps) - 1)]):
            raise IllegalTransition(
                f"The next look-back is that of the {wanted.value}.",
                f"下一步须由{term(wanted)}回头看。",
            )
        _not_a_handler(issue, actor, Verb.LOOK_BACK)

    return guard


def may_decide_exclusion(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
    """The office, of an exclusion that was proposed; no handler."""
    check_state(issue, Verb.DECIDE_EXCLUSION)
    if issue.exclusion is not ExclusionState.PROPOSED:
        raise IllegalTransition("No exclusion waits for a decision.", "没有待审定的不计入申请。")
    _not_a_handler(issue, actor, Verb.DECIDE_EXCLUSION)


def may_send_back(state: IssueState) -> Guard:
    """Return the guard of one who may fail an issue in that state: no handler."""

    def guard(issue: IssueFacts, actor: Actor, _position: int | None = None) -> None:
        check_state(issue, Verb.SEND_BACK)
        if issue.state is not state:
            raise Forbidden(
                f"No posting of yours sends back an issue that is {issue.state.value}.",
                f"您的岗位不能退回“{term(issue.state)}”的问题。",
            )
        _not_a_handler(issue, actor, Verb.SEND_BACK)

    return guard


def _at(issue: IssueFacts, position: int | None) -> AssignmentFacts:
    if position is None:
        raise TypeError("a verb on an assignment needs its position")
    return issue.assignments[position]


def _require(one: AssignmentFacts, state: AssignmentState) -> None:
    if one.state is not state:
        raise IllegalTransition(
            f"The assignment is {one.state.value}; this needs {state.value}.",
            f"交办件当前状态为“{term(one.state)}”，须为“{term(state)}”。",
        )


def _require_open(one: AssignmentFacts) -> None:
    if one.state not in WANTED:
        raise IllegalTransition(
            f"The assignment is {one.state.value}: nothing is wanted of it.",
            f"交办件当前状态为“{term(one.state)}”，无须督办催办。",
        )


def _not_a_handler(issue: IssueFacts, actor: Actor, verb: Verb) -> None:
    if not issue.handlers.isdisjoint(names(actor)):
        raise Forbidden(
            f"Whoever handled an issue does not {_CHECKS[verb]} it.",
            f"经办人不得对本人经办的问题进行{term(verb)}。",
        )


_CHECKS = {
    Verb.INSPECT_ISSUE: "inspect",
    Verb.LOOK_BACK: "look back at",
    Verb.DECIDE_EXCLUSION: "decide about the answer to",
    Verb.SEND_BACK: "send back",
}
