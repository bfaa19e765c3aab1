"""Makes the faces in video archives disappear: the library behind the command line.

>>> import faceblur
>>> report = faceblur.blur("videos", "blurred")
>>> report.ok
True

A name's module is loaded when the name is first used, so that `import faceblur` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from faceblur_function import __version__

if TYPE_CHECKING:
    from faceblur.auditing.api import audit
    from faceblur.auditing.progress import AuditProgress
    from faceblur.auditing.report import AuditReport
    from faceblur.base import events
    from faceblur.base.errors import (
        FaceblurError,
        FramesChange,
        FunctionError,
        InvalidReply,
        LedgerAway,
        LedgerError,
        MediaError,
        NoVideo,
        OutsideFrame,
        RequestRejected,
        RequestTooLarge,
        SidecarError,
        Unavailable,
        UsageError,
    )
    from faceblur.base.options import Changes, Options
    from faceblur.cli.progress import RunProgress
    from faceblur.detection.endpoint import Endpoint
    from faceblur.evaluation.api import evaluate
    from faceblur.evaluation.progress import EvaluationProgress
    from faceblur.evaluation.report import EvaluationReport
    from faceblur.jobs.api import blur, blur_images, render
    from faceblur.jobs.report import FileReport, Report
    from faceblur.jobs.session import Session
    from faceblur.redaction.sidecar_files import Sidecar, read_sidecar, sidecar_path, write_sidecar
    from faceblur.redaction.sidecar_format import FrameLine, FunctionUsed, Header, Identity, SettingsUsed, SidecarFace

__all__ = [
    "AuditProgress",
    "AuditReport",
    "Changes",
    "Endpoint",
    "EvaluationProgress",
    "EvaluationReport",
    "FaceblurError",
    "FileReport",
    "FrameLine",
    "FramesChange",
    "FunctionError",
    "FunctionUsed",
    "Header",
    "Identity",
    "InvalidReply",
    "LedgerAway",
    "LedgerError",
    "MediaError",
    "NoVideo",
    "Options",
    "OutsideFrame",
    "Report",
    "RequestRejected",
    "RequestTooLarge",
    "RunProgress",
    "Session",
    "SettingsUsed",
    "Sidecar",
    "SidecarError",
    "SidecarFace",
    "Unavailable",
    "UsageError",
    "__version__",
    "audit",
    "blur",
    "blur_images",
    "evaluate",
    "events",
    "read_sidecar",
    "render",
    "sidecar_path",
    "write_sidecar",
]

_NAMES = {
    "faceblur.auditing.api": "audit",
    "faceblur.auditing.progress": "AuditProgress",
    "faceblur.auditing.report": "AuditReport",
    "faceblur.base.errors": "FaceblurError FramesChange FunctionError InvalidReply LedgerAway LedgerError MediaError "
    "NoVideo OutsideFrame RequestRejected RequestTooLarge SidecarError Unavailable UsageError",
    "faceblur.base.options": "Changes Options",
    "faceblur.cli.progress": "RunProgress",
    "faceblur.detection.endpoint": "Endpoint",
    "faceblur.evaluation.api": "evaluate",
    "faceblur.evaluation.progress": "EvaluationProgress",
    "faceblur.evaluation.report": "EvaluationReport",
    "faceblur.jobs.api": "blur blur_images render",
    "faceblur.jobs.report": "FileReport Report",
    "faceblur.jobs.session": "Session",
    "faceblur.redaction.sidecar_format": "FrameLine FunctionUsed Header Identity SettingsUsed SidecarFace",
    "faceblur.redaction.sidecar_files": "Sidecar read_sidecar sidecar_path write_sidecar",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "events":
        return importlib.import_module("faceblur.base.events")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'faceblur' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
