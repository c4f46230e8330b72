"""Tokens: a signed one for an hour of access, and an opaque one to renew it, good for a single use."""

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import jwt

from lxbc_graph.domain.principal import Credential
from lxbc_graph.domain.words import AuditKind, Means
from lxbc_graph.settings import Settings
from lxbc_graph.store.copying import Connection
from lxbc_graph.store.outage import AWAY

from . import audit, signing_keys

ISSUER = AUDIENCE = "lxbc-graph"
ALGORITHM = "HS256"
SKEW = timedelta(seconds=30)
_INVALID = "the token is not valid"
_POLL_SECONDS = 0.4
_PAUSE_SECONDS = 0.2
"""Between two looks at the keys, however many tokens name one that nobody knows."""


class InvalidToken(ValueError):
    """A token that proves nothing: malformed, forged, used before, or of an account that is closed."""


class UnknownKid(InvalidToken):
    """A token of a key that is not known, or not yet."""


class ExpiredToken(InvalidToken):
    """A token that was good once; ``account`` is whose it was, at a provider the subject."""

    def __init__(self, account: str) -> None:
        super().__init__("the token has expired")
        self.account = account


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token proves, and until when: the account's name, or at a provider its subject."""

    account: str
    expires_at: datetime
    credential: Credential

    def hold_at(self, moment: datetime) -> bool:
        """Say whether they still hold, to the second: ``SKEW`` forgives an early token, never a late one."""
        return moment < self.expires_at


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, when it ends, and the refresh token to replace both with."""

    access: str
    expires_at: datetime
    refresh: str


class Tokens:
    """Issues and verifies tokens with the ``signing_keys``, which may change meanwhile; ``watch`` follows them."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, keys: dict[str, str]) -> None:
        self._pool = pool
        self._settings = settings
        self._keys = keys
        self._read_from = 0.0
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, pool: asyncpg.Pool, settings: Settings) -> "Tokens":
        """Read the keys; make the first if there is none."""
        return cls(pool, settings, await signing_keys.ensure(pool))

    def access(self, account: str, ttl_seconds: int) -> str:
        """Return a signed token that lets its bearer be the account for ``ttl_seconds``."""
        return self._sign(account, datetime.now(UTC) + timedelta(seconds=ttl_seconds))

    async def lasting_access(self, account: str, ttl_seconds: int) -> str:
        """Do the same, and keep the key for as long where that is longer than usual."""
        ends_at = datetime.now(UTC) + timedelta(seconds=ttl_seconds)
        if ttl_seconds > self._settings.access_ttl_seconds:
            await signing_keys.need(self._pool, self._kid, ends_at)
        return self._sign(account, ends_at)

    def knows(self, kid: str) -> bool:
        """Say whether there still is a key of this name."""
        return kid in self._keys

    async def proven(self, token: str) -> Claims:
        """Do what ``verify`` does, after another look at the keys where the token names one that is not known."""
        try:
            return self.verify(token)
        except UnknownKid:
            await self._look()
            return self.verify(token)

    def verify(self, token: str) -> Claims:
        """Return what the token proves, from its text alone; raises ``ExpiredToken`` or ``InvalidToken``."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken(_INVALID) from None
        if not self.knows(kid):
            raise UnknownKid(_INVALID)
        try:
            claims = jwt.decode(
                token,
                self._keys[kid],
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=SKEW,
                options={"require": ["iss", "aud", "exp", "iat", "sub"]},
            )
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
            proven = Claims(claims["sub"], expires_at, Credential(Means.LOCAL, kid))
        except jwt.ExpiredSignatureError:  # the signature was good
            raise ExpiredToken(str(unverified(token).get("sub"))) from None
        except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
            # Which of them it was helps nobody but a forger.
            raise InvalidToken(_INVALID) from None
        if not proven.hold_at(datetime.now(UTC)):
            raise ExpiredToken(proven.account)
        return proven

    async def watch(self) -> None:
        """Follow the keys until cancelled, several times a second; without a database they stay as they are."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self._read()
            except AWAY:
                continue

    async def _look(self) -> None:
        """Return once the keys have been read by a statement that began after this call."""
        asked = time.monotonic()
        while self._read_from <= asked:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_after_a_pause())
                # Looked at even where all who asked have left: asyncio complains of one that nobody saw.
                self._reading.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(self._reading)

    async def _read_after_a_pause(self) -> None:
        await asyncio.sleep(max(0.0, self._read_from + _PAUSE_SECONDS - time.monotonic()))
        await self._read()

    async def _read(self) -> None:
        began = time.monotonic()
        self._keys = await signing_keys.read(self._pool) or self._keys
        self._read_from = began

    async def refresh_pair(self, account_id: int) -> TokenPair:
        """Return the first pair of a new family; ``InvalidToken`` if the account is closed."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "delete from refresh_token where account_id = $1 and expires_at <= now()", account_id
            )
            return await self._issue(connection, account_id, family=secrets.token_hex(16))

    async def rotate(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair.

        A token that comes a second time was copied: nobody can tell the thief from the owner, so its whole
        family ends. Raises ``InvalidToken`` then, and for an unknown, ended or closed account's token.
        """
        jti = _jti(refresh_token)
        async with self._pool.acquire() as connection, connection.transaction():
            # One at a time per family: otherwise a sibling issued meanwhile would outlive the family's end.
            await connection.execute(_LOCK_FAMILY, jti)
            row = await connection.fetchrow(
                "select account_id, family, used_at is not null as used, expires_at <= now() as expired"
                " from refresh_token where jti = $1",
                jti,
            )
            if row is not None and not row["used"] and not row["expired"]:
                await connection.execute("update refresh_token set used_at = now() where jti = $1", jti)
                return await self._issue(connection, row["account_id"], row["family"])
            if row is not None and row["used"]:
                await connection.execute("delete from refresh_token where family = $1", row["family"])
                await self._note(connection, row["account_id"], AuditKind.TOKEN_REUSED)
            elif row is not None:
                await self._note(connection, row["account_id"], AuditKind.TOKEN_REFUSED, f"refused {jti}")
        raise InvalidToken("the refresh token is unknown, used or expired")

    async def end(self, refresh_token: str) -> None:
        """End the family of a refresh token; one that is unknown, or ended before, has none."""
        jti = _jti(refresh_token)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_FAMILY, jti)
            account_id = await connection.fetchval(
                "with ended as (delete from refresh_token where family ="
                " (select family from refresh_token where jti = $1) returning account_id)"
                " select account_id from ended limit 1",
                jti,
            )
            if account_id is not None:
                await self._note(connection, account_id, AuditKind.SIGNED_OUT)

    async def _note(
        self, connection: Connection, account_id: int, kind: AuditKind, key: str | None = None
    ) -> None:
        row = await connection.fetchrow("select name, city_id from account where id = $1", account_id)
        assert row is not None  # noqa: S101 - its token refers to it
        entry = audit.Entry(kind, account_id, row["name"], row["city_id"], Means.LOCAL, key=key)
        await connection.execute(audit.WRITE, *audit.parameters(entry))

    async def _issue(self, connection: Connection, account_id: int, family: str) -> TokenPair:
        name = await connection.fetchval(
            "select name from account where id = $1 and (disabled_at is null or now() < disabled_at)",
            account_id,
        )
        if name is None:
            raise InvalidToken("the account is closed")
        refresh = secrets.token_urlsafe(32)
        await connection.execute(
            "insert into refresh_token (jti, account_id, family, expires_at)"
            " values ($1, $2, $3, now() + $4::interval)",
            _jti(refresh),
            account_id,
            family,
            timedelta(seconds=self._settings.refresh_ttl_seconds),
        )
        expires_at = datetime.now(UTC) + timedelta(seconds=self._settings.access_ttl_seconds)
        return TokenPair(self._sign(name, expires_at), expires_at, refresh)

    @property
    def _kid(self) -> str:
        return next(reversed(self._keys))

    def _sign(self, account: str, expires_at: datetime) -> str:
        return jwt.encode(
            {"iss": ISSUER, "aud": AUDIENCE, "sub": account, "iat": datetime.now(UTC), "exp": expires_at},
            self._keys[self._kid],
            algorithm=ALGORITHM,
            headers={"kid": self._kid},
        )


_LOCK_FAMILY = "select pg_advisory_xact_lock(hashtextextended(family, 0)) from refresh_token where jti = $1"


def unverified(token: str) -> dict[str, Any]:
    """Return what a token says, believed or not; raises ``InvalidToken`` where it is none."""
    try:
        said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError):
        raise InvalidToken(_INVALID) from None
    return said


def _jti(refresh_token: str) -> str:
    """Only the digest is stored: who reads the table cannot refresh."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()
