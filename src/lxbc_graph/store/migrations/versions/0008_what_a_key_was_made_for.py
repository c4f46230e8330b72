"""Of which roles of its account an API key was made; of those there are, the ones that could have one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("roles", sa.ARRAY(sa.Text()), nullable=True))
    op.execute("""
        update api_key k set roles = array(
            select distinct p.role from posting p
            where p.account_id = k.account_id and p.role in ('portal', 'screen')
              and p.valid_from <= k.created_at and (p.valid_to is null or p.valid_to > k.created_at)
        )
    """)
    op.alter_column("api_key", "roles", nullable=False)
