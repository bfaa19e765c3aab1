"""The rules of an audit: the kinds of findings, which of them make it fail, and when a detection is an unmasked face.

What counts as legible is in legibility.py, as changed in changed_areas.py, as misplaced in frame_order.py. What is
worth watching in a sidecar alone is in sidecar_checks.py.
"""

from __future__ import annotations

from typing import Literal

from faceblur.auditing.face_following import FollowedFace

# What makes an audit fail, and what a person should watch; both with the worst kind first.
FailingKind = Literal["exposed", "uncovered", "unsearched", "location", "missing", "extra", "order", "time"]
WatchKind = Literal["spared", "candidate", "changed", "damaged", "long_gap", "short_track", "low_score"]
FindingKind = FailingKind | WatchKind
FINDINGS: tuple[FailingKind, ...] = (
    *("exposed", "uncovered", "unsearched", "location"),
    *("missing", "extra", "order", "time"),
)
WATCH: tuple[WatchKind, ...] = ("spared", "candidate", "changed", "damaged", "long_gap", "short_track", "low_score")

# From this score on, or the run's threshold if that is higher, a detection is confident; a location with two confident
# detections, at the two sizes or in two frames, counts as a face. On clips without an unmasked face (560 frames: a
# street, people, an animation) what was no face came to 0.8 in one frame of a pattern, and to 0.66 elsewhere. What
# scores lower is a candidate; below MIN_CANDIDATE it is not reported.
CONFIDENT, CONFIDENT_DETECTIONS, MIN_CANDIDATE = 0.7, 2, 0.3
# Smaller faces, in pixels of height, are candidates only: it is from here on that benchmarks/leaks.py counts them.
MIN_HEIGHT = 16.0


def confident_score(threshold: float) -> float:
    """The score from which a detection is confident, of an output that was made with this threshold."""
    return max(CONFIDENT, threshold)


def judge_face(face: FollowedFace, confident: float) -> FindingKind | None:
    """Whether what was followed is an unmasked face, a candidate, or None: nothing to report."""
    if face.legible is None:
        return None
    worst = face.legible.worst
    height = worst.box[3] - worst.box[1] if worst.box else 0.0
    if face.score >= confident and face.confident >= CONFIDENT_DETECTIONS and height >= MIN_HEIGHT:
        return "uncovered"
    return "candidate" if (worst.score or 0.0) >= MIN_CANDIDATE else None
