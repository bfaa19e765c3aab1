"""The videos of a review: which outputs belong to which sources, and how far each one is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from faceblur.auditing.finding_kinds import FINDINGS, MASKED_BY_BOXES, Verdict
from faceblur.auditing.html_page import TITLES
from faceblur.auditing.report import AuditReport, FileVerdict, Finding, read_report, report_path
from faceblur.auditing.verdicts import key_of, read_verdicts
from faceblur.redaction.edits import Edits
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from faceblur.web.models import AuditState, FindingInfo

MASKED_BY_TRACK = ("rejected", "spared")


@dataclass(frozen=True, slots=True)
class ReviewedVideo:
    """One output with its source; `problem` says why it cannot be reviewed."""

    id: str
    name: str
    source: Path
    output: Path
    problem: str | None

    @property
    def sidecar(self) -> Path:
        return sidecar_path(self.output)

    def is_pending(self, edits: Edits) -> bool:
        """Whether the output is older than its edits."""
        try:
            edited = edits_path(self.sidecar).stat().st_mtime_ns
            return bool(edits.log) and edited > self.output.stat().st_mtime_ns
        except OSError:
            return False

    def report(self) -> AuditReport | None:
        """The report of its last audit. Raises SidecarError for one that cannot be read."""
        return read_report(self.output)

    def is_audited(self) -> bool:
        """Whether the report is of the output as it is: it was not written again since."""
        try:
            return report_path(self.output, "json").stat().st_mtime_ns >= self.output.stat().st_mtime_ns
        except OSError:
            return False

    def verdicts(self) -> dict[str, Verdict]:
        """The verdicts on the findings of that report. Raises SidecarError."""
        audited = datetime.fromtimestamp(self.output.stat().st_mtime, UTC) if self.is_audited() else None
        return read_verdicts(self.output, audited)


def reviewed_videos(found: Iterable[FileVerdict], folder: Path) -> dict[str, ReviewedVideo]:
    """The outputs that were found in a folder, by their ids: an id is the same each time."""
    videos = {}
    for one in found:
        if not one.output:
            continue  # a source of which there is no output
        output = Path(one.output)
        name = os.path.relpath(output, folder) if folder.is_dir() else output.name
        key = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
        videos[key] = ReviewedVideo(key, as_utf8(name), Path(one.source), output, one.reason or None)
    return videos


def audit_state(video: ReviewedVideo, report: AuditReport | None, verdicts: dict[str, Verdict]) -> AuditState | None:
    """How far a review of the findings is."""
    if report is None:
        return None
    keys = {key_of(one) for one in (*report.findings, *report.watch)}
    return AuditState(
        passed=report.passed,
        findings=len(report.findings),
        listed=len(keys),
        reviewed=len(keys & verdicts.keys()),
        is_current=video.is_audited(),
    )


def finding_infos(report: AuditReport | None, verdicts: dict[str, Verdict]) -> list[FindingInfo]:
    """The findings, the worst first."""
    if report is None:
        return []
    return [_info(one, verdicts.get(key_of(one))) for one in (*report.findings, *report.watch)]


def _info(finding: Finding, verdict: Verdict | None) -> FindingInfo:
    return FindingInfo(
        key=key_of(finding),
        kind=finding.kind,
        title=TITLES[finding.kind],
        text=finding.text,
        fails=finding.kind in FINDINGS,
        stream=finding.stream,
        frame=finding.frame,
        first_frame=finding.first_frame,
        last_frame=finding.last_frame,
        time=finding.time,
        box=finding.box,
        score=finding.score,
        track=finding.track,
        can_mask=can_mask(finding),
        verdict=verdict,
    )


def can_mask(finding: Finding) -> bool:
    """Whether a finding can be mended by masks: its boxes, or its track."""
    if finding.kind == "exposed":
        return True  # its mask is listed: rendering again draws it
    if finding.kind in MASKED_BY_TRACK:
        return finding.track is not None
    return finding.kind in MASKED_BY_BOXES and bool(finding.boxes)


def as_utf8(name: str) -> str:
    """A name, in which question marks stand for what is no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
