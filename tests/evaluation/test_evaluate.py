"""`faceblur evaluate`: numbers that can be counted by hand, every label format with its traps, the gate, the sweeps."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from examples.sample_clip import Image, write_clip
from faceblur.base.errors import UsageError
from faceblur.cli.app import main
from faceblur.detection.connect import Endpoint
from faceblur.evaluation import exposure as exposure_module
from faceblur.evaluation.command import EvaluationSettings, Wanted, evaluate
from faceblur.evaluation.datasets import find_dataset
from faceblur.evaluation.exposure import Clip, ClipFrame, covered_share, ellipses, exposure
from faceblur.evaluation.labels import Label, read_coco, read_mot, read_sidecar, read_wider
from faceblur.evaluation.scores import Sample, match
from faceblur.redaction.sidecar import SidecarReader
from faceblur.tracking.boxes import Box
from faceblur.tracking.scenes import Step
from faceblur.tracking.tracker import Detection
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import EXIF_ORIENTATION, decode_image
from faceblur_function.masks import regions
from tests.support import clips as media
from tests.support.hostile import scripted

Faces = dict[str, list[tuple[Box, bool]]]  # by image; the flag marks the ignored ones
Labelled = tuple[Path, Faces]
# The astronaut's face with some surroundings, and where the face is in this crop.
CROP, IN_CROP = (slice(20, 230), slice(125, 330)), (53, 37, 148, 157)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *[str(argument) for argument in arguments]])


def paste(face: Image, canvas: Image, height: float, left: int, top: int) -> Box:
    """Put a real face, `height` pixels high, into a canvas; its box."""
    scale = height / (IN_CROP[3] - IN_CROP[1])
    crop = cv2.resize(face[CROP], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    x1, y1, x2, y2 = (side * scale for side in IN_CROP)
    return left + x1, top + y1, left + x2, top + y2


def blank(width: int = 640, height: int = 400) -> Image:
    return np.full((height, width, 3), 110, np.uint8)


def xywh(box: Box) -> list[int]:
    return [round(box[0]), round(box[1]), round(box[2] - box[0]), round(box[3] - box[1])]


def wider(images: Faces) -> str:
    text = ""
    for name, faces in images.items():
        rows = [f"{' '.join(map(str, xywh(box)))} 0 0 0 {int(ignored)} 0 0 \n" for box, ignored in faces]
        text += f"{name}\n{len(faces)}\n" + ("".join(rows) or "0 0 0 0 0 0 0 0 0 0 \n")
    return text


def coco(images: Faces) -> str:
    annotations = [
        {"image_id": 10 + index, "category_id": 3, "bbox": xywh(box), "iscrowd": int(ignored)}
        for index, faces in enumerate(images.values())
        for box, ignored in faces
    ]
    listed = [{"id": 10 + index, "file_name": name} for index, name in enumerate(images)]
    return json.dumps(
        {
            "images": listed,
            "annotations": annotations,
            "categories": [{"id": 3, "name": "face"}, {"id": 4, "name": "dog"}],
        }
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Labelled:
    """Images, and labels of which the detector finds 3 of 5, besides a false one and one to be ignored."""
    folder = tmp_path_factory.mktemp("labelled") / "images"
    (folder / "0--Parade").mkdir(parents=True)
    first, second = blank(), blank()
    nothing = (500.0, 20.0, 560.0, 90.0)
    a, b = paste(face, first, 80, 20, 20), paste(face, first, 40, 300, 200)
    c, ignored = paste(face, second, 100, 30, 150), paste(face, second, 60, 300, 20)
    labels = {
        "0--Parade/a b.png": [(a, False), (nothing, False), (b, False)],
        "0--Parade/empty.png": [],
        "second.png": [(c, False), (ignored, True), ((600.0, 350.0, 606.0, 358.0), False)],
    }
    paste(face, second, 70, 450, 200)  # a face that nobody labelled counts as false
    for name, picture in zip(labels, (first, blank(), second), strict=True):
        cv2.imwrite(str(folder / name), picture)
    return folder, labels


FOUND_A, FOUND_B = (10.0, 10.0, 50.0, 60.0), (100.0, 10.0, 140.0, 60.0)
ELSEWHERE = (300.0, 200.0, 340.0, 250.0)


@pytest.mark.parametrize(
    ("labels", "found", "recall", "precision", "ap"),
    [
        # One of two faces found and a weaker false one: at 51 of COCO's 101 recalls the precision is 1.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.9), (ELSEWHERE, 0.8)], 1 / 2, 1 / 2, 51 / 101),
        # The false one is the surer one.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.8), (ELSEWHERE, 0.9)], 1 / 2, 1 / 2, 51 / 101 / 2),
        # The same face found twice is one false box; one below the threshold counts for the AP alone.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.9), (FOUND_A, 0.7), (FOUND_B, 0.1)], 1 / 2, 1 / 2, (51 + 50 * 2 / 3) / 101),
        ([FOUND_A], [(FOUND_A, 0.9)], 1.0, 1.0, 1.0),
        ([FOUND_A], [], 0.0, None, 0.0),
        ([], [(FOUND_A, 0.9)], None, 0.0, None),
        ([], [], None, None, None),
        # Half of the box is IoU 0.5 and enough; less is not.
        ([FOUND_A], [((10.0, 10.0, 50.0, 35.0), 0.9)], 1.0, 1.0, 1.0),
        ([FOUND_A], [((10.0, 10.0, 50.0, 34.0), 0.9)], 0.0, 0.0, 0.0),
    ],
)
def test_numbers_counted_by_hand(
    labels: list[Box], found: list[tuple[Box, float]], recall: float | None, precision: float | None, ap: float | None
) -> None:
    sample = Sample([Label(box) for box in labels], [Detection(*one) for one in found])
    score = match([sample])["all"].at(0.3)
    assert (score.recall, score.precision) == (recall, precision)
    assert score.ap == (None if ap is None else pytest.approx(ap))


def test_ignored_faces_count_neither_as_missed_nor_as_false() -> None:
    sample = Sample([Label(FOUND_A), Label(FOUND_B, ignored=True)], [Detection(FOUND_A, 0.9), Detection(FOUND_B, 0.8)])
    score = match([sample])["all"].at(0.3)
    assert (score.faces, score.found, score.false, score.recall, score.precision) == (1, 1, 0, 1.0, 1.0)
    assert score.ap == pytest.approx(1)
    assert match([Sample([Label(FOUND_B, ignored=True)], [])])["all"].at(0.3).recall is None


def test_bands_of_heights_part_at_their_first_pixel() -> None:
    heights = [10, 15.5, 16, 31.9, 32, 63, 64, 500]
    labels = [Label((100.0 * i, 0.0, 100.0 * i + 20, height)) for i, height in enumerate(heights)]
    bands = match([Sample(labels, [Detection(one.box, 0.9) for one in labels[::2]])])
    assert {name: band.faces for name, band in bands.items()} == {
        "all": 8, "under 16": 2, "16 to 32": 2, "32 to 64": 2, "64 and more": 2, "16 and more": 6,
    }  # fmt: skip
    assert all(band.at(0.3).recall == 0.5 for band in bands.values())
    # A false box counts in the band of its own height.
    false = match([Sample([], [Detection((0, 0, 30, 40), 0.9)])])
    assert {name for name, band in false.items() if band.at(0.3).false} == {"all", "32 to 64", "16 and more"}


def test_a_crowd_in_one_image_is_counted_whole() -> None:
    boxes = [(30.0 * x, 30.0 * y, 30.0 * x + 20, 30.0 * y + 25) for x in range(20) for y in range(15)]
    score = match([Sample([Label(box) for box in boxes], [Detection(box, 0.9) for box in boxes])])["all"].at(0.3)
    assert (score.faces, score.found, score.recall, score.ap) == (300, 300, 1.0, pytest.approx(1))


def test_images_in_both_formats_give_the_same_numbers(pictures: Labelled, function_url: str, tmp_path: Path) -> None:
    folder, labels = pictures
    (tmp_path / "val_bbx_gt.txt").write_text(wider(labels))
    (tmp_path / "labels.json").write_text(coco(labels))
    numbers = []
    for name in ("val_bbx_gt.txt", "labels.json"):
        out = tmp_path / "numbers.out"
        result = invoke(tmp_path / name, "--images", folder, "--function", function_url, "--json", out)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        numbers.append(json.loads(out.read_text()))
    assert numbers[0] == numbers[1]
    assert numbers[0]["dataset"] == {"images": 3, "videos": 0, "faces": 5, "ignored": 1}
    by_height = {one["height"]: one for one in numbers[0]["scores"]}
    whole = by_height["all"]
    assert (whole["faces"], whole["found"], whole["false"]) == (5, 3, 1)
    assert (whole["recall"], whole["precision"]) == (3 / 5, 3 / 4)
    # All real faces score nearly 1: the AP lies between that of the false one first and last.
    assert 0.75 * 61 / 101 <= whole["ap"] <= 61 / 101
    assert {name: (one["faces"], one["found"]) for name, one in by_height.items()} == {
        "all": (5, 3), "under 16": (1, 0), "16 to 32": (0, 0), "32 to 64": (1, 1), "64 and more": (3, 2),
        "16 and more": (4, 3),
    }  # fmt: skip
    rows = [re.split(r" *│ *", line) for line in result.stdout.splitlines()]
    assert ["16 and more", "4", "3", "1", "0.750", "0.750"] in [row[:6] for row in rows]
    assert numbers[0]["function"]["model"] == "retinaface-mobilenet0.25"


@pytest.mark.parametrize(("asked", "code"), [("0.75", 0), ("0.76", 1), ("0", 0), ("1", 1)])
def test_the_gate(
    pictures: Labelled,
    function_url: str,
    tmp_path: Path,
    asked: str,
    code: int,
) -> None:
    folder, labels = pictures
    (folder.parent / "val_bbx_gt.txt").write_text(wider(labels))
    out = tmp_path / "numbers.json"
    result = invoke(folder.parent, "--function", function_url, "--min-recall", asked, "--json", out)
    assert result.exit_code == code
    assert json.loads(out.read_text())["gate"] == {
        "min_recall": float(asked), "faces": "16 and more", "recall": 0.75, "passed": code == 0,
    }  # fmt: skip
    assert ("is below --min-recall" in result.stderr) == bool(code)
    assert len(result.stderr.splitlines()) == code


def test_a_gate_that_checks_nothing_is_no_gate(function_url: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), blank())
    (tmp_path / "v_bbx_gt.txt").write_text(wider({"a.png": [((5.0, 5.0, 12.0, 15.0), False)]}))
    assert invoke(tmp_path, "--function", function_url).exit_code == 0
    result = invoke(tmp_path, "--function", function_url, "--min-recall", "0")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "no face of 16 and more pixels is labelled" in result.stderr
    assert invoke(tmp_path, "--function", function_url, "--min-recall", "nan").exit_code == 2


WIDER_BEGIN = "a/b.jpg\n2\n1 2 30 40 0 0 0 0 0 0\n5 6 70 80 1 0 0 1 2 0\n"


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


ANNOTATION = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}


def coco_with(**changes: Any) -> str:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [ANNOTATION],
        "categories": [{"id": 1, "name": "Face"}, {"id": 2, "name": "person"}],
    }
    return json.dumps(content | changes)


def test_coco_s_other_categories_and_crowds_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    given = [ANNOTATION | more for more in ({}, {"category_id": 2}, {"iscrowd": 1}, {"ignore": 1})]
    path.write_text(coco_with(annotations=given))
    seen, ignored = Label((1, 2, 31, 42)), Label((1, 2, 31, 42), ignored=True)
    assert read_coco(path) == {"a.jpg": [seen, ignored, ignored]}
    path.write_text(coco_with(categories=[{"id": 1, "name": "head"}]))
    assert read_coco(path) == {"a.jpg": [seen]}


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
        (coco_with(annotations=[ANNOTATION | {"bbox": None}]), "annotation 0 is not as in COCO's JSON"),
    ],
)
def test_broken_coco_labels_are_named_by_place(tmp_path: Path, text: str, reason: str) -> None:
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


@pytest.mark.parametrize("row", ["0,1,2,3,4,5", "1.5,1,2,3,4,5", "1,1,2,3,4", "frame,id,x,y,w,h", "1,1,2,3,-4,5"])
def test_broken_mot_labels_are_named_by_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "x.gt.txt"
    path.write_text(f"1,1,2,3,4,5\n{row}\n")
    with pytest.raises(UsageError, match=re.escape(f"{path}: line 2: ")):
        read_mot(path)


def test_images_are_found_where_the_datasets_sites_put_them(tmp_path: Path) -> None:
    for place, labels in (
        ("wider/wider_face_split/wider_face_val_bbx_gt.txt", "wider/WIDER_val/images"),
        ("coco/annotations/instances_val2017.json", "coco/val2017"),
        ("flat/x_bbx_gt.txt", "flat"),
        ("beside/x_bbx_gt.txt", "beside/images"),
    ):
        source, image = tmp_path / place, tmp_path / labels / "a.jpg"
        source.parent.mkdir(parents=True, exist_ok=True)
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
        source.write_text(coco_with() if place.endswith(".json") else "a.jpg\n1\n1 2 30 40 0 0 0 0 0 0\n")
        for given in (source, tmp_path / place.split("/")[0]):
            (found,) = find_dataset([given]).images
            assert found.path.samefile(image)


def test_what_is_missing_or_labelled_twice_is_an_error(tmp_path: Path, face_clip: Path) -> None:
    assert invoke(tmp_path / "nowhere").exit_code == 2
    result = invoke(tmp_path)
    assert result.exit_code == 2 and "no labels in it" in result.stderr
    labels = tmp_path / "x_bbx_gt.txt"
    labels.write_text(WIDER_BEGIN + WIDER_BEGIN.replace("a/b", "c"))
    (tmp_path / "c.jpg").touch()
    result = invoke(tmp_path)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert (
        f"{labels}: 1 of its 2 images are not in {tmp_path}: a/b.jpg; name their folder with --images" in result.stderr
    )
    labels.write_text("c.jpg\n0\n")
    (tmp_path / "y.json").write_text(coco_with(images=[{"id": 1, "file_name": "c.jpg"}]))
    result = invoke(tmp_path)
    assert result.exit_code == 2 and "c.jpg is labelled twice" in result.stderr
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "clip.gt.txt").write_text("1,1,2,3,4,5\n")
    assert "there is no video" in invoke(videos).stderr
    for name in ("clip.mp4", "clip.mkv"):
        (videos / name).write_bytes(face_clip.read_bytes())
    assert "there is clip.mkv and clip.mp4" in invoke(videos).stderr


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, function_url: str) -> None:
    (tmp_path / "x_bbx_gt.txt").write_text("a.jpg\n0\nb.jpg\n0\n")
    cv2.imwrite(str(tmp_path / "a.jpg"), blank())
    whole = (tmp_path / "a.jpg").read_bytes()
    for content, reason in ((b"no image", "not a JPEG, PNG or WebP image"), (whole[:-200], "damaged or cut")):
        (tmp_path / "b.jpg").write_bytes(content)
        result = invoke(tmp_path, "--function", function_url)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert result.stderr.startswith(f"error: {tmp_path / 'b.jpg'}: ") and reason in result.stderr


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, options in (("matplotlib.figure", ["--sweep", "threshold"]), ("faster_coco_eval", [])):
        monkeypatch.setitem(sys.modules, module, None)
        result = invoke(tmp_path, *options)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert "pip install 'faceblur[evaluate]'" in result.stderr


def test_the_sweep_over_thresholds(pictures: Labelled, function_url: str, tmp_path: Path) -> None:
    folder, labels = pictures
    (tmp_path / "x_bbx_gt.txt").write_text(wider(labels))
    png, numbers = tmp_path / "curve.png", tmp_path / "out"
    options = ("--images", folder, "--function", function_url, "--sweep", "threshold", "--png", png, "--json", numbers)
    result = invoke(tmp_path, *options)
    assert result.exit_code == 0, result.output
    points = json.loads(numbers.read_text())["sweep"]
    assert [point["value"] for point in points][::6] == [0.05, 0.35, 0.65, 0.95]
    for name in ("found", "false"):
        counts = [point["scores"][0][name] for point in points]
        assert counts == sorted(counts, reverse=True)
    assert points[5]["scores"] == json.loads(numbers.read_text())["scores"]  # 0.3 is the default
    picture = cv2.imread(str(png))
    assert picture is not None and picture.shape[1] > 600 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert str(png) in result.stdout
    assert invoke(tmp_path, "--png", png).exit_code == 2


def test_the_sweep_over_detection_sizes_starts_the_function_anew(face: Image, tmp_path: Path) -> None:
    picture = blank(900, 400)
    labels = [(paste(face, picture, height, 100 * index, 200), False) for index, height in enumerate((18, 20, 22))]
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    (tmp_path / "x_bbx_gt.txt").write_text(wider({"a.png": labels}))
    png, numbers = tmp_path / "curve.png", tmp_path / "out"
    result = invoke(tmp_path, "--workers", 1, "--sweep", "detect-size", "--png", png, "--json", numbers)
    assert result.exit_code == 0, result.output
    content = json.loads(numbers.read_text())
    assert [point["value"] for point in content["sweep"]] == [480, 640, 960]
    found = [point["scores"][0]["found"] for point in content["sweep"]]
    assert found[0] < found[-1] == content["scores"][0]["found"] == 3
    assert png.is_file()
    result = invoke(tmp_path, "--sweep", "detect-size", "--function", "http://127.0.0.1:9")
    assert result.exit_code == 2 and "not together with --function" in result.stderr


DEFAULTS = EvaluationSettings(threshold=0.3, padding=0.25, look_around=0.4)
FRAMES, MISSED = 24, {3, 9, 10, 11, 12, 13, 20}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, face: Image) -> tuple[Path, list[Box]]:
    """A clip of a face, 60 pixels high, that moves to the right; its number is burnt in below. And its boxes."""
    pictures, boxes = [], []
    for index in range(FRAMES):
        picture = blank(320, 240)
        boxes.append(paste(face, picture, 60, 20 + 6 * index, 30))
        pictures.append(picture)
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", media.numbered(pictures)), boxes


def mot(boxes: Sequence[Box]) -> str:
    rows = [f"{number},1,{','.join(map(str, xywh(box)))},1,1,1\n" for number, box in enumerate(boxes, 1)]
    return "".join(rows)


def forgetful(detector: Detector, body: dict[str, Any]) -> dict[str, Any]:
    """A function that finds nothing in the frames that are burnt as MISSED."""
    pictures = [decode_image(wire.decode_base64(text)) for text in body["frames"]]
    found = detector.detect(pictures, threshold=body["report_threshold"])
    faces = [
        [{"box": box, "score": score} for box, score in zip(one.xyxy.tolist(), one.scores.tolist(), strict=True)]
        if media.number(picture) not in MISSED
        else []
        for picture, one in zip(pictures, found, strict=True)
    ]
    return {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}}


def measured(folder: Path, detector: Detector, settings: EvaluationSettings = DEFAULTS) -> dict[str, Any]:
    """The numbers of a labelled video with the forgetful function."""
    wanted = Wanted(json=folder / "numbers")

    async def go() -> int:
        async with scripted(lambda body: forgetful(detector, body)) as server:
            return await evaluate(Console(), [folder], None, settings, Endpoint((server.url,)), wanted)

    assert asyncio.run(go()) == 0
    return json.loads((folder / "numbers").read_text())  # type: ignore[no-any-return]


def test_a_video_is_measured_on_what_a_run_would_cover(
    video: tuple[Path, list[Box]], detector: Detector, tmp_path: Path
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.gt.txt").write_text(mot(boxes))
    numbers = measured(tmp_path, detector)
    score = numbers["scores"][0]
    assert (score["faces"], score["found"], score["false"]) == (FRAMES, FRAMES - len(MISSED), 0)
    (found,) = numbers["videos"]
    assert (found["frames"], found["faces"], found["exposed_faces"], found["longest_run_frames"]) == (24, 24, 0, 0)
    assert found["exposed_rate"] == 0 and found["longest_run_first_frame"] is None
    # Without looking around what the detector misses is what is exposed.
    (found,) = measured(tmp_path, detector, replace(DEFAULTS, look_around=0))["videos"]
    assert (found["exposed_faces"], found["exposed_frames"]) == (len(MISSED), len(MISSED))
    assert (found["longest_run_frames"], found["longest_run_first_frame"]) == (5, 9)
    assert found["longest_run_seconds"] == pytest.approx(5 / 25)
    assert found["by_height"]["32 to 64"] == [24, 7] and found["by_height"]["64 and more"] == [0, 0]
    # Without padding the ellipse leaves the corners of the box, and more than a tenth of it.
    (found,) = measured(tmp_path, detector, replace(DEFAULTS, padding=0))["videos"]
    assert found["exposed_faces"] == FRAMES


def test_what_is_counted_as_covered_is_what_the_sidecar_of_a_run_lists(
    video: tuple[Path, list[Box]], detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.gt.txt").write_text(mot(boxes))
    counted: list[list[Box]] = []
    original = exposure_module.regions
    monkeypatch.setattr(
        exposure_module, "regions", lambda covers, padding: (counted.append(list(covers)), original(covers, padding))[1]
    )
    measured(tmp_path, detector)

    async def go() -> int:
        async with scripted(lambda body: forgetful(detector, body)) as server:
            command = [sys.executable, "-m", "faceblur", "run", clip, "-o", tmp_path / "out", "--function", server.url]
            return (
                await asyncio.to_thread(
                    subprocess.run, [*command, "--return", "faces", "--detect-every", "1", "--quiet"]
                )
            ).returncode

    assert asyncio.run(go()) == 0
    with SidecarReader(tmp_path / "out" / "clip.mp4.faces.jsonl") as sidecar:
        covered = [[face.box for face in line.faces] for line in sidecar]
    assert len(counted) == FRAMES and [sorted(one) for one in counted] == [sorted(one) for one in covered]


def test_a_corrected_sidecar_labels_its_video_and_no_other(
    video: tuple[Path, list[Box]], face_clip: Path, function_url: str, tmp_path: Path
) -> None:
    clip = video[0]
    out = tmp_path / "out"
    assert CliRunner().invoke(main, ["run", str(clip), "-o", str(out), "--function", function_url]).exit_code == 0
    labels = tmp_path / "clip.mp4.faces.jsonl"
    labels.write_text((out / "clip.mp4.faces.jsonl").read_text())
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    assert len(read_sidecar(labels)[1]) == FRAMES
    numbers = tmp_path / "numbers"
    result = invoke(labels, "--function", function_url, "--json", numbers)
    assert result.exit_code == 0, result.output
    content = json.loads(numbers.read_text())
    assert content["scores"][0]["recall"] == content["scores"][0]["precision"] == 1
    assert content["videos"][0]["exposed_faces"] == 0
    (tmp_path / "clip.mp4").write_bytes(face_clip.read_bytes())
    result = invoke(labels, "--function", function_url)
    assert result.exit_code == 2 and "belongs to another video" in result.stderr
    labels.write_text(labels.read_text().replace('"box"', '"fox"', 1))
    result = invoke(labels, "--function", function_url)
    assert result.exit_code == 2 and f"{labels}: line 2: " in result.stderr


def test_labels_of_frames_that_a_video_does_not_have(
    video: tuple[Path, list[Box]], function_url: str, tmp_path: Path
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.mp4.gt.txt").write_text(mot([*boxes, boxes[0]]))
    result = invoke(tmp_path, "--function", function_url)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "clip.mp4.gt.txt: labels frame 25, but" in result.stderr
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes()[:4000])
    assert invoke(tmp_path, "--function", function_url).exit_code == 1


def test_labels_that_reach_beyond_the_picture_count_as_far_as_they_lie_in_it(
    face: Image, function_url: str, tmp_path: Path
) -> None:
    picture = blank(320, 240)
    x1, y1, x2, y2 = paste(face, picture, 90, 60, 60)
    cut = picture[:, int(x1 + 20) :]
    write_clip(tmp_path / "clip.mkv", [cut[:, : cut.shape[1] // 2 * 2]] * 2)
    left = int(x1 + 20)
    (tmp_path / "clip.gt.txt").write_text(mot([(x1 - left, y1, x2 - left, y2)] * 2) + "1,2,400,20,50,60\n")
    result = invoke(tmp_path, "--function", function_url, "--json", tmp_path / "numbers")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert (numbers["scores"][0]["faces"], numbers["scores"][0]["recall"]) == (2, 1)


def test_an_image_that_is_stored_lying_is_measured_as_it_is_shown(
    face: Image, function_url: str, tmp_path: Path
) -> None:
    picture = blank(400, 240)
    box = paste(face, picture, 80, 220, 20)
    stored = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(picture)[..., ::-1]))
    exif = PIL.Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (tmp_path / "x_bbx_gt.txt").write_text(wider({"a.jpg": [(box, False)]}))
    result = invoke(tmp_path, "--function", function_url, "--min-recall", "1")
    assert result.exit_code == 0, result.output


def test_a_lying_clip_is_measured_upright(face: Image, function_url: str, tmp_path: Path) -> None:
    picture = blank(320, 240)
    box = paste(face, picture, 70, 40, 60)
    write_clip(tmp_path / "clip.mp4", [np.rot90(picture, -1)] * 4, rotation=90)
    (tmp_path / "clip.gt.txt").write_text(mot([box] * 4))
    result = invoke(tmp_path, "--function", function_url, "--json", tmp_path / "numbers")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert numbers["scores"][0]["recall"] == 1 and numbers["videos"][0]["exposed_faces"] == 0


@pytest.mark.parametrize(
    ("covers", "share"),
    [
        ([], 0.0),
        ([(40.0, 40.0, 80.0, 80.0)], 1.0),
        ([(40.0, 40.0, 60.0, 80.0)], 0.57),  # half of the face, and what the padding adds, but round
        ([(0.0, 0.0, 20.0, 20.0)], 0.0),
        ([(40.0, 40.0, 60.0, 80.0), (60.0, 40.0, 80.0, 80.0)], 1.0),  # a union
    ],
)
def test_the_share_of_a_box_that_is_covered(covers: list[Box], share: float) -> None:
    assert covered_share((40, 40, 80, 80), ellipses(regions(covers, 0.25)), (200, 100)) == pytest.approx(
        share, abs=0.02
    )


def test_only_what_lies_in_the_frame_can_be_exposed() -> None:
    box, nothing = (-20, 40, 20, 80), ellipses([])
    assert covered_share(box, ellipses(regions([(0.0, 40.0, 20.0, 80.0)], 0.25)), (200, 100)) > 0.9
    assert covered_share(box, nothing, (200, 100)) == 0
    assert covered_share((250, 40, 270, 80), nothing, (200, 100)) == 1


def test_ignored_and_tiny_faces_are_not_counted_as_exposed_and_runs_end_with_a_covered_frame() -> None:
    small, ignored, face = Label((0, 0, 12, 15)), Label((0, 0, 50, 50), ignored=True), Label((60, 0, 90, 40))
    shown = [0, 1, 4, 5, 6, 9]
    frames = [
        ClipFrame(number / 10, Step(), [small, ignored, face], [] if number in shown else [Detection(face.box, 0.9)])
        for number in range(10)
    ]
    clip = Clip(Path("x.mp4"), (200, 100), 1000, frames)
    found = exposure(clip, threshold=0.3, padding=0.25, look_around=0)
    assert (found.faces, found.exposed_faces, found.exposed_frames) == (10, 6, 6)
    assert (found.longest_run_frames, found.longest_run_first_frame) == (3, 4)
    assert found.longest_run_seconds == pytest.approx(0.3)
    assert found.by_height["under 16"] == (10, 10) and found.by_height["all"] == (20, 16)
