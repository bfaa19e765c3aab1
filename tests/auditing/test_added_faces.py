"""A face that the output shows where the source has none, as one that was put elsewhere, fails the audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.report import report_path
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from tests.cli.calls import invoke
from tests.support import clips as media

FRAMES, CHANGED = 12, 7


@pytest.mark.parametrize("models", ["one", "both"])
def test_face_elsewhere(face: Image, function_url: str, tmp_path: Path, models: str) -> None:
    corner = (np.pad(one, ((0, 240), (0, 320), (0, 0)), constant_values=90) for one in pan(face, (192, 144), FRAMES))
    clip = write_clip(tmp_path / "clip.mp4", corner, audio_codec=None)
    assert invoke("run", clip, "-o", tmp_path / "out", "--function", function_url).exit_code == 0
    good = tmp_path / "out" / "clip.mp4"
    with SidecarReader(sidecar_path(good)) as sidecar:
        x1, y1, x2, y2 = (round(value) for value in list(sidecar)[CHANGED].faces[0].box)
    rows, columns = slice(max(0, y1 - 12), y2 + 12), slice(max(0, x1 - 12), x2 + 12)
    shown, frames = media.frames(clip)[CHANGED][rows, columns], media.frames(good)
    frames[CHANGED][-len(shown) :, -len(shown[0]) :] = shown
    output = write_clip(tmp_path / "pasted.mp4", frames, audio_codec=None)
    shutil.copy(sidecar_path(good), sidecar_path(output))
    function = ("--function", function_url) if models == "one" else ()
    assert invoke("audit", clip, output, *function).exit_code == 1
    (found,) = json.loads(report_path(output, "json").read_text())["findings"]
    assert (found["kind"], found["first_frame"], found["last_frame"]) == ("uncovered", CHANGED, CHANGED)
    assert "which the source has not here" in found["text"] and found["box"][0] > 320 and found["box"][1] > 240
