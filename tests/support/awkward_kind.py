"""One awkward file, and how it is made: by ffmpeg, or by PyAV with timestamps of its own."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from examples.sample_clip import Image, astronaut, pan, write_clip

SIZE_WH = (192, 144)
FRAMES = 12
X264 = "-c:v libx264 -preset veryfast -crf 18 -pix_fmt yuv420p -threads 1"
Make = Callable[[Path, Path], None]  # the folder with what to make it of, and the file to write


@dataclass(frozen=True, slots=True)
class Kind:
    """One awkward file: what is special about it, as in the README's table, and how it is made."""

    name: str
    what: str
    make: Make


def make_images(frames: int = FRAMES) -> list[Image]:
    """The first frames of a slow pan over a face."""
    return list(islice(pan(astronaut(), SIZE_WH, frames * 8), frames))


def run_ffmpeg(arguments: str, **paths: Path) -> None:
    """Run ffmpeg; `{name}` stands for a path."""
    words = [word.format(**paths) for word in shlex.split(arguments)]
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr}")


def ffmpeg(arguments: str, inputs: str = "-i {face}") -> Make:
    """By ffmpeg: the face's frames with a tone are its input unless others are named."""

    def make(material: Path, target: Path) -> None:
        paths = {path.stem: path for path in material.iterdir()}
        run_ffmpeg(f"{inputs} {arguments} {{target}}", **paths, target=target)

    return make


def filmed(**options: object) -> Make:
    """By PyAV: with timestamps, or a rotation, of its own."""

    def make(material: Path, target: Path) -> None:
        rotation = int(str(options.get("rotation", 0)))
        lying = [np.ascontiguousarray(np.rot90(image, -(rotation // 90))) for image in make_images()]
        write_clip(target, lying, **options)  # type: ignore[arg-type]

    return make
