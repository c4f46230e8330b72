"""The policy as a table of actions and roles, for people to check."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from lxbc_graph.domain.words import Role

from .actions import Action, ScopeKind
from .enforcer import Enforcer
from .source import PolicyError, Source


def show(origin: Path | Source, console: Console) -> int:
    """Print the matrix of a policy, or what is wrong with it; return the exit status."""
    try:
        enforcer = Enforcer(origin)
    except PolicyError as error:
        console.print("[red]This policy must not be loaded:", soft_wrap=True)
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    table = matrix(enforcer)
    # A name cut short could not be looked up: rather a wide table than a wrong one.
    unbounded = console.options.update(width=10_000)
    console.width = max(console.width, console.measure(table, options=unbounded).maximum)
    console.print(table)
    console.print(f"{len(enforcer.rows)} rows; what is empty is refused.", highlight=False)
    return 0


def matrix(enforcer: Enforcer) -> Table:
    """Return one line per action and one column per role, the scope kinds where they meet."""
    table = Table("", *(role.value for role in Role), box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for action in Action:
        table.add_row(action.value, *(_cell(enforcer.scopes(role, action)) for role in Role))
    return table


def _cell(kinds: frozenset[ScopeKind]) -> str:
    return " ".join(kind.value for kind in ScopeKind if kind in kinds)
