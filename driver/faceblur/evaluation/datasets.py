"""Labelled datasets: which images and videos there are, and the faces that people see in them.

`python -m faceblur.evaluation.datasets DATASET…` says how much there is, or what is wrong with it: exit codes 0 and 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceblur.base.errors import UsageError
from faceblur.evaluation.labels import Label, read_coco, read_mot, read_sidecar, read_wider
from faceblur.jobs.discovery import VIDEO_SUFFIXES
from faceblur.redaction.sidecar import SUFFIX as SIDECAR
from faceblur.redaction.sidecar import identify

MOT = ".gt.txt"
WIDER = "_bbx_gt.txt"
MISSING_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image and its faces, in pixels of the image as a viewer shows it."""

    path: Path
    labels: list[Label]


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """One video and its faces by frame, from 0 on, in pixels as a viewer sees it; a frame without any may be absent."""

    path: Path
    labels: dict[int, list[Label]]
    source: Path


@dataclass(slots=True)
class Dataset:
    """What the label files name."""

    images: list[LabelledImage] = field(default_factory=list)
    videos: list[LabelledVideo] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How much of what there is."""
        labels = [label for image in self.images for label in image.labels]
        labels += [label for video in self.videos for one in video.labels.values() for label in one]
        ignored = sum(label.ignored for label in labels)
        counts = {"images": len(self.images), "videos": len(self.videos)}
        return counts | {"faces": len(labels) - ignored, "ignored": ignored}


def find_dataset(places: Sequence[Path], images: Path | None = None) -> Dataset:
    """Read label files, or those in folders and below; `images` is the folder that their images' names start from.

    Raises UsageError: for labels that are broken, named twice, or of images and videos that are not there.
    """
    dataset = Dataset()
    labelled: dict[Path, Path] = {}
    for source in [source for place in places for source in _label_files(place)]:
        if source.name.endswith((MOT, SIDECAR)):
            found: list[LabelledImage] | list[LabelledVideo] = [_video(source)]
        else:
            found = _images(source, images)
        for one in found:
            path = one.path.resolve()
            if path in labelled:
                raise UsageError(f"{one.path} is labelled twice: in {labelled[path]} and in {source}")
            labelled[path] = source
            if isinstance(one, LabelledImage):
                dataset.images.append(one)
            else:
                dataset.videos.append(one)
    return dataset


def _label_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UsageError(f"{place}: no such file or directory")
    endings = (MOT, SIDECAR, WIDER, ".json")
    found = [path for path in sorted(place.rglob("*")) if path.name.endswith(endings) and path.is_file()]
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise UsageError(f"{place}: no labels in it: neither *{WIDER}, *.json, VIDEO{MOT} nor VIDEO{SIDECAR}")
    return found


def _images(source: Path, folder: Path | None) -> list[LabelledImage]:
    named = read_coco(source) if source.suffix.lower() == ".json" else read_wider(source)
    if not named:
        raise UsageError(f"{source}: it names no image")
    folders = [folder] if folder else _image_folders(source)
    # The one in which most are: what is missing there is named.
    counts = {one: sum((one / name).is_file() for name in named) for one in folders}
    root = max(counts, key=lambda one: counts[one])
    if missing := [name for name in named if not (root / name).is_file()]:
        shown = ", ".join(missing[:MISSING_SHOWN]) + (", …" if len(missing) > MISSING_SHOWN else "")
        raise UsageError(
            f"{source}: {len(missing)} of its {len(named)} images are not in {root}: {shown}; "
            "name their folder with --images"
        )
    return [LabelledImage(root / name, labels) for name, labels in named.items()]


def _image_folders(source: Path) -> list[Path]:
    """Where the images of a label file may be: beside it, or as WIDER FACE and COCO come from their sites."""
    beside, above = source.parent, source.parent.parent
    folders = [beside, beside / "images", above, above / "images"]
    if source.name.startswith("wider_face_"):
        part = source.name.removeprefix("wider_face_").removesuffix(WIDER)
        folders.append(above / f"WIDER_{part}" / "images")
    if source.name.startswith("instances_"):
        folders.append(above / source.stem.removeprefix("instances_"))
    return folders


def _video(source: Path) -> LabelledVideo:
    if source.name.endswith(SIDECAR):
        path = source.with_name(source.name.removesuffix(SIDECAR))
        identity, labels = read_sidecar(source)
        try:
            if not identity.is_of(identify(path, None)):
                raise UsageError(f"{source} belongs to another video than {path}")
        except OSError as error:
            raise UsageError(f"{source}: its video {path} cannot be read: {error.strerror}") from error
        return LabelledVideo(path, labels, source)
    stem = source.name.removesuffix(MOT)
    beside = [path for path in source.parent.glob("*") if path.suffix.lower() in VIDEO_SUFFIXES]
    videos = [path for path in beside if stem in (path.stem, path.name)]
    if len(videos) != 1:
        found = " and ".join(sorted(path.name for path in videos)) or "no video"
        raise UsageError(f"{source}: labels one video of the same name beside it, but there is {found}")
    return LabelledVideo(videos[0], read_mot(source), source)


def main(arguments: Sequence[str]) -> int:
    try:
        counts = find_dataset([Path(one) for one in arguments]).counts()
        print("labels: " + ", ".join(f"{number} {what}" for what, number in counts.items()))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
