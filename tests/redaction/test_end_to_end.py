"""A complete run: a real clip -> the function over HTTP -> an output that is compared with its source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.cli.app import main
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.tracking.boxes import Box
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def masked(output: Path) -> list[list[Box]]:
    """The boxes that the sidecar lists, frame by frame: detected in it, or interpolated from the frames around."""
    with SidecarReader(sidecar_path(output)) as sidecar:
        return [[face.box for face in line.faces] for line in sidecar]


@pytest.mark.parametrize("returned", ["frames", "faces"])
@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_faces_are_gone_and_nothing_else_changed(
    face_clip: Path, function_url: str, detector: Detector, tmp_path: Path, returned: str, style: str
) -> None:
    # At --crf 0 libx264 loses nothing: whatever differs, the redaction changed.
    shared = ("--function", function_url, "--return", returned, "--style", style, "--crf", 0)
    run("run", face_clip, "-o", tmp_path, *shared)
    before, after = media.frames(face_clip), media.frames(tmp_path / "face.mp4")
    assert len(after) == len(before)
    assert media.times(tmp_path / "face.mp4") == media.times(face_clip)
    assert media.packets(tmp_path / "face.mp4") == media.packets(face_clip)
    for source, output, boxes in zip(before, after, masked(tmp_path / "face.mp4"), strict=True):
        faces = detector.detect([source], threshold=0.3)[0]
        assert len(faces) >= 1
        for x1, y1, x2, y2 in faces.xyxy.astype(int):
            assert detail_left(source[y1:y2, x1:x2], output[y1:y2, x1:x2]) < 0.25
        assert media.outside((source, output), boxes, 0.3).max() == 0
    # Hair around a mask still looks like a head to the detector now and then: at most 0.39 with blur, 0.32 with solid,
    # 0.73 around the 4x4 large pixels that a face becomes.
    most = 0.8 if style == "pixelate" else 0.5
    assert sum(map(len, detector.detect(after, threshold=most))) == 0


def test_untouched_clip_would_fail_the_same_checks(face_clip: Path, detector: Detector) -> None:
    """The measure of the detail left separates a masked face from a clear one."""
    source = media.frames(face_clip)[0]
    x1, y1, x2, y2 = detector.detect([source], threshold=0.3)[0].xyxy[0].astype(int)
    assert detail_left(source[y1:y2, x1:x2], source[y1:y2, x1:x2]) > 0.9


def test_real_clip_without_audio(carphone: Path, function_url: str, detector: Detector, tmp_path: Path) -> None:
    output = run("run", carphone, "-o", tmp_path, "--function", function_url)
    assert "; 120 frames, " in output
    target = tmp_path / carphone.name
    assert media.times(target) == media.times(carphone)
    assert sum(map(len, detector.detect(media.frames(target), threshold=0.5))) == 0


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_frames_stay_in_order(face: Image, function_url: str, tmp_path: Path, batch_size: int) -> None:
    clip = write_clip(tmp_path / "in" / "numbered.mkv", media.numbered(pan(face, (192, 144), 150)))
    run("run", clip, "-o", tmp_path / "out", "--function", function_url, "--batch-size", batch_size)
    assert [media.number(frame) for frame in media.frames(tmp_path / "out" / clip.name)] == list(range(150))


def test_variable_frame_rate_and_late_start(face: Image, function_url: str, tmp_path: Path) -> None:
    pts = [4500 + step for step in np.cumsum([0, 3000, 3003, 9000, 1500, 3000, 45000, 3000, 2997, 3000]).tolist()]
    clip = write_clip(
        tmp_path / "in" / "phone.mp4",
        pan(face, (192, 144), len(pts)),
        rate=Fraction(30000, 1001),
        pts=pts,
        time_base=Fraction(1, 90000),
    )
    run("run", clip, "-o", tmp_path / "out", "--function", function_url)
    assert media.times(tmp_path / "out" / "phone.mp4") == media.times(clip)
    assert media.packets(tmp_path / "out" / "phone.mp4") == media.packets(clip)


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("returned", ["frames", "faces"])
def test_rotated_clip_is_searched_upright(
    face: Image, function_url: str, detector: Detector, tmp_path: Path, rotation: int, returned: str
) -> None:
    """A phone's clip is stored lying on its side, with a tag: faces are detected, and the tag stays."""
    turns = rotation // 90
    stored = [np.ascontiguousarray(np.rot90(image, -turns)) for image in pan(face, (192, 144), 12)]
    clip = write_clip(tmp_path / "in" / "phone.mp4", stored, rotation=rotation)
    with av.open(str(clip)) as container:
        expected = next(container.decode(video=0)).rotation
    output = run("run", clip, "-o", tmp_path / "out", "--function", function_url, "--return", returned)
    assert "12 frames, 12 faces" in output
    with av.open(str(tmp_path / "out" / "phone.mp4")) as container:
        assert next(container.decode(video=0)).rotation == expected
    upright = [np.ascontiguousarray(np.rot90(frame, turns)) for frame in media.frames(tmp_path / "out" / "phone.mp4")]
    assert sum(map(len, detector.detect(upright, threshold=0.5))) == 0


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "codec", "audio"),
    [
        (".mkv", "yuv420p10le", "libx264", "aac"),
        (".mkv", "yuv444p", "libx264", "flac"),
        (".mov", "yuv422p", "libx264", "aac"),
        (".mp4", "yuvj420p", "libx264", "aac"),
        (".webm", "yuv420p", "libvpx-vp9", "libopus"),
        (".avi", "yuv420p", "libx264", "libmp3lame"),
        (".ts", "yuv420p", "libx264", "aac"),
    ],
)
@pytest.mark.parametrize("returned", ["frames", "faces"])
def test_containers_and_pixel_formats(
    face: Image,
    function_url: str,
    detector: Detector,
    tmp_path: Path,
    suffix: str,
    pix_fmt: str,
    codec: str,
    audio: str,
    returned: str,
) -> None:
    clip = write_clip(
        tmp_path / "in" / f"clip{suffix}",
        pan(face, (192, 144), 12),
        pix_fmt=pix_fmt,
        video_codec=codec,
        audio_codec=audio,
    )
    run("run", clip, "-o", tmp_path / "out", "--function", function_url, "--return", returned)
    target = tmp_path / "out" / clip.name
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == pix_fmt
    assert [digest for digest, _ in media.packets(target)[0]] == [digest for digest, _ in media.packets(clip)[0]]
    before, after = media.frames(clip), media.frames(target)
    assert len(before) == len(after) == 12
    for source, output, boxes in zip(before, after, masked(target), strict=True):
        faces = detector.detect([source], threshold=0.3)[0]
        for x1, y1, x2, y2 in faces.xyxy.astype(int):
            assert detail_left(source[y1:y2, x1:x2], output[y1:y2, x1:x2]) < 0.25
        assert media.outside((source, output), boxes, 0.45).mean() < 4.0
