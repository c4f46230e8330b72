"""The one way in: a command is checked, claimed, handled and committed, and its answer is data."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from lxbc_graph.domain.errors import CommandError, ErrorCode, Refused
from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import AuditKind
from lxbc_graph.policy import audit
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.store.database import Database

from . import idempotency
from .command import Command, Outcome
from .unit_of_work import Clock, UnitOfWork, unit_of_work


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


class Commands:
    """Executes commands; ``committed`` is called after each commit that wrote events."""

    def __init__(
        self,
        database: Database,
        enforcer: Enforcer,
        committed: Callable[[], None],
        now: Clock = utc_now,
    ) -> None:
        self._database = database
        self._enforcer = enforcer
        self._committed = committed
        self._now = now

    async def execute(
        self, command: Command, *, principal: Principal, idempotency_key: str | None = None
    ) -> Outcome:
        """Do the command once for the principal and return the row's id, or the errors of a refusal.

        Raises only what is nobody's decision: a lost connection, a statement that took too long.
        """
        if problems := (*idempotency.problems(idempotency_key), *command.problems()):
            return Outcome(None, problems)
        try:
            async with unit_of_work(self._database, principal, self._enforcer, self._now) as work:
                outcome = await _once(command, work, idempotency_key)
        except Refused as refused:
            outcome = Outcome(None, refused.errors)
        else:
            if work.events and not outcome.errors:
                self._committed()
        await note_refusal(self._database, principal, command, outcome.errors)
        return outcome


async def note_refusal(
    database: Database, principal: Principal, command: object, errors: Collection[CommandError]
) -> None:
    """Note that somebody may not do what they asked for; apart from the transaction, which may be undone."""
    for error in errors:
        if error.code is ErrorCode.FORBIDDEN:
            # A key that may only read is refused before anything is looked at: its ids may be made up without end.
            ids = {} if principal.reads_only else _ids(command)
            named = {"command": type(command).__name__, "message": error.message, **ids}
            entry = audit.refusal(principal, AuditKind.COMMAND_REFUSED, **named)
            await audit.Audit(database.pool).note(entry)


def _ids(command: object) -> dict[str, Any]:
    names = [name for name in getattr(command, "__dataclass_fields__", ()) if name.endswith("_id")]
    return {name: value for name in names if (value := getattr(command, name)) is not None}


async def _once(command: Command, work: UnitOfWork, key: str | None) -> Outcome:
    if key is None:
        return await _attempt(command, work)
    try:
        first = await idempotency.claim(work, key, command)
    except Refused as refused:
        return Outcome(None, refused.errors)
    if first is not None:
        return first
    outcome = await _attempt(command, work)
    await idempotency.keep(work, key, outcome)
    return outcome


async def _attempt(command: Command, work: UnitOfWork) -> Outcome:
    """A refusal undoes what the handler wrote so far, but not the claim of the key."""
    try:
        async with work.connection.begin_nested():
            return Outcome(await command.handle(work))
    except Refused as refused:
        return Outcome(None, refused.errors)
