"""Edits of a part of a track: the rest of it stays as it was."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from faceblur.auditing.frame_alignment import gray_image
from faceblur.auditing.legibility import measure_legibility
from faceblur.auditing.sidecar_checks import SidecarChecks
from faceblur.cli.app import main
from faceblur.redaction.edit_operations import AddedFace, MaskedTrack, counts_at
from faceblur.redaction.edits import Edits
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace, edits_path
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def clear_frames(output: Path) -> list[int]:
    """The frames in which the face of track 1 is legible; there are ten, 0.04 s each."""
    with SidecarReader(sidecar_path(output)) as sidecar:
        boxes = [next(face.box for face in line.faces if face.track == 1) for line in sidecar]
    pairs = zip(media.frames(output.parents[1] / "in" / "face.mp4"), media.frames(output), boxes, strict=True)
    left = [measure_legibility(gray_image(before), gray_image(after), box) for before, after, box in pairs]
    assert all(one is not None and not 0.4 < one.kept < 0.7 for one in left)
    return [number for number, one in enumerate(left) if one is not None and one.kept > 0.5]


def test_a_track_is_spared_removed_and_masked_in_parts(output: Path) -> None:
    assert clear_frames(output) == []
    assert "3 faces in 3 frames stay visible" in run("edit", output, "--spare-track", "1@0.12-0.2")
    assert clear_frames(output) == [3, 4, 5]
    run("edit", output, "--remove-track", "1@0.26-9")  # frame 6 began before
    assert clear_frames(output) == [3, 4, 5, 7, 8, 9]
    run("edit", output, "--mask-track", "1@0.19-0.29")  # and so did frame 4, whose face would be seen
    assert clear_frames(output) == [3, 8, 9]
    run("edit", output, "--undo", 3)
    assert clear_frames(output) == [3]
    edits = [json.loads(line) for line in edits_path(sidecar_path(output)).read_text().splitlines()[1:]]
    assert [(one.get("start"), one.get("end")) for one in edits[:3]] == [(0.12, 0.2), (0.26, 9.0), (0.16, 0.29)]


def test_a_part_without_the_track_is_refused(output: Path) -> None:
    before = output.read_bytes()
    for text, why in (
        ("1@5-6", "there is no track 1 in stream 0 from 5 s to 6 s"),
        ("1@0.13-0.14", "there is no track 1 in stream 0 from 0.13 s to 0.14 s"),  # no frame begins then
        ("1@0.2-0.1", "it would end at 0.1 s, before it begins"),
        ("1@0.2", "is not of the form N or N@START-END"),
        ("one", "is not of the form N or N@START-END"),
    ):
        assert why in " ".join(run("edit", output, "--spare-track", text, code=2).split())
    assert output.read_bytes() == before and not edits_path(sidecar_path(output)).exists()


def test_a_part_stays_clear_up_to_its_end_by_every_players_clock(made: Path, function_url: str, tmp_path: Path) -> None:
    """Some players show zero with the sound, which begins 0.02 s before the picture: their 0.2 s is frame 4."""
    source, output = tmp_path / "in" / "face.mp4", tmp_path / "out" / "face.mp4"
    source.parent.mkdir()
    run_ffmpeg("-i {source} -c copy -output_ts_offset 5 {target}", source=made / "in" / "face.mp4", target=source)
    run("run", source, "-o", output.parent, "--function", function_url)
    run("edit", output, "--spare-track", "1@0.12-0.2")
    assert clear_frames(output) == [3, 4]
    run("edit", output, "--undo", 2, "--remove-track", "1@0.12-0.2")
    assert clear_frames(output) == [3, 4]
    assert "there is no track 1" in run("edit", output, "--spare-track", "1@0.2-0.2", code=2)


@pytest.mark.parametrize("fields", ['"op":"mask-track","track":1', '"op":"add","box":[9,9,60,60]'])
def test_a_line_by_hand_that_masks_nothing_is_refused(output: Path, fields: str) -> None:
    """In a line the times are those at which frames begin: none does."""
    run("edit", output, "--remove-track", "1")
    edits = edits_path(sidecar_path(output))
    edits.write_text(f'{edits.read_text()}{{{fields},"start":0.13,"end":0.14}}\n')
    assert "from 0.13" in run("edit", output, code=2)


def findings(states: str) -> list[tuple[str, int, int]]:
    """What is worth watching in a track with these states of its frames, by their first letters."""
    names = {"d": "detected", "i": "interpolated", "s": "spared"}
    checks, found = SidecarChecks(0.3), []
    for frame, letter in enumerate(states):
        faces = [SidecarFace(box=(0, 0, 9, 9), score=0.9, track=1, state=names[letter])] if letter in names else []
        found += checks.push(FrameLine(frame=frame, pts=frame, faces=faces), frame / 10)
    return [(kind, span.first.frame, span.last.frame) for kind, span in (*found, *checks.flush())]


def test_the_parts_of_a_track_are_one_track_for_the_audit() -> None:
    """Its command to paste removes the track, not the part of few frames that is left of it."""
    assert findings("dddddddd") == findings("ddssssdd") == findings("dd-s--dd") == []
    assert findings("-d-ssi-d-") == [("short_track", 1, 7)]
    assert findings("ddddiiiiiddd") == [("long_gap", 4, 8)]
    assert findings("ddddiisiiddd") == findings("ddddii-iiddd") == []


def test_an_edit_of_one_frame_counts_in_it_at_any_frame_rate() -> None:
    line = FrameLine(frame=0, pts=0, faces=[])
    for tick in (Fraction(1, 90000), Fraction(1, 30000), Fraction(1, 24000)):
        for pts in range(0, 3_000_000 // tick.denominator * 1001, 1001):
            before, then, after = (float(one * tick) for one in (pts - 1001, pts, pts + 1001))
            written = round(pts * float(tick), 3)  # 0.5005 s lies in the middle between two that are written
            track = MaskedTrack(1, start=written, end=written)
            added = Edits([AddedFace((0, 0, 9, 9), written, written)])
            assert [counts_at(track, one) for one in (before, then, after)] == [False, True, False], (tick, pts)
            masks = [len(added.fold(line, one).faces) for one in (before, then, after)]
            assert masks == [0, 1, 0], (tick, pts)
