"""The checker: from journals alone, whether every change that was acknowledged reached each who may see it, once.

It knows nothing of the server but what it promises: the log numbers events 1, 2, 3 …, and a subscriber receives those
of its units, all of them, each once, in that order.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, pairwise

from .journal import Ended, Entry, Failed, Joined, Numbered, Received, Refusal, Written


class Problem(StrEnum):
    """What must not be."""

    LOST = "lost"
    TWICE = "twice"
    SWAPPED = "out of order"
    GAP = "gaps"
    UNKNOWN = "never written"
    REFUSED = "refused"


@dataclass(slots=True)
class Heard:
    """What one subscriber received; parallel, since there may be millions."""

    events: list[str] = field(default_factory=list)
    times: "array[float]" = field(default_factory=lambda: array("d"))
    connections: "array[int]" = field(default_factory=lambda: array("l"))


@dataclass(slots=True)
class Evidence:
    """All journals of a run, sorted by what they tell."""

    written: list[Written] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    reach: dict[str, str] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=lambda: defaultdict(Heard))
    ended: list[Ended] = field(default_factory=list)
    log: list[Numbered] = field(default_factory=list)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Evidence":
        """Sort the entries, those of one kind in their order."""
        found = cls()
        once: dict[str, str] = {}  # millions of lines name the same events
        for entry in entries:
            match entry:
                case Received(subscriber, event, _, at, connection):
                    heard = found.heard[subscriber]
                    heard.events.append(once.setdefault(event, event))
                    heard.times.append(at)
                    heard.connections.append(connection)
                case Written():
                    found.written.append(entry)
                case Failed():
                    found.failed.append(entry)
                case Refusal():
                    found.refused.append(entry)
                case Joined(subscriber, reach):
                    found.reach[subscriber] = reach
                case Ended():
                    found.ended.append(entry)
                case Numbered():
                    found.log.append(entry)
        return found

    @property
    def deliveries(self) -> int:
        """How many events reached all subscribers together."""
        return sum(len(heard.events) for heard in self.heard.values())


def check(evidence: Evidence) -> dict[Problem, list[str]]:
    """Return what is wrong, in words by kind of problem; a kind without any has an empty list."""
    found: dict[Problem, list[str]] = {problem: [] for problem in Problem}
    for problem, words in chain(_of_log(evidence.log), _of_writes(evidence), _of_subscribers(evidence)):
        found[problem].append(words)
    return found


_Found = Iterator[tuple[Problem, str]]


def _of_log(log: list[Numbered]) -> _Found:
    for place, (number, event, _) in enumerate(log, start=1):
        if number != place:
            yield Problem.GAP, f"{event} has the number {number} at place {place} of the log"
    for event, times in Counter(entry.event for entry in log).items():
        if times > 1:
            yield Problem.TWICE, f"{event} stands {times} times in the log"


def _of_writes(evidence: Evidence) -> _Found:
    for entry in evidence.refused:
        yield Problem.REFUSED, entry.why
    places = {entry.event: place for place, entry in enumerate(evidence.log)}
    for event in {entry.event for entry in evidence.written} - places.keys():
        yield Problem.LOST, f"{event} was acknowledged and is not in the log"
    for event in places.keys() - {entry.event for entry in evidence.written}:
        yield Problem.UNKNOWN, f"{event} is in the log, and nobody was told so"
    for name, counted in (
        ("event", Counter(entry.event for entry in evidence.written)),
        ("key", Counter(entry.key for entry in evidence.written)),
        ("version", Counter((entry.issue, entry.version) for entry in evidence.written)),
    ):
        for value, times in counted.items():
            if times > 1:
                yield Problem.TWICE, f"the {name} {value} was acknowledged {times} times"
    there = sorted(
        (entry for entry in evidence.written if entry.event in places), key=lambda one: places[one.event]
    )
    yield from _out_of_time(there)
    yield from _out_of_version(there)


def _out_of_time(written: Iterable[Written]) -> _Found:
    """What was answered before something else was asked for comes before it."""
    latest: Written | None = None
    for entry in written:
        if latest is not None and entry.at < latest.asked_at:
            yield (
                Problem.SWAPPED,
                f"{entry.event} was acknowledged before {latest.event} was asked for, and comes later",
            )
        if latest is None or entry.asked_at > latest.asked_at:
            latest = entry


def _out_of_version(written: Iterable[Written]) -> _Found:
    """The changes of an issue come in the order of the versions that they made."""
    versions: dict[str, int] = {}
    for entry in written:
        before = versions.get(entry.issue, 0)
        if entry.version < before:
            yield (
                Problem.SWAPPED,
                f"{entry.event} made version {entry.version} of {entry.issue}, and comes after {before}",
            )
        versions[entry.issue] = entry.version


def _of_subscribers(evidence: Evidence) -> _Found:
    places = {entry.event: place for place, entry in enumerate(evidence.log)}
    # The codes of units are as long as their level is deep, so one that begins with another lies in it.
    due = {
        reach: [entry.event for entry in evidence.log if entry.unit.startswith(reach)]
        for reach in set(evidence.reach.values())
    }
    for subscriber in evidence.heard.keys() - evidence.reach.keys():
        yield Problem.UNKNOWN, f"nobody knows who {subscriber} is"
    for subscriber, reach in evidence.reach.items():
        heard = evidence.heard[subscriber].events
        if heard != due[reach]:
            yield from _difference(subscriber, heard, due[reach], places)


def _difference(subscriber: str, heard: list[str], due: list[str], places: dict[str, int]) -> _Found:
    times = Counter(heard)
    for event in due:
        if event not in times:
            yield Problem.LOST, f"{event} did not reach {subscriber}"
    known = set(due)
    for event, count in times.items():
        if event not in known:
            yield Problem.UNKNOWN, f"{event} reached {subscriber}, who should not have it"
        if count > 1:
            yield Problem.TWICE, f"{event} reached {subscriber} {count} times"
    # Each once, where it came first: what was sent again is twice, and not out of order besides.
    firsts = [event for event in dict.fromkeys(heard) if event in places]
    for before, after in pairwise(firsts):
        if places[after] < places[before]:
            yield Problem.SWAPPED, f"{after} reached {subscriber} after {before}"
