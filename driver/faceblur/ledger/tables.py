"""The ledger's tables. Times are seconds since 1970 in UTC, by the database's clock.

A job is one video to redact with given settings. Its parts are what a worker takes: one part for the whole video today.
An attempt is one worker's try at a part. Events are the timeline that people read.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers only an INTEGER key by itself.
KEY = BigInteger().with_variant(Integer, "sqlite")

# `key` is a digest of the video's identity, its settings and its target: the same work is not done twice.
job = Table(
    "job",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False, index=True),
    Column("settings", Text, nullable=False),
    Column("wanted", Text, nullable=False, server_default="run"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("created", Float, nullable=False),
)

# `frames_total` is 0 where it is not known. Failures of attempts up to `forgiven` do not count: a person had the
# part tried again after them.
part = Table(
    "part",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("job", KEY, ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("forgiven", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("lease_until", Float),
    Column("not_before", Float, nullable=False, server_default="0"),
    Column("frames_done", BigInteger, nullable=False, server_default="0"),
    Column("frames_total", BigInteger, nullable=False, server_default="0"),
    Column("fps", Float),
    Column("started", Float),
    Column("ended", Float),
    Column("error_kind", Text),
    Column("reason", Text),
    Column("output_bytes", BigInteger),
    Column("result", Text),
    Column("output_digest", Text),
)
# What a claim looks for: the few parts that wait or run, among many that ended.
Index(
    "ix_part_open",
    part.c.state,
    part.c.priority.desc(),
    part.c.frames_total.desc(),
    part.c.id,
    postgresql_where=text("state IN ('queued', 'running', 'publishing')"),
    sqlite_where=text("state IN ('queued', 'running', 'publishing')"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("part", KEY, ForeignKey("part.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("outcome", Text),
    Column("error_kind", Text),
    Column("error", Text),
)

event = Table(
    "event",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("part", KEY, ForeignKey("part.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)
