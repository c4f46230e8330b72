"""``python -m tests.soak``: let everything go wrong, one thing after the other, and say what holds."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .fault import Fault, Goal
from .faults import FAULTS
from .report import table

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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # puts everything away, as Ctrl-C does
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    found = [(*fault.told(fault.size(scale)), _goals(fault, scale)) for fault in chosen]
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table(found))
    sys.exit(not all(goal.holds for *_, goals in found for goal in goals))


def _goals(fault: Fault[Any], scale: float) -> list[Goal]:
    directory = Path(tempfile.mkdtemp(prefix=f"lxbc-soak-{fault.name}-"))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(fault.name, total=None)
        try:
            goals: list[Goal] = uvloop.run(
                fault.run(
                    fault.size(scale),
                    directory,
                    lambda done, total: bar.update(task, completed=done, total=total),
                )
            )
        except Exception as error:  # noqa: BLE001 - it is told, and the other faults have their turn
            console.print_exception()
            goals = [Goal("it runs to its end", repr(error), holds=False)]
    if all(goal.holds for goal in goals):
        shutil.rmtree(directory)
    else:
        console.print(f"{fault.name}: journals and logs are kept in {directory}")
    return goals


if __name__ == "__main__":
    typer.run(main)
