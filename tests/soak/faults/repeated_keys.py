"""Each change is asked for several times at once, too late, and with another body under its key."""

import asyncio
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.soak.client import Refused
from tests.soak.conclusion import conclude, exact
from tests.soak.crowd import following
from tests.soak.fault import Advance, Fault, Goal
from tests.soak.ground import Place
from tests.soak.life import Issue, Step, report, urge
from tests.soak.load import Load, loading
from tests.soak.topology import running

_AT_ONCE = 3
_REPORT_EVERY = 10


class Size(NamedTuple):
    commands: int
    subscribers: int


Tally = Counter[tuple[str, bool]]
"""How often something was as it should be, and how often not."""


async def run(size: Size, directory: Path, progress: Advance) -> list[Goal]:
    """Let somebody do so in each village, until there are as many changes."""
    tally: Tally = Counter()
    async with running(directory) as topology, following(topology, size.subscribers) as crowd:
        async with (
            loading(topology, size.commands, progress, writers=0) as load,
            asyncio.TaskGroup() as tasks,
        ):
            for place, issue in await load.handed_over():
                tasks.create_task(_work(load, place, issue, size.commands, tally))
        evidence = await conclude(topology, crowd)
    named = {
        "identical replies": "a change and its repeats",
        "CONFLICT": "a version that has passed, and of two rivals one",
        "an error": "another body under the same key",
    }
    return [
        exact(evidence),
        *(
            Goal(
                goal,
                f"{asked}: {tally[goal, True]:,} times, otherwise {tally[goal, False]:,} times",
                tally[goal, True] > 0 and not tally[goal, False],
            )
            for goal, asked in named.items()
        ),
    ]


async def _work(load: Load, place: Place, issue: Issue, commands: int, tally: Tally) -> None:
    try:
        for turn in count(1):
            if load.written >= commands:
                return
            if turn % _REPORT_EVERY == 0:
                await _at_once(load, place, report(place), tally)
            issue = await _misused(load, place, issue, tally)
            issue = await _rivals(load, place, issue, tally)
    except Refused as refused:
        load.refuse(refused)


async def _misused(load: Load, place: Place, issue: Issue, tally: Tally) -> Issue:
    step = urge(issue)
    done, key, first = await _at_once(load, place, step, tally)
    other = step._replace(input={**step.input, "text": "另一句话"})
    tally["an error", _codes(await load.ask(other, key)) == ["IDEMPOTENCY_MISMATCH"]] += 1
    stale = load.key()
    refused = await load.ask(step, stale)
    tally["CONFLICT", _codes(refused) == ["CONFLICT"]] += 1
    tally["identical replies", await load.ask(step, stale) == refused] += 1
    tally["identical replies", await load.ask(step, key) == first] += 1
    return done


async def _at_once(load: Load, place: Place, step: Step, tally: Tally) -> tuple[Issue, str, dict[str, Any]]:
    """Ask for a change several times at once; return the issue, the key and what all were answered."""
    key, asked_at = load.key(), time.monotonic()
    first, *others = await asyncio.gather(*(load.ask(step, key) for _ in range(_AT_ONCE)))
    tally["identical replies", not first["errors"] and all(one == first for one in others)] += 1
    return load.note(place, step, first, key, asked_at), key, first


async def _rivals(load: Load, place: Place, issue: Issue, tally: Tally) -> Issue:
    """Ask for two changes of one version at once: one is made."""
    keys, asked_at = (load.key(), load.key()), time.monotonic()
    step = urge(issue)
    answers = await asyncio.gather(*(load.ask(step, key) for key in keys))
    tally["CONFLICT", sorted(map(_codes, answers)) == [[], ["CONFLICT"]]] += 1
    for answer, key in zip(answers, keys, strict=True):
        if not answer["errors"]:
            issue = load.note(place, step, answer, key, asked_at)
    return issue


def _codes(answer: dict[str, Any]) -> list[str]:
    return [error["code"] for error in answer["errors"]]


FAULT = Fault(
    "repeated-keys",
    "each command 3 times at once with one key; stale versions; same key, other body",
    "{commands:,} commands, {subscribers} subscribers",
    full=Size(commands=10_000, subscribers=50),
    short=Size(commands=60, subscribers=20),
    run=run,
)
