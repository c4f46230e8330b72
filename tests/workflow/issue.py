"""What an issue is: a record of plain values, its parts, the clocks that run (DOMAIN 5), and a question about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from tests.workflow.counties import PATHS, Person

Errors = frozenset[tuple[str, tuple[str, ...]]]
"""Why a command is refused: codes, each with its path into the input."""
Part = dict[str, Any]
"""What one party has to do."""

RULE: dict[str, Any] = {
    "days": "NATURAL",
    "arrangeDays": 1,
    "progressDays": 3,
    "generalDays": 7,
    "complexMonths": 1,
    "trackMonths": 1,
    "arbitrateDays": 1,
    "lookBackDays": None,
    "requiredKinds": ["TERRITORIAL", "DEPARTMENT"],
    "requiredParts": [],
    "lineRequired": False,
    "sponsorRequired": False,
    "supervisions": ["SUPERVISION", "SPECIAL_SUPERVISION", "ON_SITE_OFFICE"],
    "twoWaySupervision": False,
    "evidenceRequired": False,
    "inspectionLevels": ["OFFICE"],
    "mustSee": [],
    "lookBackSteps": [],
    "contacts": [],
    "samplePercent": 0,
}
NOTED: tuple[str, ...] = (
    "category_id",
    "work_content_id",
    "complexity",
    "dismissal",
    "duplicate_of_id",
    "satisfaction",
    "due_at",
)
NOTED += (
    "judged_at",
    "handed_over_at",
    "rectified_at",
    "closed_at",
    "sponsor_id",
    "verifier_id",
    "exclusion",
)
NOTED += ("verify_due_at", "verified_at", "township_passed_at", "look_back_due_at", "next_due_at")
PART_NOTED: tuple[str, ...] = (
    "responsible_id",
    "responsible_name",
    "measure",
    "plan_due",
    "feedback",
    "accepted_at",
    "feedback_at",
)
PART_NOTED += ("progressed_at", "arbitrate_due_at", "return_reason", "plan", "plan_state")


@dataclass
class Issue:
    """``facts`` and ``parts`` are what can be read of it, ``parts`` in the order in which they were handed over."""

    unit: int
    finder: Person
    rule: dict[str, Any]
    facts: dict[str, Any]
    parts: list[Part] = field(default_factory=list)
    handlers: set[tuple[str, int]] = field(default_factory=set)

    @property
    def path(self) -> tuple[int, ...]:
        return PATHS[self.unit]


@dataclass
class Ask:
    """Who asks when, about which issue or which of its parts, having read which version."""

    person: Person
    now: datetime
    issue: Issue
    others: Mapping[int, Issue]
    version: int | None = None
    part: Part | None = None


class Refused(Exception):
    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


def refuse(code: str, *path: str) -> NoReturn:
    raise Refused(frozenset({(code, path)}))


def check(bad: dict[str, bool]) -> None:
    """Refuse an input that is wrong by itself; all that is wrong is told at once."""
    if any(bad.values()):
        raise Refused(
            frozenset(("INVALID_INPUT", tuple(at.split("."))) for at, wrong in bad.items() if wrong)
        )


def blank(text: str | None, *, needed: bool = True) -> bool:
    return needed if text is None else not text.strip()


def awaited(issue: Issue) -> list[Part]:
    return [part for part in issue.parts if part["required"] and part["state"] != "REASSIGNED"]


def clocks(issue: Issue) -> Iterator[tuple[str, datetime, int | None]]:
    """What runs, until when, for which part. Open: those of a part stand still while its return is decided."""
    facts = issue.facts
    if facts["state"] == "VERIFYING":
        yield "VERIFY", facts["verify_due_at"], None
    if facts["state"] == "RECTIFIED" and facts["look_back_due_at"]:
        yield "LOOK_BACK", facts["look_back_due_at"], None
    if facts["state"] in ("ASSIGNED", "RECTIFYING", "FEEDBACK"):
        for index, part in enumerate(issue.parts):
            if part["state"] == "RETURNED":
                yield "ARBITRATE", part["arbitrate_due_at"], index
            if part["state"] in ("PENDING", "ACCEPTED"):
                if part["state"] == "PENDING":
                    yield "ARRANGE", part["arrange_due_at"], index
                if not part["progressed_at"]:
                    yield "PROGRESS", part["progress_due_at"], index
                yield "SOLVE", part["solve_due_at"], index
                yield "TRACK", part["track_due_at"], index
