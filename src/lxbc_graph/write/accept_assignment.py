"""AcceptAssignment: a party takes its part on, under a responsible cadre; the first starts rectification."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import end_of_day, shanghai_date
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork

FARTHEST_PLAN = timedelta(days=5 * 365)


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
            work, self.assignment_id, self.expected_version, Action.ISSUE_ACCEPT
        )
        responsible = await scoped.visible(
            work,
            "cadre",
            self.responsible_id,
            Action.CADRE_READ,
            rows.CADRE,
            "responsibleId",
            columns="x.name, x.city_id",
        )
        if responsible.city_id != issue.path["city_id"]:
            raise InvalidInput("Not a cadre of the issue's city.", "不是问题所在市的干部。", "responsibleId")
        at = work.now()
        if self.plan_due is not None:
            _check_plan(self.plan_due, shanghai_date(at))
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


def _check_plan(due: date, today: date) -> None:
    if due < today:
        raise InvalidInput("A plan is due today or later.", "计划完成日期不能早于今天。", "planDue")
    if due > today + FARTHEST_PLAN:
        raise InvalidInput("A plan is due within five years.", "计划完成日期不能晚于五年之后。", "planDue")
