"""Whether events go their way, as the database tells of all processes at once."""

import asyncio

import asyncpg

from lxbc_graph.store.outage import outage

from .ladder import LADDER_LOCK
from .relay import RELAY_LOCK

_PATIENCE_SECONDS = 2.0


def _held(lock: int) -> str:
    return f"""exists (
        select from pg_locks
        where locktype = 'advisory' and granted
          and database = (select oid from pg_database where datname = current_database())
          and (classid::bigint << 32) | objid::bigint = {lock}
    )"""


_VITALS = f"""
select (select coalesce(max(seq), 0) from event) as event_seq,
       (select count(*) from event where seq is null) as events_unnumbered,
       {_held(RELAY_LOCK)} as relay_elected, {_held(LADDER_LOCK)} as ladder_elected
"""


async def vitals(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, float]:
    """Return them by the names that ``telemetry`` describes; nothing while the database is away."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            [row] = await pool.fetch(_VITALS)
    except Exception as error:
        if outage(error) is None:
            raise
        return {}
    return {name: float(value) for name, value in row.items()}
