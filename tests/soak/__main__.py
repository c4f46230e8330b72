"""``python -m tests.soak``: let everything go wrong, one thing after the other, and say what holds."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .fault import Advance, Fault, Goal
from .faults import FAULTS
from .report import table
from .workplace import workplace

_WIDTH = 170
"""Of the table where nobody says how wide it may be."""
_NAMES = [fault.name for fault in FAULTS]

console = Console(stderr=True, highlight=False)


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(_NAMES)}; may be repeated.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0, help="Of the full loads; 0 is the short form of the tests.")
    ] = 1.0,
) -> None:
    """Inject every fault, or the named ones, under load; fail where a goal does not hold."""
    if unknown := set(only or ()) - set(_NAMES):
        raise typer.BadParameter(f"no such fault: {', '.join(sorted(unknown))}", param_hint="--only")
    # Puts everything away, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    found = [(*fault.told(fault.size(scale)), _goals(fault, scale)) for fault in chosen]
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table(found))
    sys.exit(not all(goal.holds for *_, goals in found for goal in goals))


def _goals(fault: Fault[Any], scale: float) -> list[Goal]:
    try:
        with workplace(fault.name) as place, _shown(fault.name) as progress:
            goals: list[Goal] = uvloop.run(fault.run(fault.size(scale), place.directory, progress))
            place.stays = not all(goal.holds for goal in goals)
    except Exception as error:  # noqa: BLE001 - it is told, and the other faults have their turn
        console.print_exception()
        goals = [Goal("it runs to its end", repr(error), holds=False)]
    if place.stays:
        console.print(f"{fault.name}: {place}")
    return goals


@contextmanager
def _shown(name: str) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    typer.run(main)
