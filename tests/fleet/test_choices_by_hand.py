"""What people chose goes through the ledger: a worker masks, spares, cuts and previews as a run does."""

from __future__ import annotations

from pathlib import Path

from faceblur import read_sidecar, sidecar_path
from faceblur.base.atomic_files import temporary_path
from faceblur.fleet.publishing import remove_attempt
from faceblur.ledger.claims import Lost
from faceblur.media.preview_writer import preview_path
from tests.support.clips import frames
from tests.support.fleet import faceblur

CHOICES = ("--cover", "0,0,40,40@0.2-0.3", "--spare", "0,0,320,240", "--start", "0.2", "--end", "0.6", "--preview")


def test_a_worker_does_what_was_chosen_and_other_choices_are_another_job(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    out, ledger = tmp_path / "out", ("--ledger", str(tmp_path / "ledger.db"))

    def submit(*options: str) -> str:
        done = faceblur("submit", face_clip, "-o", out, *ledger, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    submit(*CHOICES)
    done = faceblur("work", "--until-empty", *ledger, "--function", function_url)
    assert done.returncode == 0, done.stderr
    assert "faces in 10 frames stay visible" in done.stdout and "covered by hand: 0,0,40,40@0.2-0.3" in done.stdout
    target = out / face_clip.name
    sidecar = read_sidecar(sidecar_path(target))
    assert sidecar.header.settings.cover == ("0,0,40,40@0.2-0.3",) and sidecar.header.settings.end == 0.6
    assert len(sidecar.frames) == len(frames(target)) == len(frames(preview_path(target))) == 10
    report = faceblur("jobs", *ledger, "report")
    assert "spared by hand" in report.stdout and "covered by hand" in report.stdout, report.stderr
    assert "put in" not in submit(*CHOICES)
    for other in ((*CHOICES[:2], *CHOICES[4:]), (*CHOICES[:6], "--end", "0.5", "--preview")):
        assert "1 put in" in submit(*other, "--overwrite")


def test_the_preview_of_a_worker_that_stopped_is_removed(tmp_path: Path) -> None:
    left = temporary_path(preview_path(tmp_path / "clip.mp4"), "7.2")
    left.write_bytes(b"faces")
    remove_attempt(Lost(tmp_path / "clip.mp4", "7.2"))
    assert not left.exists()
