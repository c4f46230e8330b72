"""ArbitrateAssignment: the office insists on what a party returned, or gives it to another (裁定退单)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Verb

from . import inputs
from .assign_issue import PartyInput
from .locked_issue import open_assignment
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ArbitrateAssignment:
    """Decide about a returned assignment; without a ``party`` to take it the office insists."""

    assignment_id: int
    reason: str
    party: PartyInput | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the reason and the party."""
        yield from inputs.text(self.reason, inputs.REASON, "reason")
        if self.party is not None:
            yield from self.party.problems("party")

    async def handle(self, work: UnitOfWork) -> int:
        """Start the clocks anew, of the one party or of the other; raise NotFound for a party out of scope."""
        issue, position, actor = await open_assignment(
            work, self.assignment_id, self.expected_version, Verb.ARBITRATE_ASSIGNMENT
        )
        party = None if self.party is None else await self.party.check(work, issue, "party")
        calendar, at = await work.calendar(issue.facts.rule), work.now()
        if party is None:
            step = machine.insist(issue.facts, actor, at, position, reason=self.reason, calendar=calendar)
        else:
            step = machine.reassign(
                issue.facts, actor, at, position, party=party, reason=self.reason, calendar=calendar
            )
        return await record(work, issue, step)
