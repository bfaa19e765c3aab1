"""A survey of a video whose frames change their form: all of it is decoded, to choose one form for each stream."""

from __future__ import annotations

import threading

from av.video.frame import VideoFrame

from faceblur.media.canvas import Canvas, choose_canvas
from faceblur.media.form_rules import FormRule
from faceblur.media.frame_form import FrameForm
from faceblur.media.pyav import describe
from faceblur.media.reader import VideoReader


class FormLog:
    """Records from which time on the frames of a stream have which form."""

    follows_changes = True

    def __init__(self) -> None:
        self.changes: list[tuple[float, FrameForm]] = []

    def take(self, pixels: VideoFrame, form: FrameForm, seconds: float) -> tuple[VideoFrame, int]:
        """The frame as it is."""
        if not self.changes or form != self.changes[-1][1]:
            self.changes.append((seconds, form))
        return pixels, form.orientation


class Survey(VideoReader):
    """A video that is opened to be surveyed. Raises MediaError, which names the file."""

    def choose_canvases(self, stop: threading.Event) -> dict[int, Canvas]:
        """The canvas of each video stream that has frames, by its index; of no stream once `stop` is set."""
        self._logs = {index: FormLog() for index in self.videos}
        for _ in self:
            if stop.is_set():
                return {}
        logs = {index: log.changes for index, log in self._logs.items() if log.changes}
        return {index: choose_canvas(describe(self.videos[index]), changes) for index, changes in logs.items()}

    def _form_rule(self, index: int) -> FormRule:
        return self._logs[index]
