"""From an ``Authorization`` header to the principal who asks."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.tokens import Claims, InvalidToken, Tokens

from .rejected import Rejected

_REMEMBERED = 16_384


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
    """Turns a bearer token into a principal: its signature is checked once, its account every time."""

    def __init__(self, tokens: Tokens, accounts: Accounts) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    async def __call__(self, authorization_header: str | None) -> Principal | None:
        """Return who bears the token, until it expires; None without a header; raises ``Unauthenticated``."""
        if authorization_header is None:
            return None
        scheme, _, token = authorization_header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("expected: Authorization: Bearer TOKEN")
        claims = self._claims(token.strip())
        principal = await self._accounts.principal(claims.account)
        if principal is None:
            raise Unauthenticated("the account of this token is closed")
        return replace(principal, expires_at=claims.expires_at)

    async def again(self, principal: Principal | None) -> Principal | None:
        """Return what a principal of long ago is now, until the same moment; raises ``Unauthenticated``."""
        if principal is None:
            return None
        now = await self._accounts.principal_by_id(principal.account_id)
        if now is None:
            raise Unauthenticated("the account of this token is closed")
        return replace(now, expires_at=principal.expires_at)

    def _claims(self, token: str) -> Claims:
        claims = self._verified.get(token)
        if claims is not None and claims.hold_at(datetime.now(UTC)):
            self._verified.move_to_end(token)
            return claims
        self._verified.pop(token, None)
        try:
            claims = self._tokens.verify(token)
        except InvalidToken as error:
            raise Unauthenticated(str(error)) from None
        self._verified[token] = claims
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return claims
