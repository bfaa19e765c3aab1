"""Workers as processes of their own, as on a cluster, and what the ledger says of their jobs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from click.testing import CliRunner
from sqlalchemy import text

from faceblur.cli import fleet  # noqa: F401  # it adds its commands
from faceblur.cli.app import main
from faceblur.ledger.database import Database
from faceblur.ledger.queries import JobRow, list_jobs, show_job

WAIT_SECONDS = 120.0


def faceblur(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faceblur", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, env=os.environ | variables)


def put_in(*arguments: object) -> None:
    """`faceblur submit` in this process, in a tenth of the time: for tests of what comes after it."""
    done = CliRunner().invoke(main, ["submit", *map(str, arguments)])
    assert done.exit_code == 0, done.output


class WorkerProcess:
    """`faceblur work`, whose group of processes ends with it. A context manager.

    Without `function` it runs its own. `code` runs the driver in its stead, without the crash guard; `before` is a
    command that starts it, as `nice` does.
    """

    def __init__(
        self,
        ledger: str,
        function: str | None,
        *arguments: str,
        code: str | None = None,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        program = ["-m", "faceblur"] if code is None else ["-c", code]
        given = () if function is None else ("--function", function)
        command = ["work", "--ledger", ledger, *given, "--log-json", *arguments]
        self.process = subprocess.Popen(
            [*before, sys.executable, *program, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
        )

    def pids(self) -> list[int]:
        """Of its child, which does the work, and of the worker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [*map(int, children), self.process.pid]

    def send(self, number: int) -> None:
        """Send a signal to both."""
        for pid in self.pids():
            os.kill(pid, number)

    def freeze(self, ledger: str) -> None:
        """Stop both while they are in no transaction of the ledger: it would keep its locks."""

        def frozen() -> bool:
            self.send(signal.SIGSTOP)
            if asyncio.run(_is_in_transaction(ledger)):
                self.send(signal.SIGCONT)
                return False
            return True

        until(frozen)

    def metrics_port(self) -> int:
        """Where its figures are, of a worker with `--metrics-port 0`."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().split()[-1])

    def until_logged(self, text: str) -> None:
        """Wait for a line that it logs. Not before `wait`: some of what comes after the line would be lost."""
        assert self.process.stderr is not None
        assert any(text in line for line in iter(self.process.stderr.readline, "")), f"{text}: not logged"

    def wait(self) -> str:
        """What it logged, once it has ended."""
        _, errors = self.process.communicate(timeout=WAIT_SECONDS)
        return errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
        self.process.communicate(timeout=WAIT_SECONDS)


async def _is_in_transaction(ledger: str) -> bool:
    """Whether anybody else writes to a ledger at this moment."""
    async with Database(ledger) as database:
        if database.is_sqlite:
            with closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    assert "locked" in str(error)
                    return True
                return False
        others = "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
        async with database.read() as connection:
            state = text(f"SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND {others}")
            return bool((await connection.execute(state)).scalar_one())


def rows(ledger: str) -> list[JobRow]:
    """The jobs of a ledger, by their number."""

    async def ask() -> list[JobRow]:
        async with Database(ledger) as database:
            return sorted(await list_jobs(database), key=lambda one: one.id)

    return asyncio.run(ask())


def tree(folder: Path, clip: Path, count: int) -> Path:
    """A folder of so many short videos that differ."""
    folder.mkdir()
    for index in range(count):
        # Each is another video: one byte after the last box, which no player reads.
        shutil.copy(clip, folder / f"{index:03}.mp4")
        with (folder / f"{index:03}.mp4").open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + index.to_bytes(4, "big"))
    return folder


def states(ledger: str) -> dict[str, int]:
    """How many jobs of a ledger are in which state."""
    found: dict[str, int] = {}
    for one in rows(ledger):
        found[one.state] = found.get(one.state, 0) + 1
    return found


def attempts(ledger: str) -> set[int]:
    """How many attempts the jobs of a ledger took."""
    return {one.attempt for one in rows(ledger)}


def events(ledger: str, number: int) -> list[dict[str, Any]]:
    """The timeline of a job."""

    async def ask() -> list[dict[str, Any]]:
        async with Database(ledger) as database:
            found = await show_job(database, number)
            assert found is not None
            return list(found["events"])

    return asyncio.run(ask())


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for a condition."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.2)  # to ask a ledger takes a tenth of that
