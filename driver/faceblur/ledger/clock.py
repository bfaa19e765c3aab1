"""The database's clock, in SQL: the clocks of the machines of a fleet differ, so that no lease may depend on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now(FunctionElement[float]):  # as SQL's own functions are written
    """Seconds since 1970 in UTC by the database's clock, as a float. It advances within a transaction."""

    type = Float()
    inherit_cache = True


class server_started(FunctionElement[float]):
    """When the database's server was started, in seconds since 1970; 0 for a database without a server."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_of_sqlite(element: now, compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # 2440587.5 is 1970 as a Julian day


@compiles(now, "postgresql")
def _now_of_postgresql(element: now, compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


@compiles(server_started, "sqlite")
def _started_of_sqlite(element: server_started, compiler: Any, **_: Any) -> str:
    return "0.0"


@compiles(server_started, "postgresql")
def _started_of_postgresql(element: server_started, compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM pg_postmaster_start_time()) AS double precision)"
