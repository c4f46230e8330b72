"""ApprovePlan: the office decides about a plan; an approved one sets the due time (审定整改方案)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import inputs
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ApprovePlan:
    """Approve a proposed plan, or reject it with a reason."""

    assignment_id: int
    approved: bool
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield the missing reason, and what is wrong with it."""
        check = inputs.optional_text if self.approved else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Decide, and move the due time to the last step of an approved plan."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.APPROVE_PLAN
        )
        step = machine.decide_plan(
            issue.facts, actor, work.now(), position, approved=self.approved, reason=self.reason
        )
        return await record(work, issue, step)
