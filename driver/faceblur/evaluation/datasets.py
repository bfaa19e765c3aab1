"""Finds labelled datasets: the label files, and the images and videos that belong to them.

`python -m faceblur.evaluation.datasets DATASET…` prints the number of images, videos and faces, or what is wrong: exit
codes 0 and 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from faceblur.base.errors import UsageError
from faceblur.evaluation.label_formats import read_coco, read_mot, read_sidecar, read_wider
from faceblur.evaluation.labels import Dataset, LabelledImage, LabelledVideo
from faceblur.jobs.video_suffixes import VIDEO_SUFFIXES
from faceblur.redaction.sidecar_files import identify
from faceblur.redaction.sidecar_format import SUFFIX as SIDECAR

MOT = ".gt.txt"
WIDER = "_bbx_gt.txt"
MISSING_SHOWN = 3


def find_dataset(paths: Sequence[Path], images: Path | None = None) -> Dataset:
    """Read label files, or those in folders and below; `images` is the folder that their images' names start from.

    Raises UsageError: for labels that are broken, named twice, or of images and videos that are not there.
    """
    dataset = Dataset()
    labelled: dict[Path, Path] = {}
    for source in [source for path in paths for source in _label_files(path)]:
        if source.name.endswith((MOT, SIDECAR)):
            labelled_files: list[LabelledImage] | list[LabelledVideo] = [_video(source)]
        else:
            labelled_files = _images(source, images)
        for one in labelled_files:
            path = one.path.resolve()
            if path in labelled:
                raise UsageError(f"{one.path} is labelled twice: in {labelled[path]} and in {source}")
            labelled[path] = source
            if isinstance(one, LabelledImage):
                dataset.images.append(one)
            else:
                dataset.videos.append(one)
    return dataset


def _label_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or directory")
    suffixes = (MOT, SIDECAR, WIDER, ".json")
    files = [one for one in sorted(path.rglob("*")) if one.name.endswith(suffixes) and one.is_file()]
    files = [one for one in files if not one.name.startswith(".")]
    if not files:
        raise UsageError(f"{path}: no labels in it: neither *{WIDER}, *.json, VIDEO{MOT} nor VIDEO{SIDECAR}")
    return files


def _images(source: Path, folder: Path | None) -> list[LabelledImage]:
    named = read_coco(source) if source.suffix.lower() == ".json" else read_wider(source)
    if not named:
        raise UsageError(f"{source}: it names no image")
    folders = [folder] if folder else _image_folders(source)
    # The one that has most of them; the error names what is missing there.
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
        names = " and ".join(sorted(path.name for path in videos)) or "no video"
        raise UsageError(f"{source}: labels one video of the same name beside it, but there is {names}")
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
