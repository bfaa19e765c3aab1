"""RetinaFace with a MobileNet-0.25 backbone on ONNX Runtime: the detector for machines without a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceblur_function.detectors.anchors import anchor_grid, decode_offsets, non_maximum_suppression
from faceblur_function.detectors.byte_input import with_byte_input
from faceblur_function.detectors.detector import Faces, Floats, Frame
from faceblur_function.detectors.onnx_network import OnnxNetwork, Planes
from faceblur_function.detectors.scaling import fit
from faceblur_function.weights import load_weights

# Mean BGR pixel that the network was trained with (Pytorch_Retinaface, data/wider_face.py); no division.
MEAN_BGR = (104.0, 117.0, 123.0)


class RetinaFaceOnnx:
    """A Detector. Raises DetectorError when the weights are no usable ONNX model or the device is not the CPU."""

    name = "retinaface-mobilenet0.25"
    # With 0.01 fewer small faces are detected, with 0.005 no more, in twice as many areas (docs/defaults.md).
    suspicion = 0.007

    def __init__(self, *, weights: str | None, device: str, detect_size: int, threads: int) -> None:
        content, self.weights_sha256 = load_weights(self.name, weights)
        is_own = weights is not None
        content = with_byte_input(content, MEAN_BGR)
        self._network = OnnxNetwork(self.name, content, device=device, threads=threads, is_own=is_own)
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
        return _decoded(self._network.run(self._input(scaled)), scaled.shape[1::-1], frame, threshold)

    def _input(self, scaled: Frame) -> Planes:
        """The network's input, (1, 3, H, W): the frame's bytes, or floats for weights of one's own that take those."""
        buffer = self._network.buffer(*scaled.shape[:2])
        if buffer.dtype == np.uint8:
            cv2.split(scaled, list(buffer[0]))  # into the buffer
            return buffer
        for channel, plane, mean in zip(buffer[0], cv2.split(scaled), MEAN_BGR, strict=True):
            np.subtract(plane, np.float32(mean), out=channel)
        return buffer


def _decoded(output: Sequence[Floats], input_wh: tuple[int, int], frame: Frame, threshold: float) -> Faces:
    """The faces of one frame from its offsets (N, 4), confidences (N, 2) and landmark offsets (N, 10)."""
    offsets, confidences, landmark_offsets = output
    scores = confidences[:, 1]
    above = np.flatnonzero(scores >= threshold)  # a row for each of a few: a mask would be read three times
    boxes, landmarks = decode_offsets(offsets[above], landmark_offsets[above], anchor_grid(input_wh)[above])
    size_wh = (frame.shape[1], frame.shape[0])
    scale = np.divide(size_wh, input_wh).astype(np.float32)
    faces = Faces(boxes * np.tile(scale, 2), scores[above], landmarks * scale)
    return non_maximum_suppression(faces, size_wh)
