"""`faceblur audit` finds what was done to an output on purpose, names the frame, and finds nothing in a good one."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.audit import audit
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport
from faceblur.base.errors import SidecarError
from faceblur.cli.app import main
from faceblur.detection.endpoint import Endpoint
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import redact
from tests.support import clips as media
from tests.support.orientations import write_stored

Frames = list[Image]
FRAMES = 20


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def redacted(source: Path, folder: Path, function_url: str, *more: object) -> Path:
    """A source's output, by a real run."""
    result = call("run", source, "-o", folder, "--function", function_url, *more)
    assert result.exit_code == 0, result.output
    return folder / source.name


def audited(source: Path, output: Path, function_url: str, *, code: int, sidecar: Path | None = None) -> AuditReport:
    """The report of an audit, which must end with this exit code."""
    extra = [] if sidecar is None else [sidecar]
    result = call("audit", source, output, *extra, "--function", function_url)
    assert result.exit_code == code, result.output
    report = AuditReport.model_validate_json(output.with_name(f"{output.name}.audit.json").read_text())
    page = output.with_name(f"{output.name}.audit.html").read_text()
    for finding in report.findings:  # in all three: text, JSON, page
        for text in (result.stdout, page):
            assert finding.first_time in text and str(finding.first_frame) in text
    return report


def spoilt(good: Path, folder: Path, change: Callable[[Frames], Frames], **more: Any) -> Path:
    """The good output with its frames changed, and with the good one's sidecar."""
    output = write_clip(folder / good.name, change(media.frames(good)), audio_codec=None, **more)
    shutil.copy(sidecar_path(good), sidecar_path(output))
    return output


def frames_of(report: AuditReport, *kinds: str) -> list[tuple[str, int, int]]:
    return [(one.kind, one.first_frame, one.last_frame) for one in report.findings if not kinds or one.kind in kinds]


@pytest.fixture(scope="module")
def source(face: Image, clips: Path) -> Path:
    return write_clip(clips / "audit" / "pan.mp4", pan(face, (192, 144), FRAMES), audio_codec=None)


@pytest.fixture(scope="module")
def good(source: Path, clips: Path, function_url: str) -> Path:
    return redacted(source, clips / "audited", function_url)


def test_good_output_has_no_finding(source: Path, good: Path, function_url: str) -> None:
    report = audited(source, good, function_url, code=0)
    assert report.passed and report.findings == []
    assert report.facts.source_frames == report.facts.output_frames == FRAMES <= report.facts.regions
    assert report.facts.most_kept < 0.25 and report.facts.time_offset == 0
    assert report.detectors[0].model == "retinaface-mobilenet0.25"


def test_real_clip_has_no_finding(carphone: Path, function_url: str, tmp_path: Path) -> None:
    short = tmp_path / "in" / "carphone.mp4"
    write_clip(short, media.frames(carphone)[:20], audio_codec=None)
    report = audited(short, redacted(short, tmp_path / "out", function_url), function_url, code=0)
    assert report.findings == [] and report.watch == []


