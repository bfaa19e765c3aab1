"""Which videos a run is about: walks the inputs, tells videos from other files, and plans every output's place."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from faceblur.base.atomic_files import TEMPORARY_SUFFIX, fitting_name
from faceblur.base.errors import MediaError, UsageError
from faceblur.jobs.crash_guard import Journal
from faceblur.media.source_file import SourceFile

# A file below a directory that has one of these suffixes and cannot be read is a failure, not merely some other file.
VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mkv", ".mov"}
    | {".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)


@dataclass(frozen=True, slots=True)
class Video:
    """One video or picture to redact, and how many frames its header lets expect."""

    source: Path
    target: Path
    frames: int | None


@dataclass(slots=True)
class Discovery:
    """What the inputs hold.

    `broken` pairs a file with the reason why it cannot be read, `same` a path with the one by which its file is
    written; `moved` are those that could not keep their name.
    """

    videos: list[Video] = field(default_factory=list)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    same: list[tuple[Path, Path]] = field(default_factory=list)
    moved: list[Video] = field(default_factory=list)

    def settle(self, places: Places) -> None:
        """Take over what the places told. Raises UsageError for an output that would be written over an input."""
        for video in self.videos:
            if places.is_source(video.target):
                raise UsageError(f"{video.target} is an input and would be an output: choose another output folder")
        sources = {video.source for video in self.videos}
        self.same = [(path, first) for path, first in places.same if first in sources]
        self.moved = [video for video in self.videos if video.source in places.moved]


def walk(
    inputs: Iterable[Path],
    suffixes: Collection[str],
    broken: list[tuple[Path, str]],
    stop: threading.Event | None = None,
) -> Iterator[tuple[Path, Path, bool]]:
    """Every file of the inputs, as path, place below the output folder, and whether it was named in the call.

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
            raise UsageError(f"{given}: no such file or directory")
        for folder, names in _folders(given, unreadable):
            for name in names:
                if stop is not None and stop.is_set():
                    return
                path = Path(folder, name)
                if path.is_file() and not name.endswith(TEMPORARY_SUFFIX):
                    if path.is_symlink():
                        links.append((path, path.relative_to(given), False))
                    else:
                        yield path, path.relative_to(given), False
                elif path.suffix.lower() in suffixes:
                    broken.append((path, "a link to nowhere, or no regular file"))
    yield from links


def _folders(top: Path, onerror: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `top` once, with the names in it; by its own place, and only else by a link to it."""
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


class Places:
    """Gives every source a place of its own below the output folder, the same one each time.

    Where several sources have one name there, the later ones get a number. `moved` tells which; `same` pairs a path
    with the one by which its file was already found.
    """

    def __init__(self, outdir: Path) -> None:
        self.moved: dict[Path, Path] = {}
        self.same: list[tuple[Path, Path]] = []
        self._outdir = outdir
        self._sources: dict[Path, Path] = {}
        self._taken: set[Path] = set()
        self._folded: set[str] = set()
        self._tells_case: bool | None = None

    def is_new(self, path: Path) -> bool:
        """Whether this file was not found before, by another name."""
        first = self._sources.setdefault(path.resolve(), path)
        if first is path:
            return True
        if str(first) != str(path):
            self.same.append((path, first))
        return False

    def is_source(self, path: Path) -> bool:
        return path.resolve() in self._sources

    def take(self, source: Path, place: Path) -> Path:
        """The place below the output folder, `place` itself where it is free. Raises UsageError."""
        chosen, number = place, 1
        while self._is_taken(chosen):
            number += 1
            chosen = place.with_name(fitting_name(place.stem, f" ({number}){place.suffix}"))
        if number > 1:
            self.moved[source] = self._outdir / chosen
        self._taken.add(chosen)
        self._folded.add(_folded(chosen))
        return chosen

    def _is_taken(self, place: Path) -> bool:
        if place in self._taken:
            return True
        return _folded(place) in self._folded and not self._keeps_apart()

    def _keeps_apart(self) -> bool:
        """Whether the output's file system tells names apart that differ in case, or in how accents are encoded."""
        if self._tells_case is None:
            try:
                self._outdir.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=self._outdir, prefix=".faceblur-") as folder:
                    Path(folder, "caf\u00e9").touch()
                    self._tells_case = not any(Path(folder, name).exists() for name in ("CAF\u00c9", "cafe\u0301"))
            except OSError as error:
                raise UsageError(f"{self._outdir}: cannot be written: {error.strerror}") from error
        return self._tells_case


def _folded(place: Path) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(place)).casefold())


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
    inputs: Sequence[Path],
    outdir: Path,
    stop: threading.Event | None = None,
    *,
    codec: str | None = None,
    journal: Journal | None = None,
) -> Discovery:
    """Open every file of the inputs and sort it; `stop` ends the search early.

    `codec` is what the videos are written in, None: their own. `journal` tells which files are not to be opened.
    Raises UsageError for inputs or places that cannot be used.
    """
    journal = journal or Journal(None)
    check_places(inputs, outdir)
    found, places = Discovery(), Places(outdir)
    for path, place, named in walk(inputs, VIDEO_SUFFIXES, found.broken, stop):
        if not places.is_new(path):
            continue
        # Taken whether it can be read or not: what can be read today has its place tomorrow.
        place = places.take(path, place)
        if reason := journal.given_up.get(path):
            found.broken.append((path, reason))
            continue
        try:
            with journal.at_work(path), SourceFile(path) as reader:
                frames, name = reader.expected_frames, reader.output_name(codec)
        except MediaError as error:
            # A Mac leaves a file `._NAME` beside each on foreign disks, which holds no video.
            if named or (path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("._")):
                found.broken.append((path, str(error).removeprefix(f"{path}: ")))
            else:
                found.others.append(path)
            continue
        if suffix := name.removeprefix(path.name):
            place = places.take(path, place.with_name(fitting_name(place.name, suffix)))
        found.videos.append(Video(path, outdir / place, frames))
    found.settle(places)
    return found
