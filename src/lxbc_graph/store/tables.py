"""Every table, in the order in which a row needs the others to exist.

Each row that is scoped carries the ids of the four ancestors of its unit (``city_id`` … ``village_id``), so
that "within" is one comparison on the row itself and an index can serve it together with the order.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from lxbc_graph.domain.words import Level

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ANCESTOR = {level: f"{level.lower()}_id" for level in Level}
"""Level → the column that bears the ancestor of that level."""
ANCESTORS = tuple(ANCESTOR.values())
PATH = ("unit_id", *ANCESTORS)
"""The columns that say where a row belongs."""


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(f"{target}.id"), nullable=nullable)


def _unit_path() -> tuple[Column[int], ...]:
    return (
        Column("unit_id", BigInteger, ForeignKey("unit.id"), nullable=False),
        Column("city_id", BigInteger, nullable=False),
        Column("county_id", BigInteger),
        Column("township_id", BigInteger),
        Column("village_id", BigInteger),
    )


def _when(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


unit = Table(
    "unit",
    metadata,
    _id(),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    _ref("parent_id", "unit", nullable=True),
    # The path ends in the unit itself: a county's county_id is its own id.
    Column("city_id", BigInteger, nullable=False),
    Column("county_id", BigInteger),
    Column("township_id", BigInteger),
    Column("village_id", BigInteger),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    _ref("successor_id", "unit", nullable=True),
    Column("aliases", ARRAY(Text), nullable=False, server_default="{}"),
    # On a city: the year of the newest edition that was imported, so that an older one is refused.
    Column("edition", Integer),
    Index(None, "parent_id", "code"),
    Index(None, "city_id", "level", "code"),
    Index(None, "county_id", "level", "code"),
    Index(None, "township_id", "level", "code"),
)

department = Table(
    "department",
    metadata,
    _id(),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("line", Text),
    *_unit_path(),
    Index(None, "city_id", "code"),
    Index(None, "county_id", "code"),
    Index(None, "unit_id", "code"),
)

cadre = Table(
    "cadre",
    metadata,
    _id(),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("rank", Text, nullable=False),
    Column("title", Text),
    _ref("unit_id", "unit"),
    _ref("department_id", "department", nullable=True),
    _ref("managed_by_id", "unit", nullable=True),
    Column("phone", Text),
    Column("city_id", BigInteger, nullable=False),
    # Every unit on the path of the home unit or of any posting: who may see the row asks whether theirs is in it.
    Column("reach", ARRAY(BigInteger), nullable=False),
    Index(None, "city_id", "code"),
    Index(None, "unit_id", "code"),
    Index(None, "reach", postgresql_using="gin"),
)

account = Table(
    "account",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    _ref("city_id", "unit"),
    _ref("cadre_id", "cadre", nullable=True),
    Column("password_hash", Text),
    # Who it is at the identity provider: the value of the claim that LXBC_OIDC_ACCOUNT_CLAIM names.
    Column("oidc_subject", Text, unique=True),
    _when("disabled_at"),
)

posting = Table(
    "posting",
    metadata,
    _id(),
    _ref("cadre_id", "cadre", nullable=True),
    _ref("account_id", "account", nullable=True),
    Column("role", Text, nullable=False),
    _ref("department_id", "department", nullable=True),
    *_unit_path(),
    _when("valid_from", nullable=False),
    _when("valid_to"),
    Column("lead", Boolean, nullable=False, server_default="false"),
    CheckConstraint("(cadre_id is null) <> (account_id is null)", name="one_holder"),
    Index(None, "cadre_id"),
    Index(None, "account_id"),
    Index(None, "city_id", "id"),
    Index(None, "county_id", "id"),
    Index(None, "township_id", "id"),
    Index(None, "unit_id", "id"),
)

category = Table(
    "category",
    metadata,
    _id(),
    _ref("city_id", "unit"),
    Column("scheme", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    _ref("parent_id", "category", nullable=True),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    UniqueConstraint("city_id", "scheme", "code"),
)

issue = Table(
    "issue",
    metadata,
    _id(),
    Column("number", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    *_unit_path(),
    Column("subject", Text, nullable=False, server_default="VILLAGE"),
    _ref("finder_id", "cadre", nullable=True),
    Column("finder_account_id", BigInteger, ForeignKey("account.id")),
    Column("finder_name", Text, nullable=False),
    Column("finder_rank", Text, nullable=False),
    Column("unit_level", Text, nullable=False),
    Column("source", Text, nullable=False),
    _ref("category_id", "category", nullable=True),
    _ref("work_content_id", "category", nullable=True),
    Column("complexity", Text),
    Column("state", Text, nullable=False),
    Column("city_identified", Boolean, nullable=False, server_default="false"),
    Column("multi_department", Boolean, nullable=False, server_default="false"),
    Column("mass_interest", Boolean, nullable=False, server_default="false"),
    Column("post_disaster", Boolean, nullable=False, server_default="false"),
    Column("dismissal", Text),
    _ref("duplicate_of_id", "issue", nullable=True),
    Column("satisfaction", Text),
    Column("reopened_count", Integer, nullable=False, server_default="0"),
    Column("sent_back_count", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),
    _when("reported_at", nullable=False),
    _when("judged_at"),
    _when("handed_over_at"),
    _when("due_at"),
    _when("rectified_at"),
    _when("closed_at"),
    _when("updated_at", nullable=False),
    # The rules that it began under, from the city's down; their rows never change.
    Column("rules", ARRAY(BigInteger), nullable=False, server_default="{}"),
    _ref("sponsor_id", "cadre", nullable=True),
    _ref("verifier_id", "cadre", nullable=True),
    _when("verify_due_at"),
    _when("verified_at"),
    # The township's pass of the present feedback (镇级初验).
    _when("township_passed_at"),
    # Whose look-back passed since it was rectified.
    Column("look_backs", ARRAY(Text), nullable=False, server_default="{}"),
    _when("look_back_due_at"),
    Column("sampled", Boolean, nullable=False, server_default="false"),
    Column("exclusion", Text),
    # Whom it concerns (private).
    Column("villager_name", Text),
    Column("villager_phone", Text),
    # When the first of its running clocks is due, null where none runs; the light compares it with the time.
    _when("next_due_at"),
    *(Index(None, column, "reported_at", "id") for column in PATH),
    *(Index(None, column, "state", "id") for column in ("city_id", "county_id", "township_id")),
    # All that a figure asks of an issue, so that counting reads an eighth of what the rows take.
    Index(
        "ix_issue_figures",
        *ANCESTORS,
        postgresql_include=(
            "state",
            "judged_at",
            "handed_over_at",
            "due_at",
            "satisfaction",
            "exclusion",
            "reopened_count",
            "next_due_at",
        ),
    ),
    Index(None, "finder_id"),
    Index(None, "finder_account_id", postgresql_where=text("finder_account_id is not null")),
    Index(None, "verifier_id", postgresql_where=text("verifier_id is not null")),
    Index("ix_issue_clocks", "next_due_at", postgresql_where=text("next_due_at is not null")),
)

# The last issue number that a city gave in a year; no written number of that form is above it.
issue_number = Table(
    "issue_number",
    metadata,
    Column("city_id", BigInteger, ForeignKey("unit.id"), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

assignment = Table(
    "assignment",
    metadata,
    _id(),
    _ref("issue_id", "issue"),
    Column("kind", Text, nullable=False),
    # The party: a department, or the territory itself.
    _ref("department_id", "department", nullable=True),
    _ref("party_unit_id", "unit", nullable=True),
    Column("part", Text, nullable=False, server_default="LEAD"),
    Column("required", Boolean, nullable=False, server_default="true"),
    _ref("responsible_id", "cadre", nullable=True),
    Column("responsible_name", Text),
    Column("state", Text, nullable=False),
    Column("measure", Text),
    Column("feedback", Text),
    _when("plan_due"),
    _when("assigned_at", nullable=False),
    _when("accepted_at"),
    _when("progressed_at"),
    _when("feedback_at"),
    # Its clocks (DOMAIN 5); the view `clock` lists them, a row for each.
    _when("arrange_due_at"),
    _when("progress_due_at"),
    _when("solve_due_at"),
    _when("track_due_at"),
    _when("arbitrate_due_at"),
    Column("return_reason", Text),
    Column("insisted", Boolean, nullable=False, server_default="false"),
    Column("plan", JSONB(none_as_null=True)),
    Column("plan_state", Text),
    Column("supervised_count", Integer, nullable=False, server_default="0"),
    Column("urged_count", Integer, nullable=False, server_default="0"),
    CheckConstraint("(department_id is null) <> (party_unit_id is null)", name="one_party"),
    Index(None, "issue_id", "id"),
    Index(None, "department_id", "issue_id"),
    Index(None, "party_unit_id", "issue_id"),
    Index(None, "responsible_id"),
)

event = Table(
    "event",
    metadata,
    _id(),
    # Null until the relay has numbered the committed row; the order of all subscribers and cursors.
    Column("seq", BigInteger, unique=True),
    # Of the transaction that wrote it: by this the relay finds what it has not seen.
    Column("xact_id", BigInteger, server_default=text("pg_current_xact_id()::text::bigint")),
    # Given with the number, as near as the server knows it; ``at`` is when the thing happened.
    _when("committed_at"),
    _ref("issue_id", "issue"),
    _ref("assignment_id", "assignment", nullable=True),
    Column("kind", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    _ref("actor_id", "cadre", nullable=True),
    Column("account_id", BigInteger, ForeignKey("account.id")),
    Column("actor_name", Text, nullable=False),
    Column("posting_id", BigInteger, ForeignKey("posting.id")),
    Column("reason", Text),
    _when("at", nullable=False),
    Column("data", JSONB, nullable=False, server_default="{}"),
    # What must happen once only: a rung of the ladder for one clock.
    Column("key", Text),
    *_unit_path(),
    Index(None, "issue_id", "id"),
    Index("uq_event_key", "key", unique=True, postgresql_where=text("key is not null")),
    Index("ix_event_unnumbered", "xact_id", postgresql_where=text("seq is null")),
    # Few among all events; who left some unanswered is asked of them alone.
    Index("ix_event_letters", "at", postgresql_where=text("data ->> 'rung' = 'REMINDER_LETTER'")),
    Index("ix_event_transferred", "issue_id", postgresql_where=text("kind = 'TRANSFERRED'")),
    # Who reads the log asks it of each event, and an issue may have been urged a thousand times.
    Index("ix_event_verified", "issue_id", postgresql_where=text("kind = 'VERIFIED'")),
)

attachment = Table(
    "attachment",
    metadata,
    _id(),
    _ref("issue_id", "issue"),
    # The feedback, look-back or other event that it is evidence of; null until one refers to it.
    _ref("event_id", "event", nullable=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    _ref("uploader_id", "cadre", nullable=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("uploader_name", Text, nullable=False),
    _when("uploaded_at", nullable=False),
    Index(None, "issue_id", "id"),
    Index(None, "event_id", postgresql_where=text("event_id is not null")),
)

# How a unit works, and all below it: only what it says otherwise than those above. Rows are never changed.
rule = Table(
    "rule",
    metadata,
    _id(),
    *_unit_path(),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("account_id", BigInteger, ForeignKey("account.id")),
    Column("author_name", Text, nullable=False),
    _when("created_at", nullable=False),
    UniqueConstraint("unit_id", "version"),
    Index(None, "city_id", "id"),
    Index(None, "county_id", "id"),
)

# Days that are otherwise than the national calendar that ships with the program says.
calendar_day = Table(
    "calendar_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("working", Boolean, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Who may do what, version by version; rows are never changed, and the newest is in force.
policy = Table(
    "policy",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("model", Text, nullable=False),
    Column("rows", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # When the last token ends that it signed, as far as that is known.
    _when("needed_until"),
)

cursor_key = Table(
    "cursor_key",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("secret", LargeBinary, nullable=False),
    CheckConstraint("one", name="one"),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("jti", Text, primary_key=True),
    _ref("account_id", "account"),
    Column("family", Text, nullable=False, index=True),
    _when("expires_at", nullable=False),
    _when("used_at"),
    Index(None, "account_id"),
)

api_key = Table(
    "api_key",
    metadata,
    _id(),
    _ref("account_id", "account"),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    # SHA-256 of the whole key: it is random, so nothing slower would keep it better.
    Column("hash", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    # Those of the account when it was made: it opens nothing that the account has become since.
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _when("expires_at"),
    _when("revoked_at"),
    _when("last_used_at"),
    CheckConstraint("scope in ('read', 'read,write')", name="scope"),
    Index(None, "account_id"),
)

# Who signed in, what was granted, handed out and refused. No row is changed, none refers to another, and none holds
# what is secret or private.
audit_event = Table(
    "audit_event",
    metadata,
    _id(),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("kind", Text, nullable=False),
    # Null where there is no such account: a name that was typed may be a password.
    Column("account_id", BigInteger),
    Column("account_name", Text),
    Column("city_id", BigInteger),
    # How the account was known; null for the command line, and where nobody was.
    Column("means", Text),
    Column("api_key", Text),
    Column("address", Text),
    Column("subject", Text),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    # Sealed name of a sign-in, so that those of no account can be counted too.
    Column("tried", LargeBinary),
    # What is written once only.
    Column("key", Text),
    Index(None, "city_id", "id"),
    Index("uq_audit_event_key", "key", unique=True, postgresql_where=text("key is not null")),
    Index("ix_audit_event_tried", "tried", "at", postgresql_where=text("tried is not null")),
    Index("ix_audit_event_refused", "address", "at", postgresql_where=text("kind = 'SIGN_IN_REFUSED'")),
)
