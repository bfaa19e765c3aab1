"""Reads and writes sidecars: as a stream of lines beside a video that is being read or written, or at once."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from faceblur.base.atomic_files import AtomicFile, fitting_name
from faceblur.base.errors import OutsideFrame, SidecarError, UsageError
from faceblur.base.face_checks import MAX_MASKS, described, fault_of, reaches_into
from faceblur.base.options import REGIONS, check_value
from faceblur.base.regular_files import check_regular
from faceblur.base.unreadable import why_unreadable
from faceblur.redaction.named_source import json_name
from faceblur.redaction.sidecar_format import (
    FRAME_LINE,
    HEADER,
    SUFFIX,
    FrameLine,
    Header,
    Identity,
    SettingsUsed,
    edits_path,
)
from faceblur.tracking.boxes import Box

# What identifies a video: hashing hundreds of gigabytes completely would take longer than reading them for their faces.
HASHED_BYTES = 1 << 20
# Characters. A face takes about 150 of them.
MAX_LINE = 256 * MAX_MASKS
MAX_PLACE = 80  # characters of where in a line something is wrong: an unknown field's name may have any length
Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A complete sidecar: its header, and a line for each frame in the order of display."""

    header: Header
    frames: tuple[FrameLine, ...]


def sidecar_path(output: str | os.PathLike[str]) -> Path:
    """Where the sidecar of an output lies.

    >>> faceblur.sidecar_path("blurred/clip.mp4")
    PosixPath('blurred/clip.mp4.faces.jsonl')
    """
    path = Path(output)
    return path.with_name(fitting_name(path.name, SUFFIX))


