"""Recordings whose frames change in mid-stream: one form for all, every face masked; run, `render` and audit agree."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from examples.sample_clip import Image, pan, write_clip
from faceblur.cli.app import main
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from tests.support import clips as media
from tests.support.changing import write_parts

X264 = "-c:v libx264 -preset ultrafast -g 12 -bf 2"
VP8 = "-c:v libvpx -b:v 2M -deadline realtime -cpu-used 8"
TURNED = "-bsf:v h264_metadata=display_orientation=insert:rotate=90 -vf transpose=clock"
FRAMES = 12  # of each part


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    return result


def shape(path: Path) -> tuple[int, int, Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height, stream.sample_aspect_ratio or Fraction(1)


def digest(path: Path) -> str:
    return hashlib.sha256(np.stack(media.frames(path)).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def clip(face: Image, clips: Path) -> Path:
    folder = clips / "changing"
    return write_clip(folder / "clip.mkv", pan(face, (320, 180), FRAMES), video_codec="ffv1", audio_codec=None)


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("call.webm", [f"{VP8} -vf scale=160:90", VP8], (320, 180, 1)),
        ("turned_phone.webm", [f"{VP8} -vf scale=240:136", f"{VP8} -vf crop=102:180,scale=136:240"], (240, 136, 1)),
        ("recorder.ts", [X264, f"{X264} -vf scale=160:90", X264], (320, 180, 1)),
        ("aspect.ts", [f"{X264} -vf setsar=12/11"] * 2 + [f"{X264} -vf setsar=16/11"], (320, 180, Fraction(16, 11))),
        ("rotation.ts", [X264, f"{X264} -g 99 {TURNED}"], (320, 180, 1)),
        ("depth.ts", [f"{X264} -vf scale=160:90", f"{X264} -pix_fmt yuv420p10le"], (320, 180, 1)),
    ],
)
def test_one_form_for_all_frames(
    name: str,
    parts: list[str],
    expected: tuple[int, int, int | Fraction],
    clip: Path,
    function_url: str,
    tmp_path: Path,
) -> None:
    source, output = write_parts(clip, tmp_path / name, parts, FRAMES), tmp_path / "out" / name
    result = call("run", source, "-o", output.parent, "--function", function_url)
    total = len(parts) * FRAMES
    # The frames that were redacted before the change was noticed do not count twice.
    assert result.exit_code == 0 and f"; {total} frames, " in result.output, result.output
    assert "changes: " in result.output
    assert shape(output) == expected and media.times(output) == media.times(source)
    with SidecarReader(sidecar_path(output)) as sidecar:
        assert sidecar.header.frame_wh == expected[:2]
        assert all(line.faces for line in sidecar)
    assert len(media.frames(output)) == total
    rendered = tmp_path / "rendered" / name
    assert call("render", source, sidecar_path(output), "-o", rendered).exit_code == 0
    assert digest(rendered) == digest(output)
    audited = call("audit", source, output, "--function", function_url)
    assert audited.exit_code == 0, audited.output


def test_an_audit_sees_a_clear_face_after_a_change(clip: Path, function_url: str, tmp_path: Path) -> None:
    source, output = tmp_path / "call.webm", tmp_path / "out" / "call.webm"
    write_parts(clip, source, [f"{VP8} -vf scale=160:90", VP8], FRAMES)
    assert call("run", source, "-o", output.parent, "--function", function_url).exit_code == 0
    clear = media.frames(source)[FRAMES:]
    spoilt = write_clip(tmp_path / "spoilt.mkv", [*media.frames(output)[:FRAMES], *clear], audio_codec=None)
    audited = call("audit", source, spoilt, sidecar_path(output), "--function", function_url)
    assert audited.exit_code == 1, audited.output
    # An output whose own frames change is none that a run writes.
    changing = tmp_path / "copy.webm"
    changing.write_bytes(source.read_bytes())
    audited = call("audit", source, changing, sidecar_path(output), "--function", function_url)
    assert audited.exit_code == 2, audited.output


def test_rotation_in_a_container_that_holds_none_is_applied(clip: Path, function_url: str, tmp_path: Path) -> None:
    source, output = tmp_path / "phone.ts", tmp_path / "out" / "phone.ts"
    write_parts(clip, source, [f"{X264} -g 99 {TURNED},setsar=4/3"], FRAMES)
    result = call("run", source, "-o", output.parent, "--function", function_url)
    assert result.exit_code == 0 and "upright, as mpegts holds none" in result.output
    assert shape(source) == (180, 320, Fraction(4, 3)) and shape(output) == (320, 180, Fraction(3, 4))
    assert call("audit", source, output, "--function", function_url).exit_code == 0


def test_a_sidecar_is_rendered_whose_first_boxes_lie_outside_the_first_frame(
    clip: Path, function_url: str, tmp_path: Path
) -> None:
    """They are in the output's frames, and the size changes only after many frames."""
    source, output = tmp_path / "call.webm", tmp_path / "out" / "call.webm"
    small = f"{VP8} -vf scale=96:54"
    write_parts(clip, source, [small] * 6 + [VP8], FRAMES)
    assert call("run", source, "-o", output.parent, "--function", function_url).exit_code == 0
    with SidecarReader(sidecar_path(output)) as sidecar:
        assert min(face.box[0] for face in next(iter(sidecar)).faces) > 96
    rendered = tmp_path / "rendered" / "call.webm"
    assert call("render", source, sidecar_path(output), "-o", rendered).exit_code == 0
    assert digest(rendered) == digest(output)
    assert call("audit", source, output, "--function", function_url).exit_code == 0


@pytest.mark.parametrize("is_changing", [False, True])
def test_a_sidecar_with_another_frame_size_is_refused(
    is_changing: bool, clip: Path, function_url: str, tmp_path: Path
) -> None:
    """Its boxes would be in other coordinates; 160x90 is the first frame's size, and not the output's."""
    source, output = tmp_path / "call.webm", tmp_path / "out" / "call.webm"
    write_parts(clip, source, [f"{VP8} -vf scale=160:90"] * is_changing + [VP8], FRAMES)
    assert call("run", source, "-o", output.parent, "--function", function_url).exit_code == 0
    header, *lines = sidecar_path(output).read_text().splitlines(keepends=True)
    rendered = tmp_path / "rendered" / "call.webm"
    for frame_wh in [10, 10], [180, 320], [160, 90]:
        changed = json.dumps(json.loads(header) | {"frame_wh": frame_wh}) + "\n"
        sidecar_path(output).write_text("".join([changed, *lines]))
        given = "x".join(map(str, frame_wh))
        for code, arguments in (
            (1, ["render", source, sidecar_path(output), "-o", rendered]),
            (2, ["audit", source, output, "--function", function_url]),
        ):
            result = call(*arguments)
            assert result.exit_code == code, result.output
            words = " ".join(result.output.split())
            assert f"line 1: frame_wh: {given} is not the size of the video's frames, which is 320x180" in words
        assert not rendered.exists()
