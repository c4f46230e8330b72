"""What an uploaded file is, by its bytes and never by anybody's word; None for all that is not evidence."""

import zipfile
from typing import BinaryIO

import puremagic

_CLIP = "video/mp4"
_OFFICE = "application/vnd.openxmlformats-officedocument."
EXTENSIONS = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    _CLIP: (".mp4",),
    f"{_OFFICE}wordprocessingml.document": (".docx",),
    f"{_OFFICE}spreadsheetml.sheet": (".xlsx",),
}
"""Every type that is taken, and how a name of it may end; none of them runs in a browser."""

_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_UNSAID = ("", "application/octet-stream")
_ZIP = b"PK\x03\x04"
_OFFICE_PARTS = {
    "word/document.xml": f"{_OFFICE}wordprocessingml.document",
    "xl/workbook.xml": f"{_OFFICE}spreadsheetml.sheet",
}
_NO_CLIP = {"video/quicktime", "image/heif", "image/heic", "image/avif"}  # pictures and films in the same box
_HEAD = 64
_DIRECTORY = 1024 * 1024  # of a zip: ten thousand parts
_END = b"PK\x05\x06"
_END_LENGTH = 22
_END_64 = b"PK\x06\x07"
_END_64_LENGTH = 20


def media_type_of(file: BinaryIO) -> str | None:
    """Return the type, one of ``EXTENSIONS``."""
    file.seek(0)
    head = file.read(_HEAD)
    if head.startswith(_ZIP):
        return _office(file)
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    # A signature at the end of a file says nothing about how it begins.
    named: list[str] = [match.mime_type for match in matches if match.offset >= 0]
    if not named or named[0] not in EXTENSIONS or (named[0] == _CLIP and not _NO_CLIP.isdisjoint(named)):
        return None
    return named[0]


def contradicts(declared: str, found: str) -> bool:
    """Tell whether a client said that it is something else."""
    return declared not in _UNSAID and _ALIASES.get(declared, declared) != found


def _office(file: BinaryIO) -> str | None:
    """A document or a sheet is a zip of certain parts; one with macros is none that is taken."""
    if not _is_small_zip(file):
        return None
    try:
        with zipfile.ZipFile(file) as parts:
            names = set(parts.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        return None
    if "[Content_Types].xml" not in names or any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    found = [type_ for part, type_ in _OFFICE_PARTS.items() if part in names]
    return found[0] if len(found) == 1 else None


def _is_small_zip(file: BinaryIO) -> bool:
    """Tell whether its table of contents may be read: whoever reads it keeps all of it in memory.

    Only the very last bytes say where it is: a comment behind them could hold, or hide, another answer.
    """
    end = file.seek(0, 2)
    file.seek(max(0, end - _END_LENGTH - _END_64_LENGTH))
    tail = file.read()
    before, last = tail[:-_END_LENGTH], tail[-_END_LENGTH:]
    plain = last.startswith(_END) and last.endswith(b"\0\0") and not before.startswith(_END_64)
    return plain and int.from_bytes(last[12:16], "little") <= _DIRECTORY
