"""People's edits of an output: each is checked against the sidecar and the video, signed, and appended."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.reader import VideoReader
from faceblur.redaction.edit_operations import AddedFace, Operation
from faceblur.redaction.edits import Edits, append_edits, check_reach, sidecar_digest
from faceblur.redaction.settled_edits import TimedLine, settled, timed_lines
from faceblur.redaction.sidecar_files import SidecarReader, identify


class KnownLines(NamedTuple):
    """Lines of the sidecar that has this SHA-256, among them all that some edits are about."""

    sidecar_sha256: str
    lines: Sequence[TimedLine]


def append_checked(
    video: Path,
    sidecar: Path,
    make: Callable[[int], Sequence[Operation]],
    *,
    by: str | None,
    reason: str | None = None,
    known: KnownLines | None = None,
) -> Edits:
    """Append edits to those of a sidecar, signed: who made them, when, and why. Returns all edits. Raises UsageError.

    `make` gives them, for the index of the main video stream. Each one has to change a frame of the video: one of the
    lines that are `known`, None: of all in the sidecar.
    """
    with as_usage_error():
        of = sidecar_digest(sidecar) if known is None else known.sidecar_sha256
    with as_usage_error(), opened_with_sidecar(sidecar, video) as (lines, reader):
        check_recorded_encoder(lines)
        if not identify(video, reader.duration).is_of(lines.header.video):
            raise UsageError(f"{video}: the sidecar {sidecar} is of another video")
        main_stream, at = reader.main_stream.index, datetime.now(UTC).replace(microsecond=0)
        operations = [replace(one, by=by, at=at, reason=reason) for one in make(main_stream)]
        for one in operations:
            if isinstance(one, AddedFace) and one.stream == main_stream:
                check_reach(one.box, lines.header)
        # Times that are not of known lines are those that a person read off some player.
        about, priming = (timed_lines(lines, reader), reader.priming) if known is None else (known.lines, 0.0)
        return append_edits(sidecar, settled(sidecar, about, operations, priming), of)


def user_name() -> str | None:
    """The name of the user of this process, None where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def check_recorded_encoder(sidecar: SidecarReader) -> None:
    """Refuse a sidecar whose output was written by an encoder that this machine lacks. Raises SidecarError."""
    encoder = sidecar.header.settings.encoder
    try:
        if encoder:
            check_encoder(encoder)
    except UsageError as error:
        raise SidecarError(
            f"{sidecar.path}: its output was written with --encoder {encoder}, which this machine lacks: write another "
            "output by `faceblur render`, with another --encoder"
        ) from error


@contextmanager
def opened_with_sidecar(sidecar: Path, video: Path) -> Iterator[tuple[SidecarReader, VideoReader]]:
    """A sidecar and its video, with the sidecar's span. Raises SidecarError or MediaError."""
    with SidecarReader(sidecar) as lines, VideoReader(video, tolerate=True, span=lines.header.settings.cut) as reader:
        yield lines, reader


@contextmanager
def as_usage_error() -> Iterator[None]:
    """What is wrong before anything is done is a wrong call."""
    try:
        yield
    except (MediaError, SidecarError) as error:
        raise UsageError(str(error)) from error
