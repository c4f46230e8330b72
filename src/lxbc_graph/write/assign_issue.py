"""AssignIssue: hand an issue over to the territory and the department at once (双交办)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.domain.words import AssignmentKind, AssignmentPart
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import LockedIssue, open_issue
from .record import record
from .unit_of_work import UnitOfWork

MOST_PARTIES = 20


@dataclass(frozen=True, slots=True)
class PartyInput:
    """A party: ``unit_id`` for the territory, ``department_id`` for a department."""

    kind: AssignmentKind
    unit_id: int | None = None
    department_id: int | None = None
    part: AssignmentPart = AssignmentPart.LEAD
    required: bool = True


@dataclass(frozen=True, slots=True)
class AssignIssue:
    """Hand over; a required party of each kind, all distinct."""

    issue_id: int
    parties: tuple[PartyInput, ...]
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield parties that do not name exactly what their kind calls for."""
        yield from inputs.optional_text(self.reason, inputs.REASON, "reason")
        if len(self.parties) > MOST_PARTIES:
            yield inputs.invalid(
                f"At most {MOST_PARTIES} parties.", f"承办单位最多 {MOST_PARTIES} 个。", "parties"
            )
        for index, party in enumerate(self.parties):
            wanted, other = (
                (("unitId", party.unit_id), ("departmentId", party.department_id))
                if party.kind is AssignmentKind.TERRITORIAL
                else (("departmentId", party.department_id), ("unitId", party.unit_id))
            )
            if wanted[1] is None:
                yield inputs.invalid(
                    f"A {party.kind.value} party needs it.", "必须填写。", "parties", str(index), wanted[0]
                )
            if other[1] is not None:
                yield inputs.invalid(
                    f"Does not go with a {party.kind.value} party.",
                    "与承办类型不符。",
                    "parties",
                    str(index),
                    other[0],
                )

    async def handle(self, work: UnitOfWork) -> int:
        """Insert the assignments and set the due time; raise NotFound for a party out of scope."""
        issue, actor = await open_issue(work, self.issue_id, self.expected_version, Action.ISSUE_ASSIGN)
        for index, party in enumerate(self.parties):
            await _check_party(work, issue, party, "parties", str(index))
        parties = tuple(
            machine.Party(party.kind, party.department_id, party.unit_id, party.part, party.required)
            for party in self.parties
        )
        return await record(
            work,
            issue,
            machine.assign(issue.facts, actor, work.now(), parties=parties, reason=self.reason),
        )


async def _check_party(work: UnitOfWork, issue: LockedIssue, party: PartyInput, *field: str) -> None:
    """A department of the issue's own city or county; a unit that the issue lies in."""
    if party.department_id is not None:
        department = await scoped.visible(
            work,
            "department",
            party.department_id,
            Action.DEPARTMENT_READ,
            rows.DEPARTMENT,
            *field,
            "departmentId",
            columns="x.city_id, x.county_id",
        )
        near = department.county_id in (None, issue.path["county_id"])
        if department.city_id != issue.path["city_id"] or not near:
            raise InvalidInput(
                "The department must be of the issue's own county or city.",
                "责任单位须为问题所在县（市、区）或所在市的单位。",
                *field,
                "departmentId",
            )
    if party.unit_id is not None:
        await scoped.visible(
            work, "unit", party.unit_id, Action.UNIT_READ, rows.UNIT, *field, "unitId", columns="x.id"
        )
        if party.unit_id not in issue.path.values():
            raise InvalidInput(
                "The territory must be a unit that the issue lies in.",
                "属地单位须为问题所在地或其上级。",
                *field,
                "unitId",
            )
