"""A real PostgreSQL server, and what the tests do to it."""

from __future__ import annotations

import subprocess

from examples.local_postgres import LocalPostgres


class PostgresServer(LocalPostgres):
    """A server with one empty database `faceblur`; `url` is its address. Its files are on `disk`. A context manager."""

    def write_log(self) -> bool:
        """Have it begin another file of its write-ahead log. False: it does not answer, or cannot write."""
        command = [str(self._programs / "psql"), self.url, "-c", "SELECT txid_current(), pg_switch_wal()"]
        return not subprocess.run(command, cwd="/", capture_output=True, timeout=60, **self._as_user).returncode

    def is_up(self) -> bool:
        command = [str(self._programs / "pg_ctl"), "status", "-D", str(self.data)]
        return not subprocess.run(command, cwd="/", capture_output=True, timeout=60, **self._as_user).returncode
