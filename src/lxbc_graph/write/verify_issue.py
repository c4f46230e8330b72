"""VerifyIssue: the named verifier says whether a report is so (核实)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import evidence, inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class VerifyIssue:
    """Confirm a report, or say that it is not so; the finding is the evidence, with attachments if there are any."""

    issue_id: int
    confirmed: bool
    finding: str
    attachment_ids: tuple[int, ...] = ()
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the finding."""
        yield from inputs.text(self.finding, inputs.BODY, "finding")

    async def handle(self, work: UnitOfWork) -> int:
        """Back to be judged, or dismissed; raise Forbidden for anyone but the verifier."""
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.VERIFY_ISSUE)
        await evidence.check(work, issue.id, self.attachment_ids)
        step = machine.verify(issue.facts, actor, work.now(), confirmed=self.confirmed, finding=self.finding)
        return await record(work, issue, step, attachments=self.attachment_ids)
