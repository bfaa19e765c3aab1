"""The sidecar `<name>.faces.jsonl` beside an output: every face of every frame, to audit, edit and render again.

The first line is the header: which video it belongs to, the model and the settings. Then one line a frame, in the order
of display. It holds no picture. `docs/sidecar.schema.json` is its JSON schema; run this module to print it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from faceblur.base.atomic_files import fitting_name, fsync_folder, temporary_path
from faceblur.base.errors import SidecarError

SUFFIX = ".faces.jsonl"
SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
# What identifies a video: hashing hundreds of gigabytes whole would take longer than reading them for their faces.
HASHED_BYTES = 1 << 20


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(_Line):
    """Which file a sidecar belongs to. `duration` is in seconds, None where the header tells none."""

    name: str
    bytes: int
    duration: FiniteFloat | None = None
    sha256_first_mib: str
    sha256_last_mib: str

    def is_of(self, other: Identity) -> bool:
        """Whether both are of the same content; a file may have been renamed."""
        mine, its = self.model_dump(exclude={"name", "duration"}), other.model_dump(exclude={"name", "duration"})
        return mine == its


class FunctionUsed(_Line):
    """What found the faces."""

    model: str
    weights_sha256: str
    device: str


class SettingsUsed(_Line):
    """What the video was redacted with; scores are 0..1, `look_around` is in seconds, `padding` a share of a box.

    `encoder` None is the container's own. `render` takes what is needed to write the same file again from here.
    """

    threshold: float
    low_threshold: float
    padding: float
    style: Literal["blur", "pixelate", "solid"]
    look_around: float
    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None


class Header(_Line):
    """The first line. `frame_wh` is the size in pixels as a viewer shows it: upright."""

    faceblur_sidecar: Literal[1] = 1
    video: Identity
    output: str
    function: FunctionUsed
    settings: SettingsUsed
    frame_wh: tuple[int, int]
    time_base: str


class SidecarFace(_Line):
    """One covered face: box x1, y1, x2, y2 in pixels of the upright frame, before padding.

    `detected` was found in this very frame with a score from the threshold on; `covered` was not, its place comes from
    a weaker find (which has a score) or from the frames around. An editor may leave out everything but the box.
    """

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    score: FiniteFloat | None = None
    track: int | None = None
    state: Literal["detected", "covered"] = "covered"


class FrameLine(_Line):
    """One frame: its number from 0, its timestamp in units of the stream's time base, what is covered in it.

    `stream` is the index of the video stream in the source; `damage` tells what could not be read just before.
    """

    frame: int = Field(ge=0)
    pts: int
    faces: list[SidecarFace]
    stream: int = 0
    damage: str | None = None


def sidecar_path(output: Path) -> Path:
    """Where the sidecar of an output lies."""
    return output.with_name(fitting_name(output.name, SUFFIX))


def told_name(path: Path) -> str:
    """A file's name as JSON can hold it: bytes that are no UTF-8 are escaped."""
    return path.name.encode("utf-8", "backslashreplace").decode()


def identify(path: Path, duration: float | None) -> Identity:
    """Read what identifies a video. Raises OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
        file.seek(max(0, size - HASHED_BYTES))
        last = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
    name = told_name(path)
    return Identity(name=name, bytes=size, duration=duration, sha256_first_mib=first, sha256_last_mib=last)


class SidecarWriter:
    """Writes a sidecar as the video is written. It gets its final name by `finish`; `abort` removes it instead.

    Raises SidecarError, which names the file.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self._temporary = path, temporary_path(path)
        try:
            self._file = self._temporary.open("a", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # or a run beside this one removes it as stale
            self._file.truncate(0)
        except OSError as error:
            raise SidecarError(f"{path}: cannot be written: {error.strerror}") from error
        self._write(header)

    def write(self, line: FrameLine) -> None:
        self._write(line)

    def _write(self, line: BaseModel) -> None:
        try:
            self._file.write(line.model_dump_json(exclude_none=True) + "\n")
        except OSError as error:
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def finish(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            os.replace(self._temporary, self.path)
            fsync_folder(self.path.parent)
            self._file.close()
        except OSError as error:
            self.abort()
            raise SidecarError(f"{self.path}: cannot be written: {error.strerror}") from error

    def abort(self) -> None:
        """Remove the temporary file. Does nothing once it is finished."""
        if not self._file.closed:
            self._temporary.unlink(missing_ok=True)
            self._file.close()


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
            self.header = self._parse(Header, self._file.readline(), 1)
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
                line = self._parse(FrameLine, text, number)
                if line.frame != expected.get(line.stream, 0):
                    raise SidecarError(f"{self.path}: line {number}: frame {line.frame} is out of order")
                expected[line.stream] = line.frame + 1
                yield line
        except (OSError, UnicodeDecodeError) as error:
            raise SidecarError(f"{self.path}: not a sidecar that can be read: {error}") from error

    def _parse(self, kind: type[Any], text: str, number: int) -> Any:
        try:
            return kind.model_validate_json(text)
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


def schema() -> dict[str, Any]:
    """The JSON schema of one line of a sidecar."""
    header, frame = (kind.model_json_schema(ref_template="#/$defs/{model}") for kind in (Header, FrameLine))
    definitions = header.pop("$defs") | frame.pop("$defs") | {"Header": header, "FrameLine": frame}
    return {
        "$schema": SCHEMA_URL,
        "title": "One line of a faceblur sidecar: the first is a Header, all others are FrameLines",
        "oneOf": [{"$ref": "#/$defs/Header"}, {"$ref": "#/$defs/FrameLine"}],
        "$defs": definitions,
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
