"""What it takes for detections to count as a face: they are followed over frames."""

from __future__ import annotations

import pytest

from faceblur.auditing.face_following import FaceFollower, FollowedFace
from faceblur.auditing.finding_rules import CONFIDENT, judge_face
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.observations import Observation, ObservationSpan

BOX = (100.0, 60.0, 130.0, 100.0)


def followed(*frames: tuple[list[tuple[int, float, bool]], bool]) -> tuple[int, dict[int, float], int]:
    """What is known of a face of which models saw scores in frames, and that was legible in the output or not."""
    follower = FaceFollower(CONFIDENT)
    for number, (seen, legible) in enumerate(frames):
        observation = Observation(number, number / 25, 1.0, "", BOX, 0.9) if legible else None
        assert follower.push(number / 25, [(MergedDetection(BOX, 0.9, seen), observation)]) == []
    (one,) = follower.push(10.0, [])
    return one.confident, one.best, one.legible.frames if one.legible else 0


def by(model: int, score: float, in_crop: bool = False) -> list[tuple[int, float, bool]]:
    return [(model, score, in_crop)]


def test_confident_detections_are_counted() -> None:
    # one frame of noise
    assert followed((by(0, 0.2), True), (by(0, 0.95), True), (by(0, 0.3), True)) == (1, {0: 0.95}, 3)
    # one frame, two detections
    assert followed(([*by(0, 0.95), *by(1, 0.9)], True)) == (2, {0: 0.95, 1: 0.9}, 1)
    # a face that is mostly masked
    assert followed((by(0, 0.95), False), (by(0, 0.8), True), (by(0, 0.95), False)) == (3, {0: 0.8}, 1)
    # only a crop shows a face
    assert followed((by(0, 0.95, True), True)) == (0, {}, 1)


LEGIBLE = ObservationSpan.of(Observation(0, 0.0, 1.0, "", BOX, 0.9))


@pytest.mark.parametrize(
    ("confident", "best", "crops", "models", "kind"),
    [
        (2, {0: 0.8}, {}, 1, "uncovered"),  # the only model there is
        (1, {0: 0.8}, {0: 0.9}, 1, "candidate"),
        (2, {0: 0.8}, {}, 2, "candidate"),  # the other one sees nothing
        (1, {0: 0.8, 1: 0.5}, {}, 2, "uncovered"),  # confirmed by it
        (1, {0: 0.8}, {1: 0.5}, 2, "uncovered"),  # in a crop
        (1, {0: 0.8, 1: 0.1}, {1: 0.5}, 2, "uncovered"),
        (0, {0: 0.55, 1: 0.6}, {}, 2, "uncovered"),
        (0, {0: 0.65}, {0: 0.98, 1: 0.8}, 2, "candidate"),  # a bottle that looks like a face in crops
        (1, {0: 0.95, 1: 0.4}, {}, 2, "candidate"),
        (6, {0: 0.95, 1: 0.11}, {}, 2, "uncovered"),  # over time, and the other one does not reject it
        (20, {0: 0.95, 1: 0.04}, {1: 0.05}, 2, "candidate"),
        (20, {0: 0.6, 1: 0.4}, {}, 2, "candidate"),  # a masked face that ended, and something else in its place
        (6, {1: 0.9}, {0: 0.3}, 2, "uncovered"),
    ],
)
def test_what_is_confirmed_fails_the_audit(
    confident: int, best: dict[int, float], crops: dict[int, float], models: int, kind: str
) -> None:
    assert judge_face(FollowedFace(BOX, 0.0, confident, best, crops, LEGIBLE), CONFIDENT, models) == kind


def test_small_faces_are_candidates() -> None:
    small = ObservationSpan.of(Observation(0, 0.0, 1.0, "", (0.0, 0.0, 12.0, 15.5), 0.9))
    assert judge_face(FollowedFace(BOX, 0.0, 9, {0: 0.9, 1: 0.9}, {}, small), CONFIDENT, 2) == "candidate"


FAR = (10.0, 60.0, 40.0, 100.0)


@pytest.mark.parametrize(
    ("masks", "score", "kind"),
    [
        ([BOX, None, BOX], 0.35, "uncovered"),  # a mask that somebody removed
        ([BOX, None, None], 0.35, "candidate"),  # a masked face that ended, and something else in its place
        ([None, None, BOX], 0.35, "candidate"),
        ([FAR, None, BOX], 0.35, "candidate"),  # the mask of another face
        ([BOX, BOX, BOX], 0.35, "candidate"),  # masked as far as the run saw it
        ([BOX, None, BOX], 0.2, None),
    ],
)
def test_a_hole_in_a_mask_is_a_face(masks: list[tuple[float, ...] | None], score: float, kind: str | None) -> None:
    """The detectors are less sure where somebody removed the masks than in the frames around."""
    assert judge_face(seen_under(masks, by(0, score)), CONFIDENT, 2) == kind


