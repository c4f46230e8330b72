"""Casbin, asked once per role and action; the only import of it. What it stands on may change while it is asked."""

import asyncio
from collections.abc import AsyncIterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import casbin
import structlog
from casbin.config import Config
from casbin.model import FastModel

from lxbc_graph.domain.words import Role

from .actions import Action, ScopeKind
from .source import MODEL, VOCABULARIES, PolicyError, Row, Source

_LOOK_SECONDS = 0.1

_WORDS = ", ".join(VOCABULARIES)
_MODEL = (
    ("request_definition", "r", _WORDS),
    ("policy_definition", "p", _WORDS),
    ("policy_effect", "e", "some(where (p.eft == allow))"),
    ("matchers", "m", " && ".join(f"r.{name} == p.{name}" for name in VOCABULARIES)),
)
"""What a model must say, or a row could mean something else than the one grant that it spells."""

_KEYS = (0, 1)
"""By role and action Casbin finds the rows that can match: a tenth of the time that all of them take."""

_log = structlog.get_logger()


class Enforcer:
    """Answers which scope kinds a role holds for an action, from a model and rows.

    They may change while ``watch`` runs, or by ``take_up``, and all that was worked out from its answers must be
    worked out anew when its ``version`` is another.
    """

    def __init__(self, origin: Path | Source) -> None:
        """Load ``model.conf`` and ``policy.csv`` of a folder, or what was read before; raises ``PolicyError``."""
        self._source = Source.read(origin) if isinstance(origin, Path) else origin
        self._policy = _Policy(self._source)

    @property
    def version(self) -> str:
        """What is granted now, as a name for it: the same rows have the same one, in every process."""
        return self._policy.version

    @property
    def rows(self) -> tuple[Row, ...]:
        """The policy as written."""
        return self._policy.rows

    def scopes(self, role: Role, action: Action) -> frozenset[ScopeKind]:
        """Return the scope kinds that the policy allows to the role for the action."""
        return self._policy.scopes(role, action)

    def rows_for(self, role: Role, action: Action) -> tuple[Row, ...]:
        """Return the policy rows that grant the action to the role, as written."""
        return tuple(row for row in self.rows if row[:2] == (role.value, action.value))

    async def watch(self, folder: Path) -> None:
        """Take up what the files of the folder come to say until cancelled."""
        async for source in _changes(folder, self._source):
            await self.take_up(source)

    async def take_up(self, source: Source) -> bool:
        """Grant what this says from now on, and return True; what must not be loaded is told, and left."""
        try:
            self._policy = await asyncio.to_thread(_Policy, source)
        except PolicyError as error:
            _log.error(
                "this policy must not be loaded; the one before stays in force",
                problems=str(error).splitlines(),
                version=self.version,
            )
            return False
        _log.info("policy loaded", rows=len(self.rows), version=self.version)
        return True


async def _changes(folder: Path, known: Source) -> AsyncIterator[Source]:
    latest = judged = known
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, latest = latest, await asyncio.to_thread(Source.read, folder)
        # The same twice: an editor may empty a file before it fills it, and who changes both does so in turn.
        if latest == before and latest != judged:
            judged = latest
            yield latest


class _Policy:
    """One policy, whole: its rows, and what Casbin makes of them."""

    def __init__(self, source: Source) -> None:
        model, self.rows = source.parsed()
        self.version = sha256(repr(sorted(self.rows)).encode()).hexdigest()[:12]
        self._casbin = casbin.FastEnforcer(_model(model), cache_key_order=_KEYS)
        self._casbin.add_policies([list(row) for row in self.rows])
        self.scopes = cache(self._scopes)

    def _scopes(self, role: Role, action: Action) -> frozenset[ScopeKind]:
        return frozenset(
            kind for kind in ScopeKind if self._casbin.enforce(role.value, action.value, kind.value)
        )


def _model(text: str) -> FastModel:
    try:
        said = Config.new_config_from_text(text)
    except RuntimeError as error:
        raise PolicyError(f"{MODEL}: {error}") from None
    problems = [
        f"{MODEL}: [{section}] must be: {name} = {right}"
        for section, name, right in _MODEL
        if said.get(f"{section}::{name}") != right
    ]
    if problems:
        raise PolicyError("\n".join(problems))
    model = FastModel(_KEYS)
    model.load_model_from_text(text)
    return model
