"""A detector by its name. A process imports only the runtime of the model that it uses."""

from __future__ import annotations

from faceblur_function import defaults
from faceblur_function.detectors.detector import Detector, DetectorError


def load_detector(
    name: str,
    *,
    weights: str | None = None,
    device: str = "cpu",
    detect_size: int = defaults.DETECT_SIZE,
    threads: int = 0,
) -> Detector:
    """Load a detector by name; `weights` is a file to use instead of the named download.

    `detect_size` is the long side in pixels above which frames are scaled down for detection; `threads` is the number
    of CPU threads, 0 for every core that this process may use. Raises DetectorError.
    """
    if name == "retinaface-mobilenet0.25":
        from faceblur_function.detectors.retinaface_onnx import RetinaFaceOnnx

        return RetinaFaceOnnx(weights=weights, device=device, detect_size=detect_size, threads=threads)
    if name == "retinaface-resnet50":
        try:
            from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
        except ImportError as error:
            raise DetectorError(
                f"{name} needs torch, torchvision and retinaface-pytorch ({error}): "
                "pip install 'torch>=2.4' 'torchvision>=0.19' && pip install --no-deps retinaface-pytorch"
            ) from error
        return RetinaFaceTorch(weights=weights, device=device, detect_size=detect_size, threads=threads)
    raise DetectorError(f"unknown model {name!r}: choose retinaface-mobilenet0.25 or retinaface-resnet50")
