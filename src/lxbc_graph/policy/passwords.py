"""Passwords as argon2id hashes; an account without one costs a guesser the same work."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()

# Well formed and costed like any other, yet the hash of nothing that anybody could type: all zeros.
_NOBODY = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


def hash_password(password: str) -> str:
    """Return the hash to store; some 50 ms and 64 MiB of work, so not for the event loop."""
    return _hasher.hash(_octets(password))


def matches(stored: str | None, password: str) -> bool:
    """Say whether the password belongs to the stored hash; None never matches but takes as long."""
    try:
        _hasher.verify(stored or _NOBODY, _octets(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
