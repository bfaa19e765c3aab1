"""Jobs, parts, attempts and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
OPEN = sa.text("state IN ('queued', 'running', 'publishing')")


def upgrade() -> None:
    _create_jobs()
    _create_parts()
    _create_attempts()
    _create_events()


def _create_jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False, server_default="run"),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("key", name="uq_job_key"),
    )
    op.create_index("ix_job_target", "job", ["target"])


def _create_parts() -> None:
    op.create_table(
        "part",
        sa.Column("id", KEY, nullable=False),
        sa.Column("job", KEY, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("forgiven", sa.Integer, nullable=False, server_default="0"),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", sa.Float),
        sa.Column("not_before", sa.Float, nullable=False, server_default="0"),
        sa.Column("frames_done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("frames_total", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fps", sa.Float),
        sa.Column("started", sa.Float),
        sa.Column("ended", sa.Float),
        sa.Column("error_kind", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("output_bytes", sa.BigInteger),
        sa.Column("result", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_part"),
        sa.ForeignKeyConstraint(["job"], ["job.id"], name="fk_part_job", ondelete="CASCADE"),
    )
    op.create_index("ix_part_job", "part", ["job"])
    op.create_index(
        "ix_part_open",
        "part",
        ["state", sa.text("priority DESC"), sa.text("frames_total DESC"), "id"],
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )


def _create_attempts() -> None:
    op.create_table(
        "attempt",
        sa.Column("part", KEY, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("outcome", sa.Text),
        sa.Column("error_kind", sa.Text),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("part", "n", name="pk_attempt"),
        sa.ForeignKeyConstraint(["part"], ["part.id"], name="fk_attempt_part", ondelete="CASCADE"),
    )


def _create_events() -> None:
    op.create_table(
        "event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("part", KEY, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.ForeignKeyConstraint(["part"], ["part.id"], name="fk_event_part", ondelete="CASCADE"),
    )
    op.create_index("ix_event_part", "event", ["part"])


def downgrade() -> None:
    raise NotImplementedError("a ledger is not taken back to an older version")
