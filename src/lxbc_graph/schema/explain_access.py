"""``explainAccess``: which row of the policy and which posting let the viewer do something to an object, or what is missing.

What it is asked of is found as any other object is; one that is hidden is answered as one that nobody has.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.types import Info

from lxbc_graph.domain.principal import Posting, Principal
from lxbc_graph.domain.words import Role
from lxbc_graph.policy.actions import Action, ScopeKind
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.rows import ISSUE, NOTHING, PARTY, POSTING, UNIT, RowRule
from lxbc_graph.policy.scope import Scope, scope_of, scope_of_grant
from lxbc_graph.read import ids
from lxbc_graph.read.catalogue import Column, Entity
from lxbc_graph.read.runner import Connections
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE, actions_of

from . import names  # noqa: F401 - with it Role is an enum of the schema
from .context import Context
from .declare import CATALOGUE

_SHOWN = 60
"""Characters of an unknown action that are repeated."""

ACTED_ON: Mapping[str, Mapping[Action, RowRule]] = {
    "Unit": dict.fromkeys(
        (Action.METRICS_READ, Action.ISSUE_REPORT, Action.RULE_SET, Action.POSTING_GRANT), UNIT
    ),
    "Posting": {Action.POSTING_END: POSTING},
    "Issue": dict.fromkeys((Action.METRICS_READ, Action.ISSUE_ATTACH, *actions_of(ON_ISSUE)), ISSUE),
    "Assignment": dict.fromkeys(actions_of(ON_ASSIGNMENT), PARTY),
}
"""What is done to objects of each type beside reading them and their private fields, and by which rule."""


@strawberry.type(
    name="PolicyRow", description="A row of the policy: to whom it allows what, and how far (策略行)."
)
class PolicyRow:
    """One grant as written."""

    role: Role = strawberry.field(description="The role that a posting must have (角色).")
    action: str = strawberry.field(description="The action, spelled as in the policy (操作).")
    scope: str = strawberry.field(
        description="How far it reaches from the posting: OWN, ASSIGNED, UNIT, SUBTREE or ALL (范围)."
    )


@strawberry.type(name="AccessGrant", description="What a posting of the viewer's grants (授权).")
class AccessGrant:
    """A row of the policy, and the posting that it is held by."""

    row: PolicyRow = strawberry.field(description="The row of the policy (策略行).")
    posting: strawberry.ID = strawberry.field(description="Id of the posting (岗位).")
    unit: str = strawberry.field(description="Code of the unit that the posting is at (岗位所在单位代码).")
    reaches: bool = strawberry.field(description="Whether it reaches the object (是否覆盖).")


@strawberry.type(
    name="AccessExplanation",
    description="Why the viewer may, or may not, do something to an object, as far as the policy says: whether it can"
    " be done now says viewerActions (权限说明).",
)
class AccessExplanation:
    """The answer to one question."""

    allowed: bool = strawberry.field(description="Whether some grant reaches the object (是否允许).")
    grants: list[AccessGrant] = strawberry.field(
        description="What the viewer's postings grant of the action, whether or not it reaches (已有授权)."
    )
    required: list[PolicyRow] = strawberry.field(
        description="Where it is not allowed, the rows that allow it to somebody: a posting with such a role that"
        " reaches the object is missing (所缺权限)."
    )


class Explainer:
    """Explains the access of principals."""

    def __init__(self, connections: Connections, enforcer: Enforcer) -> None:
        self._connections = connections
        self._enforcer = enforcer

    async def explain(self, principal: Principal, id_: str, action: str) -> AccessExplanation | None:
        """Return why the principal may do this to the object, or not; None where there is none that it may see.

        Raises GraphQLError for an action that there is not, or that is not done to such an object.
        """
        asked = _action(action)
        name = ids.name_of(id_)
        entity = CATALOGUE.by_node(name)
        if entity is None:
            return None
        rule = rules_of(entity).get(asked)
        if rule is None:
            raise _bad_input(f"{asked} is no action on {name}.", f"“{name}”没有“{asked}”这一操作。")
        number = ids.parse(id_, name)
        held = [
            (posting, kind)
            for posting in principal.postings
            for kind in ScopeKind
            if kind in self._enforcer.scopes(posting.role, asked)
        ]
        found = None if number is None else await self._reaches(principal, entity, number, rule, held)
        if found is None:
            return None
        reaches, codes = found
        grants = [
            AccessGrant(
                row=_row((posting.role.value, asked.value, kind.value)),
                posting=strawberry.ID(ids.write("Posting", posting.id)),
                unit=codes[str(posting.path.unit_id)],
                reaches=reached,
            )
            for (posting, kind), reached in zip(held, reaches, strict=True)
        ]
        allowed = any(reaches)
        rows = [row for role in Role for row in self._enforcer.rows_for(role, asked)]
        return AccessExplanation(
            allowed=allowed, grants=grants, required=[] if allowed else [_row(row) for row in rows]
        )

    async def _reaches(
        self,
        principal: Principal,
        entity: Entity,
        number: int,
        rule: RowRule,
        held: list[tuple[Posting, ScopeKind]],
    ) -> tuple[list[bool], dict[str, str]] | None:
        """Return which of the grants reach the object, and the codes of their units; None where it is hidden."""
        assert entity.requires is not None, entity.name
        parameters: list[Any] = [number, [posting.path.unit_id for posting, _ in held]]
        visible = _predicate(entity.rows, scope_of(self._enforcer, principal, entity.requires), parameters)
        if visible == NOTHING:
            return None
        terms = [
            _predicate(rule, scope_of_grant(kind, posting, principal), parameters) for posting, kind in held
        ]
        found = await self._connections.fetchval(
            f"select json_build_array(array[{', '.join(terms)}]::boolean[], coalesce("
            "(select json_object_agg(u.id, u.code) from unit u where u.id = any($2::bigint[])), '{}'))::text"
            f" from {entity.table} x where x.id = $1::bigint and {visible}",
            *parameters,
        )
        if found is None:
            return None
        reaches, codes = orjson.loads(found)
        return [reached is True for reached in reaches], codes


def rules_of(entity: Entity) -> Mapping[Action, RowRule]:
    """Return what can be explained of such objects, each action with the rule that says which of them it reaches."""
    private = {
        spec.requires: spec.rows or entity.rows
        for spec in entity.fields.values()
        if isinstance(spec, Column) and spec.requires is not None
    }
    read = {} if entity.requires is None else {entity.requires: entity.rows}
    return {**read, **private, **ACTED_ON.get(entity.name, {})}


def _predicate(rule: RowRule, scope: Scope, parameters: list[Any]) -> str:
    def bind(field: str, single: bool) -> str:
        found = getattr(scope, field)
        parameters.append(found[0] if single else list(found))
        return f"${len(parameters)}::{'bigint' if single else 'bigint[]'}"

    return rule.predicate(scope, "x", bind)


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        shown = text[:_SHOWN].encode("utf-8", "replace").decode()
        raise _bad_input(f"There is no action {shown!r}.", f"没有“{shown}”这一操作。") from None


def _bad_input(message: str, message_zh: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT", "messageZh": message_zh})


def _row(words: tuple[str, ...]) -> PolicyRow:
    role, action, scope = words
    return PolicyRow(role=Role(role), action=action, scope=scope)


async def _explain_access(
    info: Info[Context, None],
    id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the object (全局标识).")],  # noqa: A002 - as the API calls it
    action: Annotated[
        str,
        strawberry.argument(description="What is to be done, spelled as in the policy: issue:judge (操作)."),
    ],
) -> AccessExplanation | None:
    principal = info.context.principal
    assert principal is not None  # not anonymous
    return await info.context.explainer.explain(principal, id, action)


EXPLAIN_ACCESS: tuple[Any, Any] = (
    AccessExplanation | None,
    strawberry.field(
        resolver=_explain_access,
        description="Which row of the policy and which posting let the viewer do this to the object, or what is"
        " missing; null where there is no such object that the viewer may see (权限说明).",
    ),
)
