"""Doubtful tracks in complete runs: what the second detector rejects stays as it is, all else is masked."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.redaction.verification import _squares
from faceblur.tracking.boxes import Box
from faceblur.tracking.doubtful_tracks import CERTAIN, CONFIRMED, REJECTED
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector, Faces
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.verification import verify
from faceblur_function.images import decode_image, encode_image
from faceblur_function.mask_shapes import regions
from faceblur_function.service import to_wire
from faceblur_function.styles import redact
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.hostile import scripted

# A cup at the right of the frame, which is no face.
CUP = (350.0, 60.0, 430.0, 140.0)
FRAMES = 24


@pytest.fixture(scope="module")
def centerface() -> Detector:
    return load_detector("centerface", threads=1)


@pytest.fixture
def clip(face: Image, tmp_path: Path) -> Path:
    cup = cv2.resize(np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1]), (300, 200))[:, 40:200]
    scene = np.hstack([next(iter(pan(face, (320, 240), FRAMES))), np.vstack([cup, cup])[:240]])
    chance = np.random.default_rng(1)
    noisy = [np.clip(scene + chance.normal(0, 3, scene.shape), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    return write_clip(tmp_path / "in" / "cup.mkv", noisy)


class Doubting:
    """A function that works, but takes the cup for a face of this `score`, and gives each real face this one."""

    def __init__(self, detector: Detector, second: Detector, *, cup: float = 0.4, real: float = 0.99) -> None:
        self._detector, self._second, self._cup, self._real = detector, second, cup, real
        self.verified = 0

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        images = [decode_image(wire.decode_base64(text)) for text in body["frames"]]
        if body.get("verify"):
            self.verified += len(images)
            return self._reply("second", verify(self._second, images, threshold=body["threshold"]))
        reply = self._reply("m", [self._faces(image) for image in images])
        if body["return"] == "frames":
            reply["frames"] = [self._redacted(one, body) for one in zip(images, reply["faces"], strict=True)]
        return reply

    def _faces(self, image: Image) -> Faces:
        found = self._detector.detect([image], threshold=0.5)[0]
        boxes = np.concatenate([found.xyxy, np.array([CUP], np.float32)])
        scores = np.array([self._real] * len(found) + [self._cup], np.float32)
        return Faces(boxes, scores, np.zeros((len(boxes), 5, 2), np.float32))

    def _redacted(self, one: tuple[Image, list[Any]], body: dict[str, Any]) -> str:
        image, faces = one
        boxes = [face["box"] for face in faces if face["score"] >= body["threshold"]]
        redact(image, regions(boxes, body["padding"]), body["style"])
        return wire.encode_base64(encode_image(image, "jpeg", 95))

    def _reply(self, model: str, found: list[Faces]) -> dict[str, Any]:
        faces = [[face.model_dump() for face in to_wire(one)] for one in found]
        return {"version": 1, "model": model, "device": "d", "faces": faces, "timings_ms": {}}


def run(
    clip: Path, out: Path, function: Callable[[dict[str, Any]], Any], *, verifier: str = "second", **options: Any
) -> tuple[faceblur.FileReport, tuple[FrameLine, ...]]:
    async def go() -> faceblur.Report:
        async with scripted(function, info={"verifier": verifier}) as server:
            chosen = faceblur.Options(crf=0, **options)
            call = faceblur.blur
            return await asyncio.to_thread(call, clip, out, options=chosen, function=[server.url])

    report = asyncio.run(go())
    assert report.ok, report.failed
    return report.files[clip], faceblur.read_sidecar(faceblur.sidecar_path(out / clip.name)).frames


def cup_of(frames: list[Image]) -> Image:
    return np.array(frames)[:, 40:160, 330:450]


def states(lines: tuple[FrameLine, ...], box: tuple[float, ...] = CUP) -> set[str]:
    """The states of what lies over a box."""
    middle = (box[0] + box[2]) / 2
    return {face.state for line in lines for face in line.faces if face.box[0] < middle < face.box[2]}


@pytest.mark.parametrize("returned", ["frames", "faces"])
def test_what_is_rejected_stays_as_it_is_and_the_face_is_masked(
    clip: Path, detector: Detector, centerface: Detector, tmp_path: Path, returned: str
) -> None:
    function = Doubting(detector, centerface)
    report, lines = run(clip, tmp_path / "out", function, returned=returned)
    source, output = media.frames(clip), media.frames(tmp_path / "out" / clip.name)
    assert (cup_of(source) == cup_of(output)).all()
    for before, after in zip(source, output, strict=True):
        for x1, y1, x2, y2 in detector.detect([before], threshold=0.5)[0].xyxy.astype(int):
            assert detail_left(before[y1:y2, x1:x2], after[y1:y2, x1:x2]) < 0.25
    assert states(lines) == {"rejected"} and report.rejected == len(lines) == FRAMES
    rejected = [face for line in lines for face in line.faces if face.state == "rejected"]
    assert {face.track for face in rejected} == {rejected[0].track} and rejected[0].score == pytest.approx(0.4)
    assert all(face.second_score is not None and face.second_score < 0.08 for face in rejected)
    header = faceblur.read_sidecar(faceblur.sidecar_path(tmp_path / "out" / clip.name)).header
    # The track, once; there are two crops of each frame, because the frame ends beside the cup.
    assert header.function.verifier == "second" and function.verified == 2 * len(REJECTED)


def test_the_result_is_the_same_in_all_modes_and_batches_and_when_it_is_rendered(
    clip: Path, detector: Detector, centerface: Detector, tmp_path: Path
) -> None:
    outputs = []
    for index, (returned, batch_size) in enumerate([("frames", 1), ("faces", 16), ("faces", 3)]):
        out = tmp_path / str(index)
        run(clip, out, Doubting(detector, centerface), returned=returned, batch_size=batch_size)
        outputs.append(media.frames(out / clip.name))
    sidecar = faceblur.sidecar_path(tmp_path / "0" / clip.name)
    (tmp_path / "again").mkdir()
    assert faceblur.render(clip, sidecar, tmp_path / "again").ok
    outputs.append(media.frames(tmp_path / "again" / clip.name))
    for one in outputs[1:]:
        assert all((a == b).all() for a, b in zip(outputs[0], one, strict=True))
    again = faceblur.read_sidecar(faceblur.sidecar_path(tmp_path / "again" / clip.name))
    assert states(again.frames) == {"rejected"}


def broken(function: Doubting) -> Callable[[dict[str, Any]], Any]:
    return lambda body: 400 if body.get("verify") else function(body)


@pytest.mark.parametrize("why", ["no second detector", "not wanted", "certain", "no answer"])
def test_all_else_is_masked(clip: Path, detector: Detector, centerface: Detector, tmp_path: Path, why: str) -> None:
    function = Doubting(detector, centerface, cup=CERTAIN if why == "certain" else 0.9)
    answer = broken(function) if why == "no answer" else function
    verifier = "" if why == "no second detector" else "second"
    report, lines = run(clip, tmp_path / "out", answer, verifier=verifier, verify=why != "not wanted")
    source, output = media.frames(clip), media.frames(tmp_path / "out" / clip.name)
    assert (cup_of(source) != cup_of(output)).any(axis=(1, 2, 3)).all()
    assert (
        states(lines) <= {"detected", "interpolated", "gap-filled", "followed"}
        and report.rejected == 0
        and function.verified == 0
    )


def test_what_the_border_cuts_is_rejected_too(
    clip: Path, detector: Detector, centerface: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_border = (400.0, 60.0, 480.0, 140.0)
    monkeypatch.setattr("tests.redaction.test_verification.CUP", at_border)
    function = Doubting(detector, centerface)
    report, lines = run(clip, tmp_path / "out", function)
    assert states(lines, at_border) == {"rejected"} and report.rejected == FRAMES


@pytest.mark.parametrize(
    ("shown", "box"),
    [
        (np.s_[:, 235:], (0.0, 57.0, 38.0, 177.0)),
        (np.s_[:, :220], (178.0, 57.0, 220.0, 177.0)),
        (np.s_[120:, :], (178.0, 0.0, 273.0, 57.0)),
        (np.s_[:100, :], (178.0, 57.0, 273.0, 100.0)),
    ],
    ids=["left", "right", "top", "bottom"],
)
def test_half_a_face_at_the_border_is_confirmed(centerface: Detector, shown: tuple[slice, slice], box: Box) -> None:
    astronaut = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    squares = _squares(np.ascontiguousarray(astronaut[shown]), box)
    assert len(squares) == 2 and len({square.shape for square in squares}) == 1
    seen = verify(centerface, squares, threshold=0.02)
    assert max(float(faces.scores[0]) for faces in seen if len(faces)) >= CONFIRMED


def test_a_box_that_shows_nothing_is_not_asked_about() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    assert _squares(image, (63.9, 10.0, 64.0, 10.1)) == []
    (whole,) = _squares(image, (20.0, 20.0, 28.0, 26.0))
    assert whole.shape == (24, 24, 3)


def test_the_square_of_a_face_that_fills_a_large_frame_takes_little_memory() -> None:
    image = np.zeros((2160, 3840, 3), np.uint8)
    tracemalloc.start()
    squares = _squares(image, (0.0, 0.0, 2000.0, 2160.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [square.shape for square in squares] == [(192, 192, 3)] * 2 and peak < 2**22


def test_a_face_behind_a_cut_of_like_colours_is_masked_where_there_was_none(
    face: Image, detector: Detector, centerface: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The track goes on over such a cut; that it was no face does not."""
    cup = cv2.resize(np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1]), (300, 240))
    before = np.hstack([next(iter(pan(face, (320, 240), 1))), cup[:, :160]])
    after = np.ascontiguousarray(before[:, ::-1])
    box = tuple(detector.detect([after], threshold=0.5)[0].xyxy[0].tolist())
    monkeypatch.setattr("tests.redaction.test_verification.CUP", box)
    (tmp_path / "in").mkdir()
    clip = write_clip(tmp_path / "in" / "cut.mkv", [before] * 40 + [after] * 20)
    _, lines = run(clip, tmp_path / "out", Doubting(detector, centerface, cup=0.85, real=0.01))
    assert {face.state for line in lines[:40] for face in line.faces} == {"rejected"}
    assert states(lines[40:], box) <= {"detected", "interpolated", "gap-filled"}
    (track,) = {face.track for line in lines for face in line.faces}
    assert track == 1


