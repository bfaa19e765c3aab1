"""The kinds of findings, the worst first: those that make an audit fail, and those that a person should watch."""

from __future__ import annotations

from typing import Literal

FailingKind = Literal["exposed", "uncovered", "unsearched", "location", "missing", "extra", "order", "time"]
WatchKind = Literal[
    "rest", "spared", "rejected", "candidate", "changed", "damaged", "long_gap", "short_track", "low_score"
]
FindingKind = FailingKind | WatchKind
FINDINGS: tuple[FailingKind, ...] = (
    *("exposed", "uncovered", "unsearched", "location"),
    *("missing", "extra", "order", "time"),
)
WATCH: tuple[WatchKind, ...] = (
    *("rest", "spared", "rejected", "candidate", "changed", "damaged"),
    *("long_gap", "short_track", "low_score"),
)
