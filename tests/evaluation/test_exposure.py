"""Which labelled faces of a video stay exposed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from faceblur.base.errors import MediaError
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.endpoint import Endpoint
from faceblur.evaluation import exposure as exposure_module
from faceblur.evaluation.evaluate import evaluate
from faceblur.evaluation.exposure import ellipses, exposure, masked_share
from faceblur.evaluation.labels import Label
from faceblur.evaluation.report import EvaluationReport
from faceblur.evaluation.samples import EvaluatedFrame, EvaluatedVideo
from faceblur.evaluation.simulated_run import masked_boxes
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.tracking.boxes import Box
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image
from faceblur_function.mask_shapes import regions
from tests.evaluation.labelled import (
    FRAMES,
    mot,
)
from tests.support import clips as media
from tests.support.hostile import scripted

MISSED = {3, 9, 10, 11, 12, 13, 20}


def forgetful(detector: Detector, body: dict[str, Any]) -> dict[str, Any]:
    """A function that detects nothing in the frames that are burnt as MISSED."""
    images = [decode_image(wire.decode_base64(text)) for text in body["frames"]]
    detected = detector.detect(images, threshold=body["report_threshold"])
    faces = [
        [{"box": box, "score": score} for box, score in zip(one.xyxy.tolist(), one.scores.tolist(), strict=True)]
        if media.number(image) not in MISSED
        else []
        for image, one in zip(images, detected, strict=True)
    ]
    return {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}}


def measured(folder: Path, detector: Detector, **settings: float) -> dict[str, Any]:
    """The JSON's content for a labelled video with the forgetful function."""

    async def go() -> EvaluationReport:
        async with scripted(lambda body: forgetful(detector, body)) as server:
            return await evaluate([folder], endpoint=Endpoint((server.url,)), **settings)

    return json.loads(json.dumps(asyncio.run(go()).content()))  # type: ignore[no-any-return]


def test_a_video_is_measured_on_what_a_run_would_mask(
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
    (found,) = measured(tmp_path, detector, look_around=0)["videos"]
    assert (found["exposed_faces"], found["exposed_frames"]) == (len(MISSED), len(MISSED))
    assert (found["longest_run_frames"], found["longest_run_first_frame"]) == (5, 9)
    assert found["longest_run_seconds"] == pytest.approx(5 / 25)
    assert found["by_height"]["32 to 64"] == [24, 7] and found["by_height"]["64 and more"] == [0, 0]
    # Without padding the ellipse leaves the corners of the box, and more than a tenth of it.
    (found,) = measured(tmp_path, detector, padding=0)["videos"]
    assert found["exposed_faces"] == FRAMES


def test_what_is_counted_as_masked_is_what_the_sidecar_of_a_run_lists(
    video: tuple[Path, list[Box]], detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.gt.txt").write_text(mot(boxes))
    counted: list[list[Box]] = []
    original = exposure_module.regions
    monkeypatch.setattr(
        exposure_module, "regions", lambda boxes, padding: (counted.append(list(boxes)), original(boxes, padding))[1]
    )
    measured(tmp_path, detector)

    async def go() -> int:
        async with scripted(lambda body: forgetful(detector, body)) as server:
            command = [sys.executable, "-m", "faceblur", "run", clip, "-o", tmp_path / "out", "--function", server.url]
            return (await asyncio.to_thread(subprocess.run, [*command, "--return", "faces", "--quiet"])).returncode

    assert asyncio.run(go()) == 0
    with SidecarReader(tmp_path / "out" / "clip.mp4.faces.jsonl") as sidecar:
        masked = [[face.box for face in line.faces] for line in sidecar]
    assert len(counted) == FRAMES and [sorted(one) for one in counted] == [sorted(one) for one in masked]


@pytest.mark.parametrize(
    ("boxes", "share"),
    [
        ([], 0.0),
        ([(40.0, 40.0, 80.0, 80.0)], 1.0),
        ([(40.0, 40.0, 60.0, 80.0)], 0.57),  # half of the face, and what the padding adds, but round
        ([(0.0, 0.0, 20.0, 20.0)], 0.0),
        ([(40.0, 40.0, 60.0, 80.0), (60.0, 40.0, 80.0, 80.0)], 1.0),  # a union
    ],
)
def test_the_share_of_a_box_that_is_masked(boxes: list[Box], share: float) -> None:
    assert masked_share((40, 40, 80, 80), ellipses(regions(boxes, 0.25)), (200, 100)) == pytest.approx(share, abs=0.02)


def test_only_what_lies_in_the_frame_can_be_exposed() -> None:
    box, nothing = (-20, 40, 20, 80), ellipses([])
    assert masked_share(box, ellipses(regions([(0.0, 40.0, 20.0, 80.0)], 0.25)), (200, 100)) > 0.9
    assert masked_share(box, nothing, (200, 100)) == 0
    assert masked_share((250, 40, 270, 80), nothing, (200, 100)) == 1


def test_ignored_and_tiny_faces_are_not_counted_as_exposed_and_runs_end_with_a_masked_frame() -> None:
    small, ignored, face = Label((0, 0, 12, 15)), Label((0, 0, 50, 50), ignored=True), Label((60, 0, 90, 40))
    frames = [EvaluatedFrame(number / 10, [small, ignored, face], []) for number in range(10)]
    masks = [[] if number in (0, 1, 4, 5, 6, 9) else [face.box] for number in range(10)]
    found = exposure(EvaluatedVideo(Path("x.mp4"), (200, 100), frames), masks, 0.25)
    assert (found.faces, found.exposed_faces, found.exposed_frames) == (10, 6, 6)
    assert (found.longest_run_frames, found.longest_run_first_frame) == (3, 4)
    assert found.longest_run_seconds == pytest.approx(0.3)
    assert found.by_height["under 16"] == (10, 10) and found.by_height["all"] == (20, 16)


@pytest.mark.parametrize(("verifier", "exposed"), [("second", FRAMES), ("", 0)])
def test_what_the_second_detector_rejects_counts_as_exposed(
    video: tuple[Path, list[Box]], tmp_path: Path, verifier: str, exposed: int
) -> None:
    clip, boxes = video
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.gt.txt").write_text(mot(boxes))

    def doubtful(body: dict[str, Any]) -> dict[str, Any]:
        """Detects every face with a low score, and none of them when it is asked to verify."""
        faces = []
        for text in body["frames"]:
            number = -1 if body.get("verify") else media.number(decode_image(wire.decode_base64(text)))
            faces.append([{"box": boxes[number], "score": 0.6}] if number >= 0 else [])
        return {"version": 1, "model": "second" if body.get("verify") else "m", "device": "d", "faces": faces,
                "timings_ms": {}}  # fmt: skip

    async def go() -> EvaluationReport:
        async with scripted(doubtful, info={"verifier": verifier}) as server:
            return await evaluate([tmp_path], endpoint=Endpoint((server.url,)))

    (found,) = asyncio.run(go()).videos
    assert (found.faces, found.exposed_faces) == (FRAMES, exposed)


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1])
def test_a_video_that_was_replaced_after_its_frames_were_searched(video: tuple[Path, list[Box]], frames: int) -> None:
    async def go() -> None:
        searched = EvaluatedVideo(video[0], (320, 240), [EvaluatedFrame(0.0, [], [])] * frames)
        with ThreadPoolExecutor(1) as codecs:
            async with scripted(lambda body: 500) as server, FunctionClient([server.url], concurrency=2) as client:
                await masked_boxes(searched, Options(), client, codecs)

    with pytest.raises(MediaError, match=r"clip\.mp4: changed while it was evaluated"):
        asyncio.run(go())
