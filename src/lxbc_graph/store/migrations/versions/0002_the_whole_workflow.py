"""The whole workflow: rules, clocks, plans, verification, look-back by steps, attachments, the calendar.

What was handed over before has the clocks of DOMAIN 5 from here on: natural days in Shanghai, to the last second.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CLOCK = """
create view clock as
select a.id * 8 + c.place as id, a.issue_id, a.id as assignment_id, c.kind, c.due_at, c.stopped_at,
       c.stopped_at is null and i.state in ('ASSIGNED', 'RECTIFYING')
       and a.state = any(case when c.kind = 'ARBITRATE' then '{RETURNED}' else '{PENDING,ACCEPTED}' end::text[])
       as running
from assignment a
join issue i on i.id = a.issue_id
cross join lateral (values
    (0, 'ARRANGE', a.arrange_due_at, a.accepted_at),
    (1, 'PROGRESS', a.progress_due_at, coalesce(a.progressed_at, a.feedback_at)),
    (2, 'SOLVE', a.solve_due_at, a.feedback_at),
    (3, 'TRACK', a.track_due_at, a.feedback_at),
    (4, 'ARBITRATE', a.arbitrate_due_at, null)
) c (place, kind, due_at, stopped_at)
where c.due_at is not null
union all
select i.id * 8 + c.place, i.id, null, c.kind, c.due_at, c.stopped_at, c.stopped_at is null and i.state = c.state
from issue i
cross join lateral (values
    (6, 'VERIFY', i.verify_due_at, i.verified_at, 'VERIFYING'),
    (7, 'LOOK_BACK', i.look_back_due_at, i.closed_at, 'RECTIFIED')
) c (place, kind, due_at, stopped_at, state)
where c.due_at is not null
"""
"""Every clock as a row. ``domain.machine.running`` says the same of one issue's facts, and a test that they agree."""

_LAST_SECOND = "((date_trunc('day', {} at time zone 'Asia/Shanghai') + interval '{}' + time '23:59:59') at time zone 'Asia/Shanghai')"
# By the issue first: there is an index on that, none on the assignment alone.
_OF_ITS_OWN = "issue_id = assignment.issue_id and assignment_id = assignment.id"
_LAST_TOLD = f"""greatest(
        assigned_at,
        (select max(at) from event where {_OF_ITS_OWN} and kind = 'PROGRESS_REPORTED'),
        (select max(at) from event where issue_id = assignment.issue_id and kind = 'REOPENED')
    )"""
_CLOCKS_OF_OLD = f"""
update assignment set
    arrange_due_at = {_LAST_SECOND.format("assigned_at", "1 day")},
    progress_due_at = {_LAST_SECOND.format("assigned_at", "3 days")},
    solve_due_at = (select due_at from issue where issue.id = issue_id),
    track_due_at = {_LAST_SECOND.format(_LAST_TOLD, "1 month")},
    progressed_at = coalesce(
        progressed_at, (select min(at) from event where {_OF_ITS_OWN} and kind = 'FEEDBACK_SUBMITTED')
    )
"""
_NEXT_OF_OLD = """
update issue set next_due_at = soonest.due_at
from (select issue_id, min(due_at) as due_at from clock where running group by issue_id) soonest
where soonest.issue_id = issue.id
"""


_OF_ASSIGNMENT: tuple[sa.Column[Any], ...] = (
    *(sa.Column(f"{clock}_due_at", sa.DateTime(timezone=True)) for clock in ("arrange", "progress", "solve")),
    *(sa.Column(f"{clock}_due_at", sa.DateTime(timezone=True)) for clock in ("track", "arbitrate")),
    sa.Column("return_reason", sa.Text()),
    sa.Column("insisted", sa.Boolean(), server_default="false", nullable=False),
    sa.Column("plan", postgresql.JSONB(astext_type=sa.Text())),
    sa.Column("plan_state", sa.Text()),
    sa.Column("supervised_count", sa.Integer(), server_default="0", nullable=False),
    sa.Column("urged_count", sa.Integer(), server_default="0", nullable=False),
)
_OF_ISSUE: tuple[sa.Column[Any], ...] = (
    sa.Column("rules", sa.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
    sa.Column("sponsor_id", sa.BigInteger()),
    sa.Column("verifier_id", sa.BigInteger()),
    sa.Column("verify_due_at", sa.DateTime(timezone=True)),
    sa.Column("verified_at", sa.DateTime(timezone=True)),
    sa.Column("township_passed_at", sa.DateTime(timezone=True)),
    sa.Column("look_backs", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
    sa.Column("look_back_due_at", sa.DateTime(timezone=True)),
    sa.Column("sampled", sa.Boolean(), server_default="false", nullable=False),
    sa.Column("exclusion", sa.Text()),
    sa.Column("next_due_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_day")),
    )
    op.create_table(
        "rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_rule_account_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_rule_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
        sa.UniqueConstraint("unit_id", "version", name=op.f("uq_rule_unit_id_version")),
    )
    op.create_index(op.f("ix_rule_city_id_id"), "rule", ["city_id", "id"], unique=False)
    op.create_index(op.f("ix_rule_county_id_id"), "rule", ["county_id", "id"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uploader_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("uploader_name", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_attachment_account_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_attachment_event_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_attachment_issue_id")),
        sa.ForeignKeyConstraint(["uploader_id"], ["cadre.id"], name=op.f("fk_attachment_uploader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index(
        op.f("ix_attachment_event_id"),
        "attachment",
        ["event_id"],
        unique=False,
        postgresql_where=sa.text("event_id is not null"),
    )
    op.create_index(op.f("ix_attachment_issue_id_id"), "attachment", ["issue_id", "id"], unique=False)
    for column in _OF_ASSIGNMENT:
        op.add_column("assignment", column)
    op.add_column("event", sa.Column("key", sa.Text()))
    op.create_index(
        "uq_event_key", "event", ["key"], unique=True, postgresql_where=sa.text("key is not null")
    )
    op.create_index(
        "ix_event_letters",
        "event",
        ["at"],
        postgresql_where=sa.text("data ->> 'rung' = 'REMINDER_LETTER'"),
    )
    op.create_index(
        "ix_event_transferred",
        "event",
        ["issue_id"],
        unique=False,
        postgresql_where=sa.text("kind = 'TRANSFERRED'"),
    )
    for column in _OF_ISSUE:
        op.add_column("issue", column)
    for name in ("sponsor", "verifier"):
        op.create_foreign_key(op.f(f"fk_issue_{name}_id"), "issue", "cadre", [f"{name}_id"], ["id"])
    op.create_index(
        op.f("ix_issue_verifier_id"),
        "issue",
        ["verifier_id"],
        unique=False,
        postgresql_where=sa.text("verifier_id is not null"),
    )
    op.execute(CLOCK)
    op.execute(_CLOCKS_OF_OLD)
    op.execute(_NEXT_OF_OLD)
    op.create_index(
        "ix_issue_clocks",
        "issue",
        ["next_due_at"],
        unique=False,
        postgresql_where=sa.text("next_due_at is not null"),
    )
    op.drop_index("ix_issue_figures", "issue")
    op.create_index(
        "ix_issue_figures",
        "issue",
        ["city_id", "county_id", "township_id", "village_id"],
        unique=False,
        postgresql_include=[
            "state",
            "judged_at",
            "handed_over_at",
            "due_at",
            "satisfaction",
            "exclusion",
            "reopened_count",
            "next_due_at",
        ],
    )
