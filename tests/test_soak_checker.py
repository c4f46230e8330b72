"""The checker of the soak finds what it is there for, in journals that were true but for one thing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.soak.checker import Evidence, Problem, check
from tests.soak.journal import (
    Ended,
    Entry,
    Failed,
    Joined,
    Journal,
    Numbered,
    Received,
    Refusal,
    Written,
    read,
)
from tests.soak.latency import first_after_reconnect, lag

HERE, THERE = "411024101201", "411082101201"
REACH = {"city": "4110", "county": "411024", "village": HERE, "elsewhere": THERE}
CHANGES = [("i1", HERE), ("i2", THERE), ("i1", HERE), ("i3", HERE), ("i2", THERE), ("i1", HERE)]


def truth() -> list[Entry]:
    """A run in which all went well: each change takes a while, and reaches everybody half a second later."""
    entries: list[Entry] = [Joined(name, reach) for name, reach in REACH.items()]
    versions: dict[str, int] = {}
    for number, (issue, unit) in enumerate(CHANGES, start=1):
        versions[issue] = versions.get(issue, 0) + 1
        event, at = f"e{number}", float(number)
        entries.append(Written(f"k{number}", event, issue, versions[issue], unit, at - 0.75, at))
        entries.append(Numbered(number, event, unit))
        entries += [
            Received(name, event, f"c{number}", at + 0.5, 1)
            for name, reach in REACH.items()
            if unit.startswith(reach)
        ]
    return entries


def found(entries: list[Entry]) -> set[Problem]:
    return {problem for problem, words in check(Evidence.of(entries)).items() if words}


def received(entries: list[Entry], subscriber: str = "city") -> list[int]:
    """Where the entries of what a subscriber received stand."""
    return [
        place
        for place, entry in enumerate(entries)
        if isinstance(entry, Received) and entry.subscriber == subscriber
    ]


def test_what_is_true_has_no_problem() -> None:
    evidence = Evidence.of(truth())
    assert found(truth()) == set()
    assert (len(evidence.written), evidence.deliveries) == (6, 6 + 4 + 4 + 2)


def test_a_journal_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    entries = [*truth(), Failed("k1", 0.5, "reset"), Refusal(1.5, "k9: CONFLICT")]
    entries += [Ended("city", 3.25, 1, "Cut: close code 1006")]
    for part in range(3):
        with Journal(tmp_path / f"{part}.jsonl") as journal:
            for entry in entries[part::3]:
                journal.write(entry)
    assert sorted(map(repr, read(tmp_path))) == sorted(map(repr, entries))


PLACES = st.sampled_from([place for name in REACH for place in received(truth(), name)])


@given(PLACES)
def test_any_event_that_did_not_arrive_is_lost(place: int) -> None:
    entries = truth()
    del entries[place]
    assert found(entries) == {Problem.LOST}


@given(PLACES, st.integers(0, 3))
def test_any_event_that_arrived_again_is_twice(place: int, later: int) -> None:
    entries = truth()
    entries.insert(place + 1 + later, entries[place])
    assert found(entries) == {Problem.TWICE}


@given(st.sampled_from(sorted(REACH)), st.data())
def test_any_two_events_that_changed_places_are_out_of_order(subscriber: str, data: st.DataObject) -> None:
    entries = truth()
    places = st.sampled_from(received(entries, subscriber))
    one, other = data.draw(st.tuples(places, places).filter(lambda two: two[0] != two[1]))
    entries[one], entries[other] = entries[other], entries[one]
    assert found(entries) == {Problem.SWAPPED}


def written(entries: list[Entry], number: int) -> Written:
    return next(entry for entry in entries if isinstance(entry, Written) and entry.event == f"e{number}")


def numbered(entries: list[Entry], number: int) -> Numbered:
    return next(entry for entry in entries if isinstance(entry, Numbered) and entry.event == f"e{number}")


def replace(entries: list[Entry], old: Entry, new: Entry) -> None:
    entries[entries.index(old)] = new


def refuse(entries: list[Entry]) -> None:
    """Nothing stood in its way."""
    entries.append(Refusal(9.0, "k9: CONFLICT"))


def lose_a_change(entries: list[Entry]) -> None:
    """It was acknowledged, and nothing of it is left."""
    entries[:] = [
        entry for entry in entries if not (isinstance(entry, Numbered | Received) and entry.event == "e6")
    ]


def forget_to_tell(entries: list[Entry]) -> None:
    """It happened, but whoever asked for it never knew."""
    entries.remove(written(entries, 4))


def invent(entries: list[Entry]) -> None:
    """It reached somebody, and never happened."""
    entries.append(Received("city", "e99", "c99", 9.0, 1))


def show_elsewhere(entries: list[Entry]) -> None:
    """It reached somebody who may not see it."""
    entries.append(Received("elsewhere", "e1", "c1", 9.0, 1))


def show_a_stranger(entries: list[Entry]) -> None:
    """It reached somebody who is not there."""
    entries.append(Received("nobody", "e1", "c1", 9.0, 1))


def leave_a_number_out(entries: list[Entry]) -> None:
    for number in (5, 6):
        old = numbered(entries, number)
        replace(entries, old, old._replace(number=number + 1))


def number_nothing(entries: list[Entry]) -> None:
    """An event was never given a number, and reached nobody."""
    old = numbered(entries, 6)
    replace(entries, old, old._replace(number=0))


def number_twice(entries: list[Entry]) -> None:
    entries.append(Numbered(7, "e1", HERE))


def do_twice(entries: list[Entry]) -> None:
    """One key had two effects."""
    old = written(entries, 4)
    replace(entries, old, old._replace(key="k3"))


def answer_alike(entries: list[Entry]) -> None:
    """Two keys had one effect."""
    old = written(entries, 3)
    entries.append(old._replace(key="k9", version=9))


def make_a_version_twice(entries: list[Entry]) -> None:
    """Two rivals were both told that theirs is version 1."""
    old = written(entries, 3)
    replace(entries, old, old._replace(version=1))


def reverse_the_log(entries: list[Entry]) -> None:
    """What was acknowledged before the other was asked for has the later number; subscribers follow the log."""
    other = {"e3": "e4", "e4": "e3"}
    for place, entry in enumerate(entries):
        if isinstance(entry, Numbered | Received):
            entries[place] = entry._replace(event=other.get(entry.event, entry.event))


def reverse_the_versions(entries: list[Entry]) -> None:
    """All was asked for at once, and what made the later version of an issue has the earlier number."""
    for number in (1, 3):
        old = written(entries, number)
        replace(entries, old, old._replace(version=4 - old.version, asked_at=0.0, at=9.0))


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        (lose_a_change, Problem.LOST),
        (forget_to_tell, Problem.UNKNOWN),
        (refuse, Problem.REFUSED),
        (invent, Problem.UNKNOWN),
        (show_elsewhere, Problem.UNKNOWN),
        (show_a_stranger, Problem.UNKNOWN),
        (leave_a_number_out, Problem.GAP),
        (number_nothing, Problem.GAP),
        (number_twice, Problem.TWICE),
        (do_twice, Problem.TWICE),
        (answer_alike, Problem.TWICE),
        (make_a_version_twice, Problem.TWICE),
        (reverse_the_log, Problem.SWAPPED),
        (reverse_the_versions, Problem.SWAPPED),
    ],
)
def test_a_lie_is_found(lie: Callable[[list[Entry]], None], problem: Problem) -> None:
    entries = truth()
    lie(entries)
    assert problem in found(entries)


def test_a_lag_is_from_the_acknowledgement_to_each_arrival() -> None:
    entries = truth()
    late = entries[received(entries)[0]]
    assert isinstance(late, Received)
    replace(entries, late, late._replace(at=5.0))
    spread = lag(Evidence.of(entries))
    assert (spread.count, spread.p50, spread.longest) == (16, 0.5, 4.0)
    assert lag(Evidence.of(entries), lambda at: at > 1).longest == 0.5


def test_the_first_event_after_a_reconnect_is_missed_from_the_cut_or_since_it_was_written() -> None:
    """Cut at 2.7 with e3 to come, which is written at 3; cut again at 4.2 and at 4.4 while e4 is on its way."""
    entries = truth()
    connections = {"e3": 2, "e4": 4, "e5": 4, "e6": 4}
    for place in received(entries):
        entry = entries[place]
        assert isinstance(entry, Received)
        entries[place] = entry._replace(connection=connections.get(entry.event, 1))
    cuts = {1: 2.7, 2: 4.2, 3: 4.4}
    entries += [Ended("city", at, connection, "cut") for connection, at in cuts.items()]
    spread = first_after_reconnect(Evidence.of(entries))
    assert (spread.count, round(spread.p50, 3), round(spread.longest, 3)) == (2, 0.5, 0.5)
