"""ReopenIssue: a closed issue came back (反弹)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ReopenIssue:
    """Reopen, saying why."""

    issue_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Back to rectification, with time anew, and count it."""
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.REOPEN_ISSUE)
        calendar = await work.calendar(issue.facts.rule)
        step = machine.reopen(issue.facts, actor, work.now(), reason=self.reason, calendar=calendar)
        return await record(work, issue, step)
