"""Writes a preview: a small H.264 copy of a video's frames, with what was drawn on them. It shows faces."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.atomic_files import AtomicFile, fitting_name
from faceblur.base.errors import MediaError
from faceblur.media.pyav import WRITE_ERRORS, reason

PREVIEW_SUFFIX = ".shows-faces-do-not-publish.mp4"
LONG_SIDE = 1280  # pixels; a larger frame is scaled down
ENCODER, SETTINGS = "libx264", {"crf": "26", "preset": "veryfast", "x264-params": "cpu-independent=1"}
RATE = 30  # what the encoder plans with: each frame has its own time


def preview_path(output: Path) -> Path:
    """Where the preview of an output lies: beside it and its sidecar, under a name that says what it shows."""
    return output.with_name(fitting_name(output.name, PREVIEW_SUFFIX))


def remove_preview(output: Path) -> None:
    """Remove the preview of an earlier output of this name, which shows other masks. Raises MediaError."""
    path = preview_path(output)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise MediaError(f"{path}: is of an earlier output, and cannot be removed: {error.strerror}") from error


class PreviewWriter:
    """Writes images of one size at the times of a video. `publish` gives the file its name, `abort` removes it.

    `tag` is in the name of its temporary file. Raises MediaError, which names the file.
    """

    def __init__(self, path: Path, *, tag: str = "") -> None:
        self.path = path
        self._stream: Any = None
        self._moved = 0  # units of time: players of MP4 hide what would be shown before zero
        try:
            self._output = AtomicFile(path, tag)
        except OSError as error:
            raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            self._container = av.open(f"file:{self._output.temporary}", "w", format="mp4")
        except WRITE_ERRORS as error:
            self._output.abort()
            raise MediaError(f"{path}: cannot be written: {reason(error)}") from error

    def write(self, image: NDArray[np.uint8], pts: int, time_base: Fraction) -> None:
        """Write an image, `(H, W, 3) uint8 BGR`, at a time in units of the time base, which is always the same."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:  # 4:2:0 has even sides
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        frame = av.VideoFrame.from_ndarray(image, "bgr24")
        if self._stream is None:
            self._moved = max(0, -pts)
        frame.pts, frame.time_base = pts + self._moved, time_base
        try:
            if self._stream is None:
                self._stream = self._container.add_stream(ENCODER, rate=RATE, options=SETTINGS)
                self._stream.width, self._stream.height = frame.width, frame.height
                self._stream.pix_fmt, self._stream.codec_context.time_base = "yuv420p", time_base
            self._container.mux(self._stream.encode(frame))
        except WRITE_ERRORS as error:
            raise MediaError(f"{self.path}: cannot be written: {reason(error)}") from error

    def complete(self) -> None:
        """Flush the complete file to the disk, under its temporary name."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            self._output.complete()
        except WRITE_ERRORS as error:
            raise MediaError(f"{self.path}: cannot be written: {reason(error)}") from error

    def publish(self) -> None:
        """Give the complete file its name."""
        try:
            self._output.publish()
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be written: {error.strerror}") from error

    def abort(self) -> None:
        """Remove the file. Does nothing after `publish`."""
        try:
            self._container.close()
        except WRITE_ERRORS:  # the file is removed anyway
            pass
        finally:
            self._output.abort()
