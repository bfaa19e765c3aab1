"""What a run logs on stderr, and the summary that it prints."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image
from tests.cli.calls import COMMAND, invoke


def test_json_log_and_quiet(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    shared = ("--function", function_url)
    done = subprocess.run(
        [
            *COMMAND,
            "run",
            str(face_clip),
            "-o",
            str(tmp_path / "a"),
            *shared,
            "--log-json",
            "-v",
        ],
        capture_output=True,
        text=True,
    )
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert {entry["event"] for entry in entries if "event" in entry} >= {"started", "ended"}
    done = subprocess.run(
        [*COMMAND, "run", str(face_clip), "-o", str(tmp_path / "b"), *shared, "-q"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_summary_has_where_the_time_went(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    # So many requests that some wait for the worker.
    options = ("--function", function_url, "--batch-size", 1, "--detect-every", 1)
    output = invoke("run", face_clip, "-o", tmp_path, *options).output
    for word in ("decode", "JPEG", "function: queue", "function: detect", "function: redact", "write", "frames", "fps"):
        assert word in output
    assert re.search(r"by retinaface-mobilenet0\.25 on cpu, which searched \d+ frames\n", output)
    assert output.rstrip().splitlines()[-1].startswith("bound by ")


def test_summary_has_the_command_that_audits_the_output(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    source, out = tmp_path / "with a blank.mp4", tmp_path / "out"
    source.write_bytes(face_clip.read_bytes())
    output = invoke("run", source, "-o", out, "--function", function_url).output
    (line,) = [line for line in output.splitlines() if line.startswith("before an output is published, check it: ")]
    assert shlex.split(line.split(": ", 1)[1]) == ["faceblur", "audit", str(source), str(out / source.name)]
    # Nothing was written: there is nothing to check.
    assert "check it" not in invoke("run", source, "-o", out, "--function", function_url).output


def test_an_edited_output_is_to_be_audited_again(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    """The pages of the audit before are of the output as it was."""
    out = tmp_path / "out.mp4"
    invoke("run", face_clip, "-o", out, "--function", function_url)
    output = invoke("edit", out, "--add", "10,10,60,60@0.2-0.5").output
    assert f"check it: faceblur audit {face_clip} {out}\n" in output


def test_images_are_not_audited(face: Image, function_url: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), face)
    output = invoke("image", tmp_path / "a.png", "-o", tmp_path / "out", "--function", function_url).output
    assert "1 done" in output and "faceblur audit" not in output


def test_the_command_names_folders_as_the_call_did(
    face_clip: Path, function_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        Path("in").mkdir(exist_ok=True)
        Path("in", name).write_bytes(face_clip.read_bytes())
    relative = invoke("run", "in", "-o", "out", "--function", function_url).output
    absolute = invoke("run", tmp_path / "in", "-o", tmp_path / "new", "--function", function_url).output
    assert "faceblur audit in out\n" in relative
    assert f"faceblur audit {tmp_path}/in {tmp_path}/new\n" in absolute
    Path("in").rename("-in")
    dashed = invoke("run", "-o", "other", "--function", function_url, "--", "-in").output
    assert "faceblur audit ./-in other\n" in dashed


def test_a_run_that_wrote_nothing_does_not_say_what_bound_it(function_url: str, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 99)
    output = invoke("run", tmp_path / "broken.mp4", "-o", tmp_path / "out", "--function", function_url).output
    assert "1 file: 1 failed" in output and "bound by" not in output and "at a time" not in output


def test_a_preview_that_is_not_written_takes_no_time(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    for options, listed in (((), False), (("--preview", "--overwrite"), True)):
        output = invoke("run", face_clip, "-o", tmp_path, "--function", function_url, *options).output
        assert any(line.startswith("preview ") for line in output.splitlines()) == listed
