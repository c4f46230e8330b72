"""Medians over the rounds, and how this server compares."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

import lxbc_graph

from .load import Measured
from .questions import QUESTIONS


@dataclass(frozen=True, slots=True)
class Round:
    """One server, one query, one slice of time."""

    requests_per_second: float
    cpu_ms: float
    """Per request, of the server and its PostgreSQL backends."""
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, measured: Measured, cpu_seconds: float) -> "Round":
        count = len(measured.latencies)
        percentiles = quantiles(measured.latencies, n=100) if count > 1 else measured.latencies * 99
        return cls(
            count / measured.seconds, cpu_seconds * 1e3 / count, percentiles[49] * 1e3, percentiles[98] * 1e3
        )


Rounds = Mapping[tuple[str, str], Sequence[Any]]
"""(query, server) → its rounds, each a dataclass of figures."""


def medians(rounds: Rounds) -> dict[str, dict[str, dict[str, float]]]:
    """Return query → server → figure."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (query, server), cell in rounds.items():
        rows = [asdict(one) for one in cell]
        found.setdefault(query, {})[server] = {
            name: round(median(row[name] for row in rows), 4) for name in rows[0]
        }
    return found


def ratios(rounds: Rounds, own: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return query → peer → this server's figures as multiples of the peer's.

    Each is the median of the ratios within a round: whatever else ran meanwhile slowed both.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (query, peer), cell in rounds.items():
        if peer == own or (query, own) not in rounds:
            continue
        pairs = [(asdict(mine), asdict(other)) for mine, other in zip(rounds[query, own], cell, strict=True)]
        found.setdefault(query, {})[peer] = {
            name: round(median(mine[name] / other[name] for mine, other in pairs), 3)
            for name in pairs[0][0]
            if all(other[name] for _, other in pairs)
        }
    return found


def write(path: Path, rounds: Rounds, own: str, settings: dict[str, Any]) -> None:
    """Write everything as JSON, with the revision of the code that was imported, wherever it came from."""
    figures = medians(rounds)
    tree = Path(lxbc_graph.__file__).parent
    revision = subprocess.check_output(
        ["git", "describe", "--always", "--dirty"], cwd=tree, text=True
    ).strip()
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    report = {
        "revision": revision,
        "settings": settings,
        "machine": machine,
        "medians": figures,
        "ratios": ratios(rounds, own),
    }
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def show(console: Console, rounds: Rounds, own: str) -> None:
    """Print one table: a row for each query and server."""
    figures = medians(rounds)
    compared = ratios(rounds, own)
    table = Table()
    for heading in ("", "server", "req/s", "CPU ms", "p50 ms", "p99 ms", f"CPU of {own}", "req/s of it"):
        table.add_column(heading, justify="left" if heading in {"", "server"} else "right")
    for query, servers in figures.items():
        for server, cell in servers.items():
            ratio = compared.get(query, {}).get(server)
            table.add_row(
                query if server == own else "",
                server,
                f"{cell['requests_per_second']:,.0f}",
                f"{cell['cpu_ms']:.2f}",
                f"{cell['p50_ms']:.1f}",
                f"{cell['p99_ms']:.1f}",
                f"{ratio['cpu_ms']:.2f} ×" if ratio else "",
                f"{ratio['requests_per_second']:.2f} ×" if ratio else "",
            )
        table.add_section()
    console.print(table)
    for query in figures:
        console.print(f"{query}: {QUESTIONS[query].title}", highlight=False)
