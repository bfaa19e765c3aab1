"""Which videos a run is about: walks the inputs, tells videos from other files, and plans every output's place."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from driver.errors import UsageError, VideoError
from driver.files import TEMPORARY_SUFFIX
from driver.video import VideoReader

# A file below a directory that has one of these suffixes and cannot be read is a failure, not merely some other file.
VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mkv", ".mov"}
    | {".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)


@dataclass(frozen=True, slots=True)
class Video:
    """One video to redact, and how many frames its header lets expect."""

    source: Path
    target: Path
    frames: int | None


@dataclass(slots=True)
class Found:
    """What the inputs hold; `broken` pairs a file with the reason why it cannot be read."""

    videos: list[Video] = field(default_factory=list)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def walk(
    inputs: Iterable[Path],
    suffixes: Collection[str],
    broken: list[tuple[Path, str]],
    stop: threading.Event | None = None,
) -> Iterator[tuple[Path, Path, bool]]:
    """Every file of the inputs, as path, place below the output folder, and whether it was named in the call.

    Directories are walked in sorted order; links to directories are followed, each directory once. What cannot be read
    is added to `broken`: folders, and names with one of these suffixes that are no files. `stop` ends the walk. Raises
    UsageError.
    """

    def unreadable(error: OSError) -> None:
        broken.append((Path(error.filename), f"cannot be read: {error.strerror}"))

    for given in inputs:
        if given.is_file():
            yield given, Path(given.name), True
            continue
        if not given.is_dir():
            raise UsageError(f"{given}: no such file or directory")
        seen: set[str] = set()
        for folder, folders, names in os.walk(given, onerror=unreadable, followlinks=True):
            seen.add(os.path.realpath(folder))
            folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(folder, name)) not in seen)
            for name in sorted(names):
                if stop is not None and stop.is_set():
                    return
                path = Path(folder, name)
                if path.is_file() and not name.endswith(TEMPORARY_SUFFIX):
                    yield path, path.relative_to(given), False
                elif path.suffix.lower() in suffixes:
                    broken.append((path, "a link to nowhere, or no regular file"))


def check_places(inputs: Sequence[Path], outdir: Path) -> None:
    """Refuse an output folder that is, or lies in, an input: its results would be taken for sources next time."""
    place = outdir.resolve()
    for given in inputs:
        folder = given.resolve()
        if folder.is_dir() and (place == folder or folder in place.parents):
            raise UsageError(f"the output folder {outdir} lies in the input {given}: choose one outside of it")
    if place.exists() and not place.is_dir():
        raise UsageError(f"the output folder {outdir} is a file")


def find_videos(
    inputs: Sequence[Path], outdir: Path, stop: threading.Event | None = None, codec: str | None = None
) -> Found:
    """Open every file of the inputs and sort it; `stop` ends the search early.

    `codec` is what the videos are written in, None: their own. Raises UsageError for inputs or places that cannot be
    used.
    """
    check_places(inputs, outdir)
    found, sources, targets = Found(), set[Path](), dict[str, Path]()
    for path, place, named in walk(inputs, VIDEO_SUFFIXES, found.broken, stop):
        if path.resolve() in sources:
            continue
        try:
            with VideoReader(path) as reader:
                frames, name = reader.expected_frames, reader.output_name(codec)
        except VideoError as error:
            # A Mac leaves a file `._NAME` beside each on foreign disks, which holds no video.
            if named or (path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("._")):
                found.broken.append((path, str(error).removeprefix(f"{path}: ")))
            else:
                found.others.append(path)
            continue
        target = outdir / place.with_name(name)
        if other := targets.get(str(target).casefold()):
            raise UsageError(f"{path} and {other} would both be written to {target}: run them into two output folders")
        sources.add(path.resolve())
        targets[str(target).casefold()] = path
        found.videos.append(Video(path, target, frames))
    for video in found.videos:
        if video.target.resolve() in sources:
            raise UsageError(f"{video.target} is an input and would be an output: choose another output folder")
    return found
