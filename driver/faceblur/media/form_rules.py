"""What becomes of a stream's frames when their form changes: it is an error here, elsewhere (`canvas`) they are fitted.

After the error a survey of the video (`survey`) chooses one form for all frames, and the video is read again.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

from av.video.frame import VideoFrame

from faceblur.base.errors import FramesChange
from faceblur.media.frame_form import FrameForm


class FormRule(Protocol):
    """What becomes of the frames of a stream whose form may change. `follows_changes`: it does."""

    @property
    def follows_changes(self) -> bool: ...

    def take(self, pixels: VideoFrame, form: FrameForm, seconds: float) -> tuple[VideoFrame, int]:
        """The frame to go on with, and its orientation. Raises MediaError."""


class SameForm:
    """All frames have the form of the first one, and the size that the header says. Raises FramesChange otherwise."""

    follows_changes = False

    def __init__(self, path: object, size_wh: tuple[int, int]) -> None:
        self._path, self._size_wh = path, size_wh
        self._first: FrameForm | None = None

    def take(self, pixels: VideoFrame, form: FrameForm, seconds: float) -> tuple[VideoFrame, int]:
        """The frame as it is."""
        if form != self._first:
            self._check(form, seconds)
        return pixels, form.orientation

    def _check(self, form: FrameForm, seconds: float) -> None:
        if self._first is None:
            self._first = form._replace(width=self._size_wh[0], height=self._size_wh[1])
        if changes := form.changes(self._first):
            raise FramesChange(
                f"{self._path}: its frames change at {seconds:.3f} s: {', '.join(changes)}; "
                "`faceblur run` writes such a video in one form"
            )


class PixelAspects:
    """From which time on a stream's pixels have which aspect: PyAV's frames do not hold it, only their decoder does.

    `header` is the aspect that the container says or implies. A decoder of several packets at a time reports a change
    late: with `by_time` it is in step, and frames before the changed packet's time keep the aspect before.
    """

    def __init__(self, decoder: Any, header: Fraction | None, *, by_time: bool) -> None:
        self._decoder, self._by_time = decoder, by_time
        self._since: list[tuple[int | None, Fraction | None]] = [(None, header)]
        self._reported: Fraction | None = None
        self._is_begun = False

    def follow(self, packet: Any, has_frames: bool) -> None:
        """Take what the decoder reports after a packet."""
        if not (self._is_begun or has_frames):
            return
        reported: Fraction | None = self._decoder.sample_aspect_ratio
        if self._is_begun and (reported or 1) != (self._reported or 1):
            self._since.append((packet.pts if self._by_time else None, reported))
        self._reported, self._is_begun = reported, True

    def at(self, pts: int | None) -> Fraction | None:
        """The aspect of a frame, width by height; None: not known."""
        for since, aspect in reversed(self._since):
            if since is None or pts is None or pts >= since:
                return aspect
        return self._since[0][1]
