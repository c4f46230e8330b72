"""SuperviseIssue: somebody over a party demands that it gets on (督办)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Supervision, Verb

from . import inputs
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SuperviseIssue:
    """Supervise one assignment, and with it the others where the rule says so (双向督办)."""

    assignment_id: int
    text: str
    how: Supervision = Supervision.SUPERVISION
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the text."""
        yield from inputs.text(self.text, inputs.BODY, "text")

    async def handle(self, work: UnitOfWork) -> int:
        """Note the supervision; raise InvalidInput for a way that the rule does not know."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.SUPERVISE_ISSUE
        )
        step = machine.supervise(issue.facts, actor, work.now(), position, how=self.how, text=self.text)
        return await record(work, issue, step)
