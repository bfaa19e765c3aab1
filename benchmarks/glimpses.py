"""How many faces stay legible that are seen for a few frames only: `python -m benchmarks.glimpses`.

Each time a face is elsewhere: what a search at intervals could miss. Every face is pasted, so that its place in every
frame is known. The faces are scikit-image's astronaut and Matplotlib's Grace Hopper.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import click
import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.leaks import HEADER, FaceTally, measure, run
from benchmarks.pans import Boxes, Image
from examples.sample_clip import astronaut, write_clip

RATE = Fraction(30)
EVERY, TIMES = 20, 8  # a face appears each 20 frames, 8 times in a clip
SIZE_WH = (1280, 720)
# A head is the face's box, grown by this share to each side.
HEAD = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What is seen: faces `height` pixels high, for `seen` frames each time, `faces` of them at once.

    `staying` more faces stay all the time and swing; without any, the seen ones move by `speed` pixels a frame. The
    camera moves over the `background` by `pan` pixels a frame, and by `shake` at random. `noise` is in gray levels,
    `light` a factor; `flicker` the share by which the light changes from frame to frame; `fade` lets faces come and go
    over their time; `others` are objects that cross the picture.
    """

    seen: int
    height: int = 90
    faces: int = 1
    staying: int = 0
    speed: float = 0.0
    background: str = "room"
    pan: float = 0.0
    shake: float = 0.0
    noise: float = 1.5
    light: float = 1.0
    flicker: float = 0.0
    fade: bool = False
    others: int = 0


GLIMPSES: dict[str, Glimpse] = {
    **{f"alone, {seen}": Glimpse(seen=seen) for seen in (1, 2, 3, 4, 5)},
    "plain wall, 2": Glimpse(seen=2, background="wall"),
    "40 px, 1": Glimpse(seen=1, height=40),
    "40 px, 3": Glimpse(seen=3, height=40),
    "24 px, 2": Glimpse(seen=2, height=24),
    "24 px, 4": Glimpse(seen=4, height=24),
    "staying, 2": Glimpse(seen=2, staying=1),
    "staying, 4": Glimpse(seen=4, staying=1),
    "staying moves, 2": Glimpse(seen=2, staying=2, speed=3),
    "several, 2": Glimpse(seen=2, faces=3),
    "several, 24 px, 3": Glimpse(seen=3, faces=4, height=24),
    "pan, 1": Glimpse(seen=1, pan=6),
    "pan, 3": Glimpse(seen=3, pan=6),
    "pan, 24 px, 2": Glimpse(seen=2, pan=6, height=24),
    "fast pan, 3": Glimpse(seen=3, pan=25),
    "shake, 2": Glimpse(seen=2, shake=3),
    "noise, 2": Glimpse(seen=2, noise=12),
    "noise, 40 px, 4": Glimpse(seen=4, noise=12, height=40),
    "dark, 3": Glimpse(seen=3, light=0.35, noise=4),
    "flicker, 2": Glimpse(seen=2, flicker=0.15),
    "fades, 5": Glimpse(seen=5, fade=True),
    "crossing, 5": Glimpse(seen=5, speed=40),
    "objects, 2": Glimpse(seen=2, others=6),
    "objects, 40 px, 3": Glimpse(seen=3, others=6, height=40, staying=1),
}


@cache
def heads() -> list[NDArray[np.float32]]:
    """The faces, each with a fourth channel that says how opaque it is."""
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    images = [(astronaut(), (178, 57, 273, 177)), (cv2.imread(str(hopper)), (174, 109, 343, 332))]
    return [_head(image, box) for image, box in images]


