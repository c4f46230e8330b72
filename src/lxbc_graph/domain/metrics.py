"""The figures of a unit (DOMAIN 6): each is a pair of issue filters, so whoever reads one can list its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

Filter = Mapping[str, object]

HANDED_OVER: Filter = {"handedOver": True, "dismissed": False}
"""N, the denominator of most rates."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Numerator and denominator as values of ``IssueFilter``; ``period`` is the field that a period applies to."""

    description: str
    numerator: Filter
    denominator: Filter
    period: str = "handedOverAt"


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
        "Issues whose look-back found people satisfied, of those with an answer (群众满意).",
        {**HANDED_OVER, "satisfaction": ["SATISFIED"]},
        {**HANDED_OVER, "satisfaction": ["SATISFIED", "FAIRLY_SATISFIED", "DISSATISFIED"]},
    ),
    "reopenedRate": Metric(
        "Issues reopened at least once, of those handed over (反弹率).",
        {**HANDED_OVER, "reopened": True},
        HANDED_OVER,
    ),
}
