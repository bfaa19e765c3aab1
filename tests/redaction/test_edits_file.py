"""The file of edits: its lines, what is wrong in them, and what they make of a frame."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faceblur.base.atomic_files import held
from faceblur.base.box_at import BoxAt
from faceblur.base.errors import SidecarError
from faceblur.redaction.edit_operations import AddedFace, MaskedTrack, RemovedTrack, SparedTrack
from faceblur.redaction.edits import Edits, append_edits, read_edits, schema, sidecar_digest
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace, edits_path

ROOT = Path(__file__).parents[2]
BOX = (200.0, 20.0, 260.0, 90.0)


@pytest.fixture
def sidecar(tmp_path: Path) -> Path:
    """What edits are of: of its content they know the SHA-256 only."""
    path = tmp_path / "face.mp4.faces.jsonl"
    path.write_text("{}")
    return path


def test_a_box_keeps_its_times_to_the_millisecond() -> None:
    text = "1234.5,0,1300,90@345678.123-345679"
    assert BoxAt.parse(text).text == text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2"),
        ('{"op":"add","box":[1,2,3,4],"start":2,"end":1}', "line 2: it would end at 1 s"),
        ('{"op":"add","box":[3,2,1,4],"start":0,"end":1}', "line 2: its box covers nothing"),
        ('{"op":"forget-track","track":1}', "line 2"),
        ('{"op":"remove-track","track":1,"why":"x"}', "line 2: remove-track.why"),
    ],
)
def test_edits_that_are_wrong_are_named(sidecar: Path, line: str, reason: str) -> None:
    append_edits(sidecar, [])
    with edits_path(sidecar).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SidecarError, match="edits") as error:
        read_edits(sidecar)
    assert reason in str(error.value)


def test_a_last_line_that_was_cut_names_the_way_out(sidecar: Path) -> None:
    append_edits(sidecar, [RemovedTrack(1), AddedFace(BOX, 0, 1)])
    complete = edits_path(sidecar).read_bytes()
    edits_path(sidecar).write_bytes(complete[:-9])
    with pytest.raises(SidecarError, match=r"line 3: .*: delete the line, and make its edit again$"):
        append_edits(sidecar, [RemovedTrack(2)])
    edits_path(sidecar).write_bytes(complete[:-1])  # only its end is missing: nothing is lost
    assert len(append_edits(sidecar, [RemovedTrack(2)]).operations) == 3


def test_more_edits_than_can_be_read_are_not_appended(sidecar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceblur.redaction.edits.MAX_EDITS", 4)
    append_edits(sidecar, [RemovedTrack(1)] * 3)
    with pytest.raises(SidecarError, match="4 edits or more"):
        append_edits(sidecar, [RemovedTrack(2)])
    assert len(read_edits(sidecar).log) == 3


def test_fold_of_the_operations() -> None:
    edits = Edits([AddedFace(BOX, 0.2, 0.3), RemovedTrack(1), SparedTrack(2)])
    faces = [SidecarFace(box=BOX, track=number, state="detected") for number in (1, 2, 3)]
    line = FrameLine(frame=0, pts=0, faces=faces)
    assert [(one.track, one.state, one.is_masked) for one in edits.fold(line, 0.2).faces] == [
        (2, "spared", False),
        (3, "detected", True),
        (None, "added", True),
    ]
    assert len(edits.fold(line, 0.4).faces) == 2
    # Another video stream has a track 1 of its own: to leave that clear would expose another face.
    other = FrameLine(frame=0, pts=0, faces=faces, stream=1)
    assert edits.fold(other, 0.2) is other
    assert edits.fold(other, 0.2).faces != Edits([SparedTrack(2, stream=1)]).fold(other, 0.2).faces


def test_masked_track_was_rejected_spared_or_removed_and_the_last_edit_of_a_track_counts() -> None:
    states = ("rejected", "spared", "detected", "detected")
    faces = [SidecarFace(box=BOX, track=number, state=state) for number, state in enumerate(states, 1)]
    line = FrameLine(frame=0, pts=0, faces=faces)
    edits = Edits([RemovedTrack(3), *(MaskedTrack(number) for number in (1, 2, 3)), MaskedTrack(4), SparedTrack(4)])
    assert [(one.track, one.state) for one in edits.fold(line, 0).faces] == [
        (1, "added"),
        (2, "added"),
        (3, "detected"),
        (4, "spared"),
    ]
    assert edits.fold(dataclasses.replace(line, stream=1), 0).faces == faces


def test_the_schema_is_the_documented_one() -> None:
    assert json.loads((ROOT / "docs" / "edits.schema.json").read_text()) == json.loads(json.dumps(schema()))


@pytest.mark.parametrize("more", [0, 1, 30])
def test_an_edit_for_which_there_is_no_room_is_taken_back(sidecar: Path, more: int) -> None:
    before = append_edits(sidecar, [RemovedTrack(1)])
    size = edits_path(sidecar).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
    try:
        with pytest.raises(SidecarError, match="cannot be written"):
            append_edits(sidecar, [RemovedTrack(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_edits(sidecar).operations == before.operations and edits_path(sidecar).stat().st_size == size
    assert len(append_edits(sidecar, [RemovedTrack(2)]).operations) == 2


def test_what_two_processes_append_at_the_same_time_is_kept(sidecar: Path) -> None:
    faces = [AddedFace(BOX, 0, 0.1), AddedFace(BOX, 0.2, 0.3)]
    append_edits(sidecar, faces[:1])
    appended = edits_path(sidecar).read_bytes()
    edits_path(sidecar).unlink()
    with ThreadPoolExecutor(1) as other:
        with held(sidecar):  # as the first process does
            waiting = other.submit(append_edits, sidecar, faces[1:])
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
            edits_path(sidecar).write_bytes(appended)
        assert waiting.result(10).operations == tuple(faces)
    assert read_edits(sidecar).operations == tuple(faces)


@pytest.mark.parametrize("what", ["fifo", "device"])
def test_what_is_no_file_is_refused_before_it_is_opened(sidecar: Path, what: str) -> None:
    """A FIFO would wait for its writer for ever, a device give bytes for ever."""
    for path, read in ((edits_path(sidecar), read_edits), (sidecar, SidecarReader), (sidecar, sidecar_digest)):
        path.unlink(missing_ok=True)
        if what == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        with pytest.raises(SidecarError, match=f"{path.name}: cannot be read: no regular file"):
            read(sidecar)
