"""When an event was committed; not known of those that were numbered before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True))
