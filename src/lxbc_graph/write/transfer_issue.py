"""TransferIssue: the office gives an issue to another unit (转办): an event under the old and the new one."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.domain.words import Verb
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class TransferIssue:
    """Transfer an issue that was not handed over yet to another unit of its city, saying why."""

    issue_id: int
    unit_id: int
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Move it; raise NotFound, Forbidden or InvalidInput for a unit that it cannot go to."""
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.TRANSFER_ISSUE)
        unit = await scoped.visible(
            work, "unit", self.unit_id, Action.UNIT_READ, rows.UNIT, "unitId", columns="x.*"
        )
        await scoped.permitted(work, "unit", self.unit_id, rows.UNIT, Action.ISSUE_TRANSFER)
        at = work.now()
        if unit.city_id != issue.path["city_id"]:
            raise InvalidInput("Not a unit of the issue's city.", "不是问题所在市的单位。", "unitId")
        if self.unit_id == issue.path["unit_id"]:
            raise InvalidInput("The issue is there already.", "问题已在该单位。", "unitId")
        scoped.check_open(unit, at, "unitId")
        step = machine.transfer(issue.facts, actor, at, reason=self.reason)
        return await record(work, issue, step, moved_to=scoped.path_of(unit))
