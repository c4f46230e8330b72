"""Strawberry's own handler, as its guide shows it, over events in memory."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import strawberry
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from strawberry.asgi import GraphQL

from .bare import publishing

_queues: set[asyncio.Queue["IssueEventPayload"]] = set()


@strawberry.type
class Unit:
    name: str


@strawberry.type
class Issue:
    id: strawberry.ID
    number: str
    title: str
    state: str
    unit: Unit | None


@strawberry.type
class Event:
    kind: str
    to_state: str
    at: str
    issue: Issue | None


@strawberry.type
class IssueEventPayload:
    cursor: str
    event: Event

    @classmethod
    def of(cls, frame: str) -> "IssueEventPayload":
        payload = orjson.loads(frame)["payload"]["data"]["issueEvents"]
        event = payload["event"]
        issue = event["issue"]
        return cls(
            cursor=payload["cursor"],
            event=Event(
                kind=event["kind"],
                to_state=event["toState"],
                at=event["at"],
                issue=Issue(**issue | {"unit": Unit(**issue["unit"])}),
            ),
        )


@strawberry.input
class EventFilter:
    unit: str | None = None


@strawberry.type
class Query:
    event_cursor: str


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def issue_events(
        self,
        filter: EventFilter | None = None,  # noqa: A002, ARG002 - the name in the API; all of them are asked for
    ) -> AsyncGenerator[IssueEventPayload]:
        queue: asyncio.Queue[IssueEventPayload] = asyncio.Queue()
        _queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            _queues.discard(queue)


async def _publish(frame: str) -> None:
    payload = IssueEventPayload.of(frame)
    for queue in _queues:
        queue.put_nowait(payload)


def handler(_url: str) -> Starlette:
    """Return the application."""
    schema = strawberry.Schema(query=Query, subscription=Subscription)
    endpoint: GraphQL[Any, Any] = GraphQL(schema)
    return Starlette(routes=[WebSocketRoute("/graphql", endpoint), publishing(_publish)])
