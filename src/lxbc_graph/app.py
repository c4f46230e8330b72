"""The composition root: everything is built here, once, and wired together."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Lifespan

from . import resources
from .http import pages
from .http.address import Addressed
from .http.attachments import AttachmentsOverHttp
from .http.authenticate import Authenticator
from .http.envelope import Envelope
from .http.exposition import exposition
from .http.graphql import GraphQLOverHttp
from .http.health import health
from .http.hosts import Hosts
from .http.once import Once
from .http.origins import Origins, shared
from .http.quotas import Quotas
from .http.redis_quotas import RedisQuotas
from .http.told import Told, rejected, unknown
from .http.websocket import GraphQLOverWebSocket
from .live.access import Access, Reach
from .live.background import Job, kept
from .live.broker import Broker, Topic
from .live.cursors import Cursors
from .live.fanout import Fanout
from .live.log import Log
from .live.redis_broker import RedisBroker
from .live.relay import Relay
from .policy.accounts import Accounts
from .policy.api_keys import ApiKeys
from .policy.audit import Audit
from .policy.enforcer import Enforcer
from .policy.oidc import Oidc
from .policy.sign_in import SignIns
from .policy.source import Source
from .policy.stored import CurrentPolicy, StoredPolicies
from .policy.tokens import Tokens
from .read.attachment import Attachments
from .read.document import Documents
from .read.limits import Limits
from .read.runner import Reader
from .read.trusted import UNTRUSTING, Trusted, TrustedError
from .relaying import open_relaying
from .schema.build import build
from .schema.declare import CATALOGUE
from .schema.execute import Executor, told
from .schema.explain_access import Explainer
from .schema.following import Following
from .settings import Settings
from .store.database import Database
from .store.files import Files
from .telemetry import Telemetry
from .write import Commands, Uploads


@dataclass(frozen=True, slots=True)
class Service:
    """What one process is made of."""

    database: Database
    enforcer: Enforcer
    keep_current: Callable[[Broker], Coroutine[Any, Any, None]]
    """Has the enforcer take up changes of the policy until cancelled."""
    accounts: Accounts
    tokens: Tokens
    authenticator: Authenticator
    audit: Audit
    broker: Broker
    relay: Relay
    log: Log
    access: Access
    executor: Executor
    explainer: Explainer
    telemetry: Telemetry
    quotas: Quotas


def open_service(settings: Settings) -> AbstractAsyncContextManager[Service]:
    """Build the service on ``settings.database_url``, which must be set and migrated; close it at the end.

    Raises PolicyError and TrustedError at once, before anything is opened; where the policy is in the database,
    PolicyError when it is entered.
    """
    folder = settings.policies or resources.POLICIES
    return _opened(settings, None if folder == "database" else Policy.of(folder), _documents(settings))


def _documents(settings: Settings) -> Documents:
    file, only = settings.trusted_documents, settings.trusted_only
    if only and file is None:
        raise TrustedError("LXBC_TRUSTED_ONLY wants LXBC_TRUSTED_DOCUMENTS")
    return Documents(
        build()._schema,  # noqa: SLF001 - Strawberry offers no other way to it
        CATALOGUE,
        Limits(
            bytes=settings.max_query_bytes,
            tokens=settings.max_tokens,
            depth=settings.max_depth,
            fields=settings.max_fields,
            aliases=settings.max_aliases,
            values=settings.max_values,
            cost=settings.max_cost,
            page=settings.max_page,
        ),
        introspection=settings.introspection,
        suggestions=settings.suggestions,
        automatic=settings.persisted_queries,
        trusted=UNTRUSTING if file is None else Trusted.load(file, only=only),
    )


class Policy(NamedTuple):
    """Who may what, how to keep it current, and, where it is stored, how not to be behind."""

    enforcer: Enforcer
    keep_current: Callable[[Broker], Coroutine[Any, Any, None]]
    reach: Reach | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the policy of a folder."""
        enforcer = Enforcer(folder)
        return cls(enforcer, lambda _: enforcer.watch(folder))

    @classmethod
    async def stored(cls, database: Database) -> Self:
        """Return the policy that stands in the database."""
        current = await CurrentPolicy.open(StoredPolicies(database.pool))

        async def follow(broker: Broker) -> None:
            async with broker.subscribe(Topic.POLICY) as bell:
                await current.follow(bell.heard)

        return cls(current.enforcer, follow, current.reach)


async def store_policy(database: Database, settings: Settings, source: Source) -> int:
    """Store a policy for all processes on the database, tell them, and return its version; raises PolicyError."""
    version = await StoredPolicies(database.pool).add(source)
    if settings.redis_url is not None:
        cursors = await Cursors.open(database.pool)
        await RedisBroker(settings.redis_url, cursors.database).announce(Topic.POLICY)
    return version


