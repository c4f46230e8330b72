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
    """How far one party has come."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    FEEDBACK = "FEEDBACK"


class InspectionLevel(StrEnum):
    """Who checks the feedback: the township first (镇级初验), the activity office finally (活动办核验)."""

    TOWNSHIP = "TOWNSHIP"
    OFFICE = "OFFICE"


class Satisfaction(StrEnum):
    """What the people said at the look-back."""

    SATISFIED = "SATISFIED"
    FAIRLY_SATISFIED = "FAIRLY_SATISFIED"
    DISSATISFIED = "DISSATISFIED"


class Verb(StrEnum):
    """What can be done to an issue that exists."""

    JUDGE = "JUDGE"
    ASSIGN = "ASSIGN"
    ACCEPT = "ACCEPT"
    PROGRESS = "PROGRESS"
    FEED_BACK = "FEED_BACK"
    INSPECT = "INSPECT"
    LOOK_BACK = "LOOK_BACK"
    SEND_BACK = "SEND_BACK"
    REOPEN = "REOPEN"


class EventKind(StrEnum):
    """What happened to an issue: one kind for each command, in the past tense."""

    REPORTED = "REPORTED"
    JUDGED = "JUDGED"
    ASSIGNED = "ASSIGNED"
    ASSIGNMENT_ACCEPTED = "ASSIGNMENT_ACCEPTED"
    PROGRESS_REPORTED = "PROGRESS_REPORTED"
    FEEDBACK_SUBMITTED = "FEEDBACK_SUBMITTED"
    INSPECTED = "INSPECTED"
    LOOKED_BACK = "LOOKED_BACK"
    SENT_BACK = "SENT_BACK"
    REOPENED = "REOPENED"


class CategoryScheme(StrEnum):
    """The classifications that are data: five classes, work contents, central topics."""

    ISSUE_CLASS = "ISSUE_CLASS"
    WORK_CONTENT = "WORK_CONTENT"
    TOPIC = "TOPIC"
