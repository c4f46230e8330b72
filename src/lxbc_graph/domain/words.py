"""The closed vocabularies of the programme."""

from enum import StrEnum


class Level(StrEnum):
    """Levels of the hierarchy, from the top."""

    CITY = "CITY"
    COUNTY = "COUNTY"
    TOWNSHIP = "TOWNSHIP"
    VILLAGE = "VILLAGE"


class Role(StrEnum):
    """What a posting lets its holder be (DOMAIN 9)."""

    CITY_LEADER = "city_leader"
    CITY_OFFICE = "city_office"
    SERVICE_GROUP = "service_group"
    COUNTY_LEADER = "county_leader"
    COUNTY_OFFICE = "county_office"
    DEPARTMENT = "department"
    TOWNSHIP_OFFICE = "township_office"
    VILLAGE_OFFICIAL = "village_official"
    CADRE = "cadre"
    INSPECTOR = "inspector"
    ASSESSOR = "assessor"
    SCREEN = "screen"
    PORTAL = "portal"
    ADMIN = "admin"


class Rank(StrEnum):
    """Rank of a cadre; frozen on an issue as the rank of its finder."""

    CITY_LEADER = "CITY_LEADER"
    COUNTY_CADRE = "COUNTY_CADRE"
    TOWNSHIP = "TOWNSHIP"
    VILLAGE = "VILLAGE"
    STAFF = "STAFF"


LEADERS = frozenset({Rank.CITY_LEADER, Rank.COUNTY_CADRE})
"""Who can sponsor an issue (包案领导)."""


class IssueState(StrEnum):
    """States of an issue (DOMAIN 4)."""

    REPORTED = "REPORTED"
    VERIFYING = "VERIFYING"
    ACCEPTED = "ACCEPTED"
    ASSIGNED = "ASSIGNED"
    RECTIFYING = "RECTIFYING"
    FEEDBACK = "FEEDBACK"
    RECTIFIED = "RECTIFIED"
    CLOSED = "CLOSED"
    DISMISSED = "DISMISSED"


class Dismissal(StrEnum):
    """Why an issue was not taken up."""

    NOT_TRUE = "NOT_TRUE"
    DUPLICATE = "DUPLICATE"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    WITHDRAWN = "WITHDRAWN"


class Complexity(StrEnum):
    """How long an issue may take: 7 days, or one calendar month."""

    GENERAL = "GENERAL"
    COMPLEX = "COMPLEX"


class Subject(StrEnum):
    """Whose problem it is."""

    VILLAGE = "VILLAGE"
    ENTERPRISE = "ENTERPRISE"


class Source(StrEnum):
    """How an issue was found."""

    VISIT = "VISIT"
    SYMPOSIUM = "SYMPOSIUM"
    ON_SITE_OFFICE = "ON_SITE_OFFICE"
    SUPERVISION = "SUPERVISION"
    HOTLINE = "HOTLINE"
    OTHER = "OTHER"


class AssignmentKind(StrEnum):
    """The two sides of the dual hand-over (双交办)."""

    TERRITORIAL = "TERRITORIAL"
    DEPARTMENT = "DEPARTMENT"


class AssignmentPart(StrEnum):
    """Whether the party leads or assists."""

    LEAD = "LEAD"
    ASSIST = "ASSIST"


class AssignmentState(StrEnum):
    """How far one party has come; REASSIGNED is over, another assignment took its place."""

    PENDING = "PENDING"
    RETURNED = "RETURNED"
    ACCEPTED = "ACCEPTED"
    FEEDBACK = "FEEDBACK"
    REASSIGNED = "REASSIGNED"


