"""How many faces stay legible that are seen for a few frames only: `python -m benchmarks.glimpses`.

Each time a face is elsewhere: what a search at intervals could miss. Every face is pasted, so that its place in every
frame is known. The faces are scikit-image's astronaut and Matplotlib's Grace Hopper, or those of photographs. With
another `--seed` than 0 the same kinds are seen elsewhere, before other backgrounds, in frames of other sizes and rates.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import click
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.heads import Head, heads, paste
from benchmarks.leaks import HEADER, FaceTally, measure, run
from benchmarks.pans import Boxes, Image
from examples.sample_clip import write_clip

EVERY, TIMES = 20, 8  # a face appears each 20 frames, 8 times in a clip
STAYING_HEIGHT = 90
# What another seed chooses from.
SIZES_WH = ((1280, 720), (960, 540), (854, 480), (640, 360), (608, 1080))
RATES = (24, 25, 30, 50, 60)
BACKGROUNDS = ("coffee", "chelsea", "rocket", "grass", "gravel", "brick", "hubble_deep_field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What is seen: faces `height` pixels high, for `seen` frames each time, `faces` of them at once.

    `staying` more faces stay all the time and swing; without any, the seen ones move by `speed` pixels a frame. The
    camera moves over the `background` by `pan` pixels a frame, and by `shake` at random. `noise` is in gray levels,
    `light` a factor; `flicker` the share by which the light changes from frame to frame; `fade` lets faces come and go
    over their time; `others` are objects that cross the picture. `zoom` is the share by which the camera comes nearer
    in a frame, `roll` an angle in degrees to which it tilts; `at_border` cuts the faces by the frame's border; `lying`
    turns them to either side.
    """

    seen: int
    height: int = 90
    faces: int = 1
    staying: int = 0
    speed: float = 0.0
    background: str = "coffee"
    pan: float = 0.0
    shake: float = 0.0
    noise: float = 1.5
    light: float = 1.0
    flicker: float = 0.0
    fade: bool = False
    others: int = 0
    zoom: float = 0.0
    roll: float = 0.0
    at_border: bool = False
    lying: bool = False
    size_wh: tuple[int, int] = SIZES_WH[0]
    rate: int = 30

    def elsewhere(self, chance: np.random.Generator) -> Glimpse:
        """The same kind before another background, in a frame of another size and rate."""
        background = self.background if self.background == "wall" else str(chance.choice(BACKGROUNDS))
        size_wh = SIZES_WH[chance.integers(len(SIZES_WH))]
        return replace(self, background=background, size_wh=size_wh, rate=int(chance.choice(RATES)))


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
    "zoom, 2": Glimpse(seen=2, zoom=0.004),
    "roll, 2": Glimpse(seen=2, roll=4),
    "border, 2": Glimpse(seen=2, at_border=True),
    "border, 40 px, 3": Glimpse(seen=3, height=40, at_border=True),
    "lying, 2": Glimpse(seen=2, height=70, lying=True),
    "lying, 40 px, 3": Glimpse(seen=3, height=40, lying=True),
}


