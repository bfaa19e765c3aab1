"""Adds up the checks of all frames to findings and figures, in the order of the frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from faceblur.auditing.checked_frame import FrameChecks
from faceblur.auditing.face_following import FaceFollower, FollowedFace
from faceblur.auditing.finding_rules import confident_score, judge_face
from faceblur.auditing.findings import FindingGroups
from faceblur.auditing.frame_alignment import Alignment
from faceblur.auditing.frame_order import FrameOrder, MisplacedFrame
from faceblur.auditing.observations import Observation, ObservationSpan
from faceblur.auditing.report import AuditFacts
from faceblur.auditing.sidecar_checks import SidecarChecks, WatchSpan
from faceblur.auditing.steps import FramePair, StreamPair
from faceblur.media.unsearched_parts import UnsearchedPart
from faceblur.redaction.sidecar_format import SettingsUsed

# Seconds that picture and sound may be apart more than in the source: ticks of containers and packets are shorter.
MAX_APART = 0.1


@dataclass(slots=True)
class AuditTally:
    """The sum of all frames' checks. `begin` a video stream, `add` its steps in order, `end` it; then take `facts`.

    `models` is the number of detectors that look at the frames.
    """

    settings: SettingsUsed
    models: int = 1
    findings: FindingGroups = field(default_factory=FindingGroups)
    _streams: list[int] = field(default_factory=list)
    _source_frames: int = 0
    _output_frames: int = 0
    _regions: int = 0
    _most_kept: float = 0.0
    _seconds: float = 0.0
    _time_offset: float = 0.0
    _offsets: dict[int, float] = field(default_factory=dict)
    _psnr_sum: float = 0.0
    _psnr_frames: int = 0
    _psnr_lowest: float | None = None
    # Of the stream that was begun last.
    _tolerance: float = 0.0
    _offset: float | None = None
    _is_cover_art: bool = False
    _last: float = 0.0
    _order: FrameOrder = field(default_factory=FrameOrder)
    _follower: FaceFollower = field(init=False)
    _sidecar: SidecarChecks = field(init=False)

    def begin(self, pair: StreamPair) -> None:
        """Begin with a video stream."""
        self.findings.begin(pair.source)
        self._streams.append(pair.source)
        self._tolerance, self._offset, self._is_cover_art = pair.tolerance, None, pair.is_cover_art
        self._order, self._follower = FrameOrder(), FaceFollower(self._confident)
        self._sidecar = SidecarChecks(self.settings.threshold)

    def add(self, pair: FramePair, checks: FrameChecks | None) -> None:
        """Add the next step: `checks` is None where it is no pair of frames."""
        if pair.line is not None:
            self._watch(self._sidecar.push(pair.line, pair.source_seconds))
            if pair.line.unsearched:
                text = "kept without a search, by a person's choice: faces in these frames stay visible"
                self.findings.add("rest", [Observation(pair.line.frame, pair.source_seconds, 1.0, text)])
            self._last = pair.source_seconds
        if checks is None:
            self._add_single(pair)
            return
        self._check_time(pair)
        self._regions += len(checks.masked)
        self._most_kept = max(self._most_kept, checks.most_kept)
        if checks.psnr is not None:
            self._psnr_sum, self._psnr_frames = self._psnr_sum + checks.psnr, self._psnr_frames + 1
            self._psnr_lowest = min(checks.psnr, self._psnr_lowest or checks.psnr)
        self.findings.add("exposed", checks.exposed)
        self.findings.add("candidate", checks.hardly)
        self.findings.add("changed", checks.changed)
        self.findings.add("uncovered", checks.added)
        self.findings.add("spared", checks.spared)
        self.findings.add("rejected", checks.rejected)
        self._misplaced(self._order.push(pair.step.source, pair.step.output, *checks.small))
        masks = [] if pair.line is None else [face.box for face in pair.line.faces if face.is_masked]
        self._judge(self._follower.push(checks.small[0].seconds, checks.detections, masks, cut=checks.cut))

    def end(self, alignment: Alignment, damage: Iterable[str]) -> None:
        """End the stream: decide about what was waiting for more frames. `damage` is that of the source."""
        self._source_frames += alignment.source_frames
        self._output_frames += alignment.output_frames
        for one in damage if len(self._streams) == 1 else ():
            text = f"the source is {one}: frames may be missing from both"
            self.findings.close("damaged", ObservationSpan.of(Observation(0, 0.0, 1.0, text)))
        self._seconds += self._last
        self._watch(self._sidecar.flush())
        self._misplaced(self._order.flush())
        self._judge(self._follower.flush())

    def add_surplus(self, stream: int) -> None:
        """Add a video stream of the output that has no counterpart in the source."""
        self.findings.begin(stream)
        text = f"the output has a video stream more, its stream {stream}, which was not compared"
        self.findings.add("extra", [Observation(0, 0.0, 1.0, text)])

    def add_lost(self, stream: int, what: str, why: str) -> None:
        """Add a stream of the source that the output has not; `why` says how it is known that a run wrote it."""
        self.findings.begin(stream)
        self.findings.add("missing", [Observation(0, 0.0, 1.0, f"{what} is not in the output: {why}")])

    def check_sound(self, tracks: Iterable[tuple[int, str, float]]) -> None:
        """Compare how late each stream begins, in seconds, with the first video stream; `tracks` are those of sound."""
        if not self._offsets:
            return
        streams = [(index, "this video stream", late) for index, late in self._offsets.items()]
        for index, what, late in [*streams, *tracks]:
            apart = late - streams[0][2]
            if abs(apart) > MAX_APART:
                self.findings.begin(index)
                text = f"{what} begins {abs(apart):.3f} s too {'late' if apart > 0 else 'early'} beside the first frame"
                self.findings.add("time", [Observation(0, 0.0, abs(apart), text)])

    def add_part(self, part: UnsearchedPart) -> None:
        """Add a part of the output that no frame shows."""
        self.findings.begin(part.stream)
        self.findings.close(part.kind, ObservationSpan.of(Observation(0, 0.0, 1.0, part.text)))

    def facts(self, size_wh: tuple[int, int]) -> AuditFacts:
        """The figures of all streams; `size_wh` is the size of the frames, upright."""
        return AuditFacts(
            streams=self._streams,
            source_frames=self._source_frames,
            output_frames=self._output_frames,
            size_wh=size_wh,
            seconds=round(self._seconds, 3),
            regions=self._regions,
            most_kept=round(self._most_kept, 4),
            time_offset=round(self._time_offset, 6),
            psnr_lowest=None if self._psnr_lowest is None else round(self._psnr_lowest, 2),
            psnr_mean=round(self._psnr_sum / self._psnr_frames, 2) if self._psnr_frames else None,
        )

    @property
    def _confident(self) -> float:
        return confident_score(self.settings.threshold)

    def _add_single(self, pair: FramePair) -> None:
        """Add a frame that one of the videos lacks."""
        step = pair.step
        if step.kind == "missing":
            text = "this frame of the source is not in the output"
            self.findings.add("missing", [Observation(step.source, pair.source_seconds, 1.0, text)])
        else:
            text = f"the output has a frame more here (its frame {step.output}), which was not compared"
            observation = Observation(step.source, pair.output_seconds, 1.0, text, output_frame=step.output)
            self.findings.add("extra", [observation])

    def _check_time(self, pair: FramePair) -> None:
        late = pair.output_seconds - pair.source_seconds
        if self._offset is None:
            self._offset = late
            if not self._is_cover_art:
                self._offsets[self.findings.stream] = late
            self._time_offset = max(self._time_offset, late, key=abs)
        late -= self._offset
        if abs(late) > self._tolerance:
            step = pair.step
            text = f"shown {abs(late):.3f} s too {'late' if late > 0 else 'early'}"
            observation = Observation(step.source, pair.source_seconds, abs(late), text, output_frame=step.output)
            self.findings.add("time", [observation])

    def _watch(self, spans: Iterable[WatchSpan]) -> None:
        for kind, span in spans:
            self.findings.close(kind, span)

    def _misplaced(self, frames: Iterable[MisplacedFrame]) -> None:
        for one in frames:
            if one.shows is None:
                text = "the output shows another image, which is none of the frames around it"
            elif one.swapped:
                text = f"swapped: the output shows frame {one.shows} instead"
            else:
                text = f"not shown: the output shows frame {one.shows} instead"
            self.findings.add("order", [Observation(one.source, one.seconds, 1.0, text, output_frame=one.output)])

    def _judge(self, faces: Iterable[FollowedFace]) -> None:
        """Decide whether what was followed is an unmasked face, a candidate, or nothing."""
        for face in faces:
            kind = judge_face(face, self._confident, self.models)
            if kind is not None and face.legible is not None:
                self.findings.close(kind, face.legible)