class PlanState(StrEnum):
    """What became of the plan of a complex issue."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class InspectionLevel(StrEnum):
    """Who checks the feedback: the township first (镇级初验), the activity office finally (活动办核验)."""

    TOWNSHIP = "TOWNSHIP"
    OFFICE = "OFFICE"


class Flag(StrEnum):
    """What marks an issue; a rule may name flags as must-see (必看)."""

    CITY_IDENTIFIED = "CITY_IDENTIFIED"
    MULTI_DEPARTMENT = "MULTI_DEPARTMENT"
    MASS_INTEREST = "MASS_INTEREST"
    POST_DISASTER = "POST_DISASTER"


class LookBackStep(StrEnum):
    """Who looks back (回头看); the office's look-back is the review of the file (备案审核)."""

    CADRE = "CADRE"
    INSPECTOR = "INSPECTOR"
    OFFICE = "OFFICE"


class ContactKind(StrEnum):
    """Whom a look-back met face to face (三个面对面)."""

    LOCAL_CADRES = "LOCAL_CADRES"
    VILLAGERS = "VILLAGERS"
    DEPARTMENT = "DEPARTMENT"


class Satisfaction(StrEnum):
    """What the people said at the look-back."""

    SATISFIED = "SATISFIED"
    FAIRLY_SATISFIED = "FAIRLY_SATISFIED"
    DISSATISFIED = "DISSATISFIED"


class ExclusionState(StrEnum):
    """Whether the people's answer is left out of the satisfaction figure."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Supervision(StrEnum):
    """How an assignment is supervised (督办)."""

    SUPERVISION = "SUPERVISION"
    SPECIAL_SUPERVISION = "SPECIAL_SUPERVISION"
    ON_SITE_OFFICE = "ON_SITE_OFFICE"


class DayKind(StrEnum):
    """Which days a deadline counts."""

    NATURAL = "NATURAL"
    WORKING = "WORKING"


class ClockKind(StrEnum):
    """The clocks of 13710, and those of a verification, a returned assignment and a look-back."""

    ARRANGE = "ARRANGE"
    PROGRESS = "PROGRESS"
    SOLVE = "SOLVE"
    TRACK = "TRACK"
    ARBITRATE = "ARBITRATE"
    VERIFY = "VERIFY"
    LOOK_BACK = "LOOK_BACK"


class Light(StrEnum):
    """How a running clock stands: amber in its last 24 hours, red afterwards."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"


class RungKind(StrEnum):
    """The rungs of the ladder that a clock climbs; the last three are proposals, people decide."""

    REMINDER = "REMINDER"
    URGE = "URGE"
    DUAL_SUPERVISION = "DUAL_SUPERVISION"
    REMINDER_LETTER = "REMINDER_LETTER"
    BULLETIN = "BULLETIN"
    ACCOUNTABILITY_PROPOSAL = "ACCOUNTABILITY_PROPOSAL"


class RoutineKind(StrEnum):
    """What a county does regularly, by its rule."""

    WEEKLY_MEETING = "WEEKLY_MEETING"
    JOINT_MEETING = "JOINT_MEETING"
    WEEKLY_BULLETIN = "WEEKLY_BULLETIN"
    MONTHLY_REPORT = "MONTHLY_REPORT"
    SPECIAL_SUPERVISION = "SPECIAL_SUPERVISION"
    ON_SITE_OFFICE = "ON_SITE_OFFICE"
    STUDY_TOUR = "STUDY_TOUR"


class Verb(StrEnum):
    """What can be done to an issue that exists; each is named like its mutation."""

    REQUEST_VERIFICATION = "REQUEST_VERIFICATION"
    VERIFY_ISSUE = "VERIFY_ISSUE"
    JUDGE_ISSUE = "JUDGE_ISSUE"
    ASSIGN_ISSUE = "ASSIGN_ISSUE"
    ACCEPT_ASSIGNMENT = "ACCEPT_ASSIGNMENT"
    RETURN_ASSIGNMENT = "RETURN_ASSIGNMENT"
    ARBITRATE_ASSIGNMENT = "ARBITRATE_ASSIGNMENT"
    REPORT_PROGRESS = "REPORT_PROGRESS"
    PROPOSE_PLAN = "PROPOSE_PLAN"
    APPROVE_PLAN = "APPROVE_PLAN"
    SUBMIT_FEEDBACK = "SUBMIT_FEEDBACK"
    SUPERVISE_ISSUE = "SUPERVISE_ISSUE"
    URGE_ISSUE = "URGE_ISSUE"
    INSPECT_ISSUE = "INSPECT_ISSUE"
    LOOK_BACK = "LOOK_BACK"
    DECIDE_EXCLUSION = "DECIDE_EXCLUSION"
    SEND_BACK = "SEND_BACK"
    REOPEN_ISSUE = "REOPEN_ISSUE"
    MERGE_ISSUE = "MERGE_ISSUE"
    WITHDRAW_ISSUE = "WITHDRAW_ISSUE"
    TRANSFER_ISSUE = "TRANSFER_ISSUE"


