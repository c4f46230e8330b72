"""SendBack: return an issue to its handlers, out of feedback or out of rectified."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import IssueState
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import check_version, lock
from .record import record
from .unit_of_work import UnitOfWork

_INSPECTORS = (Action.ISSUE_INSPECT_OFFICE, Action.ISSUE_INSPECT_TOWNSHIP)
_ANYONE = (*_INSPECTORS, Action.ISSUE_LOOK_BACK)
_ACTIONS = {IssueState.FEEDBACK: _INSPECTORS, IssueState.RECTIFIED: (Action.ISSUE_LOOK_BACK,)}
"""Who may fail an issue in its present state may send it back."""


@dataclass(frozen=True, slots=True)
class SendBack:
    """Send back, saying why."""

    issue_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Send back; raise Forbidden for a handler."""
        issue = await lock(work, self.issue_id, "issueId")
        actions = _ACTIONS.get(issue.facts.state, _ANYONE)
        posting = await scoped.permitted(work, "issue", self.issue_id, rows.ISSUE, *actions)
        check_version(issue, self.expected_version)
        step = machine.send_back(issue.facts, work.actor(posting), work.now(), reason=self.reason)
        return await record(work, issue, step)
