"""Every label format with its traps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faceblur.base.errors import UsageError
from faceblur.evaluation.label_formats import read_coco, read_mot, read_wider
from faceblur.evaluation.labels import Label
from tests.evaluation.labelled import (
    ANNOTATION,
    WIDER_BEGIN,
    coco_with,
    invoke,
)


def test_wider_s_dummy_line_stands_for_no_face_and_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    none = "none.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
    expected = {
        "a/b.jpg": [Label((1, 2, 31, 42)), Label((5, 6, 75, 86), ignored=True)],
        "none.jpg": [],
        "last one.jpg": [Label((3, 4, 3, 9), ignored=True)],
    }
    for dummy in (none, "none.jpg\n0\n"):
        text = WIDER_BEGIN + dummy + "last one.jpg\n1\n3 4 0 5 0 0 0 0 0 0\n\n"
        for variant in (text, text.replace("\n", "\r\n"), "\ufeff" + text):
            path.write_bytes(variant.encode())
            assert read_wider(path) == expected


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (WIDER_BEGIN + "c.jpg\nmany\n", 6, "'many' is no number of faces"),
        (WIDER_BEGIN.replace("2\n1", "1\n1"), 4, "a face where the name of the next image should be"),
        (WIDER_BEGIN + "c.jpg\n", 5, "the file ends where the number of faces should be"),
        (WIDER_BEGIN.replace("2\n1", "3\n1") + "c.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n", 5, "'c.jpg' where numbers should be"),
        (WIDER_BEGIN.replace("2\n1", "3\n1"), 4, "the file ends after 2 of 3 faces"),
        (WIDER_BEGIN + "c.jpg\n1\n1 2 3 4\n", 7, "4 numbers where a face has 10"),
        (WIDER_BEGIN + "c.jpg\n1\n1 2 -3 4 0 0 0 0 0 0\n", 7, "a box of -3x4 pixels"),
        (WIDER_BEGIN + "c.jpg\n1\n1 2 nan 4 0 0 0 0 0 0\n", 7, "a box is four numbers"),
        (WIDER_BEGIN + WIDER_BEGIN, 5, "a/b.jpg is there twice"),
    ],
)
def test_broken_wider_labels_are_named_by_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = tmp_path / "x_bbx_gt.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(f"{path}: line {line}: {reason}")):
        read_wider(path)
    result = invoke(tmp_path)
    assert (result.exit_code, result.stderr.splitlines()) == (2, [f"error: {path}: line {line}: {reason}"])


def test_coco_s_other_categories_and_crowds_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    given = [ANNOTATION | more for more in ({}, {"category_id": 2}, {"iscrowd": 1}, {"ignore": 1})]
    path.write_text(coco_with(annotations=given))
    counted, ignored = Label((1, 2, 31, 42)), Label((1, 2, 31, 42), ignored=True)
    assert read_coco(path) == {"a.jpg": [counted, ignored, ignored]}
    path.write_text(coco_with(categories=[{"id": 1, "name": "head"}]))
    assert read_coco(path) == {"a.jpg": [counted]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"images": [\n}', "line 2: not JSON"),
        ("[]", "the file is not as in COCO's JSON"),
        ("{}", "the file: 'categories' is missing"),
        (coco_with(categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]), "none of its 2 categories is"),
        (coco_with(images=[{"id": 1}]), "image 0: 'file_name' is missing"),
        (coco_with(images=[{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]), "image 1: b or its id 1 is"),
        (coco_with(annotations=[ANNOTATION | {"image_id": 9}]), "annotation 0: 9 is missing"),
        (coco_with(annotations=[ANNOTATION | {"bbox": [1, 2, 3]}]), "annotation 0: a box is four numbers"),
        (coco_with(annotations=[ANNOTATION | {"bbox": [1, 2, "3", 4]}]), "annotation 0: a box is four numbers"),
        (coco_with(annotations=[ANNOTATION | {"bbox": [1, 2, 10**400, 4]}]), "annotation 0: a box beyond 1,000,000"),
        (
            coco_with(annotations=[ANNOTATION | {"bbox": [1, 2, float("nan"), 4]}]),
            "annotation 0: a box is four numbers",
        ),
        (coco_with(annotations=[ANNOTATION | {"bbox": None}]), "annotation 0 is not as in COCO's JSON"),
    ],
)
def test_broken_coco_labels_are_named_by_location(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(reason)) as caught:
        read_coco(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_mot_labels_count_frames_from_1_and_ignore_what_the_challenge_ignores(tmp_path: Path) -> None:
    path = tmp_path / "x.gt.txt"
    path.write_text("1,1,10,20,30,40,1,1,1\n3,1,11,20,30,40\n3, 2, 50.5, 60, 10, 12, 0, 1, 0.5\n")
    assert read_mot(path) == {
        0: [Label((10, 20, 40, 60))],
        2: [Label((11, 20, 41, 60)), Label((50.5, 60, 60.5, 72), ignored=True)],
    }


@pytest.mark.parametrize(
    "row", ["0,1,2,3,4,5", "1.5,1,2,3,4,5", "1,1,2,3,4", "frame,id,x,y,w,h", "1,1,2,3,-4,5", "1,1,2,3,1e308,5"]
)
def test_broken_mot_labels_are_named_by_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "x.gt.txt"
    path.write_text(f"1,1,2,3,4,5\n{row}\n")
    with pytest.raises(UsageError, match=re.escape(f"{path}: line 2: ")):
        read_mot(path)
