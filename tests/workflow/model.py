"""The programme told a second time, from DOMAIN 4 and 5: each mutation as a function of plain Python named like it.

Nothing here knows of the program. ``issue`` says what there is, ``dues`` by when, ``may`` who and when, ``named``
what an input may name; here is what can be wrong with a command, and what it changes. Where the text leaves
something open, the program's way is told: ``Open:``.
"""

from datetime import date, datetime
from typing import Any

from tests.workflow.counties import PATHS, PEOPLE, RULES, Person
from tests.workflow.dues import end_of, in_days, in_months, solve_due
from tests.workflow.issue import (
    NOTED,
    PART_NOTED,
    RULE,
    Ask,
    Errors,
    Issue,
    Part,
    Refused,
    awaited,
    blank,
    check,
    clocks,
    refuse,
)
from tests.workflow.may import MAY, OPEN_PARTS, REPORT, come, granted, guard, names, near, reaches
from tests.workflow.named import check_day, find_cadre, find_category, find_original, find_party, lacks_line

# --- the commands: first all that can be wrong, then what changes


def attempt(command: str, ask: Ask, given: dict[str, Any]) -> Errors:
    """Do a command, or say why not and change nothing."""
    try:
        globals()[command](ask, **given)
    except Refused as refused:
        return refused.errors
    facts = ask.issue.facts
    facts["version"] += 1
    facts["updated_at"] = ask.now
    facts["next_due_at"] = min((due for _, due, _ in clocks(ask.issue)), default=None)
    return frozenset()


def begin(person: Person, now: datetime, unit_id: int, title: str, **flags: bool) -> Issue:
    """``reportIssue``; an issue keeps the rule that it begins under. Raises Refused."""
    check({"title": blank(title)})
    if not near(person, PATHS[unit_id]):
        refuse("NOT_FOUND", "unitId")
    rule = dict(RULE)
    for unit in PATHS[unit_id]:
        rule |= RULES.get(unit, {})
    facts = dict.fromkeys(NOTED) | {"reopened_count": 0, "sent_back_count": 0, "version": 1, "look_backs": []}
    facts |= {"state": "REPORTED", "reported_at": now, "updated_at": now, "sampled": False}
    facts |= {"city_identified": False, "multi_department": False, **flags}
    issue = Issue(unit_id, person, rule, facts)
    if not any(granted(REPORT, seat, Ask(person, now, issue, {})) for seat in person.seats):
        refuse("FORBIDDEN")
    return issue


def request_verification(ask: Ask, verifier_id: int, due_on: date, reason: str) -> None:
    check({"reason": blank(reason)})
    come(ask, "REQUEST_VERIFICATION")
    find_cadre(ask, verifier_id, "verifierId")
    check_day(ask, due_on, "dueOn")
    seats = [seat for one in PEOPLE.values() if one.cadre == verifier_id for seat in one.seats]
    # Open: only who could then verify it is named; whoever holds it as their own needs no seat nearby.
    able = any(
        far in ("ALL", "OWN") or reaches(far, seat, ask, None)
        for seat in seats
        if (far := MAY["VERIFY_ISSUE"].get(seat.role))
    )
    check({"verifierId": verifier_id == ask.issue.finder.cadre or not able})
    guard(ask, "REQUEST_VERIFICATION", "", None)
    ask.issue.facts.update(
        state="VERIFYING", verifier_id=verifier_id, verify_due_at=end_of(due_on), verified_at=None
    )


def verify_issue(ask: Ask, confirmed: bool, finding: str, **_: object) -> None:
    check({"finding": blank(finding)})
    guard(ask, "VERIFY_ISSUE", come(ask, "VERIFY_ISSUE"), None)
    ask.issue.facts.update(state="REPORTED", verified_at=ask.now)
    if not confirmed:
        ask.issue.facts.update(state="DISMISSED", judged_at=ask.now, dismissal="NOT_TRUE")


