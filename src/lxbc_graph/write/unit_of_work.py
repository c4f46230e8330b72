"""One transaction of one principal, and the only commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from lxbc_graph.domain.deadlines import Calendar, weekdays
from lxbc_graph.domain.errors import Forbidden
from lxbc_graph.domain.machine import Actor
from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.rules import Rule
from lxbc_graph.domain.words import DayKind
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.store.calendar import load
from lxbc_graph.store.database import Database

Clock = Callable[[], datetime]


@dataclass(slots=True)
class UnitOfWork:
    """What a handler works with: an open transaction, who asks, what they may, and what time it is."""

    connection: AsyncConnection
    principal: Principal
    enforcer: Enforcer
    now: Clock
    events: int = 0

    async def calendar(self, rule: Rule) -> Calendar:
        """Return the calendar that deadlines under the rule need; it is read only where working days count."""
        return weekdays if rule.days is DayKind.NATURAL else await load(self.connection)

    def actor(self, posting: Posting) -> Actor:
        """Return the principal as the one who acts under the posting."""
        asked = self.principal
        return Actor(asked.account_id, asked.display_name, asked.cadre_id, posting.id)


@asynccontextmanager
async def unit_of_work(
    database: Database, principal: Principal, enforcer: Enforcer, now: Clock
) -> AsyncIterator[UnitOfWork]:
    """Open a transaction; commit it when the block ends, roll it back when the block raises.

    Raises Forbidden for who may only read, whatever it is for.
    """
    if principal.reads_only:
        raise Forbidden("This API key may only read.", "此接口密钥仅可读取。")
    async with database.engine.connect() as connection:
        yield UnitOfWork(connection, principal, enforcer, now)
        await connection.commit()
