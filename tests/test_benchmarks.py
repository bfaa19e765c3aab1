"""The benchmarks that nothing else uses still run, at their smallest: not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from examples.sample_clip import Image, pan, write_clip

ROOT = Path(__file__).parent.parent


def run(*arguments: object) -> str:
    call = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_steps(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "face.mp4", pan(face, (160, 120), 2), audio_codec=None)
    costs = json.loads(run("benchmarks.steps", "--clip", clip, "--json"))
    assert costs["function: detect"] > 0 and costs["encode"] > 0


def test_scale() -> None:
    *_, row = run("benchmarks.scale", "--workers", 1, "--run-seconds", 1, "--videos", 1).splitlines()
    assert row.startswith("| 1 | ")
