"""Which images and videos belong to label files, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from faceblur.cli.app import main
from faceblur.evaluation.datasets import find_dataset
from faceblur.evaluation.label_formats import read_sidecar
from faceblur.tracking.boxes import Box
from tests.evaluation.labelled import (
    FRAMES,
    WIDER_BEGIN,
    coco_with,
    invoke,
)


def test_images_are_found_where_the_datasets_sites_put_them(tmp_path: Path) -> None:
    for path, labels in (
        ("wider/wider_face_split/wider_face_val_bbx_gt.txt", "wider/WIDER_val/images"),
        ("coco/annotations/instances_val2017.json", "coco/val2017"),
        ("flat/x_bbx_gt.txt", "flat"),
        ("beside/x_bbx_gt.txt", "beside/images"),
    ):
        source, image = tmp_path / path, tmp_path / labels / "a.jpg"
        source.parent.mkdir(parents=True, exist_ok=True)
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
        source.write_text(coco_with() if path.endswith(".json") else "a.jpg\n1\n1 2 30 40 0 0 0 0 0 0\n")
        for given in (source, tmp_path / path.split("/")[0]):
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
    labels.write_text(labels.read_text().replace('"state":"detected"', '"state":"rejected"', 1))
    assert sum(map(len, read_sidecar(labels)[1].values())) == FRAMES - 1
    labels.write_text(labels.read_text().replace('"box"', '"fox"', 1))
    result = invoke(labels, "--function", function_url)
    assert result.exit_code == 2 and f"{labels}: line 2: " in result.stderr
