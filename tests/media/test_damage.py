"""Damaged videos: refused by default; with --tolerate-damage what can be read is written, and the rest reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.cli.app import main
from faceblur_function.detectors.detector import Detector
from tests.support import awkward
from tests.support import clips as media
from tests.support.awkward_broken import cut, flipped


def run(source: Path, outdir: Path, url: str, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["run", str(source), "-o", str(outdir), "--function", url, *more])
    return result.exit_code, result.output


def broken(name: str, folder: Path) -> Path:
    kind = next(one for one in awkward.BROKEN if one.name == name)
    awkward.make_all((kind,), folder / "material", folder / "broken")
    return folder / "broken" / name


@pytest.mark.parametrize(
    ("name", "output", "frames"),
    [
        ("flipped.mp4", "flipped.mp4", 8),
        ("cut.ts", "cut.ts", 5),
    ],
)
def test_what_can_be_read_is_written_and_the_rest_is_reported(
    name: str, output: str, frames: int, function_url: str, detector: Detector, tmp_path: Path
) -> None:
    source, target = broken(name, tmp_path), tmp_path / "out" / output
    code, output_text = run(source, tmp_path / "out", function_url)
    assert code == 1 and "--tolerate-damage" in output_text and not target.exists()
    code, output_text = run(source, tmp_path / "out", function_url, "--tolerate-damage")
    assert code == 0 and "damage:" in output_text, output_text
    written = media.frames(target)
    assert len(written) >= frames
    assert sum(map(len, detector.detect(written, threshold=0.7))) == 0
    lines = [json.loads(line) for line in Path(f"{target}.faces.jsonl").read_text().splitlines()[1:]]
    assert len(lines) == len(written) and any(" s" in line.get("damage", "") for line in lines)


def with_time(content: bytes, number: int, milliseconds: int) -> bytes:
    """A Matroska file of 25 frames a second in which a frame that begins a cluster has another time."""
    old, new = (bytes.fromhex(f"e782{time:04x}") for time in (40 * number, milliseconds))
    assert content.count(old) == 1
    return content.replace(old, new)


def test_times_that_go_back_are_refused_or_put_in_order(face: Image, function_url: str, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "back.mkv", pan(face, (160, 120), 20), video_codec="mjpeg", pix_fmt="yuvj420p", audio_codec=None
    )
    clip.write_bytes(with_time(clip.read_bytes(), 12, 430))
    code, output_text = run(clip, tmp_path / "out", function_url)
    assert code == 1 and "--tolerate-damage" in output_text
    code, output_text = run(clip, tmp_path / "out", function_url, "--tolerate-damage")
    assert code == 0 and "goes back" in output_text, output_text
    times = media.times(tmp_path / "out" / clip.name)
    assert len(times) == 20 and times == sorted(set(times))


def test_two_frames_of_one_millisecond_are_both_kept(face: Image, function_url: str, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "same.mkv", pan(face, (160, 120), 20), video_codec="mjpeg", pix_fmt="yuvj420p", audio_codec=None
    )
    clip.write_bytes(with_time(clip.read_bytes(), 12, 440))  # and so the next one is at 480
    code, output_text = run(clip, tmp_path / "out", function_url)
    assert code == 0 and "put one tick" in output_text, output_text  # "later" may be on the next line of the table
    times = [round(time * 1000) for time in media.times(tmp_path / "out" / clip.name)]
    assert times[:14] == [*range(0, 441, 40), 441, 480] and len(times) == 20


@pytest.mark.parametrize("spoil", [flipped, cut(0.5)])
@pytest.mark.parametrize(
    ("suffix", "codec", "audio", "pix_fmt"),
    [
        (".avi", "mjpeg", "pcm_s16le", "yuvj420p"),
        (".mpg", "mpeg2video", "mp2", "yuv420p"),
        (".webm", "libvpx", "libopus", "yuv420p"),
    ],
)
def test_no_damage_ends_the_run(
    face: Image,
    tmp_path: Path,
    function_url: str,
    suffix: str,
    codec: str,
    audio: str,
    pix_fmt: str,
    spoil: Callable[[bytes], bytes],
) -> None:
    healthy = write_clip(tmp_path / "in" / "healthy.mp4", pan(face, (160, 120), 3))
    clip = tmp_path / "in" / f"spoiled{suffix}"
    write_clip(clip, pan(face, (160, 120), 12), video_codec=codec, audio_codec=audio, pix_fmt=pix_fmt)
    clip.write_bytes(spoil(clip.read_bytes()))
    code, output_text = run(tmp_path / "in", tmp_path / "out", function_url, "--tolerate-damage")
    assert (
        (tmp_path / "out" / healthy.name).exists()
        and "a bug in faceblur" not in output_text
        and "internal error" not in output_text
    )
    assert code == 1 or "damage:" in output_text, output_text
