"""The names of a broadcast's service and provider are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.ts_service import service_tags
from tests.support.awkward_kind import run_ffmpeg
from tests.support.clips import packets
from tests.support.copies import copy


@pytest.mark.parametrize(("provider", "name"), [("SRG", "Das Erste HD"), ("Rundfunk", "München"), ("", "Первый")])
@pytest.mark.parametrize("suffix", [".ts", ".m2ts"])
def test_service_of_a_broadcast(suffix: str, provider: str, name: str, face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 6))
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    tags = f"-metadata service_provider='{provider}' -metadata service_name='{name}'"
    run_ffmpeg(f"-i {{a}} -c copy {tags} {{b}}", a=plain, b=source)
    assert copy(source, target) == []
    found = service_tags(target, ["mpegts"])
    assert found["service_name"] == name and (found["service_provider"] == provider or not provider)


@pytest.mark.parametrize("suffix", [".mts", ".m2ts"])
def test_a_plain_transport_stream_under_the_suffix_of_m2ts(suffix: str, face: Image, tmp_path: Path) -> None:
    """The identity of its video stream is that of a table of M2TS: it stays as plain as it is."""
    plain = write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 6))
    source, target = plain.rename(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    assert copy(source, target) == []
    assert target.read_bytes()[::188][:9] == b"\x47" * 9
    assert packets(target) == packets(source)


@pytest.mark.parametrize("content", [b"", b"\x47", b"\x47\x40\x11\x10" + b"\xff" * 5000, bytes(10_000)])
def test_what_names_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(content)
    assert service_tags(tmp_path / "a.ts", ["mpegts"]) == {}
