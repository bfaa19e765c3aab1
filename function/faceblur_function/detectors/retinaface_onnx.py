"""RetinaFace with a MobileNet-0.25 backbone on ONNX Runtime: the detector for machines without a GPU."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from faceblur_function.cpu import cores
from faceblur_function.defaults import ran_out_of_memory
from faceblur_function.detectors.anchors import anchor_grid, decode_offsets, non_maximum_suppression
from faceblur_function.detectors.detector import DetectorError, Faces, Floats, Frame
from faceblur_function.detectors.scaling import fit
from faceblur_function.weights import load_weights

# Mean BGR pixel that the network was trained with (Pytorch_Retinaface, data/wider_face.py); no division.
MEAN_BGR = (104.0, 117.0, 123.0)
# The backend of `onnxruntime-openvino`, which computes in bfloat16 where the CPU has instructions for it: half the time
# of float32. Of 1,414 faces on photographs it detects 1,412, and 9 more (benchmarks/README.md).
OPENVINO = "OpenVINOExecutionProvider"
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


class RetinaFaceOnnx:
    """A Detector. Raises DetectorError when the weights are no usable ONNX model or the device is not the CPU.

    One thread runs the network on one frame, and `threads` frames run concurrently: that keeps the cores busier than
    several threads on one frame.
    """

    name = "retinaface-mobilenet0.25"

    def __init__(self, *, weights: str | None, device: str, detect_size: int, threads: int) -> None:
        if device != "cpu":
            raise DetectorError(f"{self.name} runs on the CPU only: set DEVICE=cpu, not {device!r}")
        content, self.weights_sha256 = load_weights(self.name, weights)
        threads = threads or cores()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        fast = OPENVINO in onnxruntime.get_available_providers() and BFLOAT16_FLAGS & _cpu_flags()
        self._precision = "bfloat16" if fast else "float32"
        providers = [_openvino(threads)] if fast else []
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=[*providers, "CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's exceptions share no public base
            if ran_out_of_memory(error) or weights is None:  # the weights of this name are verified
                raise DetectorError(f"{self.name} cannot be loaded, perhaps out of memory") from error
            reason = str(error).splitlines()[0]
            raise DetectorError(f"the weights of {self.name} are no usable ONNX model: {reason}") from error
        self.device = device
        self.provider = f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}"
        self._detect_size = detect_size
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="detect")
        self._buffers = threading.local()

    def status(self) -> dict[str, str | int | float]:
        """What `GET /` reports: the precision."""
        return {"precision": self._precision}

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect faces in frames `(H, W, 3) uint8 BGR`."""
        return list(self._pool.map(lambda frame: self._detect_one(frame, threshold), frames))

    def _detect_one(self, frame: Frame, threshold: float) -> Faces:
        scaled = fit(frame, self._detect_size)
        outputs = self._session.run(None, {"input": self._input(scaled)})
        return _decoded([array[0] for array in outputs], scaled.shape[1::-1], frame, threshold)

    def _input(self, scaled: Frame) -> Floats:
        """The network's input, (1, 3, H, W); the thread's own array, which its next frame of this size overwrites."""
        # Allocating new memory for each frame would take longer than filling it.
        buffer: Floats | None = getattr(self._buffers, "array", None)
        if buffer is None or buffer.shape[2:] != scaled.shape[:2]:
            buffer = self._buffers.array = np.empty((1, 3, *scaled.shape[:2]), np.float32)
        for channel, plane, mean in zip(buffer[0], cv2.split(scaled), MEAN_BGR, strict=True):
            np.subtract(plane, np.float32(mean), out=channel)
        return buffer


def _openvino(threads: int) -> tuple[str, dict[str, Any]]:
    """The backend that computes in bfloat16, with as many frames in flight as threads."""
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": str(threads),
        "ENABLE_CPU_PINNING": "NO",  # several workers share the cores
    }
    return OPENVINO, {"device_type": "CPU", "num_streams": str(threads), "load_config": json.dumps({"CPU": settings})}


def _cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The names of this CPU's instruction sets; none where the system does not list them."""
    if not cpuinfo.is_file():
        return frozenset()
    lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").split())


def _decoded(output: Sequence[Floats], input_wh: tuple[int, int], frame: Frame, threshold: float) -> Faces:
    """The faces of one frame from its offsets (N, 4), confidences (N, 2) and landmark offsets (N, 10)."""
    offsets, confidences, landmark_offsets = output
    scores = confidences[:, 1]
    above = scores >= threshold
    boxes, landmarks = decode_offsets(offsets[above], landmark_offsets[above], anchor_grid(input_wh)[above])
    size_wh = (frame.shape[1], frame.shape[0])
    scale = np.divide(size_wh, input_wh).astype(np.float32)
    faces = Faces(boxes * np.tile(scale, 2), scores[above], landmarks * scale)
    return non_maximum_suppression(faces, size_wh)
