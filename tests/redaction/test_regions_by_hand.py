"""Regions by hand in real files: what is covered and what is spared, to the pixel and to the frame."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.cli import fleet  # noqa: F401  # it adds its commands
from faceblur.redaction.sidecar_format import SidecarFace
from tests.cli.calls import invoke
from tests.redaction.regions import COVERED, faces, is_covered, run, text, textured
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg


@pytest.fixture(scope="module")
def still(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 equal frames of 320x240 with a face and a pattern, 25 a second."""
    image = cv2.resize(face, (320, 320))[:240]
    return write_clip(tmp_path_factory.mktemp("clips") / "still.mp4", [textured(image)] * 50)


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_a_box_is_covered_completely_at_its_times_and_nothing_else_changes(
    still: Path, function_url: str, tmp_path: Path, style: str
) -> None:
    shared = ("--function", function_url, "--crf", 0, "--style", style)
    output = run("run", still, "-o", tmp_path, "--cover", text(COVERED, "@0.5-1"), *shared)
    assert "covered by hand: 8,100,72,180@0.5-1 in 13 frames" in output or "in 12 frames" in output
    before, after = media.frames(still), media.frames(tmp_path / "still.mp4")
    covered = [is_covered(a, b, COVERED) for a, b in zip(before, after, strict=True)]
    assert [index for index, one in enumerate(covered) if one] == list(range(12, 25))
    for a, b, listed in zip(before, after, faces(tmp_path / "still.mp4"), strict=True):
        boxes = [one.box for one in listed if one.state != "region"]
        # 4:2:0: the chroma of a pixel beside the box is that of the box.
        grown = (COVERED[0] - 2, COVERED[1] - 2, COVERED[2] + 2, COVERED[3] + 2)
        changed = np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 0
        for x1, y1, x2, y2 in [grown]:
            changed[y1:y2, x1:x2] = False
        assert media.outside((a * 0, (changed * 255).astype(np.uint8)[..., None].repeat(3, 2)), boxes, 0.3).max() == 0


