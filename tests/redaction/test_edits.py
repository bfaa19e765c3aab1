"""People's edits: `faceblur edit` appends them, and render and audit take the sidecar together with them."""

from __future__ import annotations

import dataclasses
import getpass
import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faceblur.auditing.frame_alignment import gray_image
from faceblur.auditing.legibility import measure_legibility
from faceblur.auditing.mending import with_command
from faceblur.auditing.report import Finding, report_path
from faceblur.auditing.stream_pairs import pair_streams
from faceblur.cli.app import main
from faceblur.redaction.edit_operations import AddedFace
from faceblur.redaction.edits import append_edits, read_edits
from faceblur.redaction.output import VideoOutput, open_output
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg

FRAMES = 10  # of the output
BOX = (200.0, 20.0, 260.0, 90.0)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def clear_share(output: Path, number: int, box: tuple[float, float, float, float]) -> float:
    source = output.parents[1] / "in" / "face.mp4"
    before, after = (gray_image(media.frames(path)[number]) for path in (source, output))
    left = measure_legibility(before, after, box)
    assert left is not None
    return left.kept


def test_added_face_is_masked_in_its_time_and_the_sidecar_stays(output: Path) -> None:
    recorded = sidecar_path(output).read_bytes()
    run("edit", output, "--add", "200,20,260,90@0.12-0.2", "--reason", "a passer-by")
    assert sidecar_path(output).read_bytes() == recorded
    header, edit = (json.loads(line) for line in edits_path(sidecar_path(output)).read_text().splitlines())
    assert header["faceblur_edits"] == 1
    assert datetime.now(UTC) - datetime.fromisoformat(edit.pop("at")) < timedelta(minutes=5)
    who = {"by": getpass.getuser(), "reason": "a passer-by"}
    assert edit == {"box": list(BOX), "start": 0.12, "end": 0.2, "stream": 0, "op": "add", **who}
    left = [clear_share(output, number, BOX) for number in range(FRAMES)]
    assert all((share < 0.5) == (3 <= number <= 5) for number, share in enumerate(left)), left


def test_removed_track_is_clear_and_edits_add_up(output: Path) -> None:
    with SidecarReader(sidecar_path(output)) as sidecar:
        face = next(iter(sidecar)).faces[0]
    assert clear_share(output, 0, face.box) < 0.3
    run("edit", output, "--remove-track", face.track)
    assert clear_share(output, 0, face.box) > 0.8
    run("edit", output, "--add", "200,20,260,90@0-1")
    assert clear_share(output, 0, face.box) > 0.8 and clear_share(output, 0, BOX) < 0.5
    lines = edits_path(sidecar_path(output)).read_text().splitlines()
    assert [json.loads(line)["op"] for line in lines[1:]] == ["remove-track", "add"]


def test_an_edit_is_undone_and_stays_in_the_file(output: Path) -> None:
    written = output.read_bytes()
    run("edit", output, "--add", "200,20,260,90@0-1")
    run("edit", output, "--remove-track", 1)
    assert clear_share(output, 0, BOX) < 0.5 and output.read_bytes() != written
    run("edit", output, "--undo", 2, "--undo", 3)
    assert clear_share(output, 0, BOX) > 0.8 and output.read_bytes() == written
    lines = edits_path(sidecar_path(output)).read_text().splitlines()
    assert [json.loads(line).get("line") for line in lines[1:]] == [None, None, 2, 3]
    for line, why in ((3, "line 3 is no edit that counts"), (5, "line 5 is no"), (7, "line 7 is no")):
        assert why in run("edit", output, "--undo", line, code=2)
    assert len(read_edits(sidecar_path(output)).log) == 4 and not read_edits(sidecar_path(output))


