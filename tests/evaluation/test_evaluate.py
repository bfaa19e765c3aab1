"""The evaluation: its figures, the gate, the sweeps, and what it needs."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.detection.endpoint import Endpoint
from faceblur.evaluation.evaluate import evaluate
from faceblur.evaluation.progress import EvaluationProgress
from tests.evaluation.labelled import (
    Labelled,
    blank,
    coco,
    invoke,
    paste,
    wider,
)


def test_images_in_both_formats_give_the_same_numbers(labelled: Labelled, function_url: str, tmp_path: Path) -> None:
    folder, labels = labelled
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
    overall = by_height["all"]
    assert (overall["faces"], overall["found"], overall["false"]) == (5, 3, 1)
    assert (overall["recall"], overall["precision"]) == (3 / 5, 3 / 4)
    # All real faces score nearly 1: the AP lies between that of the false one first and last.
    assert 0.75 * 61 / 101 <= overall["ap"] <= 61 / 101
    assert {name: (one["faces"], one["found"]) for name, one in by_height.items()} == {
        "all": (5, 3), "under 16": (1, 0), "16 to 32": (0, 0), "32 to 64": (1, 1), "64 and more": (3, 2),
        "16 and more": (4, 3),
    }  # fmt: skip
    rows = [re.split(r" *│ *", line) for line in result.stdout.splitlines()]
    assert ["16 and more", "4", "3", "1", "0.750", "0.750"] in [row[:6] for row in rows]
    assert numbers[0]["function"]["model"] == "retinaface-mobilenet0.25"


@pytest.mark.parametrize(("asked", "code"), [("0.75", 0), ("0.76", 1), ("0", 0), ("1", 1)])
def test_the_gate(
    labelled: Labelled,
    function_url: str,
    tmp_path: Path,
    asked: str,
    code: int,
) -> None:
    folder, labels = labelled
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


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, options in (("matplotlib.figure", ["--sweep", "threshold"]), ("faster_coco_eval", [])):
        monkeypatch.setitem(sys.modules, module, None)
        result = invoke(tmp_path, *options)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert f"{sys.executable} -m pip install " in result.stderr


def test_the_sweep_over_thresholds(labelled: Labelled, function_url: str, tmp_path: Path) -> None:
    folder, labels = labelled
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
    image = cv2.imread(str(png))
    assert image is not None and image.shape[1] > 600 and len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    assert str(png) in result.stdout
    assert invoke(tmp_path, "--png", png).exit_code == 2


def test_the_sweep_over_detection_sizes_starts_the_function_anew(face: Image, tmp_path: Path) -> None:
    image = blank(900, 400)
    labels = [(paste(face, image, height, 100 * index, 200), False) for index, height in enumerate((18, 20, 22))]
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (tmp_path / "x_bbx_gt.txt").write_text(wider({"a.png": labels}))
    png, numbers = tmp_path / "curve.png", tmp_path / "out"
    result = invoke(tmp_path, "--workers", 1, "--sweep", "detect-size", "--png", png, "--json", numbers)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("loading the model") == 1 and result.stderr.count(" loaded in ") == 1
    content = json.loads(numbers.read_text())
    assert [point["value"] for point in content["sweep"]] == [480, 640, 960]
    found = [point["scores"][0]["found"] for point in content["sweep"]]
    assert found[0] < found[-1] == content["scores"][0]["found"] == 3
    assert png.is_file()
    result = invoke(tmp_path, "--sweep", "detect-size", "--function", "http://127.0.0.1:9")
    assert result.exit_code == 2 and "not together with --function" in result.stderr


def test_a_program_gets_the_report_and_how_far_it_is(labelled: Labelled, function_url: str, tmp_path: Path) -> None:
    folder, labels = labelled
    (tmp_path / "x_bbx_gt.txt").write_text(wider(labels))
    seen: list[EvaluationProgress] = []
    report = asyncio.run(
        evaluate([tmp_path], images=folder, endpoint=Endpoint((function_url,)), min_recall=0.5, on_progress=seen.append)
    )
    assert [(one.stage, one.done, one.total) for one in seen] == [
        *[("detect", number, 3) for number in range(4)],
        ("score", 0, None),
    ]
    assert report.gate.passed and report.gate.recall == 0.75 and report.sweep == []
    report.write_json(tmp_path / "numbers")
    assert json.loads((tmp_path / "numbers").read_text()) == json.loads(json.dumps(report.content()))
