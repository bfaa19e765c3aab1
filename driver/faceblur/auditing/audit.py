"""The audit of one output: connects to the detectors, and compares the output with its source."""

from __future__ import annotations

from pathlib import Path

from faceblur.auditing.detectors import connected
from faceblur.auditing.file_audit import OnProgress, audit_files, opened
from faceblur.auditing.report import AuditReport
from faceblur.detection.endpoint import Endpoint
from faceblur.redaction.sidecar_files import sidecar_path


async def audit(
    source: Path,
    output: Path,
    sidecar: Path | None = None,
    *,
    endpoint: Endpoint,
    on_progress: OnProgress | None = None,
    write: bool = True,
) -> AuditReport:
    """Compare an output with its source; `sidecar` None is the one beside the output. May be cancelled.

    `on_progress` is called in the event loop's thread: at the begin of each stage, and for each frame. `write` writes
    the report as JSON and as an HTML page beside the output (`report_path`); when it is interrupted, the next audit
    goes on. Raises UsageError, MediaError or SidecarError for files that cannot be compared or written, FunctionError
    when a detector does not answer.
    """
    files = await opened(source, output, sidecar or sidecar_path(output))
    async with connected(endpoint) as detectors:
        return await audit_files(files, detectors, on_progress=on_progress, write=write)
