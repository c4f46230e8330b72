"""Who asks: an account with the postings that are in force."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from .words import Level, Means, Role


@dataclass(frozen=True, slots=True)
class Path:
    """Where a unit stands: its own id and those of its ancestors, None below its level."""

    city_id: int
    county_id: int | None = None
    township_id: int | None = None
    village_id: int | None = None

    @property
    def level(self) -> Level:
        """The level of the unit that this path ends in."""
        if self.village_id is not None:
            return Level.VILLAGE
        if self.township_id is not None:
            return Level.TOWNSHIP
        return Level.COUNTY if self.county_id is not None else Level.CITY

    @property
    def unit_id(self) -> int:
        """The id of the unit that this path ends in."""
        return self.village_id or self.township_id or self.county_id or self.city_id


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting in force: a role at a unit, or at a department of that unit."""

    id: int
    role: Role
    path: Path
    department_id: int | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """What an account showed; it holds no longer than this does.

    ``key`` is the kid of the key that signed, the subject at the provider, or the prefix of the API key. It opens
    what the account is by ``roles``; None for all of them.
    """

    means: Means
    key: str
    writes: bool = True
    roles: frozenset[Role] | None = None


class Viewer(NamedTuple):
    """What an answer may depend on of who asks, beside what is granted: not what it is called, say."""

    account_id: int
    cadre_id: int | None
    reads_only: bool


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated account; it may do what its postings grant, and nothing else.

    Who stands for an account without having shown anything, as the command line does, has no ``credential``.
    """

    account_id: int
    account: str
    display_name: str
    city_id: int
    cadre_id: int | None
    postings: tuple[Posting, ...]
    expires_at: datetime | None = None
    credential: Credential | None = None

    @property
    def reads_only(self) -> bool:
        """Whether what it showed lets it change nothing, whatever its postings grant."""
        return self.credential is not None and not self.credential.writes

    @property
    def viewer(self) -> Viewer:
        """Who this is to what is computed for it."""
        return Viewer(self.account_id, self.cadre_id, self.reads_only)

    def showing(self, credential: Credential | None, expires_at: datetime | None = None) -> "Principal":
        """Return who this is with what was shown, and with no posting that this does not open."""
        roles = None if credential is None else credential.roles
        postings = tuple(one for one in self.postings if roles is None or one.role in roles)
        return replace(self, postings=postings, credential=credential, expires_at=expires_at)