def test_render_repeats_regions_to_the_bit_and_an_edited_box_is_masked_as_a_region(
    face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    regions = ("--cover", text(COVERED, "@0.5-1"), "--cover", "100,0,101,1", "--spare", "0,0,320,240@0-0.4")
    run("run", face_clip, "-o", tmp_path, *regions, "--function", function_url)
    made = tmp_path / "face.mp4"
    output = run("render", face_clip, faceblur.sidecar_path(made), "-o", tmp_path / "again.mp4")
    assert made.read_bytes() == (tmp_path / "again.mp4").read_bytes()
    assert faces(made) == faces(tmp_path / "again.mp4")
    for note in ("covered by hand: 100,0,101,1 in 48 frames", "covered by hand: 8,100,72,180 in 13 frames"):
        assert f"{face_clip}: {note}" in output
    assert re.search(r"spared by hand: 1\d faces in 10 frames stay visible", output)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_are_in_pixels_of_the_frame_as_it_is_shown(
    face: Image, function_url: str, tmp_path: Path, rotation: int
) -> None:
    turns = rotation // 90
    upright = list(pan(textured(face), (192, 144), 12))
    stored = [np.ascontiguousarray(np.rot90(image, -turns)) for image in upright]
    clip = write_clip(tmp_path / "in" / "phone.mp4", stored, rotation=rotation)
    run("run", clip, "-o", tmp_path / "out", "--function", function_url, "--cover", text(COVERED), "--crf", 0)
    before, after = (
        [np.ascontiguousarray(np.rot90(one, turns)) for one in media.frames(path)]
        for path in (clip, tmp_path / "out" / "phone.mp4")
    )
    assert all(is_covered(a, b, COVERED) for a, b in zip(before, after, strict=True))


def test_a_frame_that_is_shown_for_long_is_covered_when_a_part_of_it_is(
    face: Image, function_url: str, tmp_path: Path
) -> None:
    """The frame at 1 s is shown for 5 s: no other frame has a time within the region's."""
    pts = [0, 500, 1000, 6000, 6500]
    images = pan(textured(face), (192, 144), len(pts))
    clip = write_clip(tmp_path / "in" / "a.mp4", images, pts=pts, time_base=Fraction(1, 1000))
    regions = ("--cover", text(COVERED, "@3-4"), "--spare", "0,0,192,144@0-4")
    run("run", clip, "-o", tmp_path / "out", "--function", function_url, *regions, "--crf", 0)
    pairs = zip(media.frames(clip), media.frames(tmp_path / "out" / "a.mp4"), strict=True)
    assert [is_covered(a, b, COVERED) for a, b in pairs] == [False, False, True, False, False]
    states = [{one.state for one in listed} - {"region"} for listed in faces(tmp_path / "out" / "a.mp4")]
    # The frame that is shown until 6 s is not spared until 4 s.
    assert states[:2] == [{"spared"}] * 2 and all("spared" not in one for one in states[2:])


def test_times_count_from_where_a_player_begins(face: Image, function_url: str, tmp_path: Path) -> None:
    """An MPEG-TS begins at 1.4 s; a player shows 0."""
    source = write_clip(tmp_path / "a.mkv", [textured(cv2.resize(face, (320, 320))[:240])] * 50)
    (tmp_path / "in").mkdir()
    clip = tmp_path / "in" / "a.ts"
    run_ffmpeg("-i {source} -c copy {target}", source=source, target=clip)
    assert media.times(clip)[0] > 1
    run(
        *("run", clip, "-o", tmp_path / "out", "--function", function_url, "--crf", 0),
        *("--cover", text(COVERED, "@0-0.1"), "--cover", text(COVERED, "@1.9-9")),
    )
    pairs = zip(media.frames(clip), media.frames(tmp_path / "out" / "a.ts"), strict=True)
    covered = [is_covered(a, b, COVERED) for a, b in pairs]
    assert covered[0] and covered[-1] and not any(covered[4:45])


def test_times_hold_where_the_sound_begins_before_the_picture(still: Path, function_url: str, tmp_path: Path) -> None:
    """Some players show zero with the sound, 2 frames before the first frame, others with that frame."""
    clip = tmp_path / "in" / "a.mkv"
    clip.parent.mkdir()
    sound = "-f lavfi -t 2 -i anullsrc"
    run_ffmpeg(
        f"{sound} -itsoffset 0.07 -i {{source}} -map 1:v -map 0:a -c:v copy {{target}}", source=still, target=clip
    )
    assert media.times(clip)[0] == pytest.approx(0.07, abs=0.009)
    out = tmp_path / "out" / "a.mkv"
    regions = ("--cover", text(COVERED, "@1-1.2"), "--spare", "0,0,320,240@0-1")
    run("run", clip, "-o", tmp_path / "out", "--function", function_url, *regions, "--crf", 0)
    pairs = zip(media.frames(clip), media.frames(out), strict=True)
    assert [number for number, pair in enumerate(pairs) if is_covered(*pair, COVERED)] == [*range(23, 30)]
    spared = [number for number, listed in enumerate(faces(out)) if any(one.state == "spared" for one in listed)]
    assert spared == [*range(23)]
    run("edit", out, "--add", text(COVERED, "@1-1.19"))
    added = [number for number, listed in enumerate(faces(out)) if any(one.box[:2] == COVERED[:2] for one in listed)]
    assert added == [*range(23, 30)]


def test_a_spared_face_stays_and_everybody_says_so(still: Path, function_url: str, tmp_path: Path) -> None:
    shared = ("--function", function_url, "--crf", 0)
    output = run("run", still, "-o", tmp_path, "--spare", "0,0,320,240", *shared)
    assert "spared by hand: 50 faces in 50 frames stay visible" in output
    target = tmp_path / "still.mp4"
    assert all(np.array_equal(a, b) for a, b in zip(media.frames(still), media.frames(target), strict=True))
    assert {(one.state, one.track) for listed in faces(target) for one in listed} == {("spared", 1)}
    output = run("audit", still, target, "--function", function_url)
    assert "1 spared face visible, by a person's choice" in output
    assert "spared by a person's choice" in output
    report = faceblur.audit(still, target, function=[function_url])
    assert report.passed and report.counts["spared"] == 1
    (finding,) = [one for one in report.watch if one.kind == "spared"]
    assert (finding.first_frame, finding.last_frame, finding.track) == (0, 49, 1)


def test_the_audit_still_fails_where_a_face_beside_a_spared_one_is_clear(
    still: Path, function_url: str, tmp_path: Path
) -> None:
    """The sidecar spares a box beside the face: the face itself has no mask."""
    run("run", still, "-o", tmp_path, "--spare", "0,0,320,240", "--function", function_url)
    path = faceblur.sidecar_path(tmp_path / "still.mp4")
    sidecar = faceblur.read_sidecar(path)
    for line in sidecar.frames:
        line.faces[:] = [SidecarFace(box=(10, 150, 60, 200), track=1, state="spared")]
    faceblur.write_sidecar(path, sidecar)
    run("audit", still, tmp_path / "still.mp4", "--function", function_url, code=1)


def test_only_faces_that_lie_completely_in_a_box_are_spared_and_cover_goes_before(
    still: Path, function_url: str, tmp_path: Path
) -> None:
    def states(name: str, *regions: object) -> set[str]:
        run("run", still, "-o", tmp_path / name, *regions, "--function", function_url, "--crf", 0)
        return {one.state for listed in faces(tmp_path / name / "still.mp4") for one in listed}

    states("plain")
    (x1, y1, x2, y2) = (round(value) for value in faces(tmp_path / "plain" / "still.mp4")[0][0].box)
    around, half = (x1 - 5, y1 - 5, x2 + 5, y2 + 5), (x1 - 5, y1 - 5, (x1 + x2) // 2, y2 + 5)
    assert states("half", "--spare", text(half)) <= {"detected", "interpolated", "gap-filled"}
    assert states("both", "--spare", text(around), "--cover", text(around)) == {"spared", "region"}
    pairs = zip(media.frames(still), media.frames(tmp_path / "both" / "still.mp4"), strict=True)
    assert all(is_covered(a, b, (x1, y1, x2, y2)) for a, b in pairs)


def test_a_region_that_lies_outside_fails_its_video_and_one_that_has_no_frame_is_named(
    still: Path, function_url: str, tmp_path: Path
) -> None:
    output = run("run", still, "-o", tmp_path, "--cover", "320,0,400,50", "--function", function_url, code=1)
    assert "the region to cover 320,0,400,50 lies outside of its frames of 320x240" in output
    assert not (tmp_path / "still.mp4").exists()
    late = ("--cover", "0,0,9,9@700-800", "--spare", "0,0,9,9")
    output = run("run", still, "-o", tmp_path, *late, "--function", function_url)
    assert "covered by hand: 0,0,9,9@700-800 in no frame: check its times" in output
    assert "spared by hand: no face lies in 0,0,9,9" in output


def test_regions_of_a_folder_in_a_file(still: Path, function_url: str, tmp_path: Path) -> None:
    (tmp_path / "regions.txt").write_text(f"# the gate\ncover {text(COVERED)}\nspare 0,0,320,240\n", "utf-8-sig")
    regions = ("--regions", tmp_path / "regions.txt", "--cover", "0,0,8,8")
    run("run", still, "-o", tmp_path / "out", *regions, "--function", function_url)
    header = faceblur.read_sidecar(faceblur.sidecar_path(tmp_path / "out" / "still.mp4")).header
    assert header.settings.cover == ("0,0,8,8", text(COVERED)) and header.settings.spare == ("0,0,320,240",)


@pytest.mark.parametrize("option", [("--cover", "0,0,9,9"), ("--spare", "0,0,9,9"), ("--start", "1"), ("--end", "1")])
def test_an_output_of_other_choices_is_not_taken_for_done(
    still: Path, function_url: str, tmp_path: Path, option: tuple[str, str]
) -> None:
    """Who covers something later must not be told that it is done; nor who takes it back."""
    plain, chosen = ("run", still, "-o", tmp_path, "--function", function_url), ()
    for options, others in [(chosen, option), (option, chosen)]:
        run(*plain, *options, "--overwrite")
        before = (tmp_path / "still.mp4").read_bytes()
        assert "1 skipped" in run(*plain, *options)
        assert "other boxes or another span were chosen for it" in run(*plain, *others, code=1)
        assert (tmp_path / "still.mp4").read_bytes() == before


def test_an_output_of_other_settings_says_so(still: Path, function_url: str, tmp_path: Path) -> None:
    plain = ("run", still, "-o", tmp_path, "--function", function_url)
    run(*plain)
    assert "exists; --overwrite writes it again" in run(*plain)
    others = ("--detect-every", "1", "--threshold", "0.2", "--no-verify")
    skipped = " ".join(run(*plain, *others).replace("│", " ").split())
    named = "--threshold, --detect-every, --verify"
    assert f"exists, made with other values of {named}; --overwrite writes it again" in skipped
    run(*plain, "--no-verify", "--overwrite")  # as with a function that has no second detector
    assert "exists; --overwrite writes it again" in run(*plain)


def test_wrong_calls(still: Path, tmp_path: Path) -> None:
    (tmp_path / "regions.txt").write_text("cover 1,2,3,4\nspare me\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "long.txt").write_text("#" * (1 << 20) + "\ncover 0,0,8,8")
    for arguments, message in [
        (("run", still, "--cover", "1,2,3"), "is no region"),
        (("run", still, "--spare", "5,5,1,1"), "x1 < x2"),
        (("run", still, "--cover", "1,2,3,4@9-1"), "before it begins"),
        (("run", still, "--regions", tmp_path / "regions.txt"), "line 2: 'me' is no region"),
        (("run", still, "--regions", tmp_path / "binary.txt"), "no text in UTF-8"),
        (("run", still, "--regions", tmp_path / "nowhere.txt"), "No such file"),
        (("run", still, "--regions", tmp_path / "long.txt"), "longer than 1048576 characters"),  # as a device is
        (("run", still, *("--cover", "1,2,3,4") * 101), "101 regions, of at most 100"),
        (("image", tmp_path / "a.png", "--cover", "1,2,3,4@1-2"), "an image has no times"),
        (("image", tmp_path / "a.png", "--spare", "1,2,3,4@1-2"), "an image has no times"),
        (("submit", still, "--ledger", tmp_path / "ledger.db", "--cover", "x"), "is no region"),
    ]:
        result = invoke(*arguments, "-o", tmp_path / "out")
        assert result.exit_code == 2, (arguments, result.output)
        assert message in result.output and "Traceback" not in result.output, (arguments, result.output)
        assert not (tmp_path / "out").exists()
