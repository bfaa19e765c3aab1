"""What tells the complete output of an attempt from any other: its size alone did not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("part", sa.Column("output_digest", sa.Text))


def downgrade() -> None:
    raise NotImplementedError("a ledger is not taken back to an older version")
