"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "cursor_key",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_cursor_key_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_cursor_key")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("successor_id", sa.BigInteger(), nullable=True),
        sa.Column("aliases", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("edition", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["unit.id"], name=op.f("fk_unit_successor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_index(op.f("ix_unit_city_id_level_code"), "unit", ["city_id", "level", "code"], unique=False)
    op.create_index(
        op.f("ix_unit_county_id_level_code"), "unit", ["county_id", "level", "code"], unique=False
    )
    op.create_index(op.f("ix_unit_parent_id_code"), "unit", ["parent_id", "code"], unique=False)
    op.create_index(
        op.f("ix_unit_township_id_level_code"), "unit", ["township_id", "level", "code"], unique=False
    )
    op.create_table(
        "category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["city_id"], ["unit.id"], name=op.f("fk_category_city_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["category.id"], name=op.f("fk_category_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
        sa.UniqueConstraint("city_id", "scheme", "code", name=op.f("uq_category_city_id_scheme_code")),
    )
    op.create_table(
        "department",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_department_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("code", name=op.f("uq_department_code")),
    )
    op.create_index(op.f("ix_department_city_id_code"), "department", ["city_id", "code"], unique=False)
    op.create_index(op.f("ix_department_county_id_code"), "department", ["county_id", "code"], unique=False)
    op.create_index(op.f("ix_department_unit_id_code"), "department", ["unit_id", "code"], unique=False)
    op.create_table(
        "issue_number",
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["city_id"], ["unit.id"], name=op.f("fk_issue_number_city_id")),
        sa.PrimaryKeyConstraint("city_id", "year", name=op.f("pk_issue_number")),
    )
    op.create_table(
        "cadre",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rank", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("department_id", sa.BigInteger(), nullable=True),
        sa.Column("managed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("reach", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_cadre_department_id")),
        sa.ForeignKeyConstraint(["managed_by_id"], ["unit.id"], name=op.f("fk_cadre_managed_by_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_cadre_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cadre")),
        sa.UniqueConstraint("code", name=op.f("uq_cadre_code")),
    )
    op.create_index(op.f("ix_cadre_city_id_code"), "cadre", ["city_id", "code"], unique=False)
    op.create_index(op.f("ix_cadre_reach"), "cadre", ["reach"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_cadre_unit_id_code"), "cadre", ["unit_id", "code"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("cadre_id", sa.BigInteger(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cadre_id"], ["cadre.id"], name=op.f("fk_account_cadre_id")),
        sa.ForeignKeyConstraint(["city_id"], ["unit.id"], name=op.f("fk_account_city_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_idempotency_account_id")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "issue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), server_default="VILLAGE", nullable=False),
        sa.Column("finder_id", sa.BigInteger(), nullable=True),
        sa.Column("finder_account_id", sa.BigInteger(), nullable=True),
        sa.Column("finder_name", sa.Text(), nullable=False),
        sa.Column("finder_rank", sa.Text(), nullable=False),
        sa.Column("unit_level", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("work_content_id", sa.BigInteger(), nullable=True),
        sa.Column("complexity", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("city_identified", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("multi_department", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("mass_interest", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("post_disaster", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("dismissal", sa.Text(), nullable=True),
        sa.Column("duplicate_of_id", sa.BigInteger(), nullable=True),
        sa.Column("satisfaction", sa.Text(), nullable=True),
        sa.Column("reopened_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_back_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rectified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_issue_category_id")),
        sa.ForeignKeyConstraint(["duplicate_of_id"], ["issue.id"], name=op.f("fk_issue_duplicate_of_id")),
        sa.ForeignKeyConstraint(
            ["finder_account_id"], ["account.id"], name=op.f("fk_issue_finder_account_id")
        ),
        sa.ForeignKeyConstraint(["finder_id"], ["cadre.id"], name=op.f("fk_issue_finder_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_issue_unit_id")),
        sa.ForeignKeyConstraint(["work_content_id"], ["category.id"], name=op.f("fk_issue_work_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
        sa.UniqueConstraint("number", name=op.f("uq_issue_number")),
    )
    op.create_index(
        op.f("ix_issue_city_id_reported_at_id"), "issue", ["city_id", "reported_at", "id"], unique=False
    )
    op.create_index(op.f("ix_issue_city_id_state_id"), "issue", ["city_id", "state", "id"], unique=False)
    op.create_index(
        op.f("ix_issue_county_id_reported_at_id"), "issue", ["county_id", "reported_at", "id"], unique=False
    )
    op.create_index(op.f("ix_issue_county_id_state_id"), "issue", ["county_id", "state", "id"], unique=False)
    op.create_index(
        "ix_issue_figures",
        "issue",
        ["city_id", "county_id", "township_id", "village_id"],
        unique=False,
        postgresql_include=(
            "state",
            "judged_at",
            "handed_over_at",
            "due_at",
            "satisfaction",
            "reopened_count",
        ),
    )
    op.create_index(
        op.f("ix_issue_finder_account_id"),
        "issue",
        ["finder_account_id"],
        unique=False,
        postgresql_where=sa.text("finder_account_id is not null"),
    )
    op.create_index(op.f("ix_issue_finder_id"), "issue", ["finder_id"], unique=False)
    op.create_index(
        op.f("ix_issue_township_id_reported_at_id"),
        "issue",
        ["township_id", "reported_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_issue_township_id_state_id"), "issue", ["township_id", "state", "id"], unique=False
    )
    op.create_index(
        op.f("ix_issue_unit_id_reported_at_id"), "issue", ["unit_id", "reported_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_issue_village_id_reported_at_id"), "issue", ["village_id", "reported_at", "id"], unique=False
    )
    op.create_table(
        "posting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cadre_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lead", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("(cadre_id is null) <> (account_id is null)", name=op.f("ck_posting_one_holder")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_posting_account_id")),
        sa.ForeignKeyConstraint(["cadre_id"], ["cadre.id"], name=op.f("fk_posting_cadre_id")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_posting_department_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_posting_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
    )
    op.create_index(op.f("ix_posting_account_id"), "posting", ["account_id"], unique=False)
    op.create_index(op.f("ix_posting_cadre_id"), "posting", ["cadre_id"], unique=False)
    op.create_index(op.f("ix_posting_city_id_id"), "posting", ["city_id", "id"], unique=False)
    op.create_index(op.f("ix_posting_county_id_id"), "posting", ["county_id", "id"], unique=False)
    op.create_index(op.f("ix_posting_township_id_id"), "posting", ["township_id", "id"], unique=False)
    op.create_index(op.f("ix_posting_unit_id_id"), "posting", ["unit_id", "id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_refresh_token_account_id")),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_account_id"), "refresh_token", ["account_id"], unique=False)
    op.create_index(op.f("ix_refresh_token_family"), "refresh_token", ["family"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("department_id", sa.BigInteger(), nullable=True),
        sa.Column("party_unit_id", sa.BigInteger(), nullable=True),
        sa.Column("part", sa.Text(), server_default="LEAD", nullable=False),
        sa.Column("required", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("responsible_id", sa.BigInteger(), nullable=True),
        sa.Column("responsible_name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("feedback", sa.Text(), nullable=True),
        sa.Column("plan_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progressed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feedback_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(department_id is null) <> (party_unit_id is null)", name=op.f("ck_assignment_one_party")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_assignment_department_id")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_assignment_issue_id")),
        sa.ForeignKeyConstraint(["party_unit_id"], ["unit.id"], name=op.f("fk_assignment_party_unit_id")),
        sa.ForeignKeyConstraint(["responsible_id"], ["cadre.id"], name=op.f("fk_assignment_responsible_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index(
        op.f("ix_assignment_department_id_issue_id"),
        "assignment",
        ["department_id", "issue_id"],
        unique=False,
    )
    op.create_index(op.f("ix_assignment_issue_id_id"), "assignment", ["issue_id", "id"], unique=False)
    op.create_index(
        op.f("ix_assignment_party_unit_id_issue_id"),
        "assignment",
        ["party_unit_id", "issue_id"],
        unique=False,
    )
    op.create_index(op.f("ix_assignment_responsible_id"), "assignment", ["responsible_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("assignment_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("city_id", sa.BigInteger(), nullable=False),
        sa.Column("county_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_event_account_id")),
        sa.ForeignKeyConstraint(["actor_id"], ["cadre.id"], name=op.f("fk_event_actor_id")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_event_assignment_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_event_issue_id")),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name=op.f("fk_event_posting_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_event_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("seq", name=op.f("uq_event_seq")),
    )
    op.create_index(op.f("ix_event_issue_id_id"), "event", ["issue_id", "id"], unique=False)
    op.create_index(
        "ix_event_unnumbered", "event", ["id"], unique=False, postgresql_where=sa.text("seq is null")
    )
