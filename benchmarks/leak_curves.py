"""What the defaults were chosen by: `python -m benchmarks.leak_curves PHOTOS… --crowd -o docs/leaks.png`.

Clips as in `benchmarks.leaks`, but searched once; then each setting is varied in the tracker alone. A face counts as
exposed when more than a quarter of its box is not masked: about where half of its detail is left. Doubtful tracks are
not verified: what a run rejects counts as masked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from matplotlib.figure import Figure

from benchmarks.leaks import CLASSES, FaceTally, decoded, height_class, in_view, load, make_clip, outside_mask
from benchmarks.pans import CONDITIONS, RATE, Boxes, Image
from faceblur.tracking.boxes import LOW_THRESHOLD, Box, Detection
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.scene_cuts import transition
from faceblur.tracking.thumbnails import Thumbnail, copy_side, thumbnail
from faceblur.tracking.tracker import Tracker, WindowedFrame
from faceblur_function import defaults
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.mask_shapes import SOFT_EDGE, regions

UNCOVERED = 0.25
MIN_SCORE = 0.03
DEFAULTS = {
    "threshold": defaults.THRESHOLD,
    "low threshold": LOW_THRESHOLD,
    "padding": defaults.PADDING,
    "look-around": 0.4,
    "every": 1,
}
SWEEPS: dict[str, tuple[float, ...]] = {
    "every": (1, 2, 3, 4),
    "look-around": (0, 0.2, 0.4, 0.6),
    "low threshold": (0.03, 0.05, 0.1, 0.3),
    "threshold": (0.1, 0.2, 0.3, 0.4, 0.5),
    "padding": (0.1, 0.2, 0.25, 0.3, 0.4),
}


@dataclass(frozen=True, slots=True)
class SearchedClip:
    """A clip: for each frame its true faces, its detections down to MIN_SCORE, and the cut and the motion before it."""

    size_wh: tuple[int, int]
    faces: list[Boxes]
    detections: list[list[Detection]]
    transitions: list[tuple[bool, CameraMotion]]


def search(path: Path, faces: list[Boxes]) -> SearchedClip:
    detector = load_detector("retinaface-mobilenet0.25")
    detections, transitions, size_wh = [], [], (0, 0)
    before: Thumbnail | None = None
    for frame in decoded(path):
        size_wh = (frame.shape[1], frame.shape[0])
        (one,) = detect_all_sizes(detector, [frame], threshold=MIN_SCORE)
        detections.append(
            [Detection(tuple(box), score) for box, score in zip(one.xyxy.tolist(), one.scores.tolist(), strict=True)]
        )
        after = frame_thumbnail(frame)
        transitions.append(transition(before, after))
        before = after
    return SearchedClip(size_wh, faces, detections, transitions)


def frame_thumbnail(frame: Image) -> Thumbnail:
    """The thumbnail of a frame `(H, W, 3) uint8 BGR`, of the size that the driver compares."""
    share = min(1.0, copy_side(frame.shape[1], frame.shape[0]) / max(frame.shape))
    small = cv2.resize(frame, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return thumbnail(small, frame.shape[1] / small.shape[1])  # type: ignore[arg-type]


def masked_boxes(clip: SearchedClip, settings: dict[str, float]) -> list[list[Box]]:
    """The boxes that a run with these settings masks in each frame; with `every` N only each Nth frame is searched."""
    tracker: Tracker[WindowedFrame] = Tracker(threshold=settings["threshold"], look_around=settings["look-around"])
    low = min(settings["threshold"], settings["low threshold"] if settings["look-around"] else 1)
    frames: list[WindowedFrame] = []
    for index, (detections, (cut, camera)) in enumerate(zip(clip.detections, clip.transitions, strict=True)):
        searched = [one for one in detections if one.score >= low] if index % settings["every"] == 0 else []
        frames += tracker.push(WindowedFrame(seconds=index / RATE, detections=searched, cut=cut, camera=camera))
    return [list(frame.masks.values()) for frame in [*frames, *tracker.flush()]]


def opaque_mask(boxes: Sequence[Box], size_wh: tuple[int, int], padding: float) -> Image:
    """1 where a mask is opaque, `(H, W) uint8`."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for one in regions(boxes, padding):
        middle, radii = (one.x, one.y), ((1 - SOFT_EDGE) * one.radius_x, (1 - SOFT_EDGE) * one.radius_y)
        sixteenths = [(round(16 * x), round(16 * y)) for x, y in (middle, radii)]
        cv2.ellipse(mask, *sixteenths, 0, 0, 360, 1, -1, shift=4)
    return mask  # type: ignore[return-value]


def tally(clip: SearchedClip, settings: dict[str, float]) -> FaceTally:
    result = FaceTally()
    for faces, boxes in zip(clip.faces, masked_boxes(clip, settings), strict=True):
        mask, outside = opaque_mask(boxes, clip.size_wh, settings["padding"]), outside_mask(faces, clip.size_wh)
        exposed: list[bool | None] = [None] * len(faces)
        for number, box in enumerate(faces):
            if height_class(box) and in_view(box, clip.size_wh):
                x1, y1, x2, y2 = np.maximum(np.rint(box), 0).astype(int)
                exposed[number] = bool(mask[y1:y2, x1:x2].mean() < 1 - UNCOVERED)
        result.frame(faces, exposed, int(outside.sum()), int((mask & outside).sum()))
    return result


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--crowd", "with_crowd", is_flag=True, help="Out of the photographs' heads, make one crowd of hundreds.")
@click.option("--conditions", default="plain,roll", show_default=True, metavar="NAME,…")
@click.option("--frames", default=75, show_default=True, help="A clip's length; at 25 a second.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="PNG")
def main(folders: tuple[Path, ...], with_crowd: bool, conditions: str, frames: int, output: Path) -> None:
    """Vary each setting around its default; print what stays exposed and draw it."""
    with tempfile.TemporaryDirectory() as temporary:
        clip = Path(temporary) / "clip.mp4"
        clips = []
        for photo in load(folders, crowds=(1,) if with_crowd else ()):
            for name in conditions.split(","):
                clips.append(search(clip, make_clip(clip, photo, CONDITIONS[name], (1280, 720), frames)))
    draw(clips, output)


def draw(clips: Sequence[SearchedClip], output: Path) -> None:
    figure = Figure(figsize=(15, 3.4), layout="constrained")
    axes = figure.subplots(1, len(SWEEPS), sharey=True)
    for (name, values), axis in zip(SWEEPS.items(), axes, strict=True):
        sums = []
        for value in values:
            sums.append(FaceTally())
            for one in clips:
                sums[-1].add(tally(one, DEFAULTS | {name: value}))
            click.echo(f"{name} {value:g}: " + ", ".join(sums[-1].row()))
        for kind in CLASSES:
            axis.plot(values, [100 * one.share(kind) for one in sums], marker="o", label=f"exposed, {kind} px")
        over = [100 * one.changed_outside / max(1, one.outside) for one in sums]
        axis.plot(values, over, marker="s", linestyle="--", color="grey", label="masked outside of faces")
        axis.axvline(DEFAULTS[name], color="black", linewidth=0.5)
        axis.set(xlabel="searched: each n-th frame" if name == "every" else name, yscale="symlog", ylim=(0, 100))
    axes[0].set_ylabel("%")
    axes[0].legend(fontsize="small")
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
