"""Uploaded files in a folder or in S3, each kept once: its name is the SHA-256 of its bytes."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import anyio.to_thread
import fsspec  # type: ignore[import-untyped] # ships no types

T = TypeVar("T")

_CHUNK = 1024 * 1024
_THREADS = 16
_S3_PART = 5 * 1024 * 1024  # the least that S3 takes, and what one upload holds in memory
_INCOMING = "incoming"


class FilesError(RuntimeError):
    """Files cannot be kept at this place; the text says why."""


class FilesAway(OSError):
    """The place where the files are does not answer, or not as it should."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a file once it is kept."""

    sha256: str
    size: int


class Files:
    """Files by their SHA-256; a file is there whole or not at all, and is never changed."""

    def __init__(self, system: Any, root: str, *, local: bool) -> None:
        self._system = system
        self._root = root
        self._local = local
        self._threads = anyio.CapacityLimiter(_THREADS)  # a slow place must not hold those of everyone else

    @classmethod
    def open(cls, url: str) -> "Files":
        """Open a folder, ``file:///…`` or ``s3://bucket/prefix``; raises FilesError.

        The endpoint and the credentials of S3 are those of the ``AWS_*`` variables.
        """
        scheme, separator, _ = url.partition("://")
        if not separator or scheme == "file":
            root = Path(url.removeprefix("file://")).expanduser().absolute()
            if root.exists() and not root.is_dir():
                raise FilesError(f"cannot keep attachments in {root}: it is no folder")
            return cls(fsspec.filesystem("file", auto_mkdir=True), str(root), local=True)
        bucket = urlsplit(url)
        if scheme != "s3" or not bucket.netloc:
            raise FilesError("LXBC_ATTACHMENTS_URL is neither a folder nor of the form s3://bucket/prefix")
        try:
            system = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            raise FilesError(
                "LXBC_ATTACHMENTS_URL names S3, which needs the extra: pip install 'lxbc-graph[s3]'"
            ) from error
        return cls(system, f"{bucket.netloc}{bucket.path}".rstrip("/"), local=False)

    async def put(self, source: BinaryIO) -> Stored:
        """Keep what can be read from the beginning of the source; raises FilesAway."""
        return await self._run(lambda: self._put(source))

    async def read(self, stored: Stored) -> AsyncIterator[bytes]:
        """Give the bytes, a piece at a time; raises FilesAway."""
        path = self._path(stored.sha256)
        for start in range(0, stored.size, _CHUNK):
            end = min(start + _CHUNK, stored.size)
            yield await self._run(partial(self._piece, path, start, end))

    async def aclose(self) -> None:
        """Close the connections, if there are any."""
        if not self._local and (client := self._system._s3) is not None:  # noqa: SLF001 - s3fs closes none by itself
            await self._run(lambda: self._system.close_session(self._system.loop, client))

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256[2:]}"

    def _put(self, source: BinaryIO) -> Stored:
        source.seek(0)
        digest = hashlib.sha256()
        while piece := source.read(_CHUNK):
            digest.update(piece)
        stored = Stored(digest.hexdigest(), source.tell())
        source.seek(0)
        # Also what is there already: the time that is saved would tell that somebody else has it.
        write = self._write_folder if self._local else self._write_s3
        write(source, self._path(stored.sha256))
        return stored

    def _write_folder(self, source: BinaryIO, path: str) -> None:
        aside = f"{self._root}/{_INCOMING}/{uuid4().hex}"
        try:
            with self._system.open(aside, "wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())  # it is on the disk before the row that names it
            self._system.mv(aside, path)
        except BaseException:
            if self._system.exists(aside):
                self._system.rm_file(aside)
            raise

    def _write_s3(self, source: BinaryIO, path: str) -> None:
        target = self._system.open(path, "wb", block_size=_S3_PART, autocommit=False)
        try:
            shutil.copyfileobj(source, target, _CHUNK)
            target.close()
            target.commit()
        except BaseException:
            target.discard()
            target.closed = True  # or it would try again when it is forgotten
            raise

    def _piece(self, path: str, start: int, end: int) -> bytes:
        piece = bytes(self._system.cat_file(path, start=start, end=end))
        if len(piece) != end - start:
            raise FilesAway(f"{path} is cut short")
        return piece

    async def _run(self, work: Callable[[], T]) -> T:
        """Do blocking work aside; what goes wrong there has the forms of many libraries, and one here."""
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except FilesAway:
            raise
        except Exception as error:
            raise FilesAway(f"{type(error).__name__}: {error}") from error
