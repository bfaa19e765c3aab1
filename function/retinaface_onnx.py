"""RetinaFace with a MobileNet-0.25 backbone on ONNX Runtime: the detector for machines without a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import onnxruntime

from function.detect import (
    DetectorError,
    Faces,
    Floats,
    Frame,
    anchors,
    decode,
    fit,
    group_by_size,
    non_maximum_suppression,
)
from function.weights import load_weights

# Mean BGR pixel that the network was trained with (Pytorch_Retinaface, data/wider_face.py); no division.
MEAN_BGR = (104.0, 117.0, 123.0)
# Frames are stacked into one run up to this many megapixels: larger runs need more memory and are no faster on a CPU.
RUN_MEGAPIXELS = 2.0


class RetinaFaceOnnx:
    """A Detector. Raises DetectorError when the weights are no usable ONNX model or the device is not the CPU."""

    name = "retinaface-mobilenet0.25"

    def __init__(self, *, weights: str | None, device: str, detect_size: int, threads: int) -> None:
        if device != "cpu":
            raise DetectorError(f"{self.name} runs on the CPU only: set DEVICE=cpu, not {device!r}")
        content, self.weights_sha256 = load_weights(self.name, weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # A thread that spins while it waits takes the cores that decode and encode need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's exceptions share no public base
            reason = str(error).splitlines()[0]
            raise DetectorError(f"the weights of {self.name} are no usable ONNX model: {reason}") from error
        self.device = device
        self.provider = f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}"
        self._detect_size = detect_size

    def status(self) -> dict[str, str | int | float]:
        return {"precision": "float32", "batch_megapixels": RUN_MEGAPIXELS}

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Find faces in frames `(H, W, 3) uint8 BGR`; frames of one size run together."""
        inputs = [fit(frame, self._detect_size) for frame in frames]
        found: dict[int, Faces] = {}
        for (width, height), indices in group_by_size(inputs).items():
            step = max(1, int(RUN_MEGAPIXELS * 1e6 / (width * height)))
            for start in range(0, len(indices), step):
                group = indices[start : start + step]
                blob = cv2.dnn.blobFromImages([inputs[index] for index in group], mean=MEAN_BGR)
                outputs = self._session.run(None, {"input": blob})
                for row, index in enumerate(group):
                    output = [array[row] for array in outputs]
                    found[index] = _faces(output, (width, height), frames[index], threshold)
        return [found[index] for index in range(len(frames))]


def _faces(output: Sequence[Floats], input_wh: tuple[int, int], frame: Frame, threshold: float) -> Faces:
    """The faces of one frame from its offsets (N, 4), confidences (N, 2) and landmark offsets (N, 10)."""
    offsets, confidences, landmark_offsets = output
    scores = confidences[:, 1]
    likely = scores >= threshold
    boxes, landmarks = decode(offsets[likely], landmark_offsets[likely], anchors(input_wh)[likely])
    size_wh = (frame.shape[1], frame.shape[0])
    scale = np.divide(size_wh, input_wh).astype(np.float32)
    found = Faces(boxes * np.tile(scale, 2), scores[likely], landmarks * scale)
    return non_maximum_suppression(found, size_wh)
