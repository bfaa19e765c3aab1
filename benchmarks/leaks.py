"""How many faces stay legible: `python -m benchmarks.leaks PHOTOS…` makes clips, blurs them and measures every face.

Without photographs it takes scikit-image's astronaut. A face is exposed in a frame when more than half of its detail is
left: what a blur of 1/20 of the face's width takes away, in the output against the source, as a normalised correlation.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.pans import (
    CONDITIONS,
    Boxes,
    Condition,
    Image,
    Photograph,
    crowd,
    faces_in_view,
    label,
    photographs,
    view,
)
from examples.sample_clip import astronaut, write_clip
from faceblur_function import __version__
from faceblur_function.defaults import PADDING
from faceblur_function.detectors.load import load_detector

EXPOSED = 0.5
# An output with less than this share of the source's contrast counts for as much less: at 16 px even what is
# left of a masked face correlates.
MIN_CONTRAST = 0.5
CLASSES = {"16-32": (16, 32), ">=32": (32, 1e9)}
# What the codec alone changes of a pixel's neighbourhood, in gray levels, stays below this.
CHANGED = 8.0


@dataclass(slots=True)
class FaceTally:
    """What was measured of one clip's faces, and of the pixels outside of them; may be added to another."""

    shown: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    exposed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    frames: int = 0
    exposed_frames: int = 0
    longest: int = 0
    outside: int = 0
    changed_outside: int = 0
    _runs: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def frame(self, faces: Boxes, exposed: Sequence[bool | None], outside: int, changed: int) -> None:
        """Count one frame: its faces, whether each is exposed (None: not visible), its pixels outside of faces."""
        self.frames += 1
        any_exposed = False
        for number, (box, bare) in enumerate(zip(faces, exposed, strict=True)):
            kind = height_class(box)
            if bare is None or kind is None:
                self._runs[number] = 0
                continue
            self.shown[kind] += 1
            self.exposed[kind] += bare
            any_exposed |= bare
            self._runs[number] = self._runs[number] + 1 if bare else 0
            self.longest = max(self.longest, self._runs[number])
        self.exposed_frames += any_exposed
        self.outside += outside
        self.changed_outside += changed

    def add(self, other: FaceTally) -> None:
        for kind in CLASSES:
            self.shown[kind] += other.shown[kind]
            self.exposed[kind] += other.exposed[kind]
        self.frames += other.frames
        self.exposed_frames += other.exposed_frames
        self.longest = max(self.longest, other.longest)
        self.outside += other.outside
        self.changed_outside += other.changed_outside

    def share(self, kind: str) -> float:
        return self.exposed[kind] / max(1, self.shown[kind])

    def row(self) -> list[str]:
        cells = [f"{self.exposed[kind]} of {self.shown[kind]} ({self.share(kind):.2%})" for kind in reversed(CLASSES)]
        over = self.changed_outside / max(1, self.outside)
        return [*cells, f"{self.exposed_frames} of {self.frames}", str(self.longest), f"{over:.1%}"]


HEADER = ["exposed, >= 32 px", "exposed, 16-32 px", "exposed frames", "longest run", "changed outside"]


def height_class(box: Boxes) -> str | None:
    height = box[3] - box[1]
    return next((name for name, (low, high) in CLASSES.items() if low <= height < high), None)


def in_view(box: Boxes, size_wh: tuple[int, int]) -> bool:
    """Whether at least three quarters of a face lie inside the frame."""
    inner = np.minimum(box[2:], size_wh) - np.maximum(box[:2], 0)
    return bool((inner > 0).all() and inner.prod() >= 0.75 * (box[2:] - box[:2]).prod())


def outside_mask(faces: Boxes, size_wh: tuple[int, int]) -> Image:
    """1 where a pixel lies in no face's padded box, `(H, W) uint8`."""
    mask = np.ones((size_wh[1], size_wh[0]), np.uint8)
    grow = (faces[:, 2:] - faces[:, :2]) * PADDING
    for x1, y1, x2, y2 in np.concatenate([faces[:, :2] - grow, faces[:, 2:] + grow], axis=1):
        mask[max(0, int(y1)) : max(0, round(y2 + 1)), max(0, int(x1)) : max(0, round(x2 + 1))] = 0
    return mask


