"""Cursors of the event log: numbers under seal, so that they tell nobody how much happens elsewhere."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from lxbc_graph.store.secret import database_secret

_BYTES = 8
_NAME_LENGTH = 32


class InvalidCursor(ValueError):
    """A cursor that no event has, or had."""


class Cursors:
    """Seals numbers of events with the database's key, the same number always the same way."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)
        self.database = hmac.digest(key, b"database", "sha256").hex()[:_NAME_LENGTH]
        """A name of the database that no other has, and that tells nothing of its key."""

    @classmethod
    async def open(cls, pool: asyncpg.Pool) -> "Cursors":
        """Use the database's secret."""
        return cls(await database_secret(pool))

    def seal(self, seq: int) -> str:
        """Return the text that resumes after the event with this sequence number; 0 is before all."""
        sealed = self._cipher.encrypt(seq.to_bytes(_BYTES), None)
        return urlsafe_b64encode(sealed).decode()

    def open_seal(self, text: str) -> int:
        """Return the sequence number behind a cursor; raises ``InvalidCursor`` for any other text."""
        try:
            return int.from_bytes(self._cipher.decrypt(urlsafe_b64decode(text), None))
        except (ValueError, InvalidTag):
            raise InvalidCursor("not a cursor of the event log") from None
