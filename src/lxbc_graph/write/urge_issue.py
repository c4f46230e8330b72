"""UrgeIssue: somebody over a party reminds it (催办)."""

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
class UrgeIssue:
    """Urge one assignment on."""

    assignment_id: int
    text: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the text."""
        yield from inputs.text(self.text, inputs.BODY, "text")

    async def handle(self, work: UnitOfWork) -> int:
        """Note that it was urged."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.URGE_ISSUE
        )
        return await record(
            work, issue, machine.urge(issue.facts, actor, work.now(), position, text=self.text)
        )
