"""The sidecar, and writing a video again from it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import SidecarError
from faceblur.cli.app import main
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import FRAME_LINE, schema
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media

ROOT = Path(__file__).parents[2]


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def source(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("in") / "face.mp4", islice(pan(face, (320, 240), 60), 24))


@pytest.fixture(scope="module")
def output(source: Path, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run with default settings writes; its sidecar lies beside it."""
    out = tmp_path_factory.mktemp("out")
    run("run", source, "-o", out, "--function", function_url)
    return out / source.name


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path: Path, content: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in content))
    return path


def test_it_records_the_video_the_settings_and_every_frame(
    source: Path, function_url: str, detector: Detector, tmp_path: Path
) -> None:
    run("run", source, "-o", tmp_path, "--function", function_url, "--detect-every", 1)
    output = tmp_path / source.name
    header, *frames = lines(sidecar_path(output))
    assert header["video"]["bytes"] == source.stat().st_size and header["video"]["name"] == "face.mp4"
    assert header["function"]["model"] == "retinaface-mobilenet0.25" and len(header["function"]["weights_sha256"]) == 64
    assert header["settings"]["threshold"] == 0.3 and header["settings"]["style"] == "blur"
    assert header["settings"]["detect_every"] == 1 and header["function"]["detect_size"] == 1920
    assert header["frame_wh"] == [320, 240] and all(line["searched"] is True for line in frames)
    assert [line["frame"] for line in frames] == list(range(24))
    numerator, denominator = map(int, header["time_base"].split("/"))
    assert [line["pts"] * numerator / denominator for line in frames] == [float(time) for time in media.times(source)]
    tracks = set()
    for line, image in zip(frames, media.frames(source), strict=True):
        (expected,) = detector.detect([image], threshold=0.5)[0].xyxy
        detected = [face for face in line["faces"] if face["state"] == "detected"]
        # The box is never smaller than that of the frame's own detection, and hardly larger.
        larger = [(np.array(face["box"]) - expected) * (-1, -1, 1, 1) for face in detected]
        (found,) = [face for face, by in zip(detected, larger, strict=True) if by.min() > -1 and by.max() < 16]
        assert found["score"] > 0.9
        tracks.add(found["track"])
    assert len(tracks) == 1


def test_it_says_which_frames_were_searched(output: Path) -> None:
    header, *frames = lines(sidecar_path(output))
    assert "detect_every" not in header["settings"]
    searched = [line.get("searched", False) for line in frames]
    assert searched[0] and searched[-1] and 1 < sum(searched) < len(frames)
    for line, is_searched in zip(frames, searched, strict=True):
        assert {face["state"] for face in line["faces"]} == {"detected" if is_searched else "interpolated"}


def test_its_schema_is_the_documented_one() -> None:
    assert json.loads((ROOT / "docs" / "sidecar.schema.json").read_text()) == json.loads(json.dumps(schema()))


@pytest.mark.parametrize(
    "more", [("--return", "faces"), ("--batch-size", 1), ("--batch-size", 5, "--concurrency", 1)], ids=str
)
def test_result_does_not_depend_on_how_frames_travel(
    source: Path, output: Path, function_url: str, tmp_path: Path, more: tuple[object, ...]
) -> None:
    run("run", source, "-o", tmp_path, "--function", function_url, *more)
    assert (tmp_path / source.name).read_bytes() == output.read_bytes()
    assert sidecar_path(tmp_path / source.name).read_bytes() == sidecar_path(output).read_bytes()


