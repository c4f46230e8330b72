"""The faults, one in each module."""

from typing import Any

from tests.soak.fault import Fault

from . import (
    api_killed,
    idle_transaction,
    network_cut,
    postgres_restarted,
    redis_away,
    relay_killed,
    repeated_keys,
    revocation,
    rolling_restart,
    slow_reader,
)

FAULTS: tuple[Fault[Any], ...] = (
    api_killed.FAULT,
    relay_killed.FAULT,
    redis_away.FAULT,
    postgres_restarted.FAULT,
    repeated_keys.FAULT,
    idle_transaction.FAULT,
    rolling_restart.FAULT,
    revocation.FAULT,
    slow_reader.FAULT,
    network_cut.FAULT,
)
