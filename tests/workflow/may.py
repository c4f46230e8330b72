"""Who may do what (DOMAIN 9), and when (DOMAIN 4).

Where the text leaves something open, the program's way is told: ``Open:``.
"""

from tests.workflow.counties import Person, Seat
from tests.workflow.issue import Ask, Part, Refused, refuse

# --- who may do what, and how far from their seat (DOMAIN 9)

OFFICE = {"city_office": "ALL", "county_office": "SUBTREE"}
JUDGES = {**OFFICE, "service_group": "ALL"}
PARTY = dict.fromkeys(("city_office", "department", "township_office", "village_official"), "ASSIGNED")
INSPECTOR = {"inspector": "SUBTREE"}
EVERYWHERE = ("city_leader", "city_office", "service_group")
READ = {
    **JUDGES,
    **INSPECTOR,
    "city_leader": "ALL",
    **dict.fromkeys(("county_leader", "assessor", "portal"), "SUBTREE"),
    "township_office": "SUBTREE ASSIGNED",
    "village_official": "UNIT ASSIGNED",
    "cadre": "UNIT OWN",
    "department": "ASSIGNED",
}
REPORT = {
    **dict.fromkeys(("city_leader", "county_leader", "village_official", "cadre"), "UNIT"),
    "city_office": "ALL",
    "township_office": "SUBTREE",
}
MAY: dict[str, dict[str, str]] = {
    "REQUEST_VERIFICATION": OFFICE,
    # Open: a verifier or finder is asked for by name below; here is who can be one.
    "VERIFY_ISSUE": {
        role: READ[role].split()[0] for role in READ if role not in ("assessor", "portal", "department")
    }
    | {"cadre": "OWN"},
    "WITHDRAW_ISSUE": {role: READ[role].split()[0] for role in REPORT} | {"cadre": "OWN"},
    "JUDGE_ISSUE": JUDGES,
    "ASSIGN_ISSUE": JUDGES,
    **dict.fromkeys(("ACCEPT_ASSIGNMENT", "RETURN_ASSIGNMENT", "REPORT_PROGRESS"), PARTY),
    **dict.fromkeys(("PROPOSE_PLAN", "SUBMIT_FEEDBACK"), PARTY),
    **dict.fromkeys(("ARBITRATE_ASSIGNMENT", "APPROVE_PLAN", "DECIDE_EXCLUSION"), OFFICE),
    # Open: the department's superior is the office over it.
    **dict.fromkeys(("SUPERVISE_ISSUE", "URGE_ISSUE"), JUDGES | INSPECTOR),
    "INSPECT OFFICE": OFFICE,
    "INSPECT TOWNSHIP": {"city_office": "ALL", "township_office": "SUBTREE"},
    "LOOK_BACK CADRE": {"cadre": "UNIT"},
    "LOOK_BACK INSPECTOR": INSPECTOR,
    "LOOK_BACK OFFICE": OFFICE,
    "REOPEN_ISSUE": OFFICE | INSPECTOR,
    **dict.fromkeys(("MERGE_ISSUE", "TRANSFER_ISSUE"), OFFICE),
}
INSPECTING = ("INSPECT OFFICE", "INSPECT TOWNSHIP")
LOOKING_BACK = ("LOOK_BACK CADRE", "LOOK_BACK INSPECTOR", "LOOK_BACK OFFICE")
AS = {"INSPECT_ISSUE": INSPECTING, "LOOK_BACK": LOOKING_BACK, "SEND_BACK": INSPECTING + LOOKING_BACK}
"""Verbs that are done as something. Open: who may fail an issue where it stands may also send it back."""

# --- when: the states of the issue, and of the assignment (DOMAIN 4)

