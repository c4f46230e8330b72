"""A client of the HTTP API that is answered in the end, whichever processes are up and whatever happens to them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count, cycle
from typing import Any

import aiohttp
import orjson

from .journal import Failed, Journal
from .process import PATIENCE

_PAUSE = 0.05
_AGAIN = {"UNAVAILABLE", "TIMEOUT", "INTERNAL"}
"""Codes after which a change may have been made all the same, and is asked for again."""

Answer = dict[str, Any]


class Refused(Exception):
    """An answer that asking again would not change."""


class Client:
    """Sends operations to the addresses in turn, over connections that are kept alive."""

    def __init__(self, session: aiohttp.ClientSession, addresses: Sequence[str], journal: Journal) -> None:
        self._session = session
        self._addresses = cycle(addresses)
        self._places = len(addresses)
        self._journal = journal

    @classmethod
    @asynccontextmanager
    async def opened(cls, addresses: Sequence[str], journal: Journal) -> "AsyncIterator[Client]":
        """Give a client; what failed on the way to an answer is in the journal."""
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=timeout, json_serialize=_json
        ) as session:
            yield cls(session, addresses, journal)

    async def answer(self, token: str, query: str, variables: Mapping[str, Any], key: str) -> Answer:
        """Return the ``data`` of the answer, asking the same again until there is one; raises Refused."""
        deadline = time.monotonic() + PATIENCE
        attempts = count(1)
        while True:
            try:
                return await self._attempt(next(self._addresses), token, query, variables)
            except (aiohttp.ClientError, TimeoutError, _Fault) as error:
                now = time.monotonic()
                self._journal.write(Failed(key, now, f"{type(error).__name__}: {error}"))
                if now > deadline:
                    raise
                if next(attempts) % self._places == 0:  # nobody could
                    await asyncio.sleep(_PAUSE)

    async def _attempt(self, address: str, token: str, query: str, variables: Mapping[str, Any]) -> Answer:
        async with self._session.post(
            f"http://{address}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        ) as response:
            body = await response.read()
        if response.status >= 500:
            raise _Fault(response.status)
        answer = orjson.loads(body)
        if not answer.get("errors"):
            data: Answer = answer["data"]
            return data
        codes = {error.get("extensions", {}).get("code") for error in answer["errors"]}
        raise _Fault(*sorted(codes)) if codes <= _AGAIN else Refused(body.decode())


class _Fault(Exception):
    """The server says that it could not."""


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
