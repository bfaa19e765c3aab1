"""What people said of an audit's findings, `NAME.reviews.jsonl`: appended to, never changed. The last one counts."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from faceblur.auditing.report import Finding
from faceblur.base.atomic_files import append_complete, fitting_name, held
from faceblur.base.errors import SidecarError
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.web.models import Name, Verdict

SUFFIX = ".reviews.jsonl"


class ReviewLine(BaseModel):
    """A verdict on the finding of a key; None: the finding is open again."""

    model_config = ConfigDict(extra="forbid")

    finding: str
    verdict: Verdict | None
    by: Name
    at: AwareDatetime


def verdicts_path(output: Path) -> Path:
    """Where the verdicts on an output's findings lie: beside it."""
    return output.with_name(fitting_name(output.name, SUFFIX))


def key_of(finding: Finding) -> str:
    """The name of a finding, the same in each audit that has it."""
    place = repr((finding.track, finding.box, finding.text))
    digits = f"{zlib.crc32(place.encode('utf-8', 'backslashreplace')):08x}"
    return f"{finding.kind}-{finding.stream}-{finding.first_frame}-{finding.last_frame}-{digits}"


def read_verdicts(output: Path) -> dict[str, Verdict]:
    """The verdicts that count, by the findings' keys. Raises SidecarError, which names file and line."""
    path = verdicts_path(output)
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SidecarError(f"{path}: cannot be read: {error.strerror}") from error
    found: dict[str, Verdict] = {}
    for number, content in enumerate(lines, 1):
        try:
            line = ReviewLine.model_validate_json(content)
        except ValidationError as error:
            raise SidecarError(f"{path}: line {number}: {error.errors(include_url=False)[0]['msg']}") from error
        found.pop(line.finding, None)
        if line.verdict is not None:
            found[line.finding] = line.verdict
    return found


def append_verdict(output: Path, key: str, verdict: Verdict | None, by: str) -> None:
    """Append a verdict, on the disk. Raises SidecarError."""
    path = verdicts_path(output)
    line = ReviewLine(finding=key, verdict=verdict, by=by, at=datetime.now(UTC).replace(microsecond=0))
    try:
        with held(sidecar_path(output)):
            append_complete(path, line.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise SidecarError(f"{path}: cannot be written: {error.strerror}") from error
