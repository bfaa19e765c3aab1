"""What the tests of regions by hand share: calls, and whether a box was covered."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import faceblur
from examples.sample_clip import Image
from faceblur.cli import fleet  # noqa: F401  # it adds its commands
from faceblur.redaction.sidecar_format import SidecarFace
from tests.cli.calls import invoke
from tests.conftest import detail_left

COVERED = (8, 100, 72, 180)  # shoulder and background: no face is here


def run(*arguments: object, code: int = 0) -> str:
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def text(box: tuple[int, ...], times: str = "") -> str:
    return ",".join(map(str, box)) + times


def crop(image: Image, box: tuple[int, ...]) -> Image:
    x1, y1, x2, y2 = box
    return image[y1:y2, x1:x2]


def is_covered(source: Image, output: Image, box: tuple[int, ...]) -> bool:
    """Whether all of a box is masked; False where it is the source's, to the pixel. Anything else is a failure."""
    if np.array_equal(crop(source, box), crop(output, box)):
        return False
    # In each quarter, also in its corners, hardly any detail is left.
    x1, y1, x2, y2 = box
    x, y = (x1 + x2) // 2, (y1 + y2) // 2
    for part in [(x1, y1, x, y), (x, y1, x2, y), (x1, y, x, y2), (x, y, x2, y2)]:
        assert detail_left(crop(source, part), crop(output, part)) < 0.5, part
    return True


def faces(output: Path) -> list[list[SidecarFace]]:
    return [line.faces for line in faceblur.read_sidecar(faceblur.sidecar_path(output)).frames]


def textured(face: Image) -> Image:
    """The photograph with a fine pattern in it, by which every pixel that was masked can be told."""
    noise = np.random.default_rng(1).integers(-60, 60, face.shape[:2])
    return np.clip(face.astype(int) + noise[..., None], 0, 255).astype(np.uint8)
