"""Finds the files of a run: walks the inputs, and sorts videos or images from other files."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceblur.base.atomic_files import TEMPORARY_SUFFIX, fitting_name
from faceblur.base.counted import counted
from faceblur.base.errors import MediaError, NoVideo, UsageError
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.failure import why_failed
from faceblur.jobs.output_paths import OutputPaths, check_output_folder, check_suffix, image_kind, named_output
from faceblur.jobs.video_suffixes import VIDEO_SUFFIXES, must_be_video
from faceblur.media.preview_writer import PREVIEW_SUFFIX
from faceblur.media.pyav import reason
from faceblur.media.reader import VideoReader

IMAGE_SUFFIXES = frozenset(
    {".apng", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
    | {".avif", ".bmp", ".heic", ".heif", ".jp2", ".jxl"}  # not supported: named, not skipped
)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One video or image to redact, where it is written, and how many frames its header promises (None: unknown)."""

    source: Path
    target: Path
    frames: int | None


@dataclass(slots=True)
class Discovery:
    """What the inputs hold.

    `broken` pairs a file with the reason why it cannot be read, `duplicates` a path with the one by which its file is
    written; `renamed` are those that could not keep their name; `others` are no videos, or no images.
    """

    files: list[PlannedFile] = field(default_factory=list)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    renamed: list[PlannedFile] = field(default_factory=list)

    def settle(self, paths: OutputPaths) -> None:
        """Take over what the output paths found. Raises UsageError for an output that would replace an input."""
        for one in self.files:
            if paths.is_source(one.target):
                raise UsageError(f"{one.target} is an input and would be an output: choose another output folder")
        sources = {one.source for one in self.files}
        self.duplicates = [(path, first) for path, first in paths.duplicates if first in sources]
        self.renamed = [one for one in self.files if one.source in paths.renamed]


def walk(
    inputs: Iterable[Path],
    suffixes: Collection[str],
    broken: list[tuple[Path, str]],
    stop: threading.Event | None = None,
) -> Iterator[tuple[Path, Path, bool]]:
    """Every file of the inputs, as path, path below the output folder, and whether it was named in the call.

    Directories are walked in sorted order; links are followed, each directory once, and links to files come last: a
    file goes by its own name where it has one. What cannot be read is added to `broken`: folders, and names with one of
    these suffixes that are no files. `stop` ends the walk. Raises UsageError.
    """

    def unreadable(error: OSError) -> None:
        broken.append((Path(error.filename), f"cannot be read: {error.strerror}"))

    links: list[tuple[Path, Path, bool]] = []
    for given in inputs:
        if given.is_file():
            if given.is_symlink():
                links.append((given, Path(given.name), True))
            else:
                yield given, Path(given.name), True
            continue
        if not given.is_dir():
            what = "neither a regular file nor a directory" if given.exists() else "no such file or directory"
            raise UsageError(f"{given}: {what}")
        for folder, names in _folders(given, unreadable):
            for name in names:
                if stop is not None and stop.is_set():
                    return
                path = Path(folder, name)
                if name.endswith(PREVIEW_SUFFIX):
                    continue
                if _may_be_file(path) and not name.endswith(TEMPORARY_SUFFIX):
                    if os.path.islink(path):  # unlike `Path.is_symlink` it does not raise
                        links.append((path, path.relative_to(given), False))
                    else:
                        yield path, path.relative_to(given), False
                elif path.suffix.lower() in suffixes:
                    broken.append((path, "a link to nowhere, or no regular file"))
    yield from links


def _may_be_file(path: Path) -> bool:
    """Whether it is a file. Also what cannot be looked at: who opens it gets the reason."""
    try:
        return path.is_file()
    except OSError:  # it is in a folder that nobody may look into, or a link leads there
        return True


