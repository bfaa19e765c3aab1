"""Which faces a reply lists: those that have an area, and not more than a reply may have."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur_function.defaults import MAX_FACES
from faceblur_function.detectors.detector import Faces
from faceblur_function.errors import WireError
from faceblur_function.service import limit_faces, to_wire
from faceblur_function.wire import Face


def test_a_box_that_lay_outside_of_the_frame_is_not_listed() -> None:
    boxes = np.array([[1, 2, 9, 12], [16, 2, 16, 12], [1, 16, 9, 16], [3, 3, 3.001, 9]], np.float32)
    listed = to_wire(Faces(boxes, np.full(4, 0.9, np.float32), np.zeros((4, 5, 2), np.float32)))
    assert [face.box for face in listed] == [(1, 2, 9, 12)]


def test_of_too_many_faces_the_best_are_listed() -> None:
    faces = [Face(box=(0, 0, 1, 1), score=index / 10_000) for index in range(MAX_FACES + 10)]
    limit_faces(faces, 0.3, 0)
    assert len(faces) == MAX_FACES and faces[0].score == 0.4105 and faces[-1].score == 0.001


def test_a_face_that_is_redacted_is_never_left_out() -> None:
    faces = [Face(box=(0, 0, 1, 1), score=0.5) for _ in range(MAX_FACES + 1)]
    with pytest.raises(WireError, match="frame 7: more than 4096 faces") as raised:
        limit_faces(faces, 0.3, 7)
    assert raised.value.code == "too_many_faces" and raised.value.frame == 7
