"""The preview for reviewers: what it shows, how it is named, and that it never counts as an output."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.media.preview_writer import preview_path
from faceblur.redaction.preview import COLOURS, label
from faceblur.redaction.publication import Direct
from faceblur.redaction.sidecar_format import SidecarFace
from tests.cli.calls import invoke, leftovers
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg

NAME = "face.mp4.shows-faces-do-not-publish.mp4"


def run(*arguments: object, code: int = 0) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def has_outline(image: Image, box: tuple[float, ...], state: str) -> bool:
    """Whether most of the left and right edge of a box has the colour of a state."""
    x1, y1, x2, y2 = (round(value) for value in box)
    rows = range(max(0, y1 + 4), min(image.shape[0] - 24, y2 - 4))
    colour = np.array(COLOURS[state])  # type: ignore[index]
    near = [
        min(np.abs(image[row, max(0, x - 2) : x + 3].astype(int) - colour).sum(axis=1).min() for x in (x1, x2)) < 150
        for row in rows
    ]
    return sum(near) > 0.7 * len(near)


def listed(output: Path) -> list[list[SidecarFace]]:
    return [line.faces for line in faceblur.read_sidecar(faceblur.sidecar_path(output)).frames]


def test_it_shows_the_source_with_every_box_and_is_no_output(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    regions = ("--cover", "10,90,60,140@0-1", "--spare", "0,0,192,144@1-9")
    run("run", face_clip, "-o", tmp_path, "--preview", *regions, "--function", function_url)
    preview = tmp_path / NAME
    assert preview == preview_path(tmp_path / "face.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.mp4", "face.mp4.faces.jsonl", NAME]
    assert media.times(preview) == media.times(face_clip) and not media.packets(preview)
    states = set()
    for source, shown, faces in zip(
        media.frames(face_clip), media.frames(preview), listed(tmp_path / "face.mp4"), strict=True
    ):
        for face in faces:
            left, top, right, bottom = face.box
            if left < 0 or right > 190 or bottom > 144 or top > 109:  # leaving the frame, or below the warning
                continue
            assert has_outline(shown, face.box, face.state), face
            states.add(face.state)
            x1, y1, x2, y2 = (round(value) for value in face.box)
            inner = slice(max(0, y1 + 20), min(y2 - 4, 119)), slice(max(0, x1 + 4), x2 - 4)
            if face.track == 1:  # the face is to be seen; other boxes are drawn over it
                assert detail_left(source[inner], shown[inner]) > 0.45
    assert {"detected", "spared", "region"} <= states


def test_its_text_names_track_score_and_state() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    assert label(SidecarFace(box=box, score=0.987, track=7, state="detected")) == "#7 0.99"
    assert label(SidecarFace(box=box, track=7, state="followed")) == "#7 followed"
    assert label(SidecarFace(box=box, state="region")) == "region"


def test_a_later_run_takes_no_preview_for_a_video(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    shared = ("--function", function_url)
    run("run", face_clip, "-o", tmp_path / "one", "--preview", *shared)
    run("run", tmp_path / "one", "-o", tmp_path / "two", *shared)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["face.mp4", "face.mp4.faces.jsonl"]
    output = run("run", tmp_path / "one" / NAME, "-o", tmp_path / "three", *shared, code=1)
    assert "this is the name of a preview" in run("run", face_clip, "-o", tmp_path / NAME, *shared, code=2)
    assert "a preview: name the video that it is of" in output and not (tmp_path / "three" / NAME).exists()


@pytest.mark.parametrize("rotation", [90, 180])
def test_boxes_of_rotated_odd_and_variable_videos_are_in_place(
    face: Image, function_url: str, tmp_path: Path, rotation: int
) -> None:
    pts = [0, 40, 120, 900, 940, 2000]
    images = [np.ascontiguousarray(np.rot90(one, -rotation // 90)) for one in pan(face, (321, 241), len(pts))]
    clip = write_clip(
        *(tmp_path / "in" / "face.mkv", images),
        pts=pts,
        time_base=Fraction(1, 1000),
        rotation=rotation,
        pix_fmt="yuv444p",
    )
    run("run", clip, "-o", tmp_path, "--preview", "--function", function_url)
    preview = preview_path(tmp_path / "face.mkv")
    assert media.times(preview) == media.times(clip)
    for shown, faces in zip(media.frames(preview), listed(tmp_path / "face.mkv"), strict=True):
        assert shown.shape == (242, 322, 3)
        assert faces and all(has_outline(shown, one.box, one.state) for one in faces)


def test_a_large_frame_is_scaled_down(face: Image, function_url: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in" / "face.mp4", [cv2.resize(face, (1920, 1080))] * 3)
    run("run", clip, "-o", tmp_path, "--preview", "--function", function_url)
    for shown, faces in zip(media.frames(tmp_path / NAME), listed(tmp_path / "face.mp4"), strict=True):
        assert shown.shape == (720, 1280, 3)
        assert any(has_outline(shown, tuple(value / 1.5 for value in one.box), one.state) for one in faces)


def test_render_writes_one_of_what_was_edited(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    run("run", face_clip, "-o", tmp_path, "--function", function_url)
    sidecar = faceblur.sidecar_path(tmp_path / "face.mp4")
    run("edit", tmp_path / "face.mp4", "--spare-track", 1)
    boxes = [line[0].box for line in listed(tmp_path / "face.mp4")]
    for options, name in [((), "other.mp4"), (("--overwrite",), "face.mp4")]:
        run("render", face_clip, sidecar, "-o", tmp_path / name, "--preview", *options)
        shown = media.frames(preview_path(tmp_path / name))
        assert all(has_outline(image, box, "spared") for image, box in zip(shown, boxes, strict=True))


def test_frames_before_zero_are_shown(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    early = tmp_path / "face.mkv"
    arguments = "-i {source} -c copy -output_ts_offset -0.4 -avoid_negative_ts disabled {target}"
    run_ffmpeg(arguments, source=face_clip, target=early)
    run("run", early, "-o", tmp_path / "out", "--preview", "--function", function_url)
    assert len(media.frames(preview_path(tmp_path / "out" / "face.mkv"))) == len(media.frames(face_clip))


def test_an_output_that_is_written_again_keeps_no_preview_of_other_masks(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    output, shared = tmp_path / "face.mp4", ("--function", function_url)
    run("run", face_clip, "-o", tmp_path, "--preview", *shared)
    for again in (
        ("run", face_clip, "-o", tmp_path, "--overwrite", "--no-sidecar", *shared),
        ("run", face_clip, "-o", tmp_path, "--overwrite", *shared),
        ("render", face_clip, faceblur.sidecar_path(output), "-o", output, "--overwrite"),
        ("edit", output),
    ):
        (tmp_path / NAME).touch()
        run(*again)
        assert not (tmp_path / NAME).exists(), again
    run("edit", output, "--spare-track", 1, "--preview")
    boxes = [line[0].box for line in listed(output)]
    shown = media.frames(tmp_path / NAME)
    assert all(has_outline(image, box, "spared") for image, box in zip(shown, boxes, strict=True))


def test_an_output_without_the_preview_that_was_asked_for_is_not_done(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    assert "there is to be none" in run("run", face_clip, "-o", tmp_path, "--preview", "--no-sidecar", code=2)
    (tmp_path / NAME / "x").mkdir(parents=True)
    output = run("run", face_clip, "-o", tmp_path, "--preview", "--function", function_url, code=1)
    assert NAME in output and "cannot be written" in output
    assert [path.name for path in tmp_path.iterdir()] == [NAME] and not leftovers(tmp_path)


@pytest.mark.parametrize("options", [["--preview"], []])
def test_an_output_that_may_not_be_published_changes_no_preview(
    face_clip: Path, function_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """As where the ledger of a fleet refuses it, since another worker has taken it over."""

    async def refuse(self: Direct, files: Sequence[Path]) -> None:
        raise MediaError("it may not")

    monkeypatch.setattr(Direct, "begin", refuse)
    (tmp_path / NAME).write_text("that of another attempt")
    assert "it may not" in run("run", face_clip, "-o", tmp_path, *options, "--function", function_url, code=1)
    assert (tmp_path / NAME).read_text() == "that of another attempt" and not leftovers(tmp_path)
