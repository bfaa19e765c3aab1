"""Labelled data for `faceblur evaluate`: `python -m benchmarks.labelled OUT [PHOTOS…]` makes images and clips.

Without photographs their heads are scikit-image's astronaut, over and over: enough to compare settings of one detector,
not to measure how it does on other faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import cv2

from benchmarks.leaks import load, make_clip
from benchmarks.pans import CONDITIONS, Boxes

IMAGE_SEEDS = (1, 2)


def wider(faces: Boxes) -> str:
    """One image's faces in WIDER FACE's format, without its name."""
    rows = [" ".join(str(round(one)) for one in (x1, y1, x2 - x1, y2 - y1)) for x1, y1, x2, y2 in faces]
    return f"{len(rows)}\n" + "".join(f"{row} 0 0 0 0 0 0\n" for row in rows)


def mot(frames: Sequence[Boxes]) -> str:
    """A clip's faces in MOTChallenge's format."""
    return "".join(
        f"{number},{face + 1},{x1:.1f},{y1:.1f},{x2 - x1:.1f},{y2 - y1:.1f},1\n"
        for number, faces in enumerate(frames, 1)
        for face, (x1, y1, x2, y2) in enumerate(faces)
    )


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--conditions", default="plain", show_default=True, metavar="NAME,…")
@click.option("--size", default="960x540", show_default=True, metavar="WxH")
@click.option("--frames", default=25, show_default=True, help="A clip's length; at 25 a second.")
def main(out: Path, folders: tuple[Path, ...], conditions: str, size: str, frames: int) -> None:
    """Write images of crowds, and clips of a camera that moves over one of them, with their labels beside them."""
    size_wh = (int(size.split("x")[0]), int(size.split("x")[1]))
    photos = load(folders, crowds=IMAGE_SEEDS)
    out.mkdir(parents=True, exist_ok=True)
    labels = ""
    for photo in photos:
        cv2.imwrite(str(out / f"{photo.name}.jpg"), photo.image)
        labels += f"{photo.name}.jpg\n{wider(photo.faces)}"
    (out / "crowds_bbx_gt.txt").write_text(labels)
    for name in conditions.split(","):
        clip = out / f"{name}.mp4"
        (out / f"{name}.gt.txt").write_text(mot(make_clip(clip, photos[0], CONDITIONS[name], size_wh, frames)))


if __name__ == "__main__":
    main()