def _folders(top: Path, onerror: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `top` once, with the names in it; by its own path, and by a link to it only without one."""
    seen: set[str] = set()
    starts = deque([str(top)])
    while starts:
        for folder, folders, names in os.walk(starts.popleft(), onerror=onerror):
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            linked = {name for name in folders if os.path.islink(os.path.join(folder, name))}
            starts += (os.path.join(folder, name) for name in sorted(linked))
            folders[:] = sorted(set(folders) - linked)
            yield folder, sorted(names)


def find_videos(
    inputs: Sequence[Path],
    outdir: Path,
    stop: threading.Event | None = None,
    *,
    codec: str | None = None,
    journal: Journal | None = None,
) -> Discovery:
    """Open every file of the inputs and sort it; `stop` ends the search early. `outdir` may be a `named_output`.

    `codec` is what the videos are written in, None: their own. `journal` has the files that are not to be opened.
    Raises UsageError for inputs or an output folder that cannot be used.
    """
    journal = journal or Journal(None)
    named_file = named_output(inputs, outdir, VIDEO_SUFFIXES)
    if named_file is not None:
        check_suffix(named_file)
    else:
        check_output_folder(inputs, outdir)
    found, paths = Discovery(), OutputPaths(outdir)
    for path, relative, named in walk(inputs, VIDEO_SUFFIXES, found.broken, stop):
        if not _is_new(path, paths, found.broken):
            continue
        # Taken whether it can be read or not: what can be read today has its path tomorrow.
        relative = paths.take(path, relative)
        if reason := journal.given_up.get(path):
            found.broken.append((path, reason))
            continue
        try:
            with journal.at_work(path):
                frames, name = _look_into(path, codec, named_file)
        except Exception as error:  # whatever it is, the other files go on
            if named or is_broken(path, error):
                found.broken.append((path, why_failed(path, error)))
            else:
                found.others.append(path)
            continue
        if named_file is not None:
            found.files.append(PlannedFile(path, named_file, frames))
            continue
        if suffix := name.removeprefix(path.name):
            relative = paths.take(path, relative.with_name(fitting_name(relative.name, suffix)))
        found.files.append(PlannedFile(path, outdir / relative, frames))
    found.settle(paths)
    return found


def nothing_found(kind: str, inputs: Sequence[Path], found: Discovery) -> UsageError:
    """The error where inputs hold nothing of a kind, "video" or "image"."""
    other, suffixes, command = (
        ("image", IMAGE_SUFFIXES, "image") if kind == "video" else ("video", VIDEO_SUFFIXES, "run")
    )
    text = f"no {kind} in {', '.join(map(str, inputs))}"
    if number := sum(one.suffix.lower() in suffixes for one in found.others):
        text += f", but {counted(number, other)}: `faceblur {command}` masks {other}s"
    return UsageError(text)


def _look_into(path: Path, codec: str | None, named_file: Path | None) -> tuple[int | None, str]:
    """How many frames a video's header promises, and its output's name. Raises MediaError."""
    if path.name.endswith(PREVIEW_SUFFIX):
        raise MediaError(f"{path}: a preview: name the video that it is of")
    if path.suffix.lower() in IMAGE_SUFFIXES and not must_be_video(path):
        raise MediaError(f"{path}: an image: `faceblur image` masks images")
    with VideoReader(path) as reader:
        if named_file and not reader.fits(named_file, codec):
            raise MediaError(f"{named_file}: this container cannot hold its codec: name it *.mkv")
        return reader.expected_frames, reader.output_name(codec)


def is_broken(path: Path, error: Exception) -> bool:
    """Whether a file that was not read as a video should have been one: it is a failure, not some other file."""
    if not isinstance(error, MediaError):
        return True
    try:
        # What opens without video is a song; with a video's suffix it has lost it.
        return must_be_video(path) and not (isinstance(error, NoVideo) and path.suffix.lower() not in VIDEO_SUFFIXES)
    except OSError:
        return True


def _is_new(path: Path, paths: OutputPaths, broken: list[tuple[Path, str]]) -> bool:
    """Whether this file was not given before. One whose path cannot be followed is added to `broken`."""
    try:
        return paths.is_new(path)
    except (OSError, RuntimeError) as error:  # a link that leads to itself, a folder that nobody may look into
        broken.append((path, f"cannot be read: {reason(error)}"))
        return False


def find_images(inputs: Sequence[Path], outdir: Path, stop: threading.Event | None = None) -> Discovery:
    """The images of the inputs, by their names; a named file is taken for an image. `stop` ends the search early.
    `outdir` may be a `named_output`.

    Raises UsageError for inputs or an output folder that cannot be used.
    """
    named_file = named_output(inputs, outdir, IMAGE_SUFFIXES)
    if named_file is None:
        check_output_folder(inputs, outdir)
    elif image_kind(named_file) != image_kind(inputs[0]):
        raise UsageError(f"{named_file}: an image is written in its own format: name it *{inputs[0].suffix}")
    found, paths = Discovery(), OutputPaths(outdir)
    for path, relative, named in walk(inputs, IMAGE_SUFFIXES, found.broken, stop):
        if not named and path.suffix.lower() not in IMAGE_SUFFIXES:
            found.others.append(path)
        elif named and path.suffix.lower() in VIDEO_SUFFIXES:
            found.broken.append((path, "a video: `faceblur run` masks videos"))
        elif _is_new(path, paths, found.broken):
            found.files.append(PlannedFile(path, named_file or outdir / paths.take(path, relative), 1))
    found.settle(paths)
    return found
