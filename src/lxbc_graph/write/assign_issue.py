"""AssignIssue: hand an issue over to the territory and the department at once (双交办)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.domain.words import LEADERS, AssignmentKind, AssignmentPart, Verb
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

    def problems(self, *field: str) -> Iterator[CommandError]:
        """Yield what its kind calls for and is missing, and what does not go with it."""
        wanted, other = (
            (("unitId", self.unit_id), ("departmentId", self.department_id))
            if self.kind is AssignmentKind.TERRITORIAL
            else (("departmentId", self.department_id), ("unitId", self.unit_id))
        )
        if wanted[1] is None:
            yield inputs.invalid(f"A {self.kind.value} party needs it.", "必须填写。", *field, wanted[0])
        if other[1] is not None:
            yield inputs.invalid(
                f"Does not go with a {self.kind.value} party.", "与承办类型不符。", *field, other[0]
            )

    async def check(self, work: UnitOfWork, issue: LockedIssue, *field: str) -> machine.Party:
        """Return it as the machine knows it: a department of the issue's own city or county, a unit it lies in."""
        line = None
        if self.department_id is not None:
            line = await _line(work, issue, self.department_id, *field, "departmentId")
        if self.unit_id is not None:
            await scoped.visible(
                work, "unit", self.unit_id, Action.UNIT_READ, rows.UNIT, *field, "unitId", columns="x.id"
            )
            if self.unit_id not in issue.path.values():
                raise InvalidInput(
                    "The territory must be a unit that the issue lies in.",
                    "属地单位须为问题所在地或其上级。",
                    *field,
                    "unitId",
                )
        return machine.Party(self.kind, self.department_id, self.unit_id, self.part, self.required, line)


@dataclass(frozen=True, slots=True)
class AssignIssue:
    """Hand over; a required party of each kind, all distinct."""

    issue_id: int
    parties: tuple[PartyInput, ...]
    sponsor_id: int | None = None
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
            yield from party.problems("parties", str(index))

    async def handle(self, work: UnitOfWork) -> int:
        """Insert the assignments and set the due times; raise NotFound for a party or sponsor out of scope."""
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.ASSIGN_ISSUE)
        parties = tuple(
            [
                await party.check(work, issue, "parties", str(index))
                for index, party in enumerate(self.parties)
            ]
        )
        if self.sponsor_id is not None:
            sponsor = await scoped.cadre(work, issue.path["city_id"], self.sponsor_id, "sponsorId")
            if sponsor.rank not in LEADERS:
                raise InvalidInput(
                    "A sponsor is a city leader or a county-level cadre.",
                    "包案领导须为市级领导或县级干部。",
                    "sponsorId",
                )
        step = machine.assign(
            issue.facts,
            actor,
            work.now(),
            parties=parties,
            sponsor_id=self.sponsor_id,
            reason=self.reason,
            calendar=await work.calendar(issue.facts.rule),
        )
        return await record(work, issue, step)


async def _line(work: UnitOfWork, issue: LockedIssue, department_id: int, *field: str) -> str | None:
    department = await scoped.visible(
        work,
        "department",
        department_id,
        Action.DEPARTMENT_READ,
        rows.DEPARTMENT,
        *field,
        columns="x.city_id, x.county_id, x.line",
    )
    near = department.county_id in (None, issue.path["county_id"])
    if department.city_id != issue.path["city_id"] or not near:
        raise InvalidInput(
            "The department must be of the issue's own county or city.",
            "责任单位须为问题所在县（市、区）或所在市的单位。",
            *field,
        )
    line: str | None = department.line
    return line
