"""What one round found, the table of all, and what was to be reached."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.report import Rounds, medians, ratios


@dataclass(frozen=True, slots=True)
class Round:
    """One server under one number of subscribers; a delivery is one event sent to one of them."""

    cpu_us: float
    """Of the server process for each delivery, in bursts."""
    postgres_us: float
    """Of its PostgreSQL backends."""
    deliveries_per_second: float
    """In bursts, from before the events are made until the last has come."""
    paced_cpu_us: float
    """As ``cpu_us``, but one event at a time, with the request that makes it: no write carries two events."""
    event_cpu_ms: float
    """Of one such event for a few subscribers: what it costs however many they are, nearly."""
    p50_ms: float
    """From before an event is asked for until it has come, over all deliveries."""
    p99_ms: float
    last_p50_ms: float
    """The same, until it has come to the last."""
    last_p99_ms: float
    rss_kb: float
    """For each idle subscriber."""
    pss_kb: float


OWN, BARE = "lxbc-graph", "bare"
TARGETS: Mapping[str, tuple[str, float]] = {
    "cpu_us": ("<=", 12),
    "deliveries_per_second": (">=", 80_000),
    "p99_ms": ("<=", 50),
    "rss_kb": ("<=", 28),
}
"""What this server is to reach at 500 and at 2,000 subscribers."""
_COLUMNS = {
    "CPU µs": "{cpu_us:.1f}",
    "PostgreSQL µs": "{postgres_us:.1f}",
    "deliveries/s": "{deliveries_per_second:,.0f}",
    "paced CPU µs": "{paced_cpu_us:.1f}",
    "CPU ms/event": "{event_cpu_ms:.1f}",
    "ms p50/p99": "{p50_ms:.1f}/{p99_ms:.1f}",
    "last p50/p99": "{last_p50_ms:.1f}/{last_p99_ms:.1f}",
    "KB RSS/PSS": "{rss_kb:.1f}/{pss_kb:.1f}",
}
_COMPARED = {"CPU": "cpu_us", "paced": "paced_cpu_us", "del./s": "deliveries_per_second"}


def show(console: Console, rounds: Rounds) -> None:
    """Print one table: a row for each number of subscribers and server, with multiples of the bare socket's."""
    table = Table(
        caption="CPU of the server process for each delivery; KB for each idle subscriber; ×: of bare"
    )
    for heading in ("N", "server", *_COLUMNS, *(f"{name} ×" for name in _COMPARED)):
        table.add_column(heading, justify="left" if heading == "server" else "right")
    for subscribers, servers in medians(rounds).items():
        for place, (server, figures) in enumerate(servers.items()):
            ratio = ratios(rounds, server).get(subscribers, {}).get(BARE, {})
            table.add_row(
                "" if place else subscribers,
                server,
                *(form.format(**figures) for form in _COLUMNS.values()),
                *(f"{ratio[name]:.2f}" if name in ratio else "" for name in _COMPARED.values()),
            )
        table.add_section()
    console.print(table)
    console.print(_judged(rounds))


def met(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return of each target whether the figures of a server reach it."""
    return {
        name: figures[name] <= bound if sense == "<=" else figures[name] >= bound
        for name, (sense, bound) in TARGETS.items()
    }


def _judged(rounds: Rounds) -> Table:
    table = Table(caption="Beside it, what the bare socket reached in the same run on this machine")
    for heading in ("N", "figure", "target", "found", "", BARE):
        table.add_column(heading, justify="left" if heading in {"figure", ""} else "right")
    for subscribers, servers in medians(rounds).items():
        if OWN not in servers:
            continue
        for name, is_met in met(servers[OWN]).items():
            sense, bound = TARGETS[name]
            bare = servers.get(BARE)
            table.add_row(
                subscribers,
                name,
                f"{sense} {bound:,.0f}",
                f"{servers[OWN][name]:,.1f}",
                "met" if is_met else "missed",
                f"{bare[name]:,.1f}" if bare else "",
            )
        table.add_section()
    return table
