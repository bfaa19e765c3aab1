"""The database's errors as the ledger's: what may be over in a moment, and what stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from faceblur.base.errors import LedgerAway, LedgerError

# SQLite's messages for what no waiting mends: https://www.sqlite.org/rescode.html
LASTING = ("readonly database", "unable to open", "not a database", "malformed", "no such", "not authorized")
# PostgreSQL's: a wrong password, a missing database or right. https://www.postgresql.org/docs/current/errcodes-appendix.html
LASTING_CLASSES = ("28", "3D", "42")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise the database's errors as LedgerAway or LedgerError, in one line that names the database."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        silent = "no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__
        text = " ".join(str(cause).split("\n")[0].split()) or silent
        kind = LedgerError if _lasts(error, cause, text) else LedgerAway
        raise kind(f"the ledger {name}: {text}") from error


def _lasts(error: BaseException, cause: BaseException, text: str) -> bool:
    if isinstance(error, IntegrityError | ProgrammingError):
        return True
    code = str(getattr(cause, "sqlstate", None) or "")
    return code.startswith(LASTING_CLASSES) or any(one in text for one in LASTING)
