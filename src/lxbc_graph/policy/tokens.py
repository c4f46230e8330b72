"""Tokens: a signed one for an hour of access, and an opaque one to renew it, good for a single use."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import jwt

from lxbc_graph.settings import Settings

ISSUER = AUDIENCE = "lxbc-graph"
ALGORITHM = "HS256"
SKEW = timedelta(seconds=30)


class InvalidToken(ValueError):
    """A token that proves nothing: malformed, forged, used before, or of an account that is closed."""


class ExpiredToken(InvalidToken):
    """A token that was good once."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token proves: the account's name, until when."""

    account: str
    expires_at: datetime

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
    """Issues and verifies tokens with the keys of the table ``signing_key``: the newest signs, all verify."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, keys: dict[str, str]) -> None:
        self._pool = pool
        self._settings = settings
        self._keys = keys
        self._kid = next(reversed(keys))

    @classmethod
    async def open(cls, pool: asyncpg.Pool, settings: Settings) -> "Tokens":
        """Read the keys; make the first if there is none, once however many processes start."""
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table signing_key in share row exclusive mode")
            await connection.execute(
                "insert into signing_key (kid, secret) select $1, $2"
                " where not exists (select from signing_key)",
                secrets.token_hex(8),
                secrets.token_urlsafe(48),
            )
            rows = await connection.fetch("select kid, secret from signing_key order by created_at, kid")
        return cls(pool, settings, {row["kid"]: row["secret"] for row in rows})

    def access(self, account: str, ttl_seconds: int) -> str:
        """Return a signed token that lets its bearer be the account for ``ttl_seconds``."""
        return self._sign(account, datetime.now(UTC) + timedelta(seconds=ttl_seconds))

    def verify(self, token: str) -> Claims:
        """Return what the token proves, from its text alone; raises ``ExpiredToken`` or ``InvalidToken``."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            claims = jwt.decode(
                token,
                self._keys[kid],
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=SKEW,
                options={"require": ["iss", "aud", "exp", "iat", "sub"]},
            )
            proven = Claims(claims["sub"], datetime.fromtimestamp(claims["exp"], UTC))
        except jwt.ExpiredSignatureError:
            raise ExpiredToken("the token has expired") from None
        except (jwt.InvalidTokenError, KeyError, ValueError, OverflowError, OSError):
            # Which of them it was helps nobody but a forger.
            raise InvalidToken("the token is not valid") from None
        if not proven.hold_at(datetime.now(UTC)):
            raise ExpiredToken("the token has expired")
        return proven

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
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended(family, 0)) from refresh_token where jti = $1",
                jti,
            )
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
        raise InvalidToken("the refresh token is unknown, used or expired")

    async def _issue(
        self, connection: "asyncpg.pool.PoolConnectionProxy", account_id: int, family: str
    ) -> TokenPair:
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

    def _sign(self, account: str, expires_at: datetime) -> str:
        return jwt.encode(
            {"iss": ISSUER, "aud": AUDIENCE, "sub": account, "iat": datetime.now(UTC), "exp": expires_at},
            self._keys[self._kid],
            algorithm=ALGORITHM,
            headers={"kid": self._kid},
        )


def _jti(refresh_token: str) -> str:
    """Only the digest is stored: who reads the table cannot refresh."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()
