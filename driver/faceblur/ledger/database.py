"""Opens the ledger's database: SQLite in a file, or PostgreSQL. Its tables are created or brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from faceblur.base.errors import LedgerError, UsageError
from faceblur.ledger.database_errors import translated
from faceblur.ledger.schema import is_current, upgrade

VARIABLE = "FACEBLUR_LEDGER"
BUSY_SECONDS = 30  # for how long a transaction waits for another one's lock on SQLite
CONNECT_SECONDS = 10
COMMAND_SECONDS = 60
IMMUTABLE = {"mode": "ro", "immutable": "1", "uri": "true"}  # https://www.sqlite.org/uri.html
READ_ONLY = {"faceblur_reads": True}
FORMS = "give a path, or postgresql://USER@HOST/NAME"


def default_url() -> str:
    """The ledger that is used where none is named: `FACEBLUR_LEDGER`, or a file of this user's."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return os.environ.get(VARIABLE) or str(Path(state, "faceblur", "ledger.db"))


def ledger_url(given: str) -> URL:
    """A path, `sqlite:///PATH` or `postgresql://…` as SQLAlchemy's URL. Raises UsageError."""
    path = given if "://" not in given else given.removeprefix("sqlite:///")
    if "://" not in path:
        return _file_url(path)
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"{given!r} is no address of a ledger: {FORMS}") from error
    drivers = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    name = url.drivername.partition("+")[0]
    if name not in drivers:
        raise UsageError(f"a ledger cannot be kept in {name}: {FORMS}")
    if not 0 < (url.port or 5432) < 65536:
        raise UsageError(f"a ledger at port {url.port}: ports end at 65535")
    return url.set(drivername=drivers[name])


def _file_url(path: str) -> URL:
    if not path or path == ":memory:":
        raise UsageError(f"{path!r} is no file of a ledger: several workers share it, so it has to be on a disk")
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder: name the ledger's file in it")
    return URL.create("sqlite+aiosqlite", database=path)


class Database:
    """Transactions on the ledger. Two of one database never conflict: one waits for the other.

    An async context manager. Raises LedgerError, which names the database without its password, and UsageError
    for an address that is none, and for a file that is not there where it `must_exist`: else it is made.
    """

    def __init__(self, given: str, *, must_exist: bool = False) -> None:
        self.url = ledger_url(given)
        backend = self.url.get_backend_name()
        self.is_sqlite = backend == "sqlite"
        if must_exist and self.is_sqlite and not os.path.lexists(self.url.database or ""):
            raise UsageError(f"there is no ledger {self.url.database}: `faceblur submit` makes one")
        self.name = str(self.url.database) if self.is_sqlite else self.url.set(drivername=backend).render_as_string()
        self._is_fixed = self.is_sqlite and _is_read_only(Path(self.url.database or ""))
        self._opened: os.stat_result | None = None
        self._engine = self._create()

    def _create(self) -> AsyncEngine:
        if not self.is_sqlite:
            limits = {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
            return create_async_engine(self.url, pool_size=1, max_overflow=4, connect_args=limits)
        path = Path(self.url.database or "")
        if self._is_fixed:
            return _read_only_engine(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"{self.name}: its folder cannot be made: {error.strerror}") from error
        with translated(self.name):  # here, since the driver's thread prints a traceback of what it cannot open
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
                _check_is_ledger(connection, self.name)
            self._opened = path.stat()
        engine = create_async_engine(self.url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    async def __aenter__(self) -> Self:
        try:
            async with self.read() as connection:
                current = await connection.run_sync(is_current)
            if not current and self._is_fixed:
                raise LedgerError(
                    f"the ledger {self.name} is read-only, and of an older version: copy it to a folder that can be "
                    "written, where it is brought up to date"
                )
            if not current:
                async with self.write() as connection:
                    await connection.run_sync(upgrade)
        except BaseException:
            await self._engine.dispose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, or rolled back on an error."""
        with translated(self.name):
            self._check_file()
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads: on SQLite it waits for no other."""
        with translated(self.name):
            self._check_file()
            async with self._engine.connect() as connection:
                await connection.execution_options(**READ_ONLY)
                yield connection

    def _check_file(self) -> None:
        """Check that the file still has its name: SQLite goes on with one that was removed, which nobody else sees.

        Raises LedgerError.
        """
        if self._opened is None:
            return
        try:
            is_there = os.path.samestat(self._opened, os.stat(self.name))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise LedgerError(f"the ledger {self.name} was removed or replaced while it was in use: start again")


def _check_is_ledger(connection: sqlite3.Connection, name: str) -> None:
    """Raise UsageError for a file that is no database, or another program's: nothing may be written into it."""
    try:
        tables = {one for (one,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise UsageError(f"{name} is no ledger: {error}; {FORMS}") from error
    if tables and "alembic_version" not in tables:
        raise UsageError(f"{name} is no ledger but a database of another program: {FORMS}")


def _is_read_only(path: Path) -> bool:
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_engine(path: Path) -> AsyncEngine:
    """For a file that nobody can change. Raises LedgerError where its `-wal` has a part of it: that cannot be read."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.is_file() and wal.stat().st_size:
        raise LedgerError(f"the ledger {path} is read-only, and {wal.name} is needed too: copy both to another folder")
    address = f"file:{quote(str(path.absolute()))}"
    return create_async_engine(URL.create("sqlite+aiosqlite", database=address, query=IMMUTABLE))


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # else sqlite3 begins transactions by itself, and too late
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails where another one wrote in between.
    reads = READ_ONLY.items() <= connection.get_execution_options().items()
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
