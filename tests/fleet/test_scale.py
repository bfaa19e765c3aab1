"""A fleet's limits in time and number: when a killed worker's video is taken over, many jobs, workers that wait."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from faceblur.ledger.database import Database
from faceblur.ledger.queries import count_jobs, list_jobs
from faceblur.ledger.submissions import NewJob, submit
from tests.support.deadly import SLOW
from tests.support.fleet import WorkerProcess, put_in, rows, tree, until
from tests.support.postgres import PostgresServer


def test_a_killed_workers_video_is_taken_over_within_a_minute(
    postgres: PostgresServer, function_url: str, long_clip: Path, tmp_path: Path
) -> None:
    ledger = postgres.create("killed")
    source, out = tree(tmp_path / "in", long_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    with WorkerProcess(ledger, function_url, code=SLOW) as first:
        until(lambda: list(out.glob(".*")))
        with WorkerProcess(ledger, function_url):
            time.sleep(3)  # it waits for work
            first.send(signal.SIGKILL)
            killed = time.monotonic()
            until(lambda: rows(ledger)[0].attempt == 2)
            assert time.monotonic() - killed < 60
            until(lambda: rows(ledger)[0].state == "done")
    assert {path.name for path in out.iterdir()} == {"000.mp4", "000.mp4.faces.jsonl"}


def test_ten_thousand_jobs_are_shown_in_under_a_second(ledger: str) -> None:
    async def run() -> tuple[float, float]:
        async with Database(ledger) as database:
            names = [f"{number}.mp4" for number in range(10_000)]
            jobs = [NewJob(Path("/in", name), Path("/out", name), {}, {"name": name}, 100) for name in names]
            for first in range(0, len(jobs), 1000):
                await submit(database, jobs[first : first + 1000])
            passed, computed = [], []
            for _ in range(5):  # the machine may be busy with something else
                began = time.monotonic()
                sum(range(4_000_000))  # a tenth of a second
                computed.append(time.monotonic() - began)
                began = time.monotonic()
                counts, some = await count_jobs(database), await list_jobs(database, limit=200)
                passed.append(time.monotonic() - began)
                assert counts.states == {"queued": 10_000} and len(some) == 200
            return min(passed), min(computed)

    passed, computed = asyncio.run(run())
    assert passed < max(1, 10 * computed)


def test_workers_that_wait_ask_less_than_once_a_second(postgres: PostgresServer, function_url: str) -> None:
    ledger = postgres.create("waiting")

    def asked() -> int:
        """The number of transactions so far."""

        async def ask() -> int:
            counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            async with Database(ledger) as database, database.read() as connection:
                return int((await connection.execute(text(counted))).scalar_one())

        return asyncio.run(ask())

    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(ledger, function_url)) for _ in range(2)]
        for worker in workers:
            worker.until_logged("waiting for more to be submitted")
        time.sleep(11)  # so long it may take until the database counts a transaction
        before = asked()
        time.sleep(15)
        assert 0 < (asked() - before) / 15 / 2 < 1
