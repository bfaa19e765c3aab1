"""The rules of an audit: when a detection is an unmasked face.

What counts as legible is in legibility.py, as changed in changed_areas.py, as misplaced in frame_order.py. What is
worth watching in a sidecar alone is in sidecar_checks.py.
"""

from __future__ import annotations

from faceblur.auditing.face_following import FollowedFace
from faceblur.auditing.finding_kinds import FindingKind
from faceblur.auditing.merged_detections import MergedDetection

# From this score on, or the run's threshold if that is higher, a detection is confident; what has two confident
# detections, in two looks or in two frames, may be a face. What scores lower is a candidate; below MIN_CANDIDATE it is
# not reported.
CONFIDENT, CONFIDENT_DETECTIONS, MIN_CANDIDATE = 0.7, 2, 0.3
# With several models, what one of them is confident of is a face when another one scores CONFIRMED in some look, in a
# crop too, or when that one is confident in OVER_TIME looks and another one scores at least REJECTED in some look. What
# two of them score CONFIRMED in the frame is a face as well. Measured on nine clips (benchmarks/exposure.md).
CONFIRMED, OVER_TIME, REJECTED = 0.5, 6, 0.1
# What is masked just before and after, and of which a model is confident in some frame, is a face in between as well,
# at this score, or where all models score CONFIRMED in crops: a run masks the gaps of a track.
IN_HOLE = 0.3
# Smaller faces, in pixels of height, are candidates only: it is from here on that benchmarks/leaks.py counts them.
MIN_HEIGHT = 16.0


def confident_score(threshold: float) -> float:
    """The score from which a detection is confident, of an output that was made with this threshold."""
    return max(CONFIDENT, threshold)


def judge_face(face: FollowedFace, confident: float, models: int) -> FindingKind | None:
    """Whether what was followed is an unmasked face, a candidate, or None: nothing to report.

    `confident` is the score from which a detection counts, `models` the number of detectors that look at it.
    """
    if face.legible is None:
        return None
    worst = face.legible.worst
    height = worst.box[3] - worst.box[1] if worst.box else 0.0
    if height >= MIN_HEIGHT and _is_face(face, confident, models):
        return "uncovered"
    return "candidate" if (worst.score or 0.0) >= MIN_CANDIDATE else None


def is_added_face(detection: MergedDetection, confident: float, models: int) -> bool:
    """Whether what a single image shows is a face: large enough, and a model is confident of it.

    Where there are several models, another one has to confirm it.
    """
    best: dict[int, float] = {}
    for model, score, _ in detection.seen:
        best[model] = max(score, best.get(model, 0.0))
    is_confirmed = models == 1 or sum(score >= CONFIRMED for score in best.values()) > 1
    return detection.box[3] - detection.box[1] >= MIN_HEIGHT and max(best.values()) >= confident and is_confirmed


def _is_face(face: FollowedFace, confident: float, models: int) -> bool:
    """Whether what is seen where the output shows it is a face: by two models, or confidently and over time."""
    best = max(face.best.values(), default=0.0)
    in_crops = sum(score >= CONFIRMED for score in face.crops.values())
    if face.is_hole and face.confident > 0 and (best >= IN_HOLE or in_crops == models):
        return True
    if models == 1:
        return best >= confident and face.confident >= CONFIDENT_DETECTIONS
    seen = {model: max(face.best.get(model, 0.0), face.crops.get(model, 0.0)) for model in face.best | face.crops}
    if sum(score >= CONFIRMED for score in face.best.values()) > 1:
        return True
    # Of the models that are confident in the frame, another one has to confirm it.
    second = max((min(seen[model], CONFIRMED) for model in seen if face.best.get(model, 0.0) < best), default=0.0)
    if best < confident:
        return False
    return second >= CONFIRMED or (face.confident >= OVER_TIME and second >= REJECTED)
