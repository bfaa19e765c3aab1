"""A run over files of every awkward kind: stream by stream, nothing is lost; what is broken is named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.awkward import BROKEN, HEALTHY, make_all
from tests.support.awkward_kind import SIZE_WH, Kind, make_images
from tests.support.probe import Facts, Probed, Stream, decoded, probe

# Damage is answered with where it is and with the option that writes what can be read all the same.
DAMAGE = r"\d.* s\b.*--tolerate-damage"
REASONS = {
    "cut.mp4": "not a video that can be read",
    "text.mp4": "not a video that can be read",
    "only_sound.mp4": "no video stream",
    "empty.mp4": "the file is empty",
    "no_index.avi": "index.*--tolerate-damage",
}
# Their container cannot keep what they hold.
OTHER_CONTAINER = {"ac3.avi": ".mkv"}
NOT_YET: dict[str, str] = {}
DROPPED_TAGS = re.compile(r"location|make|model|xyz", re.IGNORECASE)
LOSSLESS = ("ffv1",)

pytestmark = pytest.mark.skipif(
    not shutil.which("ffprobe") and not os.environ.get("CI"), reason="ffmpeg is not installed"
)
Boxes = list[np.ndarray]


@dataclass(frozen=True, slots=True)
class Conformance:
    """The sources, and what a run over all of them made of them."""

    healthy: Path
    broken: Path
    outdir: Path
    exit_code: int
    errors: str
    report: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Conformance:
    folder = tmp_path_factory.mktemp("awkward")
    healthy, broken, outdir = folder / "healthy", folder / "broken", folder / "out"
    make_all(HEALTHY, folder / "material", healthy)
    make_all(BROKEN, folder / "material", broken)
    options = ("--overwrite", "--return", "faces", "--jobs", "2")
    command = [sys.executable, "-m", "faceblur", "run", healthy, broken, "-o", outdir, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    return Conformance(healthy, broken, outdir, done.returncode, done.stderr, done.stdout)


@pytest.fixture(scope="module")
def boxes(detector: Detector) -> Boxes:
    """The face of each of the frames that all kinds show, as shares of the frame's width and height."""
    detected = detector.detect(make_images(), threshold=0.5)
    return [faces.xyxy[0] / (*SIZE_WH, *SIZE_WH) for faces in detected]


def marked(kinds: tuple[Kind, ...]) -> list[object]:
    return [
        pytest.param(
            kind,
            id=kind.name,
            marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[kind.name])] if kind.name in NOT_YET else [],
        )
        for kind in kinds
    ]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("hdr10.mp4", {"codec_name": "hevc", "pix_fmt": "yuv420p10le", "color_transfer": "smpte2084"}),
        ("interlaced_tff.mpg", {"fields": "upper first", "sample_aspect_ratio": "16:15"}),
        ("interlaced_bff.ts", {"fields": "lower first", "codec_name": "mpeg2video"}),
        ("interlaced_h264.mp4", {"fields": "upper first", "codec_name": "h264"}),
        ("full_range.mp4", {"color_range": "pc"}),
        ("alpha.webm", {"alpha_mode": "1"}),
        ("rotated_90.mp4", {"rotation": 90, "width": SIZE_WH[1], "height": SIZE_WH[0]}),
    ],
)
def test_the_sources_are_what_they_are_called(name: str, facts: Facts, run: Conformance) -> None:
    probed = probe(run.healthy / name).streams["video"][0].facts
    assert {key: probed[key] for key in facts} == facts


@pytest.mark.parametrize("kind", marked(HEALTHY))
def test_nothing_is_lost_and_faces_are_gone(kind: Kind, run: Conformance, boxes: Boxes) -> None:
    source = run.healthy / kind.name
    target = run.outdir / (kind.name + OTHER_CONTAINER.get(kind.name, ""))
    assert target.exists(), [line for line in run.errors.splitlines() if kind.name in line]
    with ThreadPoolExecutor(2) as threads:
        before, after = threads.map(probe, (source, target))
    if kind.name in OTHER_CONTAINER:
        before = replace(before, container=after.container)
    differences = [*changed_file(before, after), *changed_frames(source, target, before, boxes)]
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("kind", marked(BROKEN))
def test_what_is_broken_is_named(kind: Kind, run: Conformance) -> None:
    assert run.exit_code == 1
    start = f"error: {run.broken / kind.name}: "
    reasons = [line.removeprefix(start) for line in run.errors.splitlines() if line.startswith(start)]
    assert len(reasons) == 1 and re.search(REASONS.get(kind.name, DAMAGE), reasons[0]), reasons
    assert not list(run.outdir.glob(f"{kind.name}*"))


