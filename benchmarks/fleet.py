"""What a fleet costs its workers: N simulated workers, a process each, share one PostgreSQL and redact nothing.

    python -m benchmarks.fleet                        # 64 workers, videos of 30 seconds
    python -m benchmarks.fleet --workers 8 --kills 2

The workers are the real ones, with their heartbeats, claims and publishing; instead of a video they write a small file
and wait. So all of their CPU time is the fleet's. Then, with nothing to do, it is counted how often they ask; at last
some are killed, and it is measured when others took over what they had.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from benchmarks.machine import Others
from benchmarks.scale import table
from examples.local_postgres import LocalPostgres
from faceblur.base.atomic_files import temporary_path
from faceblur.fleet.shared_ledger import POLL_SECONDS, SharedLedger
from faceblur.jobs.job import Job
from faceblur.jobs.parallel_files import ParallelFiles
from faceblur.jobs.part_worker import PartWorker
from faceblur.jobs.parts import Part
from faceblur.jobs.report import Report
from faceblur.ledger.claims import LEASE_SECONDS
from faceblur.ledger.database import Database
from faceblur.ledger.submissions import NewJob, submit
from faceblur.redaction.threads import FileWork
from faceblur.redaction.written import Written

LEAVE = 0.2  # of the length of a video: by how much it is shorter or longer, by chance


class Simulated(Job):
    """A worker that redacts nothing."""

    def __init__(self, ledger: str) -> None:
        super().__init__()
        self._shared = SharedLedger(ledger)

    async def execute(self) -> Report:
        async with self._shared as shared:
            one_at_a_time: Any = ParallelFiles(None, 1)  # type: ignore[arg-type]
            no_codecs: Any = None
            await PartWorker(self, shared, wait_instead, no_codecs, one_at_a_time).work()
        return self.report


async def wait_instead(part: Part, work: FileWork) -> Written:
    """What a worker does in place of redacting a video: wait as long as its name says, and publish a file."""
    target = part.file.target
    await asyncio.sleep(float(target.name.split()[1]))
    temporary = temporary_path(target, part.publication.tag)
    temporary.write_bytes(b"simulated")
    await part.publication.begin([temporary])
    temporary.replace(target)
    return Written((), ())


def be_a_worker(ledger: str) -> None:
    """What each process does, until it gets a SIGTERM."""

    async def main() -> None:
        task = asyncio.ensure_future(Simulated(ledger).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait([task])

    asyncio.run(main())


@contextmanager
def workers(ledger: str, count: int) -> Iterator[list[psutil.Process]]:
    """So many workers, each a process that is forked when all is loaded."""
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=be_a_worker, args=(ledger,)) for _ in range(count)]
    try:
        for one in running:
            one.start()
        yield [psutil.Process(one.pid) for one in running]
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.join()


def ask(ledger: str, query: str) -> Sequence[Any]:
    async def asked() -> Sequence[Any]:
        async with Database(ledger) as database, database.read() as connection:
            return (await connection.execute(text(query))).all()

    return asyncio.run(asked())


def put_in(ledger: str, folder: Path, names: Sequence[str]) -> None:
    async def put() -> None:
        async with Database(ledger) as database:
            new = [NewJob(Path("/none", name), folder / name, {}, {"name": name}, 1000) for name in names]
            for first in range(0, len(new), 100):
                await submit(database, new[first : first + 100])

    asyncio.run(put())


def cpu_seconds(processes: Sequence[psutil.Process]) -> list[float]:
    return [sum(one.cpu_times()[:2]) for one in processes]


def of_server(server: LocalPostgres) -> float:
    """The CPU seconds that the server and its connections took, as far as they are there."""
    main = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
    return sum(cpu_seconds([main, *main.children()]))


@dataclass
class Measured:
    """Shares are of the time, `cpu` of one core for each worker; `takeovers` are seconds from kill to claim."""

    busy: float
    claims: float
    cpu: list[float]
    server: float
    asks: float
    takeovers: list[float]
    others: float

    def row(self, options: argparse.Namespace) -> dict[str, str]:
        cpu = sorted(one * 100 for one in self.cpu)
        found = f"{min(self.takeovers):.0f}, {statistics.median(self.takeovers):.0f}, {max(self.takeovers):.0f}"
        return {
            "workers": str(options.workers),
            "busy": f"{self.busy:.1%}",
            "claims/s": f"{self.claims:.1f}",
            "CPU of a worker, median and highest": f"{statistics.median(cpu):.2f} %, {cpu[-1]:.2f} %",
            "CPU of PostgreSQL": f"{self.server:.1%}",
            "transactions/s of an idle worker": f"{self.asks:.2f}",
            "take-over in s, lowest, median, highest": found,
            "others": f"{self.others:.0%}",
        }


def busy_share(ledger: str, count: int) -> tuple[float, float]:
    """The share of the time that workers had a part, and claims/s: from when all had one until one got no more."""
    spans = [(one.owner, one.started, one.ended) for one in ask(ledger, "SELECT owner, started, ended FROM attempt")]
    owners = {owner for owner, _, _ in spans}
    assert len(owners) == count, f"only {len(owners)} workers had a part"
    begin = max(min(started for name, started, _ in spans if name == owner) for owner in owners)
    end = min(max(ended for name, _, ended in spans if name == owner) for owner in owners)
    inside = sum(max(0.0, min(ended, end) - max(started, begin)) for _, started, ended in spans)
    claims = sum(begin <= started < end for _, started, _ in spans)
    return inside / (end - begin) / count, claims / (end - begin)


def wait_for(ledger: str, states: str, count: int) -> None:
    """Until so many parts are in one of these states."""
    while ask(ledger, f"SELECT count(*) FROM part WHERE state IN ({states})")[0][0] < count:
        time.sleep(1)


def transactions(ledger: str) -> int:
    query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    return int(ask(ledger, query)[0][0])


def kill_some(ledger: str, folder: Path, processes: Sequence[psutil.Process], kills: int) -> list[float]:
    """Seconds from the kill of a worker to the claim of its part by another one, where others are free."""
    put_in(ledger, folder, [f"victim {3600} {number}" for number in range(kills)])
    wait_for(ledger, "'running'", kills)
    owners = {one.owner: one.id for one in ask(ledger, "SELECT id, owner FROM part WHERE state = 'running'")}
    killed = {}
    for owner, part in owners.items():
        time.sleep(random.uniform(0, 10))  # anywhere between two heartbeats
        os.kill(int(owner.split(":")[1]), signal.SIGKILL)
        killed[part] = time.time()
    claimed = "SELECT part, started FROM attempt WHERE n = 2"
    while len(found := ask(ledger, claimed)) < kills:
        time.sleep(1)
    return [one.started - killed[one.part] for one in found]


def measure(options: argparse.Namespace) -> Measured:
    chance = random.Random(1)
    lengths = [options.seconds * chance.uniform(1 - LEAVE, 1 + LEAVE) for _ in range(options.workers * options.videos)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(LocalPostgres(connections=2 * options.workers + 20))
        put_in(server.url, folder, [f"video {seconds:.2f} {number}" for number, seconds in enumerate(lengths)])
        with Others() as others:
            processes = stack.enter_context(workers(server.url, options.workers))
            wait_for(server.url, "'running', 'done'", options.workers)
            began, cpu, of_postgres = time.monotonic(), cpu_seconds(processes), of_server(server)
            time.sleep(options.seconds * (options.videos - 1.5))
            passed = time.monotonic() - began
            shares = [(now - then) / passed for now, then in zip(cpu_seconds(processes), cpu, strict=True)]
            postgres = (of_server(server) - of_postgres) / passed
            wait_for(server.url, "'done'", len(lengths))
            busy, claims = busy_share(server.url, options.workers)
            time.sleep(2 * POLL_SECONDS)
            asked = transactions(server.url)
            time.sleep(options.idle_seconds)
            asks = (transactions(server.url) - asked) / options.idle_seconds / options.workers
            takeovers = kill_some(server.url, folder, processes, options.kills)
    return Measured(busy, claims, shares, postgres, asks, takeovers, others.share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30, help="mean length of a simulated video")
    parser.add_argument("--videos", type=int, default=4, help="for each worker")
    parser.add_argument("--idle-seconds", type=float, default=30)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    print(f"lease {LEASE_SECONDS:g} s, poll {POLL_SECONDS:g} s", file=sys.stderr)
    rows = []
    for _ in range(options.repeats):
        rows.append(measure(options).row(options))
        print(rows[-1], file=sys.stderr)
    print(table(rows))


if __name__ == "__main__":
    main()
