"""AcceptAssignment: a party takes its part on, under a responsible cadre; the first starts rectification."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import end_of_day, shanghai_date
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import inputs, scoped
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AcceptAssignment:
    """Accept one assignment; ``plan_due`` is a day in Shanghai, to its end."""

    assignment_id: int
    responsible_id: int
    measure: str | None = None
    plan_due: date | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the measure."""
        yield from inputs.optional_text(self.measure, inputs.REASON, "measure")

    async def handle(self, work: UnitOfWork) -> int:
        """Name the responsible cadre; raise NotFound if they are out of scope."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.ACCEPT_ASSIGNMENT
        )
        responsible = await scoped.cadre(work, issue.path["city_id"], self.responsible_id, "responsibleId")
        at = work.now()
        if self.plan_due is not None:
            inputs.check_due(self.plan_due, shanghai_date(at), "planDue")
        return await record(
            work,
            issue,
            machine.accept_assignment(
                issue.facts,
                actor,
                at,
                position,
                responsible_id=self.responsible_id,
                responsible_name=responsible.name,
                measure=self.measure,
                plan_due=None if self.plan_due is None else end_of_day(self.plan_due),
            ),
        )
