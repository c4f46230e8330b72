"""RequestVerification: somebody named finds out, by a day, whether a report is so (需核实)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.domain.words import Role, Verb
from lxbc_graph.policy.actions import Action, ScopeKind

from . import inputs, scoped
from .locked_issue import LockedIssue, open_issue
from .record import record
from .unit_of_work import UnitOfWork

_POSTINGS = text(
    "select role, unit_id from posting where cadre_id = :id and valid_from <= now()"
    " and (valid_to is null or now() < valid_to)"
)


@dataclass(frozen=True, slots=True)
class RequestVerification:
    """Ask a cadre to verify; ``due_on`` is a day in Shanghai, to its end."""

    issue_id: int
    verifier_id: int
    due_on: date
    reason: str
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")

    async def handle(self, work: UnitOfWork) -> int:
        """Name the verifier; raise NotFound or InvalidInput for one who could not do it."""
        issue, actor, _, _ = await open_issue(
            work, self.issue_id, self.expected_version, Verb.REQUEST_VERIFICATION
        )
        await scoped.cadre(work, issue.path["city_id"], self.verifier_id, "verifierId")
        at = work.now()
        inputs.check_due(self.due_on, shanghai_date(at), "dueOn")
        if ("cadre", self.verifier_id) in issue.facts.finders:
            raise InvalidInput(
                "Whoever found an issue does not verify it.", "发现人不得核实本人上报的问题。", "verifierId"
            )
        await self._check_reach(work, issue)
        step = machine.request_verification(
            issue.facts, actor, at, verifier_id=self.verifier_id, due_on=self.due_on, matter=self.reason
        )
        return await record(work, issue, step)

    async def _check_reach(self, work: UnitOfWork, issue: LockedIssue) -> None:
        """A verifier needs a posting that will let them: as one who was named, or for the issue's unit."""
        for role, unit_id in await work.connection.execute(_POSTINGS, {"id": self.verifier_id}):
            kinds = work.enforcer.scopes(Role(role), Action.ISSUE_VERIFY)
            if kinds & {ScopeKind.OWN, ScopeKind.ALL}:
                return
            if ScopeKind.SUBTREE in kinds and unit_id in issue.path.values():
                return
            if ScopeKind.UNIT in kinds and unit_id == issue.path["unit_id"]:
                return
        raise InvalidInput(
            "No posting of the cadre lets them verify this issue.",
            "该干部的岗位不能核实此问题。",
            "verifierId",
        )