def detail_left(source: Image, output: Image, box: Boxes) -> float:
    """How much of a face's detail survived, 0 to 1."""
    height, width = source.shape[:2]
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    x2, y2 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))

    def detail(image: Image) -> NDArray[np.float32]:
        gray = cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY).astype(np.float32)
        fine = gray - cv2.GaussianBlur(gray, (0, 0), max(0.5, (box[2] - box[0]) / 20))
        return np.asarray(fine - fine.mean()).ravel()

    a, b = detail(source), detail(output)
    contrast = max(float(np.linalg.norm(b)), MIN_CONTRAST * float(np.linalg.norm(a)), 1e-6)
    return float(a @ b) / (max(float(np.linalg.norm(a)), 1e-6) * contrast)


def measure(source: Path, output: Path, faces_of: Sequence[Boxes]) -> FaceTally:
    """Compare two clips frame by frame; `faces_of` are the faces of each frame."""
    tally = FaceTally()
    for before, after, faces in zip(decoded(source), decoded(output), faces_of, strict=True):
        size_wh = (before.shape[1], before.shape[0])
        exposed: list[bool | None] = [None] * len(faces)
        for number, box in enumerate(faces):
            if height_class(box) and in_view(box, size_wh):
                exposed[number] = detail_left(before, after, box) > EXPOSED
        outside = outside_mask(faces, size_wh)
        difference = cv2.blur(cv2.cvtColor(cv2.absdiff(before, after), cv2.COLOR_BGR2GRAY).astype(np.float32), (5, 5))
        tally.frame(faces, exposed, int(outside.sum()), int(((difference > CHANGED) & (outside > 0)).sum()))
    return tally


def decoded(path: Path) -> Iterator[Image]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def load(folders: Sequence[Path], *, crowds: Sequence[int] = ()) -> list[Photograph]:
    """The labelled photographs of these folders, or the astronaut; or crowds of their heads, one for each seed."""
    detector, second = (load_detector(name, detect_size=1 << 14) for name in ("retinaface-mobilenet0.25", "centerface"))
    images = list(photographs(folders)) if folders else [("astronaut", astronaut())]
    photos = [Photograph(name, image, label(image, detector, second)) for name, image in images]
    photos = [one for one in photos if len(one.faces)]
    images = [(f"crowd-{seed}", crowd(photos, seed)) for seed in crowds]
    return [Photograph(name, image, label(image, detector, second)) for name, image in images] or photos


def make_clip(
    path: Path, photo: Photograph, condition: Condition, size_wh: tuple[int, int], frames: int
) -> list[Boxes]:
    """Write a clip; the faces of each of its frames."""
    write_clip(path, (view(photo, size_wh, condition, index) for index in range(frames)), audio_codec=None)
    return [faces_in_view(photo, size_wh, condition, index) for index in range(frames)]


def run(clips: Path, out: Path, more: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "faceblur", "run", str(clips), "-o", str(out), "-q", *more], check=True)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--crowd", "with_crowd", is_flag=True, help="Out of the photographs' heads, make one crowd of hundreds.")
@click.option("--conditions", default=",".join(CONDITIONS), show_default=True, metavar="NAME,…")
@click.option("--size", default="1280x720", show_default=True, metavar="WxH")
@click.option("--frames", default=75, show_default=True, help="A clip's length; at 25 a second.")
@click.option(
    "--run", "more", multiple=True, metavar="OPTION", help="For `faceblur run`, such as --run=--threshold=0.4."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder in which the clips and outputs stay.")
def main(
    folders: tuple[Path, ...],
    with_crowd: bool,
    conditions: str,
    size: str,
    frames: int,
    more: tuple[str, ...],
    keep: Path | None,
) -> None:
    """Make clips of photographs with known faces, blur them at default settings, and count what stays legible."""
    size_wh = (int(size.split("x")[0]), int(size.split("x")[1]))
    photos = load(folders, crowds=(1,) if with_crowd else ())
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        truth = {}
        for name in conditions.split(","):
            for photo in photos:
                clip = folder / "in" / f"{name}-{photo.name}.mp4"
                truth[clip] = name, make_clip(clip, photo, CONDITIONS[name], size_wh, frames)
        run(folder / "in", folder / "out", more)
        sums: dict[str, FaceTally] = defaultdict(FaceTally)
        for clip, (name, faces) in truth.items():
            tally = measure(clip, folder / "out" / clip.name, faces)
            sums[name].add(tally)
            sums["all"].add(tally)
    machine = f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}, av {av.__version__}"
    table = Table(*["condition", *HEADER], title=f"faceblur {__version__}, {machine}; {size}, {frames} frames a clip")
    for name, tally in sums.items():
        table.add_row(name, *tally.row())
    Console().print(table)


if __name__ == "__main__":
    main()
