"""Which transaction wrote an event, so that the relay need not go by what it has numbered."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default at first: that would write every row anew.
    op.add_column("event", sa.Column("xact_id", sa.BigInteger(), nullable=True))
    op.execute("alter table event alter column xact_id set default pg_current_xact_id()::text::bigint")
    op.execute("update event set xact_id = pg_current_xact_id()::text::bigint where seq is null")
    op.drop_index("ix_event_unnumbered", table_name="event")
    op.create_index(
        "ix_event_unnumbered",
        "event",
        ["xact_id"],
        unique=False,
        postgresql_where=sa.text("seq is null"),
    )
