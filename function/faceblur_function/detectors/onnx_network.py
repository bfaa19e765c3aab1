"""A network of ONNX on the CPU: in bfloat16 where that is the faster precision, one thread for each frame."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from faceblur_function.cpu import cores
from faceblur_function.defaults import ran_out_of_memory
from faceblur_function.detectors.detector import DetectorError, Faces, Floats, Frame

# The backend of `onnxruntime-openvino`: of ONNX Runtime's own time in float32, the MobileNet takes 0.8 and CenterFace
# half (benchmarks/speed.md).
OPENVINO = "OpenVINOExecutionProvider"
HINTS = {"bfloat16": "bf16", "float32": "f32"}
Planes = NDArray[np.uint8] | Floats
ERRORS_ONLY = 3  # of ONNX Runtime's levels of logging


class OnnxNetwork:
    """The network of a detector that is called `name`. Raises DetectorError when `content` is no usable ONNX model.

    `is_own` says that the weights are a file of the user's. One thread runs the network on one frame, and `threads`
    frames run concurrently: that keeps the cores busier than several threads on one frame.
    """

    def __init__(self, name: str, content: bytes, *, device: str, threads: int, is_own: bool) -> None:
        if device != "cpu":
            raise DetectorError(f"{name} runs on the CPU only: set DEVICE=cpu, not {device!r}")
        threads = threads or cores()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        has_openvino = OPENVINO in onnxruntime.get_available_providers()
        self.precision = faster_precision() if has_openvino else "float32"
        providers = [*([_openvino(self.precision, threads)] if has_openvino else []), "CPUExecutionProvider"]
        self._open_session = partial(onnxruntime.InferenceSession, content, options, providers=providers)
        self._session: Any = None
        self._opening, self._name, self._is_own = threading.Lock(), name, is_own
        session = self._usable_session()
        self.provider = f"onnxruntime {onnxruntime.__version__} {session.get_providers()[0]}"
        its_input = session.get_inputs()[0]
        self._input_name = its_input.name
        self._dtype = np.uint8 if its_input.type == "tensor(uint8)" else np.float32
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="detect")
        self._buffers = threading.local()

    def each(self, detect: Callable[[Frame], Faces], frames: Sequence[Frame]) -> list[Faces]:
        """Detect in several frames at a time, each on a thread of its own."""
        return list(self._pool.map(detect, frames))

    def run(self, planes: Planes) -> list[Floats]:
        """The network's outputs for one frame's planes `(1, 3, H, W)`, without the first dimension.

        Raises DetectorError, and what the runtime raises, such as for too little memory.
        """
        session = self._usable_session()
        try:
            outputs: list[Any] = session.run(None, {self._input_name: planes})
        except BaseException:
            # Where an allocation failed, OpenVINO gives a later frame what it computed for an earlier one.
            with self._opening:
                if self._session is session:
                    self._session = None
            raise
        return [output[0] for output in outputs]

    def _usable_session(self) -> Any:
        """The session; a new one after a run of the last one failed. Raises DetectorError."""
        with self._opening:
            if self._session is None:
                self._session = self._opened()
            return self._session

    def _opened(self) -> Any:
        try:
            return self._open_session()
        except Exception as error:  # the runtime's exceptions share no public base
            if ran_out_of_memory(error) or not self._is_own:  # the weights of this name are verified
                raise DetectorError(f"{self._name} cannot be loaded, perhaps out of memory") from error
            reason = str(error).splitlines()[0]
            raise DetectorError(f"the weights of {self._name} are no usable ONNX model: {reason}") from error

    def buffer(self, height: int, width: int) -> Planes:
        """An array `(1, 3, height, width)` of the input's type, of the thread's own, with anything in it.

        Allocating new memory for each frame, or for each size, would take longer than filling it.
        """
        size = 3 * height * width
        array: Planes | None = getattr(self._buffers, "array", None)
        if array is None or array.size < size:
            array = self._buffers.array = np.empty(size, self._dtype)
        return array[:size].reshape(1, 3, height, width)


def _openvino(precision: str, threads: int) -> tuple[str, dict[str, Any]]:
    """OpenVINO's backend, with as many frames in flight as threads."""
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": str(threads),
        "ENABLE_CPU_PINNING": "NO",  # several workers share the cores
    }
    return OPENVINO, {"device_type": "CPU", "num_streams": str(threads), "load_config": json.dumps({"CPU": settings})}


def faster_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """In which precision OpenVINO is faster on this CPU; float32 where the system does not describe it.

    AVX512-BF16 without AMX is not enough on Intel's CPUs: there bfloat16 takes 1.4 times as long as float32
    (benchmarks/speed.md).
    """
    if not cpuinfo.is_file():
        return "float32"
    of_a_core = dict(line.partition(":")[::2] for line in cpuinfo.read_text().partition("\n\n")[0].splitlines())
    about = {name.strip(): value.split() for name, value in of_a_core.items()}
    flags = about.get("flags", [])
    is_fast = "amx_bf16" in flags or ("avx512_bf16" in flags and about.get("vendor_id") != ["GenuineIntel"])
    return "bfloat16" if is_fast else "float32"
