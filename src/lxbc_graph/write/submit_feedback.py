"""SubmitFeedback: a party says that its part is done; the last required one moves the issue (双反馈)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import evidence, inputs
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SubmitFeedback:
    """Say that an accepted assignment is done, and how."""

    assignment_id: int
    text: str
    attachment_ids: tuple[int, ...] = ()
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the text."""
        yield from inputs.text(self.text, inputs.BODY, "text")

    async def handle(self, work: UnitOfWork) -> int:
        """Note the feedback, and move the issue if it was the last."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.SUBMIT_FEEDBACK
        )
        await evidence.check(work, issue.id, self.attachment_ids)
        step = machine.feed_back(
            issue.facts, actor, work.now(), position, text=self.text, evidence=len(self.attachment_ids)
        )
        return await record(work, issue, step, attachments=self.attachment_ids)