def test_a_real_face_of_a_low_score_is_confirmed(
    clip: Path, detector: Detector, centerface: Detector, tmp_path: Path
) -> None:
    function = Doubting(detector, centerface, real=0.31)
    _, lines = run(clip, tmp_path / "out", function)
    assert function.verified >= 2
    for line, before in zip(lines, media.frames(clip), strict=True):
        for x1, y1, x2, y2 in detector.detect([before], threshold=0.5)[0].xyxy:
            assert any(
                face.is_masked
                and (np.array(face.box[:2]) <= (x1 + 4, y1 + 4)).all()
                and (np.array(face.box[2:]) >= (x2 - 4, y2 - 4)).all()
                for face in line.faces
            )


def test_an_audit_lists_what_was_rejected_and_does_not_fail_for_it(
    clip: Path, detector: Detector, centerface: Detector, tmp_path: Path
) -> None:
    run(clip, tmp_path / "out", Doubting(detector, centerface))
    report = faceblur.audit(clip, tmp_path / "out" / clip.name)
    assert report.passed, report.findings
    (listed,) = [one for one in report.watch if one.kind == "rejected"]
    assert listed.box is not None and listed.frames == FRAMES and "second detector" in listed.text


def test_in_images_too(clip: Path, detector: Detector, centerface: Detector, tmp_path: Path) -> None:
    frame = media.frames(clip)[0]
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), frame)

    async def go() -> faceblur.Report:
        async with scripted(Doubting(detector, centerface), info={"verifier": "second"}) as server:
            return await asyncio.to_thread(
                faceblur.blur_images, tmp_path / "photos", tmp_path / "out", function=[server.url]
            )

    report = asyncio.run(go())
    assert report.ok
    output = cv2.imread(str(tmp_path / "out" / "a.png"))
    assert output is not None and (cup_of([output]) == cup_of([frame])).all()
    assert (output[:, :320] != frame[:, :320]).any() and sum(one.rejected for one in report.files.values()) == 1
