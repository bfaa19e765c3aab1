"""What people said of an audit's findings, `NAME.reviews.jsonl`: appended to, never changed. The last one counts."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from faceblur.auditing.finding_kinds import Name, Verdict
from faceblur.auditing.report import Finding
from faceblur.base.atomic_files import append_complete, fitting_name, held
from faceblur.base.errors import SidecarError
from faceblur.base.regular_files import check_regular
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import Identity

SUFFIX = ".reviews.jsonl"


class ReviewLine(BaseModel):
    """A verdict on the finding of a key; None: the finding is open again. `video` is the output's source."""

    model_config = ConfigDict(extra="forbid")

    finding: str
    verdict: Verdict | None
    by: Name
    at: AwareDatetime
    video: Identity | None = None


def verdicts_path(output: Path) -> Path:
    """Where the verdicts on an output's findings lie: beside it."""
    return output.with_name(fitting_name(output.name, SUFFIX))


def key_of(finding: Finding) -> str:
    """The name of a finding, the same in each audit that has it."""
    place = repr((finding.track, finding.box, finding.text))
    digits = f"{zlib.crc32(place.encode('utf-8', 'backslashreplace')):08x}"
    return f"{finding.kind}-{finding.stream}-{finding.first_frame}-{finding.last_frame}-{digits}"


def read_verdicts(output: Path, audited: datetime | None = None) -> dict[str, Verdict]:
    """The verdicts that count, by the findings' keys. Raises SidecarError, which names file and line.

    Those on another source do not: a later run may have written an output of the same name, with findings like those of
    the earlier one, such as a stream that is lost. `audited` is when the output was written of which the findings are.
    What was to be masked before, and is among them still, is open again.
    """
    found: dict[str, Verdict] = {}
    lines = review_lines(output)
    if not lines:
        return found
    video = _source_of(output)
    for line in lines:
        if line.video is None or not line.video.is_of(video):
            continue
        found.pop(line.finding, None)
        is_unmasked = line.verdict == "mask" and audited is not None and line.at < audited
        if line.verdict is not None and not is_unmasked:
            found[line.finding] = line.verdict
    return found


def review_lines(output: Path) -> list[ReviewLine]:
    """Every verdict, in the order in which they were said. Raises SidecarError, which names file and line."""
    path = verdicts_path(output)
    try:
        check_regular(path)
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
    found = []
    for number, content in enumerate(lines, 1):
        try:
            found.append(ReviewLine.model_validate_json(content))
        except ValidationError as error:
            why = error.errors(include_url=False)[0]["msg"]
            raise SidecarError(f"{path}: line {number}: {why}: delete the line, and judge its finding again") from error
    return found


def append_verdict(output: Path, key: str, verdict: Verdict | None, by: str) -> None:
    """Append a verdict, on the disk. Raises SidecarError."""
    path = verdicts_path(output)
    try:
        with held(sidecar_path(output)):
            said = ReviewLine(finding=key, verdict=verdict, by=by, at=datetime.now(UTC), video=_source_of(output))
            line = said.model_dump_json().encode() + b"\n"
            before = path.read_bytes() if path.exists() else b""
            is_open = bool(before) and not before.endswith(b"\n")  # as a person's editor may leave it
            append_complete(path, b"\n" + line if is_open else line)
    except OSError as error:
        raise SidecarError(f"{path}: cannot be written: {error.strerror}") from error


def _source_of(output: Path) -> Identity:
    with SidecarReader(sidecar_path(output)) as reader:
        return reader.header.video
