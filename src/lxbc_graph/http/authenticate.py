"""From an ``Authorization`` header to the principal who asks."""

from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime

from lxbc_graph.domain.errors import ErrorCode
from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.tokens import Claims, InvalidToken, Tokens

_REMEMBERED = 16_384


class Unauthenticated(Exception):
    """A header was sent that proves nobody: HTTP 401, with ``headers`` saying what is expected (RFC 6750)."""

    status = 401

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """The header that belongs to the 401."""
        expected = f'Bearer realm="lxbc-graph", error="invalid_token", error_description="{self.message}"'
        return {"WWW-Authenticate": expected}


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
            raise Unauthenticated(ErrorCode.UNAUTHENTICATED, "expected: Authorization: Bearer TOKEN")
        claims = self._claims(token.strip())
        principal = await self._accounts.principal(claims.account)
        if principal is None:
            raise Unauthenticated(ErrorCode.UNAUTHENTICATED, "the account of this token is closed")
        return replace(principal, expires_at=claims.expires_at)

    async def again(self, principal: Principal | None) -> Principal | None:
        """Return what a principal of long ago is now, until the same moment; raises ``Unauthenticated``."""
        if principal is None:
            return None
        now = await self._accounts.principal_by_id(principal.account_id)
        if now is None:
            raise Unauthenticated(ErrorCode.UNAUTHENTICATED, "the account of this token is closed")
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
            raise Unauthenticated(ErrorCode.UNAUTHENTICATED, str(error)) from None
        self._verified[token] = claims
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return claims
