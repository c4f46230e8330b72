"""LookBack: see later whether it holds and what the people say (回头看); closes or sends back."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import ContactKind, LookBackStep, Satisfaction, Verb

from . import evidence, inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class LookBack:
    """Look back; a pass needs the people's answer, a failure a reason. DISSATISFIED fails, and says why.

    A review of the file, after others, needs no answer of its own. ``exclusion`` is why the answer should not count,
    for the office to decide.
    """

    issue_id: int
    satisfaction: Satisfaction | None = None
    passed: bool = True
    contacts: tuple[ContactKind, ...] = ()
    unannounced: bool = False
    exclusion: str | None = None
    reason: str | None = None
    attachment_ids: tuple[int, ...] = ()
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield the missing reason, and an exclusion of no answer."""
        check = inputs.optional_text if self.passed else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")
        yield from inputs.optional_text(self.exclusion, inputs.REASON, "exclusion")
        if self.exclusion is not None and not self.passed:
            yield inputs.invalid(
                "Goes with a look-back that passed.", "回访未通过的，无须申请不计入。", "exclusion"
            )

    async def handle(self, work: UnitOfWork) -> int:
        """Close, leave to the next who looks back or to the office, or send back; raise Forbidden for a handler."""
        issue, actor, way, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.LOOK_BACK)
        await evidence.check(work, issue.id, self.attachment_ids)
        step = machine.look_back(
            issue.facts,
            actor,
            work.now(),
            by=way.by or LookBackStep.CADRE,
            passed=self.passed,
            satisfaction=self.satisfaction,
            contacts=frozenset(self.contacts),
            unannounced=self.unannounced,
            exclusion=self.exclusion,
            reason=self.reason,
        )
        return await record(work, issue, step, attachments=self.attachment_ids)
