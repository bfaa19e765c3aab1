"""What the sidecar alone tells is worth watching: long covered gaps, faces found only for a moment, low scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faceblur.auditing.moments import Findings, Kind, Sight, Stretch
from faceblur.redaction.sidecar import FrameLine, SidecarFace

# A face that is covered for so long without being found may have moved from under its cover.
LONG_GAP_SECONDS = 0.3
SHORT_FRAMES = 3
LOW_ABOVE_THRESHOLD = 0.2


@dataclass(slots=True)
class _Track:
    first: Sight
    last: Sight
    detected: int = 0
    best: Sight | None = None
    gap: Stretch | None = None


class Listed:
    """Follows the sidecar's tracks through the frames, and notes what is worth watching of them."""

    def __init__(self, moments: Findings, threshold: float) -> None:
        self._moments, self._low = moments, min(1.0, threshold + LOW_ABOVE_THRESHOLD)
        self._tracks: dict[int, _Track] = {}

    def push(self, line: FrameLine, seconds: float) -> None:
        """Add the next frame's faces."""
        here = {face.track: face for face in line.faces if face.track is not None}
        for number in [number for number in self._tracks if number not in here]:
            self._end(self._tracks.pop(number))
        for number, face in here.items():
            sight = Sight(line.frame, seconds, 0.0, "", box=face.box, score=face.score, track=number)
            track = self._tracks.setdefault(number, _Track(sight, sight))
            track.last = sight
            self._add(track, face, sight)

    def flush(self) -> None:
        for track in self._tracks.values():
            self._end(track)
        self._tracks.clear()

    def _add(self, track: _Track, face: SidecarFace, sight: Sight) -> None:
        if face.state == "covered":
            if track.detected and track.gap is None:
                track.gap = Stretch.of(sight)
            elif track.gap is not None:
                track.gap.add(sight)
            return
        if track.gap is not None:
            self._note_gap(track.gap)
            track.gap = None
        track.detected += 1
        if track.best is None or (sight.score or 0) > (track.best.score or 0):
            track.best = sight

    def _end(self, track: _Track) -> None:
        best = track.best
        if best is None:
            return
        if track.detected <= SHORT_FRAMES:
            text = f"found in {track.detected} frame{'s' if track.detected > 1 else ''} only"
            self._note("short_track", track, best, 1 / track.detected, text)
        elif best.score is not None and best.score < self._low:
            self._note("low_score", track, best, 1 - best.score, f"never found with a score over {best.score:.2f}")

    def _note_gap(self, gap: Stretch) -> None:
        seconds = gap.last.seconds - gap.first.seconds
        if seconds >= LONG_GAP_SECONDS:
            text = f"covered for {seconds:.2f} s without being found, then found again"
            worst = replace(gap.last, severity=seconds, text=text)
            self._moments.close("long_gap", Stretch(gap.first, gap.last, worst, gap.frames))

    def _note(self, kind: Kind, track: _Track, best: Sight, severity: float, text: str) -> None:
        worst = replace(best, severity=severity, text=text)
        self._moments.close(kind, Stretch(track.first, track.last, worst, track.detected))
