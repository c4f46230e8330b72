"""The root of what is pushed, and where to begin."""

from typing import Any

import strawberry
from strawberry.types import Info

from .context import Context
from .names import argument, field, make


async def _event_cursor(info: Info[Context, None]) -> str:
    log = info.context.log
    return log.cursor(await log.head())


EVENT_CURSOR: tuple[Any, Any] = (
    str,
    strawberry.field(
        resolver=_event_cursor,
        description="Cursor of the newest event, read before the rest of the query: a subscription after it misses"
        " nothing that the query does not show yet (最新游标).",
    ),
)


def declare_subscription() -> None:
    """Enter ``Subscription`` and its payload among the names."""
    make(
        "IssueEventPayload",
        "A state change of an issue that the viewer may see (问题动态).",
        {
            "cursor": (str, field("cursor", "Give it back as after to resume behind this event (游标).")),
            "event": ("Event", field("event", "What happened (事件).")),
        },
    )
    make(
        "Subscription",
        "What is pushed as it happens (订阅).",
        {
            "issueEvents": (
                "IssueEventPayload",
                field(
                    "issueEvents",
                    "Every change of every issue that the viewer may see, in order, each once (问题动态).",
                    [
                        argument("filter", "EventFilter | None", "Which events (筛选)."),
                        argument(
                            "after",
                            "str | None",
                            "Resume behind this cursor: first what was missed, then what happens; left out, only"
                            " what happens from now on (游标之后).",
                        ),
                    ],
                ),
            )
        },
    )
