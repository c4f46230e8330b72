"""AddAttachment: a file that is kept already becomes evidence of an issue (附件)."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy import insert

from lxbc_graph.domain.errors import Refused
from lxbc_graph.domain.machine import Actor
from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.store import tables
from lxbc_graph.store.database import Database

from . import scoped
from .commands import note_refusal, utc_now
from .unit_of_work import Clock, UnitOfWork, unit_of_work


@dataclass(frozen=True, slots=True)
class AddAttachment:
    """Note who brought which file; its name is only ever shown."""

    issue_id: int
    name: str
    media_type: str
    size: int
    sha256: str

    async def handle(self, work: UnitOfWork) -> int:
        """Insert the row and return its id; raise NotFound or Forbidden."""
        actor = await _uploader(work, self.issue_id)
        attachment_id: int = (
            await work.connection.execute(
                insert(tables.attachment)
                .values(
                    issue_id=self.issue_id,
                    name=self.name,
                    media_type=self.media_type,
                    size=self.size,
                    sha256=self.sha256,
                    uploader_id=actor.cadre_id,
                    account_id=actor.account_id,
                    uploader_name=actor.name,
                    uploaded_at=work.now(),
                )
                .returning(tables.attachment.c.id)
            )
        ).scalar_one()
        return attachment_id


class Uploads:
    """The way in for attachments, each in a transaction of its own."""

    def __init__(self, database: Database, enforcer: Enforcer, now: Clock = utc_now) -> None:
        self._database = database
        self._enforcer = enforcer
        self._now = now

    async def admit(self, issue_id: int, *, principal: Principal) -> None:
        """Raise NotFound or Forbidden for who may not add to the issue, before anything is read."""
        try:
            async with self._work(principal) as work:
                await _uploader(work, issue_id)
        except Refused as refused:
            command = AddAttachment(issue_id, "", "", 0, "")
            await note_refusal(self._database, principal, command, refused.errors)
            raise

    async def add(self, command: AddAttachment, *, principal: Principal) -> int:
        """Do the command and return the id of the attachment; raise NotFound or Forbidden."""
        async with self._work(principal) as work:
            return await command.handle(work)

    def _work(self, principal: Principal) -> AbstractAsyncContextManager[UnitOfWork]:
        return unit_of_work(self._database, principal, self._enforcer, self._now)


async def _uploader(work: UnitOfWork, issue_id: int) -> Actor:
    await scoped.visible(work, "issue", issue_id, Action.ISSUE_READ, rows.ISSUE, columns="x.id")
    (posting, _), *_ = await scoped.permitted(work, "issue", issue_id, rows.ISSUE, Action.ISSUE_ATTACH)
    return work.actor(posting)
