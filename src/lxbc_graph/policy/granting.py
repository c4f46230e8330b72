"""Nobody grants more than they hold: what a role would reach at a place, against what the granter reaches.

What may be granted beyond that, an office lends to others; so who grants at a place is lent nothing there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple
from types import MappingProxyType

from lxbc_graph.domain.principal import Path, Posting, Principal
from lxbc_graph.domain.words import Role

from .actions import Action, ScopeKind
from .enforcer import Enforcer
from .scope import SUBTREES, Scope, scope_of

LENT: Mapping[Action, Action] = MappingProxyType(
    {
        Action.ISSUE_REPORT: Action.UNIT_READ,
        Action.ISSUE_WITHDRAW: Action.ISSUE_READ,
        Action.ISSUE_INSPECT_TOWNSHIP: Action.ISSUE_READ,
        Action.ISSUE_LOOK_BACK_CADRE: Action.ISSUE_READ,
        Action.ISSUE_LOOK_BACK_INSPECTOR: Action.ISSUE_READ,
    }
)
"""What a county's office must not do itself, and is there to have done; it sees what it is done to (ADR 17)."""

BY_PERSON = frozenset({ScopeKind.OWN, ScopeKind.ASSIGNED})
"""Reach nothing by the place, but what its holder found or was named for, or what was handed to it (ADR 17)."""


def excess(enforcer: Enforcer, granter: Principal, role: Role, place: Path) -> Action | None:
    """Return an action that the role, held at the place, would have beyond the granter's; None if there is none."""
    for action in Action:
        kinds = enforcer.scopes(role, action) - BY_PERSON
        if kinds:
            held = scope_of(enforcer, granter, LENT.get(action, action))
            if not all(_covers(held, kind, place) for kind in kinds):
                return action
    return None


def lent_to_itself(enforcer: Enforcer, held: Iterable[Posting], role: Role, place: Path) -> Action | None:
    """Return what its holder would have only as lent, and grant there too; None if there is no such action.

    The role at the place may be what grants or what is lent, beside each of what is held.
    """
    new = (role, place)
    for posting in held:
        old = (posting.role, posting.path)
        for (office, ground), (other, where) in ((old, new), (new, old)):
            kinds = enforcer.scopes(office, Action.POSTING_GRANT)
            reached = Path(ground.city_id) if ScopeKind.ALL in kinds else ground
            if (office, ground) == (other, where):
                continue  # once more the same lends nothing
            if kinds and _overlap(reached, where) and (action := _lent(enforcer, office, other)) is not None:
                return action
    return None


def _lent(enforcer: Enforcer, office: Role, role: Role) -> Action | None:
    for action in Action:
        kinds = enforcer.scopes(role, action)
        excepted = kinds if action in LENT else kinds & BY_PERSON
        if excepted and not enforcer.scopes(office, action) - BY_PERSON:
            return action
    return None


def _overlap(one: Path, other: Path) -> bool:
    """Say whether one of the units is the other, or is above it."""
    pairs = zip(astuple(one), astuple(other), strict=True)
    return all(a == b for a, b in pairs if a is not None and b is not None)


def _covers(held: Scope, kind: ScopeKind, place: Path) -> bool:
    if kind is ScopeKind.ALL:
        return place.city_id in held.cities
    above = (place.city_id, place.county_id, place.township_id, place.village_id)
    within = any(id_ in getattr(held, field) for id_, field in zip(above, SUBTREES.values(), strict=True))
    return within or (kind is ScopeKind.UNIT and place.unit_id in held.units)