def test_output_that_was_encoded_again_is_good(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    output = tmp_path / "pan.mkv"  # another container: other ticks
    subprocess.run(["ffmpeg", "-v", "error", "-i", good, "-crf", "30", "-fps_mode", "passthrough", output], check=True)
    assert audited(source, output, function_url, code=0, sidecar=sidecar_path(good)).findings == []


def test_frame_left_clear(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    clear = media.frames(source)[11]
    output = spoilt(good, tmp_path, lambda frames: [*frames[:11], clear, *frames[12:]])
    report = audited(source, output, function_url, code=1)
    assert set(frames_of(report)) == {("exposed", 11, 11)}
    finding = report.findings[0]
    assert finding.time == "00:00:00.440" and finding.kept is not None and finding.kept > 0.8


def test_region_moved_by_half_a_face(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    with SidecarReader(sidecar_path(good)) as sidecar:
        lines = list(sidecar)
    clear = media.frames(source)

    def moved(frames: Frames) -> Frames:
        for number, (dx, dy) in {5: (0.5, 0), 6: (0.5, 0), 11: (0, -0.5), 16: (-0.5, 0)}.items():
            frames[number] = clear[number].copy()
            (x1, y1, x2, y2), *others = [face.box for face in lines[number].faces if face.is_masked]
            dx, dy = dx * (x2 - x1), dy * (y2 - y1)
            redact(frames[number], regions([(x1 + dx, y1 + dy, x2 + dx, y2 + dy), *others], 0.25), "blur")
        return frames

    report = audited(source, spoilt(good, tmp_path, moved), function_url, code=1)
    assert sorted(frames_of(report)) == [("exposed", 5, 6), ("exposed", 11, 11), ("exposed", 16, 16)]


def test_sidecar_whose_box_was_moved(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    """An editor's mistake: the output is what the sidecar says, and half of the face is not masked."""
    lines = [json.loads(line) for line in sidecar_path(good).read_text().splitlines()]
    for line in lines[10:14]:
        x1, y1, x2, y2 = line["faces"][0]["box"]
        line["faces"][0]["box"] = [x1 + 0.5 * (x2 - x1), y1, x2 + 0.5 * (x2 - x1), y2]
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(json.dumps(line) + "\n" for line in lines))
    output = tmp_path / "pan.mp4"
    assert call("render", source, edited, "-o", output).exit_code == 0
    (finding,) = audited(source, output, function_url, code=1).findings
    assert (finding.kind, finding.first_frame, finding.last_frame) == ("uncovered", 9, 12)


def test_face_that_was_never_masked(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in sidecar_path(good).read_text().splitlines()]
    for line in lines[1:]:
        line["faces"] = []
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(json.dumps(line) + "\n" for line in lines))
    output = tmp_path / "pan.mp4"
    assert call("render", source, edited, "-o", output).exit_code == 0
    (finding,) = audited(source, output, function_url, code=1).findings
    assert (finding.kind, finding.first_frame, finding.last_frame, finding.frames) == (
        "uncovered",
        0,
        FRAMES - 1,
        FRAMES,
    )


@pytest.mark.parametrize(("a", "b"), [(9, 10), (4, 15)])
def test_swapped_frames(source: Path, good: Path, function_url: str, tmp_path: Path, a: int, b: int) -> None:
    def swapped(frames: Frames) -> Frames:
        frames[a], frames[b] = frames[b], frames[a]
        return frames

    report = audited(source, spoilt(good, tmp_path, swapped), function_url, code=1)
    found = [(a, b)] if b == a + 1 else [(a, a), (b, b)]
    assert [(one.first_frame, one.last_frame) for one in report.findings if one.kind == "order"] == found
    assert "swapped" in report.findings[0].text


@pytest.mark.parametrize(("number", "closed"), [(11, True), (11, False), (19, False)])
def test_dropped_frame(source: Path, good: Path, function_url: str, tmp_path: Path, number: int, closed: bool) -> None:
    """Whether the frames behind it keep their times or come earlier."""
    stamps = None if closed else [index for index in range(FRAMES) if index != number]
    output = spoilt(
        good,
        tmp_path,
        lambda frames: [*frames[:number], *frames[number + 1 :]],
        pts=stamps,
        time_base=None if closed else Fraction(1, 25),
    )
    report = audited(source, output, function_url, code=1)
    late = [("time", number + 1, FRAMES - 1)] if closed else []
    assert frames_of(report) == [("missing", number, number), *late]
    assert report.facts.output_frames == FRAMES - 1


def test_area_that_was_blurred_without_being_listed_is_a_warning(
    source: Path, good: Path, function_url: str, tmp_path: Path
) -> None:
    def blurred(frames: Frames) -> Frames:
        for frame in frames[8:12]:
            redact(frame, regions([(120, 72, 168, 120)], 0.25), "blur")
        return frames

    report = audited(source, spoilt(good, tmp_path, blurred), function_url, code=0)
    changed = [one for one in report.watch if one.kind == "changed"]
    assert [(one.first_frame, one.last_frame) for one in changed] == [(8, 11)]
    x1, y1, x2, y2 = changed[0].box or (0, 0, 0, 0)
    assert 90 < x1 < 144 < x2 < 192 and 42 < y1 < 96 < y2 <= 144


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_and_mirrored_clips(orientation: int, face: Image, function_url: str, tmp_path: Path) -> None:
    """As phones and front cameras store them: every face is masked, and the audit sees one that is not."""
    upright = write_clip(tmp_path / "upright.mp4", pan(face, (192, 144), 8))
    clip = tmp_path / "phone.mp4"
    write_stored(upright, clip, orientation, (192, 144))
    output = redacted(clip, tmp_path / "out", function_url)
    report = audited(clip, output, function_url, code=0)
    assert report.facts.size_wh == (192, 144) and report.facts.regions >= 8 and report.findings == []
    clear = tmp_path / "clear" / clip.name
    clear.parent.mkdir()
    shutil.copy(clip, clear)
    shutil.copy(sidecar_path(output), sidecar_path(clear))
    assert frames_of(audited(clip, clear, function_url, code=1), "exposed")


def test_page_needs_no_network_and_escapes_names(source: Path, good: Path, function_url: str, tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)>&.mp4"
    clear = media.frames(source)
    write_clip(hostile, [*media.frames(good)[:18], *clear[18:]], audio_codec=None)
    shutil.copy(sidecar_path(good), sidecar_path(hostile))
    report = audited(source, hostile, function_url, code=1)
    page = hostile.with_name(f"{hostile.name}.audit.html").read_text()
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert {uri.split(";")[0] for uri in re.findall(r'(?:src|href)="([^"]*)"', page)} == {"data:image/jpeg"}
    assert not re.search(r"https?:|url\(|@import|<script|<link", page)
    assert page.count("<img") == 4 * len([*report.findings, *report.watch]) and "do not publish it" in page


@pytest.mark.parametrize("wrong", ["sidecar", "size", "missing", "same", "damaged"])
def test_files_that_do_not_belong_together(
    source: Path, good: Path, function_url: str, face: Image, tmp_path: Path, wrong: str
) -> None:
    output, sidecar, of = good, sidecar_path(good), source
    if wrong == "sidecar":
        of = write_clip(tmp_path / "other.mp4", pan(face, (192, 144), FRAMES))
    elif wrong == "size":
        output = write_clip(tmp_path / "small.mp4", pan(face, (160, 120), FRAMES))
    elif wrong == "missing":
        output = tmp_path / "none.mp4"
    elif wrong == "same":
        output = source
    else:
        output = tmp_path / "cut.mp4"
        output.write_bytes(good.read_bytes()[:9000])
    result = call("audit", of, output, sidecar, "--function", function_url)
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1 and str(tmp_path if wrong != "same" else source) in result.output
    assert not output.with_name(f"{output.name}.audit.json").exists() or output == good


def test_a_program_gets_the_report_and_how_far_it_is(
    source: Path, good: Path, function_url: str, tmp_path: Path
) -> None:
    output = Path(shutil.copy(good, tmp_path))
    seen: list[AuditProgress] = []
    endpoint = Endpoint((function_url,))
    report = asyncio.run(
        audit(source, output, sidecar_path(good), endpoint=endpoint, on_progress=seen.append, write=False)
    )
    assert report.passed and list(tmp_path.iterdir()) == [output]
    assert [one.frames for one in seen if one.stage == "check"] == list(range(FRAMES + 1))
    assert seen[-1].stage == "report" and seen[-2].faces >= FRAMES and seen[0].total == FRAMES
    with pytest.raises(SidecarError, match="belongs to another video"):
        asyncio.run(audit(good, output, sidecar_path(good), endpoint=endpoint))
