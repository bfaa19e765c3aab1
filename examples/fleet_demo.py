"""A fleet on one machine, from nothing to nothing: `make fleet-demo`.

It starts PostgreSQL, the function, three workers and Prometheus, has ten clips redacted, kills a worker in their midst,
shows what the ledger and Prometheus say, and stops everything again, also on Ctrl-C. All of it is in a temporary folder
and on free ports of this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from examples.local_postgres import LocalPostgres
from examples.sample_clip import astronaut, pan, write_clip
from faceblur.fleet.patience import until_answered
from faceblur.ledger.database import Database
from faceblur.ledger.queries import JobRow, count_jobs, list_jobs

CLIPS, WORKERS = 10, 3
LEASE_SECONDS = 6  # a fleet's is 40: here nobody wants to wait for so long
WAIT_SECONDS = 600
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "TERM")
ALERTS = Path(__file__).parent.parent / "deploy" / "monitoring" / "alerts.yaml"


class DemoError(Exception):
    """What went wrong, in one line."""


class Program:
    """A program that runs in the background, its output in a log. A context manager.

    It gets SIGTERM when the demo is killed.
    """

    def __init__(self, name: str, command: list[str], logs: Path) -> None:
        self.name, self.log = name, logs / f"{name.replace(' ', '-')}.log"
        # What a killed program leaves goes with the demo's folder.
        environment = os.environ | {"TMPDIR": str(logs)}
        # In a session of its own: a Ctrl-C in the terminal is for the demo, which stops the others in order.
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*WITH_ITS_PARENT, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )

    def said(self, text: str) -> str | None:
        """The last word of the first line with a text; None as long as there is none."""
        lines = [line for line in self.log.read_text().splitlines() if text in line]
        return lines[0].split()[-1] if lines else None

    def check(self) -> None:
        if self.process.poll() is not None:
            last = self.log.read_text().strip().splitlines()[-1:]
            raise DemoError(f"{self.name} ended with {self.process.returncode}: {' '.join(last)}")

    def is_parent_of(self, pid: int) -> bool:
        """Whether it started this process: the crash guard of a worker is one process, the worker itself another."""
        with suppress(OSError):
            return f"\nPPid:\t{self.process.pid}\n" in Path(f"/proc/{pid}/status").read_text()
        return False

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def until(condition: Callable[[], Any], what: str, *programs: Program) -> Any:
    """What a condition returns once that is true, while these programs run. Raises DemoError."""
    end = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        for one in programs:
            one.check()
        if time.monotonic() > end:
            raise DemoError(f"{what}: not within {WAIT_SECONDS} seconds")
        time.sleep(0.2)
    return found


def faceblur(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "faceblur", *map(str, arguments)]


def show(*arguments: object) -> None:
    """Run a command as a user would, and show it."""
    print(f"$ faceblur {' '.join(map(str, arguments))}", flush=True)
    subprocess.run(faceblur(*arguments), check=True, timeout=WAIT_SECONDS)


def jobs(ledger: str) -> list[JobRow]:
    async def ask() -> list[JobRow]:
        async with Database(ledger) as database:
            return await list_jobs(database)

    return asyncio.run(until_answered(ask))


def print_progress(ledger: str, began: float) -> None:
    async def ask() -> str:
        async with Database(ledger) as database:
            counts = await count_jobs(database)
            states = ", ".join(f"{number} {state}" for state, number in sorted(counts.states.items()))
            return f"{states}; {counts.frames_done} of {counts.frames_total} frames"

    print(f"{time.monotonic() - began:5.0f} s  {asyncio.run(until_answered(ask))}", flush=True)


def make_clips(folder: Path) -> None:
    for number in range(CLIPS):
        write_clip(folder / f"clip-{number:02}.mp4", pan(astronaut(), (640, 480), 50 + 5 * number))


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[Callable[[str], str]]:
    """A Prometheus that scrapes these addresses; a function that asks it."""
    program = shutil.which("prometheus")
    if program is None:
        raise DemoError("Prometheus is missing: apt-get install prometheus")
    # JSON is YAML too.
    config = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "faceblur", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]

    def ask(query: str) -> str:
        parameters = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{parameters}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return str(found[0]["value"][1]) if found else "nothing yet"

    def is_ready() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://{address}/-/ready", timeout=10):
            return True
        return False

    with Program("Prometheus", [*command, f"--web.listen-address={address}"], folder) as server:
        until(is_ready, "Prometheus answers", server)
        print(f"http://{address} scrapes {len(targets)} addresses every second")
        yield ask


def kill_a_worker(ledger: str, workers: list[Program]) -> JobRow:
    """Kill a worker that redacts a clip, with SIGKILL, as the kernel does when the memory runs out. Returns its job."""

    def busy() -> tuple[Program, JobRow] | None:
        for one in jobs(ledger):
            if one.state == "running" and one.owner:
                pid = int(one.owner.split(":")[1])
                for worker in workers:
                    if worker.is_parent_of(pid):
                        # Stopped, it cannot complete the clip before it is killed.
                        os.kill(pid, signal.SIGSTOP)
                        after = next(two for two in jobs(ledger) if two.id == one.id)
                        if (after.state, after.owner) == (one.state, one.owner):
                            return worker, one
                        os.kill(pid, signal.SIGCONT)
        return None

    worker, victim = until(busy, "a worker redacts a clip")
    worker.process.kill()
    worker.process.wait()
    workers.remove(worker)
    print(f"        {worker.name} is killed while it redacts {Path(victim.source).name}", flush=True)
    return victim


def run_fleet(ledger: str, workers: list[Program], began: float) -> JobRow:
    """Until every clip is done; a worker is killed in the midst. Returns the job that it had."""
    victim: JobRow | None = None
    shown = 0.0
    while True:
        states = [one.state for one in jobs(ledger)]
        if time.monotonic() - shown >= 2:
            shown = time.monotonic()
            print_progress(ledger, began)
        if victim is None and "done" in states:
            victim = kill_a_worker(ledger, workers)
        if "failed" in states:
            raise DemoError("; ".join(str(one.reason) for one in jobs(ledger) if one.state == "failed"))
        if victim is not None and set(states) == {"done"}:
            print_progress(ledger, began)
            return victim
        for one in workers:
            one.check()
        if time.monotonic() - began > WAIT_SECONDS:
            raise DemoError(f"the clips were not done within {WAIT_SECONDS} seconds")
        time.sleep(0.1)


def demo(folder: Path, stack: ExitStack) -> None:
    source, out = folder / "in", folder / "out"
    step("PostgreSQL, for the ledger")
    ledger = stack.enter_context(LocalPostgres()).url
    print(ledger)
    step("The function that detects faces, on this machine instead of a cluster")
    function = stack.enter_context(Program("the function", faceblur("serve", "--port", 0, "--workers", 1), folder))
    until(lambda: function.said(" on http://"), "the function answers", function)
    url = next(word for word in function.log.read_text().split() if word.startswith("http://"))
    print(url)
    step(f"{CLIPS} clips, put into the ledger")
    make_clips(source)
    show("submit", source, "-o", out, "--ledger", ledger)
    step(f"{WORKERS} workers")
    command = faceblur("work", "--ledger", ledger, "--function", url, "--jobs", 1, "--lease", LEASE_SECONDS)
    began = time.monotonic()
    workers = [
        stack.enter_context(Program(f"worker {number + 1}", [*command, "--metrics-port", "0"], folder))
        for number in range(WORKERS)
    ]
    print(" ".join(["$ faceblur", *command[3:]]))
    exporter = stack.enter_context(
        Program("the exporter", faceblur("jobs", "--ledger", ledger, "metrics", "--port", 0), folder)
    )
    ports = [until(lambda one=one: one.said("metrics on port"), one.name, one) for one in (*workers, exporter)]
    step("Prometheus")
    ask = stack.enter_context(prometheus(folder, [f"127.0.0.1:{port}" for port in ports]))
    step("The clips are redacted. A worker is killed once one is done")
    victim = run_fleet(ledger, workers, began)
    step("What the ledger says")
    show("jobs", "--ledger", ledger)
    print(f"\nThe clip of the killed worker was taken over after {LEASE_SECONDS} seconds without a heartbeat:")
    show("jobs", "--ledger", ledger, "show", victim.id)
    step("What Prometheus says")
    time.sleep(3)  # the last scrape
    print("One of the addresses does not answer any more: it was the killed worker's.")
    for query in ('faceblur_jobs{state="done"}', 'sum(faceblur_frames_total{action="masked"})', "sum(up)", "count(up)"):
        print(f"{query} = {ask(query)}")
    check(source, out)


def check(source: Path, out: Path) -> None:
    """Every clip has an output with a sidecar, and nothing else is there. Raises DemoError."""
    names = {path.name for path in source.iterdir()}
    expected = names | {f"{name}.faces.jsonl" for name in names}
    if (found := {path.name for path in out.iterdir()}) != expected:
        raise DemoError(f"the outputs are not as they should be: {sorted(found ^ expected)}")
    print(f"\n{len(names)} clips are done, each once, and nothing half written is left.")


def interrupt(*_: object) -> None:
    for number in STOPS:  # once is enough: what was started is being stopped
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    for number in STOPS:
        signal.signal(number, interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="faceblur-fleet-demo-") as folder, ExitStack() as stack:
            stack.callback(step, "Everything is stopped and removed")
            demo(Path(folder), stack)
    except KeyboardInterrupt:
        print("interrupted: everything is stopped", file=sys.stderr)
        return 130
    except (DemoError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
