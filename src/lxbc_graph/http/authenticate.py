"""From an ``Authorization`` header to the principal who asks: by a token of ours, of the provider, or an API key."""

import asyncio
import re
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from lxbc_graph.domain.principal import Credential, Principal
from lxbc_graph.domain.words import AuditKind, Means
from lxbc_graph.policy import audit
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.api_keys import BEGIN, ApiKeys, KeyScope
from lxbc_graph.policy.audit import Audit, Entry
from lxbc_graph.policy.oidc import Oidc
from lxbc_graph.policy.tokens import Claims, ExpiredToken, InvalidToken, Tokens, unverified
from lxbc_graph.store.outage import AWAY

from .rejected import Rejected

_REMEMBERED = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,16384}")
"""What a signed token is made of: with anything else in it, it would be the same one in any number of texts."""
_CLOSED = "the account of this token is closed, or what it signed in with was revoked"


class Unauthenticated(Rejected):
    """A header was sent that proves nobody, or no longer does: 401 with what is expected (RFC 6750)."""

    def __init__(self, message: str, code: str = "UNAUTHENTICATED") -> None:
        expected = f'Bearer realm="lxbc-graph", error="invalid_token", error_description="{message}"'
        super().__init__(401, code, message, {"WWW-Authenticate": expected})


class TokenExpired(Unauthenticated):
    """The token of something that lasts has ended before it."""

    def __init__(self) -> None:
        super().__init__("the token has expired", "TOKEN_EXPIRED")


async def until_expired(principal: Principal | None) -> None:
    """Wait until the principal's token ends and raise TokenExpired; return at once where none ever does."""
    if principal is not None and principal.expires_at is not None:
        await asyncio.sleep((principal.expires_at - datetime.now(UTC)).total_seconds())
        raise TokenExpired


class Authenticator:
    """Turns what a client shows into a principal: signatures are checked once, all else every time."""

    def __init__(
        self, tokens: Tokens, accounts: Accounts, api_keys: ApiKeys, oidc: Oidc | None, audited: Audit
    ) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._api_keys = api_keys
        self._oidc = oidc
        self._audit = audited
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    async def __call__(self, authorization_header: str | None) -> Principal | None:
        """Return who bears the token or key, until it expires; None without a header.

        Raises ``Unauthenticated``, and what the database or the provider raise where they cannot be asked.
        """
        if authorization_header is None:
            return None
        scheme, _, token = authorization_header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("expected: Authorization: Bearer TOKEN")
        token = token.strip()
        if token.startswith(BEGIN):
            return await self._bearer_of_key(token)
        claims = await self._claims(token)
        principal = await self._of(claims)
        if principal is None:
            await self._refuse(token, claims.credential.means, claims.account)
            raise Unauthenticated(_CLOSED)
        return principal.showing(claims.credential, claims.expires_at)

    async def again(self, principal: Principal | None) -> Principal | None:
        """Return what a principal of long ago is now, until the same moment; raises ``Unauthenticated``."""
        if principal is None:
            return None
        now = await self._accounts.principal_by_id(principal.account_id)
        if now is None or not await self._holds(principal.credential, now):
            raise Unauthenticated(_CLOSED)
        return now.showing(principal.credential, principal.expires_at)

    async def _bearer_of_key(self, text: str) -> Principal:
        key = await self._api_keys.key(text)
        if key is None:
            raise Unauthenticated("the API key is not valid")
        principal = await self._accounts.principal_by_id(key.account_id) if key.good else None
        if principal is None:
            await self._refuse(text, Means.API_KEY, key.account_id, key.prefix)
            raise Unauthenticated("the API key is not valid" if not key.good else _CLOSED)
        writes = key.scope is KeyScope.READ_WRITE
        return principal.showing(Credential(Means.API_KEY, key.prefix, writes, key.roles), key.expires_at)

    async def _of(self, claims: Claims) -> Principal | None:
        if claims.credential.means is Means.PROVIDER:
            return await self._accounts.principal_by_subject(claims.account)
        return await self._accounts.principal(claims.account)

    async def _holds(self, credential: Credential | None, principal: Principal) -> bool:
        match credential:
            case Credential(Means.LOCAL, key):
                return self._tokens.knows(key)
            case Credential(Means.API_KEY, key):
                return await self._api_keys.holds(key)
            case Credential(Means.PROVIDER, key):
                linked = await self._accounts.principal_by_subject(key)
                return linked is not None and linked.account_id == principal.account_id
        return True

    async def _claims(self, token: str) -> Claims:
        claims = self._verified.get(token)
        if claims is not None and claims.hold_at(datetime.now(UTC)) and self._is_known(claims.credential):
            self._verified.move_to_end(token)
            return claims
        self._verified.pop(token, None)
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated("the token is not valid")
        try:
            claims = await self._proven(token)
        except InvalidToken as error:
            if isinstance(error, ExpiredToken):
                await self._refuse(token, self._means(token), error.account)
            raise Unauthenticated(str(error)) from None
        self._verified[token] = claims
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return claims

    def _is_known(self, credential: Credential) -> bool:
        return credential.means is not Means.LOCAL or self._tokens.knows(credential.key)

    async def _proven(self, token: str) -> Claims:
        if self._oidc is None or self._means(token) is Means.LOCAL:
            return await self._tokens.proven(token)
        claims = await self._oidc.verify(token)
        principal = await self._of(claims)
        if principal is not None:
            known = replace(principal, credential=claims.credential)
            entry = audit.by(known, AuditKind.SIGNED_IN)
            await self._audit.note(replace(entry, key=f"signed in {_name(token)}"))
        return claims

    def _means(self, token: str) -> Means:
        ours = self._oidc is None or unverified(token).get("iss") != self._oidc.issuer
        return Means.LOCAL if ours else Means.PROVIDER

    async def _refuse(self, token: str, means: Means, account: str | int, api_key: str | None = None) -> None:
        """Note, once for each token or key, that one was refused that had been good.

        Whom the provider vouches for and nobody has posted is noted as the provider calls them.
        """
        key = f"refused {_name(token)}"
        if not self._audit.begins(key):
            return
        with suppress(*AWAY):  # the refusal stands, whether or not it can be noted
            known = await (
                self._accounts.find_by_id(account)
                if isinstance(account, int)
                else self._accounts.find(account, means)
            )
            if known is not None:
                await self._audit.note(
                    Entry(AuditKind.TOKEN_REFUSED, *known, means=means, api_key=api_key, key=key)
                )
            elif means is Means.PROVIDER:
                said = {"oidcSubject": account}
                await self._audit.note(Entry(AuditKind.TOKEN_REFUSED, means=means, detail=said, key=key))


def _name(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
