"""Who verified an issue, found without a look at all its other events."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_event_verified",
        "event",
        ["issue_id"],
        unique=False,
        postgresql_where=sa.text("kind = 'VERIFIED'"),
    )
