"""The short form of the soak: each fault, on the real thing as processes, and what must hold on any machine."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.soak.fault import Fault
from tests.soak.faults import FAULTS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_nothing_is_lost_and_nothing_comes_twice_under(fault: Fault[Any]) -> None:
    directory = Path(tempfile.mkdtemp(prefix=f"lxbc-soak-{fault.name}-"))
    goals = await fault.run(fault.size(0), directory, lambda _done, _total: None)
    broken = [goal for goal in goals if not goal.holds and not goal.timed]
    assert not broken, f"journals and logs are kept in {directory}"
    assert [goal for goal in goals if not goal.timed]
    shutil.rmtree(directory)
