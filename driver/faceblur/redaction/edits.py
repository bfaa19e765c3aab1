"""People's edits of a sidecar, `NAME.edits.jsonl`: appended to, never changed. What is masked is the fold of both.

The sidecar stays as the machine wrote it. The first line of the edits names the sidecar that they are of; each other
line is one operation (`edit_operations`). `docs/edits.schema.json` is their JSON schema; run this module to print it.
"""

from __future__ import annotations

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from faceblur.base.atomic_files import append_complete, held, write_complete
from faceblur.base.errors import SidecarError
from faceblur.base.face_checks import MAX_MASKS, described, fault_of, reaches_into
from faceblur.base.regular_files import check_regular
from faceblur.redaction.edit_operations import (
    EDITS_HEADER,
    MAX_EDITS,
    OPERATION,
    ROUNDING,
    AddedFace,
    EditsHeader,
    MaskEdit,
    MaskedTrack,
    Operation,
    RemovedTrack,
    SparedTrack,
    TrackEdit,
    Undo,
    counts_at,
)
from faceblur.redaction.sidecar_format import SCHEMA_URL, FrameLine, Header, SidecarFace, edits_path

FIRST_LINE = 2  # of the edits: the header is before it


class _AddedOf:
    """The faces to add to one stream: a face that moves for minutes is thousands of them."""

    def __init__(self, faces: Sequence[AddedFace]) -> None:
        self._faces = faces
        self._starts = np.array([one.start for one in faces]) - ROUNDING
        self._ends = np.array([one.end for one in faces]) + ROUNDING

    def shown_at(self, seconds: float) -> list[AddedFace]:
        """Those that are in the frame of this time, to the rounding of their times."""
        return [
            self._faces[one] for one in np.flatnonzero((self._starts <= seconds) & (seconds <= self._ends)).tolist()
        ]


class Edits:
    """The edits of one sidecar, in the order in which they were made. Of one track in one frame the last one counts.

    `log` has all of them, `operations` those that count: not what was undone, and no undo; `added` are the
    faces to add among them, by their lines, and `added_boxes` their boxes. Raises SidecarError for an undo of what is
    no edit that counts.
    """

    def __init__(self, log: Iterable[Operation] = ()) -> None:
        self.log: tuple[Operation, ...] = tuple(log)
        counting: dict[int, MaskEdit] = {}
        for number, one in enumerate(self.log, FIRST_LINE):
            if not isinstance(one, Undo):
                counting[number] = one
            elif counting.pop(one.line, None) is None:
                raise SidecarError(f"line {one.line} is no edit that counts: it cannot be undone")
        self.operations: tuple[MaskEdit, ...] = tuple(counting.values())
        self.added = {number: one for number, one in counting.items() if isinstance(one, AddedFace)}
        self.added_boxes = frozenset(one.box for one in self.added.values())
        streams = {one.stream for one in self.added.values()}
        self._added = {
            stream: _AddedOf([one for one in self.added.values() if one.stream == stream]) for stream in streams
        }
        self._of_tracks: dict[tuple[int, int | None], list[TrackEdit]] = {}
        for one in counting.values():
            if not isinstance(one, AddedFace):
                self._of_tracks.setdefault((one.stream, one.track), []).append(one)

    def __bool__(self) -> bool:
        return bool(self.operations)

    def of_track(self, stream: int, track: int | None, seconds: float) -> TrackEdit | None:
        """The edit of a track that counts in the frame of this time."""
        edits = self._of_tracks.get((stream, track), ())
        return next((one for one in reversed(edits) if counts_at(one, seconds)), None)

    def removes(self, stream: int, track: int | None, seconds: float) -> bool:
        """Whether a track is not masked, and not listed, in the frame of this time."""
        return isinstance(self.of_track(stream, track, seconds), RemovedTrack)

    def change_track(self, stream: int, track: int | None) -> bool:
        """Whether any edit of a track counts, in some of its frames at least."""
        return (stream, track) in self._of_tracks

    def fold(self, line: FrameLine, seconds: float) -> FrameLine:
        """A sidecar's line as it was edited. Raises SidecarError.

        `seconds` is when its frame is shown, as a player of the output counts.
        """
        shown = self._added[line.stream].shown_at(seconds) if line.stream in self._added else ()
        added = [SidecarFace(box=one.box) for one in shown]
        if not added and not any(self.change_track(line.stream, face.track) for face in line.faces):
            return line
        edited = (_edited(face, self.of_track(line.stream, face.track, seconds)) for face in line.faces)
        faces = [face for face in edited if face is not None]
        if len(faces) + len(added) > MAX_MASKS:
            raise SidecarError(f"frame {line.frame}: more than {MAX_MASKS} faces with those that edits add")
        return replace(line, faces=[*faces, *added])


def _edited(face: SidecarFace, edit: TrackEdit | None) -> SidecarFace | None:
    """A face as an edit of its track leaves it; None: it is not masked, and not listed."""
    match edit:
        case RemovedTrack():
            return None
        case SparedTrack():
            return replace(face, state="spared")
        case MaskedTrack() if not face.is_masked:
            return replace(face, state="added")
    return face