def test_spared_track_stays_visible_and_everybody_says_so(output: Path, function_url: str, tmp_path: Path) -> None:
    source, sidecar = tmp_path / "in" / "face.mp4", sidecar_path(output)
    with SidecarReader(sidecar) as reader:
        face = next(iter(reader)).faces[0]
    other = tmp_path / "other.mp4"
    said = "10 faces in 10 frames stay visible"
    assert said in run("render", source, sidecar, "-o", other, "--spare-track", face.track)
    assert not edits_path(sidecar).exists()  # of the run's output nothing changed
    with SidecarReader(sidecar_path(other)) as reader:
        assert {one.state for line in reader for one in line.faces if one.track == face.track} == {"spared"}
    # What was rendered is rendered again without the option.
    assert said in run("render", source, sidecar_path(other), "-o", tmp_path / "again.mp4")
    assert said in run("edit", output, "--spare-track", face.track)
    assert output.read_bytes() == other.read_bytes() == (tmp_path / "again.mp4").read_bytes()
    assert clear_share(output, 0, face.box) > 0.8
    for one in (output, other):
        assert "1 spared face visible" in run("audit", source, one, "--function", function_url)


def test_render_refuses_to_spare_what_is_not_there_or_what_no_sidecar_would_list(output: Path, tmp_path: Path) -> None:
    render = ("render", tmp_path / "in" / "face.mp4", sidecar_path(output), "--spare-track")
    before = output.read_bytes()
    assert "there is no track 99" in run(*render, 99, "-o", tmp_path / "other.mp4", code=2)
    assert "it would not list what is spared" in run(*render, 1, "-o", output, "--overwrite", code=1)
    assert output.read_bytes() == before and not (tmp_path / "other.mp4").exists()


def test_render_takes_the_edits_and_lists_them_in_its_own_sidecar(output: Path, tmp_path: Path) -> None:
    run("edit", output, "--add", "200,20,260,90@0-1")
    other = tmp_path / "other.mp4"
    run("render", tmp_path / "in" / "face.mp4", sidecar_path(output), "-o", other)
    assert other.read_bytes() == output.read_bytes()
    with SidecarReader(sidecar_path(other)) as sidecar:
        assert all(BOX in [face.box for face in line.faces] for line in sidecar)


def test_audit_takes_the_edits(output: Path, function_url: str, tmp_path: Path) -> None:
    """It finds a face that was to be added, until it is rendered; a mask that was added is no unlisted change."""
    source = tmp_path / "in" / "face.mp4"
    run("edit", output, "--add", "200,20,260,90@0-1")
    assert "changed" not in run("audit", source, output, "--function", function_url)
    append_edits(sidecar_path(output), [AddedFace((20.0, 140.0, 120.0, 235.0), 0.0, 1.0)])
    assert "exposed" in run("audit", source, output, "--function", function_url, code=1)
    run("edit", output)  # goes on
    run("audit", source, output, "--function", function_url)


def masked(output: Path) -> list[int]:
    """The numbers of the frames in which BOX is masked."""
    return [number for number in range(FRAMES) if clear_share(output, number, BOX) < 0.5]


def test_times_of_edits_and_audit_are_a_players(made: Path, function_url: str, tmp_path: Path) -> None:
    """The file's own times begin at 5 s. Nobody sees that in a player."""
    source, output = tmp_path / "in" / "face.mp4", tmp_path / "out" / "face.mp4"
    source.parent.mkdir()
    run_ffmpeg("-i {source} -c copy -output_ts_offset 5 {target}", source=made / "in" / "face.mp4", target=source)
    assert media.times(source)[0] == 5
    run("run", source, "-o", output.parent, "--function", function_url)
    run("edit", output, "--add", "200,20,260,90@0.12-0.2")
    # Its sound begins 0.02 s before its picture, and some players count from there: frame 2 is masked too.
    assert masked(output) == [2, 3, 4, 5]
    append_edits(sidecar_path(output), [AddedFace((20.0, 140.0, 120.0, 235.0), 0.0, 1.0)])
    run("audit", source, output, "--function", function_url, code=1)
    report = json.loads(report_path(output, "json").read_text())
    assert report["findings"][0]["first_time"] == "00:00:00.000"
    assert report["facts"]["seconds"] == pytest.approx((FRAMES - 1) / 25)


