"""Links detections over time and masks faces in the frames in which the detector missed them, forwards and backwards.

A face that scores at least the threshold starts a track; one with a lower score continues a track. A small face also
starts one by low scores alone, once those that follow each other add up to the threshold. Frames between two detections
of a track are interpolated; frames before its first and after its last detection are masked for `look_around` seconds,
along the camera's motion. A lost face is followed by its pixels as long as that works: then this time begins where it
was seen last. So is a new face, backwards in the window. Nothing is carried over a cut. Frames leave in order, twice
`look_around` late, and that is all the memory taken.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from faceblur.base.events import MaskedState
from faceblur.tracking.boxes import LOW_SCORE_HEIGHT, Box, Detection, hull, interpolate, shifted
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.doubtful_tracks import DoubtfulTracks, Question
from faceblur.tracking.face_matching import match_boxes
from faceblur.tracking.pixel_following import follow, follow_on
from faceblur.tracking.steady_masks import REACH, MaskedFrame, steady
from faceblur.tracking.thumbnails import Thumbnail
from faceblur.tracking.track import MIN_FOLLOWED, Track

# The window in `look_around`s: a face is followed back over one of them, and masked for another one before that.
WINDOW = 2


@dataclass(slots=True, kw_only=True, eq=False)
class WindowedFrame:
    """What tracking knows of one frame in its look-ahead window.

    `seconds` is its time; `detections` were made in it, if it `is_searched`; `cut` says that a new scene begins with
    it, `may_be_cut` that it may, `camera` how the camera moved since the frame before; without a `thumbnail` no face is
    followed to it. The tracker sets the rest: `masks` maps a track to the box that is to be masked; `gaps` are the
    tracks without a detection above the threshold in this very frame, `followed` those of them that were followed to it
    by their pixels, `scores` the scores of those that were detected in it, above or below; `scene` counts the cuts
    before it; `doubts` are the questions about its doubtful tracks, `ends` the tracks that are far from any detection.
    """

    seconds: float
    detections: Sequence[Detection] = ()
    is_searched: bool = False
    thumbnail: Thumbnail | None = None
    cut: bool = False
    may_be_cut: bool = False
    camera: CameraMotion = NO_MOTION
    scene: int = 0
    masks: dict[int, Box] = field(default_factory=dict)
    gaps: set[int] = field(default_factory=set)
    followed: set[int] = field(default_factory=set)
    low_scores: list[Detection] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    doubts: dict[int, Question[Any]] = field(default_factory=dict)
    ends: set[int] = field(default_factory=set)
    _scores_of_boxes: dict[Box, float] = field(default_factory=dict)

    def score_of(self, track: int) -> float | None:
        """The score with which a track was detected in this very frame; None where it was not, and for gaps."""
        return self._scores_of_boxes.get(self.masks[track]) if track in self.masks else None

    def state_of(self, track: int) -> MaskedState:
        """Why a track is masked."""
        if track not in self.gaps:
            return "detected"
        if track in self.followed:
            return "followed"
        return "gap-filled" if self.is_searched else "interpolated"

    def add_followed(self, track: int, box: Box) -> None:
        """Mask a track's box that was followed to this frame, and what was to be masked of the track before."""
        self.masks[track] = hull([box, self.masks.get(track, box)])
        self.gaps.add(track)
        self.followed.add(track)


FrameT = TypeVar("FrameT", bound=WindowedFrame)


