"""The figures of a unit (DOMAIN 6): each is a pair of issue filters, so whoever reads one can list its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

Filter = Mapping[str, object]

HANDED_OVER: Filter = {"handedOver": True, "dismissed": False}
"""N, the denominator of most rates."""

ANSWERED: Filter = {**HANDED_OVER, "satisfaction": ["SATISFIED", "FAIRLY_SATISFIED", "DISSATISFIED"]}
"""Issues about which the people said something."""


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
        "Issues rectified or closed, of those handed over (问题整改率).",
        {**HANDED_OVER, "state": ["RECTIFIED", "CLOSED"]},
        HANDED_OVER,
    ),
    "underWay": Metric(
        "Issues still being worked on, of those handed over (整改中).",
        {**HANDED_OVER, "state": ["ASSIGNED", "RECTIFYING", "FEEDBACK"]},
        HANDED_OVER,
    ),
    "effectivelySolved": Metric(
        "Issues closed after look-back, of those handed over (有效解决).",
        {**HANDED_OVER, "state": ["CLOSED"]},
        HANDED_OVER,
    ),
    "handOverRate": Metric(
        "Issues handed over, of those accepted (交办率).",
        HANDED_OVER,
        {"judged": True, "dismissed": False},
        period="judgedAt",
    ),
    "overdue": Metric(
        "Issues still being worked on after they were due, of those handed over (超期).",
        {**HANDED_OVER, "overdue": True},
        HANDED_OVER,
    ),
    "satisfied": Metric(
        "Issues whose look-back found people satisfied, of those with an answer that counts (群众满意).",
        {**HANDED_OVER, "satisfaction": ["SATISFIED"], "excluded": False},
        {**ANSWERED, "excluded": False},
    ),
    "excluded": Metric(
        "Issues whose answer is left out of that, of those with an answer (不计入).",
        {**ANSWERED, "excluded": True},
        ANSWERED,
    ),
    "amber": Metric(
        "Issues whose light is amber now, whatever asOf says, of those handed over (黄灯).",
        {**HANDED_OVER, "light": ["AMBER"]},
        HANDED_OVER,
        present=True,
    ),
    "red": Metric(
        "Issues whose light is red now, whatever asOf says, of those handed over (红灯).",
        {**HANDED_OVER, "light": ["RED"]},
        HANDED_OVER,
        present=True,
    ),
    "reopenedRate": Metric(
        "Issues reopened at least once, of those handed over (反弹率).",
        {**HANDED_OVER, "reopened": True},
        HANDED_OVER,
    ),
}