def test_added_face_is_masked_in_the_frame_that_is_shown_when_it_begins(output: Path) -> None:
    """It began before: a person who stops a player at 0.15 s sees the frame of 0.12 s."""
    run("edit", output, "--add", "200,20,260,90@0.15-0.17", "--add", "200,20,260,90@0.39-0.5")
    assert masked(output) == [3, 4, 9]


def test_a_last_line_that_an_editor_left_open_stays_a_line(output: Path) -> None:
    run("edit", output, "--add", "200,20,260,90@0-0.1")
    edits = edits_path(sidecar_path(output))
    edits.write_bytes(edits.read_bytes().rstrip(b"\n"))
    run("edit", output, "--add", "200,20,260,90@0.2-0.3")
    assert len(read_edits(sidecar_path(output)).operations) == 2
    assert masked(output) == [0, 1, 2, 5, 6, 7]


def test_an_edit_that_comes_while_rendering_begins_fails_it(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the output would be written without it, over one that has it."""

    def open_late(*arguments: Any, **named: Any) -> VideoOutput:
        append_edits(sidecar_path(output), [AddedFace(BOX, 0.2, 0.3)])
        return open_output(*arguments, **named)

    before = output.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("faceblur.redaction.render.open_output", open_late)
        assert "edited it at the same time" in run("edit", output, "--add", "200,20,260,90@0-0.1", code=1)
    assert output.read_bytes() == before
    run("edit", output)
    assert masked(output) == [0, 1, 2, 5, 6, 7]


@pytest.mark.parametrize("stream", [0, 3])
def test_an_edit_by_hand_that_changes_nothing_is_refused(output: Path, tmp_path: Path, stream: int) -> None:
    """A wrong time or stream would leave a face clear, and nobody would hear of it."""
    start = 50.0 if stream == 0 else 0.0
    append_edits(sidecar_path(output), [AddedFace(BOX, start, start + 1, stream)])
    assert f"no frame of stream {stream} is shown" in run("edit", output, code=2)
    render = ("render", tmp_path / "in" / "face.mp4", sidecar_path(output), "-o", tmp_path / "other.mp4")
    assert f"no frame of stream {stream} is shown" in run(*render, code=2)


def test_the_command_that_mends_a_track_names_its_stream(output: Path, tmp_path: Path) -> None:
    """Another stream has another face under this number."""
    files = pair_streams(tmp_path / "in" / "face.mp4", output, sidecar_path(output))
    finding = Finding(kind="low_score", text="", severity=0, first_frame=0, last_frame=0, first_time="", last_time="",
                      frames=1, frame=0, time="", stream=1, track=7)  # fmt: skip
    several = dataclasses.replace(files, pairs=files.pairs * 2)
    assert str(with_command(finding, several).mend).endswith("--remove-track 7 --stream 1")
    assert str(with_command(finding, files).mend).endswith("--remove-track 7")


def test_a_run_over_an_edited_output_says_that_it_lacks_the_edits(
    output: Path, function_url: str, tmp_path: Path
) -> None:
    again = ("run", tmp_path / "in" / "face.mp4", "-o", output.parent, "--overwrite", "--function", function_url)
    said = "face.mp4.edits.jsonl is not in this output"
    assert said not in " ".join(run(*again).split())
    run("edit", output, "--add", "200,20,260,90@0-0.1")
    assert said in " ".join(run(*again).split())
    assert masked(output) == []
    assert said not in " ".join(run("edit", output).split())  # the same sidecar to the bit
    assert masked(output) == [0, 1, 2]


def test_edits_of_another_run_are_refused(output: Path, function_url: str, tmp_path: Path) -> None:
    """A later run numbers its tracks anew: to remove track 1 of it might uncover another face."""
    source, sidecar = tmp_path / "in" / "face.mp4", sidecar_path(output)
    run("edit", output, "--remove-track", 1)
    run("run", source, "-o", output.parent, "--overwrite", "--function", function_url, "--padding", 0.3)
    for command in (
        ("edit", output),
        ("render", source, sidecar, "-o", tmp_path / "new.mp4"),
        ("audit", source, output, "--function", function_url),
    ):
        assert "its edits are of another sidecar" in " ".join(
            run(*command, code=1 if command[0] == "render" else 2).split()
        )
    assert not (tmp_path / "new.mp4").exists()


def test_source_is_found_beside_where_it_was_or_named(output: Path, tmp_path: Path) -> None:
    moved = (tmp_path / "in").rename(tmp_path / "elsewhere") / "face.mp4"
    assert "name it with --source" in run("edit", output, code=2)
    run("edit", output, "--source", moved, "--add", "200,20,260,90@0-1")
    assert "is of another video" in run("edit", output, "--source", output, code=2)


def test_the_source_is_named_without_a_way_through_the_output(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = run("edit", "out/face.mp4", "--add", "200,20,260,90@0-1")
    assert "in/face.mp4" in text and ".." not in text
    # Behind a link ".." is elsewhere.
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "link").symlink_to(tmp_path / "out")
    assert "done" in run("edit", "deep/link/face.mp4", "--add", "200,20,260,90@0-1")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--remove-track", 99), "there is no track 99"),
        (("--spare-track", 99), "there is no track 99"),
        (("--spare-track", 1, "--stream", 1), "there is no track 1 in stream 1"),
        (("--add", "200,20,260,90@5-6"), "no frame of stream 0 is shown from 5 to 6 s"),
        (("--add", "200,20,260,90@0-1", "--stream", 7), "no frame of stream 7"),
        (("--add", "1900,20,1960,90@0-1"), "lies outside of the frame of 320x240"),
        (("--add", "260,20,200,90@0-1"), "covers nothing"),
        (("--add", "200,20,260,90@1-0"), "before it begins"),
        (("--add", "200,20,260"), "not of the form"),
        (("--remove-track", 1, "--reason", "two\nlines"), "a reason is one line"),
        (("--remove-track", 1, "--reason", "x" * 1001), "at most 1000 characters"),
        (("--add", f"200,20,260,90@0-{'9' * 400}"), "not of the form"),
        (("--add", "200,20,260,90@\u22121-1"), "not of the form"),
    ],
)
def test_an_edit_that_changes_nothing_is_refused(output: Path, arguments: tuple[object, ...], reason: str) -> None:
    before = output.read_bytes()
    assert reason in run("edit", output, *arguments, code=2)
    assert output.read_bytes() == before and not edits_path(sidecar_path(output)).exists()


def test_a_rejected_track_is_taken_back_by_the_command_that_the_audit_gives(
    output: Path, function_url: str, tmp_path: Path
) -> None:
    source, sidecar = tmp_path / "in" / "face.mp4", sidecar_path(output)
    # As a run lists a face that its second detector takes for none.
    lines = [json.loads(line) for line in sidecar.read_text().splitlines()]
    for line in lines[1:]:
        line["faces"] = [one | {"state": "rejected", "second_score": 0.01} for one in line["faces"]]
    sidecar.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run("edit", output)
    box = lines[1]["faces"][0]["box"]
    assert clear_share(output, 0, box) > 0.8
    run("audit", source, output, "--function", function_url, code=1)
    report = json.loads(report_path(output, "json").read_bytes())
    found = next(one for one in report["watch"] if one["kind"] == "rejected")
    assert found["mend"] == f"faceblur edit {output} --mask-track 1"
    assert "· track 1" in report_path(output, "html").read_text()
    run(*shlex.split(found["mend"])[1:])
    assert clear_share(output, 0, box) < 0.3
    run("audit", source, output, "--function", function_url)