def read_edits(sidecar: Path) -> Edits:
    """The edits beside a sidecar; none where there is no such file. Raises SidecarError, which names file and line."""
    path = edits_path(sidecar)
    try:
        check_regular(path)
        content = path.read_bytes().removeprefix(BOM_UTF8)  # as editors on Windows write it
    except FileNotFoundError:
        return Edits()
    except OSError as error:
        raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
    lines = content.splitlines()
    if len(lines) > MAX_EDITS:
        raise SidecarError(f"{path}: more than {MAX_EDITS} edits")
    header = _parsed(path, 1, EDITS_HEADER, lines[0] if lines else b"")
    if header.sidecar_sha256 != sidecar_digest(sidecar):
        raise SidecarError(
            f"{path}: its edits are of another sidecar than {sidecar.name}, which a later run may have written: "
            "move it away, and make the edits again"
        )
    last = len(lines) if not content.endswith(b"\n") else None
    numbered = enumerate(lines[1:], FIRST_LINE)
    log = [_parsed(path, number, OPERATION, line, number == last) for number, line in numbered]
    for number, one in enumerate(log, FIRST_LINE):
        if fault := fault_of_edit(one):
            raise SidecarError(f"{path}: line {number}: {fault}")
    return _edits(path, log)


def append_edits(sidecar: Path, operations: Sequence[Operation], of: str | None = None) -> Edits:
    """Append edits to those of a sidecar, on the disk; all edits. Raises SidecarError.

    `of` is the SHA-256 of the sidecar that they were made for, None: the one that is there. What another process
    appends at the same time is not lost.
    """
    path = edits_path(sidecar)
    try:
        with held(sidecar):
            if of is not None and of != sidecar_digest(sidecar):
                raise SidecarError(
                    f"{sidecar}: was written again at the same time, with other tracks: look at it again"
                )
            edits = _edits(path, (*read_edits(sidecar).log, *operations))
            if len(edits.log) >= MAX_EDITS:  # nobody could read them any more
                raise SidecarError(f"{path}: would have {MAX_EDITS} edits or more")
            if not path.exists():
                write_complete(
                    path, EDITS_HEADER.dump_json(EditsHeader(sidecar_sha256=sidecar_digest(sidecar))) + b"\n"
                )
            with path.open("rb") as file:
                is_ended = file.read().endswith(b"\n")  # a person's editor may have left the last line open
            lines = b"".join(OPERATION.dump_json(one, exclude_none=True) + b"\n" for one in operations)
            append_complete(path, lines if is_ended else b"\n" + lines)
    except OSError as error:
        raise SidecarError(f"{path}: cannot be written: {error.strerror}") from error
    return edits


def _edits(path: Path, log: Iterable[Operation]) -> Edits:
    try:
        return Edits(log)
    except SidecarError as error:
        raise SidecarError(f"{path}: {error}") from None


def check_reach(box: Sequence[float], header: Header) -> None:
    """Check that a box to add has a part in the frames of the main stream. Raises SidecarError."""
    if not reaches_into(box, header.frame_wh, header.settings.padding):
        width, height = header.frame_wh
        raise SidecarError(f"the face to add: {described(box)} lies outside of the frame of {width}x{height}")


def fault_of_edit(one: Operation) -> str | None:
    """What is wrong with an edit by itself."""
    if isinstance(one, Undo):
        return None
    if one.start is not None and one.end is not None and one.start > one.end:
        return f"it would end at {one.end:g} s, before it begins at {one.start:g} s"
    return fault_of(one.box, None) if isinstance(one, AddedFace) else None


def _parsed(path: Path, number: int, kind: TypeAdapter[Any], line: bytes, is_open: bool = False) -> Any:
    """A line, which `is_open` if it has no end: it may have been cut. Raises SidecarError."""
    try:
        return kind.validate_json(line, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:80]
        is_cut = is_open and first["type"] == "json_invalid"
        way_out = ", as after a power cut while it was written: delete the line, and make its edit again" * is_cut
        raise SidecarError(f"{path}: line {number}: {where + ': ' if where else ''}{first['msg']}{way_out}") from error


def sidecar_digest(path: Path) -> str:
    """The SHA-256 of a sidecar, by which edits name it. Raises SidecarError."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error


def schema() -> dict[str, Any]:
    """The JSON schema of one line of the edits."""
    header, operation = (kind.json_schema(ref_template="#/$defs/{model}") for kind in (EDITS_HEADER, OPERATION))
    return {
        "$schema": SCHEMA_URL,
        "title": "One line of faceblur's edits: the first is an EditsHeader, all others are operations",
        "oneOf": [{"$ref": "#/$defs/EditsHeader"}, *operation["oneOf"]],
        "$defs": operation.pop("$defs") | {"EditsHeader": header},
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
