"""Which file an attachment is, for who may see its issue."""

from dataclasses import dataclass
from typing import Any

import orjson

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.rows import NOTHING, OF_ISSUE
from lxbc_graph.policy.scope import scope_of

from .runner import Connections


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a download has to know."""

    name: str
    media_type: str
    size: int
    sha256: str


class Attachments:
    """Finds attachments under the scope that also their issues, lists and counts have."""

    def __init__(self, connections: Connections, enforcer: Enforcer) -> None:
        self._connections = connections
        self._enforcer = enforcer

    async def find(self, principal: Principal, attachment_id: int) -> Attachment | None:
        """Return the attachment; None where there is none that the principal may see."""
        scope = scope_of(self._enforcer, principal, Action.ISSUE_READ)
        parameters: list[Any] = [attachment_id]

        def bind(field: str, single: bool) -> str:
            ids = getattr(scope, field)
            parameters.append(ids[0] if single else list(ids))
            return f"${len(parameters)}::{'bigint' if single else 'bigint[]'}"

        where = OF_ISSUE.predicate(scope, "x", bind)
        if where == NOTHING:
            return None
        columns = "'name', x.name, 'media_type', x.media_type, 'size', x.size, 'sha256', x.sha256"
        found = await self._connections.fetchval(
            f"select json_build_object({columns})::text from attachment x where x.id = $1::bigint and {where}",
            *parameters,
        )
        return None if found is None else Attachment(**orjson.loads(found))