def test_untouched_it_renders_the_same_video(source: Path, output: Path, tmp_path: Path) -> None:
    run("render", source, sidecar_path(output), "-o", tmp_path)
    assert (tmp_path / source.name).read_bytes() == output.read_bytes()
    assert sidecar_path(tmp_path / source.name).read_bytes() == sidecar_path(output).read_bytes()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_clip_renders_the_same(face: Image, function_url: str, tmp_path: Path, rotation: int) -> None:
    stored = [np.ascontiguousarray(np.rot90(image, -rotation // 90)) for image in pan(face, (320, 240), 4)]
    clip = write_clip(tmp_path / "in" / "phone.mp4", stored, rotation=rotation)
    run("run", clip, "-o", tmp_path / "out", "--function", function_url)
    output = tmp_path / "out" / "phone.mp4"
    assert lines(sidecar_path(output))[0]["frame_wh"] == [320, 240]
    run("render", clip, sidecar_path(output), "-o", tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == output.read_bytes()


def test_edits_are_rendered(source: Path, output: Path, detector: Detector, tmp_path: Path) -> None:
    """A face that was added is masked, one that was removed comes back, another style is taken."""
    header, *frames = lines(sidecar_path(output))
    box = [20.0, 180.0, 60.0, 220.0]
    for line in frames:
        line["faces"] = [{"box": box}] if line["frame"] < 12 else line["faces"]
    edited = written(tmp_path / "edited.jsonl", [header, *frames])
    run("render", source, edited, "-o", tmp_path / "out.mp4", "--style", "solid", "--crf", 0)
    before, after = media.frames(source), media.frames(tmp_path / "out.mp4")
    assert len(before) == len(after) == 24
    for number, (was, now) in enumerate(zip(before, after, strict=True)):
        (face,) = detector.detect([was], threshold=0.5)[0].xyxy.astype(int)
        x1, y1, x2, y2 = face
        left = detail_left(was[y1:y2, x1:x2], now[y1:y2, x1:x2])
        assert left > 0.9 if number < 12 else left < 0.2
        if number < 12:
            assert now[182:218, 30:50].max() < 10
            assert media.outside((was, now), [box], 0.3).max() == 0
    with SidecarReader(sidecar_path(tmp_path / "out.mp4")) as rendered:
        assert rendered.header.settings.style == "solid" and next(iter(rendered)).faces[0].box == tuple(box)


def frames_less(content: list[dict[str, Any]]) -> None:
    content.pop()


def other_times(content: list[dict[str, Any]]) -> None:
    content[5]["pts"] += 1


def other_order(content: list[dict[str, Any]]) -> None:
    content[5], content[6] = content[6], content[5]


def other_video(content: list[dict[str, Any]]) -> None:
    content[0]["video"]["sha256_last_mib"] = "0" * 64


def endless_box(content: list[dict[str, Any]]) -> None:
    content[7]["faces"] = [{"box": [0, 0, "Infinity", 3]}]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (frames_less, "lists 23 frames, the video has more"),
        (lambda content: content.append(content[-1] | {"frame": 24}), "lists more frames than the 24"),
        (lambda content: content.insert(5, content[1] | {"stream": 9}), "lists more frames than the 24"),
        (other_times, "frame 4 is at"),
        (other_order, "line 6: frame 5 is out of order"),
        (other_video, "belongs to another video"),
        (endless_box, "line 8: faces.0.box.2"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(
    source: Path, output: Path, tmp_path: Path, edit: Any, message: str
) -> None:
    content = lines(sidecar_path(output))
    edit(content)
    broken = written(tmp_path / "broken.jsonl", content)
    assert message in " ".join(run("render", source, broken, "-o", tmp_path / "out.mp4", code=1).split())
    assert list(tmp_path.iterdir()) == [broken]


def test_corners_from_the_lower_right_to_the_upper_left_are_masked_and_named(
    source: Path, output: Path, tmp_path: Path
) -> None:
    content = lines(sidecar_path(output))
    for line in content[1:]:
        for face in line["faces"]:
            face["box"] = [*face["box"][2:], *face["box"][:2]]
    swapped = written(tmp_path / "swapped.jsonl", content)
    report = faceblur.render(source, swapped, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == output.read_bytes()
    assert report.files[source].damage == ("24 boxes of the sidecar with swapped corners, from line 2 on",)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([340, 20, 400, 90], "frame 6 of stream 0: face 0: its box [340, 20, 400, 90] lies outside"),
        ([20, -90, 80, -20], "frame 6 of stream 0: face 0"),
        ([20, 20, 20, 90], "line 8: face 0: its box covers nothing"),
        ([-1e308, 20, 1e308, 90], "line 8: face 0: a coordinate of its box is beyond 1,000,000 pixels"),
    ],
    ids=str,
)
def test_a_box_that_covers_nothing_is_an_error_for_render_and_a_wrong_call_for_audit(
    source: Path, output: Path, function_url: str, tmp_path: Path, box: list[float], message: str
) -> None:
    content = lines(sidecar_path(output))
    content[7]["faces"] = [{"box": box}]
    wrong = written(tmp_path / "wrong.jsonl", content)
    shown = " ".join(run("render", source, wrong, "-o", tmp_path / "out.mp4", code=1).split())
    assert message in shown
    shown = " ".join(run("audit", source, output, wrong, "--function", function_url, code=2).split())
    assert message in shown
    assert list(tmp_path.iterdir()) == [wrong]


@pytest.mark.parametrize(("name", "value"), [("padding", -0.5), ("low_threshold", 7), ("crf", 99)])
def test_settings_that_no_run_has_end_render_and_audit(
    source: Path, output: Path, function_url: str, tmp_path: Path, name: str, value: float
) -> None:
    content = lines(sidecar_path(output))
    content[0]["settings"][name] = value
    wrong = written(tmp_path / "wrong.jsonl", content)
    for command, code in (
        (("render", source, wrong, "-o", tmp_path / "out.mp4"), 1),
        (("audit", source, output, wrong), 2),
    ):
        more = ("--function", function_url) if command[0] == "audit" else ()
        assert f"line 1: settings: {name}: {value}" in " ".join(run(*command, *more, code=code).split())


def test_a_box_beside_the_frame_counts_as_far_as_its_padding_reaches(
    source: Path, output: Path, tmp_path: Path
) -> None:
    """With less padding it covers nothing, and the new sidecar does not list it."""
    content = lines(sidecar_path(output))
    content[7]["faces"] = [{"box": [322, 20, 372, 90]}]
    edited = written(tmp_path / "edited.jsonl", content)
    for padding, faces in ((0.25, 1), (0, 0)):
        run("render", source, edited, "-o", tmp_path / "out.mp4", "--padding", padding, "--overwrite")
        rendered = sidecar_path(tmp_path / "out.mp4")
        assert len(lines(rendered)[7]["faces"]) == faces
        run("render", source, rendered, "-o", tmp_path / "again.mp4", "--overwrite")
        assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()


def test_wrong_calls_are_refused(source: Path, output: Path, tmp_path: Path) -> None:
    sidecar = sidecar_path(output)
    assert "is the source" in run("render", source, sidecar, "-o", source, "--overwrite", code=2)
    assert "no container" in run("render", source, sidecar, "-o", tmp_path / "x.txt", code=2)
    assert "no such file" in run("render", source, tmp_path / "none.jsonl", "-o", tmp_path, code=2)
    assert "not a sidecar" in run("render", source, source, "-o", tmp_path, code=1)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_skipped(source: Path, output: Path) -> None:
    assert "skipped" in run("render", source, sidecar_path(output), "-o", output)


def test_no_sidecar_when_not_wanted(source: Path, function_url: str, tmp_path: Path) -> None:
    run("run", source, "-o", tmp_path, "--function", function_url, "--no-sidecar")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_failed_video_leaves_no_sidecar(source: Path, function_url: str, tmp_path: Path) -> None:
    cut = tmp_path / "in" / "cut.mkv"
    cut.parent.mkdir()
    write_clip(cut, media.frames(source) * 16)
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    run("run", cut, "-o", tmp_path / "out", "--function", function_url, code=1)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\n", b'{"faceblur_sidecar": 2}\n'])
def test_garbage_is_no_sidecar(tmp_path: Path, content: bytes) -> None:
    garbage = tmp_path / "garbage.jsonl"
    garbage.write_bytes(content)
    with pytest.raises(SidecarError, match=str(garbage)):
        SidecarReader(garbage)


def test_a_box_is_all_that_an_editor_must_give() -> None:
    line = FRAME_LINE.validate_json('{"frame": 0, "pts": 0, "faces": [{"box": [1, 2, 3, 4]}]}')
    assert line.faces[0].state == "added" and line.faces[0].score is None


def test_what_older_sidecars_call_covered_is_gap_filled() -> None:
    line = FRAME_LINE.validate_json('{"frame": 0, "pts": 0, "faces": [{"box": [1, 2, 3, 4], "state": "covered"}]}')
    assert line.faces[0].state == "gap-filled" and line.faces[0].is_masked
    states = schema()["$defs"]["SidecarFace"]["properties"]["state"]["anyOf"]
    assert {"const": "covered", "type": "string"} in states
