"""A form with one file, read no further than it may be long, and what the file is to be called."""

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from . import accept
from .media_types import EXTENSIONS, contradicts, media_type_of
from .rejected import Rejected

_FORM = "multipart/form-data"
_ENVELOPE = 16 * 1024  # boundaries and the headers of a part
_LONGEST_NAME = 200
_UNSHOWN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # what a name cannot show, or shows as another name


class Unacceptable(Rejected):
    """A form that holds no file, or more; the text says what is wrong with it."""

    def __init__(self, message: str, message_zh: str) -> None:
        super().__init__(400, "BAD_REQUEST", message, message_zh=message_zh)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: what it is, and a name that is only ever shown."""

    name: str
    media_type: str
    file: BinaryIO


@asynccontextmanager
async def uploaded(request: Request, most: int) -> AsyncIterator[Upload]:
    """Read the form and give its only part, ``file``; raises Rejected, at the latest one piece after ``most`` bytes.

    The file lies in a temporary one that is gone after the block.
    """
    media_type, parameters = accept.parse(request.headers.get("content-type", ""))
    if media_type != _FORM or not accept.is_utf_8(parameters):
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", f"Post {_FORM} in UTF-8.")
    if int(request.headers.get("content-length", 0)) > most + _ENVELOPE:
        raise _too_large(most)
    form = MultiPartParser(request.headers, _bounded(request, most), max_files=1, max_fields=0)
    try:
        yield await _only(form, most)
    finally:
        for file in form._files_to_close_on_error:  # noqa: SLF001 - it closes them on its own errors alone
            file.close()


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes]:
    read = 0
    async for piece in request.stream():
        read += len(piece)
        if read > most + _ENVELOPE:
            raise _too_large(most)
        yield piece


async def _only(form: MultiPartParser, most: int) -> Upload:
    part = await _part(form)
    if not part.size:
        raise Unacceptable("The file is empty.", "文件为空。")
    if part.size > most:
        raise _too_large(most)
    media_type = await to_thread.run_sync(media_type_of, part.file)
    declared, _ = accept.parse(part.content_type or "")
    if media_type is None or contradicts(declared, media_type):
        raise Rejected(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Only JPEG, PNG, WebP, PDF, DOCX, XLSX and MP4 are taken, and only as what they are.",
            message_zh="仅支持 JPEG、PNG、WebP、PDF、DOCX、XLSX、MP4 文件，且内容须与类型一致。",
        )
    return Upload(name_of(part.filename or "", media_type), media_type, part.file)


async def _part(form: MultiPartParser) -> UploadFile:
    try:
        match (await form.parse()).multi_items():
            case [("file", UploadFile() as part)]:
                return part
    except (MultiPartException, UnicodeError):
        pass
    raise Unacceptable(
        "Send a form with one part, 'file', that has a file name.", "请上传一个文件（表单字段 file）。"
    )


def name_of(given: str, media_type: str) -> str:
    """Return the last part of a path as a name to show, which ends as its type does; raises Unacceptable.

    A page that begins like a picture would else be saved as a page by whoever downloads it.
    """
    last = given.replace("\\", "/").rpartition("/")[2]
    shown = "".join(
        character for character in last if unicodedata.category(character) not in _UNSHOWN
    ).strip()
    if not shown.strip("."):
        raise Unacceptable("The file has no name that can be shown.", "文件名无效。")
    endings = EXTENSIONS[media_type]
    ending = next((ending for ending in endings if shown.lower().endswith(ending)), "")
    stem = shown[: len(shown) - len(ending)]
    return stem[: _LONGEST_NAME - len(endings[-1])] + (shown[len(stem) :] or endings[0])


def _too_large(most: int) -> Rejected:
    return Rejected(
        413, "BODY_TOO_LARGE", f"A file holds at most {most} bytes.", message_zh=f"文件不能超过 {most} 字节。"
    )
