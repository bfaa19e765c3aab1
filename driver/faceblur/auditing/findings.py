"""Groups what is observed in neighbouring frames into findings, and keeps the worst of each kind."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from faceblur.auditing.finding_kinds import FINDINGS, MASKED_BY_BOXES, WATCH, FindingKind
from faceblur.auditing.observations import APART_SECONDS, Observation, ObservationSpan, Stay
from faceblur.auditing.report import MAX_LISTED, BoxSpan, Finding
from faceblur.tracking.boxes import rounded
from faceblur.tracking.face_matching import match_boxes


@dataclass(slots=True)
class FindingGroups:
    """Groups observations, which come in order, into findings; keeps the worst of each kind, in bounded memory.

    A finding that fails the audit has an observation in each of its frames; one to watch may have gaps.
    `stream` is the video stream that they are of: `begin` sets it.
    """

    stream: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    _open: dict[FindingKind, list[ObservationSpan]] = field(default_factory=dict)
    _kept: dict[FindingKind, list[tuple[float, int, Finding]]] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, kind: FindingKind, observations: Iterable[Observation]) -> None:
        """Add the observations of a kind in one frame: each continues a finding at the same location or begins one."""
        for observation in observations:
            still_open: list[ObservationSpan] = []
            for span in self._open.get(kind, []):
                gap, frames = observation.seconds - span.last.seconds, observation.frame - span.last.frame
                if frames > 1 and (kind in FINDINGS or gap > APART_SECONDS):
                    self.close(kind, span)
                else:
                    still_open.append(span)
            self._open[kind] = still_open
            same = next((one for one in still_open if _belongs(one.last, observation)), None)
            if same is None:
                still_open.append(ObservationSpan.of(observation))
            else:
                same.add(observation)

    def begin(self, stream: int) -> None:
        """Begin with a video stream: findings of the one before it end."""
        for kind, spans in self._open.items():
            for span in spans:
                self.close(kind, span)
        self._open.clear()
        self.stream = stream

    def finish(self) -> tuple[list[Finding], list[Finding]]:
        """The findings that fail the audit, and those to watch. The worst kind and the worst finding come first."""
        self.begin(self.stream)

        def listed(kinds: Iterable[FindingKind]) -> list[Finding]:
            # Of equals the first in the video comes first.
            return [
                finding
                for kind in kinds
                for _, _, finding in sorted(self._kept.get(kind, []), key=lambda one: (-one[0], -one[1]))
            ]

        return listed(FINDINGS), listed(WATCH)

    def close(self, kind: FindingKind, span: ObservationSpan) -> None:
        """Count a finding that is complete, and list it if it is one of the worst."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        worst = span.worst
        is_of_track = span.first.track == worst.track == span.last.track or kind not in MASKED_BY_BOXES
        finding = Finding(
            kind=kind,
            text=worst.text,
            severity=round(worst.severity, 4),
            first_frame=span.first.frame,
            last_frame=span.last.frame,
            first_time=time_code(span.first.seconds),
            last_time=time_code(span.last.seconds),
            frames=span.frames,
            frame=worst.frame,
            time=time_code(worst.seconds),
            stream=self.stream,
            box=None if worst.box is None else rounded(worst.box),
            score=_rounded(worst.score),
            kept=_rounded(worst.kept),
            track=worst.track if is_of_track else None,
            output_frame=worst.output_frame,
            boxes=[_box_span(one) for one in span.path],
        )
        kept = self._kept.setdefault(kind, [])
        heapq.heappush(kept, (worst.severity, -next(self._number), finding))
        if len(kept) > MAX_LISTED:
            heapq.heappop(kept)


def time_code(seconds: float) -> str:
    """Seconds as hh:mm:ss.mmm."""
    sign, milliseconds = ("-" if seconds < 0 else ""), round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _belongs(last: Observation, observation: Observation) -> bool:
    """Whether two observations are of one problem: of one track, or at one location; without a location, always."""
    if last.track is not None and last.track == observation.track:
        return True
    if last.box is None or observation.box is None:
        return last.box is observation.box
    return last.frame != observation.frame and bool(match_boxes([last.box], [observation.box]))


def _box_span(stay: Stay) -> BoxSpan:
    return BoxSpan(start=round(stay.start, 3), end=round(stay.end, 3), box=rounded(stay.box))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
