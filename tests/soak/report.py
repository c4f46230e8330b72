"""The table at the end: fault, load, goal, what was measured and whether it holds."""

from collections.abc import Iterable

from rich.table import Table

from .fault import Goal


def table(found: Iterable[tuple[str, str, list[Goal]]]) -> Table:
    """Return the table of some runs: the fault and its load in words, and what became of its goals."""
    shown = Table("fault", "load", "goal", "measured", "holds?", show_lines=True)
    for fault, load, goals in found:
        for goal in goals:
            holds = "[green]yes[/]" if goal.holds else "[bold red]NO[/]"
            shown.add_row(fault, load, goal.goal, goal.measured, holds)
            fault = load = ""  # noqa: PLW2901 - they are told once
        shown.add_section()
    return shown
