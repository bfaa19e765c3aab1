"""CenterFace (Xu et al., 2019) on ONNX Runtime: a second, independent detector for machines without a GPU.

It has no anchors: each cell of a heat map says how likely the middle of a face lies in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np

from faceblur_function.detectors.anchors import MAX_SIZE_EXPONENT, non_maximum_suppression
from faceblur_function.detectors.detector import Faces, Floats, Frame
from faceblur_function.detectors.onnx_network import OnnxNetwork, Planes
from faceblur_function.detectors.scaling import fit
from faceblur_function.weights import load_weights

STRIDE = 4  # pixels of a cell of the heat map
MULTIPLE = 32  # of which an input's sides have to be
# The published file is for inputs of 10x3x32x32: in the protobuf, each dimension is a field of 4 bytes. The same number
# of bytes says that a dimension may be any (an empty name instead of a number).
ANY = b"\n\x02\x12\x00"
FIXED_SHAPE = re.compile(rb"\n\x02\x08\n(\n\x02\x08.)(?:(?:\n\x02\x08 ){2}|(?:\n\x02\x08\x08){2})", re.DOTALL)


class CenterFace:
    """A Detector. Raises DetectorError when the weights are no usable ONNX model or the device is not the CPU."""

    name = "centerface"
    suspicion = None

    def __init__(self, *, weights: str | None, device: str, detect_size: int, threads: int) -> None:
        content, self.weights_sha256 = load_weights(self.name, weights)
        is_own = weights is not None
        self._network = OnnxNetwork(self.name, of_any_size(content), device=device, threads=threads, is_own=is_own)
        self.device, self.provider = device, self._network.provider
        self.detect_size = detect_size

    def status(self) -> dict[str, str | int | float]:
        """What `GET /` reports: the precision."""
        return {"precision": self._network.precision}

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect faces in frames `(H, W, 3) uint8 BGR`."""
        return self._network.each(lambda frame: self._detect_one(frame, threshold), frames)

    def _detect_one(self, frame: Frame, threshold: float) -> Faces:
        scaled = fit(frame, self.detect_size)
        faces = _decoded(self._network.run(self._input(scaled)), threshold)
        size_wh = (frame.shape[1], frame.shape[0])
        scale = np.divide(size_wh, scaled.shape[1::-1]).astype(np.float32)
        faces = Faces(faces.xyxy * np.tile(scale, 2), faces.scores, faces.landmarks * scale)
        return non_maximum_suppression(faces, size_wh)

    def _input(self, scaled: Frame) -> Planes:
        """The network's input, RGB (1, 3, H, W): black to the right of the frame and below it."""
        height, width = scaled.shape[:2]
        buffer = self._network.buffer(*(-(-side // MULTIPLE) * MULTIPLE for side in (height, width)))
        buffer[:, :, height:], buffer[:, :, :, width:] = 0, 0
        for channel, plane in zip(buffer[0], cv2.split(scaled)[::-1], strict=True):
            channel[:height, :width] = plane
        return buffer


def of_any_size(content: bytes) -> bytes:
    """The ONNX model without the fixed size of its inputs and outputs; itself where they have none."""
    return FIXED_SHAPE.sub(lambda shape: ANY + shape[1] + 2 * ANY, content)


def _decoded(output: Sequence[Floats], threshold: float) -> Faces:
    """The faces of a frame, in the input's pixels, from what the network says of each cell.

    These are the heat map (1, h, w), sizes (2, h, w) as logarithms, offsets within the cell (2, h, w) and landmarks
    (10, h, w) as shares of the box. Each has y before x.
    """
    heat, sizes, offsets, landmarks = output
    rows, columns = np.nonzero(heat[0] >= threshold)
    size_yx = np.exp(np.minimum(sizes[:, rows, columns].T, MAX_SIZE_EXPONENT)) * STRIDE
    middle_yx = (np.stack([rows, columns], axis=1) + offsets[:, rows, columns].T + 0.5) * STRIDE
    box = np.concatenate([middle_yx - size_yx / 2, middle_yx + size_yx / 2], axis=1)[:, [1, 0, 3, 2]]
    shares = landmarks[:, rows, columns].T.reshape(-1, 5, 2)
    points = box[:, None, :2] + (shares * size_yx[:, None])[:, :, ::-1]
    scores = np.clip(heat[0, rows, columns], 0, 1)
    return Faces(box.astype(np.float32), scores.astype(np.float32), points.astype(np.float32))
