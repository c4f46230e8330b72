"""InspectIssue: check the feedback; the last level's word decides, a township's pass before it is only noted."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import InspectionLevel, Verb

from . import evidence, inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork
from .ways import ON_ISSUE

_HUNDRED = 100
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class InspectIssue:
    """Inspect at one level; a failure needs a reason, a pass of what is must-see an on-site record."""

    issue_id: int
    level: InspectionLevel
    passed: bool
    reason: str | None = None
    on_site: str | None = None
    attachment_ids: tuple[int, ...] = ()
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason and the record."""
        check = inputs.optional_text if self.passed else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")
        yield from inputs.optional_text(self.on_site, inputs.BODY, "onSite")

    async def handle(self, work: UnitOfWork) -> int:
        """Decide; raise Forbidden for a handler."""
        ways = [way for way in ON_ISSUE[Verb.INSPECT_ISSUE] if way.level is self.level]
        issue, actor, _, _ = await open_issue(
            work, self.issue_id, self.expected_version, Verb.INSPECT_ISSUE, ways
        )
        await evidence.check(work, issue.id, self.attachment_ids)
        rule = issue.facts.rule
        step = machine.inspect(
            issue.facts,
            actor,
            work.now(),
            level=self.level,
            passed=self.passed,
            reason=self.reason,
            on_site=self.on_site,
            drawn=_chance.randrange(_HUNDRED) < rule.sample_percent,
            calendar=await work.calendar(rule),
        )
        return await record(work, issue, step, attachments=self.attachment_ids)