BEFORE, UNDER_WAY = ("REPORTED", "ACCEPTED"), ("ASSIGNED", "RECTIFYING")
WHEN: dict[str, tuple[str, ...]] = {
    "REQUEST_VERIFICATION": ("REPORTED",),
    "VERIFY_ISSUE": ("VERIFYING",),
    "JUDGE_ISSUE": ("REPORTED",),
    "ASSIGN_ISSUE": ("ACCEPTED",),
    **dict.fromkeys(("ACCEPT_ASSIGNMENT", "RETURN_ASSIGNMENT", "ARBITRATE_ASSIGNMENT"), UNDER_WAY),
    **dict.fromkeys(("REPORT_PROGRESS", "PROPOSE_PLAN", "APPROVE_PLAN", "SUBMIT_FEEDBACK"), ("RECTIFYING",)),
    **dict.fromkeys(("SUPERVISE_ISSUE", "URGE_ISSUE"), UNDER_WAY),
    "INSPECT_ISSUE": ("FEEDBACK",),
    "LOOK_BACK": ("RECTIFIED",),
    "DECIDE_EXCLUSION": ("RECTIFIED",),
    "SEND_BACK": ("FEEDBACK", "RECTIFIED"),
    "REOPEN_ISSUE": ("CLOSED",),
    # Open: before the work is handed in an issue may be merged; before it is handed over, withdrawn or transferred.
    "MERGE_ISSUE": (*BEFORE, *UNDER_WAY),
    "WITHDRAW_ISSUE": (*BEFORE, "VERIFYING"),
    "TRANSFER_ISSUE": BEFORE,
}
OPEN_PARTS = ("PENDING", "RETURNED", "ACCEPTED")
WHEN_PART: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ACCEPT_ASSIGNMENT", "RETURN_ASSIGNMENT"), ("PENDING",)),
    "ARBITRATE_ASSIGNMENT": ("RETURNED",),
    **dict.fromkeys(("REPORT_PROGRESS", "PROPOSE_PLAN", "APPROVE_PLAN", "SUBMIT_FEEDBACK"), ("ACCEPTED",)),
    **dict.fromkeys(("SUPERVISE_ISSUE", "URGE_ISSUE"), OPEN_PARTS),
}
TOLD = {
    "REQUEST_VERIFICATION": "VERIFICATION_REQUESTED",
    "VERIFY_ISSUE": "VERIFIED",
    "JUDGE_ISSUE": "JUDGED",
    "ASSIGN_ISSUE": "ASSIGNED",
    "ACCEPT_ASSIGNMENT": "ASSIGNMENT_ACCEPTED",
    "RETURN_ASSIGNMENT": "ASSIGNMENT_RETURNED",
    "ARBITRATE_ASSIGNMENT": "ASSIGNMENT_ARBITRATED",
    "REPORT_PROGRESS": "PROGRESS_REPORTED",
    "PROPOSE_PLAN": "PLAN_PROPOSED",
    "APPROVE_PLAN": "PLAN_DECIDED",
    "SUBMIT_FEEDBACK": "FEEDBACK_SUBMITTED",
    "SUPERVISE_ISSUE": "SUPERVISED",
    "URGE_ISSUE": "URGED",
    "INSPECT_ISSUE": "INSPECTED",
    "LOOK_BACK": "LOOKED_BACK",
    "DECIDE_EXCLUSION": "EXCLUSION_DECIDED",
    "SEND_BACK": "SENT_BACK",
    "REOPEN_ISSUE": "REOPENED",
    "MERGE_ISSUE": "MERGED",
    "WITHDRAW_ISSUE": "WITHDRAWN",
    "TRANSFER_ISSUE": "TRANSFERRED",
}
"""Verb -> the kind of the event that tells of it."""

# --- the answer


def is_party(seat: Seat, part: Part) -> bool:
    if part["state"] == "REASSIGNED":
        return False
    if seat.department is not None:
        return bool(part["department_id"] == seat.department)
    return bool(part["party_unit_id"] == seat.unit)


def reaches(far: str, seat: Seat, ask: Ask, part: Part | None) -> bool:
    issue, me = ask.issue, ask.person
    if far == "OWN":
        known = (
            issue.finder.cadre,
            issue.facts["verifier_id"],
            *(one["responsible_id"] for one in issue.parts),
        )
        return issue.finder is me or (me.cadre is not None and me.cadre in known)
    if far == "ASSIGNED":
        return any(is_party(seat, one) for one in ([part] if part else issue.parts))
    return {"ALL": True, "SUBTREE": seat.unit in issue.path, "UNIT": seat.unit == issue.unit}[far]


def granted(what: dict[str, str], seat: Seat, ask: Ask, part: Part | None = None) -> bool:
    return any(reaches(far, seat, ask, part) for far in what.get(seat.role, "").split())


def sees(ask: Ask) -> bool:
    return any(granted(READ, seat, ask) for seat in ask.person.seats)