def judge_issue(
    ask: Ask, dismissal: str | None, reason: str | None, duplicate_of_id: int | None, **given: Any
) -> None:
    # Open: the office may also note that a report was withdrawn.
    accepted = dismissal is None
    check(
        {
            "reason": blank(reason, needed=not accepted),
            "categoryId": accepted != (given["category_id"] is not None),
            "complexity": accepted != (given["complexity"] is not None),
            "duplicateOfId": (dismissal == "DUPLICATE") != (duplicate_of_id is not None),
            "workContentId": not accepted and given["work_content_id"] is not None,
            "cityIdentified": not accepted and given["city_identified"],
            "multiDepartment": not accepted and given["multi_department"],
        }
    )
    come(ask, "JUDGE_ISSUE")
    if duplicate_of_id is not None:
        find_original(ask, duplicate_of_id, "duplicateOfId")
    if accepted:
        find_category(ask, given["category_id"], "ISSUE_CLASS", "categoryId")
        find_category(ask, given["work_content_id"], "WORK_CONTENT", "workContentId")
    guard(ask, "JUDGE_ISSUE", "", None)
    ask.issue.facts["judged_at"] = ask.now
    if accepted:
        ask.issue.facts.update(state="ACCEPTED", **given)
    else:
        ask.issue.facts.update(state="DISMISSED", dismissal=dismissal, duplicate_of_id=duplicate_of_id)


def merge_issue(ask: Ask, into_id: int, reason: str) -> None:
    check({"reason": blank(reason)})
    come(ask, "MERGE_ISSUE")
    find_original(ask, into_id, "intoId", goes_on=True)
    guard(ask, "MERGE_ISSUE", "", None)
    ask.issue.facts.update(state="DISMISSED", dismissal="DUPLICATE", duplicate_of_id=into_id)


def withdraw_issue(ask: Ask, reason: str) -> None:
    check({"reason": blank(reason)})
    guard(ask, "WITHDRAW_ISSUE", come(ask, "WITHDRAW_ISSUE"), None)
    ask.issue.facts.update(state="DISMISSED", dismissal="WITHDRAWN")


def transfer_issue(ask: Ask, unit_id: int, reason: str) -> None:
    check({"reason": blank(reason)})
    come(ask, "TRANSFER_ISSUE")
    if not near(ask.person, PATHS.get(unit_id, ())) or unit_id not in PATHS:
        refuse("NOT_FOUND", "unitId")
    there = Ask(ask.person, ask.now, Issue(unit_id, ask.issue.finder, {}, ask.issue.facts), {})
    if not any(granted(MAY["TRANSFER_ISSUE"], seat, there) for seat in ask.person.seats):
        refuse("FORBIDDEN")
    check({"unitId": unit_id == ask.issue.unit})
    guard(ask, "TRANSFER_ISSUE", "", None)
    ask.issue.unit = unit_id


def assign_issue(ask: Ask, parties: tuple[Any, ...], sponsor_id: int | None, reason: str | None) -> None:
    check({"reason": blank(reason, needed=False)})
    come(ask, "ASSIGN_ISSUE")
    for index, party in enumerate(parties):
        find_party(ask, party, f"parties.{index}")
    if sponsor_id is not None:
        find_cadre(ask, sponsor_id, "sponsorId")
    guard(ask, "ASSIGN_ISSUE", "", None)
    rule, required = ask.issue.rule, {party.kind for party in parties if party.required}
    check({"parties": not required or not required.issuperset(rule["requiredKinds"])})
    check({"parties": not {party.part for party in parties}.issuperset(rule["requiredParts"])})
    for index, party in enumerate(parties):
        check({f"parties.{index}.departmentId": rule["lineRequired"] and lacks_line(party)})
    check({"parties": len({(party.unit_id, party.department_id) for party in parties}) < len(parties)})
    check({"sponsorId": rule["sponsorRequired"] and sponsor_id is None})
    ask.issue.parts = [handed(ask, party) for party in parties]
    ask.issue.facts.update(state="ASSIGNED", handed_over_at=ask.now, sponsor_id=sponsor_id)
    set_due(ask.issue)


