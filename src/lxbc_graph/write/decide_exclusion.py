"""DecideExclusion: the office decides whether an answer is left out of the satisfaction figure (不计入)."""

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
class DecideExclusion:
    """Approve a proposed exclusion, or reject it with a reason."""

    issue_id: int
    approved: bool
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield the missing reason, and what is wrong with it."""
        check = inputs.optional_text if self.approved else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Decide; the answer that stays in the figure has its effect now. Raise Forbidden for a handler."""
        issue, actor, _, _ = await open_issue(
            work, self.issue_id, self.expected_version, Verb.DECIDE_EXCLUSION
        )
        step = machine.decide_exclusion(
            issue.facts, actor, work.now(), approved=self.approved, reason=self.reason
        )
        return await record(work, issue, step)
