"""ReportIssue: a problem was found in a unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import CommandError
from lxbc_graph.domain.words import Rank, Role, Source, Subject
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.store import tables
from lxbc_graph.store.rules import IN_FORCE

from . import inputs, scoped
from .numbers import next_number
from .record import record_event
from .unit_of_work import UnitOfWork

_RANK_OF_OFFICE = {
    Role.CITY_LEADER: Rank.CITY_LEADER,
    Role.COUNTY_LEADER: Rank.COUNTY_CADRE,
    Role.TOWNSHIP_OFFICE: Rank.TOWNSHIP,
    Role.VILLAGE_OFFICIAL: Rank.VILLAGE,
}


@dataclass(frozen=True, slots=True)
class ReportIssue:
    """Report an issue; the finder is who asks, with the rank of today."""

    unit_id: int
    title: str
    description: str
    source: Source
    subject: Subject = Subject.VILLAGE
    mass_interest: bool = False
    post_disaster: bool = False
    villager_name: str | None = None
    villager_phone: str | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the texts."""
        yield from inputs.text(self.title, inputs.TITLE, "title")
        yield from inputs.text(self.description, inputs.BODY, "description")
        yield from inputs.optional_text(self.villager_name, inputs.TITLE, "villagerName")
        yield from inputs.optional_text(self.villager_phone, inputs.TITLE, "villagerPhone")

    async def handle(self, work: UnitOfWork) -> int:
        """Insert the issue; raise NotFound, Forbidden or InvalidInput for its unit."""
        unit = await scoped.visible(
            work, "unit", self.unit_id, Action.UNIT_READ, rows.UNIT, "unitId", columns="x.*"
        )
        (posting, _), *_ = await scoped.permitted(work, "unit", self.unit_id, rows.UNIT, Action.ISSUE_REPORT)
        actor = work.actor(posting)
        at = work.now()
        scoped.check_open(unit, at, "unitId")
        path = scoped.path_of(unit)
        facts, event = machine.report(
            actor, at, mass_interest=self.mass_interest, post_disaster=self.post_disaster
        )
        issue_id: int = (
            await work.connection.execute(
                insert(tables.issue)
                .values(
                    title=self.title,
                    description=self.description,
                    **path,
                    subject=self.subject,
                    finder_id=actor.cadre_id,
                    finder_account_id=actor.account_id,
                    finder_name=actor.name,
                    finder_rank=await _rank(work, posting.role),
                    unit_level=unit.level,
                    source=self.source,
                    mass_interest=self.mass_interest,
                    post_disaster=self.post_disaster,
                    villager_name=self.villager_name,
                    villager_phone=self.villager_phone,
                    state=facts.state,
                    version=facts.version,
                    reported_at=facts.reported_at,
                    updated_at=facts.updated_at,
                    rules=await _rules(work, path, at),
                    number=await next_number(work, unit.city_id, at),
                )
                .returning(tables.issue.c.id)
            )
        ).scalar_one()
        await record_event(work, issue_id, path, event)
        return issue_id


async def _rules(work: UnitOfWork, path: dict[str, int | None], at: datetime) -> list[int]:
    """Return the rules that the issue begins under, and keeps."""
    above = [path[name] for name in tables.ANCESTORS if path[name] is not None]
    found = await work.connection.exec_driver_sql(IN_FORCE, (above, shanghai_date(at)))
    ids: list[int] = found.scalar_one()
    return ids


async def _rank(work: UnitOfWork, role: Role) -> str:
    if work.principal.cadre_id is None:
        return _RANK_OF_OFFICE.get(role, Rank.STAFF)
    rank: str = (
        await work.connection.execute(
            select(tables.cadre.c.rank).where(tables.cadre.c.id == work.principal.cadre_id)
        )
    ).scalar_one()
    return rank