def accept_assignment(ask: Ask, responsible_id: int, measure: str | None, plan_due: date | None) -> None:
    check({"measure": blank(measure, needed=False)})
    come(ask, "ACCEPT_ASSIGNMENT")
    find_cadre(ask, responsible_id, "responsibleId")
    if plan_due is not None:
        check_day(ask, plan_due, "planDue")
    part = at_work(ask, "ACCEPT_ASSIGNMENT")
    ask.issue.facts["state"] = "RECTIFYING"
    part.update(state="ACCEPTED", accepted_at=ask.now, responsible_id=responsible_id, measure=measure)
    part.update(responsible_name=f"干部{responsible_id}", plan_due=plan_due and end_of(plan_due))
    ask.issue.handlers.add(("cadre", responsible_id))


def return_assignment(ask: Ask, reason: str) -> None:
    check({"reason": blank(reason)})
    come(ask, "RETURN_ASSIGNMENT")
    due = in_days(ask.issue.rule, ask.now, "arbitrateDays")
    at_work(ask, "RETURN_ASSIGNMENT").update(state="RETURNED", return_reason=reason, arbitrate_due_at=due)


def arbitrate_assignment(ask: Ask, reason: str, party: Any) -> None:
    check({"reason": blank(reason)})
    come(ask, "ARBITRATE_ASSIGNMENT")
    if party is not None:
        find_party(ask, party, "party")
    issue, part = ask.issue, ask.part
    assert part is not None
    guard(ask, "ARBITRATE_ASSIGNMENT", "", part)
    if party is None:
        kept: tuple[str, ...] = (
            "kind",
            "part",
            "required",
            "department_id",
            "party_unit_id",
            "assigned_at",
            "return_reason",
        )
        kept += ("supervised_count", "urged_count")
        part |= fresh(ask) | {name: part[name] for name in kept} | {"insisted": True}
    else:
        check({"party": party.kind != part["kind"]})
        check({"party.departmentId": issue.rule["lineRequired"] and lacks_line(party)})
        # Open: one whose part went to another before may get this one.
        named = [one for one in issue.parts if one["state"] != "REASSIGNED"]
        check({"party": (party.unit_id, party.department_id) in [party_of(one) for one in named]})
        part.update(state="REASSIGNED", arbitrate_due_at=None)
        issue.parts.append(handed(ask, party) | {"part": part["part"], "required": part["required"]})
    set_due(issue)


def report_progress(ask: Ask, text: str) -> None:
    check({"text": blank(text)})
    come(ask, "REPORT_PROGRESS")
    part = at_work(ask, "REPORT_PROGRESS")
    part["progressed_at"] = part["progressed_at"] or ask.now
    part["track_due_at"] = in_months(ask.issue.rule, ask.now, "trackMonths")


def propose_plan(ask: Ask, steps: tuple[Any, ...]) -> None:
    dates = [step.due_on for step in steps]
    check(
        {"steps": not steps}
        | {f"steps.{index}.text": blank(step.text) for index, step in enumerate(steps)}
        | {f"steps.{index}.dueOn": dates[index] < dates[index - 1] for index in range(1, len(dates))}
    )
    come(ask, "PROPOSE_PLAN")
    for index, day in enumerate(dates):
        check_day(ask, day, f"steps.{index}.dueOn")
    plan = [{"text": step.text, "dueOn": step.due_on.isoformat()} for step in steps]
    at_work(ask, "PROPOSE_PLAN").update(plan=plan, plan_state="PROPOSED")


def approve_plan(ask: Ask, approved: bool, reason: str | None) -> None:
    check({"reason": blank(reason, needed=not approved)})
    come(ask, "APPROVE_PLAN")
    part = ask.part
    assert part is not None
    guard(ask, "APPROVE_PLAN", "", part)
    part["plan_state"] = "APPROVED" if approved else "REJECTED"
    if approved:
        part["solve_due_at"] = end_of(date.fromisoformat(part["plan"][-1]["dueOn"]))
    set_due(ask.issue)


