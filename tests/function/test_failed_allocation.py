"""A network whose memory ran out: what is detected afterwards is right, or an error."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from examples.sample_clip import astronaut
from faceblur_function.detectors.detector import DetectorError
from faceblur_function.detectors.retinaface_onnx import RetinaFaceOnnx

# Detects in a large frame with so many MiB more than it has, then again in small ones without that limit. Where a
# session is used on, the small frames get the large one's outputs: other faces, none, or an error.
SHORT_OF_MEMORY = """
import json, resource
import numpy as np
from pathlib import Path
from examples.sample_clip import astronaut
from faceblur_function.detectors.load import load_detector

detector = load_detector("retinaface-mobilenet0.25", threads=2)
small = astronaut()
(expected,) = detector.detect([small], threshold=0.3)
large = np.random.default_rng(0).integers(0, 255, (2600, 2600, 3), np.uint8)
outcomes = []
for number in range(6):
    kib = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))
    limit = int(kib.split()[1]) * 1024 + (20 + number % 3 * 10) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        detector.detect([large], threshold=0.3)
        outcome = "enough"
    except Exception as error:
        outcome = "failed"
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found = [detector.detect([small], threshold=0.3)[0] for _ in range(3)]
    right = all(len(one) == 1 and np.allclose(one.xyxy, expected.xyxy) for one in found)
    outcomes.append((outcome, right))
print(json.dumps(outcomes))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of memory")
def test_after_a_failed_allocation_what_is_detected_is_right() -> None:
    done = subprocess.run([sys.executable, "-c", SHORT_OF_MEMORY], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    assert "failed" in {outcome for outcome, _ in outcomes} and all(right for _, right in outcomes), outcomes


class Failing:
    """A session of which no run works."""

    def run(self, *_: Any) -> Any:
        raise RuntimeError("Couldn't start Inference: Broken promise")


def test_a_session_whose_run_failed_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RetinaFaceOnnx(weights=None, device="cpu", detect_size=640, threads=1)
    network: Any = detector._network
    (expected,) = detector.detect([astronaut()], threshold=0.3)
    network._session = Failing()
    with pytest.raises(RuntimeError, match="Broken promise"):
        detector.detect([astronaut()], threshold=0.3)
    (found,) = detector.detect([astronaut()], threshold=0.3)
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)


def test_a_session_that_cannot_be_opened_again_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RetinaFaceOnnx(weights=None, device="cpu", detect_size=640, threads=1)
    network: Any = detector._network
    network._session = Failing()
    with pytest.raises(RuntimeError, match="Broken promise"):
        detector.detect([astronaut()], threshold=0.3)
    with monkeypatch.context() as patch:

        def refuse() -> Any:
            raise MemoryError

        patch.setattr(network, "_open_session", refuse)
        for _ in range(2):
            with pytest.raises(DetectorError, match="out of memory"):  # which the handler answers with 507
                detector.detect([astronaut()], threshold=0.3)
    assert len(detector.detect([astronaut()], threshold=0.3)[0]) == 1
