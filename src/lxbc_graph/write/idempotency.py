"""One effect for one key: the first answer is kept, and a repeat gets it without doing anything."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from lxbc_graph.domain.errors import CommandError, ErrorCode, IdempotencyMismatch
from lxbc_graph.store.tables import idempotency

from . import inputs
from .command import Command, Outcome
from .unit_of_work import UnitOfWork

_OF_KEY = idempotency.c.account_id == bindparam("account"), idempotency.c.key == bindparam("of_key")
_CLAIM = insert(idempotency).on_conflict_do_nothing().returning(idempotency.c.key)
_FIRST = select(idempotency.c.request_hash, idempotency.c.answer).where(*_OF_KEY)
_KEEP = update(idempotency).where(*_OF_KEY)


def problems(key: str | None) -> Iterator[CommandError]:
    """Yield what is wrong with the key."""
    yield from inputs.optional_text(key, inputs.KEY, "idempotencyKey")


async def claim(work: UnitOfWork, key: str, command: Command) -> Outcome | None:
    """Take the key, or return what was answered to it; raise IdempotencyMismatch if that was another command.

    Of two at once the second waits here until the first has committed or rolled back.
    """
    digest = _digest(command)
    account_id = work.principal.account_id
    claimed = {"account_id": account_id, "key": key, "request_hash": digest, "answer": {}}
    if (await work.connection.execute(_CLAIM, claimed)).one_or_none() is not None:
        return None
    first = (await work.connection.execute(_FIRST, {"account": account_id, "of_key": key})).one()
    if first.request_hash != digest:
        raise IdempotencyMismatch(
            "The key was used before, for another command.", "该幂等键已用于其他请求。", "idempotencyKey"
        )
    return _outcome(first.answer)


async def keep(work: UnitOfWork, key: str, outcome: Outcome) -> None:
    """Keep the answer for repeats, a refusal too: it is what the first one was told."""
    answer = {"account": work.principal.account_id, "of_key": key, "answer": asdict(outcome)}
    await work.connection.execute(_KEEP, answer)


def _digest(command: Command) -> bytes:
    canonical = json.dumps([type(command).__name__, asdict(command)], sort_keys=True, default=str)
    return sha256(canonical.encode()).digest()


def _outcome(answer: dict[str, Any]) -> Outcome:
    errors = (
        CommandError(ErrorCode(error["code"]), error["message"], error["message_zh"], tuple(error["field"]))
        for error in answer["errors"]
    )
    # Answers that were kept before rules could be set call it by the only thing that there was.
    row_id = answer["row_id"] if "row_id" in answer else answer["issue_id"]
    return Outcome(row_id, tuple(errors))
