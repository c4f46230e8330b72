"""The composition root: everything is built here, once, and wired together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, WebSocketRoute

from . import resources
from .http import pages
from .http.address import Addressed
from .http.attachments import AttachmentsOverHttp
from .http.authenticate import Authenticator
from .http.exposition import exposition
from .http.graphql import GraphQLOverHttp
from .http.health import health
from .http.websocket import GraphQLOverWebSocket
from .live.access import Access
from .live.broker import Broker, LocalBroker, Topic
from .live.cursors import Cursors
from .live.fanout import Fanout
from .live.ladder import Ladder
from .live.log import Log
from .live.redis_broker import RedisBroker
from .live.relay import Relay
from .policy.accounts import Accounts
from .policy.api_keys import ApiKeys
from .policy.audit import Audit
from .policy.enforcer import Enforcer
from .policy.oidc import Oidc
from .policy.sign_in import SignIns
from .policy.tokens import Tokens
from .read.attachment import Attachments
from .read.runner import Reader
from .schema.build import build
from .schema.declare import CATALOGUE
from .schema.execute import Executor, told
from .schema.following import Following
from .settings import Settings
from .store.database import Database
from .store.files import Files
from .telemetry import Telemetry
from .write import Commands, Uploads

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """What one process is made of."""

    database: Database
    enforcer: Enforcer
    accounts: Accounts
    tokens: Tokens
    authenticator: Authenticator
    audit: Audit
    broker: Broker
    relay: Relay
    ladder: Ladder
    log: Log
    access: Access
    executor: Executor
    telemetry: Telemetry


def open_service(settings: Settings) -> AbstractAsyncContextManager[Service]:
    """Build the service on ``settings.database_url``, which must be set and migrated; close it at the end.

    Raises PolicyError at once, before anything is opened.
    """
    return _opened(settings, Enforcer(settings.policies or resources.POLICIES))


@asynccontextmanager
async def _opened(settings: Settings, enforcer: Enforcer) -> AsyncIterator[Service]:
    if settings.database_url is None:
        raise ValueError("settings.database_url is not set")
    database = await Database.open(
        settings.database_url,
        pool_size=settings.pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
    )
    try:
        accounts = Accounts(database.pool, settings.principal_ttl_seconds)
        tokens = await Tokens.open(database.pool, settings)
        sign_ins = await SignIns.open(database.pool, accounts, settings)
        audit = Audit(database.pool)
        api_keys = ApiKeys(database.pool, settings.principal_ttl_seconds)
        authenticator = Authenticator(tokens, accounts, api_keys, Oidc.of(settings), audit)
        cursors = await Cursors.open(database.pool)
        broker = RedisBroker(settings.redis_url, cursors.database) if settings.redis_url else LocalBroker()
        committed = partial(broker.publish, Topic.COMMITTED)
        relay = Relay(database.pool, broker)
        ladder = Ladder(database.pool, committed, poll_seconds=settings.ladder_poll_seconds)
        log = Log(
            database.pool,
            broker,
            cursors,
            retention=timedelta(days=settings.retention_days),
        )
        access = Access(accounts, lambda: enforcer.version)
        reader = Reader(database.lanes, CATALOGUE, enforcer)
        telemetry = Telemetry()
        fanout = Fanout(log, access, telemetry, told)
        executor = Executor(
            schema=build(),
            reader=reader,
            commands=Commands(database, enforcer, committed),
            following=Following(reader, log, fanout, database.pool),
            sign_ins=sign_ins,
            tokens=tokens,
            log=log,
        )
        yield Service(
            database,
            enforcer,
            accounts,
            tokens,
            authenticator,
            audit,
            broker,
            relay,
            ladder,
            log,
            access,
            executor,
            telemetry,
        )
    finally:
        await database.close()


def create_app(settings: Settings) -> Starlette:
    """Return the application; what it needs is open, and its routes exist, while its lifespan lasts.

    Raises FilesError where attachments cannot be kept, and PolicyError.
    """
    opened = open_service(settings)
    files = Files.open(settings.attachments_url or str(settings.data_dir / "attachments"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with opened as service, running(service) as tasks, aclosing(files):
            app.router.routes[:] = _routes(service, tasks, files, settings.attachment_max_bytes)
            yield

    return Starlette(lifespan=lifespan, middleware=[Middleware(Addressed)])


def _routes(
    service: Service, tasks: "list[asyncio.Task[None]]", files: Files, largest: int
) -> list[BaseRoute]:
    authenticator = service.authenticator
    attachments = AttachmentsOverHttp(
        Uploads(service.database, service.enforcer),
        Attachments(service.database.lanes, service.enforcer),
        files,
        authenticator,
        service.audit,
        largest,
    )
    return [
        *GraphQLOverHttp(service.executor, authenticator, service.telemetry).routes(),
        WebSocketRoute("/graphql", GraphQLOverWebSocket(service.executor, authenticator, service.telemetry)),
        *attachments.routes(),
        pages.assets(),
        health(service.database.pool, tasks),
        exposition(service.telemetry, service.database.pool),
    ]


def running(service: Service) -> "AbstractAsyncContextManager[list[asyncio.Task[None]]]":
    """Keep running what works in the background; a job that fails is logged, and missed by /healthz."""
    return _kept(
        broker=service.broker.run(),
        relay=service.relay.run(),
        log=service.log.run(),
        access=service.access.run(),
        policy=service.enforcer.watch(),
        keys=service.tokens.watch(),
    )


async def climb(service: Service) -> None:
    """Number events and climb the ladder until cancelled."""
    async with _kept(
        broker=service.broker.run(), relay=service.relay.run(), ladder=service.ladder.run()
    ) as tasks:
        await asyncio.gather(*tasks)


@asynccontextmanager
async def _kept(**jobs: Coroutine[Any, Any, None]) -> "AsyncIterator[list[asyncio.Task[None]]]":
    tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
    for task in tasks:
        task.add_done_callback(_ended)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        _log.error("background task ended", task=task.get_name(), exc_info=task.exception())
