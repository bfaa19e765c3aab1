"""What people chose for a file: the regions that are covered and the faces that are spared, counted for its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from faceblur.base.counted import counted
from faceblur.base.errors import OutsideFrame
from faceblur.base.face_checks import reaches_into
from faceblur.base.options import Options
from faceblur.base.regions import TimedRegion, parse_regions
from faceblur.redaction.frame import Frame
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.tracking.boxes import Box


class ByHand:
    """Counts the frames in which regions are covered, and the faces that are spared, of a run or a render.

    `cover` and `spare` are the regions that were asked for: one that did nothing is reported too.
    """

    def __init__(self, cover: Sequence[TimedRegion] = (), spare: Sequence[TimedRegion] = ()) -> None:
        self._covered = Counter({str(region): 0 for region in cover})
        self._spare = spare
        self._spared_faces = self._spared_frames = self._unsearched = 0

    def add(self, frame: Frame, faces: Sequence[Box]) -> None:
        """Add a frame of a run with the boxes of all its faces."""
        self._unsearched += frame.in_rest
        self._covered.update(map(str, frame.cover))
        self._add_spared(len(faces) - len(frame.unspared(faces)))

    def add_line(self, line: FrameLine) -> None:
        """Add a frame that is masked as a sidecar lists it."""
        self._unsearched += bool(line.unsearched)
        self._covered.update(str(TimedRegion(face.box)) for face in line.faces if face.state == "region")
        self._add_spared(sum(face.state == "spared" for face in line.faces))

    def _add_spared(self, faces: int) -> None:
        self._spared_faces += faces
        self._spared_frames += bool(faces)

    def notes(self) -> Iterator[str]:
        """What is to be reported, one line each."""
        if self._unsearched:
            yield f"not searched: {counted(self._unsearched, 'frame')} outside of the span, faces in them stay visible"
        for text, count in self._covered.items():
            yield f"covered by hand: {text} in {counted(count, 'frame') if count else 'no frame: check its times'}"
        if self._spared_faces:
            faces, frames = counted(self._spared_faces, "face"), counted(self._spared_frames, "frame")
            yield f"spared by hand: {faces} in {frames} stay visible"
        elif self._spare:
            yield f"spared by hand: no face lies in {', '.join(map(str, self._spare))}"


def check_regions(options: Options, frame_wh: tuple[int, int], source: Path) -> None:
    """Refuse a region to cover that lies outside of a file's frames, upright. Raises OutsideFrame."""
    for region in parse_regions(options.cover):
        if not reaches_into(region.box, frame_wh):
            width, height = frame_wh
            raise OutsideFrame(f"{source}: the region to cover {region} lies outside of its frames of {width}x{height}")
