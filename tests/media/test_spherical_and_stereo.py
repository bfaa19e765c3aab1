"""360 degrees and stereo: what is kept of them, and what is named."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.integrity import find_fault
from faceblur.media.pyav import side_data_of
from tests.media.test_side_data import types
from tests.support.awkward_kind import run_ffmpeg
from tests.support.boxes import ENTRY, ST3D, SV3D, box, with_boxes
from tests.support.copies import copy

# Google's spherical video, version 1.
V1 = bytes.fromhex("ffcc8263f8554a938814587a02521fdd") + (
    b'<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>'
    b"<GSpherical:Stitched>true</GSpherical:Stitched>"
    b"<GSpherical:StitchingSoftware>a maker</GSpherical:StitchingSoftware>"
    b"<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></rdf:SphericalVideo>"
)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("path", "added", "kept"),
    [
        (ENTRY, ST3D + SV3D, {"SPHERICAL", "STEREO3D"}),
        (ENTRY, ST3D, {"STEREO3D"}),
        (ENTRY[:2], box(b"uuid", V1), {"SPHERICAL"}),
    ],
)
def test_360_degrees_and_stereo_are_kept(
    path: tuple[bytes, ...], added: bytes, kept: set[str], suffix: str, face: Image, tmp_path: Path
) -> None:
    plain = write_clip(tmp_path / f"plain{suffix}", pan(face, (160, 120), 6))
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    source.write_bytes(with_boxes(plain.read_bytes(), path, added))
    assert types(source) - {"SEI_UNREGISTERED"} == kept
    assert copy(source, target, encoder="mpeg4") == []
    assert types(target) == kept and b"maker" not in target.read_bytes()
    with av.open(str(source)) as one, av.open(str(target)) as two:
        first, second = (side_data_of(next(container.decode(video=0))) for container in (one, two))
        assert {name: second[name] for name in kept} == {name: first[name] for name in kept}
        assert sum(1 for _ in two.decode(audio=0)) > 0
    assert find_fault(target, "mov,mp4") is None


def test_what_of_360_degrees_is_not_kept_is_named(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "plain.mp4", pan(face, (160, 120), 6))
    source = tmp_path / "in.mp4"
    source.write_bytes(with_boxes(clip.read_bytes(), ENTRY, ST3D + SV3D))
    left_out = copy(source, tmp_path / "out.mkv", encoder="ffv1")
    assert left_out[-1] == "stream 0 (video, h264): 360° projection, stereo video"
    projection = box(b"proj", box(b"prhd", bytes(12), full=True) + box(b"mshp", full=True))
    source.write_bytes(with_boxes(clip.read_bytes(), ENTRY, box(b"sv3d", projection)))
    assert copy(source, tmp_path / "out.mp4") == ["stream 0: 360° projection by a mesh"]


def test_stereo_of_webm_is_kept(face: Image, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 6), audio_codec=None)
    run_ffmpeg("-i {a} -c:v libvpx -metadata:s:v stereo_mode=left_right {b}", a=source, b=tmp_path / "in.webm")
    assert "STEREO3D" in types(tmp_path / "in.webm")
    assert copy(tmp_path / "in.webm", tmp_path / "out.webm") == [] and "STEREO3D" in types(tmp_path / "out.webm")
