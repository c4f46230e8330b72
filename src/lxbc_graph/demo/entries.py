"""What a WORLD file may say: the models are its schema, its defaults and its documentation."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.words import (
    AssignmentKind,
    AssignmentPart,
    AssignmentState,
    CategoryScheme,
    Complexity,
    Dismissal,
    EventKind,
    ExclusionState,
    IssueState,
    Level,
    Rank,
    Role,
    Satisfaction,
    Source,
    Subject,
)

BEGINNING = date(2021, 1, 1)
"""Since when a unit exists, unless its entry says otherwise."""
LAUNCH = datetime(2021, 7, 1, tzinfo=SHANGHAI).astimezone(UTC)
"""The programme's first moment: since when postings and categories hold, unless their entry says otherwise."""
FOUND_AT = datetime(2021, 10, 11, 9, tzinfo=SHANGHAI).astimezone(UTC)
"""When an issue was reported, unless its entry says otherwise."""


def _midnight(value: Any) -> Any:
    if isinstance(value, str) and len(value) == len("2021-07-01"):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=SHANGHAI)
    return value


def _within_reason(value: datetime) -> datetime:
    if not 1900 <= value.year <= 2200:  # noqa: PLR2004 - the years that anybody can mean
        raise ValueError("the year must be between 1900 and 2200")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_midnight), AfterValidator(_within_reason)]
"""RFC 3339 with an offset; a bare date is its midnight in Shanghai."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"^[^\x00]+$")]
UnitCode = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$")]


class Entry(BaseModel):
    """One object of the file: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class UnitEntry(Entry):
    """A unit; its level and its parent are said by the digits of its code."""

    code: UnitCode
    """4 digits: a city, 6: a county, 9: a township, 12: a village; begins with the parent's code."""
    name: Line | None = None
    """The code, if absent."""
    level: Level | None = None
    """May be stated, must agree with the code."""
    parent: UnitCode | None = None
    """May be stated, must agree with the code."""
    valid_from: date = BEGINNING
    valid_to: date | None = None
    successor: UnitCode | None = None
    aliases: list[Line] = Field(default_factory=list)


class DepartmentEntry(Entry):
    """A department of a unit."""

    code: Line
    name: Line | None = None
    """The code, if absent."""
    unit: UnitCode
    line: Line | None = None
    """分线."""


class PostingEntry(Entry):
    """What its holder may be, and where: at a unit, or at a department and the unit that it belongs to."""

    role: Role
    unit: UnitCode | None = None
    department: Line | None = None
    valid_from: Moment = LAUNCH
    valid_to: Moment | None = None
    lead: bool = False


class CadreEntry(Entry):
    """A person."""

    code: Line
    name: Line | None = None
    """The code, if absent."""
    rank: Rank = Rank.STAFF
    title: Line | None = None
    unit: UnitCode | None = None
    """Home unit; if absent, that of the department, else that of the first posting."""
    department: Line | None = None
    managed_by: UnitCode | None = None
    phone: Line | None = None
    postings: list[PostingEntry] = Field(default_factory=list)


class AccountEntry(Entry):
    """Somebody who may ask; what it may do is said by its own postings and by those of its cadre."""

    name: Line
    display_name: Line | None = None
    """The cadre's name, if absent, else the account's."""
    city: UnitCode | None = None
    """If absent: of the first posting, else of the cadre, else the world's only city."""
    cadre: Line | None = None
    password: Prose | None = None
    """Without one it cannot log in, only be handed tokens."""
    disabled: bool = False
    postings: list[PostingEntry] = Field(default_factory=list)


class CategoryEntry(Entry):
    """One entry of a classification of a city."""

    code: Line
    scheme: CategoryScheme = CategoryScheme.ISSUE_CLASS
    name: Line | None = None
    """The code, if absent."""
    city: UnitCode | None = None
    """The world's only city, if absent."""
    parent: Line | None = None
    """Code of a category of the same city and scheme."""
    valid_from: date = LAUNCH.astimezone(SHANGHAI).date()
    valid_to: date | None = None


class RuleEntry(Entry):
    """How a unit works, and all below it, where it says nothing else (docs/rules.md)."""

    unit: UnitCode
    name: Line | None = None
    """The unit's name, if absent."""
    valid_from: date = LAUNCH.astimezone(SHANGHAI).date()
    settings: dict[str, Any]
    """The fields of a rule in camelCase, only those that are otherwise than above the unit."""