def near(person: Person, path: set[int] | tuple[int, ...]) -> bool:
    """Units, departments and cadres are seen by the city's own people all, by others from their seat down."""
    return any(seat.role in EVERYWHERE or seat.unit in path for seat in person.seats if seat.role != "admin")


def names(person: Person) -> set[tuple[str, int]]:
    return {("account", person.account)} | ({("cadre", person.cadre)} if person.cadre else set())


def is_possible(ask: Ask, verb: str, as_: str, part: Part | None) -> bool:
    """Whether the verb exists in the present state of the issue, and of the part."""
    issue, facts, state = ask.issue, ask.issue.facts, ask.issue.facts["state"]
    possible = state in WHEN[verb]
    if part is not None:
        possible = possible and part["state"] in WHEN_PART[verb]
    match verb:
        case "RETURN_ASSIGNMENT":
            possible = possible and not part["insisted"]  # type: ignore[index]
        case "PROPOSE_PLAN":
            possible = possible and facts["complexity"] == "COMPLEX" and part["plan_state"] != "APPROVED"  # type: ignore[index]
        case "APPROVE_PLAN":
            possible = possible and part["plan_state"] == "PROPOSED"  # type: ignore[index]
        case "INSPECT_ISSUE" if as_ == "INSPECT OFFICE":
            township_first = "TOWNSHIP" in issue.rule["inspectionLevels"]
            possible = possible and not (township_first and not facts["township_passed_at"])
        case "INSPECT_ISSUE":  # Open: the township passes it once.
            possible = possible and not facts["township_passed_at"]
        case "LOOK_BACK":
            steps, done = issue.rule["lookBackSteps"], len(facts["look_backs"])
            possible = possible and facts["exclusion"] != "PROPOSED"
            possible = possible and (not steps or as_ == f"LOOK_BACK {steps[done]}")
        case "DECIDE_EXCLUSION":
            possible = possible and facts["exclusion"] == "PROPOSED"
    return bool(possible)


def guard(ask: Ask, verb: str, as_: str, part: Part | None) -> None:
    """Refuse what cannot be done now, or not by this person."""
    if not is_possible(ask, verb, as_, part):
        refuse("ILLEGAL_TRANSITION")
    issue, facts = ask.issue, ask.issue.facts
    found = bool(names(issue.finder) & names(ask.person))
    if verb == "VERIFY_ISSUE" and (
        found or ask.person.cadre is None or ask.person.cadre != facts["verifier_id"]
    ):
        refuse("FORBIDDEN")
    if verb == "WITHDRAW_ISSUE" and not found:
        refuse("FORBIDDEN")
    if verb == "SEND_BACK" and (as_ in INSPECTING) != (facts["state"] == "FEEDBACK"):
        refuse("FORBIDDEN")
    # Open: who decides about the answer of the people is no handler either.
    checks = ("INSPECT_ISSUE", "LOOK_BACK", "SEND_BACK", "DECIDE_EXCLUSION")
    if verb in checks and issue.handlers & names(ask.person):
        refuse("FORBIDDEN")


def is_open(ask: Ask, verb: str, as_: str, part: Part | None) -> bool:
    try:
        guard(ask, verb, as_, part)
    except Refused:
        return False
    return True


def viewer_actions(ask: Ask, part: Part | None = None) -> set[str]:
    """The verbs on the issue, or on the part, that are open to who asks."""
    return {
        verb
        for verb in WHEN
        if (verb in WHEN_PART) == (part is not None)
        for as_ in AS.get(verb, (verb,))
        for seat in ask.person.seats
        if granted(MAY[as_], seat, ask, part) and is_open(ask, verb, as_, part)
    }


def come(ask: Ask, verb: str, ways: tuple[str, ...] = ()) -> str:
    """Find the issue, ask whether it may be done, and whether the version is right; return what it is done as."""
    if not sees(ask):
        refuse("NOT_FOUND", "issueId" if ask.part is None else "assignmentId")
    ways = ways or AS.get(verb, (verb,))
    can = [as_ for seat in ask.person.seats for as_ in ways if granted(MAY[as_], seat, ask, ask.part)]
    if not can:
        refuse("FORBIDDEN")
    if ask.version not in (None, ask.issue.facts["version"]):
        refuse("CONFLICT", "expectedVersion")
    return next((as_ for as_ in can if is_open(ask, verb, as_, ask.part)), can[0])
