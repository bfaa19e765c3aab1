"""Creates the ledger's tables, or brings those of an older version up to date, by Alembic's migrations."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from faceblur.base.errors import LedgerError
from faceblur.ledger.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x666163  # any number of our own, for PostgreSQL's advisory lock


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date, in this transaction. Raises LedgerError for those of a newer version."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    known = {one.revision for one in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise LedgerError(
            f"the ledger was made by a newer version of faceblur (its tables are of {current}): update this one"
        )
    with EnvironmentContext(config, scripts, fn=lambda rev, _: scripts._upgrade_revs("head", rev)) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
        environment.run_migrations()
