"""The life of an issue, as steps of the people of its county: pure, since whoever plays it answers each step."""

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from .ground import Place


class Step(NamedTuple):
    """A change: who does which mutation with what input."""

    account: str
    verb: str
    input: Mapping[str, Any]


Issue = Mapping[str, Any]
"""An issue as a mutation answers it: ``id``, ``version``, ``assignments`` and the newest of its ``events``."""


def report(place: Place) -> Step:
    """Return the step that begins it."""
    what = {"title": "机井损坏", "description": "无法浇地", "source": "VISIT"}
    return Step(f"official-{place.village}", "reportIssue", {"unitId": place.unit, **what})


def hand_over(place: Place) -> Generator[Step, Issue, Issue]:
    """Yield the steps from its report until it is handed over, and return it."""
    issue = yield report(place)
    judged = {"categoryId": place.category, "workContentId": place.work_content, "complexity": "GENERAL"}
    issue = yield _of(issue, "office", "judgeIssue", **judged)
    parties = [
        {"kind": "TERRITORIAL", "unitId": place.township},
        {"kind": "DEPARTMENT", "departmentId": place.department},
    ]
    return (yield _of(issue, "office", "assignIssue", parties=parties))


def urge(issue: Issue) -> Step:
    """Return a step that may be done as often as one likes."""
    return _share(issue, issue["assignments"]["nodes"][0]["id"], "office", "urgeIssue", text="请抓紧")


def life(place: Place) -> Generator[Step, Issue]:
    """Yield the steps from its report until it is closed."""
    issue = yield from hand_over(place)
    account = {"TERRITORIAL": f"town-{place.township_code}", "DEPARTMENT": f"bureau-{place.county_code}"}
    inspector = f"inspector-{place.county_code}"
    shares = [(account[one["kind"]], one["id"]) for one in issue["assignments"]["nodes"]]
    for party, share in shares:
        issue = yield _share(issue, share, party, "acceptAssignment", responsibleId=place.responsible)
    for party, share in shares:
        issue = yield _share(issue, share, party, "reportProgress", text="已开工")
        issue = yield _share(issue, share, inspector, "superviseIssue", text="请加快")
        issue = yield urge(issue)
    for party, share in shares:
        issue = yield _share(issue, share, party, "submitFeedback", text="已修好")
    issue = yield _of(issue, "office", "inspectIssue", level="OFFICE", passed=True)
    yield _of(issue, inspector, "lookBack", satisfaction="SATISFIED")


def _of(issue: Issue, account: str, verb: str, **given: Any) -> Step:
    return Step(account, verb, {"issueId": issue["id"], "expectedVersion": issue["version"], **given})


def _share(issue: Issue, share: str, account: str, verb: str, **given: Any) -> Step:
    return Step(account, verb, {"assignmentId": share, "expectedVersion": issue["version"], **given})
