"""The audit: who signed in, what was granted, handed out and refused; the only place that writes it."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Protocol

import structlog

from lxbc_graph.domain.principal import Principal
from lxbc_graph.domain.words import AuditKind, Means

_REMEMBERED = 16_384
_HOUR = 3600

_log = structlog.get_logger()

ADDRESS: ContextVar[str | None] = ContextVar("address", default=None)
"""Where the request under way comes from; None for the command line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to note. ``subject`` and ``detail`` name things by their ids and codes: no texts, no secrets.

    What has a ``key`` is noted once, however often it happens. ``tried`` is the sealed name of a sign-in.
    """

    kind: AuditKind
    account_id: int | None = None
    account: str | None = None
    city_id: int | None = None
    means: Means | None = None
    api_key: str | None = None
    subject: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    tried: bytes | None = None
    key: str | None = None


def by(principal: Principal, kind: AuditKind, subject: str | None = None, **detail: Any) -> Entry:
    """Return the entry of what a principal did."""
    shown = principal.credential
    return Entry(
        kind,
        principal.account_id,
        principal.account,
        principal.city_id,
        None if shown is None else shown.means,
        shown.key if shown is not None and shown.means is Means.API_KEY else None,
        subject,
        detail,
    )


def refusal(principal: Principal, kind: AuditKind, **detail: Any) -> Entry:
    """Return the entry of what a principal may not do, noted once an hour: whoever asks on and on fills no table."""
    said = sha256(json.dumps(detail, sort_keys=True, default=str).encode()).hexdigest()
    key = f"{kind} {principal.account_id} {said} {_hour()}"
    return replace(by(principal, kind, **detail), key=key)


def _hour() -> int:
    return int(time.time()) // _HOUR


class Executes(Protocol):
    """A pool or a connection."""

    async def execute(self, query: str, /, *args: Any) -> str:
        """Execute a statement."""
        ...


WRITE = """
insert into audit_event
    (kind, account_id, account_name, city_id, means, api_key, subject, detail, tried, key, address)
values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)
on conflict (key) where key is not null do nothing
"""


_REFUSED = """
insert into audit_event (kind, account_id, account_name, city_id, detail, key, address)
select $1, id, name, city_id, jsonb_build_object('code', $2::text), $3, $4 from account where id = $5
on conflict (key) where key is not null do nothing
"""


def parameters(entry: Entry) -> tuple[Any, ...]:
    """Return what ``WRITE`` takes."""
    detail = json.dumps(dict(entry.detail), ensure_ascii=False)
    of_account = (entry.kind.value, entry.account_id, entry.account, entry.city_id)
    how = (None if entry.means is None else entry.means.value, entry.api_key)
    return *of_account, *how, entry.subject, detail, entry.tried, entry.key, ADDRESS.get()


class Audit:
    """The way in for what is noted beside what it is about: a failure is logged, and disturbs nothing else."""

    def __init__(self, executes: Executes) -> None:
        self._executes = executes
        self._begun: OrderedDict[str, None] = OrderedDict()
        self._noting: set[asyncio.Task[None]] = set()

    def begins(self, key: str) -> bool:
        """Say, once, that what is noted once only is yet to be noted, as far as this process remembers."""
        if key in self._begun:
            return False
        self._begun[key] = None
        if len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
        return True

    async def note(self, entry: Entry) -> None:
        """Write the entry; raises nothing."""
        await self._write(entry.kind, WRITE, *parameters(entry))

    def refused(self, account_id: int, code: str) -> None:
        """Note, once an hour and while nobody waits, that requests of an account were not looked at."""
        kind = AuditKind.REQUEST_REFUSED
        key = f"{kind} {account_id} {code} {_hour()}"
        if self.begins(key):
            write = self._write(kind, _REFUSED, kind.value, code, key, ADDRESS.get(), account_id)
            task = asyncio.create_task(write)
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def exported(self, principal: Principal, subject: str, **detail: Any) -> None:
        """Note that something left as a file; for every export to call."""
        await self.note(by(principal, AuditKind.EXPORTED, subject, **detail))

    async def _write(self, kind: AuditKind, statement: str, *values: object) -> None:
        try:
            await self._executes.execute(statement, *values)
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("not audited", kind=kind.value)
