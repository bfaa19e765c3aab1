"""What a release says of each output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from faceblur.auditing.report import AuditReport


@dataclass(frozen=True, slots=True)
class Releasable:
    """An output that may be released if it has this SHA-256: its audit, and how many findings were judged harmless."""

    sha256: str
    report: AuditReport
    judged: int


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """An output by its path below the folder, and whether it is in the release; `reason` says why it is not."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("output", "state", "reason", "sha256", "source", "frames", "spared", "judged_harmless", "to_watch"),
        *("audited_by",),
    )
    name: str
    state: Literal["released", "unchanged", "kept back"]
    reason: str = ""
    facts: Releasable | None = None

    @property
    def is_released(self) -> bool:
        return self.state != "kept back"

    def row(self) -> dict[str, Any]:
        """As a line of the record."""
        row: dict[str, Any] = {"output": self.name, "state": self.state, "reason": self.reason}
        if self.facts is None:
            return row
        report = self.facts.report
        return row | {
            "sha256": self.facts.sha256,
            "source": report.source,
            "frames": report.facts.output_frames,
            "spared": report.counts.get("spared", 0),
            "judged_harmless": self.facts.judged,
            "to_watch": len(report.watch),
            "audited_by": ", ".join(one.model for one in report.detectors),
        }
