"""The bench of the fan-out runs, and says what was reached; what it measures here means nothing."""

import pytest
from bench.data import prepare
from bench.fanout.measure import FEW, Load
from bench.fanout.report import BARE, OWN, TARGETS, met
from bench.fanout.turns import in_turns

pytestmark = pytest.mark.anyio

REACHED = {"cpu_us": 12.0, "deliveries_per_second": 80_000.0, "p99_ms": 50.0, "rss_kb": 28.0}


async def test_each_subscriber_of_each_server_is_sent_each_event(server_url: str) -> None:
    """Or else it raises."""
    url = await prepare(server_url, 1_000, lambda _: None)
    load = Load(burst=5, seconds=0.1, pace=20)
    _, found = await in_turns(url, [FEW + 5], load, 1, [OWN, BARE], lambda _: None)
    assert {cell: len(rounds) for cell, rounds in found.items()} == {("25", OWN): 1, ("25", BARE): 1}
    assert all(one.deliveries_per_second > 0 for rounds in found.values() for one in rounds)


def test_a_target_is_met_or_missed_by_itself() -> None:
    assert met(REACHED) == dict.fromkeys(TARGETS, True)
    for name, (sense, bound) in TARGETS.items():
        worse = bound + (0.1 if sense == "<=" else -0.1)
        assert [missed for missed, is_met in met({**REACHED, name: worse}).items() if not is_met] == [name]
