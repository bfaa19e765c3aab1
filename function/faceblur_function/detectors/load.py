"""A detector by its name. A process imports only the runtime of the model that it uses."""

from __future__ import annotations

from functools import partial

from faceblur_function import defaults
from faceblur_function.detectors.detector import Detector, DetectorError
from faceblur_function.detectors.loaded_when_asked import LoadedWhenAsked
from faceblur_function.detectors.small_frames import ENLARGED
from faceblur_function.detectors.union import DetectorUnion

# `both` searches with the two models for the CPU.
MODELS = ("retinaface-mobilenet0.25", "centerface", "both", "retinaface-resnet50")


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
    if name == "centerface":
        from faceblur_function.detectors.centerface import CenterFace

        return CenterFace(weights=weights, device=device, detect_size=detect_size, threads=threads)
    if name == "both":
        if weights is not None:
            raise DetectorError("WEIGHTS is one file, and MODEL=both takes two: choose one model, or leave WEIGHTS out")
        models = ("retinaface-mobilenet0.25", "centerface")
        detectors = [load_detector(model, device=device, detect_size=detect_size, threads=threads) for model in models]
        return DetectorUnion("+".join(models), detectors)
    if name == "retinaface-resnet50":
        try:
            from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
        except ImportError as error:
            raise DetectorError(
                f"{name} needs torch, torchvision and retinaface-pytorch ({error}): "
                "pip install 'torch>=2.4' 'torchvision>=0.19' && pip install --no-deps retinaface-pytorch"
            ) from error
        return RetinaFaceTorch(weights=weights, device=device, detect_size=detect_size, threads=threads)
    raise DetectorError(f"unknown model {name!r}: choose {', '.join(MODELS)}")


def load_verifier(
    detector: Detector, *, weights: str | None, threads: int, detect_size: int = defaults.DETECT_SIZE
) -> Detector | None:
    """The second detector, CenterFace beside the MobileNet: it verifies doubtful faces, and searches small frames too.

    None for other detectors and for `weights` of one's own: how certain their scores are was not measured. The
    MobileNet cannot verify what CenterFace detects: of tilted faces it would reject most. Its network is loaded when
    it is first needed: many videos show nothing doubtful. That of `both` serves, unless its `detect_size` is so small
    that it would scale enlarged small frames down again. Raises DetectorError.
    """
    if isinstance(detector, DetectorUnion):
        if detect_size >= ENLARGED * defaults.SMALL_FRAME:
            return next(one for one in detector.detectors if one.name == "centerface")
    elif detector.name != "retinaface-mobilenet0.25" or weights is not None:
        return None
    load = partial(load_detector, "centerface", device=detector.device, threads=threads)
    return LoadedWhenAsked("centerface", load, device=detector.device)
