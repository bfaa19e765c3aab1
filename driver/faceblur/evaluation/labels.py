"""Labelled faces, and the images and videos of a dataset that have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from faceblur.tracking.boxes import Box


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled face: box x1, y1, x2, y2 in pixels. An `ignored` one does not count, detected or not."""

    box: Box
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image and its faces, in pixels of the image as a viewer shows it."""

    path: Path
    labels: list[Label]


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """One video and its faces by frame, from 0 on, in pixels as a viewer shows it; a frame without any may be absent.

    `source` is the file of the labels.
    """

    path: Path
    labels: dict[int, list[Label]]
    source: Path


@dataclass(slots=True)
class Dataset:
    """The images and videos that the label files name."""

    images: list[LabelledImage] = field(default_factory=list)
    videos: list[LabelledVideo] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The number of images, videos, faces and ignored faces."""
        labels = [label for image in self.images for label in image.labels]
        labels += [label for video in self.videos for one in video.labels.values() for label in one]
        ignored = sum(label.ignored for label in labels)
        counts = {"images": len(self.images), "videos": len(self.videos)}
        return counts | {"faces": len(labels) - ignored, "ignored": ignored}


def visible(labels: Iterable[Label], size_wh: tuple[int, int]) -> list[Label]:
    """The labels clipped to the frame: no detection reaches beyond it. What lies outside is left out."""
    width, height = size_wh
    clipped = []
    for one in labels:
        x1, y1, x2, y2 = one.box
        box = (max(0.0, x1), max(0.0, y1), min(x2, float(width)), min(y2, float(height)))
        if box[0] < box[2] and box[1] < box[3]:
            clipped.append(Label(box, one.ignored))
    return clipped
