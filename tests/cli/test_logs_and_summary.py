"""What a run logs on stderr, and the summary that it prints."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.cli.calls import COMMAND, invoke


def test_json_log_and_quiet(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    shared = ("--function", function_url)
    done = subprocess.run(
        [
            *COMMAND,
            "run",
            str(face_clip),
            str(face_clip.parent),
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
