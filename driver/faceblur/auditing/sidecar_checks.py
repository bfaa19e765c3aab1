"""Checks on the sidecar alone, of what is worth watching: long gaps, tracks of a few frames, low scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from faceblur.auditing.finding_kinds import WatchKind
from faceblur.auditing.observations import Observation, ObservationSpan
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace

# A face that is masked for this time without a detection may have moved out of its mask.
LONG_GAP_SECONDS = 0.3
SHORT_FRAMES = 3
LOW_ABOVE_THRESHOLD = 0.2

WatchSpan = tuple[WatchKind, ObservationSpan]


@dataclass(slots=True)
class _ListedTrack:
    first: Observation
    last: Observation
    detected: int = 0
    best: Observation | None = None
    gap: ObservationSpan | None = None


class SidecarChecks:
    """Follows the sidecar's tracks through the frames; yields what is worth watching, when it is complete."""

    def __init__(self, threshold: float) -> None:
        self._low = min(1.0, threshold + LOW_ABOVE_THRESHOLD)
        self._tracks: dict[int, _ListedTrack] = {}
        self._masked_before = set[int]()

    def push(self, line: FrameLine, seconds: float) -> Iterator[WatchSpan]:
        """Add the next frame's faces."""
        here = {face.track: face for face in line.faces if face.track is not None and face.is_masked}
        for number in self._masked_before - here.keys():
            self._tracks[number].gap = None  # it is over, or not masked in a part of it: what comes then is no gap
        self._masked_before = set(here)
        for number, face in here.items():
            observation = Observation(line.frame, seconds, 0.0, "", box=face.box, score=face.score, track=number)
            track = self._tracks.setdefault(number, _ListedTrack(observation, observation))
            track.last = observation
            yield from self._add(track, face, observation)

    def flush(self) -> Iterator[WatchSpan]:
        """End the tracks. One that is not masked in a part of it is one track: edits of a finding are of all of it."""
        for track in self._tracks.values():
            yield from self._end(track)
        self._tracks.clear()

    def _add(self, track: _ListedTrack, face: SidecarFace, observation: Observation) -> Iterator[WatchSpan]:
        if face.state != "detected":
            if track.detected and track.gap is None:
                track.gap = ObservationSpan.of(observation)
            elif track.gap is not None:
                track.gap.add(observation)
            return
        if track.gap is not None:
            yield from self._long_gap(track.gap)
            track.gap = None
        track.detected += 1
        if track.best is None or (observation.score or 0) > (track.best.score or 0):
            track.best = observation

    def _end(self, track: _ListedTrack) -> Iterator[WatchSpan]:
        best = track.best
        if best is None:
            return
        if track.detected <= SHORT_FRAMES:
            text = f"detected in {track.detected} frame{'s' if track.detected > 1 else ''} only"
            yield "short_track", _span(track, best, 1 / track.detected, text)
        elif best.score is not None and best.score < self._low:
            yield "low_score", _span(track, best, 1 - best.score, f"never detected with a score over {best.score:.2f}")

    def _long_gap(self, gap: ObservationSpan) -> Iterator[WatchSpan]:
        seconds = gap.last.seconds - gap.first.seconds
        if seconds >= LONG_GAP_SECONDS:
            text = f"masked for {seconds:.2f} s without a detection, then detected again"
            worst = replace(gap.last, severity=seconds, text=text)
            yield "long_gap", ObservationSpan(gap.first, gap.last, worst, gap.frames)


def _span(track: _ListedTrack, best: Observation, severity: float, text: str) -> ObservationSpan:
    worst = replace(best, severity=severity, text=text)
    return ObservationSpan(track.first, track.last, worst, track.detected)
