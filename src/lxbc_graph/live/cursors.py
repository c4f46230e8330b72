"""Cursors of the event log: numbers under seal, so that they tell nobody what happens elsewhere, nor whether."""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from lxbc_graph.store.secret import database_secret

_BYTES = 8
_NONCE_BYTES = 6
_NAME_LENGTH = 32


class InvalidCursor(ValueError):
    """A cursor that no event has, or had."""


class Cursors:
    """Seals numbers of events with the database's key, each time in another way.

    Otherwise who asks for ``eventCursor`` over and over would see when the log grows.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESSIV(key)
        self.database = hmac.digest(key, b"database", "sha256").hex()[:_NAME_LENGTH]
        """A name of the database that no other has, and that tells nothing of its key."""

    @classmethod
    async def open(cls, pool: asyncpg.Pool) -> "Cursors":
        """Use the database's secret."""
        return cls(await database_secret(pool))

    def pseudonym(self, name: str) -> str:
        """Return what stands for a name outside of the database, and tells nothing of it."""
        return hmac.digest(self._key, b"name:" + name.encode(), "sha256").hex()[:_NAME_LENGTH]

    def seal(self, seq: int) -> str:
        """Return the text that resumes after the event with this sequence number; 0 is before all."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(seq.to_bytes(_BYTES), [nonce])
        return urlsafe_b64encode(nonce + sealed).decode()

    def open_seal(self, text: str) -> int:
        """Return the sequence number behind a cursor; raises ``InvalidCursor`` for any other text."""
        try:
            read = urlsafe_b64decode(text)
            nonce, sealed = read[:_NONCE_BYTES], read[_NONCE_BYTES:]
            seq = int.from_bytes(self._cipher.decrypt(sealed, [nonce]))
        except (ValueError, InvalidTag):
            raise InvalidCursor("not a cursor of the event log") from None
        if urlsafe_b64encode(read).decode() != text:  # decoding skips what it does not know
            raise InvalidCursor("not a cursor of the event log")
        return seq