def changed_file(before: Probed, after: Probed) -> Iterator[str]:
    """What differs between a file and its source: container, tags, chapters and streams."""
    if after.container != before.container:
        yield f"container: {before.container} -> {after.container}"
    if after.tags.get("title") != before.tags.get("title"):
        yield f"title: {before.tags.get('title')} -> {after.tags.get('title')}"
    if private := [name for name in after.tags if DROPPED_TAGS.search(name)]:
        yield f"tags that identify a location or device: {private}"
    if after.chapters != before.chapters:
        yield f"chapters: {before.chapters} -> {after.chapters}"
    for kind in sorted({*before.streams, *after.streams}):
        mine, its = before.streams.get(kind, []), after.streams.get(kind, [])
        if len(mine) != len(its):
            yield f"{kind} streams: {len(mine)} -> {len(its)}"
        for number, (old, new) in enumerate(zip(mine, its, strict=False)):
            for difference in changed_stream(old, new):
                yield f"{kind} stream {number}: {difference}"


def changed_stream(before: Stream, after: Stream) -> Iterator[str]:
    """What differs between a stream and its source; times may differ by one tick of the source's time base."""
    for name in before.facts:
        if after.facts.get(name) != before.facts[name]:
            yield f"{name}: {before.facts[name]} -> {after.facts.get(name)}"
    if len(after.times) != len(before.times):
        yield f"{len(before.times)} -> {len(after.times)} frames or packets"
    else:
        off = max((abs(old - new) for old, new in zip(before.times, after.times, strict=True)), default=0)
        if off > before.tick:
            yield f"times are off by up to {float(off)} s, more than {before.tick} s"
    if after.hashes != before.hashes:
        yield "packets are not the same"


def changed_frames(source: Path, target: Path, probed: Probed, boxes: Boxes) -> Iterator[str]:
    """Faces that are still legible in any video stream, and what changed beside them."""
    masked: dict[tuple[int, int], list[Iterable[float]]] = defaultdict(list)
    with SidecarReader(sidecar_path(target)) as sidecar:
        for line in sidecar:
            masked[line.stream, line.frame] = [face.box for face in line.faces]
    for number, stream in enumerate(probed.streams["video"]):
        width, height = stream.facts["width"], stream.facts["height"]
        size_wh = (height, width) if (stream.facts["rotation"] or 0) % 180 else (width, height)
        with ThreadPoolExecutor(2) as threads:
            old, new = threads.map(lambda path, at=number, wh=size_wh: decoded(path, at, wh), (source, target))
        if not old or len(old) != len(new):
            yield f"video stream {number}: {len(old)} -> {len(new)} frames can be decoded"
            continue
        shown = [boxes[min(index, len(boxes) - 1)] * (*size_wh, *size_wh) for index in range(len(old))]
        for index, (was, now, box) in enumerate(zip(old, new, shown, strict=True)):
            x1, y1, x2, y2 = box.astype(int)
            if (left := detail_left(was[y1:y2, x1:x2], now[y1:y2, x1:x2])) >= 0.3:
                yield f"video stream {number}: frame {index}: {left:.0%} of a face's detail is left"
            change = media.outside((was, now), [box, *masked[stream.index, index]], 0.45).mean()
            if change > (0 if stream.facts["codec_name"] in LOSSLESS else 5):
                yield f"video stream {number}: frame {index}: {change:.1f} of change beside the face"
        if source.name.startswith("alpha"):
            old, new = (decoded(path, number, size_wh, alpha=True) for path in (source, target))
            if len(old) != len(new) or np.abs(np.subtract(old, new, dtype=int)).mean() > 1:
                yield f"video stream {number}: its transparency is lost"
