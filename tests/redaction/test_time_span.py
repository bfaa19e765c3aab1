"""A span of a video: what is in it, in step and to the tick; and what becomes of the rest."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base.time_span import TimeSpan
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from tests.cli.calls import invoke
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg

FRAMES, RATE = 100, 25


def run(*arguments: object, code: int = 0) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def source(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s with a face and a tone; each frame has its number."""
    return write_clip(tmp_path_factory.mktemp("span") / "a.mkv", media.numbered(pan(face, (192, 144), FRAMES)))


def in_container(source: Path, folder: Path, suffix: str) -> Path:
    folder.mkdir(exist_ok=True)
    codecs = {".webm": "-c:v libvpx -b:v 2M -c:a libopus", ".avi": "-c:v mpeg4 -q:v 2 -c:a mp2"}
    clip = folder / f"a{suffix}"
    run_ffmpeg(f"-i {{source}} {codecs.get(suffix, '-c copy')} {{target}}", source=source, target=clip)
    return clip


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".webm", ".avi", ".mov"])
def test_frames_and_audio_of_a_span_stay_in_step(source: Path, function_url: str, tmp_path: Path, suffix: str) -> None:
    clip = in_container(source, tmp_path / "in", suffix)
    output = run("run", clip, "-o", tmp_path, "--start", "1.2", "--end", "2.4", "--function", function_url)
    target = tmp_path / clip.name
    assert "all but the span from 1.2 s to 2.4 s" in faceblur_report(clip, function_url, tmp_path / "again")
    origin, begins = media.times(clip)[0], media.times(target)[0]
    kept_frames = [
        (number, time - origin - Fraction(6, 5) + begins)
        for number, time in enumerate(media.times(clip))
        if Fraction(6, 5) <= time - origin < Fraction(12, 5)
    ]
    assert [media.number(one) for one in media.frames(target)] == [number for number, _ in kept_frames], output
    moved = [time for _, time in kept_frames]
    assert all(abs(a - b) <= Fraction(2, 1000) for a, b in zip(media.times(target), moved, strict=True))
    before, after = media.packets(clip)[0], media.packets(target)[0]
    kept = [one for one in before if Fraction(6, 5) - Fraction(1, 500) <= one[1] - origin < Fraction(12, 5)]
    # The same packets, but for the one that is not complete in the span, each moved by what the frames are moved.
    assert [digest for digest, _ in after] == [digest for digest, _ in kept][: len(after)]
    assert len(kept) - 2 <= len(after) <= len(kept)
    if suffix == ".avi":
        return  # audio has no times of its own there
    late = [(a - begins) - (b - origin - Fraction(6, 5)) for (_, a), (_, b) in zip(after, kept, strict=False)]
    assert max(map(abs, late)) <= Fraction(2, 1000), [float(one) for one in late[:5]]


def faceblur_report(clip: Path, url: str, out: Path) -> str:
    options = faceblur.Options(start=1.2, end=2.4)
    (one,) = faceblur.blur(clip, out, options=options, function=[url]).files.values()
    assert one.state == "done", one.reason
    return one.reason


def test_render_preview_and_audit_know_the_span(source: Path, function_url: str, tmp_path: Path) -> None:
    span = ("--start", "1", "--end", "2", "--cover", "0,0,40,40@1.5-1.6")
    run("run", source, "-o", tmp_path, *span, "--preview", "--function", function_url)
    target = tmp_path / "a.mkv"
    sidecar = faceblur.read_sidecar(faceblur.sidecar_path(target))
    assert [line.frame for line in sidecar.frames] == list(range(25))
    assert (sidecar.header.settings.start, sidecar.header.settings.end) == (1, 2)
    # The times of a box are those of the source.
    covered = [line.frame for line in sidecar.frames if any(one.state == "region" for one in line.faces)]
    assert covered in ([12, 13, 14], [12, 13, 14, 15])
    preview = target.with_name("a.mkv.shows-faces-do-not-publish.mp4")
    assert len(media.frames(preview)) == 25
    run("render", source, faceblur.sidecar_path(target), "-o", tmp_path / "again.mkv")
    assert media.times(tmp_path / "again.mkv") == media.times(target)
    for a, b in zip(media.frames(tmp_path / "again.mkv"), media.frames(target), strict=True):
        assert np.array_equal(a, b)
    report = faceblur.audit(source, target, function=[function_url])
    assert report.passed and report.facts.source_frames == report.facts.output_frames == 25, report.findings
    run("edit", target, "--source", source, "--add", "200,20,260,90@0.2-0.4")
    assert faceblur.audit(source, target, function=[function_url]).passed