class AssignmentEntry(Entry):
    """One side of a hand-over; what is absent is filled as the issue's state wants it."""

    kind: AssignmentKind
    department: Line | None = None
    unit: UnitCode | None = None
    part: AssignmentPart = AssignmentPart.LEAD
    required: bool = True
    responsible: Line | None = None
    """Code of a cadre."""
    responsible_name: Line | None = None
    state: AssignmentState | None = None
    measure: Prose | None = None
    feedback: Prose | None = None
    return_reason: Prose | None = None
    """Why its party returned it; goes with the state RETURNED, or with a listed event."""
    plan_due: Moment | None = None
    accepted_at: Moment | None = None
    progressed_at: Moment | None = None
    feedback_at: Moment | None = None


class EventEntry(Entry):
    """Something that happened to the issue; if an issue lists any, they are its whole history."""

    kind: EventKind
    at: Moment
    from_state: IssueState | None = None
    to_state: IssueState
    actor: Line | None = None
    """Code of a cadre."""
    account: Line | None = None
    """Name of an account."""
    actor_name: Line | None = None
    reason: Prose | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    assignment: int | None = Field(None, ge=0)
    """Position in the issue's assignments, from 0."""


class IssueEntry(Entry):
    """An issue in any state; the machine makes the history that leads there, explicit fields override it."""

    unit: UnitCode
    number: Line | None = None
    """The next free one of its city and year, if absent."""
    title: Line | None = None
    description: Prose | None = None
    """The title, if absent."""
    state: IssueState = IssueState.REPORTED
    subject: Subject = Subject.VILLAGE
    source: Source = Source.VISIT
    finder: Line | None = None
    """Code of a cadre."""
    finder_account: Line | None = None
    """Name of an account."""
    finder_name: Line | None = None
    finder_rank: Rank | None = None
    unit_level: Level | None = None
    category: Line | None = None
    """Code of an ISSUE_CLASS of the unit's city."""
    work_content: Line | None = None
    """Code of a WORK_CONTENT of the unit's city."""
    complexity: Complexity | None = None
    """GENERAL, if absent and the state is past judgement."""
    city_identified: bool = False
    multi_department: bool = False
    mass_interest: bool = False
    post_disaster: bool = False
    villager_name: Line | None = None
    villager_phone: Line | None = None
    dismissal: Dismissal | None = None
    duplicate_of: Line | None = None
    """Number of an issue of the same city."""
    satisfaction: Satisfaction | None = None
    exclusion: ExclusionState | None = None
    """Only listed events lead to one."""
    verifier: Line | None = None
    """Code of the cadre who was asked to verify it; of VERIFYING, if absent: another of the file than the finder."""
    verify_due: date | None = None
    """A week after it was asked, if absent."""
    sponsor: Line | None = None
    """Code of the cadre who sponsors it (包案领导); if absent and the rule wants one: a leader of the file."""
    reopened_count: int | None = Field(None, ge=0, le=1000)
    sent_back_count: int | None = Field(None, ge=0, le=1000)
    version: int | None = Field(None, ge=1, le=1_000_000)
    reported_at: Moment = FOUND_AT
    judged_at: Moment | None = None
    handed_over_at: Moment | None = None
    due_at: Moment | None = None
    """If given, the clocks to solve it are due then, too."""
    rectified_at: Moment | None = None
    closed_at: Moment | None = None
    updated_at: Moment | None = None
    assignments: list[AssignmentEntry] = Field(default_factory=list)
    """If absent and the state is past the hand-over: the township, and a department of the county or city.

    Parties that listed events re-assign to stand last, in the order of those events.
    """
    events: list[EventEntry] = Field(default_factory=list)


class World(Entry):
    """Everything that a small world holds; what an entry names may also stand in the database already."""

    units: list[UnitEntry] = Field(default_factory=list)
    departments: list[DepartmentEntry] = Field(default_factory=list)
    cadres: list[CadreEntry] = Field(default_factory=list)
    accounts: list[AccountEntry] = Field(default_factory=list)
    categories: list[CategoryEntry] = Field(default_factory=list)
    rules: list[RuleEntry] = Field(default_factory=list)
    issues: list[IssueEntry] = Field(default_factory=list)
