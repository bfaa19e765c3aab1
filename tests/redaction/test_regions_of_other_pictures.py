"""Regions by hand where there is more than one video of one size: images, cover art, frames that change their size."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.cli import fleet  # noqa: F401  # it adds its commands
from tests.redaction.regions import COVERED, faces, is_covered, run, text, textured
from tests.support.awkward_kind import run_ffmpeg
from tests.support.changing import write_parts


def test_cover_art_is_left_out_since_its_regions_are_unknown(face: Image, function_url: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pan(face, (192, 144), 12))
    cv2.imwrite(str(tmp_path / "art.png"), face)
    (tmp_path / "in").mkdir()
    art = (
        "-i {source} -i " + str(tmp_path / "art.png") + " -map 0 -map 1 -c copy -disposition:v:1 attached_pic {target}"
    )
    run_ffmpeg(art, source=clip, target=tmp_path / "in" / "a.mp4")
    options = faceblur.Options(cover=(text(COVERED),))
    report = faceblur.blur(tmp_path / "in", tmp_path / "out", options=options, function=[function_url])
    (one,) = report.files.values()
    assert [note for note in one.left_out if "cover art: the regions to cover have no place in it" in note]
    assert one.by_hand == ("covered by hand: 8,100,72,180 in 12 frames",)
    sidecar = faceblur.sidecar_path(tmp_path / "out" / "a.mp4")
    run("render", tmp_path / "in" / "a.mp4", sidecar, "-o", tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out" / "a.mp4").read_bytes()


@pytest.mark.parametrize("alpha", [False, True])
def test_images(face: Image, function_url: str, tmp_path: Path, alpha: bool) -> None:
    image = textured(face)
    stored = np.dstack([image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)]) if alpha else image
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    shared = ("--function", function_url, "--spare", "0,0,512,512")
    output = run("image", tmp_path / "a.png", "-o", tmp_path / "out", "--cover", text(COVERED), *shared)
    assert "covered by hand: 8,100,72,180 in 1 frame" in output and re.search(
        "spared by hand: . faces? in 1 frame", output
    )
    written = cv2.imread(str(tmp_path / "out" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    for channel in range(stored.shape[2]):
        a, b = (np.dstack([one[..., channel]] * 3) for one in (stored, written))
        assert is_covered(a, b, COVERED)
        x1, y1, x2, y2 = COVERED
        rest = a != b
        rest[y1:y2, x1:x2] = False
        assert not rest.any()
    run("image", tmp_path / "a.png", "-o", tmp_path / "far", "--cover", "600,0,700,9", *shared, code=1)


def test_a_box_outside_of_the_first_frames_of_a_video_that_changes_its_size(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    """The frames get the largest size: the box is in these pixels, and the first frames are scaled to them."""
    (tmp_path / "in").mkdir()
    parts = ("-c:v libx264 -s 160x120", "-c:v libx264 -s 320x240")
    clip = write_parts(face_clip, tmp_path / "in" / "a.ts", parts, 24)
    run("run", clip, "-o", tmp_path, "--cover", "250,150,310,210", "--function", function_url)
    listed = faces(tmp_path / "a.ts")
    assert len(listed) == 48 and all("region" in {one.state for one in one_frame} for one_frame in listed)
    output = run("run", clip, "-o", tmp_path / "far", "--cover", "330,0,400,50", "--function", function_url, code=1)
    assert "lies outside of its frames of 320x240" in output
