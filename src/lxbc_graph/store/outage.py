"""A database that is away, or too slow: what that looks like, and what a client is told of it."""

import asyncpg

LOST = (
    OSError,  # TimeoutError included
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used between the server's farewell and the end of the connection
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
)
"""What asyncpg raises on a connection that is gone."""

AWAY = (
    *LOST,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
)
"""What it raises besides when the server was stopped, starts, has no connection left or cut a statement short,
when the database lets nobody in or is not there, and for what may go well if it is tried again.
"""


def outage(error: BaseException) -> str | None:
    """Return ``UNAVAILABLE`` or ``TIMEOUT`` if that is what the error, or its cause, comes down to."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, asyncpg.QueryCanceledError):
            return "TIMEOUT"
        if isinstance(cause, AWAY):
            return "UNAVAILABLE"
        cause = cause.__cause__
    return None
