"""Reads and writes sidecars: as a stream of lines beside a video that is being read or written, or at once."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from faceblur.base.atomic_files import AtomicFile, fitting_name
from faceblur.base.errors import SidecarError
from faceblur.redaction.sidecar_format import FRAME_LINE, HEADER, FrameLine, Header, Identity

SUFFIX = ".faces.jsonl"
# What identifies a video: hashing hundreds of gigabytes completely would take longer than reading them for their faces.
HASHED_BYTES = 1 << 20
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


def json_name(path: Path) -> str:
    """A file's name as JSON can hold it: bytes that are no UTF-8 are escaped."""
    return path.name.encode("utf-8", "backslashreplace").decode()


def identify(path: Path, duration: float | None) -> Identity:
    """Read what identifies a video. Raises OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
        file.seek(max(0, size - HASHED_BYTES))
        last = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
    name = json_name(path)
    return Identity(name=name, bytes=size, duration=duration, sha256_first_mib=first, sha256_last_mib=last)


def read_sidecar(path: str | os.PathLike[str]) -> Sidecar:
    """Read a complete sidecar. Raises SidecarError, which names the file and the line."""
    with SidecarReader(Path(path)) as reader:
        return Sidecar(reader.header, tuple(reader))


def write_sidecar(path: str | os.PathLike[str], sidecar: Sidecar) -> None:
    """Write a complete sidecar; the file has all of it or does not exist. Raises SidecarError, which names the file.

    The frames of each stream must be numbered from 0, in order: no reader takes others.
    """
    expected: dict[int, int] = defaultdict(int)
    for line in sidecar.frames:
        if line.frame != expected[line.stream]:
            raise SidecarError(f"{path}: frame {line.frame} of stream {line.stream} is out of order")
        expected[line.stream] += 1
    writer = SidecarWriter(Path(path), sidecar.header)
    try:
        for line in sidecar.frames:
            writer.write(line)
        writer.finish()
    finally:
        writer.abort()


class SidecarWriter:
    """Writes a sidecar as its video is written. It gets its final name by `finish`; `abort` removes it instead.

    Raises SidecarError, which names the file.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        try:
            self._output = AtomicFile(path)
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

    def finish(self) -> None:
        try:
            self._output.finish()
        except OSError as error:
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def abort(self) -> None:
        """Remove the temporary file. Does nothing once it is finished."""
        self._output.abort()


class SidecarReader:
    """Reads a sidecar: `header`, and the frames' lines by iterating, in order and counted.

    A context manager. Raises SidecarError, which names the file and the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open(encoding="utf-8")
        except OSError as error:
            raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self.header = self._parse(HEADER, self._file.readline(), 1)
        except (OSError, UnicodeDecodeError) as error:
            self._file.close()
            raise SidecarError(f"{path}: not a sidecar that can be read: {error}") from error
        except SidecarError:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[FrameLine]:
        expected: dict[int, int] = {}
        try:
            for number, text in enumerate(self._file, 2):
                line = self._parse(FRAME_LINE, text, number)
                if line.frame != expected.get(line.stream, 0):
                    raise SidecarError(f"{self.path}: line {number}: frame {line.frame} is out of order")
                expected[line.stream] = line.frame + 1
                yield line
        except (OSError, UnicodeDecodeError) as error:
            raise SidecarError(f"{self.path}: not a sidecar that can be read: {error}") from error

    def _parse(self, kind: TypeAdapter[Line], text: str, number: int) -> Line:
        try:
            return kind.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise SidecarError(f"{self.path}: line {number}: {where + ': ' if where else ''}{first['msg']}") from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SidecarReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