class EventKind(StrEnum):
    """What happened to an issue: one kind for each command, in the past tense, and the ladder's ALERTED."""

    REPORTED = "REPORTED"
    VERIFICATION_REQUESTED = "VERIFICATION_REQUESTED"
    VERIFIED = "VERIFIED"
    JUDGED = "JUDGED"
    ASSIGNED = "ASSIGNED"
    ASSIGNMENT_ACCEPTED = "ASSIGNMENT_ACCEPTED"
    ASSIGNMENT_RETURNED = "ASSIGNMENT_RETURNED"
    ASSIGNMENT_ARBITRATED = "ASSIGNMENT_ARBITRATED"
    PROGRESS_REPORTED = "PROGRESS_REPORTED"
    PLAN_PROPOSED = "PLAN_PROPOSED"
    PLAN_DECIDED = "PLAN_DECIDED"
    FEEDBACK_SUBMITTED = "FEEDBACK_SUBMITTED"
    SUPERVISED = "SUPERVISED"
    URGED = "URGED"
    INSPECTED = "INSPECTED"
    LOOKED_BACK = "LOOKED_BACK"
    EXCLUSION_DECIDED = "EXCLUSION_DECIDED"
    SENT_BACK = "SENT_BACK"
    REOPENED = "REOPENED"
    MERGED = "MERGED"
    WITHDRAWN = "WITHDRAWN"
    TRANSFERRED = "TRANSFERRED"
    ALERTED = "ALERTED"


class CategoryScheme(StrEnum):
    """The classifications that are data: five classes, work contents, central topics."""

    ISSUE_CLASS = "ISSUE_CLASS"
    WORK_CONTENT = "WORK_CONTENT"
    TOPIC = "TOPIC"


class Means(StrEnum):
    """How an account was known: what it showed."""

    LOCAL = "LOCAL"
    PROVIDER = "PROVIDER"
    API_KEY = "API_KEY"


class AuditKind(StrEnum):
    """What was done about access, or refused."""

    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SIGN_IN_LOCKED = "SIGN_IN_LOCKED"
    SIGNED_OUT = "SIGNED_OUT"
    TOKEN_REFUSED = "TOKEN_REFUSED"
    TOKEN_REUSED = "TOKEN_REUSED"
    COMMAND_REFUSED = "COMMAND_REFUSED"
    READ_REFUSED = "READ_REFUSED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    POSTING_GRANTED = "POSTING_GRANTED"
    POSTING_ENDED = "POSTING_ENDED"
    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_DISABLED = "ACCOUNT_DISABLED"
    ACCOUNT_ENABLED = "ACCOUNT_ENABLED"
    ACCOUNT_LINKED = "ACCOUNT_LINKED"
    PASSWORD_SET = "PASSWORD_SET"
    API_KEY_CREATED = "API_KEY_CREATED"
    API_KEY_REVOKED = "API_KEY_REVOKED"
    SIGNING_KEY_ROTATED = "SIGNING_KEY_ROTATED"
    SIGNING_KEY_REVOKED = "SIGNING_KEY_REVOKED"
    TOKEN_ISSUED = "TOKEN_ISSUED"
    POLICY_STORED = "POLICY_STORED"
    EXPORTED = "EXPORTED"
