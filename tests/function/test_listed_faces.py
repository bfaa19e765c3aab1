"""Which faces a reply lists: those that have an area, and not more than a reply may have."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur_function.defaults import MAX_FACES
from faceblur_function.detectors.detector import Faces
from faceblur_function.errors import WireError
from faceblur_function.service import _groups, limit_faces, redact_faces, to_wire
from faceblur_function.wire import Face, RequestOptions


def test_a_box_that_lay_outside_of_the_frame_is_not_listed() -> None:
    boxes = np.array([[1, 2, 9, 12], [16, 2, 16, 12], [1, 16, 9, 16], [3, 3, 3.001, 9]], np.float32)
    listed = to_wire(Faces(boxes, np.full(4, 0.9, np.float32), np.zeros((4, 5, 2), np.float32)))
    assert [face.box for face in listed] == [(1, 2, 9, 12)]


def test_of_too_many_faces_the_best_are_listed() -> None:
    faces = [Face(box=(0, 0, 1, 1), score=index / 10_000) for index in range(MAX_FACES + 10)]
    limit_faces(faces, 0.3, 0)
    assert len(faces) == MAX_FACES and faces[0].score == 0.4105 and faces[-1].score == 0.001


def test_a_face_that_is_redacted_is_never_left_out() -> None:
    faces = [Face(box=(0, 0, 1, 1), score=0.3) for _ in range(MAX_FACES + 1)]
    with pytest.raises(WireError, match="frame 7: more than 4096 faces") as raised:
        limit_faces(faces, 0.3, 7)
    assert raised.value.code == "too_many_faces" and raised.value.frame == 7


def test_a_face_of_just_the_threshold_is_redacted() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    clear, faces = frame.copy(), [Face(box=(5, 5, 25, 25), score=0.3), Face(box=(50, 30, 70, 50), score=0.2999)]
    redact_faces(frame, faces, RequestOptions(threshold=0.3))
    assert (frame[5:25, 5:25] != clear[5:25, 5:25]).mean() > 0.9
    assert (frame[:, 40:] == clear[:, 40:]).all()


@pytest.mark.parametrize("sizes", [[(8000, 4000)] * 5, [(9000, 9000)] * 3, [(10, 10), (8000, 8000), (10, 10)]])
def test_no_frame_is_lost_between_the_groups(sizes: list[tuple[int, int]]) -> None:
    groups = list(_groups(sizes))
    assert [index for group in groups for index in group] == list(range(len(sizes)))
    assert all(len(one) == 1 or sum(sizes[at][0] * sizes[at][1] for at in one) <= 64e6 for one in groups)


def test_what_is_redacted_is_listed_whatever_is_asked_for() -> None:
    for asked, listed in ((None, 0.3), (0.05, 0.05), (0.8, 0.3)):
        assert RequestOptions(threshold=0.3, report_threshold=asked).listed_from == listed
