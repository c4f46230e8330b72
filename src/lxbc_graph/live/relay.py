"""The relay: gives every committed event its place in the one order that all subscribers see.

Ids are taken before commit, so a later id may become visible first: reading by id loses events. Any process
may be the relay; PostgreSQL elects one by an advisory lock, and that one numbers what it can see. A
transaction left open delays nobody else, because nothing waits for it.
"""

import asyncpg

from lxbc_graph.store.copying import Connection

from .broker import Broker, Topic
from .office import Office

RELAY_LOCK = 0x6C786263_72656C79  # "lxbcrely"
"""Advisory lock key; who writes ``event.seq`` holds it. A bulk load takes it for its transaction."""

_BATCH = 500

# Unless the server tracks it, asking for the time of a commit is an error; of one before that it knows none.
_COMMITTED_AT = """
coalesce(
    case when current_setting('track_commit_timestamp')::boolean then pg_xact_commit_timestamp(writer) end,
    clock_timestamp()
)
"""

# Only what the last pass could not see: written by transactions that began after it, or were open when it looked.
# Among all that has no number PostgreSQL keeps, for whatever is open, the versions of what has long got one.
# Counting on from the greatest number given, under the lock, leaves no gap and gives none twice: a batch that
# did not commit gave none.
_NUMBER = f"""
with passed as (
    select pg_snapshot_xmax(snapshot)::text::bigint as next,
           array(select pg_snapshot_xip(snapshot)::text::bigint) as open
    from cast($1::text as pg_snapshot) as snapshot
), unseen as (
    select id, xmin as writer from event where seq is null and xact_id >= (select next from passed)
    union all
    select id, xmin from event where seq is null and xact_id = any((select open from passed)::bigint[])
), fresh as (
    select id, writer, row_number() over (order by id) as place from unseen order by id limit {_BATCH}
), head as (
    select coalesce(max(seq), 0) as seq from event
), numbered as (
    update event set seq = head.seq + fresh.place, committed_at = {_COMMITTED_AT}
    from fresh, head where event.id = fresh.id returning 1
)
select count(*), pg_current_snapshot()::text from numbered
"""
_NOTHING = "1:1:"
"""The snapshot of who has seen no transaction."""


class Relay:
    """Numbers committed events for as long as ``run`` runs, if elected, and stands by if not."""

    def __init__(self, pool: asyncpg.Pool, broker: Broker, *, poll_seconds: float = 0.25) -> None:
        self._office = Office(pool, "relay", RELAY_LOCK)
        self._broker = broker
        self._poll_seconds = poll_seconds
        self._connection: Connection | None = None
        self._seen = _NOTHING

    @property
    def elected(self) -> bool:
        """Whether it is the one that numbers."""
        return self._office.elected

    async def run(self) -> None:
        """Number events until cancelled; a lost connection gives the office away and is made again."""
        async with self._broker.subscribe(Topic.COMMITTED) as bell:
            await self._office.run(self._number, lambda: bell.heard(self._poll_seconds))

    async def _number(self, connection: Connection) -> None:
        if connection is not self._connection:
            # Its plan is made once, and must not depend on how small the table was.
            await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
            self._connection, self._seen = connection, _NOTHING
        numbered = _BATCH
        while numbered == _BATCH:
            numbered, snapshot = await connection.fetchrow(_NUMBER, self._seen) or (0, self._seen)
            if numbered < _BATCH:
                self._seen = snapshot
            if numbered:
                self._broker.publish(Topic.NUMBERED)
