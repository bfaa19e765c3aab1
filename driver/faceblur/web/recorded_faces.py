"""A sidecar in memory: its lines by stream and frame, with the times of their frames, and its tracks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faceblur.base.errors import MediaError, SidecarError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.still import Wanted
from faceblur.redaction.edit_operations import ROUNDING, AddedFace, MaskEdit, Operation, Undo
from faceblur.redaction.edits import Edits, sidecar_digest
from faceblur.redaction.settled_edits import TimedLine, timed_lines
from faceblur.redaction.sidecar_files import SidecarReader, identify
from faceblur.redaction.sidecar_format import Header, SidecarFace
from faceblur.tracking.boxes import Box
from faceblur.web.models import (
    AddedInfo,
    BoxInFrame,
    FaceInfo,
    FrameFaces,
    ShownFrame,
    StreamInfo,
    TrackInfo,
    TrackState,
)

# Pictures of a track that its chip shows in turn.
SAMPLES = 8
MAX_GAP = 0.1  # seconds from one frame to the next: a longer one makes the search of a frame no less exact
# Of the states of a track's frames, the first one here is shown: people have to see that a face stays visible.
STATES: tuple[TrackState, ...] = ("spared", "masked", "removed", "rejected")
EDITED: Mapping[str, TrackState] = {"spare-track": "spared", "mask-track": "masked", "remove-track": "removed"}
Opening = Callable[[], VideoReader]


@dataclass(slots=True)
class RecordedTrack:
    """Where one track is, and what the run made of it, frame by frame."""

    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    states: list[TrackState] = field(default_factory=list)
    width: float = 0.0
    score: float | None = None
    second_score: float | None = None

    def add(self, frame: int, face: SidecarFace) -> None:
        self.frames.append(frame)
        self.boxes.append(face.box)
        self.width = max(self.width, face.box[2] - face.box[0])
        self.states.append("spared" if face.state == "spared" else "masked" if face.is_masked else "rejected")
        self.score = _larger(self.score, face.score)
        self.second_score = _larger(self.second_score, face.second_score)

    def samples(self) -> list[BoxInFrame]:
        """Up to SAMPLES of its frames, spread over all."""
        last = len(self.frames) - 1
        chosen = sorted({round(last * index / (SAMPLES - 1)) for index in range(SAMPLES)})
        return [BoxInFrame(frame=self.frames[one], box=self.boxes[one]) for one in chosen]


class RecordedFaces:
    """What a sidecar says of its video. Raises SidecarError or MediaError.

    `times` says when each frame of a stream is shown, in seconds as a player of the output counts them. `streams` are
    the source's video streams in their order.
    """

    def __init__(self, source: Path, sidecar: Path) -> None:
        self.lines: dict[int, list[TimedLine]] = {}
        self.times: dict[int, list[float]] = {}
        self._tracks: dict[tuple[int, int], RecordedTrack] = {}
        self.sidecar_sha256 = sidecar_digest(sidecar)
        with SidecarReader(sidecar) as reader:
            self.header: Header = reader.header
            with VideoReader(source, tolerate=True, span=self.header.settings.cut) as video:
                if not identify(source, video.duration).is_of(self.header.video):
                    raise SidecarError(f"{sidecar}: belongs to another video ({self.header.video.name}) than {source}")
                self.streams = list(video.videos)
                self.ticks = {index: float(stream.time_base) for index, stream in video.videos.items()}
                for timed in timed_lines(reader, video):
                    self._add(timed)
            if not reader.is_current():
                raise SidecarError(f"{sidecar}: was written again while it was read: try again")

    def _add(self, timed: TimedLine) -> None:
        line = timed.line
        self.lines.setdefault(line.stream, []).append(timed)
        self.times.setdefault(line.stream, []).append(timed.since)
        for face in line.faces:
            if face.track is not None:
                self._tracks.setdefault((line.stream, face.track), RecordedTrack()).add(line.frame, face)

    def stream_infos(self) -> list[StreamInfo]:
        """The streams that have frames."""
        return [
            StreamInfo(stream=stream, frames=len(lines), seconds=round(lines[-1].since - lines[0].since, 3))
            for stream, lines in sorted(self.lines.items())
        ]

    def has(self, stream: int, frame: int) -> bool:
        """Whether there is such a frame."""
        return 0 <= frame < len(self.lines.get(stream, ()))

    def lines_about(self, operations: Iterable[Operation]) -> list[TimedLine]:
        """The lines that some edits are about, and that show their tracks."""
        numbers: dict[int, set[int]] = {}
        for one in operations:
            if isinstance(one, AddedFace):
                first, after = self._span(one)
                numbers.setdefault(one.stream, set()).update(range(max(0, first - 1), after))  # it may be shown before
            elif not isinstance(one, Undo) and (track := self._tracks.get((one.stream, one.track))):
                first, after = self._span(one)
                shown = track.frames[bisect_left(track.frames, first - 1) : bisect_left(track.frames, after)]
                numbers.setdefault(one.stream, set()).update(shown[:2])  # the first may be shown before
        return [self.lines[stream][number] for stream, found in numbers.items() for number in sorted(found)]

    def _span(self, one: MaskEdit) -> tuple[int, int]:
        """The first frame of an edit's times, and the one after the last."""
        times = self.times.get(one.stream, [])
        first = 0 if one.start is None else bisect_left(times, one.start - ROUNDING)
        return first, len(times) if one.end is None else bisect_right(times, one.end + ROUNDING)

    def in_source(self, path: Path, stream: int, frame: int) -> tuple[Opening, Wanted]:
        """Where a frame is in the source. Raises MediaError for cover art."""
        self._check_shown(stream)
        tick = self.ticks[stream]
        opening = partial(VideoReader, path, tolerate=True, span=self.header.settings.cut)
        return opening, Wanted(stream, frame, self.lines[stream][frame].line.pts * tick, tick / 2)

    def in_output(self, path: Path, stream: int, frame: int) -> tuple[Opening, Wanted]:
        """Where it is in the output, which has the same frames, at times that may count in other ticks."""
        self._check_shown(stream)
        gap = self._gap_around(stream, frame)
        with VideoReader(path) as reader:
            index = self.streams.index(stream)
            if index >= len(reader.videos):
                raise MediaError(f"{path}: it does not have stream {stream} of the source")
            own, zero = list(reader.videos)[index], reader.shown_zero
        return partial(VideoReader, path), Wanted(own, frame, self.times[stream][frame] + zero, gap / 3)

    def _gap_around(self, stream: int, frame: int) -> float:
        """Seconds to the frame before or after, whichever is nearer: neither may be taken for it."""
        _, since, until = self.lines[stream][frame]
        before = since - self.times[stream][frame - 1] if frame else MAX_GAP
        return min(until - since, before, MAX_GAP)

    def _check_shown(self, stream: int) -> None:
        if stream not in self.ticks:
            raise MediaError(f"stream {stream} is cover art, which is not shown here: look at it in a player")

    def check_size(self, frame: DecodedFrame) -> None:
        """Check that a frame of the source has the size in whose pixels the boxes are. Raises MediaError.

        Of several video streams the sidecar has the size of one.
        """
        if len(self.streams) == 1 and frame.upright_wh != self.header.frame_wh:
            own, size = ("x".join(map(str, one)) for one in (frame.upright_wh, self.header.frame_wh))
            raise MediaError(
                f"frame {frame.number} is of {own} in the source, its boxes are of {size}: frames that change their "
                "size are shown from the output only"
            )

    def faces(self, stream: int, frame: int, edits: Edits) -> FrameFaces:
        """What is in a frame, with the edits."""
        line, since, _ = self.lines[stream][frame]
        gone = [face for face in line.faces if edits.removes(stream, face.track, since)]
        found = [_info(face) for face in edits.fold(line, since).faces]
        found += [FaceInfo(box=one.box, track=one.track, state="removed", score=one.score) for one in gone]
        return FrameFaces(seconds=round(since, 3), faces=found)

    def shown(self, stream: int, start: float, end: float, edits: Edits) -> list[ShownFrame]:
        """The frames that a player shows from `start` to `end`, in seconds, with the edits."""
        times = self.times[stream]
        first, after = max(0, bisect_right(times, start + ROUNDING) - 1), bisect_right(times, end + ROUNDING)
        return [ShownFrame(frame=frame, **dict(self.faces(stream, frame, edits))) for frame in range(first, after)]

    def tracks(self, edits: Edits) -> list[TrackInfo]:
        """All tracks, with the edits."""
        return [
            TrackInfo(
                stream=stream,
                track=track,
                state=next(state for state in STATES if state in states),
                spared_frames=states.count("spared"),
                first_frame=one.frames[0],
                last_frame=one.frames[-1],
                frames=len(one.frames),
                start=round(self.lines[stream][one.frames[0]].since, 3),
                end=round(self.lines[stream][one.frames[-1]].since, 3),
                score=one.score,
                second_score=one.second_score,
                width=round(one.width, 1),
                samples=one.samples(),
            )
            for (stream, track), one in sorted(self._tracks.items())
            for states in [self._states(stream, track, edits)]
        ]

    def _states(self, stream: int, track: int, edits: Edits) -> list[TrackState]:
        """What becomes of a track with the edits, frame by frame."""
        one, times = self._tracks[stream, track], self.times[stream]
        if not edits.change_track(stream, track):
            return one.states
        of_frames = (edits.of_track(stream, track, times[frame]) for frame in one.frames)
        return [own if edit is None else EDITED[edit.op] for own, edit in zip(one.states, of_frames, strict=True)]

    def added(self, edits: Edits) -> list[AddedInfo]:
        """The faces that people added."""
        found = []
        for line, one in edits.added.items():
            first, after = self._span(one)
            if first < after:
                found.append(
                    AddedInfo(line=line, stream=one.stream, box=one.box, first_frame=first, last_frame=after - 1)
                )
        return found


def _larger(one: float | None, other: float | None) -> float | None:
    return one if other is None or (one is not None and one >= other) else other


def _info(face: SidecarFace) -> FaceInfo:
    return FaceInfo(box=face.box, track=face.track, state=face.state, score=face.score)
