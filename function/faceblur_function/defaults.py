"""The defaults and limits of a request, for the function and the driver alike. Importing it loads no other package."""

from __future__ import annotations

import re
from typing import Literal

Style = Literal["blur", "pixelate", "solid"]
Format = Literal["jpeg", "png"]  # of returned images

# The environment variables that the function reads: settings.py and weights.py.
SETTINGS = (
    *("MODEL", "DEVICE", "WEIGHTS", "DETECT_SIZE", "THRESHOLD", "THREADS", "WORKERS", "MAX_MEGAPIXELS", "MAX_BYTES"),
    *("FACEBLUR_CACHE", "FACEBLUR_WEIGHTS_URL"),
)
MODEL = "retinaface-mobilenet0.25"
SMALL_FRAME = 480  # pixels of the long side, up to which a frame is small: the second detector searches it, too
DETECT_SIZE = 1920  # pixels of the long side, above which a frame is scaled down for detection
MAX_FRAMES = 64  # in one request
# In one frame. The densest photograph of WIDER FACE has 1,968; of a 1920x1080 frame tiled with faces of 20 px the
# detector lists 2,197 that score 0.05 or more.
MAX_FACES = 4096
MAX_BYTES = 64 << 20  # of a request's images, after base64 is decoded
MAX_MEGAPIXELS = 64.0  # of one image
THRESHOLD = 0.3  # the score from which a face is redacted
STYLE: Style = "blur"
PADDING = 0.25  # by how much a box grows on each side, as a share of its size
JPEG_QUALITY = 95
# A crop to verify has so many sides of the box in question, which is its middle.
CROP_SIDES = 3

# How Python, the system, NumPy, OpenCV, FFmpeg, ONNX Runtime and PyTorch say it. Some of it comes as a RuntimeError.
OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|MemoryError|bad_alloc|insufficient memory|(cannot|can't|unable to|failed to) alloc"
    r"|failed to map segment|can't start new thread|malloc of size \d+ failed"
    # OpenVINO, where an allocation failed in one of its threads: the frames of a request are checked before.
    r"|couldn't start inference",
    re.IGNORECASE,
)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there was not enough memory."""
    if isinstance(error, SystemError) and error.__cause__ is not None:  # OpenCV hides NumPy's MemoryError in one
        error = error.__cause__
    return isinstance(error, MemoryError) or bool(OUT_OF_MEMORY.search(f"{type(error).__name__}: {error}"))
