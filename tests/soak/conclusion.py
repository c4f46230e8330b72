"""The end of a run: everybody gets the last that is due to them, and the journals are read."""

from .checker import Evidence, Problem, check
from .crowd import Following
from .fault import Goal
from .journal import Journal, Numbered, read
from .topology import Topology

_EXAMPLES = 3


async def conclude(topology: Topology, *followings: Following) -> Evidence:
    """Return the evidence of a run, once nobody writes any more: what everybody saw, beside the log as it stands."""
    topology.check()
    await topology.postgres.numbered()
    log = await topology.postgres.log()
    with Journal(topology.directory / "log.jsonl") as journal:
        for entry in log:
            journal.write(entry)
    for following in followings:
        await following.finish({name: _last(log, reach) for name, reach in following.reach.items()})
    return Evidence.of(read(topology.directory))


def _last(log: list[Numbered], reach: str) -> str:
    return next((entry.event for entry in reversed(log) if entry.unit.startswith(reach)), "")


def exact(evidence: Evidence) -> Goal:
    """Return the goal of every fault: each change reached each who may see it, once and in order."""
    problems = check(evidence)
    found = ", ".join(f"{len(words)} {problem}" for problem, words in problems.items())
    of = f"{len(evidence.written):,} changes, {evidence.deliveries:,} deliveries"
    examples = [words for kind in problems.values() for words in kind[:_EXAMPLES]]
    return Goal(
        ", ".join(f"0 {problem}" for problem in Problem),
        "\n".join([f"{found}; of {of}", *examples]),
        not examples and bool(evidence.written),
    )
