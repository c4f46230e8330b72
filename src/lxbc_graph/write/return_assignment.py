"""ReturnAssignment: a party says that it is not for it (退单)."""

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
class ReturnAssignment:
    """Return an assignment that was not accepted yet, saying why."""

    assignment_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Leave it to the office, which has a day."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.RETURN_ASSIGNMENT
        )
        calendar = await work.calendar(issue.facts.rule)
        step = machine.return_assignment(
            issue.facts, actor, work.now(), position, reason=self.reason, calendar=calendar
        )
        return await record(work, issue, step)
