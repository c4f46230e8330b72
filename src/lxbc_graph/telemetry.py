"""What a server counts of itself: how much there is of everything, and never of whom.

Processes that are started with the same folder in ``PROMETHEUS_MULTIPROC_DIR`` count in it, and each tells the sums:
of what happened also in those that are gone, of what there is now in those that live.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

Kind = Literal["events", "figures"]
"""What a subscription follows."""
Drop = Literal["too_slow", "no_pong", "timed_out"]
"""Why a client was cut off that may come back and resume."""

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

_VITALS = {
    "event_seq": "Number of the newest event.",
    "events_unnumbered": "Committed events that have no number yet, so that nobody is told of them.",
    "relay_elected": "Whether some process numbers events.",
    "ladder_elected": "Whether some process climbs the ladder of deadlines.",
}


class Telemetry:
    """What one application counts; two in one process do not see each other."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._seconds("http_request", "Until an answer at /graphql began.", "kind", "status")
        self.sockets = self._gauge("sockets", "Open WebSockets.")
        self.streams = self._gauge("streams", "Open streams of an HTTP response.")
        self.subscriptions = self._gauge("subscriptions", "Subscriptions under way.", "kind")
        self.groups = self._gauge("groups", "Groups of subscriptions that get the same bytes.", "kind")
        self.deliveries = self._counter("deliveries", "Frames handed to subscribers as it happened.")
        self.delivery_lag = self._seconds(
            "delivery_lag", "From the commit of an event until a group had it, once for each of both."
        )
        self.replays = self._counter("replays", "Subscriptions that had to be given what they missed.")
        self.replayed = self._counter("replayed", "Frames handed to subscribers of what they missed.")
        self.drops = self._counter("drops", "Clients cut off, to come back and resume.", "reason")
        self.revocations = self._counter("revocations", "Subscriptions ended because access was lost.")
        for kind in get_args(Kind):
            self.subscriptions.labels(kind)
            self.groups.labels(kind)
        for reason in get_args(Drop):
            self.drops.labels(reason)

    def exposed(self, accept: str, vitals: Mapping[str, float]) -> tuple[bytes, str]:
        """Return everything as text in the form that is accepted, and the media type of that.

        The vitals are what the database tells of all processes, by name, as far as it does.
        """
        told = (GaugeMetricFamily(f"lxbc_{name}", _VITALS[name], value) for name, value in vitals.items())
        encode, media_type = choose_encoder(accept)
        return encode(_Collected([*self._counted(), *told])), media_type

    def _counted(self) -> Iterator[Metric]:
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if folder is None:
            yield from self._registry.collect()
            yield from _processes([os.getpid()])
            return
        alive = []
        for pid in sorted({int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("*.db")}):
            if psutil.pid_exists(pid):
                alive.append(pid)
            else:
                with suppress(FileNotFoundError):  # another process does the same just now
                    mark_process_dead(pid)  # type: ignore[no-untyped-call]
        yield from MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        yield from _processes(alive)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"lxbc_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"lxbc_{name}", text, labels, registry=self._registry, multiprocess_mode="livesum")

    def _seconds(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"lxbc_{name}_seconds", text, labels, registry=self._registry, buckets=_SECONDS)


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _process(pid: int) -> ProcessCollector:
    return ProcessCollector(pid=lambda: pid, registry=None)


def _processes(pids: Iterable[int]) -> Iterable[Metric]:
    """Return what the operating system knows of each process, by its id."""
    found: dict[str, Metric] = {}
    for pid in pids:
        for metric in _process(pid).collect():
            told = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                told.add_sample(sample.name, {**sample.labels, "pid": str(pid)}, sample.value)
    return found.values()
