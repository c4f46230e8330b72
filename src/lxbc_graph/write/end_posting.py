"""EndPosting: somebody is something no more; the posting stays as history (终止岗位)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain.errors import CommandError, Forbidden
from lxbc_graph.domain.principal import Path
from lxbc_graph.domain.words import AuditKind, Role
from lxbc_graph.policy import audit, rows
from lxbc_graph.policy.actions import TERMS, Action
from lxbc_graph.policy.granting import excess
from lxbc_graph.store.tables import ANCESTORS

from . import scoped
from .postings import close_posting, note
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class EndPosting:
    """End a posting that one could have granted."""

    posting_id: int

    def problems(self) -> Iterator[CommandError]:
        """Yield nothing: there is only an id."""
        return iter(())

    async def handle(self, work: UnitOfWork) -> int:
        """Set its end; raise NotFound, Forbidden or Conflict."""
        found = await scoped.visible(
            work,
            "posting",
            self.posting_id,
            Action.POSTING_READ,
            rows.POSTING,
            "postingId",
            columns="x.*",
            lock=True,
        )
        await scoped.permitted(work, "posting", self.posting_id, rows.POSTING, Action.POSTING_END)
        role = Role(found.role)
        path = Path(*(getattr(found, name) for name in ANCESTORS))
        if (action := excess(work.enforcer, work.principal, role, path)) is not None:
            raise Forbidden(
                f"Nobody ends what they could not grant: as {role} one may {action} beyond what you may.",
                f"不得终止无权授予的岗位：该岗位的“{TERMS[action]}”超出您的权限。",
            )
        await close_posting(work.connection, self.posting_id, work.now())
        entry = audit.by(
            work.principal, AuditKind.POSTING_ENDED, f"Posting:{self.posting_id}", role=role.value
        )
        await note(work.connection, entry)
        return self.posting_id
