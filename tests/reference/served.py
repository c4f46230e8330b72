"""The read side as it is served, with every statement that it sends counted."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg

from lxbc_graph.live.access import Access
from lxbc_graph.live.broker import LocalBroker
from lxbc_graph.live.cursors import Cursors
from lxbc_graph.live.fanout import Fanout
from lxbc_graph.live.log import Log
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.audit import Audit
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.sign_in import SignIns
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.read.catalogue import Catalogue
from lxbc_graph.read.document import Documents
from lxbc_graph.read.limits import Limits
from lxbc_graph.read.runner import Reader
from lxbc_graph.resources import POLICIES
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.execute import Executor, told
from lxbc_graph.schema.explain_access import Explainer
from lxbc_graph.schema.following import Following
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database
from lxbc_graph.telemetry import Telemetry
from lxbc_graph.write.commands import Commands

ENFORCER = Enforcer(POLICIES)
UNLIMITED = Limits(depth=50, fields=10**6, aliases=10**6, cost=10**12, bytes=10**6, tokens=10**6)
"""For random documents, which are no attack; pages are bounded all the same."""
POLICY = ENFORCER.rows


async def executor_on(
    database: Database, catalogue: Catalogue = CATALOGUE, *, small_count: int = 5
) -> Executor:
    """Return the executor of a database, wired as the application does."""
    log = Log(database.pool, LocalBroker(), await Cursors.open(database.pool))
    accounts = Accounts(database.pool, 1.0)
    settings = Settings()
    reader = Reader(database.lanes, database.streams, catalogue, ENFORCER, small_count=small_count)
    fanout = Fanout(log, Access(accounts, lambda: None), Telemetry(), told)
    return Executor(
        Documents(build()._schema, catalogue, UNLIMITED),
        reader,
        Commands(database, ENFORCER, lambda: None),
        Following(reader, log, fanout, database.pool),
        await SignIns.open(database.pool, accounts, settings),
        await Tokens.open(database.pool, settings),
        log,
        Explainer(database.lanes, ENFORCER),
        Audit(database.pool),
    )


class Statements:
    """The statements of the read side since the last :meth:`clear`."""

    def __init__(self) -> None:
        self._sent: list[str] = []

    @classmethod
    def of(cls, database: Database) -> "Statements":
        """Listen on every lane that the database opens from now on."""
        found = cls()
        for lanes in (database.lanes, database.streams):
            lanes._connect = partial(found._listening, lanes._connect)
        return found

    async def _listening(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> asyncpg.Connection:
        connection = await connect()
        # asyncpg asks once for each connection what an array is.
        await connection.fetchval("select $1::text[]::text || $2::bigint[]::text", [], [])
        connection.add_query_logger(self.add)
        return connection

    def add(self, record: asyncpg.connection.LoggedQuery) -> None:
        """Note one; asyncpg calls this."""
        self._sent.append(record.query)

    def clear(self) -> None:
        """Forget them."""
        self._sent.clear()

    async def settled(self) -> list[str]:
        """Return them, once asyncpg has told of all: it does so in the next turn of the loop."""
        await asyncio.sleep(0)
        return self._sent
