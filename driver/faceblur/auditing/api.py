"""The API's function that audits an output: it blocks until the audit is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from faceblur.auditing import audit as auditing
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport
from faceblur.base.blocking import run_blocking
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.arguments import endpoint


def audit(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    sidecar: str | os.PathLike[str] | None = None,
    *,
    function: Sequence[str] | Endpoint = (),
    on_progress: Callable[[AuditProgress], None] | None = None,
    write: bool = True,
) -> AuditReport:
    """Compare an output with its source before it is published; `sidecar` None is the one beside the output.

    `function` is as in `blur`; each URL is a detector of its own. `write` writes the report as JSON and as an HTML page
    beside the output. Raises UsageError, MediaError or SidecarError for files that cannot be compared, FunctionError
    when a detector does not answer.

    >>> faceblur.audit("videos/clip.mp4", "blurred/clip.mp4").passed
    """
    files = Path(source), Path(output), None if sidecar is None else Path(sidecar)
    return run_blocking(auditing.audit(*files, endpoint=endpoint(function), on_progress=on_progress, write=write))
