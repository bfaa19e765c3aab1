"""A PostgreSQL server of Debian's packages on a free port of this machine, for a short time, with a folder of its own.

The tests, a benchmark and `make fleet-demo` start one. It has no password and does not survive a power cut.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian does not put on the path; None: it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("pg_ctl")
    return Path(on_path).parent if on_path else None


class LocalPostgres:
    """A server with one empty database `faceblur`; `url` is its address. Its files are on `disk`. A context manager."""

    def __init__(self, disk: Path | None = None, *, connections: int = 100) -> None:
        found = programs()
        if found is None:
            raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
        self._programs, self._connections = found, connections
        self._folder = tempfile.TemporaryDirectory(prefix="faceblur-pg-", dir=disk)
        self.data = Path(self._folder.name, "data")
        # PostgreSQL refuses to run as root.
        self._as_user: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
        self.user = "postgres" if os.getuid() == 0 else getpass.getuser()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return self.url_of("faceblur")

    def url_of(self, database: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        log = Path(self._folder.name, "log")
        # In a session of its own: a Ctrl-C in the terminal is not meant for it.
        done = subprocess.run(
            command, cwd="/", capture_output=True, text=True, timeout=60, start_new_session=True, **self._as_user
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        options += f" -c max_connections={self._connections}"
        self.run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", f"{self._folder.name}/log", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.data))

    def create(self, database: str) -> str:
        """A new empty database; its address."""
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), database)
        return self.url_of(database)

    def __enter__(self) -> Self:
        if self._as_user:
            shutil.chown(self._folder.name, "postgres")
        try:
            self.run("initdb", "-D", str(self.data), "-A", "trust", "-U", self.user, "-N", "--wal-segsize=1")
            self.start()
            self.create("faceblur")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        self._folder.cleanup()
