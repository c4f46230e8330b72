"""The short form of the soak: each fault, on the real thing as processes, and what must hold on any machine."""

from typing import Any

import pytest
from tests.soak.fault import Fault
from tests.soak.faults import FAULTS
from tests.soak.workplace import workplace

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_nothing_is_lost_and_nothing_comes_twice_under(fault: Fault[Any]) -> None:
    with workplace(fault.name) as place:
        goals = await fault.run(fault.size(0), place.directory, lambda _done, _total: None)
        untimed = [goal for goal in goals if not goal.timed]
        assert untimed
        assert [goal for goal in untimed if not goal.holds] == []
