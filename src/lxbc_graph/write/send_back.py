"""SendBack: return an issue to its handlers, out of feedback or out of rectified."""

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
class SendBack:
    """Send back, saying why."""

    issue_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Send back; raise Forbidden for a handler, and for who may not fail it in its present state."""
        issue, actor, way, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.SEND_BACK)
        way.guard(issue.facts, actor, None)
        return await record(
            work, issue, machine.send_back(issue.facts, actor, work.now(), reason=self.reason)
        )
