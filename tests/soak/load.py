"""The load: writers over HTTP, each of whom takes one issue after another through its life.

Each change has a key of its own and is asked for until it is acknowledged; only then it stands in the journal.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count, cycle, islice
from math import inf
from typing import Any

from .client import Client, Refused
from .fault import Advance
from .ground import Ground, Place
from .journal import Journal, Refusal, Written
from .life import Issue, Step, hand_over, life
from .process import until
from .topology import Topology

WRITERS = 16

_BETWEEN = 50
"""How much is written between two turns at least."""

_DOCUMENT = """
mutation ($input: {input}!) {{
  {verb}(input: $input) {{
    issue {{ id version assignments {{ nodes {{ id kind }} }} events(last: 1) {{ nodes {{ id }} }} }}
    errors {{ code message }}
  }}
}}
"""


class Load:
    """Writers at work until they are told that it is over."""

    def __init__(
        self,
        ground: Ground,
        client: Client,
        journal: Journal,
        goal: int,
        rate: float,
        progress: Advance,
    ) -> None:
        self._places = ground.places
        self._tokens = ground.tokens
        self._client = client
        self._journal = journal
        self._goal = goal
        self._interval = 1 / rate
        self._next_at = 0.0
        self._progress = progress
        self._keys = map("key-{}".format, count(1))
        self._done = asyncio.Event()
        self.written = 0
        self.over = False

    async def turns(self, times: int, seconds: float) -> AsyncIterator[int]:
        """Yield so many turns for what goes wrong, so far apart at least, and end when all is written.

        Between two turns something is written, or faults that come fast enough would be all that there is.
        """
        for turn in range(times):
            began = time.monotonic()
            yield turn
            enough = self.written + _BETWEEN
            await asyncio.sleep(began + seconds - time.monotonic())
            await until(partial(self._reached, enough), "the load to go on")
        await self._done.wait()

    async def _reached(self, number: int) -> bool:
        return self.written >= number

    def key(self) -> str:
        """Return a key that was not used before."""
        return next(self._keys)

    async def work(self, first: int) -> None:
        """Be one writer, in all places by turns."""
        for place in islice(cycle(self._places), first, None):
            if self.over:
                return
            await self.play(place, life(place))

    async def handed_over(self) -> list[tuple[Place, Issue]]:
        """Report an issue in every place and hand it over; return them."""
        async with asyncio.TaskGroup() as tasks:
            playing = [
                (place, tasks.create_task(self.play(place, hand_over(place)))) for place in self._places
            ]
        return [(place, issue) for place, task in playing if (issue := task.result()) is not None]

    async def play(self, place: Place, steps: Generator[Step, Issue, Issue | None]) -> Issue | None:
        """Do one step after another, and return what they return; None where that cannot be."""
        try:
            step = next(steps)
            while not self.over:
                await self._slot()
                step = steps.send(await self.change(place, step, self.key()))
        except StopIteration as end:
            found: Issue | None = end.value
            return found
        except Refused as refused:
            self.refuse(refused)
        return None

    async def _slot(self) -> None:
        """Wait until there may be one more: writers who never rest measure how long they queue for one another."""
        now = time.monotonic()
        at = max(now, self._next_at)
        self._next_at = at + self._interval
        await asyncio.sleep(at - now)

    async def change(self, place: Place, step: Step, key: str) -> Issue:
        """Do the step, note that it is done, and return the issue; raises Refused."""
        asked_at = time.monotonic()
        answer = await self.ask(step, key)
        return self.note(place, step, answer, key, asked_at)

    async def ask(self, step: Step, key: str) -> dict[str, Any]:
        """Return what the mutation answers, whatever it is."""
        document = _DOCUMENT.format(verb=step.verb, input=f"{step.verb[0].upper()}{step.verb[1:]}Input")
        variables = {"input": {**step.input, "idempotencyKey": key}}
        data = await self._client.answer(self._tokens[step.account], document, variables, key)
        answer: dict[str, Any] = data[step.verb]
        return answer

    def note(self, place: Place, step: Step, answer: dict[str, Any], key: str, asked_at: float) -> Issue:
        """Write down that the change with the key is acknowledged, and return the issue; raises Refused."""
        if answer["errors"]:
            raise Refused(f"{key} of {step}: {answer['errors']}")
        issue: Issue = answer["issue"]
        event = issue["events"]["nodes"][0]["id"]
        now = time.monotonic()
        self._journal.write(Written(key, event, issue["id"], issue["version"], place.village, asked_at, now))
        self.written += 1
        if self.written >= self._goal:
            self._done.set()
        self._progress(min(self.written, self._goal), self._goal)
        return issue

    def refuse(self, refused: Refused) -> None:
        """Write down that something was refused that should not have been."""
        self._journal.write(Refusal(time.monotonic(), str(refused)))


@asynccontextmanager
async def loading(
    topology: Topology, goal: int, progress: Advance, *, rate: float = inf, writers: int = WRITERS
) -> AsyncIterator[Load]:
    """Let the writers work for the length of the block, at so many changes a second or less.

    At its end each still finishes the change it is at.
    """
    with Journal(topology.directory / "load.jsonl") as journal:
        async with (
            Client.opened(topology.addresses, journal) as client,
            asyncio.TaskGroup() as tasks,
        ):
            load = Load(topology.ground, client, journal, goal, rate, progress)
            for number in range(writers):
                tasks.create_task(load.work(number))
            try:
                yield load
            finally:
                load.over = True
