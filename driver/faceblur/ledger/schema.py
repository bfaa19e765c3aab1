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


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config, ScriptDirectory.from_config(config)


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version. Raises LedgerError for those of a newer one."""
    _, scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {one.revision for one in scripts.walk_revisions()}:
        raise LedgerError(
            f"the ledger was made by a newer version of faceblur (its tables are of {current}): update this one"
        )
    return current == scripts.get_current_head()


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date, in this transaction. Raises LedgerError for those of a newer version."""
    if connection.dialect.name == "postgresql":  # of two processes at once the second finds the tables
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    if is_current(connection):
        return
    config, scripts = _scripts()
    with EnvironmentContext(config, scripts, fn=lambda rev, _: scripts._upgrade_revs("head", rev)) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
        environment.run_migrations()
