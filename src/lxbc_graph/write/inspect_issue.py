"""InspectIssue: check the feedback; the office's word decides, a township's pass is only noted."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import InspectionLevel
from lxbc_graph.policy.actions import Action

from . import inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork

ACTION = {
    InspectionLevel.TOWNSHIP: Action.ISSUE_INSPECT_TOWNSHIP,
    InspectionLevel.OFFICE: Action.ISSUE_INSPECT_OFFICE,
}


@dataclass(frozen=True, slots=True)
class InspectIssue:
    """Inspect at one level; a failure needs a reason."""

    issue_id: int
    level: InspectionLevel
    passed: bool
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        check = inputs.optional_text if self.passed else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Decide; raise Forbidden for a handler."""
        issue, actor = await open_issue(work, self.issue_id, self.expected_version, ACTION[self.level])
        return await record(
            work,
            issue,
            machine.inspect(
                issue.facts, actor, work.now(), level=self.level, passed=self.passed, reason=self.reason
            ),
        )
