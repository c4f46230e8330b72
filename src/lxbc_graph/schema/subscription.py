"""The root of what is pushed, and where to begin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types import Info
from strawberry.types.arguments import StrawberryArgument

from lxbc_graph.domain.words import EventKind
from lxbc_graph.read.arguments import Argument, Value, Variables, values
from lxbc_graph.read.document import refused

from .context import Context
from .names import argument, field, make

LONGEST_INTERVAL_SECONDS = 3600


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


@dataclass(frozen=True, slots=True)
class Events:
    """A subscription to events: those of a filter that is made of its arguments, in payloads of one type."""

    payload: str
    filter: Callable[[Mapping[str, Argument]], Mapping[str, Argument]]

    def unit(self, given: Mapping[str, Argument]) -> Argument | None:
        """Return the code of the unit that it is about, if it names one."""
        return self.filter(given).get("unit")


@dataclass(frozen=True, slots=True)
class Figures:
    """A subscription to the figures of a unit."""

    payload: str

    def unit(self, given: Mapping[str, Argument]) -> Argument | None:
        """Return the code of the unit."""
        return given["unit"]

    def interval_seconds(self, given: Mapping[str, Argument], variables: Variables) -> int:
        """Return how long it rests between two looks at least; raises Refused."""
        seconds: int = values(given["minIntervalSeconds"], variables)
        if not 1 <= seconds <= LONGEST_INTERVAL_SECONDS:
            raise refused(
                f"minIntervalSeconds: from 1 to {LONGEST_INTERVAL_SECONDS}, please.", "BAD_USER_INPUT"
            )
        return seconds


def _given(arguments: Mapping[str, Argument]) -> Mapping[str, Argument]:
    given = arguments.get("filter", {})
    assert isinstance(given, dict)
    return given


def _alerts(arguments: Mapping[str, Argument]) -> Mapping[str, Argument]:
    kinds = [EventKind.ALERTED.value]
    terms = {"unit": arguments.get("unit"), "rung": arguments.get("rungs")}
    given = {name: term for name, term in terms.items() if term is not None}
    return {"kind": Value(kinds, lambda _: kinds), **given}


STREAMS: dict[str, Events | Figures] = {
    "issueEvents": Events("IssueEventPayload", _given),
    "deadlineAlerts": Events("DeadlineAlertPayload", _alerts),
    "metricsChanged": Figures("MetricsChangedPayload"),
}
"""Subscriptions by their field."""


def declare_subscription() -> None:
    """Enter ``Subscription`` and its payloads among the names."""
    _declare_payload(
        "IssueEventPayload",
        "A state change of an issue that the viewer may see (问题动态).",
        "What happened (事件).",
    )
    _declare_payload(
        "DeadlineAlertPayload",
        "What follows a deadline of an issue that the viewer may see (超期预警).",
        "The alert, with its rung, clock and due time; what it proposes, people decide (预警).",
    )
    make(
        "MetricsChangedPayload",
        "The figures of a unit as they are now (最新指标).",
        {"unit": ("Unit", field("unit", "The unit, with its figures (单位)."))},
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
                    [argument("filter", "EventFilter | None", "Which events (筛选)."), _after()],
                ),
            ),
            "deadlineAlerts": (
                "DeadlineAlertPayload",
                field(
                    "deadlineAlerts",
                    "Every alert of the ladder about issues that the viewer may see, in order, each once (超期预警).",
                    [
                        argument(
                            "unit",
                            "str | None",
                            "Code of a unit: alerts in it and in everything below it (单位代码).",
                        ),
                        argument("rungs", "list[RungKind] | None", "Rungs of the ladder (预警级别)."),
                        _after(),
                    ],
                ),
            ),
            "metricsChanged": (
                "MetricsChangedPayload",
                field(
                    "metricsChanged",
                    "The figures of a unit: at once, and whenever what was selected has changed; a screen that"
                    " comes back is up to date with the first (指标变化).",
                    [
                        argument("unit", "str", "Code of the unit (单位代码)."),
                        argument(
                            "minIntervalSeconds",
                            "int",
                            "How long to be quiet between two at least, in seconds from 1 to 3600 (最短间隔).",
                            5,
                        ),
                    ],
                ),
            ),
        },
    )


def _declare_payload(name: str, description: str, of_event: str) -> None:
    make(
        name,
        description,
        {
            "cursor": (str, field("cursor", "Give it back as after to resume behind this event (游标).")),
            "event": ("Event | None", field("event", of_event)),
            "gone": (
                "ID | None",
                field(
                    "gone",
                    "The issue that, with this event, left what the viewer may see or the filter names: forget it."
                    " The event is null then, unless it may still be seen itself (已离开).",
                ),
            ),
        },
    )


def _after() -> StrawberryArgument:
    return argument(
        "after",
        "str | None",
        "Resume behind this cursor: first what was missed, then what happens; left out, only what happens from now on"
        " (游标之后).",
    )
