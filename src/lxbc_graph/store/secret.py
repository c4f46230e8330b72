"""The database's own secret: whoever has it can tell what was sealed with it, and no other database can."""

import secrets

import asyncpg

_BYTES = 32


async def database_secret(pool: "asyncpg.Pool[asyncpg.Record]") -> bytes:
    """Return the 32 bytes; make them if there are none, once however many processes start."""
    await pool.execute(
        "insert into cursor_key (secret) values ($1) on conflict do nothing", secrets.token_bytes(_BYTES)
    )
    secret: bytes = await pool.fetchval("select secret from cursor_key")
    return secret
