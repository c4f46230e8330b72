"""Trusted documents: a manifest of those that clients may send, and who; each is named by the SHA-256 of its text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

_OTHER_WILDCARDS = re.compile(r"[?[]")
"""Of fnmatch, beside ``*``: accounts may be named so."""


class TrustedError(ValueError):
    """The manifest cannot be what anybody meant."""


def id_of(text: str) -> str:
    """Return the identifier of a document, as the appendix of GraphQL over HTTP defines it."""
    return f"sha256:{sha256(text.encode(errors='surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Trusted:
    """Documents by their id, and for each the patterns of fnmatch of the accounts that may send it."""

    texts: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, list[str]] = field(default_factory=dict)
    only: bool = False
    """Whether nothing else is taken."""

    @classmethod
    def load(cls, file: Path, *, only: bool) -> "Trusted":
        """Read ``{"pattern of accounts": {"sha256:…": "query …"}}``; raises TrustedError."""
        try:
            manifest = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TrustedError(f"{file}: {error}") from None
        texts: dict[str, str] = {}
        accounts: dict[str, list[str]] = {}
        for pattern, documents in _object(file, manifest).items():
            for id_, text in _object(f"{file}: {pattern}", documents).items():
                if not isinstance(text, str) or id_of(text) != id_:
                    raise TrustedError(f"{file}: {pattern}: {id_} is not the SHA-256 of its document")
                texts[id_] = text
                accounts.setdefault(id_, []).append(_OTHER_WILDCARDS.sub(r"[\g<0>]", pattern))
        return cls(texts, accounts, only)

    def allows(self, id_: str, account: str | None) -> bool:
        """Say whether the account, or whoever is not signed in, may send the document."""
        return any(fnmatchcase(account or "", pattern) for pattern in self.accounts.get(id_, ()))


UNTRUSTING = Trusted()
"""No document is given beforehand, and any is taken."""


def _object(where: object, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TrustedError(f"{where}: this is no JSON object")
    return value
