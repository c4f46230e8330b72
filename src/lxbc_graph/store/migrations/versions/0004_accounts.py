"""Accounts: API keys, who one is at an identity provider, how long a signing key is needed, and the audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("oidc_subject", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("uq_account_oidc_subject"), "account", ["oidc_subject"])
    op.add_column("signing_key", sa.Column("needed_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope in ('read', 'read,write')", name=op.f("ck_api_key_scope")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_api_key_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
    op.create_index(op.f("ix_api_key_account_id"), "api_key", ["account_id"])
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("account_name", sa.Text(), nullable=True),
        sa.Column("city_id", sa.BigInteger(), nullable=True),
        sa.Column("means", sa.Text(), nullable=True),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("tried", sa.LargeBinary(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_city_id_id"), "audit_event", ["city_id", "id"])
    op.create_index(
        "uq_audit_event_key",
        "audit_event",
        ["key"],
        unique=True,
        postgresql_where=sa.text("key is not null"),
    )
    op.create_index(
        "ix_audit_event_tried",
        "audit_event",
        ["tried", "at"],
        postgresql_where=sa.text("tried is not null"),
    )
    op.create_index(
        "ix_audit_event_refused",
        "audit_event",
        ["address", "at"],
        postgresql_where=sa.text("kind = 'SIGN_IN_REFUSED'"),
    )
