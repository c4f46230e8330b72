"""Whatever goes wrong, told in the form of an error of GraphQL."""

from http import HTTPStatus
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from . import accept
from .operation import failed
from .rejected import Rejected


class Told:
    """An application that tells what goes wrong in another one; a WebSocket is refused in the same way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer in place of the application, unless it has begun to."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(asgi_scope, receive, sent)
        except ClientDisconnect:
            return
        except Exception as error:
            if begun or asgi_scope["type"] == "lifespan":
                raise
            await _response(error)(asgi_scope, receive, send)


async def unknown(_asgi_scope: AsgiScope, _receive: Receive, _send: Send) -> NoReturn:
    """Refuse a path that there is not."""
    raise _not_found()


async def rejected(_request: Request, error: Exception) -> NoReturn:
    """Refuse what the router refuses, which would say so in plain text."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it handles no other
    if error.status_code == HTTPStatus.NOT_FOUND:
        raise _not_found() from None
    code = "METHOD_NOT_ALLOWED" if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else "BAD_REQUEST"
    raise Rejected(error.status_code, code, f"{error.detail}.", error.headers) from None


def _not_found() -> Rejected:
    return Rejected(404, "NOT_FOUND", "There is nothing at this path.", message_zh="路径不存在。")


def _response(error: Exception) -> Response:
    if isinstance(error, Rejected):
        return Response(error.body, error.status, dict(error.headers), accept.SENT_JSON)
    fault = failed(error)
    return Response(fault.body, fault.status, media_type=accept.SENT_JSON)
