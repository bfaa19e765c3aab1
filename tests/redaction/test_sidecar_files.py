"""Sidecars as files: what is written is what is read, complete or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceblur.base.atomic_files import TEMPORARY_SUFFIX, temporary_path
from faceblur.base.errors import SidecarError
from faceblur.base.options import Options
from faceblur.redaction.sidecar_files import (
    HASHED_BYTES,
    Sidecar,
    SidecarWriter,
    identify,
    json_name,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from faceblur.redaction.sidecar_format import FrameLine, FunctionUsed, Header, SettingsUsed, SidecarFace

FACE = SidecarFace(box=(1.5, 2.0, 30.25, 40.125), score=0.75, track=3, state="detected")
COVERED = SidecarFace(box=(1.0, 2.0, 30.0, 40.0))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video, but bytes")
    return path


@pytest.fixture
def sidecar(video: Path) -> Sidecar:
    """Two streams, of three frames and of one."""
    header = Header(
        video=identify(video, 1.5),
        output="clip.mp4",
        function=FunctionUsed(model="a model", weights_sha256="0" * 64, device="cpu"),
        settings=SettingsUsed.of(Options(crf=20)),
        frame_wh=(320, 240),
        time_base="1/90000",
    )
    frames = (
        FrameLine(frame=0, pts=-10, faces=[FACE, COVERED]),
        FrameLine(frame=0, pts=5, faces=[], stream=2),
        FrameLine(frame=1, pts=3000, faces=[], damage="0.2 s are missing"),
        FrameLine(frame=2, pts=6000, faces=[COVERED]),
    )
    return Sidecar(header, frames)


def test_what_is_written_is_read(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    assert read_sidecar(path) == sidecar
    assert len(path.read_text().splitlines()) == 5
    again = tmp_path / "again.faces.jsonl"
    write_sidecar(again, read_sidecar(path))
    assert again.read_bytes() == path.read_bytes()


def test_streams_stand_in_no_order_among_each_other(sidecar: Sidecar, tmp_path: Path) -> None:
    other_order = replace(sidecar, frames=tuple(sidecar.frames[index] for index in (1, 0, 2, 3)))
    write_sidecar(tmp_path / "out.faces.jsonl", other_order)
    assert read_sidecar(tmp_path / "out.faces.jsonl") == other_order


@pytest.mark.parametrize("order", [(2, 0, 1, 3), (0, 1, 3), (0, 1, 2, 2, 3)], ids=str)
def test_frames_out_of_order_are_refused_and_nothing_is_written(
    sidecar: Sidecar, tmp_path: Path, order: tuple[int, ...]
) -> None:
    path = tmp_path / "out.faces.jsonl"
    path.write_text("what was there before")
    frames = tuple(sidecar.frames[index] for index in order)
    with pytest.raises(SidecarError, match=r"out\.faces\.jsonl: frame \d of stream 0 is out of order"):
        write_sidecar(path, replace(sidecar, frames=frames))
    assert path.read_text() == "what was there before"
    assert not list(tmp_path.glob(f".*{TEMPORARY_SUFFIX}"))


def test_a_folder_that_does_not_exist_is_named(sidecar: Sidecar, tmp_path: Path) -> None:
    with pytest.raises(SidecarError, match=r"out\.faces\.jsonl: cannot be written: No such file or directory"):
        write_sidecar(tmp_path / "nowhere" / "out.faces.jsonl", sidecar)


def test_a_sidecar_has_its_name_only_once_it_is_finished(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    for finished in (False, True):
        writer = SidecarWriter(path, sidecar.header)
        for line in sidecar.frames:
            writer.write(line)
        assert not path.exists() and temporary_path(path).exists()
        if finished:
            writer.finish()
        writer.abort()
        assert path.exists() == finished and not temporary_path(path).exists()


def test_a_line_that_cannot_be_read_is_named(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], '{"frame": 1, "pts": "soon", "faces": []}', lines[4]]))
    with pytest.raises(SidecarError, match=r"out\.faces\.jsonl: line 4: pts: "):
        read_sidecar(path)


def test_a_video_is_identified_by_its_content(video: Path, tmp_path: Path) -> None:
    known = identify(video, 1.5)
    renamed = video.rename(tmp_path / "renamed.mp4")
    assert identify(renamed, None).is_of(known)
    for content in (b"no video, but byteS", b"No video, but bytes", b"no video, but bytes."):
        renamed.write_bytes(content)
        assert not identify(renamed, 1.5).is_of(known), content


def test_only_the_ends_of_a_large_video_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    content = bytearray(3 * HASHED_BYTES)
    path.write_bytes(content)
    known = identify(path, None)
    for position, same in ((0, False), (HASHED_BYTES + 1, True), (len(content) - 1, False)):
        changed = content.copy()
        changed[position] = 1
        path.write_bytes(changed)
        assert identify(path, None).is_of(known) == same, position


def test_names_that_are_no_utf_8_can_be_written() -> None:
    assert json_name(Path("a\udcff.mp4")) == "a\\udcff.mp4"
    assert sidecar_path(Path("out/a.mp4")) == Path("out/a.mp4.faces.jsonl")