def _head(image: Image, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    grow = [round(HEAD * side) for side in (box[2] - box[0], box[3] - box[1])]
    crop = image[box[1] - grow[1] : box[3] + grow[1], box[0] - grow[0] : box[2] + grow[0]].astype(np.float32)
    y, x = (np.linspace(-1, 1, side) for side in crop.shape[:2])
    opaque = np.clip((1 - np.hypot(x[None, :], y[:, None])) * 8, 0, 1)
    return np.dstack([crop, opaque]).astype(np.float32)


@cache
def _background(name: str) -> NDArray[np.float32]:
    if name == "wall":
        return np.full((1200, 2000, 3), (120, 130, 140), np.float32)
    image = {"room": skimage.data.coffee, "cat": skimage.data.chelsea}[name]()[:, :, ::-1]
    return cv2.resize(image, (2000, 1333), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def images(kind: Glimpse, seed: int = 0) -> Iterator[tuple[Image, Boxes]]:
    """The frames of a clip, each with the boxes `(N, 4)` of its faces; those that stay come first."""
    chance = np.random.default_rng(seed)
    width, height = SIZE_WH
    staying = [(width * (0.25 + 0.45 * one), height * 0.3) for one in range(kind.staying)]
    others = chance.uniform(0, 1, (kind.others, 5))
    seen: list[tuple[float, float]] = []
    grain = np.zeros((height, width, 3), np.int16)
    cv2.setRNGSeed(seed)
    for index in range(EVERY * TIMES):
        phase = index % EVERY
        if phase == 0:
            seen = _places(kind, staying, chance)
            first = 4 + int(chance.integers(0, EVERY - 8 - kind.seen))
        frame = _view(kind, index, chance)
        _move_objects(frame, others, index)
        boxes = [_paste(frame, 0, (x + kind.speed * math.sin(index / 5) * 5, y), 90, 1.0) for x, y in staying]
        if first <= phase < first + kind.seen:
            since = phase - first
            opacity = math.sin(math.pi * (since + 1) / (kind.seen + 1)) if kind.fade else 1.0
            for number, (x, y) in enumerate(seen):
                place = (x + (kind.speed * since if not kind.staying else 0), y)
                boxes.append(_paste(frame, number + index // EVERY, place, kind.height, opacity))
        light = kind.light * (1 + kind.flicker * (0, 1, -0.5)[index % 3])
        cv2.randn(grain, 0, kind.noise)
        lit = cv2.addWeighted(frame, light, grain.astype(np.float32), 1, 0, dtype=cv2.CV_8U)
        yield np.asarray(lit, np.uint8), np.array(boxes, float).reshape(-1, 4)


def _places(
    kind: Glimpse, staying: list[tuple[float, float]], chance: np.random.Generator
) -> list[tuple[float, float]]:
    """Middles of faces that do not touch each other."""
    taken, places = list(staying), list[tuple[float, float]]()
    room = kind.height
    while len(places) < kind.faces:
        x = chance.uniform(room, SIZE_WH[0] - room - kind.speed * kind.seen)
        y = chance.uniform(room, SIZE_WH[1] - room)
        if all(math.hypot(x - a, y - b) > 90 + 2 * kind.height for a, b in taken):
            taken.append((x, y))
            places.append((x, y))
    return places


def _view(kind: Glimpse, index: int, chance: np.random.Generator) -> NDArray[np.float32]:
    image = _background(kind.background)
    span = image.shape[1] - SIZE_WH[0] - 40
    way = (kind.pan * index) % (2 * span)
    x = 20 + (way if way < span else 2 * span - way) + chance.normal(0, kind.shake)
    y = 200 + chance.normal(0, kind.shake)
    matrix = np.array([[1, 0, -x], [0, 1, -y]])
    return cv2.warpAffine(image, matrix, SIZE_WH, flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _move_objects(frame: NDArray[np.float32], others: NDArray[np.float64], index: int) -> None:
    """Draw objects that cross the picture at up to 8 pixels a frame."""
    for x, y, speed, size, tone in others:
        middle = (round((x * 1280 + (speed - 0.5) * 16 * index) % 1280), round(y * 720))
        cv2.circle(frame, middle, round(20 + 50 * size), (40 + 180 * tone, 200 - 150 * tone, 90), -1)


def _paste(
    frame: NDArray[np.float32], number: int, middle: tuple[float, float], height: float, opacity: float
) -> tuple[float, float, float, float]:
    """Lay a head on the frame; the box of its face."""
    head = heads()[number % len(heads())]
    scale = height / (head.shape[0] / (1 + 2 * HEAD))
    small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if number // 2 % 2:
        small = small[:, ::-1]
    h, w = small.shape[:2]
    x1, y1 = round(middle[0] - w / 2), round(middle[1] - h / 2)
    left, top = max(0, -x1), max(0, -y1)
    part = small[top : max(top, frame.shape[0] - y1), left : max(left, frame.shape[1] - x1)]
    place = frame[y1 + top : y1 + top + part.shape[0], x1 + left : x1 + left + part.shape[1]]
    place += (part[:, :, :3] - place) * part[:, :, 3:] * np.float32(opacity)
    half_wh = w / (1 + 2 * HEAD) / 2, height / 2
    return middle[0] - half_wh[0], middle[1] - half_wh[1], middle[0] + half_wh[0], middle[1] + half_wh[1]


def make(path: Path, kind: Glimpse) -> list[Boxes]:
    """Write a clip; the faces of each of its frames."""
    boxes: list[Boxes] = []

    def noted() -> Iterator[Image]:
        for image, faces in images(kind):
            boxes.append(faces)
            yield image

    write_clip(path, noted(), rate=RATE, audio_codec=None)
    return boxes


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--kinds", default=";".join(GLIMPSES), metavar="KIND;…", help="Those of these kinds. [Default: all]")
@click.option("--run", "more", multiple=True, metavar="OPTION", help="For `faceblur run`: --run=--detect-every=1.")
def main(kinds: str, more: tuple[str, ...]) -> None:
    """Make the clips, blur them at default settings, and count what stays legible."""
    names = kinds.split(";")
    table = Table("glimpse", *HEADER)
    total = FaceTally()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = {name: folder / "in" / f"{number}.mp4" for number, name in enumerate(names)}
        faces = {name: make(path, GLIMPSES[name]) for name, path in paths.items()}
        run(folder / "in", folder / "out", more)
        for name, path in paths.items():
            tally = measure(path, folder / "out" / path.name, faces[name])
            total.add(tally)
            table.add_row(name, *tally.row())
    table.add_row("all", *total.row())
    Console().print(table)


if __name__ == "__main__":
    main()
