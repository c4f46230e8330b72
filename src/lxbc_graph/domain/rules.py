"""How a unit works: durations, ladder and checks as data; the fields and their defaults are the programme's proposal.

A unit's rule says only what it has otherwise than the units above it (``store.rules`` merges and parses them). Bounds
stand in the metadata of a field; durations carry their unit in the name.
"""

from dataclasses import dataclass, field
from datetime import time
from typing import Any, ClassVar

from .words import (
    AssignmentKind,
    AssignmentPart,
    ClockKind,
    ContactKind,
    DayKind,
    Flag,
    InspectionLevel,
    LookBackStep,
    RoutineKind,
    RungKind,
    Supervision,
)

CLOCKS_OF_13710 = (ClockKind.ARRANGE, ClockKind.PROGRESS, ClockKind.SOLVE, ClockKind.TRACK)
PROPOSALS = frozenset({RungKind.REMINDER_LETTER, RungKind.BULLETIN, RungKind.ACCOUNTABILITY_PROPOSAL})
"""What the ladder proposes and people decide."""


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_READ = {"extra": "forbid", "strict": True, "alias_generator": _camel}
"""How ``store.rules`` reads what a setting lists."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step that clocks climb, ``after_hours`` since they were due, or before where it is negative.

    ``reply_days`` is within how many days a letter wants an answer.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _READ

    kind: RungKind
    after_hours: int
    clocks: tuple[ClockKind, ...] = CLOCKS_OF_13710
    reply_days: int | None = None


@dataclass(frozen=True, slots=True)
class Routine:
    """What is done regularly: on a day of the week (1 is Monday) or of the month, or whenever it is called."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _READ

    kind: RoutineKind
    weekday: int | None = None
    day: int | None = None


def _number(default: int | None, least: int, most: int, text: str) -> Any:
    return field(default=default, metadata={"ge": least, "le": most, "description": text})


def _say(default: Any, text: str) -> Any:
    return field(default=default, metadata={"description": text})


LADDER = (
    Rung(RungKind.REMINDER, -24),
    Rung(RungKind.URGE, 0),
    Rung(RungKind.DUAL_SUPERVISION, 24),
    Rung(RungKind.REMINDER_LETTER, 3 * 24, reply_days=3),
    Rung(RungKind.BULLETIN, 7 * 24),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """All that may differ from unit to unit (DOMAIN 5 and the county methods of DOMAIN 8)."""

    days: DayKind = _say(DayKind.NATURAL, "Which days deadlines count (自然日、工作日).")
    arrange_days: int = _number(1, 0, 366, "To arrange what was handed over (部署期限).")
    progress_days: int = _number(3, 0, 366, "To report first progress (反馈期限).")
    general_days: int = _number(7, 0, 366, "To solve a general issue (一般问题办结期限).")
    complex_months: int = _number(1, 0, 24, "To solve a complex issue (复杂问题办结期限).")
    track_months: int = _number(1, 1, 24, "Between reports until it is closed (清零跟踪).")
    arbitrate_days: int = _number(1, 0, 366, "To decide about a returned assignment (退单裁定).")
    look_back_days: int | None = _number(None, 0, 366, "To look back after rectification (回访期限).")

    required_kinds: tuple[AssignmentKind, ...] = _say(
        (AssignmentKind.TERRITORIAL, AssignmentKind.DEPARTMENT), "Sides that a hand-over needs (双交办)."
    )
    required_parts: tuple[AssignmentPart, ...] = _say((), "Parts that a hand-over needs (领办、协办).")
    line_required: bool = _say(False, "Departments must belong to a line (分线).")
    sponsor_required: bool = _say(False, "A hand-over names a sponsoring leader (包案领导).")

    supervisions: tuple[Supervision, ...] = _say(tuple(Supervision), "Ways to supervise (督办方式).")
    two_way_supervision: bool = _say(False, "Supervising one party supervises all (双向督办).")

    evidence_required: bool = _say(False, "Feedback needs an attachment (佐证材料).")
    inspection_levels: tuple[InspectionLevel, ...] = _say(
        (InspectionLevel.OFFICE,), "Inspections that feedback must pass, in order (核验层级)."
    )
    must_see: tuple[Flag, ...] = _say((), "Flags that demand an on-site record at inspection (必看).")

    look_back_steps: tuple[LookBackStep, ...] = _say(
        (), "Who must look back, in order; empty: any one of them (回访主体)."
    )
    contacts: tuple[ContactKind, ...] = _say((), "Whom a look-back must meet (面对面).")
    sample_percent: int = _number(0, 0, 100, "Share drawn for an unannounced look-back (随机抽查).")

    routines: tuple[Routine, ...] = _say((), "What is done regularly (例行工作).")

    ladder: tuple[Rung, ...] = _say(LADDER, "What follows a deadline (预警阶梯).")
    letters: int = _number(
        2, 1, 100, "Unanswered letters that lead to a proposal of accountability (问责建议)."
    )
    letter_days: int = _number(30, 1, 366, "Within how many days they are counted (统计周期).")
    opens: time = _say(time(8), "When working hours begin; nothing is sent outside them (工作时间).")
    closes: time = _say(time(18), "When they end (工作时间).")


DEFAULT = Rule()
"""What holds where no unit says anything."""
