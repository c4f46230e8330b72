"""ProposePlan: a party proposes dated steps for a complex issue (整改方案)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import inputs
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork

MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class PlanStepInput:
    """One step; ``due_on`` is a day in Shanghai, to its end."""

    text: str
    due_on: date


@dataclass(frozen=True, slots=True)
class ProposePlan:
    """Propose a plan: steps in the order of their days."""

    assignment_id: int
    steps: tuple[PlanStepInput, ...]
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the steps, and a plan without any."""
        if not 1 <= len(self.steps) <= MOST_STEPS:
            yield inputs.invalid(
                f"From 1 to {MOST_STEPS} steps.", f"须有 1 至 {MOST_STEPS} 个步骤。", "steps"
            )
        for index, one in enumerate(self.steps):
            yield from inputs.text(one.text, inputs.REASON, "steps", str(index), "text")
            if index and one.due_on < self.steps[index - 1].due_on:
                yield inputs.invalid(
                    "Is before the step before it.", "不能早于上一步骤。", "steps", str(index), "dueOn"
                )

    async def handle(self, work: UnitOfWork) -> int:
        """Leave it to the office; raise InvalidInput for a day that has passed."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.PROPOSE_PLAN
        )
        at = work.now()
        for index, one in enumerate(self.steps):
            inputs.check_due(one.due_on, shanghai_date(at), "steps", str(index), "dueOn")
        steps = [machine.PlanStep(one.text, one.due_on) for one in self.steps]
        return await record(work, issue, machine.propose_plan(issue.facts, actor, at, position, steps=steps))
