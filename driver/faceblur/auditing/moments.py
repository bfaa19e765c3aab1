"""Findings, which tell once what was found in neighbouring frames, and the report of them, as it stands in the JSON."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from faceblur.auditing.legible import Box
from faceblur.tracking.boxes import match

# Worst first, both.
FINDINGS = ("exposed", "uncovered", "missing", "extra", "order", "time")
WATCH = ("candidate", "changed", "long_gap", "short_track", "low_score")
Kind = Literal[
    "exposed",
    "uncovered",
    "missing",
    "extra",
    "order",
    "time",
    "candidate",
    "changed",
    "long_gap",
    "short_track",
    "low_score",
]
TITLES: dict[str, str] = {
    "exposed": "A listed face that is still legible",
    "uncovered": "A face that was never covered",
    "missing": "Frames of the source that are missing",
    "extra": "Frames that the source does not have",
    "order": "Another picture than the source's",
    "time": "Another time than the source's",
    "candidate": "Perhaps a face that was never covered",
    "changed": "Changed where no face is listed",
    "long_gap": "Long covered without being found",
    "short_track": "Found only for a moment",
    "low_score": "Found with low scores",
}
# What is watched flickers: frames further apart than this belong to two moments. Findings name every frame: theirs must
# follow each other.
APART_SECONDS = 0.5
# Of each kind at most this many moments are listed, the worst; all are counted.
MAX_LISTED = 200


class Finding(BaseModel):
    """What was found from a first to a last frame of the source; times are time codes hh:mm:ss.mmm.

    `frame` is where it is worst; `box` is the place there, x1, y1, x2, y2 in pixels of the upright frame. Findings of
    one kind are sorted by `severity`, the worst first. `frames` counts the frames that are concerned, `stream` is the
    index of the source's video stream.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    text: str
    severity: float
    first_frame: int
    last_frame: int
    first_time: str
    last_time: str
    frames: int
    frame: int
    time: str
    stream: int = 0
    box: Box | None = None
    score: float | None = None
    kept: float | None = None
    track: int | None = None
    output_frame: int | None = None


class Facts(BaseModel):
    """What was compared, in numbers. PSNR in dB, of what lies outside the regions.

    `streams` are the source's video streams, `seconds` is how long they are together, `time_offset` the largest by
    which one of the output begins later.
    """

    streams: list[int]
    source_frames: int
    output_frames: int
    size_wh: tuple[int, int]
    seconds: float
    regions: int
    most_kept: float
    time_offset: float
    psnr_lowest: float | None
    psnr_mean: float | None


class Detector(BaseModel):
    """One detector of the second look."""

    model: str
    device: str
    weights_sha256: str


class Report(BaseModel):
    """The whole audit: `findings` make it fail, a person should look at what is in `watch`, `counts` is of all."""

    model_config = ConfigDict(extra="forbid")

    faceblur_audit: Literal[1] = 1
    source: str
    output: str
    sidecar: str
    passed: bool
    facts: Facts
    detectors: list[Detector]
    counts: dict[str, int]
    findings: list[Finding]
    watch: list[Finding]


def time_code(seconds: float) -> str:
    """Seconds as hh:mm:ss.mmm."""
    sign, milliseconds = ("-" if seconds < 0 else ""), round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


@dataclass(frozen=True, slots=True)
class Sight:
    """One frame of a moment: what was found there, and how bad it is."""

    frame: int
    seconds: float
    severity: float
    text: str
    box: Box | None = None
    score: float | None = None
    kept: float | None = None
    track: int | None = None
    output_frame: int | None = None


@dataclass(slots=True)
class Stretch:
    """A moment while it goes on: its first, last and worst sight, and in how many frames there was one."""

    first: Sight
    last: Sight
    worst: Sight
    frames: int = 1

    @classmethod
    def of(cls, sight: Sight) -> Self:
        return cls(sight, sight, sight)

    def add(self, sight: Sight) -> None:
        self.frames += sight.frame != self.last.frame
        self.last = sight
        if sight.severity > self.worst.severity:
            self.worst = sight


@dataclass(slots=True)
class Findings:
    """Groups sights, which come in order, into moments; keeps the worst of each kind, in bounded memory.

    `stream` is the video stream that they are of: `begin` sets it.
    """

    stream: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    _open: dict[str, list[Stretch]] = field(default_factory=dict)
    _kept: dict[str, list[tuple[float, int, Finding]]] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, kind: Kind, sights: Iterable[Sight]) -> None:
        """Add what was found of a kind in one frame: it continues moments at the same place, or begins new ones."""
        for sight in sights:
            still: list[Stretch] = []
            for one in self._open.get(kind, []):
                gap, frames = sight.seconds - one.last.seconds, sight.frame - one.last.frame
                if frames > 1 and (kind in FINDINGS or gap > APART_SECONDS):
                    self.close(kind, one)
                else:
                    still.append(one)
            self._open[kind] = still
            for one in still:
                if _belongs(one.last, sight):
                    one.add(sight)
                    break
            else:
                still.append(Stretch.of(sight))

    def begin(self, stream: int) -> None:
        """Begin with a video stream: nothing goes on from the last one."""
        for kind, opened in self._open.items():
            for one in opened:
                self.close(kind, one)
        self._open.clear()
        self.stream = stream

    def finish(self) -> tuple[list[Finding], list[Finding]]:
        """The findings and what to watch, worst first."""
        self.begin(self.stream)

        def listed(kinds: Iterable[str]) -> list[Finding]:
            # Of equals the first in the video comes first.
            return [
                moment
                for kind in kinds
                for _, _, moment in sorted(self._kept.get(kind, []), key=lambda one: (-one[0], -one[1]))
            ]

        return listed(FINDINGS), listed(WATCH)

    def close(self, kind: str, one: Stretch) -> None:
        """Count a moment that is complete, and list it if it is one of the worst."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        worst = one.worst
        moment = Finding(
            kind=kind,
            text=worst.text,
            severity=round(worst.severity, 4),
            first_frame=one.first.frame,
            last_frame=one.last.frame,
            first_time=time_code(one.first.seconds),
            last_time=time_code(one.last.seconds),
            frames=one.frames,
            frame=worst.frame,
            time=time_code(worst.seconds),
            stream=self.stream,
            box=None if worst.box is None else tuple(round(value, 1) for value in worst.box),
            score=_rounded(worst.score),
            kept=_rounded(worst.kept),
            track=worst.track,
            output_frame=worst.output_frame,
        )
        kept = self._kept.setdefault(kind, [])
        heapq.heappush(kept, (worst.severity, -next(self._number), moment))
        if len(kept) > MAX_LISTED:
            heapq.heappop(kept)


def _belongs(last: Sight, sight: Sight) -> bool:
    """Whether two sights are of one problem: of one track, or at one place; without a place, in one stretch."""
    if last.track is not None and last.track == sight.track:
        return True
    if last.box is None or sight.box is None:
        return last.box is sight.box
    return last.frame != sight.frame and bool(match([last.box], [sight.box]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
