"""Casbin, asked once per role and action; the only import of it.

Casbin's own reader passes over what it does not know — another kind of row, a word too many, a second copy —
without a sound, so the rows are read here, strictly, and handed over.
"""

from functools import lru_cache
from pathlib import Path

import casbin

from lxbc_graph.domain.words import Role

from .actions import Action, ScopeKind

Row = tuple[str, ...]
"""One grant as written: role, action, scope."""

_VOCABULARIES = {"role": Role, "action": Action, "scope": ScopeKind}
_ALLOW_ONLY = "some(where (p_eft == allow))"


class PolicyError(ValueError):
    """A policy that must not be loaded; the message has one line for each problem."""


class Enforcer:
    """Answers which scope kinds a role holds for an action, from the model and the rows in one folder."""

    def __init__(self, folder: Path) -> None:
        """Load ``model.conf`` and ``policy.csv``; raises ``PolicyError``."""
        self.rows: tuple[Row, ...] = read_rows(folder / "policy.csv")
        self._casbin = casbin.Enforcer(str(folder / "model.conf"))
        _check_model(self._casbin.get_model())
        self._casbin.add_policies([list(row) for row in self.rows])
        self.scopes = lru_cache(maxsize=None)(self._scopes)

    def _scopes(self, role: Role, action: Action) -> frozenset[ScopeKind]:
        """Return the scope kinds that the policy allows to the role for the action."""
        return frozenset(
            kind for kind in ScopeKind if self._casbin.enforce(role.value, action.value, kind.value)
        )

    def rows_for(self, role: Role, action: Action) -> tuple[Row, ...]:
        """Return the policy rows that grant the action to the role, as written."""
        return tuple(row for row in self.rows if row[:2] == (role.value, action.value))


def read_rows(path: Path) -> tuple[Row, ...]:
    """Return the rows of a policy file; ``PolicyError`` names every line that nobody can have meant."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from None
    seen: dict[Row, int] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        kind, *words = (word.strip() for word in line.split(","))
        row = tuple(words)
        found = _problems(kind, row)
        if not found and row in seen:
            found = [f"the same as line {seen[row]}"]
        seen.setdefault(row, number)
        problems += [f"{path.name}:{number}: {problem}: {line.strip()}" for problem in found]
    if problems:
        raise PolicyError("\n".join(problems))
    return tuple(seen)


def _problems(kind: str, row: Row) -> list[str]:
    if kind != "p":
        return [f"unknown kind of row {kind!r}"]
    if "deny" in row:
        return ["a row can only allow: leave out what is not granted"]
    if len(row) != len(_VOCABULARIES):
        return ["a row is: p, role, action, scope"]
    return [
        f"unknown {name} {word!r}"
        for word, (name, vocabulary) in zip(row, _VOCABULARIES.items(), strict=True)
        if word not in {member.value for member in vocabulary}
    ]


def _check_model(model: casbin.Model) -> None:
    """Refuse a model in which a row could do anything but allow, or a question be asked in another order."""
    words = {section: model[section][section].tokens for section in ("r", "p")}
    for section, tokens in words.items():
        if tokens != [f"{section}_{name}" for name in _VOCABULARIES]:
            raise PolicyError(f"model.conf: {section} must be: {', '.join(_VOCABULARIES)}")
    if model["e"]["e"].value != _ALLOW_ONLY:
        raise PolicyError("model.conf: the effect must be allow-only: some(where (p.eft == allow))")