def test_the_frame_that_is_shown_at_the_start_is_the_first(face: Image, function_url: str, tmp_path: Path) -> None:
    pts = [0, 1000, 3000, 3500, 9000]
    clip = write_clip(
        *(tmp_path / "in" / "a.mkv", media.numbered(pan(face, (192, 144), len(pts)))),
        pts=pts,
        time_base=Fraction(1, 1000),
    )
    shared = ("--function", function_url)
    run("run", clip, "-o", tmp_path / "one", "--start", "2", "--end", "3.2", *shared)
    target = tmp_path / "one" / "a.mkv"
    assert [media.number(one) for one in media.frames(target)] == [1, 2]
    assert media.times(target) == [0, 1]
    # A frame that is shown over all of the span.
    run("run", clip, "-o", tmp_path / "two", "--start", "5", "--end", "6", *shared)
    assert [media.number(one) for one in media.frames(tmp_path / "two" / "a.mkv")] == [3]


@pytest.mark.parametrize("rest", [(), ("--keep-rest",)], ids=["cut", "keep-rest"])
@pytest.mark.parametrize("span", [("--start", "600"), ("--start", "600", "--end", "601")], ids=["start", "both"])
def test_a_span_without_a_frame_fails_the_video(
    source: Path, function_url: str, tmp_path: Path, span: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    """With --keep-rest too: all of its faces would stay visible."""
    output = run("run", source, "-o", tmp_path / "out", *span, *rest, "--function", function_url, code=1)
    assert f"a.mkv: its video stream holds no frame from 600 s to {'601 s' if '--end' in span else 'the end'}" in output
    assert not [one for one in tmp_path.rglob("*") if one.is_file()]


def test_what_comes_long_after_a_span_is_not_read(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", [face[:120, :160]] * 200, rate=Fraction(5))
    with VideoReader(clip, span=TimeSpan(1.0, 2.0)) as reader:
        items = list(reader)
    frames = [one for one in items if isinstance(one, DecodedFrame)]
    assert [(one.number, one.seconds) for one in frames] == [(index, index / 5) for index in range(5)]
    assert len(items) > 40 and reader.damage.seconds < 15
    with VideoReader(clip, span=TimeSpan(38.0, None)) as reader:
        assert len([one for one in reader if isinstance(one, DecodedFrame)]) == 10
        assert reader.damage.seconds > 39.9


def test_subtitles_and_chapters_are_cut(source: Path, function_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(
        "1\n00:00:00,500 --> 00:00:01,500\nbegins before\n\n2\n00:00:01,600 --> 00:00:01,800\ninside\n\n"
        "3\n00:00:01,900 --> 00:00:03,000\nends after\n\n4\n00:00:03,000 --> 00:00:03,500\noutside\n\n"
    )
    (tmp_path / "chapters.txt").write_text(
        ";FFMETADATA1\n"
        + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n"
            for start, end, title in [(0, 900, "a"), (900, 1700, "b"), (1700, 4000, "c")]
        )
    )
    (tmp_path / "in").mkdir()
    clip = tmp_path / "in" / "a.mkv"
    inputs = f"-i {{source}} -i {tmp_path / 'a.srt'} -i {tmp_path / 'chapters.txt'}"
    run_ffmpeg(f"{inputs} -map 0 -map 1 -map_chapters 2 -c copy -c:s srt {{target}}", source=source, target=clip)
    options = faceblur.Options(start=1, end=2)
    (one,) = faceblur.blur(clip, tmp_path, options=options, function=[function_url]).files.values()
    assert one.state == "done" and "all but the span from 1 s to 2 s, and 1 chapter in it" in one.left_out
    with av.open(str(tmp_path / "a.mkv")) as container:
        chapters = [
            (float(one["start"] * one["time_base"]), float(one["end"] * one["time_base"]), one["metadata"]["title"])
            for one in container.chapters()
        ]
        subtitles = [
            (float(packet.pts * packet.time_base), float(packet.duration * packet.time_base), bytes(packet))
            for packet in container.demux(container.streams.subtitles[0])
            if packet.size and packet.pts is not None and packet.time_base is not None and packet.duration
        ]
    # The first frame of this source is 0.02 s late, behind what the audio's encoder needs: times count from it.
    assert [title for _, _, title in chapters] == ["b", "c"]
    assert [one[:2] for one in chapters] == [pytest.approx(one, abs=0.03) for one in [(0, 0.7), (0.7, 1)]]
    assert [one[:2] for one in subtitles] == [
        pytest.approx(one, abs=0.03) for one in [(0, 0.5), (0.6, 0.2), (0.9, 0.1)]
    ]
    assert all(start + length <= 1.0005 for start, length, _ in subtitles)


@pytest.mark.parametrize("rotation", [0, 90])
def test_the_rest_is_kept_clear_and_everybody_says_so(
    face: Image, function_url: str, tmp_path: Path, rotation: int
) -> None:
    images = [np.ascontiguousarray(np.rot90(one, -rotation // 90)) for one in pan(face, (192, 144), 60)]
    clip = write_clip(tmp_path / "in" / "a.mp4", images, rotation=rotation)
    span = ("--start", "0.8", "--end", "1.6", "--keep-rest", "--look-around", "0")
    output = run("run", clip, "-o", tmp_path, *span, "--crf", 0, "--function", function_url)
    assert "not searched: 40 frames outside of the span, faces in them stay visible" in output
    target = tmp_path / "a.mp4"
    assert media.times(target) == media.times(clip) and media.packets(target) == media.packets(clip)
    sidecar = faceblur.read_sidecar(faceblur.sidecar_path(target))
    assert [line.frame for line in sidecar.frames if not line.unsearched] == list(range(20, 40))
    for a, b, line in zip(media.frames(clip), media.frames(target), sidecar.frames, strict=True):
        assert np.array_equal(a, b) == bool(line.unsearched) == (not line.faces)
        if line.faces and not rotation:
            x1, y1, x2, y2 = (round(max(0, value)) for value in line.faces[0].box)
            assert detail_left(a[y1:y2, x1:x2], b[y1:y2, x1:x2]) < 0.25
    output = run("render", clip, faceblur.sidecar_path(target), "-o", tmp_path / "again.mp4")
    assert "not searched: 40 frames" in output
    assert (tmp_path / "again.mp4").read_bytes() == target.read_bytes()
    report = faceblur.audit(clip, target, function=[function_url])
    assert not report.passed and report.counts["uncovered"] and report.counts["rest"] == 2
    assert "a part was kept without a search" in run("audit", clip, target, "--function", function_url, code=1)


def test_wrong_spans_are_refused(source: Path, tmp_path: Path) -> None:
    for arguments, message in [
        (("--start", "-1"), "--start"),
        (("--end", "nan"), "--end"),
        (("--end", "0"), "--end"),
        (("--start", "2", "--end", "2"), "--end: 2 s is not after the start"),
        (("--keep-rest",), "--keep-rest: there is no rest"),
        (("--start", "1:30"), "--start"),
    ]:
        assert message in run("run", source, "-o", tmp_path / "out", *arguments, code=2)
        assert not (tmp_path / "out").exists()


def test_a_span_that_mxf_would_not_hold_to_its_end_fails(source: Path, function_url: str, tmp_path: Path) -> None:
    """FFmpeg's muxer drops the last frames in silence where the audio, which is cut between packets, ends earlier."""
    clip = tmp_path / "in" / "a.mxf"
    clip.parent.mkdir()
    run_ffmpeg("-i {source} -c:v mpeg2video -q:v 2 -c:a pcm_s16le -ar 48000 {clip}", source=source, clip=clip)
    call = ("run", clip, "--start", "1.22", "--end", "2.4", "--function", function_url, "-o")
    output = run(*call, tmp_path / "out", code=1)
    assert "does not hold the last" in output and "name the output .mov or .mkv" in output, output
    assert not list((tmp_path / "out").iterdir())
    run(*call, tmp_path / "a.mov")
    assert len(media.frames(tmp_path / "a.mov")) == 30