class Tracker(Generic[FrameT]):
    """Takes frames in order by `push`, gives them back in order with what to mask; `flush` gives the last ones.

    `threshold` is a score, `look_around` is in seconds. At most `max_frames` wait in the window, also where frames come
    so densely that it is shorter than `look_around`. `verifies`: doubtful tracks are asked about.
    """

    def __init__(self, *, threshold: float, look_around: float, max_frames: int = 1000, verifies: bool = False) -> None:
        self._threshold, self._late = threshold, WINDOW * look_around
        self._reach = look_around + 1e-6  # 0.4 seconds are not always 0.4 in floating point
        self._max_frames = max_frames
        self._window: deque[FrameT] = deque()
        self._tracks: list[Track] = []
        self._candidates: list[Track] = []
        self._numbers = itertools.count(1)
        self._scene = 0
        self._passed: deque[MaskedFrame] = deque(maxlen=REACH)
        self._doubtful: DoubtfulTracks[FrameT] | None = DoubtfulTracks(look_around) if verifies else None

    def push(self, frame: FrameT) -> Iterator[FrameT]:
        """Add the next frame, and give the frames whose window is complete."""
        if frame.cut:
            self._scene += 1
            self._tracks, self._candidates = [], []
        frame.scene = self._scene
        frame._scores_of_boxes = {one.box: one.score for one in frame.detections}
        self._window.append(frame)
        high = [one for one in frame.detections if one.score >= self._threshold]
        low = [one for one in frame.detections if one.score < self._threshold]
        for tracks in (self._tracks, self._candidates):
            tracks[:] = [track for track in tracks if frame.seconds - track.seconds <= self._reach]
            for track in tracks:
                track.box = frame.camera.carry(track.box)
        lost, high = self._continue(frame, self._tracks, high)
        # A low score continues only what the high scores left over.
        lost, frame.low_scores = self._continue(frame, lost, low)
        if frame.is_searched:
            self._follow(lost)
        for track in lost:
            frame.masks[track.number] = hull([track.box, track.at(frame.seconds)])
            frame.gaps.add(track.number)
        for one in high:
            self._start(Track.begin(one, frame.seconds), frame, one.score)
        self._gather(frame)
        return self.complete(frame.seconds)

    def flush(self) -> Iterator[FrameT]:
        """Give the frames that are still in the window."""
        while self._window:
            yield self._steadied()

    def complete(self, seconds: float) -> Iterator[FrameT]:
        """Give the frames whose window is complete now that no frame before `seconds` will come."""
        while self._window and (
            seconds - self._window[0].seconds >= self._late or len(self._window) > self._max_frames
        ):
            yield self._steadied()

    def _steadied(self) -> FrameT:
        """Take the first frame out of the window, with steady boxes."""
        coming = [MaskedFrame(one.masks, one.camera, one.scene) for one in itertools.islice(self._window, 1 + REACH)]
        if self._doubtful is not None:
            first = self._window[0]
            first.doubts, first.ends = self._doubtful.ask(self._window), self._doubtful.ends(self._window)
        frame = self._window.popleft()
        passed = list(self._passed)
        self._passed.append(MaskedFrame(dict(frame.masks), frame.camera, frame.scene))
        frame.scores = {track: score for track in frame.masks if (score := frame.score_of(track)) is not None}
        frame.masks = steady([*passed, *coming], len(passed))
        return frame

    def _continue(
        self, frame: FrameT, tracks: list[Track], detections: list[Detection]
    ) -> tuple[list[Track], list[Detection]]:
        """Match detections to tracks; the tracks and the detections that are left over."""
        pairs = match_boxes([track.at(frame.seconds) for track in tracks], [one.box for one in detections])
        for row, column in pairs:
            track, one = tracks[row], detections[column]
            self._interpolate(track, one.box, frame)
            second, was_followed = track.velocity is None, track.evidence >= MIN_FOLLOWED
            track.add(one, frame.seconds)
            if second:  # only now its own motion is known
                self._look_back(track)
            if not was_followed and track.evidence >= MIN_FOLLOWED:
                self._follow_back(track)
            self._mask(track, frame, one.score)
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [track for index, track in enumerate(tracks) if index not in rows],
            [one for index, one in enumerate(detections) if index not in columns],
        )

    def _follow(self, lost: list[Track]) -> None:
        """Follow lost faces by their pixels through the window, from where they were seen last to its last frame."""
        lost = [track for track in lost if track.evidence >= MIN_FOLLOWED]
        followed: list[Track] = []
        for before, after in itertools.pairwise(self._window if lost else ()):
            for track in followed:
                track.box = after.camera.carry(track.box)
            faces = [track for track in lost if track.can_be_followed(before.seconds, before.thumbnail, after.seconds)]
            sightings = [(track.last, track.detected) for track in faces if track.detected is not None]
            if not sightings or before.thumbnail is None or after.thumbnail is None:
                continue
            for track, box in zip(faces, follow(before.thumbnail, after.thumbnail, sightings), strict=True):
                if box is None:
                    continue
                track.last = track.box = box
                track.seconds = after.seconds
                followed += [track] * (track not in followed)
                after.add_followed(track.number, box)

    def _follow_back(self, track: Track) -> None:
        """Follow a face by its pixels to before its first detection: then what is masked before begins there."""
        earlier = [one for one in reversed(self._window) if one.seconds <= track.begun and one.scene == self._scene]
        if not earlier or earlier[0].thumbnail is None:
            return
        boxes = follow_on(earlier[0].thumbnail, track.first, (one.thumbnail for one in earlier[1:]))
        for one, box in zip(earlier[1:], boxes, strict=False):  # it may be lost before the window ends
            one.add_followed(track.number, box)
            track.first, track.begun = box, one.seconds
        if boxes:
            self._look_back(track)

    def _gather(self, frame: FrameT) -> None:
        """Follow the small low scores that no track took; what adds up to the threshold is a face."""
        low = [one for one in frame.low_scores if one.box[3] - one.box[1] <= LOW_SCORE_HEIGHT]
        pairs = match_boxes([track.at(frame.seconds) for track in self._candidates], [one.box for one in low])
        for row, column in pairs:
            self._candidates[row].add(low[column], frame.seconds)
        faces = [track for track in self._candidates if track.evidence >= self._threshold]
        self._candidates = [track for track in self._candidates if track.evidence < self._threshold]
        columns = {column for _, column in pairs}
        self._candidates += [Track.begin(one, frame.seconds) for index, one in enumerate(low) if index not in columns]
        for track in faces:
            track.first, track.begun = track.last, track.seconds
            self._start(track, frame, 0)

    def _start(self, track: Track, frame: FrameT, score: float) -> None:
        track.number = next(self._numbers)
        self._tracks.append(track)
        self._mask(track, frame, score)
        self._look_back(track)

    def _mask(self, track: Track, frame: FrameT, score: float) -> None:
        frame.masks[track.number] = track.last
        if score < self._threshold:
            frame.gaps.add(track.number)

    def _interpolate(self, track: Track, box: Box, now: FrameT) -> None:
        """Mask the frames between a track's last detection and this one, each by the hull of three boxes."""
        gap = list(itertools.takewhile(lambda one: one.seconds > track.seconds, reversed(self._window)))[:0:-1]
        if not gap:
            return
        later = [*gap[1:], now]
        # Both detections where the camera carries them in each frame of the gap.
        forth = itertools.accumulate(gap, lambda at, one: one.camera.carry(at), initial=track.last)
        back = itertools.accumulate(reversed(later), lambda at, one: one.camera.carry_back(at), initial=box)
        span = now.seconds - track.seconds
        times = [track.seconds, *(one.seconds for one in gap), now.seconds]
        shares = [(seconds - track.seconds) / span for seconds in times]
        for index, (one, first, last) in enumerate(zip(gap, [*forth][1:], [*back][:0:-1], strict=True)):
            one.masks[track.number] = hull(interpolate(first, last, share) for share in shares[index : index + 3])
            one.gaps.add(track.number)

    def _look_back(self, track: Track) -> None:
        """Mask the frames before a track's first detection, along low scores and its own motion where known."""
        box = straight = track.first
        for later, one in itertools.pairwise(reversed(self._window)):
            if later.seconds > track.begun:
                continue
            ahead = track.begun - one.seconds
            if one.scene != self._scene or ahead > self._reach:
                break
            camera = later.camera
            box, straight = camera.carry_back(box), camera.carry_back(straight)
            if earlier := match_boxes([box], [low.box for low in one.low_scores]):
                mask = box = one.low_scores[earlier[0][1]].box
            else:
                mask = hull([box, straight, shifted(straight, -(track.velocity or 0) * ahead)])
            one.masks[track.number] = mask
            one.gaps.add(track.number)