def supervise_issue(ask: Ask, text: str, how: str) -> None:
    check({"text": blank(text)})
    come(ask, "SUPERVISE_ISSUE")
    guard(ask, "SUPERVISE_ISSUE", "", ask.part)
    check({"how": how not in ask.issue.rule["supervisions"]})
    for part in ask.issue.parts:
        if part is ask.part or (ask.issue.rule["twoWaySupervision"] and part["state"] in OPEN_PARTS):
            part["supervised_count"] += 1


def urge_issue(ask: Ask, text: str) -> None:
    check({"text": blank(text)})
    come(ask, "URGE_ISSUE")
    guard(ask, "URGE_ISSUE", "", ask.part)
    assert ask.part is not None
    ask.part["urged_count"] += 1


def submit_feedback(ask: Ask, text: str, attachment_ids: tuple[int, ...]) -> None:
    check({"text": blank(text)})
    come(ask, "SUBMIT_FEEDBACK")
    guard(ask, "SUBMIT_FEEDBACK", "", ask.part)
    check({"attachmentIds": ask.issue.rule["evidenceRequired"] and not attachment_ids})
    part = at_work(ask, "SUBMIT_FEEDBACK")
    part.update(state="FEEDBACK", feedback=text, feedback_at=ask.now)
    # Clock 3 asks for first progress, and feedback is that: sent back, it does not run again.
    part["progressed_at"] = part["progressed_at"] or ask.now
    if all(part["state"] == "FEEDBACK" for part in awaited(ask.issue)):
        ask.issue.facts["state"] = "FEEDBACK"


def inspect_issue(
    ask: Ask, level: str, passed: bool, reason: str | None, on_site: str | None, **_: object
) -> None:
    check({"reason": blank(reason, needed=not passed), "onSite": blank(on_site, needed=False)})
    guard(ask, "INSPECT_ISSUE", come(ask, "INSPECT_ISSUE", (f"INSPECT {level}",)), None)
    rule, facts = ask.issue.rule, ask.issue.facts
    check({"onSite": passed and on_site is None and any(facts[flag.lower()] for flag in rule["mustSee"])})
    if not passed:
        back_to_work(ask.issue)
    elif level == rule["inspectionLevels"][-1]:
        due = None if rule["lookBackDays"] is None else in_days(rule, ask.now, "lookBackDays")
        facts.update(state="RECTIFIED", rectified_at=ask.now, look_back_due_at=due, look_backs=[])
        facts.update(sampled=rule["samplePercent"] == 100)  # an exclusion lasts until the next answer
    else:  # Open: where the rule asks for no township, it may inspect all the same, and nothing follows.
        facts["township_passed_at"] = ask.now


def look_back(
    ask: Ask,
    satisfaction: str | None,
    passed: bool,
    contacts: tuple[str, ...],
    unannounced: bool,
    exclusion: str | None,
    reason: str | None,
    **_: object,
) -> None:
    check(
        {
            "reason": blank(reason, needed=not passed),
            "exclusion": blank(exclusion, needed=False) or (exclusion is not None and not passed),
        }
    )
    as_ = come(ask, "LOOK_BACK")
    guard(ask, "LOOK_BACK", as_, None)
    rule, facts = ask.issue.rule, ask.issue.facts
    # Open: the office may leave the answer as somebody before it found it.
    review = as_ == "LOOK_BACK OFFICE" and facts["look_backs"]
    check({"satisfaction": passed and satisfaction is None and not review})
    # Open: where the office looks back as a step of its own, it reviews the file and meets nobody.
    if passed and not (rule["lookBackSteps"] and as_ == "LOOK_BACK OFFICE"):
        check({"contacts": not set(contacts).issuperset(rule["contacts"])})
        check({"unannounced": facts["sampled"] and not unannounced})
    if satisfaction is not None:
        facts.update(satisfaction=satisfaction, exclusion=None)
    if passed and (exclusion is not None or satisfaction != "DISSATISFIED"):
        facts["look_backs"] = [*facts["look_backs"], as_.split()[1]]
        if exclusion is not None:
            facts["exclusion"] = "PROPOSED"
        else:
            close_after_last(ask)
    else:
        back_to_work(ask.issue)


