"""How far an audit is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AuditStage = Literal["check", "report"]


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """How far a stage of the audit is: `frames` are done of `total`, which is None where the file does not say it.

    `faces` is the number of listed faces in these frames.
    """

    stage: AuditStage
    frames: int = 0
    total: int | None = None
    faces: int = 0
