"""The audit's report: the models of its JSON, and where it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from faceblur.auditing.finding_kinds import FindingKind
from faceblur.base.atomic_files import fitting_name
from faceblur.base.errors import SidecarError
from faceblur.base.regular_files import check_regular
from faceblur.tracking.boxes import Box

# Of each kind at most this many findings are listed, the worst; all are counted.
MAX_LISTED = 200


class BoxSpan(BaseModel):
    """A box x1, y1, x2, y2 in pixels that holds what was found from `start` to `end`, in seconds."""

    model_config = ConfigDict(extra="forbid")

    start: float
    end: float
    box: Box


class Finding(BaseModel):
    """One finding, from its first to its last frame of the source; times are time codes hh:mm:ss.mmm.

    `frame` is where it is worst; `box` is its location there, x1, y1, x2, y2 in pixels of the upright frame. Findings
    of one kind are sorted by `severity`, the worst first. `frames` is the number of frames concerned, `stream` the
    index of the source's video stream. `boxes` is where it is from the first to the last frame, `mend` the command that
    mends it, where there is one.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FindingKind
    text: str
    severity: float
    first_frame: int
    last_frame: int
    first_time: str
    last_time: str
    frames: int
    frame: int
    time: str
    stream: int = 0
    box: Box | None = None
    score: float | None = None
    kept: float | None = None
    track: int | None = None
    output_frame: int | None = None
    boxes: list[BoxSpan] = []
    mend: str | None = None


class AuditFacts(BaseModel):
    """What was compared, in numbers. PSNR in dB, of what lies outside the regions; None: it is equal.

    `streams` are the source's video streams, `seconds` is their total duration, `time_offset` the largest by which one
    of the output begins later.
    """

    streams: list[int]
    source_frames: int
    output_frames: int
    size_wh: tuple[int, int]
    seconds: float
    regions: int
    most_kept: float
    time_offset: float
    psnr_lowest: float | None = None
    psnr_mean: float | None = None


class AuditDetector(BaseModel):
    """One detector of the second pass."""

    model: str
    device: str
    weights_sha256: str


class FileDigests(BaseModel):
    """The SHA-256 of each file that was audited, complete; None: it did not exist, as where there are no edits."""

    model_config = ConfigDict(extra="forbid")

    output: str | None
    sidecar: str | None
    edits: str | None = None


class AuditReport(BaseModel):
    """The complete audit: `findings` make it fail, `watch` is for a person to check, `counts` counts both by kind.

    `of` is a SHA-256 of what was audited and by which detectors: while it is the same, so is the report. `sha256` is
    None in reports of older versions.
    """

    model_config = ConfigDict(extra="forbid")

    faceblur_audit: Literal[1] = 1
    of: str = ""
    sha256: FileDigests | None = None
    source: str
    output: str
    sidecar: str
    passed: bool
    facts: AuditFacts
    detectors: list[AuditDetector]
    counts: dict[str, int]
    findings: list[Finding]
    watch: list[Finding]


class FileVerdict(BaseModel):
    """The audit of one output of a folder; without a `report` it could not be audited, and `reason` says why."""

    source: str
    output: str
    reason: str = ""
    report: AuditReport | None = None

    @property
    def passed(self) -> bool:
        """Whether it was audited, and nothing makes it fail."""
        return self.report is not None and self.report.passed


class FolderReport(BaseModel):
    """The audit of several outputs."""

    model_config = ConfigDict(extra="forbid")

    faceblur_audits: Literal[1] = 1
    passed: bool
    files: list[FileVerdict]

    @property
    def audited(self) -> list[FileVerdict]:
        """The outputs that could be audited; beside them `files` has sources without one, and what cannot be read."""
        return [one for one in self.files if one.report is not None]


def report_path(output: Path, suffix: Literal["json", "html"]) -> Path:
    """Where the report of an output is written: beside it."""
    return output.with_name(fitting_name(output.name, f".audit.{suffix}"))


def read_report(output: Path) -> AuditReport | None:
    """The report of an output's last audit; None: there is none. Raises SidecarError for one that cannot be read."""
    path = report_path(output, "json")
    try:
        check_regular(path)
        # Not by pydantic's own parser, which refuses names that are not UTF-8: they are escaped.
        return AuditReport.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SidecarError(f"{path}: not a report that can be read: audit the output again") from error


def as_json(report: AuditReport | FolderReport) -> bytes:
    """The report as JSON. A name need not be UTF-8: its other bytes are escaped as the surrogates that Python has."""
    text = json.dumps(report.model_dump(exclude_none=True), indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")
