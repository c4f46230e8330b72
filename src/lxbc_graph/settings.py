"""Settings of one process, read once from ``LXBC_*`` variables."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_NAME = re.compile(r"[a-z0-9.-]+")
LONGEST_TTL_SECONDS = 10 * 365 * 86400
"""Of a token: ten years."""


def is_safe_url(url: str) -> bool:
    """Say whether what is read there comes from who it says: over https, or from this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


class Settings(BaseSettings):
    """Everything that the environment may decide; frozen, so nobody changes it later."""

    model_config = SettingsConfigDict(env_prefix="LXBC_", env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes any free one.")
    workers: int = Field(default=1, ge=1, description="Processes that serve.")
    data_dir: Path = Field(
        default=Path(".data"), description="Where the embedded PostgreSQL lives, and attachments."
    )
    database_url: str | None = Field(
        default=None, description="postgresql://… of a real server; without it the embedded one is started."
    )
    attachments_url: str | None = Field(
        default=None,
        description="A folder or s3://bucket/prefix; without it the folder attachments in data_dir.",
    )
    attachment_max_bytes: int = Field(default=20 * 1024 * 1024, ge=1, le=2**31 - 1)
    policies: Literal["database"] | Path | None = Field(
        default=None,
        description="The folder of model.conf and policy.csv, or database: what was stored there; without it the"
        " shipped folder.",
    )
    small_count: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Counts below it are hidden from who may count issues but not read them; 0 or 1 hides none.",
    )
    redis_url: str | None = Field(
        default=None, description="redis://…, rediss://… or unix:///…; one process needs none."
    )
    pool_size: int = Field(
        default=10,
        ge=2,
        description="Of each of four pools; the relay and the ladder keep one connection each.",
    )
    statement_timeout_ms: int = Field(default=10_000, ge=1, le=2**31 - 1)
    access_ttl_seconds: int = Field(
        default=3600, ge=1, le=LONGEST_TTL_SECONDS, description="Life of an access token."
    )
    refresh_ttl_seconds: int = Field(
        default=30 * 86400, ge=1, le=LONGEST_TTL_SECONDS, description="Life of a refresh token."
    )
    principal_ttl_seconds: float = Field(
        default=1.0,
        ge=0,
        description="How long a loaded principal is trusted before its postings are read again.",
    )
    max_body_bytes: int = Field(
        default=256 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Of a request, or a message of a WebSocket.",
    )
    head_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="How long the head of a request is waited for."
    )
    body_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="How long a body is waited for; a long one that comes longer.",
    )
    unread_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="How long an answer is kept for a client that does not read."
    )
    max_connections: int = Field(default=16_384, ge=1, description="Open at once, of each process.")
    max_connections_per_address: int = Field(
        default=4_096,
        ge=0,
        description="Of these, from one address that is no trusted proxy; 0: any number.",
    )
    requests_per_minute: int = Field(
        default=6_000,
        ge=0,
        description="Of one account, or of one address where nobody is signed in; 0: any number.",
    )
    max_sockets_per_account: int = Field(
        default=1_000, ge=0, description="WebSockets and streams of one account at once; 0: any number."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Whose pages may ask, with commas between: https://host, or * for all."
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names under which it is asked, with commas between; without them under any.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses and networks, with commas between, whose X-Forwarded-For is believed.",
    )
    login_attempts: int = Field(
        default=10, ge=1, le=10_000, description="Wrong passwords for one name within the window."
    )
    login_attempts_per_address: int = Field(
        default=100, ge=1, le=1_000_000, description="Wrong passwords from one address within the window."
    )
    login_window_seconds: int = Field(default=900, ge=1, le=86400)
    oidc_issuer: str | None = Field(
        default=None,
        description="The identity provider whose tokens are accepted, exactly as it calls itself.",
    )
    oidc_audience: str | None = Field(
        default=None, validate_default=True, description="For whom the provider's tokens must be made."
    )
    oidc_account_claim: str = Field(
        default="sub", min_length=1, description="The claim that names the account."
    )
    retention_days: float = Field(
        default=30,
        gt=0,
        le=3650,
        description="How long events are told one by one to who resumes after a cursor.",
    )
    ladder_poll_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="How long the ladder rests between two passes."
    )

    max_query_bytes: int = Field(default=20_000, ge=1, description="Of a document, before it is parsed.")
    max_tokens: int = Field(default=2_000, ge=1)
    max_depth: int = Field(default=12, ge=1, le=50, description="Of fields in fields.")
    max_fields: int = Field(default=1_000, ge=1, description="And fragments of a document, these spread.")
    max_aliases: int = Field(default=100, ge=0, description="Of a document, its fragments spread.")
    max_values: int = Field(
        default=1_000, ge=1, description="Of arguments, fragments spread; and as many of variables."
    )
    max_cost: int = Field(default=10_000, ge=1, description="Objects that an operation may read.")
    max_page: int = Field(
        default=100, ge=1, le=100, description="Rows of a page, and ids of `nodes`; the schema says 100."
    )
    introspection: bool = Field(default=True, description="Whether the schema may be asked for.")
    suggestions: bool = Field(default=False, description="Whether an error says what may have been meant.")
    persisted_queries: bool = Field(
        default=True, description="Whether a document sent once may be named by its hash afterwards."
    )
    trusted_documents: Path | None = Field(
        default=None, description="A manifest of documents that clients name by their hash."
    )
    trusted_only: bool = Field(default=False, description="Whether nothing but these is taken.")

    @field_validator("cors_origins", "hosts", mode="before")
    @classmethod
    def _lists(cls, given: object) -> object:
        """Take a text with commas, too, in any case."""
        if not isinstance(given, str):
            return given
        return tuple(listed for one in given.split(",") if (listed := one.strip().lower()))

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError("is not * or a list of the form https://host,http://host:port")
        return origins

    @field_validator("small_count")
    @classmethod
    def _hides_enough(cls, limit: int) -> int:
        """Refuse a limit that hides ones alone: of two with a sum of two, each is known."""
        if limit == 2:  # noqa: PLR2004 - no other
            raise ValueError("hides too little at 2: take 3 or more, or 0 to hide none")
        return limit

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _NAME.fullmatch(host):
                raise ValueError("is not a list of names of hosts, without ports")
        return tuple(host.removesuffix(".") for host in hosts)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: str) -> str:
        """Refuse what is no address: a name would be asked for at each request, and * believes everybody."""
        for network in networks.split(","):
            ip_network(network.strip(), strict=False)
        return networks

    @field_validator("oidc_issuer")
    @classmethod
    def _is_https(cls, url: str | None) -> str | None:
        if url is not None and not is_safe_url(url):
            raise ValueError("is not of the form https://host (http only on this machine)")
        return url

    @field_validator("oidc_audience")
    @classmethod
    def _comes_with_its_issuer(cls, audience: str | None, info: ValidationInfo) -> str | None:
        """Refuse a provider without an audience: its tokens for any other service would be good here."""
        if audience is None and info.data.get("oidc_issuer") is not None:
            raise ValueError("must be given with LXBC_OIDC_ISSUER")
        return audience

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, url: str | None) -> str | None:
        """Refuse what no connection can be made of; the text must not repeat a password."""
        if url is not None:
            try:
                pool = ConnectionPool.from_url(url)
                pool.make_connection()  # type: ignore[no-untyped-call]
            except (ValueError, TypeError, RedisError):
                pool = None
            if pool is None or not pool.connection_kwargs.keys() & {"host", "path"}:
                raise ValueError("is not of the form redis://host, rediss://host or unix:///path")
        return url
