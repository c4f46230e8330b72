"""The scope of one principal for one action: a value, not yet SQL."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Level, Role
from lxbc_graph.policy.actions import Action, ScopeKind

from .enforcer import Enforcer


@dataclass(frozen=True, slots=True)
class Scope:
    """What an action reaches: subtrees by the level of their root, single units, and what is one's own.

    All fields are ids, sorted; empty everywhere means nothing. Nothing lies within another subtree. ``above`` is not
    reached: only a rule that binds from there is (``rows.ByRule``).
    ``shape`` is what a statement's text depends on; the ids themselves only ever travel as parameters.
    """

    cities: tuple[int, ...] = ()
    counties: tuple[int, ...] = ()
    townships: tuple[int, ...] = ()
    villages: tuple[int, ...] = ()
    units: tuple[int, ...] = ()
    above: tuple[int, ...] = ()
    """What lies above those roots, up to the city: what is said there binds here."""
    own_cadres: tuple[int, ...] = ()
    own_accounts: tuple[int, ...] = ()
    party_units: tuple[int, ...] = ()
    party_departments: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """How many ids each field holds, as far as a statement's text can tell: 0, 1 or 2 (many)."""
        return tuple([min(len(ids), 2) for ids in _of_all_fields(self)])

    def covers(self, other: "Scope") -> bool:
        """Say whether this one surely reaches all that the other reaches: by the same roots, and the same people."""
        return all(
            set(getattr(other, field.name)) <= set(getattr(self, field.name))
            for field in fields(self)
            if field.name != "above"
        )


_FIELDS = tuple(field.name for field in fields(Scope))
_of_all_fields = attrgetter(*_FIELDS)

SUBTREES = {
    Level.CITY: "cities",
    Level.COUNTY: "counties",
    Level.TOWNSHIP: "townships",
    Level.VILLAGE: "villages",
}
"""Level of a root → the field that its subtree stands in."""


Grants = tuple[frozenset[ScopeKind], ...]
"""The scope kinds that each posting of a principal has for some action."""


def grants_of(enforcer: Enforcer, principal: Principal, action: Action) -> Grants:
    """Return what the postings grant for the action; most actions are granted alike."""
    return tuple([enforcer.scopes(posting.role, action) for posting in principal.postings])


def scope_of(enforcer: Enforcer, principal: Principal, action: Action) -> Scope:
    """Return the union of what the principal's postings grant for the action."""
    return reached_by(principal, grants_of(enforcer, principal, action))


def scope_of_grant(kind: ScopeKind, posting: Posting, principal: Principal) -> Scope:
    """Return what one row of the policy grants through one posting."""
    return reached_by(replace(principal, postings=(posting,)), (frozenset({kind}),))


def reached_by(principal: Principal, grants: Grants) -> Scope:
    """Return the union of what is granted."""
    granted = [
        (kind, posting) for posting, kinds in zip(principal.postings, grants, strict=True) for kind in kinds
    ]
    found: dict[str, set[int]] = {name: set() for name in _FIELDS}
    for kind, posting in granted:
        for name, id_ in _own(kind, posting, principal):
            found[name].add(id_)
    subtrees = {posting.path for kind, posting in granted if kind is ScopeKind.SUBTREE}
    subtrees |= {Path(posting.path.city_id) for kind, posting in granted if kind is ScopeKind.ALL}
    units = {posting.path for kind, posting in granted if kind is ScopeKind.UNIT}
    # What lies within another root adds no row, only an `or` that keeps an index from giving the order.
    roots = {path.unit_id for path in subtrees}
    for path in subtrees:
        if roots.isdisjoint(_above(path)):
            found[SUBTREES[path.level]].add(path.unit_id)
            found["above"].update(_above(path))
    for path in units:
        if roots.isdisjoint((*_above(path), path.unit_id)):
            found["units"].add(path.unit_id)
            found["above"].update(_above(path))
    found["above"] -= found["units"]
    return Scope(**{name: tuple(sorted(ids)) for name, ids in found.items()})


def _own(kind: ScopeKind, posting: Posting, principal: Principal) -> Iterator[tuple[str, int]]:
    """What a grant reaches because of who asks, wherever it lies."""
    if kind is ScopeKind.OWN:
        yield "own_accounts", principal.account_id
        if principal.cadre_id is not None:
            yield "own_cadres", principal.cadre_id
    elif kind is ScopeKind.ASSIGNED:
        if posting.department_id is not None:
            yield "party_departments", posting.department_id
        # A department's posting that names no department must not become the territory.
        elif posting.role is not Role.DEPARTMENT:
            yield "party_units", posting.path.unit_id


def _above(path: Path) -> tuple[int, ...]:
    ids = (path.city_id, path.county_id, path.township_id, path.village_id)
    return tuple(id_ for id_ in ids if id_ is not None and id_ != path.unit_id)


def roles_of(principal: Principal) -> frozenset[Role]:
    """Return the roles that the principal holds anywhere."""
    return frozenset(posting.role for posting in principal.postings)
