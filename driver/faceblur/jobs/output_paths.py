"""Where each output is written: every source has a path of its own below the output folder, the same one each time."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from faceblur.base.atomic_files import fitting_name
from faceblur.base.errors import UsageError
from faceblur.media.containers import MUXERS
from faceblur.media.preview_writer import PREVIEW_SUFFIX

SAME_IMAGE = dict.fromkeys((".jpeg", ".jpe", ".jfif", ".mpo"), ".jpg") | {".apng": ".png", ".tiff": ".tif"}


class OutputPaths:
    """Gives every source a path below the output folder.

    Where several sources have one name there, the later ones get a number: `renamed` has their outputs. `duplicates`
    pairs a path with the first path of the same file.
    """

    def __init__(self, outdir: Path) -> None:
        self.renamed: dict[Path, Path] = {}
        self.duplicates: list[tuple[Path, Path]] = []
        self._outdir = outdir
        self._sources: dict[Path, Path] = {}
        self._taken: set[Path] = set()
        self._folded: set[str] = set()
        self._keeps_case: bool | None = None

    def is_new(self, path: Path) -> bool:
        """Whether this file is new: no path of it was given before."""
        first = self._sources.setdefault(path.resolve(), path)
        if first is path:
            return True
        if str(first) != str(path):
            self.duplicates.append((path, first))
        return False

    def is_source(self, path: Path) -> bool:
        return path.resolve() in self._sources

    def take(self, source: Path, relative: Path) -> Path:
        """The output's path below the output folder, `relative` itself where it is free. Raises UsageError."""
        chosen, number = relative, 1
        while self._is_taken(chosen):
            number += 1
            chosen = relative.with_name(fitting_name(relative.stem, f" ({number}){relative.suffix}"))
        if number > 1:
            self.renamed[source] = self._outdir / chosen
        self._taken.add(chosen)
        self._folded.add(_folded(chosen))
        return chosen

    def _is_taken(self, relative: Path) -> bool:
        if relative in self._taken:
            return True
        return _folded(relative) in self._folded and not self._keeps_apart()

    def _keeps_apart(self) -> bool:
        """Whether the output's file system keeps names apart that differ in case, or in how accents are encoded."""
        if self._keeps_case is None:
            try:
                self._outdir.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=self._outdir, prefix=".faceblur-") as folder:
                    Path(folder, "caf\u00e9").touch()
                    self._keeps_case = not any(Path(folder, name).exists() for name in ("CAF\u00c9", "cafe\u0301"))
            except OSError as error:
                raise UsageError(f"{self._outdir}: cannot be written: {error.strerror}") from error
        return self._keeps_case


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(path)).casefold())


def check_suffix(target: Path) -> None:
    """Refuse an output file whose suffix names no container, or a preview. Raises UsageError."""
    if target.name.endswith(PREVIEW_SUFFIX):
        raise UsageError(f"{target}: this is the name of a preview, which shows faces; choose another one")
    if target.suffix.lower() not in MUXERS:
        raise UsageError(f"{target}: no container is known by this suffix; choose one of {', '.join(MUXERS)}")


def image_kind(path: Path) -> str:
    """The suffix of an image file; the same one where several name the same format."""
    suffix = path.suffix.lower()
    return SAME_IMAGE.get(suffix, suffix)


def named_output(inputs: Sequence[Path], out: Path, suffixes: Collection[str]) -> Path | None:
    """OUT itself where it names the file that one input is written to; None where it is a folder for the outputs.

    It is a file by one of these suffixes, unless it exists as a folder. Raises UsageError for several inputs.
    """
    if out.is_dir() or out.suffix.lower() not in suffixes:
        return None
    if len(inputs) == 1 and inputs[0].is_file():
        return out
    if out.exists():
        raise UsageError(f"the output folder {out} is a file")
    raise UsageError(f"{out}: a file is written for one input file only: name a folder, without {out.suffix}")


def check_output_folder(inputs: Sequence[Path], outdir: Path) -> None:
    """Refuse an output folder that is, or lies in, an input: its results would be taken for sources next time."""
    target = outdir.resolve()
    for given in inputs:
        folder = given.resolve()
        if folder.is_dir() and (target == folder or folder in target.parents):
            raise UsageError(f"the output folder {outdir} lies in the input {given}: choose one outside of it")
    if target.exists() and not target.is_dir():
        raise UsageError(f"the output folder {outdir} is a file")
