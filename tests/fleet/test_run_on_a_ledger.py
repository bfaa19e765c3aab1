"""`run --ledger` is `submit` and `work` in one: what is started again goes on from the ledger."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.fleet.test_workers import tree
from tests.support.clips import frames, number
from tests.support.deadly import HELD, SLOW, held_until
from tests.support.fleet import WorkerProcess, faceblur, put_in, rows, states, until


def test_what_is_started_again_goes_on(ledger: str, function_url: str, short_clip: Path, tmp_path: Path) -> None:
    source, out = tree(tmp_path / "in", short_clip, 3), tmp_path / "out"
    (source / "broken.mp4").write_bytes(short_clip.read_bytes()[:3000])
    run = ("run", source, "-o", out, "--ledger", ledger, "--function", function_url)
    first = faceblur(*run)
    assert first.returncode == 1 and "4 files: 3 done, 1 failed" in first.stdout, first.stdout + first.stderr
    assert [one.state for one in rows(ledger)] == ["done"] * 3
    before = {path.name: path.stat().st_ino for path in out.iterdir()}
    again = faceblur(*run)
    assert again.returncode == 1 and "3 skipped, 1 failed" in again.stdout, again.stdout + again.stderr
    assert {path.name: path.stat().st_ino for path in out.iterdir()} == before
    (source / "broken.mp4").unlink()
    solid = faceblur(*run, "--style", "solid")
    assert solid.returncode == 0 and "3 files: 3 done" in solid.stdout, solid.stdout + solid.stderr


def test_what_a_killed_run_had_done_is_not_done_again(
    ledger: str, function_url: str, short_clip: Path, long_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 2), tmp_path / "out"
    (source / "long.mp4").write_bytes(long_clip.read_bytes())
    command = ["run", source, "-o", out, "--ledger", ledger, "--function", function_url]
    arguments = [sys.executable, "-c", SLOW, *map(str, command)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: [one.state for one in rows(ledger)].count("done") == 2)
        process.send_signal(signal.SIGKILL)
    done = faceblur(*command)
    assert done.returncode == 0 and "2 skipped" in done.stdout, done.stdout + done.stderr
    # What it had in work was its own: it does not wait until the lease of a killed worker ends.
    assert "waiting" not in done.stderr
    attempts = {Path(one.source).name: (one.state, one.attempt) for one in rows(ledger)}
    assert attempts == {"000.mp4": ("done", 1), "001.mp4": ("done", 1), "long.mp4": ("done", 2)}
    assert [number(image) for image in frames(out / "000.mp4")] == list(range(24))
    assert len(frames(out / "long.mp4")) == 300 and not list(out.glob(".*"))


def test_a_run_says_that_it_waits_for_another_worker(
    file_ledger: str, function_url: str, short_clip: Path, long_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 1), tmp_path / "out"
    (source / "long.mp4").write_bytes(long_clip.read_bytes())
    put_in(source, "-o", out, "--ledger", file_ledger)
    release = tmp_path / "release"
    arguments = (file_ledger, function_url, "--until-empty", "--jobs", "1")
    command = ["run", source, "-o", out, "--ledger", file_ledger, "--function", function_url]
    with WorkerProcess(*arguments, code=HELD, environment=held_until(release)) as other:
        until(lambda: "running" in states(file_ledger))
        with subprocess.Popen(
            [sys.executable, "-m", "faceblur", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            assert run.stdout is not None and run.stderr is not None
            errors = run.stderr.readline()
            while "waiting for videos that other workers have" not in errors:
                assert run.poll() is None, errors
                errors += run.stderr.readline()
            release.touch()
            errors += run.stderr.read()
            assert "another worker has done it" in run.stdout.read()
        other.wait()
    assert run.returncode == 0, errors
    assert errors.count("waiting for videos that other workers have") == 1
    assert "40 s after its last heartbeat" in errors


def test_outputs_that_were_done_before_are_audited_too(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 1), tmp_path / "out"
    run = ("run", source, "-o", out, "--ledger", file_ledger, "--audit", "--function", function_url)
    first = faceblur(*run)
    assert first.returncode == 0 and "1 output audited: nothing exposed was found" in first.stdout, first.stdout
    (out / "000.mp4").write_bytes(short_clip.read_bytes())
    again = faceblur(*run)
    assert again.returncode == 1 and "1 output audited: do not publish" in again.stdout, again.stdout


def test_a_run_is_not_good_while_one_of_its_videos_is_not_done(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 3), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", file_ledger)
    assert faceblur("jobs", "--ledger", file_ledger, "pause", 2).returncode == 0
    run = faceblur("run", source, "-o", out, "--ledger", file_ledger, "--function", function_url)
    assert run.returncode == 1 and "3 files: 2 done, 1 failed" in run.stdout, run.stdout + run.stderr
    assert "its job is paused" in run.stderr
    assert sorted(one.name for one in out.glob("*.mp4")) == ["000.mp4", "002.mp4"]
    assert faceblur("jobs", "--ledger", file_ledger, "resume", 2).returncode == 0
    again = faceblur("run", source, "-o", out, "--ledger", file_ledger, "--function", function_url)
    assert again.returncode == 0 and "1 done, 2 skipped" in again.stdout, again.stdout + again.stderr


def test_a_worker_of_a_ledger_without_videos_says_so(file_ledger: str, short_clip: Path, tmp_path: Path) -> None:
    nothing = "no video waits or runs in this ledger"
    worked = faceblur("work", "--ledger", file_ledger, "--until-empty")
    assert worked.returncode == 0 and nothing in worked.stderr
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(short_clip.read_bytes()[:100])
    ran = faceblur("run", broken, "-o", tmp_path / "out", "--ledger", file_ledger)
    assert ran.returncode == 1 and nothing not in ran.stderr and "broken.mp4" in ran.stderr