@pytest.mark.parametrize(
    ("masks", "second_score", "kind"),
    [
        ([BOX, None, BOX], 0.5, "uncovered"),
        ([BOX, None, BOX], 0.4, "candidate"),
        ([BOX, None, None], 0.9, "candidate"),  # in crops a bottle looks like a face
    ],
)
def test_a_hole_is_a_face_that_all_models_see_in_crops_only(
    masks: list[tuple[float, ...] | None], second_score: float, kind: str
) -> None:
    """A small face that its frame's small copy does not show."""
    assert judge_face(seen_under(masks, [(0, 0.9, True), (1, second_score, True)]), CONFIDENT, 2) == kind


@pytest.mark.parametrize(
    ("masks", "score", "kind"),
    [
        ([BOX, BOX, None], 0.35, "uncovered"),  # in the last frames
        ([BOX, None, None], 0.35, "uncovered"),
        ([None, BOX, BOX], 0.35, "uncovered"),  # in the first ones
        ([None, None, BOX], 0.35, "uncovered"),
        ([None, None, None], 0.35, "candidate"),  # never masked
        ([FAR, FAR, None], 0.35, "candidate"),
        ([BOX, BOX, None], 0.2, None),
        ([BOX] + 20 * [None], 0.35, "candidate"),  # a masked face that ended, and something else in its place
        (20 * [None] + [BOX], 0.35, "candidate"),
    ],
)
def test_a_mask_that_is_missing_at_the_start_or_the_end_of_the_video_is_a_hole(
    masks: list[tuple[float, float, float, float] | None], score: float, kind: str | None
) -> None:
    follower = FaceFollower(CONFIDENT)
    for number, mask in enumerate(masks):
        observation = Observation(number, number / 25, 1.0, "", BOX, score) if mask != BOX else None
        # A model is sure of it in some frame, also where it is masked.
        seen = by(0, score) if observation else by(0, 0.9)
        detections = [(MergedDetection(BOX, score, seen), observation)]
        assert follower.push(number / 25, detections, [] if mask is None else [mask]) == []
    (face,) = follower.flush()
    face.confident = 1
    assert judge_face(face, CONFIDENT, 2) == kind


@pytest.mark.parametrize(
    ("masks", "cut", "kind"),
    [
        ([BOX, BOX, None, FAR, FAR], 3, "uncovered"),  # right before the cut
        ([BOX, None, None, FAR, FAR], 3, "uncovered"),
        ([FAR, FAR, None, BOX, BOX], 2, "uncovered"),  # right after it
        ([FAR, FAR, None, None, BOX], 2, "uncovered"),
        ([BOX, BOX, None, FAR, FAR], 9, "candidate"),  # no cut
        ([FAR, BOX, None, None, BOX, FAR], 3, "uncovered"),  # on both sides
        ([BOX, *(20 * [None]), FAR], 21, "candidate"),  # a masked face that ended, and something else in its place
    ],
)
def test_a_mask_that_is_missing_at_a_cut_is_a_hole(
    masks: list[tuple[float, float, float, float] | None], cut: int, kind: str
) -> None:
    follower = FaceFollower(CONFIDENT)
    for number, mask in enumerate(masks):
        observation = Observation(number, number / 25, 1.0, "", BOX, 0.35) if mask is None else None
        seen = [] if mask == FAR else [(MergedDetection(BOX, 0.9, by(0, 0.35 if observation else 0.9)), observation)]
        follower.push(number / 25, seen, [] if mask is None else [mask], cut=number == cut)
    (face,) = follower.flush()
    face.confident = 1
    assert judge_face(face, CONFIDENT, 2) == kind


def seen_under(masks: list[tuple[float, ...] | None], seen: list[tuple[int, float, bool]]) -> FollowedFace:
    """A face in three frames, detected in all and legible in the second one, where it is `seen` like this."""
    follower = FaceFollower(CONFIDENT)
    for number, mask in enumerate(masks):
        clear = number == 1
        score = max(score for _, score, _ in seen) if clear else 0.9
        observation = Observation(number, number / 25, 1.0, "", BOX, score) if clear else None
        detection = MergedDetection(BOX, score, seen if clear else by(0, 0.9))
        follower.push(number / 25, [(detection, observation)], [] if mask is None else [mask])  # type: ignore[list-item]
    (face,) = follower.flush()
    return face
