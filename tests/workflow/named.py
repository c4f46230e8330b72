"""What the input of a command may name besides the issue: days, cadres, categories, parties, another issue."""

from datetime import date
from typing import Any

from tests.workflow.counties import CATEGORIES, DEPARTMENTS, PATHS, REACH
from tests.workflow.dues import today
from tests.workflow.issue import Ask, check, refuse
from tests.workflow.may import near, sees


def check_day(ask: Ask, day: date, at: str) -> None:
    """Open: today or later, and within five years."""
    check({at: not 0 <= (day - today(ask.now)).days <= 5 * 365})


def find_cadre(ask: Ask, cadre: int, at: str) -> None:
    if not near(ask.person, REACH.get(cadre, set())) or cadre not in REACH:
        refuse("NOT_FOUND", at)


def find_category(ask: Ask, category: int | None, scheme: str, at: str) -> None:
    if category is None:
        return
    if category not in CATEGORIES:
        refuse("NOT_FOUND", at)
    of, until = CATEGORIES[category]
    check({at: of != scheme or (until is not None and until <= today(ask.now))})


def find_original(ask: Ask, issue_id: int, at: str, *, goes_on: bool = False) -> None:
    """The issue that another repeats: one that is seen, another, and no duplicate itself.

    Open: what is merged goes on with the other, so that must not have been dismissed.
    """
    original = ask.others.get(issue_id)
    check({at: original is ask.issue})
    if original is None or not sees(Ask(ask.person, ask.now, original, {})):
        refuse("NOT_FOUND", at)
    check({at: original.facts["dismissal"] == "DUPLICATE"})
    check({at: goes_on and original.facts["dismissal"] is not None})


def find_party(ask: Ask, party: Any, at: str) -> None:
    """Open: a department is one of the issue's own county or of the city, a territory one that it lies in."""
    path = ask.issue.path
    for name, number, home in (
        ("departmentId", party.department_id, DEPARTMENTS.get(party.department_id, (None,))[0]),
        ("unitId", party.unit_id, party.unit_id),
    ):
        if number is not None:
            if home not in PATHS or not near(ask.person, PATHS[home]):
                refuse("NOT_FOUND", *at.split("."), name)
            check({f"{at}.{name}": home not in path})


def lacks_line(party: Any) -> bool:
    return party.kind == "DEPARTMENT" and DEPARTMENTS[party.department_id][1] is None