def identify(path: Path, duration: float | None) -> Identity:
    """Read what identifies a video. Raises OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
        file.seek(max(0, size - HASHED_BYTES))
        last = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
    return Identity(
        name=json_name(path.name), bytes=size, duration=duration, sha256_first_mib=first, sha256_last_mib=last
    )


def read_sidecar(path: str | os.PathLike[str]) -> Sidecar:
    """Read a complete sidecar. Raises SidecarError, which names the file and the line."""
    with SidecarReader(Path(path)) as reader:
        return Sidecar(reader.header, tuple(reader))


def write_sidecar(path: str | os.PathLike[str], sidecar: Sidecar) -> None:
    """Write a complete sidecar; the file has all of it or does not exist. Raises SidecarError, which names the file.

    The frames of each stream must be numbered from 0, in order, and each face be usable: no reader takes others.
    """
    expected: dict[int, int] = defaultdict(int)
    for line in sidecar.frames:
        if line.frame != expected[line.stream]:
            raise SidecarError(f"{path}: frame {line.frame} of stream {line.stream} is out of order")
        for index, face in enumerate(line.faces):
            if fault := fault_of(face.box, face.score):
                raise SidecarError(f"{path}: frame {line.frame} of stream {line.stream}: face {index}: {fault}")
        expected[line.stream] += 1
    writer = SidecarWriter(Path(path), sidecar.header)
    try:
        for line in sidecar.frames:
            writer.write(line)
        writer.finish()
    finally:
        writer.abort()


def check_settings(settings: SettingsUsed) -> None:
    """Refuse settings that no run has. Raises UsageError."""
    for name in ("threshold", "padding", "style", "crf"):
        check_value(name, getattr(settings, name))
    for name in REGIONS:
        check_value(name, getattr(settings, name) or ())
    for name in ("start", "end", "detect_every"):
        check_value(name, getattr(settings, name))
    low, look_around = settings.low_threshold, settings.look_around
    if not 0 <= low <= 1:
        raise UsageError(f"low_threshold: {low} is not in the range 0 to 1")
    if not 0 <= look_around < math.inf:
        raise UsageError(f"look_around: {look_around} is no time in seconds")


class SidecarWriter:
    """Writes a sidecar as its video is written. It gets its final name by `finish`; `abort` removes it instead.

    Raises SidecarError, which names the file.
    """

    def __init__(self, path: Path, header: Header, *, tag: str = "") -> None:
        self.path = path
        try:
            self._output = AtomicFile(path, tag)
        except OSError as error:
            raise SidecarError(f"{path}: cannot be written: {error.strerror}") from error
        self._write(HEADER, header)

    def write(self, line: FrameLine) -> None:
        self._write(FRAME_LINE, line)

    def _write(self, kind: TypeAdapter[Line], line: Line) -> None:
        try:
            self._output.file.write(kind.dump_json(line, exclude_none=True) + b"\n")
        except OSError as error:
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def complete(self) -> Path:
        """Flush it to the disk. Returns its temporary path."""
        try:
            self._output.complete()
            return self._output.temporary
        except OSError as error:
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def publish(self) -> None:
        """Give it its final name."""
        try:
            self._output.publish()
        except OSError as error:
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def finish(self) -> None:
        """Complete it and give it its final name."""
        self.complete()
        self.publish()

    def abort(self) -> None:
        """Remove the temporary file. Does nothing once it is finished."""
        self._output.abort()


class SidecarReader:
    """Reads a sidecar: `header`, and the frames' lines by iterating, in order and counted.

    Swapped corners of a box, as of one that was drawn from the lower right to the upper left, are put right. A context
    manager. Raises SidecarError, which names the file and the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._swapped: Counter[int] = Counter()
        try:
            check_regular(path)
            self._file = path.open(encoding="utf-8-sig")  # as editors on Windows write it
        except OSError as error:
            raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self.header = self._parse(HEADER, self._file.readline(MAX_LINE + 1), 1)
            check_settings(self.header.settings)
        except (OSError, UnicodeDecodeError) as error:
            self._file.close()
            raise SidecarError(f"{path}: not a sidecar that can be read: {why_unreadable(error)}") from error
        except UsageError as error:
            self._file.close()
            raise SidecarError(f"{path}: line 1: settings: {error}") from error
        except SidecarError:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[FrameLine]:
        expected: dict[int, int] = {}
        try:
            for number, text in enumerate(iter(partial(self._file.readline, MAX_LINE + 1), ""), 2):
                line = self._checked(self._parse(FRAME_LINE, text, number), number)
                if line.frame != expected.get(line.stream, 0):
                    raise SidecarError(f"{self.path}: line {number}: frame {line.frame} is out of order")
                expected[line.stream] = line.frame + 1
                yield line
        except (OSError, UnicodeDecodeError) as error:
            raise SidecarError(f"{self.path}: not a sidecar that can be read: {why_unreadable(error)}") from error

    def _parse(self, kind: TypeAdapter[Line], text: str, number: int) -> Line:
        if len(text) > MAX_LINE:
            raise SidecarError(f"{self.path}: line {number}: longer than {MAX_LINE} characters")
        try:
            return kind.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if number == 1 and first["type"] == "json_invalid":
                raise SidecarError(f"{self.path}: not a sidecar: its first line is not JSON") from error
            where = ".".join(map(str, first["loc"]))[:MAX_PLACE]
            if where == "time_base" and isinstance(wrong := first.get("input"), str):
                first["msg"] = f"{wrong[:MAX_PLACE]!r} is not a fraction such as 1/90000"
            raise SidecarError(f"{self.path}: line {number}: {where + ': ' if where else ''}{first['msg']}") from error

    def _checked(self, line: FrameLine, number: int) -> FrameLine:
        """The line with the corners of its boxes in order."""
        for index, face in enumerate(line.faces):
            x1, y1, x2, y2 = face.box
            if x1 > x2 or y1 > y2:
                box = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
                line.faces[index] = face = replace(face, box=box)
                self._swapped[number] += 1
            if fault := fault_of(face.box, face.score):
                raise SidecarError(f"{self.path}: line {number}: face {index}: {fault}")
        return line

    def check_size(self, sizes_wh: Iterable[tuple[int, int]], videos: Collection[Any]) -> None:
        """Check that the header has the size of the video's frames, upright: boxes are in its pixels.

        It may be that of any of several `videos`: their first frames come in any order. Raises OutsideFrame.
        """
        sizes = list(sizes_wh)
        several = [(one.width, one.height) for one in videos] if len(videos) > 1 else []
        if self.header.frame_wh not in {*sizes, *several, *(size[::-1] for size in several)}:
            given, real = ("x".join(map(str, one)) for one in (self.header.frame_wh, sizes[0]))
            raise OutsideFrame(
                f"{self.path}: line 1: frame_wh: {given} is not the size of the video's frames, which is {real}"
            )

    def check_in_frame(self, line: FrameLine, frame_wh: tuple[int, int], added: Collection[Box] = ()) -> None:
        """Check that each face of a line has a part in its frame, upright. Raises OutsideFrame.

        `added` are the boxes of its edits: one of these is to be mended there.
        """
        padding = self.header.settings.padding
        for index, face in enumerate(line.faces):
            if not reaches_into(face.box, frame_wh, face.padding(padding)):
                box, size = described(face.box), "x".join(map(str, frame_wh))
                where = f"frame {line.frame} of stream {line.stream}"
                if face.box in added:
                    raise OutsideFrame(
                        f"{edits_path(self.path)}: the face to add, {box}, lies outside of {where}, which is {size}: "
                        "correct or delete its line"
                    )
                raise OutsideFrame(
                    f"{self.path}: {where}: face {index}: its box {box} lies outside of the frame of {size}"
                )

    def is_current(self) -> bool:
        """Whether its path still names the file that is read: a run may have written another one meanwhile."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except OSError:
            return False

    def corrections(self) -> tuple[str, ...]:
        """What was put right in the lines that were read, to be reported: one text, or none."""
        if not self._swapped:
            return ()
        count, first = self._swapped.total(), min(self._swapped)
        return (f"{count} box{'es' if count > 1 else ''} of the sidecar with swapped corners, from line {first} on",)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SidecarReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
