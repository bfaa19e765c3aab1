"""Reports are written also where another audit writes the same ones."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from faceblur.auditing import report_files
from faceblur.auditing.report import report_path
from faceblur.auditing.report_files import write_report
from faceblur.base.atomic_files import AtomicFile
from faceblur.base.errors import UsageError


def test_it_waits_for_another_audit_that_writes_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    other = AtomicFile(path)
    other.file.write(b"other")
    timer = threading.Timer(0.3, other.finish)
    timer.start()
    write_report(path, b"own")
    timer.join()
    assert path.read_bytes() == b"own" and list(tmp_path.iterdir()) == [path]


def test_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "PATIENCE", 0.1)
    other = AtomicFile(tmp_path / "report.json")
    with pytest.raises(UsageError, match="cannot be written into"):
        write_report(tmp_path / "report.json", b"own")
    other.abort()


def test_the_reports_of_an_output_with_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    names = [f"{'я' * 125}{number}.mp4" for number in (1, 2)]
    for name in names:
        for suffix in ("json", "html"):
            write_report(report_path(tmp_path / name, suffix), b"own")  # type: ignore[arg-type]
    assert len(list(tmp_path.glob("*.audit.*"))) == 4
    assert report_path(tmp_path / "clip.mp4", "json") == tmp_path / "clip.mp4.audit.json"