def decide_exclusion(ask: Ask, approved: bool, reason: str | None) -> None:
    check({"reason": blank(reason, needed=not approved)})
    guard(ask, "DECIDE_EXCLUSION", come(ask, "DECIDE_EXCLUSION"), None)
    ask.issue.facts["exclusion"] = "APPROVED" if approved else "REJECTED"
    if not approved and ask.issue.facts["satisfaction"] == "DISSATISFIED":
        back_to_work(ask.issue)
    else:
        close_after_last(ask)


def send_back(ask: Ask, reason: str) -> None:
    check({"reason": blank(reason)})
    guard(ask, "SEND_BACK", come(ask, "SEND_BACK"), None)
    if ask.issue.facts["exclusion"] == "PROPOSED":
        ask.issue.facts["exclusion"] = None
    back_to_work(ask.issue)


def reopen_issue(ask: Ask, reason: str) -> None:
    check({"reason": blank(reason)})
    guard(ask, "REOPEN_ISSUE", come(ask, "REOPEN_ISSUE"), None)
    back_to_work(ask.issue)
    issue, facts = ask.issue, ask.issue.facts
    facts["reopened_count"] += 1
    facts["sent_back_count"] -= 1
    for part in issue.parts:  # Open: all have their full time once more, and what was planned is over.
        anew = {name: due for name, due in fresh(ask).items() if name.endswith("_due_at")}
        match part["state"]:
            case "PENDING":
                part.update(anew, arbitrate_due_at=part["arbitrate_due_at"])
            case "RETURNED":
                part["arbitrate_due_at"] = in_days(issue.rule, ask.now, "arbitrateDays")
            case "ACCEPTED":
                part.update(solve_due_at=anew["solve_due_at"], track_due_at=anew["track_due_at"])
                part.update(plan=None, plan_state=None)
    set_due(issue)


# --- what the commands share


def fresh(ask: Ask) -> Part:
    """A part that waits for its party, its clocks started. Open: arbitration starts them anew."""
    rule, now = ask.issue.rule, ask.now
    return dict.fromkeys(PART_NOTED) | {
        "assigned_at": now,
        "state": "PENDING",
        "insisted": False,
        "supervised_count": 0,
        "urged_count": 0,
        "arrange_due_at": in_days(rule, now, "arrangeDays"),
        "progress_due_at": in_days(rule, now, "progressDays"),
        "solve_due_at": solve_due(rule, now, ask.issue.facts["complexity"]),
        "track_due_at": in_months(rule, now, "trackMonths"),
    }


def handed(ask: Ask, party: Any) -> Part:
    named = {"department_id": party.department_id, "party_unit_id": party.unit_id}
    return fresh(ask) | named | {"kind": party.kind, "part": party.part, "required": party.required}


def party_of(part: Part) -> tuple[int | None, int | None]:
    return part["party_unit_id"], part["department_id"]


def set_due(issue: Issue) -> None:
    """Open: an issue is due with the last part that it waits for."""
    issue.facts["due_at"] = max(part["solve_due_at"] for part in awaited(issue))


def at_work(ask: Ask, verb: str) -> Part:
    """Who works on a part is one who handled it."""
    assert ask.part is not None
    guard(ask, verb, "", ask.part)
    ask.issue.handlers |= names(ask.person)
    return ask.part


def back_to_work(issue: Issue) -> None:
    """Open: who is dissatisfied sends it back, which is counted apart from what was closed and is reopened."""
    issue.facts.update(state="RECTIFYING", rectified_at=None, closed_at=None, township_passed_at=None)
    issue.facts.update(look_backs=[], look_back_due_at=None, sampled=False)
    issue.facts["sent_back_count"] += 1
    for part in issue.parts:
        if part["state"] == "FEEDBACK":
            part.update(state="ACCEPTED", feedback=None, feedback_at=None)


def close_after_last(ask: Ask) -> None:
    if len(ask.issue.facts["look_backs"]) >= len(ask.issue.rule["lookBackSteps"]):
        ask.issue.facts.update(state="CLOSED", closed_at=ask.now)
