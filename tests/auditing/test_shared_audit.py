"""Several processes audit one folder: each output is audited by one of them, and all know every report."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceblur.auditing.report import report_path
from tests.auditing.test_folder_audit import folder, made  # noqa: F401 (fixtures)
from tests.cli.calls import invoke


@contextmanager
def held(output: Path) -> Iterator[None]:
    """As another process holds an output while it audits it."""
    with output.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def audit(made_in: Path, function_url: str) -> Iterator[subprocess.Popen[str]]:
    call = [sys.executable, "-m", "faceblur", "audit", made_in / "in", made_in / "out", "--function", function_url]
    with subprocess.Popen([*map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_another_process_audits_comes_last_and_is_taken_over(folder: Path, function_url: str) -> None:  # noqa: F811
    first, second = folder / "out" / "a.mp4", folder / "out" / "deep" / "b.mp4"
    with audit(folder, function_url) as process:
        assert process.stderr is not None
        with held(first):
            while "waiting for 1 output that other processes audit" not in (line := process.stderr.readline()):
                assert line, "it ended"
            assert report_path(second, "json").exists() and not report_path(first, "json").exists()
            assert invoke("audit", folder / "in" / "a.mp4", first, "--function", function_url).exit_code == 0
            written = report_path(first, "json").stat().st_mtime_ns
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and "2 outputs audited: nothing exposed was found" in output
    assert report_path(first, "json").stat().st_mtime_ns == written  # not audited twice


def test_two_at_once_end_with_the_same_reports(folder: Path, function_url: str) -> None:  # noqa: F811
    with audit(folder, function_url) as one, audit(folder, function_url) as other:
        tables = [process.communicate(timeout=120)[0] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0)
    assert tables[0] == tables[1] and "2 outputs audited: nothing exposed was found" in tables[0]
    assert not list((folder / "out").rglob("*.searched.jsonl"))
