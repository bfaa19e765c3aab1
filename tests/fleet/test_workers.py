"""Workers that are killed, frozen and stopped: each video ends once, with the right output, and nothing is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from faceblur.fleet.heartbeat import Heartbeat
from tests.support.clips import frames, number
from tests.support.deadly import DEADLY, GUARDED, SLOW
from tests.support.fleet import WorkerProcess, faceblur, put_in, rows, states, tree, until

LEASE = ("--lease", "2")
VIDEOS = int(os.environ.get("FLEET_VIDEOS", "12"))  # of the test that kills workers


def test_every_video_is_done_once_while_workers_are_killed(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out, chance = tree(tmp_path / "in", short_clip, VIDEOS), tmp_path / "out", random.Random(7)
    put_in(source, "-o", out, "--ledger", ledger)
    with ExitStack() as stack:

        def worker() -> WorkerProcess:
            return stack.enter_context(WorkerProcess(ledger, function_url, "--jobs", "1", *LEASE))

        workers = [worker() for _ in range(4)]
        kills = 0
        while set(states(ledger)) != {"done"}:
            assert "failed" not in states(ledger), [one.reason for one in rows(ledger)]
            time.sleep(1.5)
            if kills < VIDEOS * 0.3:
                victim = chance.randrange(len(workers))
                workers[victim].send(signal.SIGKILL)
                workers[victim] = worker()
                kills += 1
        for one in workers:
            one.send(signal.SIGTERM)
        for one in workers:
            one.wait()
    for path in sorted(source.iterdir()):
        assert [number(image) for image in frames(out / path.name)] == list(range(24)), path
    names = {path.name for path in source.iterdir()}
    assert {path.name for path in out.iterdir()} == names | {f"{name}.faces.jsonl" for name in names}


def test_a_frozen_worker_does_not_replace_the_output_of_the_one_that_took_over(
    ledger: str, function_url: str, long_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", long_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    with WorkerProcess(ledger, function_url, *LEASE, code=SLOW) as first:
        until(lambda: rows(ledger)[0].state == "running")
        until(lambda: list(out.glob(".*")))
        first.freeze(ledger)
        with WorkerProcess(ledger, function_url, "--until-empty", *LEASE) as second:
            second.wait()
        assert rows(ledger)[0].attempt == 2 and rows(ledger)[0].state == "done"
        before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.iterdir()}
        first.send(signal.SIGCONT)
        time.sleep(3)
        first.send(signal.SIGTERM)
        first.wait()
    assert before == {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.iterdir()}
    assert sorted(before) == ["000.mp4", "000.mp4.faces.jsonl"]


def test_a_worker_that_is_stopped_gives_its_video_back(
    ledger: str, function_url: str, long_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", long_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    with WorkerProcess(ledger, function_url, "--lease", "3600", code=SLOW) as worker:
        until(lambda: rows(ledger)[0].state == "running")
        worker.send(signal.SIGTERM)
        worker.wait()
    [row] = rows(ledger)
    assert (row.state, row.error_kind) == ("queued", None)
    assert list(out.glob("*")) == []


def test_a_worker_whose_video_is_paused_did_not_fail(
    ledger: str, function_url: str, long_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", long_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    with WorkerProcess(ledger, function_url, "--until-empty", *LEASE, code=SLOW) as worker:
        until(lambda: rows(ledger)[0].state == "running")
        faceblur("jobs", "--ledger", ledger, "pause", 1)
        errors = worker.wait()
        assert worker.process.returncode == 0, errors
    assert rows(ledger)[0].state == "paused" and list(out.glob("*")) == []


def test_a_running_job_is_paused_and_cancelled(ledger: str, function_url: str, long_clip: Path, tmp_path: Path) -> None:
    source, out = tree(tmp_path / "in", long_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    with WorkerProcess(ledger, function_url, *LEASE, code=SLOW):
        until(lambda: rows(ledger)[0].state == "running")
        assert "paused: 1" in faceblur("jobs", "--ledger", ledger, "pause", 1).stdout
        until(lambda: rows(ledger)[0].state == "paused")
        faceblur("jobs", "--ledger", ledger, "resume", 1)
        until(lambda: rows(ledger)[0].state == "running")
        faceblur("jobs", "--ledger", ledger, "cancel", 1)
        until(lambda: rows(ledger)[0].state == "cancelled")
    assert list(out.glob("*")) == []


def test_a_video_that_kills_its_worker_is_set_aside_with_its_crash_named(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 3), tmp_path / "out"
    (source / "001.mp4").rename(source / "deadly.mp4")
    put_in(source, "-o", out, "--ledger", ledger)
    code = GUARDED.format(code=DEADLY.format(signal=int(signal.SIGSEGV)))
    command = ["work", "--ledger", ledger, "--function", function_url, "--until-empty", *LEASE]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=120)
    found = {Path(one.source).name: one for one in rows(ledger)}
    assert {name: one.state for name, one in found.items()} == {
        "000.mp4": "done",
        "002.mp4": "done",
        "deadly.mp4": "failed",
    }, done.stderr
    reason = found["deadly.mp4"].reason or ""
    assert "a codec died" in reason and "SIGSEGV" in reason and "the last of 3 attempts" in reason
    assert {path.name.partition(".mp4")[0] for path in out.iterdir()} == {"000", "002"}, "it leaves nothing"


def test_broken_files_are_named_and_not_tried_again(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 2), tmp_path / "out"
    (source / "001.mp4").write_bytes(short_clip.read_bytes()[: short_clip.stat().st_size // 2])
    submitted = faceblur("submit", source, "-o", out, "--ledger", ledger)
    assert submitted.returncode == 1
    assert submitted.stdout == "1 put in; 1 cannot be read\n"
    assert "error: " in submitted.stderr and "001.mp4: " in submitted.stderr


def test_submit_puts_in_what_is_not_there(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out, ledger = tree(tmp_path / "in", short_clip, 3), tmp_path / "out", file_ledger
    submit = ("submit", source, "-o", out, "--ledger", ledger)
    assert faceblur(*submit).stdout == "3 put in\n"
    assert faceblur(*submit).stdout == "3 in the ledger already\n"
    worked = faceblur("work", "--ledger", ledger, "--function", function_url, "--until-empty")
    assert worked.returncode == 0, worked.stderr
    assert faceblur(*submit).stdout == "3 done already\n"
    assert faceblur(*submit, "--style", "solid").stdout == "3 put in\n"
    (out / "000.mp4").unlink()
    assert faceblur(*submit, "--overwrite").stdout == "3 put in\n"
    found = json.loads(faceblur("jobs", "--ledger", ledger, "--json").stdout)
    assert len(found["jobs"]) == 6 and found["states"] == {"queued": 3, "cancelled": 3}


def test_what_a_run_wrote_is_not_done_again(function_url: str, short_clip: Path, tmp_path: Path) -> None:
    source, out, ledger = tree(tmp_path / "in", short_clip, 2), tmp_path / "out", tmp_path / "ledger.db"
    assert faceblur("run", source, "-o", out, "--function", function_url).returncode == 0
    (out / "001.mp4.faces.jsonl").unlink()
    assert faceblur("submit", source, "-o", out, "--ledger", ledger).stdout == "1 put in; 1 done already\n"


def test_a_worker_says_that_it_waits_for_more(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source = tree(tmp_path / "in", short_clip, 1)
    put_in(source, "-o", tmp_path / "out", "--ledger", file_ledger)
    waits = "no video waits or runs: waiting for more to be submitted"
    with WorkerProcess(file_ledger, function_url, "--lease", "2") as worker:
        assert worker.process.stderr is not None
        said = [line := worker.process.stderr.readline()]
        while waits not in line:
            assert line, said
            said.append(line := worker.process.stderr.readline())
        time.sleep(3)  # ten looks for work
        worker.send(signal.SIGTERM)
        said += worker.process.stderr.readlines()
    assert states(file_ledger) == {"done": 1}
    assert "".join(said).count(waits) == 1 and "other workers have" not in "".join(said)


def test_a_worker_ends_after_its_heartbeat(file_ledger: str) -> None:
    for seconds in (0.0, 0.1):
        with Heartbeat(file_ledger, list, lambda *_: None, 40):
            time.sleep(seconds)
        # A process whose heartbeat is in the ledger's library while it ends crashes, one time in ten.
        assert "heartbeat" not in [thread.name for thread in threading.enumerate()]
