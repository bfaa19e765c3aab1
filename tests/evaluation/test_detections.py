"""What the function detects in labelled images and videos, as a viewer sees them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from examples.sample_clip import Image, write_clip
from faceblur.base.errors import Unavailable
from faceblur.detection.client import FunctionClient
from faceblur.tracking.boxes import Box
from faceblur_function import images
from tests.evaluation.labelled import (
    blank,
    invoke,
    mot,
    paste,
    wider,
)
from tests.support.awkward_kind import run_ffmpeg
from tests.support.changing import write_parts


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, function_url: str) -> None:
    (tmp_path / "x_bbx_gt.txt").write_text("a.jpg\n0\nb.jpg\n0\n")
    cv2.imwrite(str(tmp_path / "a.jpg"), blank())
    complete = (tmp_path / "a.jpg").read_bytes()
    for content, reason in ((b"no image", "not a JPEG, PNG or WebP image"), (complete[:-200], "damaged or cut")):
        (tmp_path / "b.jpg").write_bytes(content)
        result = invoke(tmp_path, "--function", function_url)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert result.stderr.startswith(f"error: {tmp_path / 'b.jpg'}: ") and reason in result.stderr


def test_labels_of_frames_that_a_video_does_not_have(
    video: tuple[Path, list[Box]], function_url: str, tmp_path: Path
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.mp4.gt.txt").write_text(mot([*boxes, boxes[0]]))
    result = invoke(tmp_path, "--function", function_url)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "clip.mp4.gt.txt: labels frame 25, but" in result.stderr
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes()[:4000])
    assert invoke(tmp_path, "--function", function_url).exit_code == 1


def test_labels_that_reach_beyond_the_frame_count_as_far_as_they_lie_in_it(
    face: Image, function_url: str, tmp_path: Path
) -> None:
    image = blank(320, 240)
    x1, y1, x2, y2 = paste(face, image, 90, 60, 60)
    cut = image[:, int(x1 + 20) :]
    write_clip(tmp_path / "clip.mkv", [cut[:, : cut.shape[1] // 2 * 2]] * 2)
    left = int(x1 + 20)
    (tmp_path / "clip.gt.txt").write_text(mot([(x1 - left, y1, x2 - left, y2)] * 2) + "1,2,400,20,50,60\n")
    result = invoke(tmp_path, "--function", function_url, "--json", tmp_path / "numbers")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert (numbers["scores"][0]["faces"], numbers["scores"][0]["recall"]) == (2, 1)


def test_an_image_that_is_stored_rotated_is_measured_as_it_is_shown(
    face: Image, function_url: str, tmp_path: Path
) -> None:
    image = blank(400, 240)
    box = paste(face, image, 80, 220, 20)
    stored = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(image)[..., ::-1]))
    exif = PIL.Image.Exif()
    exif[images.EXIF_ORIENTATION] = 6
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (tmp_path / "x_bbx_gt.txt").write_text(wider({"a.jpg": [(box, False)]}))
    result = invoke(tmp_path, "--function", function_url, "--min-recall", "1")
    assert result.exit_code == 0, result.output


def test_a_rotated_clip_is_measured_upright(face: Image, function_url: str, tmp_path: Path) -> None:
    image = blank(320, 240)
    box = paste(face, image, 70, 40, 60)
    write_clip(tmp_path / "clip.mp4", [np.rot90(image, -1)] * 4, rotation=90)
    (tmp_path / "clip.gt.txt").write_text(mot([box] * 4))
    result = invoke(tmp_path, "--function", function_url, "--json", tmp_path / "numbers")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert numbers["scores"][0]["recall"] == 1 and numbers["videos"][0]["exposed_faces"] == 0


def test_a_video_whose_frames_change_their_size_is_measured_in_the_form_of_its_output(
    video: tuple[Path, list[Box]], function_url: str, tmp_path: Path
) -> None:
    """The first half is as large as the second one then. It was an error that said to run it."""
    clip, boxes = video
    vp8 = "-c:v libvpx -b:v 2M -deadline realtime -cpu-used 8"
    write_parts(clip, tmp_path / "call.webm", [f"{vp8} -vf scale=iw/2:ih/2", vp8], 12)
    (tmp_path / "call.webm.gt.txt").write_text(mot(boxes[:12] * 2))
    result = invoke(tmp_path, "--function", function_url, "--min-recall", "1", "--json", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert [(one["frames"], one["exposed_faces"]) for one in report["videos"]] == [(24, 0)]


def test_a_face_in_an_alpha_plane_is_detected(face: Image, function_url: str, tmp_path: Path) -> None:
    image = blank(320, 240)
    box = paste(face, image, 70, 40, 60)
    portrait = write_clip(tmp_path / "portrait.mkv", [image] * 4, audio_codec=None)
    merged = "-f lavfi -i color=gray:s=320x240:r=25 -filter_complex [0:v]format=gray[a];[1:v][a]alphamerge=shortest=1"
    command = f"-i {{portrait}} {merged} -frames:v 4 -c:v ffv1 -pix_fmt yuva420p {{clip}}"
    run_ffmpeg(command, portrait=portrait, clip=tmp_path / "clip.mkv")
    (tmp_path / "clip.gt.txt").write_text(mot([box] * 4))
    result = invoke(tmp_path / "clip.gt.txt", "--function", function_url, "--json", tmp_path / "numbers")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert numbers["scores"][0]["recall"] == 1 and numbers["videos"][0]["exposed_faces"] == 0


def test_a_function_that_does_not_answer_is_reported_as_such(
    tmp_path: Path, function_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unavailable function is an OSError, as an unreadable image is."""

    async def send(*_: object, **__: object) -> None:
        raise Unavailable("http://f: no answer")

    cv2.imwrite(str(tmp_path / "a.png"), blank())
    (tmp_path / "x_bbx_gt.txt").write_text(wider({"a.png": []}))
    monkeypatch.setattr(FunctionClient, "send", send)
    result = invoke(tmp_path, "--function", function_url)
    assert (result.exit_code, result.stderr) == (1, "error: http://f: no answer\n")
