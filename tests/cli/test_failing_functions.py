"""A function that fails, lies or cannot be reached fails the file, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from examples.sample_clip import Image
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from faceblur_function.images import decode_image, encode_image
from faceblur_function.weights import load_weights
from tests.cli.calls import invoke, run_against
from tests.support import clips as media
from tests.support.deadly import SLOW_DECODER, guarded
from tests.support.hostile import HostileProxy, scripted


def test_unreachable_function_fails_whatever_the_patience(face_clip: Path, tmp_path: Path) -> None:
    # A function that can be reached would be waited for, so patiently that this test never ended.
    patience = ("--give-up-after", 1e6)
    result = invoke("run", face_clip, "-o", tmp_path / "out", "--function", "http://127.0.0.1:9", *patience)
    assert result.exit_code == 1 and "error: http://127.0.0.1:9: cannot connect" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "reply",
    [
        500,
        503,
        408,
        {"version": 1},
        lambda body: {"version": 1, "model": "m", "device": "d", "faces": [], "frames": []},
    ],
    ids=["500", "503", "408", "garbage", "no frames"],
)
def test_failing_function_fails_the_video_and_writes_nothing(face_clip: Path, tmp_path: Path, reply: Any) -> None:
    done = run_against(scripted(reply), "run", face_clip, "-o", tmp_path / "out", "--give-up-after", "1")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert str(face_clip) in line and "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_worker_that_dies_and_cannot_start_again_fails_the_video_in_one_line(long_clip: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(load_weights("retinaface-mobilenet0.25")[0])
    options = ("--workers", "1", "--env", f"WEIGHTS={weights}", "--detect-every", "1")
    driver = [sys.executable, "-c", guarded(SLOW_DECODER)]
    command = [*driver, "run", str(long_clip), "-o", str(tmp_path / "out"), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("loaded in" in line for line in process.stderr)
        weights.unlink()
        for child in psutil.Process(process.pid).children(recursive=True):
            if any("worker_main" in argument for argument in child.cmdline()):
                child.kill()
        printed = process.stderr.read()
        assert process.wait(60) == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    why = f"faceblur cannot start: cannot read the weights {weights}: No such file or directory"
    assert line == f"error: {long_clip}: the function on this machine: its workers do not start again: {why}"
    assert "HTTP" not in printed and "in halves" not in printed
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_function_that_does_not_blur_fails_the_video(face_clip: Path, tmp_path: Path, detector: Any) -> None:
    """It reports where the faces are, but sends the frames back as they came."""

    def clear(body: dict[str, Any]) -> dict[str, Any]:
        images = [decode_image(wire.decode_base64(frame)) for frame in body["frames"]]
        detected = detector.detect(images, threshold=0.3)
        faces = [[{"box": box, "score": 0.99} for box in one.xyxy.tolist()] for one in detected]
        return {"version": 1, "model": "m", "device": "d", "frames": body["frames"], "faces": faces, "timings_ms": {}}

    done = run_against(scripted(clear), "run", face_clip, "-o", tmp_path / "out")
    assert done.returncode == 1 and "without being redacted" in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_function_that_answers_otherwise_than_asked_fails_the_image(face: Image, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "face.png").write_bytes(encode_image(face, "png", 100))

    def clear(body: dict[str, Any]) -> dict[str, Any]:
        faces = [[{"box": [178, 57, 273, 177], "score": 0.99}]]
        return {"version": 1, "model": "m", "device": "d", "frames": body["frames"], "faces": faces, "timings_ms": {}}

    # Asked for faces only, it answers enough; whoever answers otherwise than asked is not believed.
    done = run_against(
        scripted(clear), "image", tmp_path / "in" / "face.png", "-o", tmp_path / "out", "--give-up-after", "1"
    )
    assert done.returncode == 1 and "unasked frames" in done.stderr and not (tmp_path / "out").exists()


def test_hostile_proxy_costs_no_frame(
    long_clip: Path, local_function: LocalFunction, tmp_path: Path, detector: Any
) -> None:
    proxy = HostileProxy(local_function.url, share=0.3)
    done = run_against(
        proxy, "run", long_clip, "-o", tmp_path, "--batch-size", "2", "--concurrency", "8", "--detect-every", "1"
    )
    assert done.returncode == 0, done.stderr
    output = media.frames(tmp_path / "long.mp4")
    assert [media.number(frame) for frame in output] == list(range(300))
    assert media.times(tmp_path / "long.mp4") == media.times(long_clip)
    assert sum(map(len, detector.detect(output[::5], threshold=0.7))) == 0
    assert sum(proxy.done.values()) > 30
