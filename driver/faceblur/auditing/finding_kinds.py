"""The kinds of findings, the worst first, those that make an audit fail and those to watch; what people say of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

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
# What is clear and has no mask: it is mended by boxes.
MASKED_BY_BOXES: tuple[FindingKind, ...] = ("uncovered", "candidate")
# What a person says of a finding, and who: a name that is typed.
Verdict = Literal["fine", "mask", "no-face", "unclear"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
