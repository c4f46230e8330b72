"""What a query becomes, for people: its plan, its SQL with the parameters, and the policy rows that it stands on."""

from collections.abc import Iterator

from lxbc_graph.domain.principal import Principal
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.scope import roles_of

from .arguments import Argument, Variables, values
from .planner import Computation, Connection, Edge, Fetch, Figures, Find, Item, Leaf, Node, ToOne
from .sql import Request, Statement


def explain(items: tuple[Item, ...], statement: Statement, request: Request, enforcer: Enforcer) -> str:
    """Return three sections: ``plan``, ``sql`` and ``policy``."""
    parameters = (
        f"  ${place} = {value!r}" for place, value in enumerate(statement.parameters(request), start=1)
    )
    return "\n".join(
        [
            "plan",
            *(line for item in items for line in _item(item, request.variables, "  ")),
            "",
            "sql",
            f"  {statement.sql}",
            *parameters,
            "",
            "policy",
            *_policy(statement, request.principal, enforcer),
        ]
    )


def _policy(statement: Statement, principal: Principal, enforcer: Enforcer) -> Iterator[str]:
    for action in statement.actions:
        rows = [row for role in sorted(roles_of(principal)) for row in enforcer.rows_for(role, action)]
        for row in rows:
            yield f"  p, {', '.join(row)}"
        if not rows:
            yield f"  no row grants {action.value} to {', '.join(sorted(roles_of(principal))) or 'nobody'}"


def _item(item: Item, variables: Variables, indent: str) -> Iterator[str]:
    deeper = indent + "  "
    match item:
        case Leaf():
            yield f"{indent}{item.key}: column {item.name}"
        case Computation():
            yield f"{indent}{item.key}: computed {item.name}"
        case ToOne():
            yield f"{indent}{item.key}: one {item.target.entity.name} by {item.relation.key}"
            yield from _node(item.target, variables, deeper)
        case Connection():
            direction = "desc" if item.order[1] else "asc"
            side = "last" if item.page.backward else "first"
            given = _filter(item.filter, variables)
            page = f"{side} {item.page.size} of {item.identity}"
            yield f"{indent}{item.key}: {page}, {item.order[0]} {direction}{given}"
            for key, part in item.parts:
                yield from _part(key, part, variables, deeper)
        case Figures():
            yield f"{indent}{item.key}: metrics {', '.join(name for _, name, _ in item.metrics)}"
        case Find():
            yield f"{indent}{item.key}: find {item.target.entity.name}{_filter(item.arguments, variables)}"
            yield from _node(item.target, variables, deeper)
        case Fetch():
            yield f"{indent}{item.key}: fetch {values(item.ids, variables)}"
            for node in item.targets.values():
                yield from _node(node, variables, deeper)
        case _:
            yield f"{indent}{item.key}: name of the type"


def _part(key: str, part: object, variables: Variables, indent: str) -> Iterator[str]:
    match part:
        case Node():
            yield f"{indent}{key}:"
            yield from _node(part, variables, indent + "  ")
        case Edge():
            yield f"{indent}{key}:"
            for edge_key, edge in part.items:
                yield from _part(edge_key, edge, variables, indent + "  ")
        case tuple():
            yield f"{indent}{key}: {', '.join(name for _, name in part)}"
        case _:
            yield f"{indent}{key}: {part}"


def _node(node: Node, variables: Variables, indent: str) -> Iterator[str]:
    for name, items in node.variants.items():
        if len(node.variants) > 1:
            yield f"{indent}on {name}"
        for item in items:
            yield from _item(item, variables, indent + "  " * (len(node.variants) > 1))


def _filter(given: dict[str, Argument], variables: Variables) -> str:
    return f" where {values(given, variables)}" if given else ""