@cache
def _background(name: str) -> NDArray[np.float32]:
    if name == "wall":
        return np.full((1333, 2000, 3), (120, 130, 140), np.float32)
    image = getattr(skimage.data, name)()
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image[:, :, ::-1]
    return cv2.resize(image, (2000, 1333), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def images(kind: Glimpse, faces: Sequence[Head], seed: int = 0) -> Iterator[tuple[Image, Boxes]]:
    """The frames of a clip, each with the boxes `(N, 4)` of its faces; those that stay come first."""
    chance = np.random.default_rng(seed)
    width, height = kind.size_wh
    first_face = 7 * seed
    shown = [np.rot90(head, 1 + 2 * (number % 2)) for number, head in enumerate(faces)] if kind.lying else faces
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
        swing = kind.speed * math.sin(index / 5) * 5
        boxes = [paste(frame, faces, first_face, (x + swing, y), STAYING_HEIGHT, 1.0) for x, y in staying]
        if first <= phase < first + kind.seen:
            since = phase - first
            opacity = math.sin(math.pi * (since + 1) / (kind.seen + 1)) if kind.fade else 1.0
            for number, (x, y) in enumerate(seen):
                place = (x + (kind.speed * since if not kind.staying else 0), y)
                boxes.append(paste(frame, shown, first_face + number + index // EVERY, place, kind.height, opacity))
        light = kind.light * (1 + kind.flicker * (0, 1, -0.5)[index % 3])
        cv2.randn(grain, 0, kind.noise)
        lit = cv2.addWeighted(frame, light, grain.astype(np.float32), 1, 0, dtype=cv2.CV_8U)
        yield np.asarray(lit, np.uint8), np.array(boxes, float).reshape(-1, 4)


def _places(
    kind: Glimpse, staying: list[tuple[float, float]], chance: np.random.Generator
) -> list[tuple[float, float]]:
    """Middles of faces that do not touch each other."""
    taken, places = list(staying), list[tuple[float, float]]()
    (width, height), room = kind.size_wh, kind.height
    apart = STAYING_HEIGHT + 2.0 * kind.height
    while len(places) < kind.faces:
        x = chance.uniform(room, width - room - kind.speed * kind.seen)
        y = chance.uniform(room, height - room)
        if kind.at_border:
            x = float(chance.choice([0.2, 0.4])) * room
            x = x if chance.random() < 0.5 else width - x
        if all(math.hypot(x - a, y - b) > apart for a, b in taken):
            taken.append((x, y))
            places.append((x, y))
        apart *= 0.99  # a small frame may have no room for so many
    return places


def _view(kind: Glimpse, index: int, chance: np.random.Generator) -> NDArray[np.float32]:
    image = _background(kind.background)
    width, height = kind.size_wh
    span = image.shape[1] - width - 40
    way = (kind.pan * index) % (2 * span)
    x = 20 + (way if way < span else 2 * span - way) + chance.normal(0, kind.shake)
    y = 200 + chance.normal(0, kind.shake)
    angle, scale = kind.roll * math.sin(index / 9), 1 + kind.zoom * index
    matrix = cv2.getRotationMatrix2D((x + width / 2, y + height / 2), angle, scale)
    matrix[:, 2] -= x, y
    flags = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
    return cv2.warpAffine(image, matrix, kind.size_wh, **flags)  # type: ignore[return-value,call-overload]


def _move_objects(frame: NDArray[np.float32], others: NDArray[np.float64], index: int) -> None:
    """Draw objects that cross the picture at up to 8 pixels a frame."""
    for x, y, speed, size, tone in others:
        height, width = frame.shape[:2]
        middle = (round((x * width + (speed - 0.5) * 16 * index) % width), round(y * height))
        cv2.circle(frame, middle, round(20 + 50 * size), (40 + 180 * tone, 200 - 150 * tone, 90), -1)


def make(path: Path, kind: Glimpse, faces: Sequence[Head], seed: int) -> list[Boxes]:
    """Write a clip; the faces of each of its frames."""
    boxes: list[Boxes] = []

    def noted() -> Iterator[Image]:
        for image, seen in images(kind, faces, seed):
            boxes.append(seen)
            yield image

    write_clip(path, noted(), rate=Fraction(kind.rate), audio_codec=None)
    return boxes


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--kinds", default=";".join(GLIMPSES), metavar="KIND;…", help="Those of these kinds. [Default: all]")
@click.option("--seed", default=0, help="Another one: other places, backgrounds, sizes and rates of the same kinds.")
@click.option("--run", "more", multiple=True, metavar="OPTION", help="For `faceblur run`: --run=--detect-every=1.")
def main(photos: tuple[Path, ...], kinds: str, seed: int, more: tuple[str, ...]) -> None:
    """Make the clips, blur them at default settings, and count what stays legible."""
    names = kinds.split(";")
    if unknown := [name for name in names if name not in GLIMPSES]:
        raise click.BadParameter(f"{unknown[0]!r} is no kind of: {'; '.join(GLIMPSES)}", param_hint="--kinds")
    table = Table("glimpse", *HEADER)
    total = FaceTally()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = {name: folder / "in" / f"{number}.mp4" for number, name in enumerate(names)}
        pasted = heads(photos)
        kinds_of = {name: GLIMPSES[name] for name in names}
        if seed:
            chance = np.random.default_rng(seed)
            kinds_of = {name: kind.elsewhere(chance) for name, kind in kinds_of.items()}
        faces = {name: make(path, kinds_of[name], pasted, seed) for name, path in paths.items()}
        run(folder / "in", folder / "out", more)
        for name, path in paths.items():
            tally = measure(path, folder / "out" / path.name, faces[name])
            total.add(tally)
            table.add_row(name, *tally.row())
    table.add_row("all", *total.row())
    Console().print(table)


if __name__ == "__main__":
    main()
