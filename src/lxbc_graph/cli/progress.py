"""How far long work has come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from .running import TOLD

Progress = Callable[[str, int, int], None]
"""Takes a step of the work, and how much of how much of it is done."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Show how far long work has come: a bar at a terminal, else a line for each step."""
    if not TOLD.is_terminal:
        told: set[str] = set()

        def tell(step: str, _done: int, _total: int) -> None:
            if step not in told:
                told.add(step)
                TOLD.print(f"  {step}")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=TOLD, transient=True) as bar:
        task = bar.add_task("")
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)
