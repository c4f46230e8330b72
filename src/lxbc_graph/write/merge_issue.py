"""MergeIssue: the office puts an issue together with another that says the same (合并)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class MergeIssue:
    """Merge into another issue, saying why; only that one goes on."""

    issue_id: int
    into_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Dismiss it as a duplicate; raise NotFound or InvalidInput for an issue that it cannot go into."""
        await scoped.hold(work, "issue", (self.issue_id, self.into_id), Action.ISSUE_READ, rows.ISSUE)
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.MERGE_ISSUE)
        await scoped.original(
            work, self.issue_id, issue.path["city_id"], self.into_id, "intoId", goes_on=True
        )
        step = machine.merge(issue.facts, actor, work.now(), into_id=self.into_id, reason=self.reason)
        return await record(work, issue, step)