@asynccontextmanager
async def _opened(settings: Settings, policy: Policy | None, documents: Documents) -> AsyncIterator[Service]:
    async with open_relaying(settings) as relaying:
        database, cursors, broker, relay = relaying
        enforcer, keep_current, reach = policy or await Policy.stored(database)
        accounts = Accounts(database.pool, settings.principal_ttl_seconds)
        tokens = await Tokens.open(database.pool, settings)
        sign_ins = await SignIns.open(database.pool, accounts, settings)
        audit = Audit(database.pool)
        api_keys = ApiKeys(database.pool, settings.principal_ttl_seconds)
        authenticator = Authenticator(tokens, accounts, api_keys, Oidc.of(settings), audit)
        log = Log(
            database.pool,
            broker,
            cursors,
            retention=timedelta(days=settings.retention_days),
        )
        access = Access(accounts, lambda: enforcer.version, reach)
        reader = Reader(
            database.lanes, database.streams, CATALOGUE, enforcer, small_count=settings.small_count
        )
        telemetry = Telemetry()
        fanout = Fanout(log, access, telemetry, told)
        explainer = Explainer(database.lanes, enforcer)
        executor = Executor(
            documents=documents,
            reader=reader,
            commands=Commands(database, enforcer, relaying.committed),
            following=Following(reader, log, fanout, database.pool),
            sign_ins=sign_ins,
            tokens=tokens,
            log=log,
            explainer=explainer,
            audited=audit,
        )
        quotas = _quotas(settings, cursors)
        quotas.limited = partial(audit.refused, code="RATE_LIMITED")
        yield Service(
            database,
            enforcer,
            keep_current,
            accounts,
            tokens,
            authenticator,
            audit,
            broker,
            relay,
            log,
            access,
            executor,
            explainer,
            telemetry,
            quotas,
        )


def _quotas(settings: Settings, cursors: Cursors) -> Quotas:
    limits = (settings.requests_per_minute, settings.max_sockets_per_account)
    if settings.redis_url is None:
        return Quotas(*limits)
    return RedisQuotas(settings.redis_url, cursors.database, cursors.pseudonym, *limits)


def create_app(settings: Settings) -> Starlette:
    """Return the application; what it needs is open, and its routes exist, while its lifespan lasts.

    Raises FilesError where attachments cannot be kept, PolicyError and TrustedError.
    """
    opened = open_service(settings)
    files = Files.open(settings.attachments_url or str(settings.data_dir / "attachments"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with opened as service, running(service) as jobs, aclosing(files):
            app.router.routes[:] = _routes(service, jobs, files, settings)
            yield

    return fronted(settings.cors_origins, lifespan, hosts=settings.hosts)


def fronted(
    origins: Sequence[str], lifespan: Lifespan[Starlette] | None = None, *, hosts: Sequence[str] = ()
) -> Starlette:
    """Return an application without routes yet, whose answers are enveloped and whose refusals are told."""
    app = Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(Addressed),
            Middleware(Envelope),
            *shared(origins),
            Middleware(Told),
            Middleware(Once),
            Middleware(Hosts, hosts),
            Middleware(Origins, origins),
        ],
        exception_handlers={HTTPException: rejected},
    )
    app.router.default = unknown
    app.router.redirect_slashes = False  # to wherever the Host header says
    return app


def _routes(service: Service, jobs: Sequence[Job], files: Files, settings: Settings) -> list[BaseRoute]:
    authenticator = service.authenticator
    attachments = AttachmentsOverHttp(
        Uploads(service.database, service.enforcer),
        Attachments(service.database.lanes, service.enforcer),
        files,
        authenticator,
        service.audit,
        service.quotas,
        settings.attachment_max_bytes,
    )
    endpoint = GraphQLOverHttp(
        service.executor,
        authenticator,
        service.telemetry,
        quotas=service.quotas,
        max_body=settings.max_body_bytes,
    )
    socket = GraphQLOverWebSocket(service.executor, authenticator, service.telemetry, quotas=service.quotas)
    return [
        *endpoint.routes(),
        WebSocketRoute("/graphql", socket),
        *attachments.routes(),
        pages.assets(),
        health(service.database.pool, jobs),
        exposition(service.telemetry, service.database.pool),
    ]


def running(service: Service) -> AbstractAsyncContextManager[list[Job]]:
    """Keep running what works in the background; a job that fails is logged, told by /healthz, and begun again."""
    return kept(
        broker=service.broker.run,
        relay=service.relay.run,
        log=service.log.run,
        access=service.access.run,
        policy=partial(service.keep_current, service.broker),
        quotas=service.quotas.run,
        keys=service.tokens.watch,
    )
