"""Whether an output may be released: it was audited as it is, and a person judged what the audit holds against it."""

from __future__ import annotations

from pathlib import Path

from faceblur.auditing.file_digests import sha256_of
from faceblur.auditing.finding_kinds import FINDINGS
from faceblur.auditing.report import AuditReport, read_report
from faceblur.auditing.verdicts import key_of, read_verdicts
from faceblur.base.counted import counted
from faceblur.base.errors import FaceblurError
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from faceblur.releasing.released import Releasable

# Verdicts by which a finding does not keep an output back. One to mask is gone once it is masked and audited again.
HARMLESS = ("fine", "no-face")


class NotReleasable(FaceblurError):
    """An output may not be released, and why."""


def releasable(output: Path) -> Releasable:
    """What lets an output be released. Raises NotReleasable, SidecarError or OSError."""
    sidecar = sidecar_path(output)
    if not sidecar.exists():
        raise NotReleasable(f"it has no sidecar {sidecar.name}: no run of faceblur wrote it")
    report = read_report(output)
    if report is None:
        raise NotReleasable("it was not audited: faceblur audit SOURCE OUTPUT")
    if report.sha256 is None:
        raise NotReleasable("it was audited by an older version: audit it again")
    if sha256_of(sidecar) != report.sha256.sidecar:
        raise NotReleasable("its sidecar was changed after the audit: audit it again")
    if sha256_of(edits_path(sidecar)) != report.sha256.edits:
        raise NotReleasable("it was edited after the audit: audit it again, once the edits are in it (faceblur edit)")
    return Releasable(report.sha256.output or "", report, _judged_harmless(output, report))


def _judged_harmless(output: Path, report: AuditReport) -> int:
    """How many findings that make the audit fail were judged harmless: all of them. Raises NotReleasable."""
    verdicts = read_verdicts(output)
    harmless = sum(verdicts.get(key_of(one)) in HARMLESS for one in report.findings)
    failing = sum(report.counts.get(kind, 0) for kind in FINDINGS)
    if harmless < failing:
        what = counted(failing - harmless, "finding is open", "findings are open")
        raise NotReleasable(f"{what}: mend what is exposed, or judge it (faceblur review)")
    return harmless
