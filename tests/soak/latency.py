"""How long it took: figures from the evidence of a run, in seconds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

from .checker import Evidence


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of some durations, in seconds; of none, none is short enough for any goal."""

    count: int
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Iterator[float]) -> "Spread":
        """Sort the durations and look."""
        found = sorted(seconds)
        if not found:
            return cls(0, inf, inf, inf)
        return cls(len(found), _percentile(found, 50), _percentile(found, 99), found[-1])

    def __str__(self) -> str:
        return f"p50 {_said(self.p50)}, p99 {_said(self.p99)}, longest {_said(self.longest)}"


def lag(evidence: Evidence, counts: Callable[[float], bool] = lambda _: True) -> Spread:
    """Return how long after its acknowledgement a change reached each subscriber; what came before it has no lag.

    ``counts`` says of the time of an acknowledgement whether the change is looked at.
    """
    return Spread.of(_lags(evidence, counts))


def _lags(evidence: Evidence, counts: Callable[[float], bool]) -> Iterator[float]:
    acknowledged = {entry.event: entry.at for entry in evidence.written if counts(entry.at)}
    for heard in evidence.heard.values():
        for event, at in zip(heard.events, heard.times, strict=True):
            if event in acknowledged and at > acknowledged[event]:
                yield at - acknowledged[event]


def first_after_reconnect(evidence: Evidence) -> Spread:
    """Return how long a subscriber who was cut off missed the first event that came over its next connection.

    It is missed from the cut on or, where it was written later, from its acknowledgement on.
    """
    return Spread.of(_firsts(evidence))


def _firsts(evidence: Evidence) -> Iterator[float]:
    acknowledged = {entry.event: entry.at for entry in evidence.written}
    cuts = {(entry.subscriber, entry.connection): entry.at for entry in evidence.ended}
    for subscriber, heard in evidence.heard.items():
        before = 0
        for event, at, connection in zip(heard.events, heard.times, heard.connections, strict=True):
            # Whoever was cut off again before anything came has missed it since the first of these cuts.
            missed = [
                cuts[subscriber, lost] for lost in range(before, connection) if (subscriber, lost) in cuts
            ]
            before = connection
            if missed and event in acknowledged:
                yield max(0.0, at - max(missed[0], acknowledged[event]))


def _said(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def _percentile(found: list[float], of_hundred: int) -> float:
    return found[min(len(found) - 1, len(found) * of_hundred // 100)]
