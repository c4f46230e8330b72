"""Attachments: ``POST /attachments?issue=ID`` takes one file, ``GET /attachments/ID`` gives it back.

Who may do neither is told before anything is read, and what is hidden exactly as what does not exist.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from lxbc_graph.domain.errors import ErrorCode, Refused
from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.audit import Audit
from lxbc_graph.read import ids
from lxbc_graph.read.attachment import Attachment, Attachments
from lxbc_graph.store.files import Files, Stored
from lxbc_graph.write import AddAttachment, Uploads

from . import accept
from .authenticate import Authenticator
from .quotas import Quotas, address, counted
from .rejected import Rejected
from .request import Malformed
from .upload import uploaded

_PATH = "/attachments"


class AttachmentsOverHttp:
    """The endpoints of attachments."""

    def __init__(
        self,
        uploads: Uploads,
        attachments: Attachments,
        files: Files,
        authenticator: Authenticator,
        audit: Audit,
        quotas: Quotas,
        most: int,
    ) -> None:
        self._uploads = uploads
        self._attachments = attachments
        self._files = files
        self._authenticator = authenticator
        self._audit = audit
        self._quotas = quotas
        self._most = most

    def routes(self) -> list[BaseRoute]:
        """Return the routes; all methods and paths, so that the endpoints themselves refuse."""
        return [
            Route(_PATH, _Answered(self._upload)),
            Route(f"{_PATH}/{{id:path}}", _Answered(self._download)),
        ]

    async def _upload(self, request: Request) -> Response:
        _allow(request, "POST")
        principal = await self._principal(request)
        given = request.query_params.get("issue")
        if given is None:
            raise Malformed("Name the issue: /attachments?issue=ID")
        issue_id = ids.parse(given, "Issue") or 0
        try:
            await self._uploads.admit(issue_id, principal=principal)
            async with uploaded(request, self._most) as upload:
                kept = await self._files.put(upload.file)
                command = AddAttachment(issue_id, upload.name, upload.media_type, kept.size, kept.sha256)
                attachment_id = await self._uploads.add(command, principal=principal)
        except Refused as refused:
            raise _refusal(refused) from None
        answer = {
            "id": ids.write("Attachment", attachment_id),
            "name": command.name,
            "mediaType": command.media_type,
            "size": command.size,
            "sha256": command.sha256,
        }
        where = {"Location": f"{_PATH}/{attachment_id}"}
        return Response(orjson.dumps(answer), 201, where, accept.SENT_JSON)

    async def _download(self, request: Request) -> Response:
        _allow(request, "GET", "HEAD")
        principal = await self._principal(request)
        given = request.path_params["id"]
        number = ids.parse(given, "Attachment") or ids.parse(f"Attachment:{given}", "Attachment")
        found = None if number is None else await self._attachments.find(principal, number)
        if found is None:
            raise _not_found()
        etag = f'"{found.sha256}"'
        # Whoever keeps a copy asks each time whether it may still be seen.
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
        if _knows(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        headers |= {
            "Content-Length": str(found.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        }
        if request.method == "HEAD":
            return Response(headers=headers, media_type=found.media_type)
        pieces = self._pieces(found)
        first = await anext(pieces)  # what cannot be read is told as such, not begun
        await self._audit.exported(principal, f"Attachment:{number}", sha256=found.sha256)
        return StreamingResponse(_chain(first, pieces), headers=headers, media_type=found.media_type)

    def _pieces(self, found: Attachment) -> AsyncIterator[bytes]:
        return self._files.read(Stored(found.sha256, found.size))

    async def _principal(self, request: Request) -> Principal:
        header = request.headers.get("authorization")
        principal = await counted(self._authenticator, self._quotas, address(request.scope), header)
        if principal is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="lxbc-graph"'}
            raise Rejected(401, "UNAUTHENTICATED", "Send a token as Authorization: Bearer …", challenge)
        return principal


class _Answered:
    """The endpoint that answers so, whatever the method."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(asgi_scope, receive))
        await response(asgi_scope, receive, send)


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise Rejected(405, "METHOD_NOT_ALLOWED", f"Use {allowed}.", {"Allow": allowed})


def _not_found() -> Rejected:
    return Rejected(404, "NOT_FOUND", "No such object.")


def _refusal(refused: Refused) -> Rejected:
    error = refused.errors[0]
    if error.code is ErrorCode.FORBIDDEN:
        return Rejected(403, "FORBIDDEN", error.message, message_zh=error.message_zh)
    return _not_found()


def _knows(if_none_match: str, etag: str) -> bool:
    return any(known.strip().removeprefix("W/") in (etag, "*") for known in if_none_match.split(","))


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
