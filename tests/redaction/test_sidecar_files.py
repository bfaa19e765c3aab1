"""Sidecars as files: what is written is what is read, complete or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faceblur.base.atomic_files import TEMPORARY_SUFFIX, temporary_path
from faceblur.base.errors import SidecarError
from faceblur.base.options import Options
from faceblur.redaction.sidecar_files import (
    HASHED_BYTES,
    Sidecar,
    SidecarReader,
    SidecarWriter,
    identify,
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


def test_a_file_of_another_kind_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n")
    with pytest.raises(SidecarError, match=r"notes\.md: not a sidecar: its first line is not JSON"):
        read_sidecar(path)


def test_a_line_that_cannot_be_read_is_named(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], '{"frame": 1, "pts": "soon", "faces": []}', lines[4]]))
    with pytest.raises(SidecarError, match=r"out\.faces\.jsonl: line 4: pts: "):
        read_sidecar(path)


WRONG_LINES = {
    "endless box": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,3,1e999]}]}', "faces.0.box.3: "),
    "no number": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,3,NaN]}]}', "faces.0.box.3: "),
    "huge box": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,1e18,4]}]}', "face 0: a coordinate of its box is beyond"),
    "largest box": ('{"frame":1,"pts":3000,"faces":[{"box":[-1e308,2,1e308,4]}]}', "face 0: a coordinate of its box"),
    "empty box": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,1,4]}]}', "face 0: its box covers nothing"),
    "box as text": ('{"frame":1,"pts":3000,"faces":[{"box":["1",2,3,4]}]}', "faces.0.box.0: "),
    "box of truth values": ('{"frame":1,"pts":3000,"faces":[{"box":[true,2,3,4]}]}', "faces.0.box.0: "),
    "box of three": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,3]}]}', "faces.0.box.3: "),
    "no box": ('{"frame":1,"pts":3000,"faces":[{"score":1}]}', "faces.0.box: "),
    "null": ('{"frame":1,"pts":3000,"faces":null}', "faces: "),
    "no faces": ('{"frame":1,"pts":3000}', "faces: "),
    "negative score": ('{"frame":1,"pts":3000,"faces":[{"box":[1,2,3,4],"score":-1}]}', "faces.0.score: "),
    "time as a truth value": ('{"frame":1,"pts":true,"faces":[]}', "pts: "),
    "time beyond 64 bits": (f'{{"frame":1,"pts":{2**63},"faces":[]}}', "pts: "),
    "time beyond all": (f'{{"frame":1,"pts":{"9" * 5000},"faces":[]}}', "Invalid JSON: "),
    "deep": ('{"frame":1,"pts":3000,"faces":' + "[" * 100_000, "Invalid JSON: recursion"),
    "surrogate": ('{"frame":1,"pts":3000,"faces":[],"\\ud800":1}', "Invalid JSON: "),
    "long name of a field": ('{"frame":1,"pts":3000,"faces":[],"' + "x" * 9999 + '":1}', "x{80}: "),
    "frame twice": ('{"frame":0,"pts":3000,"faces":[]}', "frame 0 is out of order"),
    "a million faces": (
        '{"frame":1,"pts":3000,"faces":[' + ",".join(['{"box":[1,2,3,4]}'] * 10**6) + "]}",
        "longer than",
    ),
    "too many faces": ('{"frame":1,"pts":3000,"faces":[' + ",".join(['{"box":[1,2,3,4]}'] * 16385) + "]}", "faces: "),
}


@pytest.mark.parametrize("name", WRONG_LINES)
def test_numbers_that_no_line_has_are_refused(sidecar: Sidecar, tmp_path: Path, name: str) -> None:
    path, (wrong, message) = tmp_path / "out.faces.jsonl", WRONG_LINES[name]
    write_sidecar(path, sidecar)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], wrong, lines[4]]))
    with pytest.raises(SidecarError, match=rf"out\.faces\.jsonl: line 4: {message}") as raised:
        read_sidecar(path)
    assert len(str(raised.value)) < 400 + len(str(path)) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("padding", -0.5), ("padding", 1e9), ("padding", "0.25"), ("padding", True), ("threshold", 2)),
        *(("low_threshold", -1), ("look_around", -1), ("look_around", None), ("crf", 64), ("crf", 20.5)),
        *(("crf", 10**400), ("padding", 10**400), ("look_around", 10**400)),
        ("style", "none"),
    ],
)
def test_settings_that_no_run_has_are_refused(sidecar: Sidecar, tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    first, *rest = path.read_text().splitlines()
    header = json.loads(first)
    header["settings"][name] = value
    path.write_text("\n".join([json.dumps(header), *rest]))
    with pytest.raises(SidecarError, match=rf"line 1: settings[.:] ?{name}: "):
        read_sidecar(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_base", "1/0"),
        ("time_base", "-1/25"),
        ("time_base", "soon"),
        ("frame_wh", [0, 240]),
        ("frame_wh", [-1, 9]),
        ("function", {"model": "m", "weights_sha256": "0", "device": "cpu", "detect_size": -1920}),
        ("function", {"model": "m", "weights_sha256": "0", "device": "cpu", "detect_size": 0}),
    ],
)
def test_a_header_that_no_video_has_is_refused(sidecar: Sidecar, tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | {name: value}), *rest]))
    with pytest.raises(SidecarError, match=f"line 1: {name}"):
        read_sidecar(path)


def test_a_wrong_unit_of_time_is_named_in_plain_words(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    path.write_text(path.read_text().replace('"1/90000"', '"soon\\n"'))
    with pytest.raises(SidecarError) as caught:
        read_sidecar(path)
    assert str(caught.value) == f"{path}: line 1: time_base: 'soon\\n' is not a fraction such as 1/90000"


def test_swapped_corners_are_put_right_and_named(sidecar: Sidecar, tmp_path: Path) -> None:
    path = tmp_path / "out.faces.jsonl"
    write_sidecar(path, sidecar)
    lines = path.read_text().splitlines()
    lines[3] = '{"frame":1,"pts":3000,"faces":[{"box":[30,40,10,20]},{"box":[10,40,30,20]},{"box":[1,2,3,4]}]}'
    path.write_text("\n".join(lines))
    with SidecarReader(path) as reader:
        assert reader.corrections() == ()
        boxes = [face.box for face in list(reader)[2].faces]
        assert reader.corrections() == ("2 boxes of the sidecar with swapped corners, from line 4 on",)
    assert boxes == [(10, 20, 30, 40), (10, 20, 30, 40), (1, 2, 3, 4)]


@pytest.mark.parametrize("box", [(3.0, 2.0, 1.0, 4.0), (1.0, 2.0, 1.0, 4.0), (1.0, 2.0, 1e18, 4.0)], ids=str)
def test_a_face_that_no_reader_takes_is_not_written(sidecar: Sidecar, tmp_path: Path, box: Any) -> None:
    frames = (FrameLine(frame=0, pts=0, faces=[FACE, SidecarFace(box=box)]),)
    with pytest.raises(SidecarError, match=r"out\.faces\.jsonl: frame 0 of stream 0: face 1: "):
        write_sidecar(tmp_path / "out.faces.jsonl", replace(sidecar, frames=frames))
    assert not list(tmp_path.glob("*.jsonl"))


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


def test_the_sidecar_lies_beside_its_output() -> None:
    assert sidecar_path(Path("out/a.mp4")) == Path("out/a.mp4.faces.jsonl")
