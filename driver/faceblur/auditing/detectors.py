"""Which detectors the second pass uses: every given function, or all that this machine has."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace

from faceblur.detection.endpoint import Endpoint

# What else can detect on this machine, besides function.yaml's default for it.
SECOND_MODEL = "retinaface-resnet50"


def detector_endpoints(endpoint: Endpoint) -> list[Endpoint]:
    """An endpoint for each detector. Starts a process to see which models are available."""
    if endpoint.urls:
        return [replace(endpoint, urls=(url,)) for url in dict.fromkeys(endpoint.urls)]
    if "MODEL" in endpoint.env or not _has_second_model():
        return [endpoint]
    return [endpoint, replace(endpoint, env=endpoint.env | {"MODEL": SECOND_MODEL})]


def _has_second_model() -> bool:
    """Whether the ResNet can run here without a download: its packages are installed, its weights in the cache."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "retinaface")):
        return False
    # A process of its own: the function's modules are not the driver's.
    command = [sys.executable, "-m", "faceblur_function.weights", "--cached", SECOND_MODEL]
    return subprocess.run(command, capture_output=True).returncode == 0
