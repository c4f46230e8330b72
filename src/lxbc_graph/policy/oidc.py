"""Tokens of an identity provider: found by discovery, checked with the keys that it publishes (OIDC Discovery, JWKS).

A provider that is away takes down nothing but the tokens that only it could vouch for.
"""

import asyncio
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import jwt
import orjson
import structlog
from anyio import to_thread

from lxbc_graph.domain.principal import Credential
from lxbc_graph.domain.words import Means
from lxbc_graph.settings import Settings, is_safe_url

from .tokens import SKEW, Claims, ExpiredToken, InvalidToken, unverified

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""What a provider may sign with, and the kind of key that it takes: never a secret that both sides know."""

_TYPES = ("JWT", "AT+JWT", "APPLICATION/AT+JWT")
"""Of the headers of ID tokens and access tokens; what is made for another purpose proves nothing here."""

_INVALID = "the token is not valid"
_FRESH_SECONDS = 3600.0
_PAUSE_SECONDS = 10.0
"""Between two fetches, however many tokens name a key that is not known."""
_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 512 * 1024

_log = structlog.get_logger()

Jwk = Mapping[str, Any]


class ProviderAway(ConnectionError):
    """The provider does not answer, or not as one should, and without it nobody can say what the token proves."""


class Oidc:
    """Verifies the tokens of one issuer."""

    def __init__(self, issuer: str, audience: str, claim: str) -> None:
        self.issuer = issuer
        self._audience = audience
        self._claim = claim
        self._keys: list[Jwk] | None = None
        self._tried_at = -_FRESH_SECONDS
        self._fetched_at = -_FRESH_SECONDS
        self._fetching: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Oidc | None":
        """Return the provider of the settings, if they name one."""
        if settings.oidc_issuer is None or settings.oidc_audience is None:
            return None
        return cls(settings.oidc_issuer, settings.oidc_audience, settings.oidc_account_claim)

    async def verify(self, token: str) -> Claims:
        """Return what the token proves; raises InvalidToken, ExpiredToken or ProviderAway."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken(_INVALID) from None
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS or str(header.get("typ", "JWT")).upper() not in _TYPES:
            raise InvalidToken(_INVALID)
        return self._proven(token, await self._key(header.get("kid"), algorithm))

    def _proven(self, token: str, key: jwt.PyJWK) -> Claims:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self.issuer,
                audience=self._audience,
                leeway=SKEW,
                options={"require": ["iss", "aud", "exp", "iat", self._claim]},
            )
            subject = claims[self._claim]
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        except jwt.ExpiredSignatureError:  # the signature was good
            raise ExpiredToken(str(unverified(token).get(self._claim))) from None
        except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
            raise InvalidToken(_INVALID) from None
        if not isinstance(subject, str):
            raise InvalidToken(_INVALID)
        proven = Claims(subject, expires_at, Credential(Means.PROVIDER, subject))
        if not proven.hold_at(datetime.now(UTC)):
            raise ExpiredToken(subject)
        return proven

    async def _key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """Return the one key that can have signed; look again where it is not among those that are known."""
        if self._keys is None or time.monotonic() - self._fetched_at > _FRESH_SECONDS:
            await self._look()
        found = self._fitting(kid, algorithm)
        if not found:
            await self._look()
            found = self._fitting(kid, algorithm)
        if self._keys is None:
            raise ProviderAway("the identity provider is out of reach")
        if len(found) != 1:
            raise InvalidToken(_INVALID)
        try:
            return jwt.PyJWK(dict(found[0]), algorithm)
        except (jwt.InvalidTokenError, jwt.PyJWKError, ValueError):
            raise InvalidToken(_INVALID) from None

    def _fitting(self, kid: str | None, algorithm: str) -> list[Jwk]:
        return [
            key
            for key in self._keys or ()
            if key.get("kty") == ALGORITHMS[algorithm]
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and (kid is None or key.get("kid") == kid)
        ]

    async def _look(self) -> None:
        """Fetch the keys, unless that was tried a moment ago; what goes wrong leaves them as they are."""
        if self._fetching is None:
            if time.monotonic() - self._tried_at < _PAUSE_SECONDS:
                return
            self._tried_at = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            self._keys = await to_thread.run_sync(_published, self.issuer)
            self._fetched_at = time.monotonic()
        except (OSError, HTTPException, ValueError) as error:
            _log.warning("identity provider out of reach", issuer=self.issuer, error=repr(error))
        finally:
            self._fetching = None


def _published(issuer: str) -> list[Jwk]:
    """Return the keys that the issuer publishes; raises what urllib does, or ValueError."""
    discovered = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if discovered.get("issuer") != issuer:
        raise ValueError(f"it calls itself {discovered.get('issuer')!r}")
    keys = _json(str(discovered.get("jwks_uri"))).get("keys")
    if not isinstance(keys, list):
        raise ValueError("it publishes no keys")  # noqa: TRY004 - of the provider
    return [key for key in keys if isinstance(key, dict) and key.get("kty") in ALGORITHMS.values()]


def _json(url: str) -> dict[str, Any]:
    if not is_safe_url(url):
        raise ValueError(f"{urlsplit(url).scheme}://… is not https")
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_SECONDS) as response:
            content = response.read(_MOST_BYTES + 1)
    except HTTPError as error:
        with error:  # it holds the connection
            raise ValueError(f"it answers {error.code}") from None
    if len(content) > _MOST_BYTES:
        raise ValueError("its answer is too long")
    found = orjson.loads(content)
    if not isinstance(found, dict):
        raise ValueError("its answer is no object")  # noqa: TRY004 - of the provider
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is published stands where it is said to stand: another address may be nobody's, or not https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirects)
