"""ReportProgress: a party tells how far it has come."""

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
class ReportProgress:
    """Tell how far an accepted assignment has come."""

    assignment_id: int
    text: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the text."""
        yield from inputs.text(self.text, inputs.BODY, "text")

    async def handle(self, work: UnitOfWork) -> int:
        """Note the progress."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.REPORT_PROGRESS
        )
        step = machine.progress(
            issue.facts,
            actor,
            work.now(),
            position,
            text=self.text,
            calendar=await work.calendar(issue.facts.rule),
        )
        return await record(work, issue, step)
