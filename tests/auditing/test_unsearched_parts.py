"""The audit looks where a run looks: attachments, headers, packets, tags, text tracks, boxes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.report import AuditReport
from faceblur.media.unsearched_parts import UnsearchedPart, unsearched_parts
from faceblur.redaction.sidecar_files import sidecar_path
from tests.support.awkward import font
from tests.support.awkward_kind import run_ffmpeg
from tests.support.boxes import box
from tests.support.images import invoke

Added = Callable[[Any], None]


def jpeg(face: Image) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(face[..., ::-1])).save(buffer, "JPEG")
    return buffer.getvalue()


def remuxed(source: Path, target: Path, add: Added = lambda _: None, change: Callable[[bytes], bytes] = bytes) -> Path:
    """A copy of a file to which something is added, and whose packets of sound are changed."""
    with av.open(str(source)) as one, av.open(str(target), "w") as two:
        streams = [two.add_stream_from_template(stream, opaque=True) for stream in one.streams]
        add(two)
        for packet in one.demux():
            if packet.size:
                copied = av.Packet(change(bytes(packet)) if packet.stream.type == "audio" else bytes(packet))
                copied.pts, copied.dts, copied.time_base = packet.pts, packet.dts, packet.time_base
                copied.is_keyframe, copied.stream = packet.is_keyframe, streams[packet.stream.index]
                two.mux(copied)
    return target


@pytest.fixture(scope="module")
def clip(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unsearched")
    return write_clip(folder / "clip.mkv", pan(face, (160, 120), 6), audio_codec="libmp3lame")


def kinds(path: Path, *, keep_location: bool = False) -> list[tuple[str, int]]:
    return [(one.kind, one.stream) for one in unsearched_parts(path, keep_location=keep_location)]


def test_a_plain_file_has_none(clip: Path, tmp_path: Path) -> None:
    assert kinds(clip) == []
    assert kinds(remuxed(clip, tmp_path / "a.mkv", lambda to: to.add_attachment("a.ttf", "font/ttf", font()))) == []


def test_attachments(clip: Path, face: Image, tmp_path: Path) -> None:
    hidden = remuxed(clip, tmp_path / "a.mkv", lambda to: to.add_attachment("a", "text/plain", b"anything"))
    assert kinds(hidden) == [("unsearched", 2)]
    behind = remuxed(clip, tmp_path / "b.mkv", lambda to: to.add_attachment("a.ttf", "font/ttf", font() + jpeg(face)))
    assert kinds(behind) == [("unsearched", 2)]


def test_packets(clip: Path, face: Image, tmp_path: Path) -> None:
    tag = b"ID3\4\0\0\0\0\0\5hello"
    assert kinds(remuxed(clip, tmp_path / "a.mkv", change=lambda one: tag + one)) == [("unsearched", 1)]
    assert kinds(remuxed(clip, tmp_path / "b.mkv", change=lambda one: one + jpeg(face))) == [("unsearched", 1)]


def test_locations(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "place.srt").write_text("1\n00:00:00,000 --> 00:00:00,200\nGPS (8.5417, 47.3769, 19)\n")
    target = tmp_path / "a.mkv"
    tags = "-metadata location=+48.8584+002.2945/ -metadata:s:a:0 comment=47.3769,8.5417"
    run_ffmpeg(f"-i {{a}} -i {{b}} -map 0 -map 1 -c copy {tags} {{to}}", a=clip, b=tmp_path / "place.srt", to=target)
    assert kinds(target) == [("location", 0), ("location", 1), ("location", 2)]
    assert kinds(target, keep_location=True) == []


def test_frames_that_an_edit_list_hides(face: Image, tmp_path: Path) -> None:
    """As of a video that was cut without being encoded again: what comes before the cut is still in the file."""
    whole = write_clip(tmp_path / "whole.mp4", pan(face, (160, 120), 24))
    assert kinds(whole) == []
    run_ffmpeg("-ss 0.5 -i {whole} -c copy {to}", whole=whole, to=tmp_path / "cut.mp4")
    (part,) = unsearched_parts(tmp_path / "cut.mp4", keep_location=False)
    assert part.kind == "unsearched" and "frames that its edit list hides" in part.text


def test_boxes_and_bytes_at_the_end(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", pan(face, (160, 120), 6))
    assert kinds(plain) == []
    (tmp_path / "a.mp4").write_bytes(plain.read_bytes() + box(b"cami", jpeg(face)))
    assert unsearched_parts(tmp_path / "a.mp4", keep_location=False) == [
        UnsearchedPart("unsearched", "boxes of the file: cami")
    ]


def test_the_audit_fails_and_names_them(clip: Path, face: Image, function_url: str, tmp_path: Path) -> None:
    good = tmp_path / "good" / clip.name
    run = invoke("run", clip, "-o", good.parent, "--function", function_url)
    assert run.exit_code == 0, run.output
    output = remuxed(good, tmp_path / "bad.mkv", lambda to: to.add_attachment("a", "x/y", b"<svg>"))
    result = invoke("audit", clip, output, sidecar_path(good), "--function", function_url)
    assert result.exit_code == 1 and "do not publish: 1 unsearched" in result.output, result.output
    report = AuditReport.model_validate_json(output.with_name("bad.mkv.audit.json").read_text())
    assert [(one.kind, one.stream) for one in report.findings] == [("unsearched", 2)]
    assert "neither a font nor a picture" in output.with_name("bad.mkv.audit.html").read_text()


def test_what_a_run_was_told_to_keep_is_no_finding(face: Image, function_url: str, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 6))
    source, output = tmp_path / "in.mkv", tmp_path / "out" / "in.mkv"
    run_ffmpeg("-i {a} -c copy -metadata location=+48.8584+002.2945/ {to}", a=plain, to=source)
    call = ("run", source, "-o", output.parent, "--function", function_url, "--keep-location")
    assert invoke(*call).exit_code == 0
    assert kinds(output) == [("location", 0)]
    assert invoke("audit", source, output, "--function", function_url).exit_code == 0
