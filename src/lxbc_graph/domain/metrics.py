"""The figures of a unit (DOMAIN 6): each is a pair of issue filters, so whoever reads one can list its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

Filter = Mapping[str, object]

JUDGED: Filter = {"judged": True, "dismissed": False}

HANDED_OVER: Filter = {"handedOver": True, "dismissed": False}
"""N, the denominator of most rates."""

RECTIFIED: Filter = {**HANDED_OVER, "state": ["RECTIFIED", "CLOSED"]}
UNDER_WAY: Filter = {**HANDED_OVER, "state": ["ASSIGNED", "RECTIFYING", "FEEDBACK"]}
CLOSED: Filter = {**HANDED_OVER, "state": ["CLOSED"]}
OVERDUE: Filter = {**HANDED_OVER, "overdue": True}
AMBER: Filter = {**HANDED_OVER, "light": ["AMBER"]}
RED: Filter = {**HANDED_OVER, "light": ["RED"]}
REOPENED: Filter = {**HANDED_OVER, "reopened": True}

ANSWERED: Filter = {**HANDED_OVER, "satisfaction": ["SATISFIED", "FAIRLY_SATISFIED", "DISSATISFIED"]}
"""Issues about which the people said something."""

COUNTED: Filter = {**ANSWERED, "excluded": False}
EXCLUDED: Filter = {**ANSWERED, "excluded": True}
SATISFIED: Filter = {**HANDED_OVER, "satisfaction": ["SATISFIED"], "excluded": False}


@dataclass(frozen=True, slots=True)
class Metric:
    """Numerator and denominator as values of ``IssueFilter``; ``period`` is the field that a period applies to."""

    description: str
    numerator: Filter
    denominator: Filter
    period: str = "handedOverAt"
    present: bool = False
    """Whether it can only be told as it is now; then it and its filters know no other moment."""


METRICS: Mapping[str, Metric] = {
    "rectificationRate": Metric(
        "Issues rectified or closed, of those handed over (问题整改率).", RECTIFIED, HANDED_OVER
    ),
    "underWay": Metric(
        "Issues still being worked on, of those handed over (整改中).", UNDER_WAY, HANDED_OVER
    ),
    "effectivelySolved": Metric(
        "Issues closed after look-back, of those handed over (有效解决).", CLOSED, HANDED_OVER
    ),
    "handOverRate": Metric(
        "Issues handed over, of those accepted (交办率).", HANDED_OVER, JUDGED, period="judgedAt"
    ),
    "overdue": Metric(
        "Issues still being worked on after they were due, of those handed over (超期).", OVERDUE, HANDED_OVER
    ),
    "satisfied": Metric(
        "Issues whose look-back found people satisfied, of those with an answer that counts (群众满意).",
        SATISFIED,
        COUNTED,
    ),
    "excluded": Metric(
        "Issues whose answer is left out of that, of those with an answer (不计入).", EXCLUDED, ANSWERED
    ),
    "amber": Metric(
        "Issues whose light is amber now, whatever asOf says, of those handed over (黄灯).",
        AMBER,
        HANDED_OVER,
        present=True,
    ),
    "red": Metric(
        "Issues whose light is red now, whatever asOf says, of those handed over (红灯).",
        RED,
        HANDED_OVER,
        present=True,
    ),
    "reopenedRate": Metric(
        "Issues reopened at least once, of those handed over (反弹率).", REOPENED, HANDED_OVER
    ),
}

Difference = tuple[Filter, tuple[Filter, ...]]
"""How many issues a count has more than some disjoint parts of it have together."""


@dataclass(frozen=True, slots=True)
class Split:
    """Counts of parts of a whole that are told together, and what is known to whom they and those before are told."""

    whole: Filter | None
    told: tuple[Filter, ...]
    known: tuple[Difference, ...]

    def before(self, difference: Difference) -> tuple[Filter, ...]:
        """Return the counts of the difference that are told before these."""
        whole, parts = difference
        return tuple(count for count in (whole, *parts) if count not in self.told)


_SPLITS = (
    Split(None, (HANDED_OVER,), ((HANDED_OVER, ()),)),
    # The wider one gives way: nearly every figure is told of the other.
    Split(HANDED_OVER, (JUDGED,), ((JUDGED, (HANDED_OVER,)),)),
    Split(
        HANDED_OVER,
        (RECTIFIED, UNDER_WAY),
        ((RECTIFIED, ()), (UNDER_WAY, ()), (HANDED_OVER, (RECTIFIED, UNDER_WAY))),
    ),
    Split(RECTIFIED, (CLOSED,), ((CLOSED, ()), (RECTIFIED, (CLOSED,)))),
    Split(UNDER_WAY, (OVERDUE,), ((OVERDUE, ()), (UNDER_WAY, (OVERDUE,)))),
    # Nothing is closed without an answer, nor reopened that was not closed, nor has a light that is closed.
    Split(HANDED_OVER, (ANSWERED,), ((ANSWERED, ()), (HANDED_OVER, (ANSWERED,)), (ANSWERED, (CLOSED,)))),
    Split(ANSWERED, (COUNTED, EXCLUDED), ((COUNTED, ()), (EXCLUDED, ()), (ANSWERED, (COUNTED, EXCLUDED)))),
    Split(COUNTED, (SATISFIED,), ((SATISFIED, ()), (COUNTED, (SATISFIED,)))),
    Split(HANDED_OVER, (REOPENED,), ((REOPENED, ()), (HANDED_OVER, (REOPENED,)), (ANSWERED, (REOPENED,)))),
    Split(
        HANDED_OVER,
        (AMBER, RED),
        (
            *((AMBER, ()), (RED, ()), (HANDED_OVER, (AMBER, RED)), (HANDED_OVER, (CLOSED, AMBER, RED))),
            # As a rule; a look-back may be late, too, and the first of the clocks be red alone.
            *((UNDER_WAY, (AMBER, RED)), (OVERDUE, (RED,))),
        ),
    ),
)


def split_of(count: Filter) -> Split:
    """Return the split that tells a count; LookupError where nobody has said what the count is a part of."""
    for split in _SPLITS:
        if count in split.told:
            return split
    raise LookupError(f"no whole of which {count} is a part")
