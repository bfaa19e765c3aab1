"""The preview for reviewers: the source's frames, with what the sidecar lists drawn on them.

It is drawn on the source and not on the output: a reviewer has to see who a track is, whether a mask hides a face, and
whether a face has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import SidecarError
from faceblur.media.frames import DecodedFrame
from faceblur.media.preview_writer import LONG_SIDE, PreviewWriter, preview_path
from faceblur.media.reader import VideoReader
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace

if TYPE_CHECKING:
    from faceblur.redaction.edits import Edits

# BGR, by state: green, light green, yellow, orange, cyan, red, blue, gray.
COLOURS = {
    "detected": (80, 200, 60),
    "interpolated": (160, 240, 150),
    "gap-filled": (0, 200, 255),
    "followed": (0, 130, 255),
    "added": (220, 220, 40),
    "spared": (40, 40, 255),
    "region": (255, 140, 40),
    "rejected": (160, 160, 160),
}
BLACK = (0, 0, 0)
FONT, MIN_FONT, MAX_FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.45, 0.7
WARNING = "SHOWS FACES - DO NOT PUBLISH"


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of one output, of its source's main video stream.

    `recorded` is the sidecar that the output is rendered from; `edits` are made in it. `stop` ends `write` early.
    """

    source: Path
    output: Path
    open_source: Callable[[], VideoReader]
    stop: threading.Event
    wanted: bool
    tag: str = ""
    recorded: Path | None = None
    edits: Edits | None = None

    def write(self, sidecar: Path | None) -> PreviewWriter | None:
        """Write it, complete under its temporary name. None: it is not wanted, or was stopped.

        `sidecar` is the output's new one, None: there is none but the recorded one. Raises MediaError or SidecarError.
        """
        if not self.wanted:
            return None
        listed, edits = (self.recorded, self.edits) if sidecar is None else (sidecar, None)
        if listed is None:
            raise SidecarError(f"{self.output}: has no sidecar, which a preview shows")
        writer = PreviewWriter(preview_path(self.output), tag=self.tag)
        try:
            if self._draw_all(listed, edits, writer):
                writer.complete()
                return writer
        except BaseException:
            writer.abort()
            raise
        writer.abort()
        return None

    def _draw_all(self, listed: Path, edits: Edits | None, writer: PreviewWriter) -> bool:
        """Draw every frame; False: it was stopped."""
        with SidecarReader(listed) as lines, self.open_source() as reader:
            main = reader.main_stream.index
            of_main = (line for line in lines if line.stream == main)
            items: Iterable[Any] = reader
            for frame in items:
                if self.stop.is_set():
                    return False
                if not isinstance(frame, DecodedFrame) or frame.stream != main:
                    continue
                line = next(of_main, None)
                if line is None or line.pts != frame.pts:
                    raise SidecarError(f"{listed}: does not list frame {frame.number} of {self.source}")
                seconds = frame.seconds - reader.shown_zero
                if edits is not None:
                    line = edits.fold(line, seconds)
                writer.write(draw(frame, line, seconds), frame.pts, frame.time_base)
        return True


def draw(frame: DecodedFrame, line: FrameLine, seconds: float) -> NDArray[np.uint8]:
    """A frame, upright and at most LONG_SIDE pixels long, with its faces' boxes, tracks, scores and states.

    `seconds` is when it is shown, as a player of the output counts.
    """
    image = frame.thumbnail(LONG_SIDE)
    height, width = image.shape[:2]
    scale = width / frame.upright_wh[0], height / frame.upright_wh[1]
    font = min(MAX_FONT, max(MIN_FONT, width / 1280))
    for face in line.faces:
        x1, y1, x2, y2 = (round(value * scale[index % 2]) for index, value in enumerate(face.box))
        cv2.rectangle(image, (x1, y1), (x2, y2), COLOURS[face.state], 2)
        at = max(0, x1), y1 - 4 if y1 > 20 else min(height - 4, y2 + 14)
        _write(image, label(face), at, font, COLOURS[face.state])
    _write(image, f"{WARNING}  frame {line.frame}  {seconds:.3f} s", (4, height - 6), font, COLOURS["spared"])
    return image


def label(face: SidecarFace) -> str:
    """What stands at a box: its track, its score, and its state where it is not simply detected."""
    track = "" if face.track is None else f"#{face.track}"
    score = "" if face.score is None else f"{face.score:.2f}"
    return " ".join(filter(None, (track, score, "" if face.state == "detected" else face.state)))


def _write(image: NDArray[np.uint8], text: str, at: tuple[int, int], font: float, colour: tuple[int, int, int]) -> None:
    """Write a text on black; `at` is its lower left corner."""
    (width, height), below = cv2.getTextSize(text, FONT, font, 1)
    cv2.rectangle(image, (at[0] - 2, at[1] - height - 2), (at[0] + width + 2, at[1] + below), BLACK, cv2.FILLED)
    cv2.putText(image, text, at, FONT, font, colour, 1, cv2.LINE_AA)
