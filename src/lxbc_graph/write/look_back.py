"""LookBack: see later whether it holds and what the people say (回头看); closes or sends back."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Satisfaction
from lxbc_graph.policy.actions import Action

from . import inputs
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class LookBack:
    """Look back; a pass needs the people's answer, a failure a reason. DISSATISFIED fails, and says why."""

    issue_id: int
    satisfaction: Satisfaction | None = None
    passed: bool = True
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield the missing answer or reason."""
        check = inputs.optional_text if self.passed else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")
        if self.passed and self.satisfaction is None:
            yield inputs.invalid(
                "Must be given when it passed.", "回访通过须填写群众满意度。", "satisfaction"
            )

    async def handle(self, work: UnitOfWork) -> int:
        """Close or send back; raise Forbidden for a handler."""
        issue, actor = await open_issue(work, self.issue_id, self.expected_version, Action.ISSUE_LOOK_BACK)
        return await record(
            work,
            issue,
            machine.look_back(
                issue.facts,
                actor,
                work.now(),
                passed=self.passed,
                satisfaction=self.satisfaction,
                reason=self.reason,
            ),
        )
